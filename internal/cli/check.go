package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"importer/importer/change"
	"importer/importer/contact"
	"importer/importer/pace"
	"importer/internal/config"
	"importer/internal/customfields"
	"importer/internal/exit"
	"importer/internal/help"
	"importer/internal/session"
	"importer/internal/words"
	"importer/sink"
	"importer/source"
)

func newCheckCommand(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check --source FILE [flags]",
		Short: "Read, map and validate every row, and say what an import would do; nothing is written",
		Long: `Read, map and validate every row, compare it with the report and, in the modes
update, upsert and mirror, with the state, and say what an import would do, how
many requests it would need and how long they would take. It is the same as
--dry-run.

Nothing is written. Where the settings name an API, a project and a key, two
requests ask whether the API can be reached, takes the key, and has the project
and the fields of the mapping; without them only the file is checked. --verbose
in these modes also reads the profiles of the rows that have changed, and prints
the old value and the new one of each field that differs; with report.redact it
prints the names of the fields only. Where the project is not empty, an import
asks who is in it; what that costs is not known here.

The exit code is 3 where more rows would be refused than --tolerate allows.`,
		Example: `  importer check --source contacts.csv
  importer check --source contacts.csv --mode mirror --verbose`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withSession(cmd, args, env, check)
		},
	}
	help.AddFlags(cmd)
	return cmd
}

// A checker is one check, from the settings to what is printed.
type checker struct {
	*session.Session
	ofRows []source.Notice // what reading the rows gave notice of
	out    strings.Builder // lines of --verbose, until they are worth a write
}

// check is the command.
func check(ctx context.Context, s *session.Session) error {
	if s.Config.Verbose && s.Config.JSON {
		return config.Errorf("--verbose prints a line for each row, and --json exactly one object: leave one of them out")
	}
	if err := s.OpenCheck(ctx); err != nil {
		return err
	}
	k := &checker{Session: s}
	if err := k.ReadLast(k.Journal.Keys()); err != nil {
		return err
	}
	for _, n := range k.Input.Notices() {
		fmt.Fprintln(k.Display, "importer:", n)
	}
	stop := k.Display.Start(k.View())
	told := len(k.Input.Notices())
	plan, planErr := change.MakePlan(ctx, k.Input.AllRows(), k.planOptions(ctx))
	stop()
	notices := k.Input.Notices() // fewer where a second reading failed at its beginning
	k.ofRows = notices[min(told, len(notices)):]
	if err := exit.Worse(planErr, k.flush()); err != nil {
		return err
	}
	k.BlameConfig(plan.Read, plan.Invalid)
	err := errors.Join(k.printPlan(plan), k.lookAtAPI(ctx))
	return exit.Result(ctx, contact.Complete, k.succeeds(plan), err)
}

func (k *checker) planOptions(ctx context.Context) change.PlanOptions {
	o := change.PlanOptions{
		Keys: k.Journal.Keys(), Journal: k.Journal, RetryRejected: k.Config.RetryRejected, Duplicates: k.Rules.Duplicates,
		RefreshAfter: k.Config.Sync.RefreshAfter, Progress: &k.Progress,
	}
	o.Raws, o.Limit = k.RawRows(), k.Config.Limit
	if k.State != nil {
		o.State, o.Mirror = k.State, k.Mirror()
		o.UpdateOnly, o.Behaviour, o.KeepPrevious = k.Config.Mode == "update", k.Behaviour(), k.Config.Report.KeepPrevious
	}
	if k.Config.Verbose {
		o.Each = func(r change.PlannedRow) error { return k.printRow(ctx, r) }
	}
	return o
}

// printRow writes the line of --verbose for a row that is not to be left as it is.
func (k *checker) printRow(ctx context.Context, r change.PlannedRow) error {
	what := string(r.Action)
	switch {
	case r.Action == change.ActNothing && r.Failure == nil:
		return nil
	case r.Failure != nil && k.Config.Report.Redact:
		what = r.Status.String()
	case r.Failure != nil:
		what = r.Status.String() + ": " + contact.Printable(r.Failure.Detail)
	case r.Action == change.ActLookUp && r.Status == contact.Absent:
		what = "looked up, and updated if it is there"
	case r.Action == change.ActUpdate && k.Client != nil:
		var err error
		if what, err = k.update(ctx, r); err != nil {
			return err
		}
	}
	where := "not in the source"
	if r.Row.Source != "" {
		where = contact.Place{Source: r.Row.Source, Line: r.Row.Line}.String()
	}
	who := r.Row.Key.String()
	if ids := r.Row.Profile.ContactIDs; len(ids) > 0 && !k.Config.Report.Redact {
		who = contact.Printable(words.QuoteNames(ids, len(ids)))
	}
	fmt.Fprintf(&k.out, "%s: %s: %s\n", contact.Printable(where), who, what)
	if k.out.Len() < 4096 && r.Action != change.ActUpdate { // for that its profile was read, which takes a while
		return nil
	}
	return k.flush()
}

func (k *checker) flush() error {
	_, err := io.WriteString(k.Env.Stdout, k.out.String())
	k.out.Reset()
	return err
}

