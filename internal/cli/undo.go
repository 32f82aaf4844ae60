package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"importer/importer"
	"importer/importer/change"
	"importer/importer/contact"
	"importer/internal/config"
	"importer/internal/state"
	"importer/sink"
	"importer/sink/journal"
)

func newUndoCommand(env Env) *cobra.Command {
	shown := config.Default()
	var yes, force bool
	cmd := &cobra.Command{
		Use:   "undo REPORT",
		Short: "Delete what a report says was created, bring back what it says was changed",
		Long: `Undo what a report says was written: delete the profiles that were created,
bring back what updates took away (where report.keep_previous kept it), and
activate what a mirror deactivated. Profiles that somebody has changed since are
kept. What was deleted cannot be brought back.

Each change is announced and recorded in the report, so that an undo that was
interrupted goes on where it stopped, and a second one finds nothing to do. An
import with that report creates the deleted contacts again; move the source away
first if that is not wanted.

The API may delete the conversations of a profile with it. The exit code is 3
where something could not be undone.`,
		Example: "  importer undo contacts.csv.report.ndjson",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			b, err := openBack(cmd, args, env)
			if err != nil {
				return err
			}
			defer func() { err = b.close(err) }()
			return b.undo(cmd.Context(), yes, force)
		},
	}
	bindBackFlags(cmd, &shown)
	cmd.Flags().StringVar(&shown.Sync.State, "state", shown.Sync.State, "`FILE` of a sync: where it is of this project, it is told")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&force, "force", false, "undo what was changed since as well")
	return cmd
}

// An undoPlan counts how what a report says is undone.
type undoPlan map[change.Undo]int64

func (p undoPlan) work() int64 {
	return p[change.UndoDelete] + p[change.UndoRestore] + p[change.UndoActivate]
}

func (b *lookBack) undo(ctx context.Context, yes, force bool) (err error) {
	c := b.c
	run := ulid.Make().String()
	began := time.Now()
	report, err := journal.OpenReport(b.path, journal.Options{
		Header: journal.Header{Run: run, Version: b.env.Version, Mode: b.header.Mode, Sources: b.header.Sources, BaseURL: b.header.BaseURL, ProjectID: b.header.ProjectID},
		Redact: c.Report.Redact, Window: b.rate.Window,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, report.Close()) }()
	preload(b.pacer, report)
	if err := b.read(); err != nil {
		return err
	}
	doubtful := int64(report.Keys().Count(contact.InDoubt) + report.Keys().Count(contact.Unknown))
	plan := undoPlan{}
	for rows, err := range b.each(b.written.Rows) {
		if err != nil {
			return err
		}
		for i := range rows {
			plan[rows[i].Undo()]++
		}
	}
	if plan.work() > 0 {
		if err := b.confirm(plan, doubtful, yes, force); err != nil {
			return err
		}
	}
	known, err := b.openState()
	if err != nil {
		return err
	}
	var undone change.Undone
	if plan.work() > 0 {
		if err := report.Begin(); err != nil {
			return errors.Join(err, known.close())
		}
		o := importer.Options{
			API: b.client, Journal: report, Keys: report.Keys(), Pacer: b.pacer, Log: b.log, Progress: &b.progress,
			Workers: c.Workers, Retries: c.Retries, Settle: c.InDoubt.Settle, GiveUpAfter: c.GiveUpAfter,
		}
		if known.state != nil {
			o.State = known.state
		}
		stop := b.show(plan.work(), func() int64 { s := b.progress.Snapshot(); return s.Deleted + s.Updated })
		undone, err = importer.UndoRows(ctx, b.each(b.written.Rows), o, force)
		stop()
		s := b.progress.Snapshot()
		summary := contact.Summary{Run: run, Status: contact.Complete, Requests: s.Requests, Retries: s.Retries, Throttled: s.Throttled,
			Duration: contact.Seconds(time.Since(began)), Report: b.path}
		summary.Updated, summary.Deleted = s.Updated, s.Deleted
		summary.Unknown = doubtful // the next import goes on with this report
		switch {
		case ctx.Err() != nil:
			summary.Status, summary.Reason = contact.Interrupted, "interrupted"
		case err != nil:
			summary.Status, summary.Reason = contact.Stopped, err.Error()
		}
		err = errors.Join(err, report.End(summary))
	}
	if err = errors.Join(err, known.close()); err != nil && ctx.Err() == nil {
		return err
	}
	if printErr := b.printUndone(plan, undone, doubtful); printErr != nil {
		return errors.Join(err, printErr)
	}
	switch {
	case err != nil:
		return err
	case undone.Kept+undone.Failed+undone.Left+plan[change.UndoImpossible]+doubtful > 0:
		return errNotAllIn
	}
	return nil
}

