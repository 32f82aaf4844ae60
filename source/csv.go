package source

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"importer/internal/rejectfile"
	"importer/internal/words"
	"importer/source/mapping"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gocarina/gocsv"
)

// examineCSV reads the header from the head of the file.
func (f *file) examineCSV(head []byte, whole bool) error {
	r, rows := newCSV(&newlines{src: bytes.NewReader(head)}, f.Delimiter)
	header, err := rows.GetCSVRow()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadHeader, err)
	}
	end := r.InputOffset()
	switch {
	case !whole && end == int64(len(head)):
		return fmt.Errorf("%w: it is longer than %d bytes", ErrBadHeader, sampleBytes)
	case !utf8.Valid(head[:end]) || bytes.IndexByte(head[:end], 0) >= 0:
		return fmt.Errorf("%w: it is not text", ErrBadHeader)
	}
	if err := f.columns(header); err != nil {
		return err
	}
	if whole && len(bytes.TrimSpace(head[end:])) == 0 {
		f.note(headerOnly)
	}
	return nil
}

const headerOnly = "holds a header and no rows: there is nothing to import"

// columns finds out where the columns of a header go.
func (f *file) columns(header []string) error {
	if len(header) > mapping.MaxColumns {
		return fmt.Errorf("%w: it has %d columns; %d at most", ErrBadHeader, len(header), mapping.MaxColumns)
	}
	if n := len(header) - len(rejectfile.Columns); n > 0 && slices.Equal(header[n:], rejectfile.Columns[:]) {
		f.rejects, header = true, header[:n]
	}
	f.Header = header
	p, ignored, err := mapping.PlanColumns(header, f.options.Mapping)
	if err != nil {
		return err
	}
	f.plan = p
	if ignored != "" {
		f.note(ignored)
	}
	return nil
}

// finish takes away what the writer of a reject file added, and keeps the cells
// as they were read.
func (f *file) finish(rec *mapping.Record) {
	if f.rejects {
		// An invalid row may have more or fewer cells than the header. What the writer
		// added stands at its end.
		added := len(rejectfile.Columns)
		if n := len(rec.Cells) - added; n >= 0 && (len(rec.Cells) == len(f.Header)+added || isLine(rec.Cells[n])) {
			if rec.Fault == nil && stillMisquoted(rec.Cells[:n], rec.Cells[n+rejectedFor]) {
				rec.Fault = &mapping.Fault{
					Reason: "a quote inside a field is where it was when the row was refused",
					Hint:   "take it out, or clear the cell _error if it belongs to the text",
				}
			}
			rec.Cells = rec.Cells[:n]
		}
		for i, cell := range rec.Cells {
			rec.Cells[i] = rejectfile.Unguard(cell)
		}
	}
	rec.Raw = rec.Cells
}

// rejectedFor is where _error stands among the columns of a reject file.
const rejectedFor = 3

// stillMisquoted tells whether a row of a reject file holds a quote and was
// refused because of one. The reject file quotes correctly, so nothing else shows
// that nobody has looked at the row.
func stillMisquoted(cells []string, why string) bool {
	return (strings.HasPrefix(why, "a quote inside a field") || strings.HasPrefix(why, "the quote that opens")) &&
		slices.ContainsFunc(cells, func(cell string) bool { return strings.Contains(cell, `"`) })
}

// isLine tells whether a cell may stand in _line.
func isLine(s string) bool {
	_, err := strconv.ParseUint(s, 10, 64)
	return err == nil
}

// A csvReader reads the records of one CSV file. They come from gocsv, but not
// through its structs: only the mapping knows the columns.
type csvReader struct {
	file *file
	tape *tape
	buf  *bufio.Reader
	csv  *csv.Reader         // tells where a record and its fields stand
	rows gocsv.SimpleDecoder // over csv

	begun   bool  // the header was read
	columns int   // of each record
	offset  int64 // csv.InputOffset at the beginning of the current record
	lines   int   // lines before the current record
}

func newCSVReader(text io.Reader, f *file) *csvReader {
	t := &tape{src: &newlines{src: text}}
	c := &csvReader{file: f, tape: t, buf: bufio.NewReaderSize(t, readAhead), columns: f.width()}
	if f.sepLine {
		t.skipLine()
		c.lines = 1
	}
	c.restart()
	return c
}

