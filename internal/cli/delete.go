package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"importer/importer"
	"importer/importer/contact"
	"importer/importer/pace"
	"importer/internal/commandline"
	"importer/internal/config"
	"importer/internal/exit"
	"importer/internal/help"
	"importer/internal/plain"
	"importer/internal/session"
	"importer/internal/traces"
	"importer/internal/words"
)

func newDeleteCommand(env Env) *cobra.Command {
	d := deleting{}
	cmd := &cobra.Command{
		Use:   "delete --contact ID [--yes]",
		Short: "Delete the profile of one contact, and say what still names them on this machine",
		Long: `Delete the profile of one contact, for somebody who asks for that. The contact id is
looked up exactly: where several profiles hold it, none is deleted. What the profile
is and what goes with it is shown first. On a terminal it is asked for; elsewhere
--yes has to say so. The profile is looked for afterwards, until --settle is over.

No operation of the API brings a profile back: importer export --contact writes it to
a file before. The reports, reject files and the state in this folder, and where the
configuration has them, are looked through: those that still name the contact are
named, with what to do about them. Take the contact out of the source as well, or the
next import may create them again.

The exit code is 3 where nobody has the contact id.`,
		Example: `  importer export --contact ada@example.com -o ada.ndjson
  importer delete --contact ada@example.com`,
		Args: help.Takes(0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if d.contact == "" {
				return config.Errorf("name the contact with --contact ID: a contact id, as the profile has it")
			}
			s, err := session.OpenProject(cmd, env)
			if err != nil {
				return err
			}
			d.Session = s
			return exit.Worse(d.run(cmd.Context()), s.Close())
		},
	}
	help.AddFlags(cmd, append(projectFlags, "settle", "state")...)
	cmd.Flags().StringVar(&d.contact, "contact", "", "delete the profile that holds this contact `ID`, exactly")
	cmd.Flags().BoolVar(&d.yes, "yes", false, "do not ask")
	describe(cmd, map[string]string{
		"store":  "`URL` of a PostgreSQL whose runs share the rate with this command ($IMPORTER_STORE); without a password",
		"settle": "how long reads may lag behind writes: until then the profile is looked for",
		"state":  "state `FILE` of a sync, which is looked through",
		"quiet":  "print nothing when the profile is gone and nothing names the contact",
		"json":   "print the result as one JSON object",
	})
	return cmd
}

// A deleting is one run of the command.
type deleting struct {
	*session.Session
	contact string
	yes     bool

	profile       contact.Found
	conversations int   // -1: the API does not tell
	untold        error // why; nil: it does not say
	done          deleted
}

// A deleted is what the command says of itself in JSON.
type deleted struct {
	Status        contact.RunStatus `json:"status"`
	Reason        string            `json:"reason"`
	ID            string            `json:"_id"` // empty: there was none
	ContactIDs    []string          `json:"contactIds"`
	Deleted       bool              `json:"deleted"`
	Conversations int               `json:"conversations"` // that went with it; -1: the API did not tell
	Traces        []trace           `json:"traces"`
	Requests      int64             `json:"requests"`
}

// A trace is a file that still names the contact.
type trace struct {
	traces.Trace
	Do string `json:"do"` // the command that purges it, or what else to do
}

func (d *deleting) run(ctx context.Context) error {
	reader, stop := importer.NewReader(ctx, readerOptions(d.Session))
	defer stop()
	d.done = deleted{Status: contact.Complete, ContactIDs: []string{d.contact}, Conversations: -1}
	there, err := d.find(ctx, reader)
	if err == nil && there {
		if err = d.confirm(); err == nil {
			err = d.remove(ctx, reader)
		}
	}
	if ended := reader.Ended(); ended != nil && err != nil {
		err = ended
	}
	if err != nil {
		return err
	}
	if d.done.Traces, err = d.traces(); err != nil {
		err = fmt.Errorf("not all files on this machine could be looked through for the contact: %w", err)
	}
	d.done.Requests = d.Progress.Snapshot().Requests
	err = session.Also(err, printResult(d.Session, there && len(d.done.Traces) == 0, d.done, d.text(there)))
	if err == nil && !there {
		return errNobody
	}
	return err
}

