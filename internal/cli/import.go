package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"importer/importer"
	"importer/importer/contact"
	"importer/internal/cognigy"
	"importer/internal/exit"
	"importer/internal/help"
	"importer/internal/live"
	"importer/internal/nights"
	"importer/internal/reconcile"
	"importer/internal/session"
	"importer/internal/verify"
	"importer/internal/work"
	"importer/sink"
	"importer/sink/journal"
	"importer/sink/rejects"
	"importer/source"
)

func newImportCommand(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "importer --source FILE [flags]",
		Short: "Get contact profiles from files into Cognigy.AI",
		Long: `Get contact profiles from files into a Cognigy.AI project.

What was done stands in a report in the working directory. The same command
run again sends only what is not settled, so an interrupted import resumes. Rows
that were refused come back in a reject file, with the reason.

A source is CSV, a workbook (.xlsx), one JSON object a line, or a JSON array of
objects, as it is or compressed with gzip, zstd, bzip2 or xz; here, at https://…
or s3://bucket/key; or postgres://… with source.query. The header, the
delimiter and the encoding are found, and what was guessed is told. Misplaced
quotes refuse their row; source.lazy_quotes in the configuration takes them as
text.`,
		Example: `  importer --source contacts.csv --sandbox
  importer --source contacts.csv --base-url https://api-trial.cognigy.ai --project-id 65f0…`,
		Args:          func(cmd *cobra.Command, args []string) error { return help.WrongCommand(cmd, args) }, // else more sources
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withSession(cmd, args, env, func(ctx context.Context, s *session.Session) error {
				if s.Config.DryRun {
					return check(ctx, s)
				}
				return importAll(ctx, s)
			})
		},
	}
	cmd.SetFlagErrorFunc(help.WrongFlag) // of the other commands as well
	help.AddFlags(cmd)
	return cmd
}

// An importing is one import that is open: it runs, and it is concluded.
type importing struct {
	*session.Session
}

// importAll is the command.
func importAll(ctx context.Context, s *session.Session) error {
	if err := s.OpenImport(ctx); err != nil {
		stopped := session.StoppedBy(contact.Summary{Run: s.Run}, err)
		if interrupt := (*Interrupt)(nil); errors.As(err, &interrupt) {
			stopped.Status = contact.Interrupted
		}
		if cognigy.CheckProxies(s.Env.Getenv) == nil { // else it would go around a proxy
			live.TellStopped(ctx, s.Config, s.Env.Version, stopped, s.Log)
		}
		return err
	}
	i := importing{s}
	summary, err := i.importRows(ctx)
	return i.conclude(ctx, summary, err)
}

func (i importing) importRows(ctx context.Context) (contact.Summary, error) {
	told := make(chan struct{}) // closed by the hook
	unhook := context.AfterFunc(ctx, func() {
		defer close(told)
		if i.Env.Store != nil { // a worker says it for all of them
			return
		}
		fmt.Fprintln(i.Display, "importer: stopping; waiting for the requests in flight. A second signal, a second or more after the first, exits at once.")
	})
	defer func() {
		if !unhook() {
			<-told
		}
	}()
	watched := watched{reconcile.Journal{Journal: i.Report, State: i.State}, i.Rejects, i.Watch}
	o := importer.Options{
		API: i.Client, Journal: watched, Rejects: watched, Keys: i.Report.Keys(),
		Pacer: i.Pacer, Log: i.Log, Progress: &i.Progress,
		Workers: i.Config.Workers, Retries: i.Config.Retries, RetryRejected: i.Config.RetryRejected, Settle: i.Config.InDoubt.Settle,
		GiveUpAfter: i.Config.GiveUpAfter, GiveUpAtStart: i.Config.GiveUpAtStart, Limit: i.Config.Limit, MaxErrors: i.Rules.MaxErrors, StampField: i.Config.Stamp.Field, Duplicates: i.Rules.Duplicates,
		Discovery: i.Rules.Discovery, OnConflict: i.Rules.OnConflict, Listing: &i.Listing,
		Raws: i.RawRows(), Gate: i.Gate(),
	}
	if i.State != nil {
		o.State, o.Mirror, o.RefreshAfter, o.KeepPrevious = i.State, i.Mirror(), i.Config.Sync.RefreshAfter, i.Config.Report.KeepPrevious
		o.UpdateOnly, o.Behaviour = i.Config.Mode == "update", i.Behaviour()
	}
	if patch := o.Behaviour.Patch; patch != "" {
		i.Log.Info().Str("patch", string(patch)).Msg("updates are made for an API that is known to do this with the fields that they do not name (sync.patch)")
	}
	if i.Env.Getenv("GOGC") == "" {
		// How much garbage may wait, in percent of what is in use. With Go's own 100 an
		// import would take 2% less CPU time and 3 MiB more.
		debug.SetGCPercent(60)
	}
	return importer.Run(ctx, i.Input.AllRows(), o)
}

