package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"importer/importer"
	"importer/importer/contact"
	"importer/internal/config"
	"importer/internal/live"
	"importer/internal/memory"
	"importer/internal/nights"
	"importer/internal/reconcile"
	"importer/internal/state"
	"importer/internal/verify"
	"importer/sink"
	"importer/sink/journal"
	"importer/sink/rejects"
	"importer/source"
	"importer/source/mapping"
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
		Args:          cobra.ArbitraryArgs, // more sources
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withSession(cmd, args, env, func(s *session, ctx context.Context) error {
				if s.c.DryRun {
					return s.check(ctx)
				}
				return s.importAll(ctx)
			})
		},
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { // of the other commands as well
		return config.Errorf("%w; %s --help lists the flags", err, cmd.CommandPath())
	})
	addFlags(cmd)
	return cmd
}

// An importing is one import: it is opened, it runs, and it is concluded.
type importing struct {
	*session
	listing   state.Listing
	stopWatch func() error
	told      int // notices of the source that were told when it was opened
}

func (s *session) importAll(ctx context.Context) error {
	i := &importing{session: s}
	if err := i.open(ctx); err != nil {
		return err
	}
	summary, err := i.importRows(ctx)
	return i.conclude(ctx, summary, err)
}

// open opens what the run needs, and begins its report when all is well.
func (i *importing) open(ctx context.Context) (err error) {
	i.onClose(i.listing.Close)
	for _, open := range []func() error{i.connect, i.recall, i.openSource, i.findOrigin, i.openWatch, i.openState, i.openReport, i.followRules, i.openRejects} {
		if err := open(); err != nil {
			return err
		}
	}
	i.logNotices(i.input.Notices())
	i.told = len(i.input.Notices())
	i.pacer.Preload(i.report.Sent()) // what earlier runs of this report have sent
	if err := i.checkSchema(ctx); err != nil {
		return err
	}
	if err := i.readLast(i.report.Keys()); err != nil {
		return err
	}
	if i.c.Mode == "create" { // a sync compares rows with its state, and most need no request
		i.forecast()
	}
	if i.stopWatch, err = i.watch.Start(i.view(), i.report, i.path); err != nil {
		return err
	}
	i.onClose(i.stopWatch)
	if err := i.report.Begin(); err != nil {
		return err
	}
	return i.beginSync()
}

// openWatch checks the settings that are for people, and watches the requests.
func (i *importing) openWatch() (err error) {
	if i.c.Notify.URL != "" { // which goes by them as well
		if err := i.checkProxies(); err != nil {
			return err
		}
	}
	i.watch, err = live.NewWatch(i.c, i.env.Version, i.display, i.log, i.view())
	return err
}

func (i *importing) importRows(ctx context.Context) (contact.Summary, error) {
	told := make(chan struct{}) // closed by the hook
	unhook := context.AfterFunc(ctx, func() {
		defer close(told)
		fmt.Fprintln(i.display, "importer: stopping; waiting for the requests in flight. A second signal, a second or more after the first, exits at once.")
	})
	defer func() {
		if !unhook() {
			<-told
		}
	}()
	watched := watched{reconcile.Journal{Journal: i.report, State: i.state}, i.rejects, i.watch}
	o := importer.Options{
		API: i.client, Journal: watched, Rejects: watched, Keys: i.report.Keys(),
		Pacer: i.pacer, Log: i.log, Progress: &i.progress,
		Workers: i.c.Workers, Retries: i.c.Retries, RetryRejected: i.c.RetryRejected, Settle: i.c.InDoubt.Settle,
		GiveUpAfter: i.c.GiveUpAfter, GiveUpAtStart: i.c.GiveUpAtStart, MaxErrors: i.rules.maxErrors, StampField: i.c.Stamp.Field, Duplicates: i.rules.duplicates,
		Discovery: i.rules.discovery, OnConflict: i.rules.onConflict, Listing: &i.listing,
		Raws: i.rawRows(),
	}
	if i.state != nil {
		o.State, o.Mirror, o.RefreshAfter, o.KeepPrevious = i.state, i.mirror(), i.c.Sync.RefreshAfter, i.c.Report.KeepPrevious
		o.UpdateOnly, o.Behaviour = i.c.Mode == "update", i.behaviour()
	}
	if patch := o.Behaviour.Patch; patch != "" {
		i.log.Info().Str("patch", string(patch)).Msg("updates are made for an API that is known to do this with the fields that they do not name (sync.patch)")
	}
	if i.env.Getenv("GOGC") == "" {
		// How much garbage may wait, in percent of what is in use. With Go's own 100 an
		// import would take 2% less CPU time and 3 MiB more.
		debug.SetGCPercent(60)
	}
	return importer.Run(ctx, i.input.AllRows(), o)
}

