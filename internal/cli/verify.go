package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"importer/importer"
	"importer/importer/change"
	"importer/importer/contact"
	"importer/internal/exit"
	"importer/internal/help"
	"importer/internal/session"
	"importer/internal/verify"
	"importer/sink/journal"
)

func newVerifyCommand(env Env) *cobra.Command {
	cmd := lookingBack(&cobra.Command{
		Use:   "verify REPORT",
		Short: "Read back what a report says was written, compare, say what differs",
		Long: `Read back the profiles that a report says were created, updated or found as
they should be, and compare every field that the mapping names with the source.
The sources are those of the report, read with the same configuration, or others
that are named. Where a row has changed since, or its profile was there before,
verify only looks whether the profile is there.

Where the project is, the settings say and never the report, which may come from
anybody: where the two differ, nothing is sent, and the exit code is 2.

The project is listed, 100 profiles a request, where that costs less than reading
the profiles one by one. The verdicts are written to REPORT.verify, one JSON object
a line: a verification that was interrupted goes on from there. The exit code is 3
where a profile differs, is missing, or cannot be verified: it cannot be read, its
profile id is not known and no look-up finds it, or the report is in doubt itself.`,
		Example: "  importer verify contacts.csv.report.ndjson",
	}, env, (*lookBack).verify)
	help.AddFlags(cmd, sourceFlags...)
	return cmd
}

func (b *lookBack) verify(ctx context.Context) error {
	v := verify.New(verify.Options{Report: b.Path, Written: b.Written, Redact: b.Config.Report.Redact})
	b.OnClose(v.Close)
	err := b.openVerification(v)
	if err == nil {
		err = b.readBack(ctx, v)
	}
	r := v.Result()
	return exit.Result(ctx, contact.Complete, r.AllIn(), session.Also(err, b.printVerdicts(r, v.Done() > 0, err)))
}

// openVerification reads the report, what an interrupted verification found, and opens
// the source.
func (b *lookBack) openVerification(v *verify.Verification) error {
	if err := b.EachOutcome(b.Written.Record); err != nil {
		return err
	}
	keys, err := journal.ReadKeys(b.Reports, b.Path)
	if err != nil {
		return err
	}
	if err := v.Open(keys.Doubtful()); err != nil {
		return err
	}
	if err := b.OpenSource(); err != nil {
		return fmt.Errorf("the source of the report: %w; name another with --source", err)
	}
	lineage, err := journal.ReadLineage(b.Reports, b.Path)
	b.keys = keys
	b.KnowBy(lineage.Before)
	return err
}

// rows are those of the source, each with the key by which the report knows its contact.
func (b *lookBack) rows() contact.Rows {
	return func(yield func(contact.Row, error) bool) {
		for row, err := range b.Input.Rows() {
			if err == nil {
				err = change.Recognize(&row, b.keys, nil)
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

func (b *lookBack) readBack(ctx context.Context, v *verify.Verification) error {
	defer b.show(v.Total(), v.Done)()
	return v.Run(ctx, b.rows(), importer.Options{
		API: b.Client, Pacer: b.Pacer, Log: b.Log, Progress: &b.Progress,
		Workers: b.Config.Workers, Retries: b.Config.Retries, Settle: b.Config.InDoubt.Settle, GiveUpAfter: b.Config.GiveUpAfter, GiveUpAtStart: b.Config.GiveUpAtStart,
	})
}

// printVerdicts says what was found by the time that the verification ended, with an
// error or with none. Where that is nothing, the error is all there is to say.
func (b *lookBack) printVerdicts(r verify.Result, found bool, ended error) error {
	if ended != nil && !b.Config.JSON && !found {
		return nil
	}
	status := session.StoppedBy(contact.Summary{Status: contact.Complete}, ended)
	r.Requests = b.Progress.Snapshot().Requests
	var text strings.Builder
	for _, l := range r.Examples {
		l.WriteText(&text)
	}
	if len(r.Examples) > 0 {
		text.WriteByte('\n')
	}
	text.WriteString(tell([]tally{
		{r.Same, "%10d  as they were sent"},
		{r.Differs, "%10d  differ"},
		{r.Missing, "%10d  missing"},
		{r.There, "%10d  there, and not compared: they were there before, or the source does not hold that version of their rows any more"},
		{r.Unverifiable, "%10d  cannot be verified: see the reasons"},
		{r.Left, "%10d  not verified yet: the same command goes on with them"},
	}))
	fmt.Fprintf(&text, "%10d  requests; all verdicts are in %s\n", r.Requests, contact.Printable(r.Verdicts))
	return printResult(b.Session, ended == nil && r.AllIn(), struct {
		Status contact.RunStatus `json:"status"`
		Reason string            `json:"reason,omitempty"`
		verify.Result
	}{status.Status, status.Reason, r}, text.String())
}
