package source

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"importer/internal/address"
	"importer/internal/rejectfile"
	"importer/internal/words"
	"importer/source/decode"
	"importer/source/foreign"
	"importer/source/mapping"
	"importer/source/query"
)

// What is wrong with a source before its first row is read. Each error of Open
// wraps one of these or an error of the package os, and names the file.
var (
	ErrNoMatch     = errors.New("no file matches")
	ErrIsDirectory = errors.New("is a directory")
	ErrEmpty       = errors.New("the file is empty")
	ErrBadHeader   = errors.New("the header cannot be read")
	ErrWrongKind   = errors.New("it is no table of contacts")
)

// sampleBytes is how much of a file Open looks at. The header has to lie in it.
const sampleBytes = 1 << 20

// A file is one source that can be read.
type file struct {
	Source
	in         *Input
	options    Options
	plan       *mapping.Plan
	header     []string           // the columns of a record, those that a reject file adds among them
	rejects    *rejectfile.Layout // of a reject file; nil of others
	guarded    bool               // its cells are those of an export
	mayCorrect bool               // its rows may say which refused ones they correct
	corrects   []string           // the runs whose refused rows its rows correct, as far as it was read
	line       int                // CSV: on which the header begins, from 1
	shape      jsonShape
	member     string // of wrapped JSON: the member that holds the rows
	size       int64  // 0 where it is not known

	info    fs.FileInfo // when it was opened; nil where it cannot be compared
	reading *os.File    // what is read, or was read last; nil: nothing that can be compared

	far  far         // where it is on another machine
	rows *query.Rows // where it is a query

	once     *bufio.Reader // what can be read only once: standard input, a pipe
	used     bool          // once was read
	workbook []byte        // what was read of once, where it is a workbook
	closer   io.Closer     // of once; nil for standard input
}

func (in *Input) openFile(p place, o Options) (*file, error) {
	f := &file{Source: Source{Name: in.nameOf(p), Format: cmp.Or(o.Format, Auto), Delimiter: o.Delimiter}, in: in, options: o, far: far{Object: p.far}}
	if address.KindOf(p.path) == address.Database {
		return f, f.askRows(p.path)
	}
	head, err := f.peek()
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	err = f.examine(head, len(head) < sampleBytes)
	if err == nil {
		return f, nil
	}
	if bad, ok := errors.AsType[*mapping.Error](err); ok {
		bad.Source = f.Name
	} else {
		if o.Redact && errors.Is(err, mapping.ErrNoContactID) { // what is taken for names may be a row
			err = fmt.Errorf("%w: none of %d columns is named contactIds, email, phone or mobile; is the first line the header?", mapping.ErrNoContactID, len(f.Header))
		}
		err = fmt.Errorf("%s%s: %w", f.Name, f.far.redirected(), err)
	}
	return nil, errors.Join(err, f.close())
}

// peek returns the first bytes of the file, sampleBytes at most. A regular file, or one of
// another machine, is closed again, anything else is kept open with nothing consumed.
func (f *file) peek() ([]byte, error) {
	if f.far.Object != nil {
		return f.peekFar()
	}
	if f.Name == "-" {
		if f.options.Stdin == nil {
			return nil, errors.New("-: there is no standard input")
		}
		f.once = bufio.NewReaderSize(f.options.Stdin, sampleBytes)
		if file, ok := f.options.Stdin.(*os.File); ok { // it may be a file: importer --source - < contacts.csv
			if info, err := file.Stat(); err == nil {
				f.know(info)
				f.reading = file
			}
		}
		return f.peekOnce()
	}
	file, err := os.Open(f.Name)
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, fmt.Errorf("%s: %w", f.Name, pe.Err) // not "open NAME: reason": the user knows that we open it
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, errors.Join(err, file.Close())
	case info.IsDir():
		err = fmt.Errorf("%s: %w: name a file in it, or a glob such as %s", f.Name, ErrIsDirectory, filepath.Join(f.Name, "*.csv"))
		return nil, errors.Join(err, file.Close())
	case !info.Mode().IsRegular():
		f.once, f.closer = bufio.NewReaderSize(file, sampleBytes), file
		return f.peekOnce()
	}
	f.size = info.Size()
	f.know(info)
	head, err := io.ReadAll(io.LimitReader(file, sampleBytes))
	return head, errors.Join(err, file.Close())
}

func (f *file) peekOnce() ([]byte, error) {
	head, err := f.once.Peek(sampleBytes)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	return head, nil
}