// conclude ends a run that has begun, and says how it ended.
func (i *importing) conclude(ctx context.Context, summary contact.Summary, err error) error {
	err = also(err, i.stopWatch())
	if n := i.forgotten(); n > 0 && summary.Status == contact.Complete {
		i.log.Warn().Int("rows", n).Msg("the report is still in doubt about rows of earlier runs that the source does not hold any more; importer verify names them")
	}
	written, rejectsErr := i.rejects.Commit(err == nil && summary.Status == contact.Complete)
	for _, aside := range written.SetAside {
		i.setAside = append(i.setAside, sink.SetAside{Path: aside.Path, Why: aside.Why})
		i.log.Warn().Str("moved_to", aside.Path).Msg("a reject file was set aside: " + aside.Why)
	}
	summary.Rejects, summary.LeftOut = strings.Join(written.Paths, ", "), i.input.Skipped()
	if err = also(err, rejectsErr); err == nil && summary.Status == contact.Complete {
		if i.state != nil && summary.Failed+summary.Unknown == 0 && !i.corrects {
			err = i.state.SetAnew(false)
		}
		i.purgeNights(ctx)
	}
	summary, err = i.end(summary, err)
	i.blameConfig(summary.Read, summary.Invalid)
	allIn := summary.NotIn() == 0 && !summary.FoundNobody()
	silent := summary.Status == contact.Complete && allIn && summary.DuplicatesDiffer+summary.ChangedSince == 0
	printed := i.print(silent, summary, sink.SummaryText(summary, sink.Details{
		Failures: i.watch.Failures.List(), Redact: i.c.Report.Redact, SetAside: i.setAside, Again: i.line.Again(), Rejects: i.line.OfRejects(written.Paths),
		Remarks: i.remarks(), Update: i.line.Update(),
	}))
	if summary.Status != contact.Interrupted || !errors.Is(printed, syscall.EPIPE) { // whom the same signal ended reads nothing
		err = also(err, printed)
	}
	i.watch.Ended(ctx, summary, err == nil)
	return result(ctx, summary.Status, allIn, err)
}

// purgeNights takes contact data out of what earlier runs left behind, as the settings
// say.
func (i *importing) purgeNights(ctx context.Context) {
	if i.c.Report.KeepNights == 0 {
		return
	}
	n := nights.Nights{
		Report: i.path, Header: journal.Header{BaseURL: i.baseURL, ProjectID: i.c.API.ProjectID}, Before: i.report.Outline(),
		Began: i.began, Keep: i.c.Report.KeepNights, Verdicts: verify.Suffix, Rehearsal: isSandbox, Log: i.log,
	}
	n.Purge(ctx)
}

// remarks are what a person should know of rows that went in all the same. Where the
// summary is one object for a program, the log tells it.
func (i *importing) remarks() string {
	var ofRows []source.Notice
	if all := i.input.Notices(); len(all) > i.told {
		ofRows = all[i.told:]
	}
	text := i.progress.Remarks.Text(i.c.Report.Redact)
	if i.c.JSON {
		i.logNotices(ofRows)
		for line := range strings.Lines(text) {
			i.log.Warn().Msg(strings.Join(strings.Fields(line), " "))
		}
		return ""
	}
	return noticeLines(ofRows) + text
}

