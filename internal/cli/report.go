package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"importer/importer/contact"
	"importer/internal/config"
	"importer/internal/files"
	"importer/internal/help"
	"importer/internal/nights"
	"importer/internal/plain"
	"importer/internal/report"
	"importer/internal/session"
	"importer/internal/verify"
	"importer/internal/words"
	"importer/sink/journal"
)

// A reporting is one run of the command report.
type reporting struct {
	env    Env
	cmd    *cobra.Command
	name   string // of the report
	format string
	output string
	json   bool

	purge, rejects bool
	toStore        string
	contact        string // of whom is erased
}

func newReportCommand(env Env) *cobra.Command {
	r := &reporting{env: env}
	cmd := &cobra.Command{
		Use:   "report REPORT",
		Short: "Show what a report says: as text, JSON, CSV of ids, or a page",
		Long: `Show what the report of an import says. It can be read while a run writes it.

  text    outcomes, why rows are not in, requests
  json    the same for programs, and of a store the settings of the last run
  csv     contactId,_id,status,line of each contact that is in or may be (unknown,
          without _id): what a CRM wants back
  html    one page that needs nothing else: timeline, latencies, failures, doubts
  ndjson  the report itself, line by line as it was written

With --rejects it gives the reject file that was written with the report, as it is;
several of them go into a folder that -o names.

With --purge it shows nothing, and rewrites the report without contact ids and
without what its errors quote. The accounts stay: keys, profile ids, statuses,
places. A run resumes from it as before.

With --contact ID as well it takes one person out: whoever has that contact id, with
whatever else the report says of them, in it and in the reports that were set aside
under its name, in reject files and verdicts, and in the state of a sync. In a store
REPORT may be left out: then it is all reports of the project. The exit code is 0
as well where nothing was found, and the output says so.

With a store (--store, $IMPORTER_STORE, or the configuration) REPORT is the name
under which the store keeps it, with or without .report.ndjson. With --to-store
REPORT is a file, and is put into the store under that name with its reject files;
an import with --store and --report NAME goes on with it there.`,
		Example: `  importer report contacts.csv.report.ndjson
  importer report contacts.csv.report.ndjson --format csv -o ids.csv
  importer report contacts.csv.report.ndjson --format html -o report.html
  importer report contacts.csv.report.ndjson --purge
  importer report contacts.csv.report.ndjson --purge --contact jane@example.com
  importer report contacts.csv --store postgres://importer@db.example.com/importer
  importer report contacts.csv --store postgres://importer@db.example.com/importer --rejects -o rejects.csv
  importer report contacts.csv.report.ndjson --to-store contacts.csv --store postgres://importer@db.example.com/importer`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && r.contact != "" {
				return nil // of all reports of a project
			}
			return oneReport(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			r.cmd, r.name = cmd, strings.Join(args, "")
			return r.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&r.format, "format", "text", "text, json, csv, html or ndjson")
	cmd.Flags().StringVarP(&r.output, "output", "o", "", "`FILE` to write, instead of standard output")
	cmd.Flags().BoolVar(&r.json, "json", false, "same as --format json")
	cmd.Flags().BoolVar(&r.rejects, "rejects", false, "give the reject file of the report")
	cmd.Flags().BoolVar(&r.purge, "purge", false, "remove contact data from the report, and keep the accounts")
	cmd.Flags().StringVar(&r.toStore, "to-store", "", "put the file REPORT into the store, under `NAME`")
	cmd.Flags().StringVar(&r.contact, "contact", "", "with --purge: erase the one person with this contact `ID`")
	help.AddFlags(cmd, "config", "base-url", "project-id", "store", "state")
	for name, usage := range map[string]string{
		"base-url":   "with a store: `URL` of the API that the report is of, where there are several of its name",
		"project-id": "with a store: `ID` of the project that the report is of, where there are several of its name",
		"store":      "`URL` of the PostgreSQL that keeps the report ($IMPORTER_STORE); without a password",
		"state":      "with --contact: state `FILE` of a sync of the report's project",
	} {
		cmd.Flags().Lookup(name).Usage = usage
	}
	return cmd
}

func (r *reporting) run(ctx context.Context) error {
	if err := r.together(); err != nil {
		return err
	}
	switch {
	case r.toStore != "":
		return r.putIntoStore(ctx)
	case r.contact != "":
		return session.EraseContact(ctx, r.cmd.Flags(), r.name, strings.TrimSpace(r.contact), verify.Suffix, r.env)
	case r.purge:
		return r.with(ctx, true, func(k *session.Kept) error {
			return nights.PurgeReport(r.env.Stdout, k.Reports, k.Name, verify.Suffix, func() ([]string, error) { return k.DropRejects(ctx) })
		})
	case r.rejects:
		return r.with(ctx, false, func(k *session.Kept) error { return r.giveRejects(ctx, k) })
	}
	return r.with(ctx, false, func(k *session.Kept) error {
		return files.WriteTo(r.output, plain.Behind(r.env.Stdout), func(w io.Writer) error { return writeReport(w, r.env.Stderr, k, r.format) })
	})
}

// together refuses flags that do not go together.
func (r *reporting) together() error {
	given := func(flag string) bool { return r.cmd.Flags().Changed(flag) }
	if r.json {
		if given("format") && r.format != "json" {
			return config.Errorf("--json and --format %s: give one of them", r.format)
		}
		r.format = "json"
	}
	var does []string
	for _, flag := range []string{"purge", "rejects", "to-store"} {
		if given(flag) {
			does = append(does, "--"+flag)
		}
	}
	shows := given("format") || r.json
	switch {
	case len(does) > 1:
		return config.Errorf("%s: give one of them", strings.Join(does, " and "))
	case given("to-store") && r.toStore == "":
		return config.Errorf("--to-store needs a name to keep the report under, such as contacts.csv")
	case given("contact") && !r.purge:
		return config.Errorf("--contact is for --purge: it erases that person")
	case given("contact") && strings.TrimSpace(r.contact) == "":
		return config.Errorf("--contact needs a contact id")
	case given("state") && r.contact == "":
		return config.Errorf("--state is for --purge --contact: the state of a sync holds contact ids as well")
	case len(does) == 1 && does[0] != "--rejects" && (shows || r.output != ""):
		return config.Errorf("%s shows nothing of the report: leave out --format, --json and --output", does[0])
	case r.rejects && shows:
		return config.Errorf("--rejects gives the reject file as it is: leave out --format and --json")
	case files.SameFile(r.output, r.name):
		return config.Errorf("--output is the report itself, which would be lost: name another file")
	}
	if _, err := words.Choice(r.format, "text", "json", "csv", "html", "ndjson"); err != nil {
		return config.Errorf("--format %w", err)
	}
	return nil
}

// with hands the report on, which is a file or kept in a store.
func (r *reporting) with(ctx context.Context, alters bool, run func(*session.Kept) error) error {
	k, err := session.OpenKept(ctx, r.cmd.Flags(), r.name, alters, r.env)
	if err != nil {
		return err
	}
	return session.Also(run(k), k.Close())
}

func writeReport(w, stderr io.Writer, k *session.Kept, format string) error {
	if format == "ndjson" {
		return writeLines(w, k)
	}
	a, err := report.Read(k.Reports, k.Name)
	if err != nil {
		return err
	}
	if format != "csv" || isTerminal(w) { // who reads the CSV wants each id as it is
		w = plain.NewWriter(w)
	}
	switch format {
	case "csv":
		if n := a.Count(contact.InDoubt); n > 0 {
			fmt.Fprintf(stderr, "%s announced without an outcome, and the report does not hold their contact ids: the CSV leaves them out. Run the same import again, which looks them up.\n",
				words.Plural(n, "row was", "rows were"))
		}
		return report.WriteIDs(w, k.Reports, k.Name)
	case "json":
		a.Settings = k.Settings()
		return a.WriteJSON(w)
	case "html":
		return a.WriteHTML(w, nil, "")
	}
	return a.WriteText(w)
}

// writeLines gives the complete lines of the report as they are.
func writeLines(w io.Writer, k *session.Kept) error {
	if _, err := journal.ReadHeader(k.Reports, k.Name); err != nil { // it is no report
		return err
	}
	lines, err := k.Reports.Read(k.Name, false)
	if err != nil {
		return err
	}
	defer lines.Close()
	if isTerminal(w) {
		w = plain.NewWriter(w)
	}
	buffered := bufio.NewWriterSize(w, 64<<10)
	if _, _, err := session.CopyLines(buffered, lines); err != nil {
		return err
	}
	return buffered.Flush()
}

// giveRejects gives the reject files of the report.
func (r *reporting) giveRejects(ctx context.Context, k *session.Kept) error {
	all, err := k.RejectFiles(ctx)
	if err != nil {
		return err
	}
	folder := ""
	if info, err := os.Stat(cmp.Or(r.output, "-")); err == nil && info.IsDir() {
		folder = r.output
	}
	var named []string
	for _, f := range all {
		named = append(named, contact.Printable(f.Name))
	}
	switch {
	case len(all) == 0:
		return fmt.Errorf("there is no reject file of the report %s: none was written, or it was removed; importer report %[1]s says whether rows were refused", contact.Printable(k.Name))
	case len(all) > 1 && folder == "":
		return config.Errorf("the report %s has %d reject files, %s: name a folder that is there with -o, and all of them are written into it", contact.Printable(k.Name), len(all), strings.Join(named, ", "))
	case folder == "":
		return files.WriteTo(r.output, plain.Behind(r.env.Stdout), func(w io.Writer) error {
			if isTerminal(w) {
				w = plain.NewWriter(w)
			}
			return copyFile(w, all[0])
		})
	}
	for _, f := range all {
		path := filepath.Join(folder, f.Name)
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return config.Errorf("%s is there already: move it away, because somebody may have edited it, or name another folder with -o", contact.Printable(path))
		}
	}
	for _, f := range all {
		path := filepath.Join(folder, f.Name)
		if err := files.WriteTo(path, nil, func(w io.Writer) error { return copyFile(w, f) }); err != nil {
			return err
		}
		fmt.Fprintln(r.env.Stderr, contact.Printable(path))
	}
	return nil
}

