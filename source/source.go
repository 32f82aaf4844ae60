// Package source reads contacts from files, buckets and databases: bytes in, rows out.
//
//	path, glob, -, https, s3 ──► open ──┬─► text ──► CSV, NDJSON ──┐
//	                                    └─► workbook ──────────────┼─► record ──► mapping ──► contact.Row
//	postgres ──► rows of a query ───────────────────────────────────┘
//
// A record that cannot be sent is a *contact.RowError and the reading goes on.
// An error of the file itself ends the input. The end of the input is not an error.
package source

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"importer/importer/contact"
	"importer/importer/idrule"
	"importer/internal/words"
	"importer/source/mapping"
	"importer/source/remote"
)

// A Format is how records are written in a file.
type Format string

// The formats. Auto goes by the file's name, then by its content.
const (
	Auto   Format = "auto"
	CSV    Format = "csv"
	NDJSON Format = "ndjson" // JSON objects: one a line, one behind the other, or in one array
	XLSX   Format = "xlsx"   // one sheet of an Excel workbook
	SQL    Format = "sql"    // rows of a query; no file has it
)

// ParseFormat reads the value of --format.
func ParseFormat(s string) (Format, error) {
	s = cmp.Or(s, string(Auto))
	_, err := words.Choice(s, string(Auto), string(CSV), string(NDJSON), string(XLSX))
	return Format(s), err
}

// Options say what to read. The zero value of each but Paths will do.
type Options struct {
	// Paths are files, globs, addresses (https://, s3://, postgres://), or "-" for Stdin, read in this order. A glob gives
	// its files sorted by name, but for those that this program wrote. A file that
	// is named twice, by whatever name, is read once.
	Paths []string
	// Stdin is what "-" reads. It is not closed.
	Stdin io.Reader
	// Format of all the files; empty is Auto.
	Format Format
	// Delimiter of CSV, as ParseDelimiter gives it; 0 finds it from a sample.
	Delimiter rune
	// Encoding is a name of the IANA registry, such as windows-1252; empty or
	// "auto" finds it from the text.
	Encoding string
	// LazyQuotes takes misplaced quotes in CSV as part of the text. A field without
	// its closing quote ends with its line.
	LazyQuotes bool
	// Mapping says which column goes where; without one, columns go to the field of
	// their name.
	Mapping *mapping.Mapping
	// Sheet is the sheet of a workbook that is read; empty is the first visible one.
	Sheet string
	// HeaderRow is the line of the header in CSV, or its row in a workbook, from 1; 0
	// finds it.
	HeaderRow int
	// NullValues are cells that mean nothing, such as NULL.
	NullValues []string
	// Run is the run that reads the input, for what its rows correct.
	Run string
	// Redact keeps values of the source out of the notices.
	Redact bool
	// Remote says how other machines are reached, and Query what a database is asked.
	Remote remote.Options
	Query  string
}

// A Source is one file of an input, as Open found it.
type Source struct {
	Name      string // path as given or as the glob found it, an address as it may be shown; "-" for standard input
	Format    Format // CSV, NDJSON, XLSX or SQL
	Encoding  string // of the text; empty as long as only ASCII was seen, and for XLSX
	Delimiter rune   // CSV only
	// Header are the columns in original order and spelling, as many as the Raw
	// of a row has cells; nil for NDJSON and SQL. Where the file is a reject file, the
	// columns that were added to it are not among them.
	Header []string
}

// A Notice is something about a source that a person should know once: columns
// that are ignored, a file without rows, or one that is left out.
type Notice struct {
	Source string
	Text   string
}

// String is the notice in one line of a terminal.
func (n Notice) String() string { return contact.Printable(n.Source + ": " + n.Text) }

// An Input is what the rows are read from. It belongs to one goroutine, but for
// BytesRead, Size, Skipped and Notices, which any may call.
type Input struct {
	files   []*file
	client  *remote.Client // of other machines; nil: all is here
	size    int64
	read    atomic.Int64
	skipped atomic.Int64

	expected []string // runs whose rows may be corrected; nil: all

	mu      sync.Mutex
	notices []Notice
	told    map[Notice]bool // those of them
	opened  int             // how many of the notices are from Open
}