// restart makes the csv.Reader go on with the first byte of the current record.
func (c *csvReader) restart() {
	c.tape.rewind()
	c.buf.Reset(c.tape)
	c.csv, c.rows = newCSV(c.buf, c.file.Delimiter)
	c.csv.FieldsPerRecord = c.columns
	c.offset = 0
}

// newCSV reads records, and says where in the text they stand.
func newCSV(text io.Reader, delimiter rune) (*csv.Reader, gocsv.SimpleDecoder) {
	r := csv.NewReader(text)
	r.Comma = delimiter
	return r, gocsv.NewSimpleDecoderFromCSVReader(r)
}

// begin reads the header again.
func (c *csvReader) begin() error {
	header, err := c.rows.GetCSVRow()
	if err == nil && !slices.Equal(header[:len(c.file.Header)], c.file.Header) {
		err = errors.New("its header is another one")
	}
	if err != nil {
		return fmt.Errorf("the file has changed since it was opened: %w", err)
	}
	c.begun = true
	c.accept(c.read())
	return nil
}

// read is what the csv.Reader has read for the current record, with the blank
// lines before it.
func (c *csvReader) read() []byte { return c.tape.record()[:c.csv.InputOffset()-c.offset] }

// accept ends the current record, of which read is the whole.
func (c *csvReader) accept(read []byte) {
	c.lines += bytes.Count(read, []byte{'\n'})
	c.tape.drop(len(read))
	c.offset += int64(len(read))
}

// next reads one record. A record that cannot be read has its fault in it.
func (c *csvReader) next(rec *mapping.Record) error {
	if !c.begun {
		if err := c.begin(); err != nil {
			return err
		}
	}
	for {
		cells, err := c.rows.GetCSVRow()
		if errors.Is(err, errTooLong) {
			c.tooLong(rec)
			return nil
		}
		read := c.read()
		raw := trimNewlines(read)
		*rec = mapping.Record{Line: c.lines + bytes.Count(read[:len(read)-len(raw)], []byte{'\n'}) + 1}
		switch {
		case errors.Is(err, csv.ErrFieldCount):
			rec.Cells = splitRecord(raw, c.file.Delimiter).cells
			rec.Fault = c.badText(raw, rec.Line, len(rec.Cells))
			if rec.Fault == nil {
				rec.Fault = ragged(len(rec.Cells), c.columns)
			}
			c.accept(read)
			if allEmpty(rec.Cells) {
				continue
			}
		case errors.Is(err, csv.ErrBareQuote), errors.Is(err, csv.ErrQuote):
			c.badQuote(rec, read, raw)
		case err != nil:
			return err // io.EOF too
		default:
			rec.Cells = cells
			rec.Fault = c.badText(raw, rec.Line, c.columns)
			c.accept(read)
			if allEmpty(rec.Cells) {
				continue // a row of delimiters holds no more than a blank line does
			}
		}
		c.file.finish(rec)
		return nil
	}
}

// trimNewlines is a text without the blank lines that it begins with.
func trimNewlines(b []byte) []byte {
	for len(b) > 0 && (b[0] == '\n' || b[0] == '\r') {
		b = b[1:]
	}
	return b
}

func ragged(fields, columns int) *mapping.Fault {
	return &mapping.Fault{
		Reason: fmt.Sprintf("the row has %s and the header %d", words.Plural(fields, "field", "fields"), columns),
		Hint:   "put quotes around a field that holds the delimiter or a line break, or add the fields that are missing",
	}
}

func allEmpty(cells []string) bool {
	for _, cell := range cells {
		if cell != "" {
			return false
		}
	}
	return true
}

