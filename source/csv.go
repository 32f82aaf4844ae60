package source

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gocarina/gocsv"

	"importer/internal/rejectfile"
	"importer/internal/words"
	"importer/source/mapping"
)

func (f *file) examineCSV(head []byte, whole bool) error {
	r, rows := newCSV(withNewlines(bytes.NewReader(head)), f.Delimiter)
	header, err := rows.GetCSVRow()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadHeader, err)
	}
	end := r.InputOffset()
	switch {
	case !whole && end == int64(len(head)):
		return fmt.Errorf("%w: it is longer than %d bytes", ErrBadHeader, sampleBytes)
	case notText(string(head[:end])) >= 0:
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

func (f *file) columns(header []string) (err error) {
	if len(header) > mapping.MaxColumns {
		return fmt.Errorf("%w: it has %d columns; %d at most", ErrBadHeader, len(header), mapping.MaxColumns)
	}
	f.header = header
	if n := len(header) - len(rejectfile.Columns); n > 0 && slices.Equal(header[n:], rejectfile.Columns[:]) {
		f.rejects, header = true, header[:n]
	}
	f.Header = header
	var ignored string
	f.plan, ignored, err = mapping.PlanColumns(header, f.options.Mapping)
	f.note(ignored)
	return err
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

func isLine(s string) bool {
	_, err := strconv.ParseUint(s, 10, 64)
	return err == nil
}

// A csvReader reads the records of one CSV file. They come from gocsv, but not
// through its structs: only the mapping knows the columns.
type csvReader struct {
	file   *file
	text   *lineReader
	parsed *bufio.Reader // used again for each record
}

func newCSVReader(text io.Reader, f *file) (*csvReader, error) {
	c := &csvReader{file: f, text: newLineReader(text), parsed: bufio.NewReader(nil)}
	if f.sepLine {
		c.text.skip()
	}
	raw, header, err := c.read()
	if err == nil && !slices.Equal(header, f.header) {
		err = errors.New("its header is another one")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: the file has changed since it was opened: %w", f.Name, err)
	}
	c.text.take(len(raw))
	return c, nil
}

// newCSV reads records, and says where in the text they end.
func newCSV(text io.Reader, delimiter rune) (*csv.Reader, gocsv.SimpleDecoder) {
	r := csv.NewReader(text)
	r.Comma, r.FieldsPerRecord = delimiter, -1
	return r, gocsv.NewSimpleDecoderFromCSVReader(r)
}

// read returns the next record, and how much of the text was read for it: where a
// quote is in the wrong place that may be more than the record.
func (c *csvReader) read() (raw []byte, cells []string, err error) {
	for {
		if raw, err = c.lines(); err != nil {
			return nil, nil, err
		}
		c.parsed.Reset(bytes.NewReader(raw))
		r, rows := newCSV(c.parsed, c.file.Delimiter)
		cells, err = rows.GetCSVRow()
		raw = raw[:r.InputOffset()]
		if err != io.EOF {
			return raw, cells, err
		}
		c.text.take(len(raw)) // a blank line
	}
}

// lines returns the next lines, as many as it takes to make their quotes even in
// number: no more than that belong to a record.
func (c *csvReader) lines() (text []byte, err error) {
	for quotes, start := 0, 0; ; start = len(text) {
		end, err := c.text.end(start)
		text = c.text.buf.Bytes()[:end]
		quotes += bytes.Count(text[start:], []byte{'"'})
		if errors.Is(err, errTooLong) && start > 0 {
			return text, nil // the parser finds a quote that is not closed
		}
		if err != nil || quotes%2 == 0 || end == start {
			return text, err
		}
	}
}

// next reads one record. A record that cannot be read has its fault in it.
func (c *csvReader) next(rec *mapping.Record) error {
	for {
		raw, cells, err := c.read()
		line := c.text.taken + 1
		switch {
		case errors.Is(err, errTooLong):
			*rec = mapping.Record{Line: line, Cells: []string{c.text.skip()}}
			rec.Fault = &mapping.Fault{Reason: fmt.Sprintf("the row is longer than %d MiB", maxRecord>>20), Hint: "shorten it or leave it out"}
		case errors.Is(err, csv.ErrBareQuote), errors.Is(err, csv.ErrQuote):
			*rec = mapping.Record{Line: line}
			raw = c.badQuote(rec, raw)
		case err != nil:
			return err // io.EOF too
		case !slices.ContainsFunc(cells, func(cell string) bool { return cell != "" }):
			c.text.take(len(raw))
			continue // a row of delimiters holds no more than a blank line does
		default:
			*rec = mapping.Record{Line: line, Cells: cells, Fault: c.badCells(raw, cells, line)}
		}
		c.text.take(len(raw))
		c.file.finish(rec)
		return nil
	}
}

// badCells finds what is wrong with the cells of a record that begins at the given
// line: a byte that is not text, or their number.
func (c *csvReader) badCells(raw []byte, cells []string, line int) *mapping.Fault {
	if at := notText(string(raw)); at >= 0 {
		line, atByte := position(raw, at, line)
		what, hint := fmt.Sprintf("byte 0x%02X is not UTF-8", raw[at]), "save the file as UTF-8"
		if raw[at] == 0 {
			what, hint = "a NUL byte", "remove it; a file with many of them is often UTF-16"
		}
		f := &mapping.Fault{Reason: fmt.Sprintf("%s, at line %d, byte %d", what, line, atByte), Hint: hint}
		if i := slices.IndexFunc(cells, func(cell string) bool { return notText(cell) >= 0 }); i >= 0 {
			f.Field = mapping.ColumnName(c.file.header, i)
		}
		return f
	}
	if columns := len(c.file.header); len(cells) != columns {
		return &mapping.Fault{
			Reason: fmt.Sprintf("the row has %s and the header %d", words.Plural(len(cells), "field", "fields"), columns),
			Hint:   "put quotes around a field that holds the delimiter or a line break, or add the fields that are missing",
		}
	}
	return nil
}

// badQuote handles a quote in the wrong place and returns what of raw is the record.
// Where the parser read past the end of the line before it found that a quote is not
// closed, only that line is invalid: what follows is read again.
func (c *csvReader) badQuote(rec *mapping.Record, raw []byte) []byte {
	s := splitRecord(raw, fieldPattern(c.file.Delimiter), c.file.options.LazyQuotes)
	rec.Cells = s.cells
	line, at := position(raw, s.fault, rec.Line)
	where := fmt.Sprintf("at line %d, byte %d", line, at)
	switch {
	case c.file.options.LazyQuotes:
		rec.Fault = c.badCells(raw[:s.end], rec.Cells, rec.Line)
	case !s.open:
		rec.Fault = &mapping.Fault{
			Reason: "a quote inside a field that does not begin with one, " + where,
			Hint:   `put quotes around the whole field and double those inside it: "a 5"" screen"`,
		}
	default:
		why := "never closed"
		if s.next < len(raw) {
			line, at := position(raw, s.next, rec.Line)
			why = fmt.Sprintf("not closed where a field ends: the next one stands at line %d, byte %d", line, at)
		} else if len(raw) < c.text.buf.Len() {
			why = fmt.Sprintf("not closed within %d MiB", maxRecord>>20)
		}
		rec.Fault = &mapping.Fault{
			Reason: fmt.Sprintf("the quote that opens %s is %s", where, why),
			Hint:   "close it, or double each quote that belongs to the text",
		}
	}
	return raw[:s.end]
}

// fieldPattern matches the first field of a text and what ends it: a field in quotes
// that are closed where it ends, else one as it stands, up to the next delimiter or
// the end of the line.
func fieldPattern(delimiter rune) *regexp.Regexp {
	d := regexp.QuoteMeta(string(delimiter))
	return regexp.MustCompile(`^(?:"((?:[^"]|"")*)"|([^\n` + d + `]*?))(` + d + `|\r?\n|$)`)
}

// openQuote matches a field in quotes up to the first one that is not doubled.
var openQuote = regexp.MustCompile(`^"(?:[^"]|"")*`)

// A split is a record that the csv.Reader refused, taken apart as far as possible.
type split struct {
	cells []string
	fault int  // offset of the quote at fault; -1 where there is none
	open  bool // the quote at fault opens a field that is not closed as it should be
	next  int  // open only: offset of the next quote, or the length of the text
	end   int  // offset of the next record
}

// splitRecord takes the first record of raw apart. A field with misplaced quotes
// is kept as it stands; if lazy, without the quotes around it.
func splitRecord(raw []byte, field *regexp.Regexp, lazy bool) split {
	s := split{fault: -1}
	for {
		rest := raw[s.end:]
		m := field.FindSubmatch(rest)
		cell, quoted := string(m[2]), m[1] != nil
		i := strings.IndexByte(cell, '"')
		switch {
		case quoted:
			cell = unquote(string(m[1]))
		case i >= 0 && s.fault < 0:
			s.fault, s.open = s.end+i, i == 0
			s.next = s.end + len(openQuote.Find(rest))
		}
		if lazy && len(cell) > 1 && i == 0 && strings.HasSuffix(cell, `"`) {
			cell = unquote(cell[1 : len(cell)-1])
		}
		s.cells = append(s.cells, cell)
		s.end += len(m[0])
		if end := string(m[3]); end == "" || strings.HasSuffix(end, "\n") {
			return s
		}
	}
}

var unquote = strings.NewReplacer(`""`, `"`, "\r\n", "\n").Replace
