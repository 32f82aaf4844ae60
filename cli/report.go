package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"importer/config"
	"importer/report"
)

func newReportCommand(env Env) *cobra.Command {
	var format, output string
	formats := []string{"text", "json", "csv", "html"}
	cmd := &cobra.Command{
		Use:   "report REPORT",
		Short: "Show what a report says: as text, JSON, CSV of ids, or a page",
		Long: `Show what the report of an import says. It can be read while a run writes it.

  text  outcomes, why rows are not in, requests
  json  the same for programs
  csv   contactId,_id,status,line of each profile: what a CRM wants back
  html  one page that needs nothing else: timeline, latencies, failures, doubts`,
		Example: `  importer report contacts.csv.report.ndjson
  importer report contacts.csv.report.ndjson --format csv -o ids.csv
  importer report contacts.csv.report.ndjson --format html -o report.html`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return config.Errorf("%s takes one report, and got %d arguments", cmd.CommandPath(), len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(formats, format) {
				return config.Errorf("--format is %q; want one of %s", format, strings.Join(formats, ", "))
			}
			if sameFile(output, args[0]) {
				return config.Errorf("--output is the report itself, which would be lost: name another file")
			}
			return writeTo(output, env.Stdout, func(w io.Writer) error { return writeReport(w, args[0], format) })
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text, json, csv or html")
	cmd.Flags().StringVarP(&output, "output", "o", "", "`FILE` to write, instead of standard output")
	return cmd
}

func writeReport(w io.Writer, path, format string) error {
	if format == "csv" {
		return report.WriteIDs(w, path)
	}
	a, err := report.Read(path)
	if err != nil {
		return err
	}
	switch format {
	case "json":
		return a.WriteJSON(w)
	case "html":
		return a.WriteHTML(w, nil, "")
	}
	return a.WriteText(w)
}

// writeTo has a file written whole, 0600, or nothing of it; with no path it
// writes to stdout.
func writeTo(path string, stdout io.Writer, write func(io.Writer) error) (err error) {
	if path == "" || path == "-" {
		return write(stdout)
	}
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	err = errors.Join(write(f), f.Close())
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return nil
}

// sameFile tells whether two paths are one file that is there.
func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}
