package source

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gocarina/gocsv"

	"importer/internal/rejectfile"
	"importer/source/decode"
	"importer/source/mapping"
	"importer/source/mapping/columns"
	"importer/source/table"
)

// examineCSV finds the delimiter and the header in the beginning of the text.
func (f *file) examineCSV(head []byte, whole bool) error {
	head, _ = io.ReadAll(withNewlines(bytes.NewReader(head))) // of memory: it cannot fail
	f.line = 1
	if d, ok := table.SeparatorLine(head); ok {
		f.line = 2
		f.Delimiter = cmp.Or(f.Delimiter, d)
	}
	f.line = max(f.line, f.options.HeaderRow)
	for range f.line - 1 {
		_, head, _ = bytes.Cut(head, []byte{'\n'})
	}
	if f.options.HeaderRow > 0 && table.IsBlank([]string{firstLine(head)}) {
		return fmt.Errorf("%w: --header-row says line %d, and that line is blank or behind the end of the file, or of its first %d bytes", ErrBadHeader, f.line, sampleBytes)
	}
	if f.Delimiter == 0 {
		f.Delimiter = table.Delimiter(head, f.options.Mapping)
	}
	if f.options.HeaderRow == 0 {
		head = f.findTable(head)
	}
	return f.examineHeader(head, whole)
}

func firstLine(text []byte) string {
	line, _, _ := bytes.Cut(text, []byte{'\n'})
	return string(line)
}

// findTable leaves out what stands before the header.
func (f *file) findTable(head []byte) []byte {
	t := table.TakeApart(head, f.Delimiter)
	if len(t.Rows) == 0 {
		return head
	}
	h := table.Header(t.Rows, f.options.Mapping)
	f.line += t.Lines[h] - 1
	if slices.ContainsFunc(t.Rows[:h], func(row []string) bool { return len(row) > 0 }) {
		f.note(fmt.Sprintf("the header is taken from line %d, which has names of known columns; --header-row says another one", f.line))
	}
	return head[t.Starts[h]:]
}

func (f *file) examineHeader(head []byte, whole bool) error {
	r, rows := newCSV(bytes.NewReader(head), f.Delimiter)
	header, err := rows.GetCSVRow()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadHeader, atLine(err, f.line))
	}
	end := r.InputOffset()
	switch {
	case !whole && end == int64(len(head)):
		return fmt.Errorf("%w: it is longer than %d bytes", ErrBadHeader, sampleBytes)
	case notText(string(head[:end])) >= 0:
		return fmt.Errorf("%w: it is not text", ErrBadHeader)
	case slices.ContainsFunc(header, func(name string) bool {
		return strings.Count(name, "\n") > 3 || strings.Contains(name, "\n") && strings.Contains(name, "@")
	}):
		return fmt.Errorf("%w: a quote that opens in it, at line %d or behind, takes rows into the name of a column: close it", ErrBadHeader, f.line)
	}
	if err := f.columns(header, table.TakeApart(head[end:], f.Delimiter).Rows); err != nil {
		return err
	}
	if whole && table.IsBlank([]string{string(head[end:])}) {
		f.note(headerOnly)
	}
	return nil
}

const headerOnly = "holds a header and no rows: there is nothing to import"

// atLine counts the lines of a parser's error from a line of the file on.
func atLine(err error, line int) error {
	if bad, ok := errors.AsType[*csv.ParseError](err); ok {
		moved := *bad
		moved.StartLine, moved.Line = moved.StartLine+line-1, moved.Line+line-1
		return &moved
	}
	return err
}

// columns plans where the columns of a header go, above some rows.
func (f *file) columns(header []string, rows [][]string) (err error) {
	if len(header) > mapping.MaxColumns {
		return fmt.Errorf("%w: it has %d columns; %d at most", ErrBadHeader, len(header), mapping.MaxColumns)
	}
	f.header = header
	if layout, ok := rejectfile.LayoutOf(f.base(), header, rows); ok {
		f.rejects, header = layout, cellsAt(header, layout.Source)
		for i, name := range header {
			header[i] = rejectfile.Unguard(name)
		}
	}
	if f.guarded = f.rejects == nil && rejectfile.IsExport(header); f.guarded {
		header = unguarded(slices.Clone(header))
	}
	f.Header = header
	var ignored string
	f.plan, ignored, err = mapping.PlanColumns(header, f.options.Mapping)
	f.note(ignored)
	const hint = "; if another line is the header, name it with --header-row"
	if bad, ok := errors.AsType[*mapping.Error](err); ok && strings.HasPrefix(bad.Reason, "there is no column") {
		bad.Reason += hint
	} else if errors.Is(err, mapping.ErrNoContactID) {
		err = fmt.Errorf("%w%s", err, hint)
	}
	return err
}