// find finds the one profile that holds the contact id, and what goes with it.
func (d *deleting) find(ctx context.Context, reader *importer.Reader) (there bool, err error) {
	found, err := reader.Find(d.contact)
	switch {
	case err != nil || len(found) == 0:
		return false, err
	case len(found) > 1:
		var ids []string
		for _, f := range found {
			ids = append(ids, f.ID+" ("+words.QuoteNames(f.ContactIDs, 5)+")")
		}
		return false, fmt.Errorf("%d profiles hold the contact id %s, and nothing was deleted, because only one of them may be meant: %s; name the one by a contact id that it alone holds, or delete it in the user interface of Cognigy.AI",
			len(found), contact.Printable(d.contact), contact.Printable(strings.Join(ids, ", ")))
	}
	if d.profile, there, err = reader.Get(found[0].ID, nil); err != nil || !there {
		return there, err
	}
	d.done.ID, d.done.ContactIDs = d.profile.ID, d.profile.ContactIDs
	if !slices.Contains(d.profile.ContactIDs, d.contact) {
		return false, fmt.Errorf("the profile %s was found by the contact id %s, and does not show it when it is read: a cache on the way to the API may be behind; nothing was deleted, try again later", d.profile.ID, contact.Printable(d.contact))
	}
	d.conversations, d.untold = d.Conversations(ctx, d.profile.ID)
	d.done.Conversations = d.conversations
	return true, nil
}

// confirm shows what is to be deleted, and asks.
func (d *deleting) confirm() error {
	if d.yes {
		return nil
	}
	text := d.whatGoes()
	in, ok := d.Env.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return config.Errorf("%w", plain.Lines(text+"nothing was done, because there is no terminal to ask on: --yes does it without asking"))
	}
	return ask(in, d.Env.Stderr, text)
}

// whatGoes is the profile, and what goes with it.
func (d *deleting) whatGoes() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Delete the profile %s in project %s at %s:\n", d.profile.ID, contact.Printable(d.Config.API.ProjectID), contact.Printable(d.BaseURL))
	line := func(name, value string) {
		fmt.Fprintf(&b, "  %-14s %s\n", contact.Printable(name), contact.Printable(value))
	}
	line("contact ids", words.QuoteNames(d.profile.ContactIDs, 20))
	for _, f := range d.profile.Fields {
		switch value := string(f.Value); {
		case slices.Contains([]string{`""`, "0", "false", "null", "[]", "{}", `{"accepted":false}`}, value): // not set
		case d.Config.Report.Redact:
			line(f.Name, "(not shown)")
		default:
			line(f.Name, plain.Cut(value, 200))
		}
	}
	if !d.profile.LastChanged.IsZero() {
		line("last changed", d.profile.LastChanged.Format(time.RFC3339))
	}
	b.WriteString("What goes with it, and cannot be brought back:\n")
	switch {
	case d.conversations >= 0:
		fmt.Fprintf(&b, "  %s\n", words.Plural(int64(d.conversations), "conversation", "conversations"))
	case d.untold != nil:
		fmt.Fprintf(&b, "  its conversations; how many there are could not be told: %s\n", contact.Printable(d.untold.Error()))
	default:
		b.WriteString("  its conversations; the API does not tell how many there are\n")
	}
	b.WriteString("  its analytics and transcripts, as the API documents it for the node of a Flow that deletes a profile\n")
	return b.String()
}

// remove deletes the profile, and looks until it is gone. A request whose answer was lost
// is made again: to delete twice is as good as once.
func (d *deleting) remove(ctx context.Context, reader *importer.Reader) error {
	for attempt := 0; ; attempt++ {
		err := d.Delete(ctx, d.profile.ID)
		problem, failed := errors.AsType[*contact.APIError](err)
		switch {
		case err == nil, contact.IsGone(err):
			return d.isGone(ctx, reader)
		case !failed || problem.Class != contact.Ambiguous || attempt >= d.Config.Retries:
			return fmt.Errorf("the profile %s was not deleted, as far as is known: %w", d.profile.ID, err)
		}
	}
}

// lookAgain is how long a profile is left that is there still, because reads may lag
// behind.
const lookAgain = 500 * time.Millisecond

