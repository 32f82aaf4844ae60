// Package rejects writes the reject file: the rows that a person has to act on, in
// the form of their source.
package rejects

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"importer/importer/contact"
	"importer/internal/files"
	"importer/internal/rejectfile"
)

// A RejectSource is what the reject file has to know of a source.
type RejectSource struct {
	Name   string   // as in the rows
	Header []string // the columns in original order and spelling; nil for NDJSON
}

// Rejects is the reject file of a run: the rows that a person has to act on, in
// the form of their source. It implements contact.Rejects. Rows of CSV sources
// go to <report without .report.ndjson>.rejects.csv, those of NDJSON sources to
// the same name with .ndjson.
//
// They are written to a temporary file beside it, 0600, which Commit moves over
// the reject file of the run before. One goroutine at a time may use it. A killed
// run leaves the temporary file, and the next one overwrites it.
type Rejects struct {
	columns   []string         // of all CSV sources, in order of first appearance
	named     map[string][]int // by name: where the columns of that name stand
	delimiter rune
	csv, json rejectFile

	place map[string][]int // by source: where each of its columns stands in columns; nil for NDJSON
	cells []string         // reused
	line  []byte           // reused
}

// maxColumns is how many columns the file may have beside its own: it would not be read
// with more, and each row has a cell for each.
const maxColumns = 2000 - len(rejectfile.Columns)

// OpenRejects prepares the reject file of a report. It refuses a source that is
// the reject file itself: the rows in it that are not read would be lost when the
// file is replaced. Nothing is opened or written before the first row is refused;
// the caller ends it with Commit.
//
// The delimiter is the one that was asked for, so that the file is read with the
// same flags as its source; 0 is a comma, as a file named .csv is read by default.
func OpenRejects(report string, delimiter rune, sources []RejectSource) (*Rejects, error) {
	base := strings.TrimSuffix(report, ".report.ndjson") + ".rejects"
	r := &Rejects{
		delimiter: cmp.Or(delimiter, ','),
		csv:       rejectFile{path: base + ".csv"},
		json:      rejectFile{path: base + ".ndjson"},
		named:     make(map[string][]int),
		place:     make(map[string][]int, len(sources)),
	}
	for _, s := range sources {
		for _, path := range []string{r.csv.path, r.json.path, r.csv.path + suffix, r.json.path + suffix} {
			if files.SameFile(s.Name, path) {
				return nil, fmt.Errorf("the source %s is the reject file that this run writes: rename it, or choose another report with --report", s.Name)
			}
		}
		r.place[s.Name] = r.placeColumns(s.Header)
	}
	if n := len(r.columns); n > maxColumns && len(sources) > 1 {
		return nil, fmt.Errorf("the sources have %d columns of different names together, and their reject file takes %d: import them in several runs", n, maxColumns)
	}
	return r, nil
}

// Reject implements contact.Rejects.
func (r *Rejects) Reject(o *contact.Outcome) error {
	place, ok := r.place[o.Row.Source]
	if !ok {
		return fmt.Errorf("refusing row %d of %s: it is no source of this run; this is a defect of importer", o.Row.Number, o.Row.Source)
	}
	f := &r.csv
	if place == nil {
		f = &r.json
	}
	if err := r.write(f, o); err != nil {
		return fmt.Errorf("writing the reject file %s: %w", f.path, err)
	}
	return nil
}

// Commit moves what was refused over the reject file of the run before, or removes
// that where nothing was refused. A run that did not complete has not seen all rows:
// it replaces and removes nothing, and where there is a reject file already, what it
// refused stays in the temporary file. Commit returns the paths of the files that
// hold what this run refused, CSV first.
func (r *Rejects) Commit(complete bool) ([]string, error) {
	var paths []string
	var errs []error
	for _, f := range []*rejectFile{&r.csv, &r.json} {
		path, err := f.commit(complete)
		if err != nil {
			errs = append(errs, fmt.Errorf("writing the reject file %s: %w", f.path, err))
		}
		if path != "" {
			paths = append(paths, path)
		}
	}
	return paths, errors.Join(errs...)
}

// placeColumns finds the place of each column of a header, and adds the columns
// that no source had before. Of columns of one name the first goes with the
// first, the second with the second. It is nil of no header.
func (r *Rejects) placeColumns(header []string) []int {
	if header == nil {
		return nil
	}
	place := make([]int, len(header))
	before := make(map[string]int) // in the header
	for i, name := range header {
		n := before[name]
		before[name]++
		if n == len(r.named[name]) {
			r.named[name] = append(r.named[name], len(r.columns))
			r.columns = append(r.columns, name)
		}
		place[i] = r.named[name][n]
	}
	return place
}

