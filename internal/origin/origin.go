// Package origin finds the report of the import that a reject file came from.
package origin

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"importer/importer/idrule"
	"importer/internal/rejectfile"
	"importer/sink/journal"
)

// A Search says what is looked for, and where.
type Search struct {
	Reports journal.Keeper
	Files   []string // the reject files, as given; - is standard input
	Runs    []string // that wrote the rows in them
	// Named is the report that the command line names: no other is looked at. Configured is
	// that of the configuration, one among others.
	Named, Configured string
}

// An Origin is the report of an import, to which refused rows belong.
type Origin struct {
	Report string
	Modes  []string     // of the runs that refused the rows, each once; in a sync that of the report
	IDs    idrule.Rules // of its last run: where its contact ids come from
	Runs   []string     // of the import: of the report, and in a sync of those that were set aside
}

// Find returns the report that holds all the runs. It looks beside the files, first at
// the one whose name they have. In a sync the report of a run may have been set aside
// since. The error says what to do.
func Find(s Search) (Origin, error) {
	var nearest string // the first report that was looked at
	var lacks []string
	for _, path := range s.candidates() {
		o, err := open(s.Reports, path, s.Runs)
		switch {
		case errors.Is(err, fs.ErrNotExist) && s.Named == "":
			continue
		case err != nil && s.Named != "":
			return Origin{}, err
		case err != nil:
			continue // what else is named like a report
		}
		missing := slices.DeleteFunc(slices.Clone(s.Runs), func(run string) bool { return slices.Contains(o.Runs, run) })
		if len(missing) == 0 {
			return o, nil
		}
		if nearest == "" {
			nearest, lacks = path, missing
		}
	}
	const wayOut = "name the report of the import that wrote the file with --report; or take the column _ref out, and its rows are an import of their own"
	of := strings.Join(s.Files, ", ")
	if nearest == "" {
		return Origin{}, fmt.Errorf("%s holds rows that a run refused (_ref names %s), and its report is not beside it: %s", of, strings.Join(s.Runs, ", "), wayOut)
	}
	return Origin{}, fmt.Errorf("%s holds rows that a run refused, and the report %s does not hold the run that _ref names (%s): %s",
		of, nearest, strings.Join(lacks, ", "), wayOut)
}

// candidates are the reports that are looked at, each once.
func (s Search) candidates() (all []string) {
	if s.Named != "" {
		return []string{s.Named}
	}
	add := func(path string) {
		if path != "" && !slices.ContainsFunc(all, func(p string) bool { return filepath.Clean(p) == filepath.Clean(path) }) {
			all = append(all, path)
		}
	}
	for _, file := range s.Files {
		if base, ok := rejectfile.Base(file); ok {
			add(base + ".report.ndjson")
			add(base)
		}
	}
	add(s.Configured)
	for _, file := range s.Files {
		for _, path := range s.Reports.Beside(file) {
			add(path)
		}
	}
	return all
}

// open reads which runs a report holds, and of what modes those were that refused the rows.
func open(k journal.Keeper, path string, refused []string) (Origin, error) {
	outline, err := journal.ReadOutline(k, path)
	if err != nil {
		return Origin{}, err
	}
	headers := outline.Runs
	if len(headers) == 0 {
		return Origin{}, fmt.Errorf("%s is no report: it has no complete line", path)
	}
	o := Origin{Report: path, IDs: headers[len(headers)-1].IDs.Now}
	first := headers[0]
	if first.Mode != "create" { // each night sets the report of the one before aside
		o.Modes = []string{first.Mode}
		aside, err := k.Aside(path)
		if err != nil {
			return Origin{}, err
		}
		for _, earlier := range aside {
			outline, err := journal.ReadOutline(k, earlier)
			more := outline.Runs
			if err != nil || len(more) == 0 || more[0].BaseURL != first.BaseURL || more[0].ProjectID != first.ProjectID {
				continue // of another import
			}
			headers = append(headers, more...)
		}
	}
	for _, h := range headers {
		o.Runs = append(o.Runs, h.Run)
		// An update goes on with the report of an import.
		if first.Mode == "create" && slices.Contains(refused, h.Run) && !slices.Contains(o.Modes, h.Mode) {
			o.Modes = append(o.Modes, h.Mode)
		}
	}
	return o, nil
}