// A csvReader reads the records of one CSV file. They come from gocsv, but not
// through its structs: only the mapping knows the columns.
type csvReader struct {
	file   *file
	text   *lineReader
	parsed *bufio.Reader // used again for each record
	marked bool          // the record that was read last begins with a BOM
	tail   []byte        // Ctrl-Z and NUL behind it, at the end of the file
	blank  bool          // a blank line stands before the record that was read last
	held   []mapping.Record
	ready  []mapping.Record // what was held, and comes next
	end    error            // how the input ended
	left   leftOut
}

func newCSVReader(text io.Reader, f *file) (*csvReader, error) {
	c := &csvReader{file: f, text: newLineReader(text), parsed: bufio.NewReader(nil)}
	for range f.line - 1 {
		if _, err := c.text.end(0); err != nil && !errors.Is(err, errTooLong) {
			return nil, fmt.Errorf("%s: the file has changed since it was opened: %w", f.Name, err)
		}
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
		c.blank = c.text.skipBlank() || c.blank
		if raw, err = c.lines(); err != nil {
			return nil, nil, err
		}
		body := bytes.TrimPrefix(raw, []byte(decode.BOM)) // of a file that was put behind another
		mark := len(raw) - len(body)
		c.marked, c.tail = mark > 0 && !bytes.HasPrefix(body, []byte{'"'}), nil
		if text := bytes.TrimRight(body, "\x00\x1a"); len(text) > 0 && text[len(text)-1] != '\n' {
			body, c.tail = text, body[len(text):]
		}
		if c.manyFields(body) {
			return nil, nil, errManyFields
		}
		c.parsed.Reset(bytes.NewReader(body))
		r, rows := newCSV(c.parsed, c.file.Delimiter)
		cells, err = rows.GetCSVRow()
		end := int(r.InputOffset())
		if end == len(body) {
			end += len(c.tail)
		}
		raw = raw[:mark+end]
		if err != io.EOF {
			return raw, cells, err
		}
		c.text.take(len(raw)) // a blank line
		c.blank = true
	}
}

// maxFields is how many fields a row may have: more than a table has columns. Each takes
// several times the memory of its delimiter.
const maxFields = 1 << 17

var errManyFields = fmt.Errorf("the row has more than %d fields", maxFields)

