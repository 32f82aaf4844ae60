package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"importer/importer"
	"importer/importer/contact"
	"importer/internal/config"
	"importer/internal/exit"
	"importer/internal/export"
	"importer/internal/files"
	"importer/internal/help"
	"importer/internal/plain"
	"importer/internal/session"
	"importer/internal/words"
	"importer/sink"
)

// projectFlags are those of a command that talks with the project and reads no source.
var projectFlags = []string{"config", "base-url", "project-id", "store", "lease", "rate", "retries", "timeout", "insecure-http", "quiet", "log-level", "log-format", "json"}

func newExportCommand(env Env) *cobra.Command {
	e := exporting{}
	cmd := &cobra.Command{
		Use:   "export [-o FILE] [--format ndjson|csv] [--contact ID]",
		Short: "Write the project's profiles, one a line, so that they can be imported again",
		Long: `Write all profiles of the project, or those of one contact: one a line on standard
output, and nothing else there, or into a file. What was counted stands on standard
error.

  ndjson  the form of the API, with _id, times and all fields: importing it again
          restores it, under new ids
  csv     a column for each field; cells that a spreadsheet would run are made
          harmless, and taken back when the file is imported

The file is written whole, for its owner alone. Until then what was read is in
FILE.part: the same command goes on there after an interruption, within a day. A
list that shows fewer profiles than it says there are is an error (1). Others write
to the project meanwhile: what was added or changed until the end is in the file,
and is counted; on standard output what changed is as it was read.

The exit code is 3 where nobody has the contact id of --contact.`,
		Example: `  importer export -o backup.ndjson
  importer export --format csv -o contacts.csv
  importer export --contact ada@example.com`,
		Args:        help.Takes(0, "no argument"),
		Annotations: map[string]string{nothingElse: "true"},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := e.check(cmd); err != nil {
				return err
			}
			s, err := session.OpenProject(cmd, env)
			if err != nil {
				return err
			}
			e.Session = s
			return exit.Worse(e.run(cmd.Context()), s.Close())
		},
	}
	help.AddFlags(cmd, append(projectFlags, "progress", "settle")...)
	cmd.Flags().StringVarP(&e.output, "output", "o", "", "`FILE` to write, instead of standard output")
	cmd.Flags().StringVar(&e.format, "format", "ndjson", "ndjson or csv (default: csv for a FILE of that name, else ndjson)")
	cmd.Flags().StringVar(&e.contact, "contact", "", "write the profiles that hold this contact `ID`, exactly")
	describe(cmd, map[string]string{
		"store":    "`URL` of a PostgreSQL whose runs share the rate with this command ($IMPORTER_STORE); without a password",
		"settle":   "how long reads may lag behind writes",
		"progress": "auto, bar, plain or none; here a line every 10 s, or none",
		"quiet":    "print no counts when all is well",
		"json":     "print the counts as one JSON object: on standard error, or with a FILE on standard output",
	})
	return cmd
}

// readerOptions are those of a reader of the project.
func readerOptions(s *session.Session) importer.Options {
	return importer.Options{
		API: s.Client, Pacer: s.Pacer, Log: s.Log, Progress: &s.Progress,
		Workers: s.Config.Workers, Retries: s.Config.Retries, Settle: s.Config.InDoubt.Settle, GiveUpAfter: s.Config.GiveUpAfter, GiveUpAtStart: s.Config.GiveUpAtStart,
	}
}

// describe says of flags what they do here.
func describe(cmd *cobra.Command, usages map[string]string) {
	for name, usage := range usages {
		cmd.Flags().Lookup(name).Usage = usage
	}
}

// An exporting is one run of the command.
type exporting struct {
	*session.Session
	output, format, contact string
}

// check looks at the flags before anything is asked.
func (e *exporting) check(cmd *cobra.Command) error {
	if !cmd.Flags().Changed("format") && strings.EqualFold(filepath.Ext(e.output), ".csv") {
		e.format = "csv"
	}
	if _, err := words.Choice(e.format, "ndjson", "csv"); err != nil {
		return config.Errorf("--format %w", err)
	}
	if cmd.Flags().Changed("contact") && e.contact == "" {
		return config.Errorf("--contact is empty: name the contact id, as the profile has it")
	}
	if e.output == "-" {
		e.output = ""
	}
	if info, err := os.Stat(e.output); err == nil && info.IsDir() {
		return config.Errorf("--output: %s is a folder: name a file in it", contact.Printable(e.output))
	}
	return nil
}