func copyFile(w io.Writer, f session.RejectFile) error {
	in, err := f.Open()
	if err != nil {
		return err
	}
	_, err = io.Copy(w, in)
	return session.Also(err, in.Close())
}

func (r *reporting) putIntoStore(ctx context.Context) error {
	m, err := session.PutIntoStore(ctx, r.cmd.Flags(), r.name, r.toStore, r.env)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s is in the store %s as %s: %s bytes", contact.Printable(r.name), m.Store, contact.Printable(m.Name), words.Comma(m.Bytes))
	if len(m.Rejects) > 0 {
		fmt.Fprintf(&b, ", with %s", contact.Printable(strings.Join(m.Rejects, ", ")))
	}
	b.WriteString(".\n")
	if m.Torn > 0 {
		fmt.Fprintf(&b, "Its last line has no end, because a run was killed, and was left out: no run resumes from it.\n")
	}
	fmt.Fprintf(&b, "The import goes on there with --store and --report %s. The file stays, and is not to be gone on with: what both send is there twice.\n", contact.Printable(m.Name))
	if len(m.Aside) > 0 {
		fmt.Fprintf(&b, "%s stayed where they are: put each into the store by itself, as %s.1 and so on, if they are needed there.\n",
			words.Plural(int64(len(m.Aside)), "report that was set aside", "reports that were set aside"), contact.Printable(m.Name))
	}
	if m.Header.Mode != "create" {
		b.WriteString("The state of the sync stays a file, and the first run with the store makes it anew from the report and the project.\n")
	}
	_, err = io.WriteString(r.env.Stdout, b.String())
	return err
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
