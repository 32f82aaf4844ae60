package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"importer/importer"
	"importer/importer/change"
	"importer/importer/contact"
	"importer/internal/config"
	"importer/internal/exit"
	"importer/internal/help"
	"importer/internal/plain"
	"importer/internal/reconcile"
	"importer/internal/session"
)

func newUndoCommand(env Env) *cobra.Command {
	var yes, force bool
	cmd := lookingBack(&cobra.Command{
		Use:   "undo REPORT",
		Short: "Delete what a report says was created, bring back what it says was changed",
		Long: `Undo what a report says was written: delete the profiles that were created,
bring back what updates took away, and activate what a mirror deactivated.
Profiles that somebody has changed since are kept. Where the project is, the
settings say and never the report: where the two differ, nothing is sent, and the
exit code is 2.

An update can be undone only where report.keep_previous was set when it was made:
nothing else knows what was there before. What a mirror deleted cannot be brought
back. What is not undone is counted, with the reason.

Each change is announced and recorded in the report, so that an undo that was
interrupted goes on where it stopped, and a second one finds nothing to do. An
import with that report creates the deleted contacts again; move the source away
first if that is not wanted.

The API may delete the conversations of a profile with it. The exit code is 3
where something could not be undone.`,
		Example: "  importer undo contacts.csv.report.ndjson",
	}, env, func(b *lookBack, ctx context.Context) error { return b.undo(ctx, yes, force) })
	help.AddFlags(cmd, "state")
	cmd.Flags().Lookup("state").Usage = "state `FILE` of a sync, which is updated where it is of this project"
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&force, "force", false, "undo what was changed since as well")
	return cmd
}

// An undoing is one run of the command.
type undoing struct {
	*lookBack
	force    bool
	plan     map[change.Undo]int64 // how many rows are undone how
	work     int64                 // how many of them need a request
	doubtful int64                 // rows that may be in the API or not
	undone   change.Undone
}

func (b *lookBack) undo(ctx context.Context, yes, force bool) error {
	u := &undoing{lookBack: b, force: force, plan: map[change.Undo]int64{}}
	if err := u.open(); err != nil {
		return err
	}
	if u.work == 0 {
		return exit.Result(ctx, contact.Complete, u.all(), u.printUndone(contact.Summary{Status: contact.Complete}))
	}
	if err := u.confirm(yes); err != nil {
		return err
	}
	if err := u.OpenState(ctx); err != nil {
		return err
	}
	if err := u.Report.Begin(); err != nil {
		return err
	}
	if u.State != nil {
		if err := u.Together().Use(u.Session.Run); err != nil {
			return err
		}
	}
	summary, err := u.rows(ctx)
	summary, err = u.End(summary, err)
	return exit.Result(ctx, summary.Status, u.all(), session.Also(err, u.printUndone(summary)))
}

// open opens the report, and plans what is done about what it says was written.
func (u *undoing) open() error {
	if err := u.OpenReport(); err != nil {
		return err
	}
	if err := u.EachOutcome(u.Written.Record); err != nil {
		return err
	}
	u.doubtful = int64(u.Report.Keys().Count(contact.InDoubt) + u.Report.Keys().Count(contact.Unknown))
	for rows, err := range u.Written.Rows() {
		if err != nil {
			return err
		}
		for i := range rows {
			u.plan[rows[i].Undo()]++
		}
	}
	u.work = u.plan[change.UndoDelete] + u.plan[change.UndoRestore] + u.plan[change.UndoActivate]
	return nil
}

func (u *undoing) rows(ctx context.Context) (contact.Summary, error) {
	o := importer.Options{
		API: u.Client, Journal: reconcile.Journal{Journal: u.Report, State: u.State, Apart: true}, Keys: u.Report.Keys(), Pacer: u.Pacer, Log: u.Log, Progress: &u.Progress,
		Gate: u.Gate(), Behaviour: u.Behaviour(), Workers: u.Config.Workers, Retries: u.Config.Retries, Settle: u.Config.InDoubt.Settle, GiveUpAfter: u.Config.GiveUpAfter, GiveUpAtStart: u.Config.GiveUpAtStart,
	}
	if u.State != nil {
		o.State = u.State
	}
	defer u.show(u.work, func() int64 { s := u.Progress.Snapshot(); return s.Deleted + s.Updated })()
	var err error
	u.undone, err = importer.UndoRows(ctx, u.Written.Rows(), o, u.force)
	s := u.Progress.Snapshot()
	summary := contact.Summary{Status: contact.Complete, Requests: s.Requests, Retries: s.Retries, Throttled: s.Throttled}
	summary.Updated, summary.Deleted = s.Updated, s.Deleted
	summary.Unknown = u.doubtful // the next import goes on with this report
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		summary.Status, summary.Reason, err = contact.Interrupted, "interrupted", nil
	}
	return summary, err
}

// all reports whether everything is undone.
func (u *undoing) all() bool {
	return u.undone.Kept+u.undone.Failed+u.undone.Left+u.undone.Partly+u.impossible()+u.plan[change.UndoNameless]+u.doubtful == 0
}