func (i *importing) logNotices(notices []source.Notice) {
	for _, n := range notices {
		i.log.Info().Str("source", n.Source).Msg(n.Text)
	}
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
func (i *importing) forgotten() (n int) {
	if i.corrects {
		return 0 // a part of the input
	}
	keys := i.report.Keys()
	for key := range keys.Doubtful() {
		if !keys.Seen(key) {
			n++
		}
	}
	return n
}

// sourceOptions are what the settings say of the source, but for the mapping.
func sourceOptions(c config.Config, stdin io.Reader) (source.Options, error) {
	s := c.Source
	o := source.Options{Paths: s.Paths, Stdin: stdin, Encoding: s.Encoding, LazyQuotes: s.LazyQuotes, Sheet: s.Sheet, NullValues: s.NullValues, Redact: c.Report.Redact}
	err := errors.Join(
		parse(&o.Format, "--format (source.format):", source.ParseFormat, s.Format),
		parse(&o.Delimiter, "--delimiter (source.delimiter):", source.ParseDelimiter, s.Delimiter),
		parse(&o.HeaderRow, "--header-row (source.header_row):", source.ParseHeaderRow, s.HeaderRow),
	)
	return o, err
}

func (s *session) openSource() error {
	o, err := sourceOptions(s.c, s.env.Stdin)
	if err != nil {
		return err
	}
	if o.Mapping, err = mapping.Decode(s.c.Text); err != nil {
		return config.Errorf("mapping: %w", err)
	}
	s.behind = s.c.Behind(o.Mapping != nil)
	memory.Bound(s.env.Getenv)
	if err := reachSources(&o, s.c, s.env); err != nil {
		return err
	}
	o.Run = s.run
	s.input, err = s.openInput(o)
	if misfit, ok := errors.AsType[*mapping.Error](err); ok {
		err = misfit.Annotate(config.Shown(s.c.Text))
	}
	if err != nil && s.behind != "" && !unread(err) {
		err = errors.Join(err, errors.New(s.behind))
	}
	if err != nil {
		return unopened(err)
	}
	memory.Free(s.env.Getenv, s.input.Size())
	return s.keep(s.input, nil)
}

// readLast reads the source once more before the run, where of several rows about
// one contact the last goes in.
func (s *session) readLast(keys *contact.Keys) error {
	if s.rules.duplicates != contact.LastWins {
		return nil
	}
	if !s.input.ReadsAgain() {
		return config.Errorf("duplicates: last reads the source twice, and standard input or a pipe can be read once: name a file")
	}
	return contact.ReadLast(s.input.Rows(), keys)
}

// forecast says how many requests the run expects, and how long they take at
// least. It reads the source once more, which costs nothing beside requests that
// are paced, and says nothing where they are not, or where that is not possible.
func (i *importing) forecast() {
	if i.rules.rate.Unlimited() || i.input.Size() == 0 {
		return
	}
	rows, requests, err := contact.Expect(i.input.Rows(), i.report.Keys())
	if err != nil {
		return // the run meets the same error, after the rows before it
	}
	i.log.Info().Int64("rows", rows).Int64("requests", requests).Str("rate", i.rules.rate.String()).
		Str("at_least", i.pacer.Remaining(requests).Round(time.Second).String()).Msg("forecast")
}

// openRejects prepares the reject files.
func (i *importing) openRejects() (err error) {
	o := rejects.Options{Report: i.path, Run: i.run, Raws: i.rawRows(), Partly: i.corrects || i.input.IsRejects(), Journal: i.report}
	for _, s := range i.input.Sources() {
		o.Sources = append(o.Sources, rejects.RejectSource{Name: s.Name, Header: s.Header, Delimiter: s.Delimiter})
	}
	if i.rejects, err = rejects.OpenRejects(o); err != nil {
		return usage(err)
	}
	return nil
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