// manyFields tells whether a record has more fields than it may, as far as its quotes tell.
func (c *csvReader) manyFields(body []byte) bool {
	delimiter := []byte(string(c.file.Delimiter))
	if len(body) <= maxFields || bytes.Count(body, delimiter) < maxFields {
		return false
	}
	n, quoted := 0, false
	for len(body) > 0 && n < maxFields {
		part, rest, _ := bytes.Cut(body, []byte{'"'})
		if !quoted {
			n += bytes.Count(part, delimiter)
		}
		body, quoted = rest, !quoted
	}
	return n >= maxFields
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

// next reads one record. A record that cannot be read has its fault in it. Rows that may
// be the footer of a report are held back until it is known what follows them.
func (c *csvReader) next(rec *mapping.Record) error {
	for len(c.ready) == 0 {
		if c.end != nil {
			c.left.tell(c.file)
			return c.end
		}
		err := c.record(rec)
		switch {
		case err != nil:
			c.end, c.ready, c.held = err, c.withoutFooter(), nil
		case c.mayBeFooter(rec):
			c.held = append(c.held, *rec)
		case len(c.held) == 0:
			return nil
		default:
			c.ready, c.held = append(c.held, *rec), nil
		}
	}
	*rec, c.ready = c.ready[0], c.ready[1:]
	return nil
}

func (c *csvReader) record(rec *mapping.Record) error {
	c.blank = false
	for {
		raw, cells, err := c.read()
		line := c.text.taken + 1
		last := len(raw) > 0 && raw[len(raw)-1] != '\n'
		var before, after string // rule 1 of contact ids refused NUL
		if c.marked {
			before = decode.BOM
		}
		if len(cells) == len(c.file.header) && c.file.rejects == nil && bytes.IndexByte(c.tail, 0) < 0 {
			after = string(c.tail)
		}
		switch {
		case errors.Is(err, errTooLong):
			*rec = mapping.Record{Line: line, Cells: []string{c.text.skip()}}
			rec.Fault = &mapping.Fault{Reason: fmt.Sprintf("the row is longer than %d MiB", maxRecord>>20), Hint: "shorten it or leave it out"}
		case errors.Is(err, errManyFields), err != nil && err != io.EOF && bytes.Count(raw, []byte(string(c.file.Delimiter))) > maxFields:
			*rec = mapping.Record{Line: line, Cells: []string{c.text.skip()}}
			rec.Fault = &mapping.Fault{Reason: errManyFields.Error(), Hint: "correct it or leave it out"}
			raw, last = nil, false
		case errors.Is(err, csv.ErrBareQuote), errors.Is(err, csv.ErrQuote):
			*rec = mapping.Record{Line: line}
			raw = c.badQuote(rec, raw)
		case err != nil:
			return err // io.EOF too
		case c.leavesOut(cells, line):
			c.text.take(len(raw))
			continue
		default:
			*rec = mapping.Record{Line: line, Cells: cells, Before: before, After: after, Fault: c.badText(raw[:len(raw)-len(c.tail)], cells, line)}
			raw = c.swallowed(rec, raw)
		}
		c.text.take(len(raw))
		c.file.finish(rec)
		c.fitHeader(rec, last)
		if last && endsWithin(raw) {
			c.end = decode.ErrHalf
		}
		return nil
	}
}

// endsWithin tells whether a text ends in the middle of a character.
func endsWithin(raw []byte) bool {
	start := len(raw) - 1
	for start > 0 && len(raw)-start < utf8.UTFMax && !utf8.RuneStart(raw[start]) {
		start--
	}
	return start >= 0 && !utf8.FullRune(raw[start:])
}

// badText finds a byte that is not text in a record that begins at the given line.
func (c *csvReader) badText(raw []byte, cells []string, line int) *mapping.Fault {
	at := notText(string(raw))
	if at < 0 {
		return nil
	}
	line, atByte := position(raw, at, line)
	what, hint := fmt.Sprintf("byte 0x%02X is not UTF-8", raw[at]), "save the file as UTF-8"
	if raw[at] == 0 {
		what, hint = "a NUL byte", "remove it; a file with many of them is often UTF-16"
	} else if e := c.file.Encoding; e != decode.UTF8 {
		what, hint = "a character that "+e+" does not have", "save the file as UTF-8, or say another --encoding"
	}
	f := &mapping.Fault{Reason: fmt.Sprintf("%s, at line %d, byte %d", what, line, atByte), Hint: hint}
	if i := slices.IndexFunc(cells, func(cell string) bool { return notText(cell) >= 0 }); i >= 0 {
		f.Field = columns.Name(c.file.header, i)
	}
	return f
}

// badQuote handles a quote in the wrong place and returns what of raw is the record.
// Where the parser read past the end of the line before it found that a quote is not
// closed, only that line is invalid: what follows is read again.
func (c *csvReader) badQuote(rec *mapping.Record, raw []byte) []byte {
	s := table.SplitRecord(raw, string(c.file.Delimiter), c.file.options.LazyQuotes)
	rec.Cells = s.Cells
	line, at := position(raw, max(s.Fault, 0), rec.Line)
	where := fmt.Sprintf("at line %d, byte %d", line, at)
	lazy := c.file.options.LazyQuotes
	// Where no line behind the quote looks like a row, it may open a field that was cut off.
	cut := s.Open && s.Next == len(raw) && c.text.holdsAll(len(raw)) && !c.rowsIn(raw[s.End:]) && !(lazy && len(s.Cells) == len(c.file.header))
	switch {
	case lazy && !cut:
		rec.Fault = c.badText(raw[:s.End], rec.Cells, rec.Line)
	case !s.Open:
		rec.Fault = &mapping.Fault{
			Reason: "a quote inside a field that does not begin with one, " + where,
			Hint:   `put quotes around the whole field and double those inside it: "a 5"" screen"`,
		}
	default:
		rec.Fault = &mapping.Fault{
			Reason: fmt.Sprintf("the quote that opens %s is %s", where, c.notClosed(s, raw, rec.Line)),
			Hint:   "close it, or double each quote that belongs to the text",
		}
	}
	if !cut {
		return raw[:s.End]
	}
	c.end = fmt.Errorf("the file ends inside the quotes that open %s: it is cut off, or the quote is not closed", where)
	if s.End == len(raw) {
		return raw
	}
	rec.Cells[len(rec.Cells)-1] += "\n" + cutText(raw[s.End:])
	return raw
}

// notClosed says of a quote that opens a field what is wrong with the next one.
func (c *csvReader) notClosed(s table.Split, raw []byte, line int) string {
	if s.Next < len(raw) {
		line, at := position(raw, s.Next, line)
		return fmt.Sprintf("not closed where a field ends: the next one stands at line %d, byte %d", line, at)
	}
	if len(raw) < c.text.buf.Len() {
		return fmt.Sprintf("not closed within %d MiB", maxRecord>>20)
	}
	return "never closed"
}

// rowsIn tells whether most lines of a text are rows: they hold as many fields as the
// header, and an address or a number where that may be chance.
func (c *csvReader) rowsIn(text []byte) bool {
	rows, all := 0, 0
	for line := range bytes.Lines(text) {
		if table.IsBlank([]string{string(line)}) {
			continue
		}
		all++
		fields := strings.Split(strings.TrimRight(string(line), "\r\n"), string(c.file.Delimiter))
		if len(fields) == len(c.file.header) && (len(fields) >= manyColumns || slices.ContainsFunc(fields, func(f string) bool { return table.KindOf(f) != 0 })) {
			rows++
		}
	}
	return rows*2 > all
}
