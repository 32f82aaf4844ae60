// Package rejects writes the reject file: the rows that a person has to act on, in
// the form of their source.
package rejects

import (
	"bytes"
	"fmt"
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
	Name      string   // as in the rows
	Header    []string // the columns in original order and spelling; nil for NDJSON
	Delimiter rune     // of CSV; 0 is a comma
}

// Options are what OpenRejects has to know.
type Options struct {
	Report  string // its path: the reject files stand beside it
	Run     string // that writes them, a ULID
	Sources []RejectSource
	Raws    *contact.RawRows // of the sources
	// Partly says that the sources are reject files, or parts of an import: what they do not
	// hold may stand in the reject files that are there.
	Partly  bool
	Journal Journal
}

// Journal remembers what was written, to know what was edited since. Implemented by
// journal.Journal.
type Journal interface {
	// WroteRejects takes note of the digests of files, on disk before it returns.
	WroteRejects(digests ...[32]byte) error
	// HasWritten tells whether a run took note of such a file.
	HasWritten(digest [32]byte) bool
}

// Rejects are the reject files of a run: the rows that a person has to act on, in
// the form of their source. It implements contact.Rejects. Rows of CSV sources
// go to <report without .report.ndjson>.rejects.csv, those of NDJSON sources to
// the same name with .ndjson. CSV sources that have other columns than the first go to
// .rejects.2.csv and so on: one header could not say which column is whose.
//
// They are written to a files.Temp beside them, 0600, which Commit moves over the reject
// files of the run before. One goroutine at a time may use it. What a killed run leaves
// the next one removes.
type Rejects struct {
	Options
	base   string
	tables []*table            // of CSV
	having map[string]*table   // by the names of their columns, sorted
	json   rejectFile          // of NDJSON
	of     map[string]*table   // by source; nil for NDJSON
	place  map[string][]int    // by source: where each of its columns stands in its table
	known  map[string]struct{} // the sources

	cells []string // reused
	line  []byte   // reused
}

// A table is a reject file of CSV sources that have the same columns.
type table struct {
	rejectFile
	columns   []string
	named     map[string][]int // where the columns of a name stand
	delimiter rune
}

// Base is what the files that belong to a report begin with.
func Base(report string) string { return strings.TrimSuffix(report, ".report.ndjson") }

// maxTables bounds how many files of CSV one run may keep open.
const maxTables = 100

// OpenRejects prepares the reject files of a report. Nothing is opened or written before
// the first row is refused; the caller ends it with Commit. The error says what stands
// where a reject file has to be and cannot be replaced.
func OpenRejects(o Options) (*Rejects, error) {
	r := &Rejects{
		Options: o, base: Base(o.Report) + ".rejects",
		having: make(map[string]*table), of: make(map[string]*table), place: make(map[string][]int), known: make(map[string]struct{}),
	}
	r.json.path = r.base + ".ndjson"
	for _, s := range o.Sources {
		r.known[s.Name] = struct{}{}
		if s.Header != nil {
			r.of[s.Name], r.place[s.Name] = r.tableOf(s)
		}
	}
	if n := len(r.tables); n > maxTables {
		return nil, fmt.Errorf("the sources have %d different headers, and would need as many reject files, of which a run keeps %d: import them in several runs", n, maxTables)
	}
	paths := []string{r.json.path}
	for _, t := range r.tables {
		paths = append(paths, t.path)
	}
	for _, path := range paths {
		if err := files.Replaceable(path); err != nil {
			return nil, fmt.Errorf("the reject file %w, or choose another report with --report", err)
		}
	}
	return r, nil
}

// tableOf is the table of a source, and where each of its columns stands in it.
func (r *Rejects) tableOf(s RejectSource) (*table, []int) {
	names := slices.Sorted(slices.Values(s.Header))
	id := strings.Join(names, "\x00")
	if t := r.having[id]; t != nil {
		if place := t.placeColumns(s.Header); place != nil {
			return t, place
		}
	}
	t := &table{columns: s.Header, delimiter: ',', named: make(map[string][]int, len(names))}
	for i, name := range s.Header {
		t.named[name] = append(t.named[name], i)
	}
	if strings.ContainsRune(",;\t|", s.Delimiter) { // those that are found again
		t.delimiter = s.Delimiter
	}
	t.path = r.base + ".csv"
	if n := len(r.tables); n > 0 {
		t.path = fmt.Sprintf("%s.%d.csv", r.base, n+1)
	}
	r.tables, r.having[id] = append(r.tables, t), t
	return t, t.placeColumns(s.Header)
}