// update says what of a profile would change, old → new.
func (k *checker) update(ctx context.Context, r change.PlannedRow) (string, error) {
	f, there, err := k.Get(ctx, r.Entry.ID)
	switch {
	case err != nil:
		return "", err
	case !there && k.Config.Mode == "update":
		return "absent, because its profile is gone, unless a look-up finds another one", nil
	case !there:
		return "created, because its profile is gone, unless a look-up finds another one", nil
	}
	var changes []string
	for _, d := range change.Differences(f, r.Entry, &r.Row) {
		if k.Config.Report.Redact {
			changes = append(changes, contact.Printable(d.Field))
			continue
		}
		changes = append(changes, fmt.Sprintf("%s: %s → %s", contact.Printable(d.Field), contact.Printable(cmp.Or(d.Found, "nothing")), contact.Printable(d.Expected)))
	}
	if len(changes) == 0 {
		return "unchanged, because its profile is as the row says", nil
	}
	return "updated: " + strings.Join(changes, ", "), nil
}

func (k *checker) printPlan(p *change.Plan) error {
	least := pace.Forecast(k.Rules.Rate, p.Requests, k.Journal.Sent())
	took := time.Since(k.Began)
	blocked := ""
	if p.Blocked != nil {
		blocked = "nothing would be removed: " + p.Blocked.Reason() + "; look at the source; " + p.Blocked.WayOut()
	}
	if k.Config.JSON {
		for _, n := range k.ofRows {
			fmt.Fprintln(k.Display, "importer:", n)
		}
	}
	return printResult(k.Session, k.succeeds(p) && p.Invalid+p.Rejected+p.DuplicatesDiffer+p.ChangedSince == 0, struct {
		*change.Plan
		Tolerated int64                 `json:"tolerated"`
		LeftOut   int64                 `json:"left_out"`
		AtLeast   contact.Seconds       `json:"at_least_s"`
		Blocked   string                `json:"blocked"`
		Fields    []string              `json:"custom_fields"`
		Duration  contact.Seconds       `json:"duration_s"`
		Failures  []contact.FailureLine `json:"failures"`
	}{p, k.tolerated(p), k.Input.Skipped(), contact.Seconds(least), blocked, customfields.Texts(k.CustomFields()), contact.Seconds(took), contact.FailureLines(p.Invalids.List(), !k.Config.Report.Redact)}, k.text(p, least, took, blocked))
}

// succeeds tells whether the run would, as far as can be told.
func (k *checker) succeeds(p *change.Plan) bool {
	return p.Invalid+p.Rejected == k.tolerated(p) && p.Blocked == nil
}

// tolerated is how many rows may be refused, where that is no more than is allowed.
func (k *checker) tolerated(p *change.Plan) int64 {
	if refused := p.Invalid + p.Rejected; k.Rules.Tolerate.Allows(refused, p.Read) {
		return refused
	}
	return 0
}

func (k *checker) text(p *change.Plan, least, took time.Duration, blocked string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Checked after %v. Nothing was written.\n\n", took.Round(time.Millisecond))
	if p.Limited {
		fmt.Fprintf(&b, "Only as far as the first %s that a run with --limit (limit) would send; the rest was not read.\n\n", words.Plural(k.Config.Limit, "row", "rows"))
	}
	sink.WriteCounts(&b, []contact.Count{
		{Name: "created", N: p.Created}, {Name: "updated", N: p.Updated}, {Name: "  touched", N: p.Touched}, {Name: "unchanged", N: p.Unchanged},
		{Name: "looked up", N: p.LookedUp}, {Name: "duplicate", N: p.Duplicate}, {Name: "done before", N: p.DoneBefore},
		{Name: "invalid", N: p.Invalid}, {Name: "rejected", N: p.Rejected}, {Name: "deactivated", N: p.Deactivated}, {Name: "deleted", N: p.Deleted},
	})
	fmt.Fprintf(&b, sink.CountLine+"\n", "rows read", p.Read)
	sink.WriteCounts(&b, []contact.Count{{Name: "left out", N: k.Input.Skipped()}})
	fmt.Fprintf(&b, sink.CountLine+"  (at least; %v at %s)\n", "requests", p.Requests, least.Round(time.Second), k.Rules.Rate)
	if p.LargestBody > 0 {
		fmt.Fprintf(&b, "  %-12s %10s  (of %s)\n", "largest body", words.Comma(p.LargestBody), words.Comma(contact.MaxBodyBytes))
	}
	name := "custom field" // of the first
	for _, field := range customfields.Texts(k.CustomFields()) {
		fmt.Fprintf(&b, "  %-12s %s\n", name, field)
		name = ""
	}
	if groups := p.Invalids.List(); len(groups) > 0 {
		b.WriteString("\nWhat would be refused:\n")
		contact.WriteFailures(&b, groups, 10, !k.Config.Report.Redact)
	}
	if n := k.tolerated(p); n > 0 {
		fmt.Fprintf(&b, "\n--tolerate (tolerate) allows %s: the exit code is 0.\n", words.Plural(n, "refused row", "refused rows"))
	}
	sink.WriteRemarks(&b, noticeLines(k.ofRows)+p.Remarks.Text(k.Config.Report.Redact))
	if p.ChangedSince > 0 {
		fmt.Fprintf(&b, "\nTo send the values that changed: %s\n", k.Line.Update())
	}
	if k.Config.Limit > 0 && k.Config.Mode == "mirror" {
		b.WriteString("\nNobody would be removed, because --limit (limit) is set.\n")
	}
	b.WriteString(tell([]tally{
		{p.Kept, "\n%d contacts are missing from the source and stay: this program did not create their profiles, or the state does not say so (sync.adopted: keep)."},
		{p.Held, "\n%d contacts may be missing from the source and stay: the state knows them by their keys alone, and rows are refused."},
	}))
	if blocked != "" {
		fmt.Fprintf(&b, "\n%s%s.\n", strings.ToUpper(blocked[:1]), blocked[1:])
	}
	return b.String()
}