func (r *Rejects) write(f *rejectFile, o *contact.Outcome) error {
	fresh, err := f.open()
	if err != nil {
		return err
	}
	if f == &r.json {
		r.line = appendRejectJSON(r.line[:0], o)
		_, err := f.buf.Write(r.line)
		return err
	}
	w := csv.NewWriter(f.buf)
	w.Comma = r.delimiter
	if fresh {
		r.cells = append(append(r.cells[:0], r.columns...), rejectfile.Columns[:]...)
		if err := w.Write(r.cells); err != nil {
			return err
		}
	}
	if err := w.Write(r.record(o)); err != nil {
		return err
	}
	w.Flush()
	return w.Error()
}

// record is the CSV record of a refused row.
func (r *Rejects) record(o *contact.Outcome) []string {
	raw, place := o.Row.Raw, r.place[o.Row.Source]
	r.cells = r.cells[:0]
	if len(raw) == len(place) {
		r.cells = append(r.cells, make([]string, len(r.columns))...)
		for i, cell := range raw {
			r.cells[place[i]] = rejectfile.Guard(cell)
		}
	} else {
		// A row of too many or too few cells stays one: nobody knows which of them
		// belongs under which column, and fed back as it is it has to be refused again.
		for _, cell := range raw {
			r.cells = append(r.cells, rejectfile.Guard(cell))
		}
		if len(raw) == len(r.columns) {
			r.cells = append(r.cells, "")
		}
	}
	f := failure(o)
	return append(r.cells, strconv.Itoa(o.Row.Line), o.Status.String(), rejectfile.Guard(f.Field), rejectfile.Guard(f.Reason()), rejectfile.Guard(f.Hint))
}

// appendRejectJSON appends the refused row as it was, with the reject members
// behind its own and in the place of those of an earlier run. What is no JSON object
// becomes the member _raw of one.
func appendRejectJSON(b []byte, o *contact.Outcome) []byte {
	raw := strings.Join(o.Row.Raw, "\n")
	row := jsontext.Value(raw)
	// Without line breaks, because the object has to stand on one line.
	if err := row.Compact(jsontext.AllowInvalidUTF8(false)); err != nil || row.Kind() != '{' {
		row = append(contact.AppendString([]byte(`{"_raw":`), raw), '}')
	}
	b = append(b, '{')
	d := jsontext.NewDecoder(bytes.NewReader(row), jsontext.AllowDuplicateNames(true))
	_, _ = d.ReadToken() // it and the next have no errors: the row is valid
	for d.PeekKind() == '"' {
		name, _ := d.ReadValue()
		text, _ := jsontext.AppendUnquote(nil, name)
		if slices.Contains(rejectfile.Columns[:], string(text)) {
			_ = d.SkipValue()
			continue
		}
		b = append(append(b, name...), ':')
		value, _ := d.ReadValue()
		b = append(append(b, value...), ',')
	}
	f := failure(o)
	b = append(b, `"_line":`...)
	b = strconv.AppendInt(b, int64(o.Row.Line), 10)
	for i, value := range [...]string{o.Status.String(), f.Field, f.Reason(), f.Hint} {
		b = append(b, `,"`+rejectfile.Columns[i+1]+`":`...)
		b = contact.AppendString(b, value)
	}
	return append(b, "}\n"...)
}

// failure is why a row is not in; never nil.
func failure(o *contact.Outcome) *contact.Failure {
	if o.Failure == nil {
		return &contact.Failure{}
	}
	return o.Failure
}

// suffix is that of the temporary file.
const suffix = ".tmp"

// remove removes a file that may be there.
func remove(path string) error {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// A rejectFile is a file that is written beside its path and then moved there.
type rejectFile struct {
	path string
	tmp  *os.File
	buf  *bufio.Writer
}

// open makes the temporary file where there is none yet, and says so.
func (f *rejectFile) open() (bool, error) {
	if f.tmp != nil {
		return false, nil
	}
	// One name and not a random one: what a killed run left is overwritten. The
	// lock of the report keeps others away.
	tmp, err := os.OpenFile(f.path+suffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return false, err
	}
	f.tmp, f.buf = tmp, bufio.NewWriter(tmp)
	return true, nil
}

// commit returns where the refused rows are; empty where there are none.
func (f *rejectFile) commit(complete bool) (string, error) {
	if f.tmp == nil {
		if !complete {
			return "", nil
		}
		return "", errors.Join(remove(f.path), remove(f.path+suffix))
	}
	err := f.buf.Flush()
	if err == nil {
		err = f.tmp.Sync()
	}
	tmp := f.tmp.Name()
	if err = errors.Join(err, f.tmp.Close()); err != nil {
		return "", errors.Join(err, os.Remove(tmp))
	}
	if !complete {
		if _, err := os.Lstat(f.path); !errors.Is(err, fs.ErrNotExist) {
			return tmp, nil
		}
	}
	if err := os.Rename(tmp, f.path); err != nil {
		return "", fmt.Errorf("%w; the refused rows are in %s", err, tmp)
	}
	return f.path, files.SyncDir(filepath.Dir(f.path))
}