// placeColumns finds the place of each column of a header; nil where they are not those
// of the table. Of columns of one name the first goes with the first, the second with the
// second.
func (t *table) placeColumns(header []string) []int {
	if len(header) != len(t.columns) {
		return nil
	}
	place := make([]int, len(header))
	before := make(map[string]int) // in the header
	for i, name := range header {
		n := before[name]
		if n == len(t.named[name]) {
			return nil
		}
		before[name], place[i] = n+1, t.named[name][n]
	}
	return place
}

// Reject implements contact.Rejects.
func (r *Rejects) Reject(o *contact.Outcome) error {
	if _, ok := r.known[o.Row.Source]; !ok {
		return fmt.Errorf("refusing row %d of %s: it is no source of this run; this is a defect of importer", o.Row.Number, o.Row.Source)
	}
	f, write := &r.json, r.writeJSON
	if t := r.of[o.Row.Source]; t != nil {
		f, write = &t.rejectFile, func(o *contact.Outcome) error { return r.writeCSV(t, o) }
	}
	if err := write(o); err != nil {
		return fmt.Errorf("writing the reject file %s: %w", f.path, err)
	}
	return nil
}

func (r *Rejects) writeJSON(o *contact.Outcome) error {
	if _, err := r.json.open(); err != nil {
		return err
	}
	r.line = r.appendRejectJSON(r.line[:0], o)
	_, err := r.json.buf.Write(r.line)
	return err
}

func (r *Rejects) writeCSV(t *table, o *contact.Outcome) error {
	fresh, err := t.open()
	if err != nil {
		return err
	}
	w := rejectfile.NewWriter(t.buf, t.delimiter)
	if fresh {
		r.cells = r.cells[:0]
		for _, name := range t.columns {
			r.cells = append(r.cells, rejectfile.Guard(name))
		}
		if err := w.Write(append(r.cells, rejectfile.Columns[:]...)); err != nil {
			return err
		}
	}
	return w.Write(r.record(t, o))
}

// ref is how a refused row is told when it is fed back.
func (r *Rejects) ref(o *contact.Outcome) string {
	ref := rejectfile.Ref{Run: r.Run}
	row, digest := o.Row.Original, contact.Digest{}
	switch c := o.Row.Corrects; {
	case c != nil: // a correction that is wrong as well
		row, digest = c.Row, c.Digest
	case o.Status == contact.Rejected:
		digest = o.Row.Digest
	}
	if row == (contact.Key{}) && r.Raws != nil {
		row = r.Raws.Key(&o.Row)
	}
	ref.Row = row.String()
	if digest != (contact.Digest{}) {
		ref.Digest = digest.String()
	}
	return ref.String()
}

// record is the CSV record of a refused row.
func (r *Rejects) record(t *table, o *contact.Outcome) []string {
	raw, place := o.Row.Raw, r.place[o.Row.Source]
	r.cells = r.cells[:0]
	if len(raw) == len(place) {
		r.cells = append(r.cells, make([]string, len(t.columns))...)
		for i, cell := range raw {
			r.cells[place[i]] = rejectfile.Guard(cell)
		}
	} else {
		// A row of too many or too few cells stays one: nobody knows which of them
		// belongs under which column, and fed back as it is it has to be refused again.
		for _, cell := range raw {
			r.cells = append(r.cells, rejectfile.Guard(cell))
		}
	}
	f := failure(o)
	return append(r.cells, strconv.Itoa(o.Row.Line), o.Status.String(), rejectfile.Guard(f.Field), rejectfile.Guard(f.Reason()), rejectfile.Guard(f.Hint), r.ref(o))
}

// appendRejectJSON appends the refused row as it was, with the reject members
// behind its own and in the place of those of an earlier run. What is no JSON object
// becomes the member _raw of one.
func (r *Rejects) appendRejectJSON(b []byte, o *contact.Outcome) []byte {
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
	for i, value := range [...]string{o.Status.String(), f.Field, f.Reason(), f.Hint, r.ref(o)} {
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