// An exported is what the command says of itself in JSON.
type exported struct {
	Status contact.RunStatus `json:"status"`
	Reason string            `json:"reason"`
	export.Result
	Resumed   int             `json:"resumed"` // profiles that an earlier run had read
	Requests  int64           `json:"requests"`
	Retries   int64           `json:"retries"`
	Throttled int64           `json:"throttled"`
	Duration  contact.Seconds `json:"duration_s"`
	Output    string          `json:"output"` // empty: standard output
}

func (e *exporting) run(ctx context.Context) error {
	reader, stop := importer.NewReader(ctx, readerOptions(e.Session))
	defer stop()
	var done exported
	var err error
	if e.contact != "" {
		err = e.one(ctx, reader, &done)
	} else {
		err = e.all(ctx, reader, &done)
	}
	if ended := reader.Ended(); ended != nil && err != nil {
		err = ended
	}
	return session.Also(err, e.print(ctx, done, err))
}

// all writes the whole project.
func (e *exporting) all(ctx context.Context, reader *importer.Reader, done *exported) (err error) {
	list := export.Lister(reader.List)
	if path, ok := e.file(); ok {
		part, err := export.OpenPart(path, e.BaseURL, e.Config.API.ProjectID, e.Began)
		if err != nil {
			return asPartError(err)
		}
		e.OnClose(part.Close)
		e.tellOfPart(part)
		done.Resumed = part.Resumed
		if done.Result, err = e.read(ctx, export.ToPart(list, e.since(part.Began), part)); err != nil {
			return err
		}
		if err := files.Replace(path, func(w io.Writer) error { return e.write(part, w) }); err != nil {
			return fmt.Errorf("writing %s: %w", e.output, err)
		}
		return part.Remove()
	}
	return files.WriteTo(e.output, e.stdout(), func(w io.Writer) error {
		if e.format == "csv" {
			part, err := export.NewPart(e.Began)
			if err != nil {
				return err
			}
			e.OnClose(part.Close)
			if done.Result, err = e.read(ctx, export.ToPart(list, e.since(e.Began), part)); err != nil {
				return err
			}
			return buffered(w, func(w io.Writer) error { return part.WriteCSV(w) })
		}
		return buffered(w, func(w io.Writer) (err error) {
			done.Result, err = e.read(ctx, export.ToStream(list, e.since(e.Began), w))
			return err
		})
	})
}

// buffered has something written in larger pieces.
func buffered(w io.Writer, write func(io.Writer) error) error {
	b := bufio.NewWriter(w)
	return cmp.Or(write(b), b.Flush())
}

// write writes what a part holds in the form that was asked for.
func (e *exporting) write(part *export.Part, w io.Writer) error {
	if e.format == "csv" {
		return part.WriteCSV(w)
	}
	return part.WriteNDJSON(w)
}

// file is the file that is to be written, whatever links lead there; false where the
// profiles go to a stream: standard output, a pipe or a device.
func (e *exporting) file() (string, bool) {
	if e.output == "" {
		return "", false
	}
	info, err := os.Stat(e.output)
	return files.Real(e.output), err != nil || info.Mode().IsRegular()
}

// stdout is standard output: as it is for programs, and filtered on a terminal.
func (e *exporting) stdout() io.Writer {
	if behind := plain.Behind(e.Env.Stdout); !isTerminal(behind) {
		return behind
	}
	return e.Env.Stdout
}

func (e *exporting) since(began time.Time) func() time.Time {
	return func() time.Time { return e.ServerTime(began) }
}

func asPartError(err error) error {
	if wrong, ok := errors.AsType[*export.PartError](err); ok {
		return config.Errorf("%w", wrong)
	}
	return err
}

func (e *exporting) tellOfPart(p *export.Part) {
	name := export.PartOf(e.output)
	switch {
	case p.Outdated:
		e.Log.Warn().Str("part", name).Msg("what an export left that was interrupted is more than a day old: the project is read from its beginning")
	case p.Resumed > 0:
		e.Log.Info().Str("part", name).Int("profiles", p.Resumed).Time("began", p.Began).Msg("this export goes on where one was interrupted")
	}
}

// read runs an export, and shows how far it is.
func (e *exporting) read(ctx context.Context, x *export.Export) (export.Result, error) {
	var written, of atomic.Int64
	of.Store(-1)
	x.Shown(func(n, total int) { written.Store(int64(n)); of.Store(int64(total)) })
	stop := e.Display.StartLines(func() string {
		text := words.Comma(written.Load())
		if total := of.Load(); total >= 0 {
			text += " of " + words.Comma(total)
		}
		return fmt.Sprintf("%s profiles; %s requests", text, words.Comma(e.Progress.Snapshot().Requests))
	})
	defer stop()
	return x.Run(ctx)
}