// conclude ends a run that has begun, and says how it ended.
func (i importing) conclude(ctx context.Context, summary contact.Summary, err error) error {
	err = session.Also(err, i.StopWatch())
	whole := summary.Status == contact.Complete && !summary.Limited // all rows were seen
	if n := i.forgotten(); n > 0 && whole {
		i.Log.Warn().Int("rows", n).Msg("the report is still in doubt about rows of earlier runs that the source does not hold any more; importer verify names them")
	}
	written, rejectsErr := i.Rejects.Commit(err == nil && whole)
	for _, aside := range written.SetAside {
		i.SetAside = append(i.SetAside, sink.SetAside{Path: aside.Path, Why: aside.Why})
		i.Log.Warn().Str("moved_to", aside.Path).Msg("a reject file was set aside: " + aside.Why)
	}
	rejectsErr = session.Also(rejectsErr, i.KeepRejects(ctx, written, err == nil && summary.Status == contact.Complete))
	summary.Rejects, summary.LeftOut = strings.Join(written.Paths, ", "), i.Input.Skipped()
	if err = session.Also(err, rejectsErr); err == nil && whole {
		if i.State != nil && summary.Failed+summary.Unknown == 0 && !i.Corrects {
			err = i.State.SetAnew(false)
		}
		i.purgeNights(ctx)
	}
	summary.Tolerate(i.Rules.Tolerate)
	summary, err = i.End(summary, err)
	i.BlameConfig(summary.Read, summary.Invalid)
	silent := summary.Succeeded() && summary.Tolerated+summary.DuplicatesDiffer+summary.ChangedSince == 0
	printed := printResult(i.Session, silent, summaryOf(summary, contact.FailureLines(i.Watch.Failures.List(), !i.Config.Report.Redact)), sink.SummaryText(summary, sink.Details{
		Failures: i.Watch.Failures.List(), Redact: i.Config.Report.Redact, SetAside: i.SetAside, Again: i.Line.Again(), GoOn: i.Line.GoOn(), Rejects: i.Line.OfRejects(written.Paths),
		Remarks: i.remarks(), Update: i.Line.Update(),
	}))
	if summary.Status != contact.Interrupted || !errors.Is(printed, syscall.EPIPE) { // whom the same signal ended reads nothing
		err = session.Also(err, printed)
	}
	if !errors.Is(context.Cause(ctx), work.ErrHandedBack) || summary.Status != contact.Interrupted {
		i.Watch.Ended(ctx, summary, err == nil)
	}
	return exit.Result(ctx, summary.Status, summary.Succeeded(), err)
}

// A summed is a summary as it is printed: the journal and notifications know nothing of
// its failures, which may quote the source.
type summed struct {
	contact.Summary
	Failures []contact.FailureLine `json:"failures"`
}

// summaryOf is a summary with why rows are not in, the largest group first.
func summaryOf(s contact.Summary, failures []contact.FailureLine) summed {
	if failures == nil {
		failures = []contact.FailureLine{}
	}
	return summed{s, failures}
}

// purgeNights takes contact data out of what earlier runs left behind, as the settings
// say.
func (i importing) purgeNights(ctx context.Context) {
	if i.Config.Report.KeepNights == 0 {
		return
	}
	n := nights.Nights{
		Reports: i.Reports, Report: i.Path, Header: journal.Header{BaseURL: i.BaseURL, ProjectID: i.Config.API.ProjectID}, Before: i.Report.Outline(),
		Began: i.Began, Keep: i.Config.Report.KeepNights, Verdicts: verify.Suffix, Rehearsal: session.IsSandbox, Log: i.Log,
		Drop: i.Dropper(ctx),
	}
	n.Purge(ctx)
}

// remarks are what a person should know of rows that went in all the same. Where the
// summary is one object for a program, the log tells it.
func (i importing) remarks() string {
	var ofRows []source.Notice
	if all := i.Input.Notices(); len(all) > i.Told {
		ofRows = all[i.Told:]
	}
	text := i.Progress.Remarks.Text(i.Config.Report.Redact)
	if i.Config.JSON {
		i.LogNotices(ofRows)
		for line := range strings.Lines(text) {
			i.Log.Warn().Msg(strings.Join(strings.Fields(line), " "))
		}
		return ""
	}
	return noticeLines(ofRows) + text
}

// noticeLines are notices as a summary shows them.
func noticeLines(notices []source.Notice) string {
	var b strings.Builder
	for _, n := range notices {
		fmt.Fprintf(&b, "  %s\n", n)
	}
	return b.String()
}

// forgotten is how many contacts an earlier run left in doubt that are not in the input
// any more, so that no run looks them up.
func (i importing) forgotten() (n int) {
	if i.Corrects {
		return 0 // a part of the input
	}
	keys := i.Report.Keys()
	for key := range keys.Doubtful() {
		if !keys.Seen(key) {
			n++
		}
	}
	return n
}

// A watched run shows, of what it records, the rows that are not in.
type watched struct {
	reconcile.Journal
	rejects *rejects.Rejects
	watch   *live.Watch
}

// Append implements importer.Journal.
func (w watched) Append(outcomes ...*contact.Outcome) error {
	for _, out := range outcomes {
		if !out.Status.In() && !out.Status.Refused() {
			w.watch.Failed(out)
		}
	}
	return w.Journal.Append(outcomes...)
}

// Reject implements importer.Rejects. It is also given what an earlier run had refused
// and nobody changed.
func (w watched) Reject(out *contact.Outcome) error {
	w.watch.Failed(out)
	return w.rejects.Reject(out)
}

// carryOut is an import of a worker.
func carryOut(ctx context.Context, s *session.Session, begun func()) (int, error) {
	err := s.OpenImport(ctx)
	if err == nil {
		begun()
		i := importing{s}
		summary, runErr := i.importRows(ctx)
		err = i.conclude(ctx, summary, runErr)
	}
	err = exit.Worse(err, s.Close())
	code, _ := ExitCode(err)
	return code, err
}