// isGone looks for the profile until it is gone, for as long as reads may lag behind.
func (d *deleting) isGone(ctx context.Context, reader *importer.Reader) error {
	until := time.Now().Add(d.Config.InDoubt.Settle)
	for {
		_, there, err := reader.Get(d.profile.ID, nil)
		if err == nil && !there {
			there, err = d.isListed(reader)
		}
		switch {
		case err != nil:
			return fmt.Errorf("the API took the order to delete the profile %s, and whether it is gone could not be found out: %w", d.profile.ID, err)
		case !there:
			d.done.Deleted = true
			return nil
		case !time.Now().Before(until):
			return fmt.Errorf("the API took the order to delete the profile %s, and shows it still after %v: run the same command again, or raise --settle", d.profile.ID, d.Config.InDoubt.Settle)
		case !pace.Sleep(ctx.Done(), lookAgain):
			return context.Cause(ctx)
		}
	}
}

// isListed tells whether the list still shows the profile by a contact id.
func (d *deleting) isListed(reader *importer.Reader) (bool, error) {
	found, err := reader.Find(d.contact)
	return slices.ContainsFunc(found, func(f contact.Found) bool { return f.ID == d.profile.ID }), err
}

// traces are the files on this machine that still name the contact, with what to do.
func (d *deleting) traces() ([]trace, error) {
	folders := []string{".", filepath.Dir(d.Config.Sync.State)}
	named := map[string]traces.Kind{d.Config.Sync.State: traces.State}
	if path := d.Config.Report.Path; path != "" {
		folders, named[path] = append(folders, filepath.Dir(path)), traces.Report
	}
	found, err := traces.Find(folders, named, d.done.ContactIDs)
	all := []trace{}
	for _, t := range found {
		all = append(all, trace{t, d.purge(t, found)})
	}
	return all, err
}

// purge is the command that takes the contact out of a file: one for a report with all that
// belongs to it, and the state.
func (d *deleting) purge(t traces.Trace, all []traces.Trace) string {
	report := t.Report()
	if t.Kind == traces.State {
		for _, other := range all {
			report = cmp.Or(report, other.Report())
		}
	}
	if report == "" {
		return "rm " + commandline.Quote(t.Path)
	}
	line := fmt.Sprintf("%s report %s --purge --contact %s", commandline.Quote(d.program()), commandline.Quote(report), commandline.Quote(d.contact))
	if d.Line.Given("state") {
		line += " --state " + commandline.Quote(d.Config.Sync.State)
	}
	return line
}

func (d *deleting) program() string {
	if d.Env.Program == "" {
		return "importer"
	}
	return d.Env.Program
}

// text is what became of it, for people.
func (d *deleting) text(there bool) string {
	var b strings.Builder
	if there {
		fmt.Fprintf(&b, "The profile %s is deleted, and the API does not show it any more.", d.done.ID)
		if d.conversations >= 0 {
			fmt.Fprintf(&b, " With it went %s.", words.Plural(int64(d.conversations), "conversation", "conversations"))
		}
		b.WriteByte('\n')
	} else {
		fmt.Fprintf(&b, "No profile of the project has the contact id %s; nothing was deleted.\n", contact.Printable(d.contact))
	}
	if len(d.done.Traces) == 0 {
		b.WriteString("No report, reject file or state in this folder names the contact.\n")
	} else {
		b.WriteString("\nThese files on this machine still name the contact:\n")
	}
	var commands []string
	for _, t := range d.done.Traces {
		fmt.Fprintf(&b, "  %s (%s)\n", contact.Printable(t.Path), t.Kind)
		if !slices.Contains(commands, t.Do) {
			commands = append(commands, t.Do)
		}
	}
	if len(commands) > 0 {
		b.WriteString("This takes the contact out of them:\n  " + strings.Join(commands, "\n  ") + "\n")
	}
	if d.Config.Store != "" {
		fmt.Fprintf(&b, "What the store holds was not looked through. This takes the contact out of it, with the same store:\n  %s report --purge --contact %s\n",
			commandline.Quote(d.program()), commandline.Quote(d.contact))
	}
	b.WriteString("Take the contact out of the source too, or the next import may create a profile again.\n")
	return b.String()
}