// examine decides on encoding, format and columns from the head of the file;
// whole tells that there is nothing behind it.
func (f *file) examine(head []byte, whole bool) error {
	switch {
	case len(head) == 0:
		return fmt.Errorf("%w: there is nothing to import", ErrEmpty)
	case bytes.HasPrefix(head, []byte(foreign.Zipped)) && (f.Format == XLSX || f.Format == Auto):
		f.Format = XLSX
		return f.examineXLSX(head)
	case bytes.HasPrefix(head, []byte(foreign.Zipped)):
		return fmt.Errorf("%w: it is a workbook or an archive, and no %s: leave out --format", ErrBadHeader, f.Format)
	case foreign.Document(head, f.base()) != "":
		return fmt.Errorf("%w: %s", ErrBadHeader, foreign.Document(head, f.base()))
	case f.Format == XLSX:
		return fmt.Errorf("%w: %s", ErrBadHeader, cmp.Or(foreign.WrongKind(head), "it is not an Excel workbook (.xlsx): leave out --format, or say which it is"))
	}
	text, end, err := f.sample(head, whole)
	if err != nil {
		return err
	}
	blank := len(bytes.TrimSpace(text)) == 0
	switch {
	case blank && end:
		return fmt.Errorf("%w: there is nothing to import", ErrEmpty)
	case blank:
		return fmt.Errorf("%w: there is nothing but white space at its beginning", ErrBadHeader)
	case foreign.WrongKind(text) != "":
		return fmt.Errorf("%w: %s", ErrWrongKind, foreign.WrongKind(text))
	case f.Format == Auto:
		f.Format = guessFormat(f.base(), text)
	}
	switch {
	case f.Format == NDJSON:
		err = f.examineJSON(text, end)
	case beginsJSON.Match(text):
		err = fmt.Errorf("%w: it is JSON, and read as CSV: say --format ndjson, or name it .json", ErrWrongKind)
	default:
		err = f.examineCSV(text, end)
	}
	if err != nil {
		return err
	}
	f.learn(text)
	f.lookAhead(text)
	return nil
}

// sample is the beginning of the text, sampleBytes at most, and whether it is
// the whole of it.
func (f *file) sample(head []byte, whole bool) (text []byte, end bool, err error) {
	r, done, err := f.decode(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		return nil, false, err
	}
	defer done()
	text, err = io.ReadAll(io.LimitReader(r, sampleBytes))
	switch {
	case err != nil && (whole || errors.Is(err, decode.ErrEncoding)):
		return nil, false, err
	case err != nil: // the head ends within a compressed block
		return text, false, nil
	}
	return text, whole && len(text) < sampleBytes, nil
}

// decided records the encoding that was found, and gives notice of one that is not
// certain, with a word that depends on it.
func (f *file) decided(name, word string) {
	if word != "" {
		such := ""
		if !f.options.Redact {
			such = ", such as in " + words.Show(word)
		}
		f.note(fmt.Sprintf("is not UTF-8 and is read as %s%s; if names look wrong, say --encoding", name, such))
	}
	f.Encoding = name
}

func (f *file) note(text string) {
	if text == "" {
		return
	}
	f.in.mu.Lock()
	defer f.in.mu.Unlock()
	if n := (Notice{f.Name, text}); !f.in.told[n] { // a file is read more than once
		f.in.notices, f.in.told[n] = append(f.in.notices, n), true
	}
}

func (f *file) decode(raw *bufio.Reader) (io.Reader, func(), error) {
	r, done, err := decode.Decompress(raw)
	if err != nil {
		return nil, nil, err
	}
	t, err := decode.NewReader(r, f.options.Encoding, f.options.Redact, f.decided)
	if err == nil {
		head := t.Peek(512)
		if r != io.Reader(raw) && decode.IsPacked(head) {
			err = fmt.Errorf("%w: what is compressed in it is packed again: unpack it first", ErrWrongKind)
		} else if what := foreign.WrongKind(head); what != "" {
			err = fmt.Errorf("%w: %s", ErrWrongKind, what)
		}
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	return t, done, nil
}

// text opens the file for reading from its first byte to its last, as UTF-8
// without a BOM, and counts the bytes that are taken from it.
func (f *file) text() (text io.Reader, done func(), err error) {
	raw, err := f.reopen()
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if failed := f.far.failed(); failed != nil && err != nil {
			err = fmt.Errorf("%s: %w", f.Name, failed)
		}
	}()
	r, unpacked, err := f.decode(bufio.NewReaderSize(io.TeeReader(raw, counter{&f.in.read}), readAhead))
	if err != nil {
		raw.Close()
		return nil, nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	return r, func() { unpacked(); raw.Close() }, nil // read only: nothing to lose
}

// reopen opens the file at its first byte. What can be read once can be opened
// once, and is closed with the input.
func (f *file) reopen() (io.ReadCloser, error) {
	if f.far.Object != nil {
		return f.far.open()
	}
	if f.once == nil {
		file, err := f.opened()
		return &steady{File: file, of: f}, err
	}
	if f.used {
		return nil, fmt.Errorf("%s: can be read only once", f.Name)
	}
	f.used = true
	return io.NopCloser(f.once), nil
}

func (f *file) close() error {
	if f.rows != nil {
		return f.rows.Close()
	}
	if f.far.Object != nil {
		return f.far.Close()
	}
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// A counter counts the bytes that are written to it.
type counter struct{ *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.Add(int64(len(p)))
	return len(p), nil
}