// errNobody is that nobody has a contact id. It was printed.
var errNobody = fmt.Errorf("nobody has the contact id: %w", exit.ErrNotAllIn)

// one writes the profiles of one contact.
func (e *exporting) one(_ context.Context, reader *importer.Reader, done *exported) error {
	found, err := reader.Find(e.contact)
	if err != nil {
		return err
	}
	var lines []contact.Found
	for _, f := range found {
		whole, there, err := reader.Get(f.ID, nil)
		switch {
		case err != nil:
			return err
		case there:
			lines = append(lines, whole)
		}
	}
	done.Profiles, done.Compared = int64(len(lines)), true
	if len(lines) == 0 {
		return errNobody
	}
	return files.WriteTo(e.output, e.stdout(), func(w io.Writer) error {
		part, err := export.NewPart(e.Began)
		if err != nil {
			return err
		}
		e.OnClose(part.Close)
		if err := part.Take(lines); err != nil {
			return err
		}
		return buffered(w, func(w io.Writer) error { return e.write(part, w) })
	})
}

// print says what became of the export: on standard error, but for the object of --json
// where the profiles are in a file.
func (e *exporting) print(ctx context.Context, done exported, err error) error {
	s := session.StoppedBy(contact.Summary{Status: contact.Complete}, err)
	if errors.Is(err, errNobody) {
		s.Status, s.Reason = contact.Complete, ""
	}
	if interrupt := (*Interrupt)(nil); errors.As(err, &interrupt) {
		s.Status, s.Reason = contact.Interrupted, "interrupted"
	}
	p := e.Progress.Snapshot()
	done.Status, done.Reason, done.Output = s.Status, s.Reason, e.output
	done.Requests, done.Retries, done.Throttled, done.Duration = p.Requests, p.Retries, p.Throttled, contact.Seconds(time.Since(e.Began))
	if e.Config.JSON {
		*e.Env.Printed = true
		if e.output == "" {
			return sink.WriteJSON(e.Env.Stderr, done)
		}
		return sink.WriteJSON(e.Env.Stdout, done)
	}
	if e.Config.Quiet && err == nil && (done.Compared || e.contact != "") {
		return nil
	}
	_, failed := io.WriteString(e.Display, e.text(done, err))
	return failed
}

// profiles is such as "1,200 profiles".
func profiles(n int64) string {
	if n == 1 {
		return "1 profile"
	}
	return words.Comma(n) + " profiles"
}

// text is what became of the export, for people.
func (e *exporting) text(done exported, err error) string {
	requests := words.Comma(done.Requests) + " requests"
	if done.Requests == 1 {
		requests = "1 request"
	}
	where := ""
	if e.output != "" {
		where = " to " + contact.Printable(e.output)
	}
	if errors.Is(err, errNobody) {
		return fmt.Sprintf("importer: no profile of the project has the contact id %s (%s); nothing was written\n", contact.Printable(e.contact), requests)
	}
	if err != nil {
		text := fmt.Sprintf("importer: not all of the project was read: %s in %s.", profiles(done.Profiles), requests)
		if _, isFile := e.file(); isFile && e.contact == "" && done.Profiles > 0 {
			text += fmt.Sprintf(" They are in %s: the same command goes on with them.", contact.Printable(export.PartOf(e.output)))
		}
		return text + "\n"
	}
	text := fmt.Sprintf("importer: exported %s%s in %s.", profiles(done.Profiles), where, requests)
	changed := " changed after they had been read, and are as they were then"
	if e.output != "" {
		changed = " changed, and are as they were at the end"
	}
	var meanwhile []string
	for _, m := range []struct {
		n    int64
		what string
	}{{done.Added, " came in, and are there"}, {done.Changed, changed}, {done.Deleted, " or more were deleted, and are there still"}} {
		if m.n > 0 {
			meanwhile = append(meanwhile, words.Comma(m.n)+m.what)
		}
	}
	switch {
	case len(meanwhile) > 0:
		text += " Meanwhile " + strings.Join(meanwhile, "; ") + "."
	case !done.Compared:
		text += " What changed meanwhile could not be told: the API does not sort its list by the time of change."
	}
	return text + "\n"
}