// Open finds the files of o and looks at the beginning of each, so that what cannot
// be read is known before a row is sent. Its errors are of the kinds ErrNoMatch,
// ErrIsDirectory, ErrEmpty, ErrBadHeader, ErrWrongKind, decode.ErrEncoding, mapping.ErrNoContactID, *mapping.Error,
// those of the package os, or of another machine: see IsAway and IsUnread. The caller closes the input.
func Open(o Options) (*Input, error) {
	in := &Input{told: make(map[Notice]bool)}
	places, notices, err := in.find(o)
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	in.notices = append(in.notices, notices...)
	known := true
	for _, p := range places {
		f, err := in.openFile(p, o)
		if err != nil {
			return nil, errors.Join(err, in.Close())
		}
		in.files = append(in.files, f)
		in.size += f.size
		known = known && f.size > 0
	}
	if !known {
		in.size = 0
	}
	in.opened = len(in.notices)
	return in, nil
}

// Close closes what Open and Rows left open. Standard input stays open.
func (in *Input) Close() error {
	var errs []error
	for _, f := range in.files {
		errs = append(errs, f.close())
	}
	if in.client != nil {
		in.client.Close()
	}
	return errors.Join(errs...)
}

// Sources are the files of the input in the order in which they are read.
func (in *Input) Sources() []Source {
	all := make([]Source, len(in.files))
	for i, f := range in.files {
		all[i] = f.Source
	}
	return all
}

// Size is the length of all files together in bytes, as they lie on disk; 0
// where it is not known, as with standard input or a query.
func (in *Input) Size() int64 { return in.size }

// ReadsAgain tells whether Rows can be ranged over more than once.
func (in *Input) ReadsAgain() bool {
	return !slices.ContainsFunc(in.files, func(f *file) bool { return f.once != nil })
}

// BytesRead is how much of Size was read so far.
func (in *Input) BytesRead() int64 { return in.read.Load() }

// Skipped counts the records that the mapping left out (skip_if), and those that hold no
// contact: blank rows, the header once more, the footer of a report.
func (in *Input) Skipped() int64 { return in.skipped.Load() }

// Notices are what was noticed so far. They are complete after the last row.
func (in *Input) Notices() []Notice {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.notices)
}

// forget drops what the rows of an earlier reading gave notice of, which are all notices
// but the first so many, and what of them was left out.
func (in *Input) forget(notices int) {
	in.skipped.Store(0)
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, n := range in.notices[notices:] {
		delete(in.told, n)
	}
	in.notices = in.notices[:notices:notices]
}

// CustomFields are the custom fields that the rows of all files may have, sorted
// by name. Members of NDJSON in the API's own shape are not among them.
func (in *Input) CustomFields() []mapping.CustomField {
	plans := make([]*mapping.Plan, len(in.files))
	for i, f := range in.files {
		plans[i] = f.plan
	}
	return mapping.CustomFields(plans...)
}

// IDRules are where the contact ids of the files come from.
func (in *Input) IDRules() (rules idrule.Rules) {
	for _, f := range in.files {
		rules = rules.With(f.plan.IDRule())
	}
	return rules
}

// KnowBy has each row have the contact ids as well that it had by other rules. It is false
// where a file lacks columns of them. It is not to be called while rows are read.
func (in *Input) KnowBy(rules idrule.Rules) (whole bool) {
	whole = true
	for _, f := range in.files {
		whole = f.plan.KnowBy(rules) && whole
	}
	return whole
}

// Rows reads all files in their order. Ranging over it again reads the files
// again; standard input and pipes can be read once.
func (in *Input) Rows() contact.Rows {
	return func(yield func(contact.Row, error) bool) {
		for row, err := range in.AllRows() {
			if !row.LeftOut && !yield(row, err) {
				return
			}
		}
	}
}