// openState opens the state where there is one of this project, so that the next
// sync knows what is gone. The report of a sync that cannot tell its state is
// not undone.
func (b *lookBack) openState() (*syncing, error) {
	s := &syncing{c: b.c}
	if _, err := os.Stat(b.c.Sync.State); errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	known, err := state.Open(b.c.Sync.State, state.Options{BaseURL: b.header.BaseURL, ProjectID: b.header.ProjectID})
	var other *state.MismatchError
	if errors.As(err, &other) && b.header.Mode == "create" {
		return s, nil
	}
	if err == nil {
		s.state = known
	}
	return s, mismatchIsUsage(err)
}

// confirm says what is going to be done, and asks.
func (b *lookBack) confirm(plan undoPlan, doubtful int64, yes, force bool) error {
	var parts []string
	for _, p := range []struct {
		undo change.Undo
		what string
	}{{change.UndoDelete, "delete %d profiles"}, {change.UndoRestore, "bring back what %d updates took away"}, {change.UndoActivate, "activate %d profiles"}} {
		if n := plan[p.undo]; n > 0 {
			parts = append(parts, fmt.Sprintf(p.what, n))
		}
	}
	kept := ", but for those that were changed since"
	if force {
		kept = ", those that were changed since as well"
	}
	text := fmt.Sprintf("Undo %s in project %s at %s: %s%s.\n", b.path, b.header.ProjectID, b.header.BaseURL, strings.Join(parts, ", "), kept)
	if n := plan[change.UndoImpossible]; n > 0 {
		text += fmt.Sprintf("%d changes cannot be undone: what was there before is not in the report.\n", n)
	}
	if doubtful > 0 {
		text += fmt.Sprintf("%d rows may be in the API or not: run the import again first, so that they are looked up.\n", doubtful)
	}
	if yes {
		return nil
	}
	in, ok := b.env.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return config.Errorf("%snothing was done, for there is no terminal to ask on: --yes does it without asking", text)
	}
	return ask(in, b.env.Stderr, text)
}

// ask wants a yes.
func ask(in io.Reader, out io.Writer, text string) error {
	fmt.Fprint(out, text, "Go on? [y/N] ")
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && err != io.EOF {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errors.New("nothing was done")
}

func (b *lookBack) printUndone(plan undoPlan, u change.Undone, doubtful int64) error {
	if b.c.JSON {
		return sink.WriteJSON(b.env.Stdout, struct {
			change.Undone
			Impossible int64  `json:"impossible"`
			InDoubt    int64  `json:"in_doubt"`
			Requests   int64  `json:"requests"`
			Report     string `json:"report"`
		}{u, plan[change.UndoImpossible], doubtful, b.progress.Snapshot().Requests, b.path})
	}
	var s strings.Builder
	if plan.work() == 0 {
		s.WriteString("There is nothing to undo.\n")
	}
	for _, c := range []struct {
		n    int64
		text string
	}{
		{u.Deleted, "%d profiles were deleted\n"},
		{u.Restored, "%d profiles are as they were before\n"},
		{u.Gone, "%d profiles were not there any more\n"},
		{u.Kept, "%d profiles were kept, for they were changed since; --force undoes them as well\n"},
		{u.Failed, "%d profiles could not be changed; the same command tries them again\n"},
		{u.Left, "%d profiles were not tried; the same command goes on with them\n"},
		{plan[change.UndoImpossible], "%d changes cannot be undone: what was there before is not in the report\n"},
		{doubtful, "%d rows may be in the API or not: run the import again, so that they are looked up\n"},
	} {
		if c.n > 0 {
			fmt.Fprintf(&s, c.text, c.n)
		}
	}
	if b.c.Quiet && u.Kept+u.Failed+u.Left+plan[change.UndoImpossible]+doubtful == 0 {
		return nil
	}
	return writeAll(b.env.Stdout, s.String())
}
