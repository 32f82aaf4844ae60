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
	"importer/importer/idrule"
	"importer/importer/pace"
	"importer/internal/config"
	"importer/internal/customfields"
	"importer/internal/reconcile"
	"importer/internal/state"
	"importer/internal/words"
	"importer/sink"
	"importer/sink/journal"
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
and the fields of the mapping; without them the file alone is looked at. --verbose
in these modes also reads the profiles of the rows that have changed, and prints
the old value and the new one of each field that differs; with report.redact it
prints the names of the fields only. Where the project is not empty, an import
asks who is in it; what that costs is not known here.

The exit code is 3 where rows would be refused.`,
		Example: `  importer check --source contacts.csv
  importer check --source contacts.csv --mode mirror --verbose`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withSession(cmd, args, env, (*session).check)
		},
	}
	addFlags(cmd)
	return cmd
}

// A checker is one check, from the settings to what is printed.
type checker struct {
	*session
	journal *journal.Snapshot
	holds   bool            // the report has contacts that a lost state is made anew from
	before  idrule.Rules    // of the report, by which it knows contacts still
	ofRows  []source.Notice // what reading the rows gave notice of
	out     strings.Builder // lines of --verbose, until they are worth a write
}

func (s *session) check(ctx context.Context) error {
	if s.c.Verbose && s.c.JSON {
		return config.Errorf("--verbose prints a line for each row, and --json exactly one object: leave one of them out")
	}
	k := &checker{session: s}
	if err := k.open(); err != nil {
		return err
	}
	if err := k.readLast(k.journal.Keys()); err != nil {
		return err
	}
	for _, n := range k.input.Notices() {
		fmt.Fprintln(k.display, "importer:", n)
	}
	stop := k.display.Start(k.view())
	told := len(k.input.Notices())
	plan, planErr := change.MakePlan(ctx, k.input.AllRows(), k.planOptions(ctx))
	stop()
	notices := k.input.Notices() // fewer where a second reading failed at its beginning
	k.ofRows = notices[min(told, len(notices)):]
	if err := worse(planErr, k.flush()); err != nil {
		return err
	}
	k.blameConfig(plan.Read, plan.Invalid)
	err := errors.Join(k.printPlan(plan), k.lookAtAPI(ctx))
	return result(ctx, contact.Complete, allIn(plan), err)
}

// open opens what the check needs: the client only where the settings say which
// project there is to be asked about.
func (k *checker) open() error {
	for _, open := range []func() error{k.recall, k.openSource, k.findOrigin, k.readJournal, k.openKnown, k.followRules} {
		if err := open(); err != nil {
			return err
		}
	}
	reads := k.c.Verbose && k.state != nil
	if k.c.Sandbox || !reads && k.c.API.Validate() != nil {
		return nil
	}
	return k.connect()
}

func (k *checker) planOptions(ctx context.Context) change.PlanOptions {
	o := change.PlanOptions{
		Keys: k.journal.Keys(), Journal: k.journal, RetryRejected: k.c.RetryRejected, Duplicates: k.rules.duplicates,
		RefreshAfter: k.c.Sync.RefreshAfter, Progress: &k.progress,
	}
	o.Raws = k.rawRows()
	if k.state != nil {
		o.State, o.Mirror = k.state, k.mirror()
		o.UpdateOnly, o.Behaviour, o.KeepPrevious = k.c.Mode == "update", k.behaviour(), k.c.Report.KeepPrevious
	}
	if k.c.Verbose {
		o.Each = func(r change.PlannedRow) error { return k.printRow(ctx, r) }
	}
	return o
}

// readJournal reads what the report says, where the next run would go on with it: the
// report of a sync that went to its end is set aside.
func (k *checker) readJournal() error {
	k.path = k.reportPath()
	o := journal.Options{Rehearsal: isSandbox, Adopt: k.c.Adopt, Over: k.baseURL == inProcess, Redact: k.c.Report.Redact, Restart: k.c.Restart, Window: k.rules.rate.Window, Successor: k.c.Mode != "create", Unnamed: k.c.Report.Path == ""}
	if header, err := journal.ReadHeader(k.path); err == nil {
		// Without an address and a project, those of the report are as good.
		o.Header = journal.Header{Mode: k.c.Mode, BaseURL: cmp.Or(k.baseURL, header.BaseURL), ProjectID: cmp.Or(k.c.API.ProjectID, header.ProjectID), IDs: idrule.Lineage{Now: k.idRules()}, Corrects: k.corrects}
	}
	read, err := journal.Read(k.path, o)
	if err == nil {
		k.holds, k.before = read.Keys().Len() > 0, read.Lineage().Before
	}
	if err == nil && k.c.Mode != "create" && read.Whole() && !k.corrects {
		o.Restart = true
		if err = read.Close(); err == nil {
			read, err = journal.Read(k.path, o)
		}
	}
	k.journal = read
	return k.keep(read, err)
}

// followRules is as of a run.
func (k *checker) followRules() error {
	before := k.before
	if k.state != nil {
		before = before.Union(k.state.Lineage().Before)
	}
	k.knowBy(before)
	return nil
}

// openKnown opens the state of a sync, or one in memory where there is none yet.
func (k *checker) openKnown() (err error) {
	if k.c.Mode == "create" {
		return nil
	}
	if !k.hasState() {
		if k.state, err = state.Empty(k.stateOptions()); err == nil && k.holds {
			err = eachOutcome(k.path, func(o *contact.Outcome) error { return k.state.Record(o) })
		}
		return k.keep(k.state, err)
	}
	if k.baseURL == "" || k.c.API.ProjectID == "" {
		return config.Errorf("--mode %s compares with the state of a project: set --base-url (api.base_url, $COGNIGY_BASE_URL) and --project-id (api.project_id, $COGNIGY_PROJECT_ID)", k.c.Mode)
	}
	o := k.stateOptions()
	o.Stay = true // nothing is moved by a check
	k.state, err = state.Open(k.c.Sync.State, o)
	if err == nil {
		err = k.state.Corrections(k.journal.Keys())
	}
	if other, ok := errors.AsType[*state.MismatchError](err); ok && other.Spent != "" {
		k.state, err = state.Empty(o)
	}
	if err := k.keep(k.state, err); err != nil {
		return err
	}
	return k.goTogether()
}

// goTogether tells whether the import would refuse the state because of the report. With
// --restart it would set a state aside that cannot be relied on.
func (k *checker) goTogether() error {
	now, err := journal.ReadOutline(k.path)
	if err != nil { // there is none, or it was complained of
		now = journal.Outline{}
	}
	err = k.reports().Refusal(now)
	refused, ok := errors.AsType[*reconcile.RefusedError](err)
	switch {
	case ok && k.c.Restart && refused.Stale:
		k.state, err = state.Empty(k.stateOptions())
		return k.keep(k.state, err)
	case ok && k.c.Restart:
		return nil
	case ok:
		return usage(err)
	}
	return err
}

// printRow writes the line of --verbose for a row that is not to be left as it is.
func (k *checker) printRow(ctx context.Context, r change.PlannedRow) error {
	what := string(r.Action)
	switch {
	case r.Action == change.ActNothing && r.Failure == nil:
		return nil
	case r.Failure != nil && k.c.Report.Redact:
		what = r.Status.String()
	case r.Failure != nil:
		what = r.Status.String() + ": " + contact.Printable(r.Failure.Detail)
	case r.Action == change.ActLookUp && r.Status == contact.Absent:
		what = "looked up, and updated if it is there"
	case r.Action == change.ActUpdate && k.client != nil:
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
	if ids := r.Row.Profile.ContactIDs; len(ids) > 0 && !k.c.Report.Redact {
		who = contact.Printable(words.QuoteNames(ids, len(ids)))
	}
	fmt.Fprintf(&k.out, "%s: %s: %s\n", contact.Printable(where), who, what)
	if k.out.Len() < 4096 && r.Action != change.ActUpdate { // for that its profile was read, which takes a while
		return nil
	}
	return k.flush()
}

func (k *checker) flush() error {
	_, err := io.WriteString(k.env.Stdout, k.out.String())
	k.out.Reset()
	return err
}

// update says what of a profile would change, old → new.
func (k *checker) update(ctx context.Context, r change.PlannedRow) (string, error) {
	f, there, err := k.get(ctx, r.Entry.ID)
	switch {
	case err != nil:
		return "", err
	case !there && k.c.Mode == "update":
		return "absent, because its profile is gone, unless a look-up finds another one", nil
	case !there:
		return "created, because its profile is gone, unless a look-up finds another one", nil
	}
	var changes []string
	for _, d := range change.Differences(f, r.Entry, &r.Row) {
		if k.c.Report.Redact {
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
	least := pace.Forecast(k.rules.rate, p.Requests, k.journal.Sent())
	took := time.Since(k.began)
	blocked := ""
	if p.Blocked != nil {
		blocked = "nothing would be removed: " + p.Blocked.Reason() + "; look at the source; " + p.Blocked.WayOut()
	}
	if k.c.JSON {
		for _, n := range k.ofRows {
			fmt.Fprintln(k.display, "importer:", n)
		}
	}
	return k.print(allIn(p) && p.DuplicatesDiffer+p.ChangedSince == 0, struct {
		*change.Plan
		LeftOut  int64           `json:"left_out"`
		AtLeast  contact.Seconds `json:"at_least_s"`
		Blocked  string          `json:"blocked"`
		Fields   []string        `json:"custom_fields"`
		Duration contact.Seconds `json:"duration_s"`
	}{p, k.input.Skipped(), contact.Seconds(least), blocked, customfields.Texts(k.customFields()), contact.Seconds(took)}, k.text(p, least, took, blocked))
}

func allIn(p *change.Plan) bool { return p.Invalid+p.Rejected == 0 && p.Blocked == nil }

func (k *checker) text(p *change.Plan, least, took time.Duration, blocked string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Checked after %v. Nothing was written.\n\n", took.Round(time.Millisecond))
	sink.WriteCounts(&b, []contact.Count{
		{Name: "created", N: p.Created}, {Name: "updated", N: p.Updated}, {Name: "  touched", N: p.Touched}, {Name: "unchanged", N: p.Unchanged},
		{Name: "looked up", N: p.LookedUp}, {Name: "duplicate", N: p.Duplicate}, {Name: "done before", N: p.DoneBefore},
		{Name: "invalid", N: p.Invalid}, {Name: "rejected", N: p.Rejected}, {Name: "deactivated", N: p.Deactivated}, {Name: "deleted", N: p.Deleted},
	})
	fmt.Fprintf(&b, sink.CountLine+"\n", "rows read", p.Read)
	sink.WriteCounts(&b, []contact.Count{{Name: "left out", N: k.input.Skipped()}})
	fmt.Fprintf(&b, sink.CountLine+"  (at least; %v at %s)\n", "requests", p.Requests, least.Round(time.Second), k.rules.rate)
	if p.LargestBody > 0 {
		fmt.Fprintf(&b, "  %-12s %10s  (of %s)\n", "largest body", words.Comma(p.LargestBody), words.Comma(contact.MaxBodyBytes))
	}
	name := "custom field" // of the first
	for _, field := range customfields.Texts(k.customFields()) {
		fmt.Fprintf(&b, "  %-12s %s\n", name, field)
		name = ""
	}
	if groups := p.Invalids.List(); len(groups) > 0 {
		b.WriteString("\nWhat would be refused:\n")
		contact.WriteFailures(&b, groups, 10, !k.c.Report.Redact)
	}
	sink.WriteRemarks(&b, noticeLines(k.ofRows)+p.Remarks.Text(k.c.Report.Redact))
	if p.ChangedSince > 0 {
		fmt.Fprintf(&b, "\nTo send the values that changed: %s\n", k.line.Update())
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