// AllRows is as Rows, with those that the mapping leaves out (skip_if): a row of
// them has LeftOut, and no number.
func (in *Input) AllRows() contact.Rows {
	return func(yield func(contact.Row, error) bool) {
		var number int64
		in.read.Store(0)
		in.forget(in.opened)
		for _, f := range in.files {
			if !in.readFile(f, &number, yield) {
				return
			}
		}
	}
}

// readFile yields the rows of one file. It is false where the iteration is over.
func (in *Input) readFile(f *file, number *int64, yield func(contact.Row, error) bool) bool {
	next, done, err := f.reader()
	if err != nil {
		yield(contact.Row{}, err)
		return false
	}
	defer done()
	m := mapping.NewMapper(f.Name, f.plan, f.options.NullValues)
	defer func() {
		f.note(m.Ignored())
		for _, text := range m.Notes.Texts(f.options.Redact) {
			f.note(text)
		}
	}()
	var rec mapping.Record
	for {
		err := next(&rec)
		if err != nil { // a file that changed reads as a damaged one, or ends early
			err = cmp.Or(f.changed(f.reading), f.far.failed(), err)
		}
		switch {
		case err == io.EOF:
			f.replaced()
			return true
		case errors.Is(err, ErrChanged):
			yield(contact.Row{}, err)
			return false
		case isChanged(err):
			yield(contact.Row{}, fmt.Errorf("%s: %w", f.Name, err))
			return false
		case err != nil:
			yield(contact.Row{}, fmt.Errorf("%s: after line %d: %w", f.Name, rec.Line, err))
			return false
		}
		row, err := m.Row(&rec, *number+1)
		corrects := row.Corrects
		if bad, ok := errors.AsType[*contact.RowError](err); ok {
			corrects = bad.Corrects
		}
		if foreign := f.correction(corrects, rec.Line); foreign != nil {
			yield(contact.Row{}, foreign)
			return false
		}
		switch {
		case row.LeftOut:
			in.skipped.Add(1)
		case *number == contact.MaxRows:
			yield(contact.Row{}, fmt.Errorf("%s: line %d: an import takes %d rows and the input has more: split it", f.Name, rec.Line, contact.MaxRows))
			return false
		default:
			*number++
		}
		if !yield(row, err) {
			return false
		}
	}
}

// reader opens a file for its records. The caller calls done at the end.
func (f *file) reader() (next func(*mapping.Record) error, done func(), err error) {
	if f.Format == SQL {
		return f.openRows()
	}
	if f.Format == XLSX {
		r, err := f.openSheet()
		if errors.Is(err, ErrChanged) {
			return nil, nil, err
		}
		if failed := f.far.failed(); failed != nil {
			return nil, nil, fmt.Errorf("%s: %w", f.Name, failed)
		}
		if err == nil && !slices.Equal(r.header.Cells, f.header) {
			err = errors.New("its header is another one")
		}
		if err != nil {
			if r != nil {
				r.close()
			}
			return nil, nil, fmt.Errorf("%s: the file has changed since it was opened: %w", f.Name, err)
		}
		f.in.read.Add(f.size) // how much of it a row takes cannot be told
		return r.next, r.close, nil
	}
	text, closeText, err := f.text()
	if err != nil {
		return nil, nil, err
	}
	if next, err = f.records(text); err != nil {
		closeText()
		if failed := f.far.failed(); failed != nil {
			err = fmt.Errorf("%s: %w", f.Name, failed)
		}
		return nil, nil, err
	}
	return next, closeText, nil
}

// records reads the records of a text.
func (f *file) records(text io.Reader) (next func(*mapping.Record) error, err error) {
	switch {
	case f.Format == CSV:
		c, err := newCSVReader(text, f)
		if err != nil {
			return nil, err
		}
		return c.next, nil
	case f.shape != jsonLines:
		return newObjectReader(text, f).next, nil
	}
	return (&jsonReader{file: f, text: newLineReader(text)}).next, nil
}
