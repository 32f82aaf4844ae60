package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"importer/importer/contact"
	"importer/internal/config"
	"importer/internal/files"
	"importer/internal/nights"
	"importer/internal/plain"
	"importer/internal/report"
	"importer/internal/session"
	"importer/internal/verify"
	"importer/internal/words"
)

func newReportCommand(env Env) *cobra.Command {
	var format, output string
	var purge bool
	cmd := &cobra.Command{
		Use:   "report REPORT",
		Short: "Show what a report says: as text, JSON, CSV of ids, or a page",
		Long: `Show what the report of an import says. It can be read while a run writes it.

  text  outcomes, why rows are not in, requests
  json  the same for programs
  csv   contactId,_id,status,line of each contact that is in or may be (unknown,
        without _id): what a CRM wants back
  html  one page that needs nothing else: timeline, latencies, failures, doubts

With --purge it shows nothing, and rewrites the report without contact ids and
without what its errors quote. The accounts stay: keys, profile ids, statuses,
places. A run resumes from it as before.

With a store (--store, $IMPORTER_STORE, or the configuration) REPORT is the name
under which the store keeps it, with or without .report.ndjson.`,
		Example: `  importer report contacts.csv.report.ndjson
  importer report contacts.csv.report.ndjson --format csv -o ids.csv
  importer report contacts.csv.report.ndjson --format html -o report.html
  importer report contacts.csv.report.ndjson --purge
  importer report contacts.csv --store postgres://importer@db.example.com/importer`,
		Args: oneReport,
		RunE: func(cmd *cobra.Command, args []string) error {
			if purge {
				if cmd.Flags().Changed("format") || output != "" {
					return config.Errorf("--purge rewrites the report and shows nothing: leave out --format and --output")
				}
				return withReport(cmd, args[0], env, func(k *session.Kept) error {
					return nights.PurgeReport(env.Stdout, k.Reports, k.Name, verify.Suffix)
				})
			}
			if _, err := words.Choice(format, "text", "json", "csv", "html"); err != nil {
				return config.Errorf("--format %w", err)
			}
			if files.SameFile(output, args[0]) {
				return config.Errorf("--output is the report itself, which would be lost: name another file")
			}
			return withReport(cmd, args[0], env, func(k *session.Kept) error {
				return files.WriteTo(output, plain.Behind(env.Stdout), func(w io.Writer) error { return writeReport(w, env.Stderr, k, format) })
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text, json, csv or html")
	cmd.Flags().StringVarP(&output, "output", "o", "", "`FILE` to write, instead of standard output")
	cmd.Flags().BoolVar(&purge, "purge", false, "remove contact data from the report, and keep the accounts")
	addFlags(cmd, "config", "base-url", "project-id", "store")
	for name, usage := range map[string]string{
		"base-url":   "with a store: `URL` of the API that the report is of, where there are several of its name",
		"project-id": "with a store: `ID` of the project that the report is of, where there are several of its name",
		"store":      "`URL` of the PostgreSQL that keeps the report ($IMPORTER_STORE); without a password",
	} {
		cmd.Flags().Lookup(name).Usage = usage
	}
	return cmd
}

// withReport hands the report of that name on, which is a file or kept in a store.
func withReport(cmd *cobra.Command, name string, env Env, run func(*session.Kept) error) error {
	k, err := session.OpenKept(cmd.Context(), cmd.Flags(), name, env)
	if err != nil {
		return err
	}
	return session.Also(run(k), k.Close())
}

func writeReport(w, stderr io.Writer, k *session.Kept, format string) error {
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
		return a.WriteJSON(w)
	case "html":
		return a.WriteHTML(w, nil, "")
	}
	return a.WriteText(w)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