// impossible is how many rows can never be undone.
func (u *undoing) impossible() int64 { return u.plan[change.UndoImpossible] + u.plan[change.UndoGone] }

func (u *undoing) confirm(yes bool) error {
	if yes {
		return nil
	}
	but := "but for what was changed since"
	if u.force {
		but = "what was changed since as well"
	}
	text := fmt.Sprintf("Undo %s in project %s at %s, %s:\n", contact.Printable(u.Path), contact.Printable(u.Header.ProjectID), contact.Printable(u.Header.BaseURL), but) + tell([]tally{
		{u.plan[change.UndoDelete], "  delete %d profiles"},
		{u.plan[change.UndoRestore], "  bring back what %d updates took away" + u.mayStay()},
		{u.plan[change.UndoActivate], "  activate %d profiles"},
	}) + tell(u.notUndone())
	in, ok := u.Env.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return config.Errorf("%w", plain.Lines(text+"nothing was done, because there is no terminal to ask on: --yes does it without asking"))
	}
	return ask(in, u.Env.Stderr, text)
}

func ask(in io.Reader, out io.Writer, text string) error {
	fmt.Fprint(out, text, "Go on? [y/N] ")
	var answer string
	_, err := fmt.Fscanln(in, &answer)
	if answer = strings.ToLower(answer); err != nil || answer != "y" && answer != "yes" {
		return errors.New("nothing was done")
	}
	return nil
}

// mayStay says what becomes of fields that updates added.
func (u *undoing) mayStay() string {
	switch u.Behaviour().Patch {
	case contact.PatchMerges:
		return "; a field that was not there before stays, because the API merges fields"
	case contact.PatchReplaces:
		return ""
	}
	return "; a field that was not there before goes away again only where the API replaces fields"
}

// notUndone is what an undo leaves as it is.
func (u *undoing) notUndone() []tally {
	return []tally{
		{u.plan[change.UndoImpossible], "%d updates cannot be undone: what they took away is not in the report, because report.keep_previous was not set when they were made; set it for the next run, and correct these in the source"},
		{u.plan[change.UndoGone], "%d profiles were deleted by a mirror: the API has no operation that brings them back; an import creates those that its source holds, without their conversations"},
		{u.plan[change.UndoNameless], "%d rows were written, and the report does not hold their profile ids: look for them by contact id, and delete them by hand"},
		{u.doubtful, "%d rows may be in the API or not: run the import again, so that they are looked up, and undo after that"},
	}
}

// failures are what is not undone, in the terms of a summary.
func (u *undoing) failures() []contact.FailureLine {
	lines := []contact.FailureLine{}
	for _, f := range []contact.FailureLine{
		{Status: "kept", Count: u.undone.Kept, Hint: "changed since; --force undoes them as well"},
		{Status: "partly", Count: u.undone.Partly, Hint: "the API merges: take away by hand what was not there before"},
		{Status: "failed", Count: u.undone.Failed, Hint: "the same command tries them again"},
		{Status: "left", Count: u.undone.Left, Hint: "the same command goes on with them"},
		{Status: "impossible", Count: u.impossible(), Hint: "no report says what updates took away, or a mirror deleted them"},
		{Status: "no_id", Count: u.plan[change.UndoNameless], Hint: "look for them by contact id, and delete them by hand"},
		{Status: "in_doubt", Count: u.doubtful, Hint: "run the import again, so that they are looked up, and undo after that"},
	} {
		if f.Count > 0 {
			lines = append(lines, f)
		}
	}
	return lines
}

func (u *undoing) printUndone(summary contact.Summary) error {
	text := tell(append([]tally{
		{u.undone.Deleted, "%d profiles were deleted"},
		{u.undone.Restored, "%d profiles are as they were before"},
		{u.undone.Partly, "%d of them keep a field or contact id that was not there before, because the API merges: take it away by hand"},
		{u.undone.Gone, "%d profiles were not there any more"},
		{u.undone.Kept, "%d profiles were kept, because they were changed since; --force undoes them as well"},
		{u.undone.Failed, "%d profiles could not be changed; the same command tries them again"},
		{u.undone.Left, "%d profiles were not tried; the same command goes on with them"},
	}, u.notUndone()...))
	if u.work == 0 {
		text = "There is nothing to undo.\n" + text
	}
	return printResult(u.Session, u.all(), struct {
		Status contact.RunStatus `json:"status"`
		Reason string            `json:"reason,omitempty"`
		change.Undone
		Impossible int64                 `json:"impossible"`
		NoID       int64                 `json:"no_id"` // written, and their profiles are not known
		InDoubt    int64                 `json:"in_doubt"`
		Requests   int64                 `json:"requests"`
		Report     string                `json:"report"`
		Failures   []contact.FailureLine `json:"failures"`
	}{summary.Status, summary.Reason, u.undone, u.impossible(), u.plan[change.UndoNameless], u.doubtful, u.Progress.Snapshot().Requests, u.Path, u.failures()}, text)
}