// badText finds the first byte of a record that is not text. The record begins
// at the given line; the csv.Reader knows the positions of so many fields.
func (c *csvReader) badText(raw []byte, line, fields int) *mapping.Fault {
	at := bytes.IndexByte(raw, 0)
	if at < 0 && utf8.Valid(raw) {
		return nil
	}
	reason, hint := "a NUL byte", "remove it; a file with many of them is often UTF-16"
	if i := invalidUTF8(raw); i >= 0 && (at < 0 || i < at) {
		at = i
		reason, hint = fmt.Sprintf("byte 0x%02X is not UTF-8", raw[i]), "save the file as UTF-8"
	}
	atLine, atByte := position(raw, at, line)
	f := &mapping.Fault{Reason: fmt.Sprintf("%s, at line %d, byte %d", reason, atLine, atByte), Hint: hint}
	if fields == 0 {
		return f
	}
	first, _ := c.csv.FieldPos(0)
	for i := range fields {
		if l, b := c.csv.FieldPos(i); l-first+line < atLine || l-first+line == atLine && b <= atByte {
			f.Field = c.file.columnName(i)
		}
	}
	return f
}

// width is how many cells a record has.
func (f *file) width() int {
	if f.rejects {
		return len(f.Header) + len(rejectfile.Columns)
	}
	return len(f.Header)
}

// columnName is what people call a column, that of a reject file as well.
func (f *file) columnName(i int) string {
	if n := len(f.Header); f.rejects && i >= n && i-n < len(rejectfile.Columns) {
		return rejectfile.Columns[i-n]
	}
	return mapping.ColumnName(f.Header, i)
}

// badQuote handles a quote in the wrong place. Where the parser read past the end of
// the line before it found that a quote is not closed, only that line is invalid:
// what follows is read again.
func (c *csvReader) badQuote(rec *mapping.Record, read, raw []byte) {
	s := splitRecord(raw, c.file.Delimiter)
	rec.Cells = s.cells
	line, at := position(raw, s.fault, rec.Line)
	switch {
	case c.file.options.LazyQuotes:
		rec.Cells = s.lazy
		if rec.Fault = c.badText(raw[:s.end], rec.Line, 0); rec.Fault == nil && len(rec.Cells) != c.columns {
			rec.Fault = ragged(len(rec.Cells), c.columns)
		}
	case !s.open:
		rec.Fault = &mapping.Fault{
			Reason: fmt.Sprintf("a quote inside a field that does not begin with one, at line %d, byte %d", line, at),
			Hint:   `put quotes around the whole field and double those inside it: "a 5"" screen"`,
		}
	case s.next < 0:
		rec.Fault = &mapping.Fault{
			Reason: fmt.Sprintf("the quote that opens at line %d, byte %d is never closed", line, at),
			Hint:   "close it, or double each quote that belongs to the text",
		}
	default:
		nextLine, nextAt := position(raw, s.next, rec.Line)
		rec.Fault = &mapping.Fault{
			Reason: fmt.Sprintf("the quote that opens at line %d, byte %d is not closed where a field ends: the next one stands at line %d, byte %d",
				line, at, nextLine, nextAt),
			Hint: "close it, or double each quote that belongs to the text",
		}
	}
	if s.end == len(raw) {
		c.accept(read)
	} else {
		c.accept(read[:len(read)-len(raw)+s.end])
		c.restart()
	}
	c.file.finish(rec)
}

// tooLong refuses a record of more than maxRecord bytes: nearly always there is a
// quote that is never closed.
func (c *csvReader) tooLong(rec *mapping.Record) {
	read := c.tape.record()
	raw := trimNewlines(read)
	*rec = mapping.Record{Line: c.lines + bytes.Count(read[:len(read)-len(raw)], []byte{'\n'}) + 1}
	if s := splitRecord(raw, c.file.Delimiter); s.open && s.end < len(raw) {
		line, at := position(raw, s.fault, rec.Line)
		rec.Fault = &mapping.Fault{
			Reason: fmt.Sprintf("the quote that opens at line %d, byte %d is not closed within %d MiB", line, at, maxRecord>>20),
			Hint:   "close it, or double each quote that belongs to the text",
		}
		rec.Cells = s.cells
		c.accept(read[:len(read)-len(raw)+s.end])
	} else {
		rec.Fault = &mapping.Fault{Reason: fmt.Sprintf("the row is longer than %d MiB", maxRecord>>20), Hint: "shorten it or leave it out"}
		rec.Cells = []string{cutText(raw)}
		c.lines += bytes.Count(read, []byte{'\n'}) + 1
		c.tape.skipLine()
	}
	c.restart()
	c.file.finish(rec)
}
