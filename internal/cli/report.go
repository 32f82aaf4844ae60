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
places. A run resumes from it as before.`,
		Example: `  importer report contacts.csv.report.ndjson
  importer report contacts.csv.report.ndjson --format csv -o ids.csv
  importer report contacts.csv.report.ndjson --format html -o report.html
  importer report contacts.csv.report.ndjson --purge`,
		Args: oneReport,
		RunE: func(cmd *cobra.Command, args []string) error {
			if purge {
				if cmd.Flags().Changed("format") || output != "" {
					return config.Errorf("--purge rewrites the report and shows nothing: leave out --format and --output")
				}
				return nights.PurgeReport(env.Stdout, session.Keeper(), args[0], verify.Suffix)
			}
			if _, err := words.Choice(format, "text", "json", "csv", "html"); err != nil {
				return config.Errorf("--format %w", err)
			}
			if files.SameFile(output, args[0]) {
				return config.Errorf("--output is the report itself, which would be lost: name another file")
			}
			return files.WriteTo(output, plain.Behind(env.Stdout), func(w io.Writer) error { return writeReport(w, env.Stderr, args[0], format) })
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text, json, csv or html")
	cmd.Flags().StringVarP(&output, "output", "o", "", "`FILE` to write, instead of standard output")
	cmd.Flags().BoolVar(&purge, "purge", false, "remove contact data from the report, and keep the accounts")
	return cmd
}

func writeReport(w, stderr io.Writer, path, format string) error {
	a, err := report.Read(session.Keeper(), path)
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
		return report.WriteIDs(w, session.Keeper(), path)
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
