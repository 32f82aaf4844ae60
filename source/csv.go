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
)

// examineCSV finds the delimiter and the header in the beginning of the text.
func (f *file) examineCSV(head []byte, whole bool) error {
	head, _ = io.ReadAll(withNewlines(bytes.NewReader(head))) // of memory: it cannot fail
	f.line = 1
	if d, ok := separatorLine(head); ok {
		f.line = 2
		f.Delimiter = cmp.Or(f.Delimiter, d)
	}
	f.line = max(f.line, f.options.HeaderRow)
	for range f.line - 1 {
		_, head, _ = bytes.Cut(head, []byte{'\n'})
	}
	if f.options.HeaderRow > 0 && isBlank([]string{firstLine(head)}) {
		return fmt.Errorf("%w: --header-row says line %d, and that line is blank or behind the end of the file, or of its first %d bytes", ErrBadHeader, f.line, sampleBytes)
	}
	if f.Delimiter == 0 {
		f.Delimiter = guessDelimiter(head, f.options.Mapping)
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
	t := takeApart(head, f.Delimiter)
	if len(t.rows) == 0 {
		return head
	}
	h := findHeader(t.rows, f.options.Mapping)
	f.line += t.lines[h] - 1
	if slices.ContainsFunc(t.rows[:h], func(row []string) bool { return len(row) > 0 }) {
		f.note(fmt.Sprintf("the header is taken from line %d, which has names of known columns; --header-row says another one", f.line))
	}
	return head[t.starts[h]:]
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
	if err := f.columns(header, takeApart(head[end:], f.Delimiter).rows); err != nil {
		return err
	}
	if whole && isBlank([]string{string(head[end:])}) {
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
	if layout, ok := rejectfile.LayoutOf(f.Name, header, rows); ok {
		f.rejects, header = layout, cellsAt(header, layout.Source)
		for i, name := range header {
			header[i] = rejectfile.Unguard(name)
		}
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
	s := splitRecord(raw, string(c.file.Delimiter), c.file.options.LazyQuotes)
	rec.Cells = s.cells
	line, at := position(raw, max(s.fault, 0), rec.Line)
	where := fmt.Sprintf("at line %d, byte %d", line, at)
	lazy := c.file.options.LazyQuotes
	// Where no line behind the quote looks like a row, it may open a field that was cut off.
	cut := s.open && s.next == len(raw) && c.text.holdsAll(len(raw)) && !c.rowsIn(raw[s.end:]) && !(lazy && len(s.cells) == len(c.file.header))
	switch {
	case lazy && !cut:
		rec.Fault = c.badText(raw[:s.end], rec.Cells, rec.Line)
	case !s.open:
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
		return raw[:s.end]
	}
	c.end = fmt.Errorf("the file ends inside the quotes that open %s: it is cut off, or the quote is not closed", where)
	if s.end == len(raw) {
		return raw
	}
	rec.Cells[len(rec.Cells)-1] += "\n" + cutText(raw[s.end:])
	return raw
}

// notClosed says of a quote that opens a field what is wrong with the next one.
func (c *csvReader) notClosed(s split, raw []byte, line int) string {
	if s.next < len(raw) {
		line, at := position(raw, s.next, line)
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
		if isBlank([]string{string(line)}) {
			continue
		}
		all++
		fields := strings.Split(strings.TrimRight(string(line), "\r\n"), string(c.file.Delimiter))
		if len(fields) == len(c.file.header) && (len(fields) >= manyColumns || slices.ContainsFunc(fields, func(f string) bool { return kindOf(f) != 0 })) {
			rows++
		}
	}
	return rows*2 > all
}

// quoteEnd is the offset of the quote that closes the one with which s begins: the first
// that is not doubled, or the length of s.
func quoteEnd(s []byte) int {
	for at := 1; ; at += 2 {
		i := bytes.IndexByte(s[at:], '"')
		if i < 0 {
			return len(s)
		}
		if at += i; at+1 == len(s) || s[at+1] != '"' {
			return at
		}
	}
}

// fieldEnd is the length of what ends a field at the beginning of s, and whether the
// record ends there as well.
func fieldEnd(s []byte, delimiter string) (n int, last, ok bool) {
	for _, end := range []string{delimiter, "\n", "\r\n"} {
		if bytes.HasPrefix(s, []byte(end)) {
			return len(end), end != delimiter, true
		}
	}
	return 0, true, len(s) == 0
}

// plainField is the length of a field as it stands, in a text whose first line has that
// length without its line feed.
func plainField(s []byte, line int, delimiter string) int {
	if i := bytes.Index(s[:line], []byte(delimiter)); i >= 0 {
		return i
	}
	if line < len(s) {
		return len(bytes.TrimSuffix(s[:line], []byte("\r")))
	}
	return line
}

// lineEnd is the length of the first line of s without its line feed.
func lineEnd(s []byte) int {
	if i := bytes.IndexByte(s, '\n'); i >= 0 {
		return i
	}
	return len(s)
}

// A split is a record that the csv.Reader refused, taken apart as far as possible.
type split struct {
	cells []string
	fault int  // offset of the quote at fault; -1 where there is none
	open  bool // the quote at fault opens a field that is not closed as it should be
	next  int  // open only: offset of the next quote, or the length of the text
	end   int  // offset of the next record
}

// splitRecord takes the first record of raw apart. A field in quotes that are not closed
// where it ends is kept as it stands; if lazy, without the quotes around it.
func splitRecord(raw []byte, delimiter string, lazy bool) split {
	s := split{fault: -1}
	line := 0 // where the line ends in which s.end lies
	for last := false; !last; {
		rest := raw[s.end:]
		closing, n, ok := 0, 0, false
		if bytes.HasPrefix(rest, []byte{'"'}) {
			if closing = quoteEnd(rest); closing < len(rest) {
				n, last, ok = fieldEnd(rest[closing+1:], delimiter)
			}
		}
		if ok {
			s.cells = append(s.cells, unquote(string(rest[1:closing])))
			s.end += closing + 1 + n
			continue
		}
		if line < s.end || s.end == 0 {
			line = s.end + lineEnd(rest)
		}
		length := plainField(rest, line-s.end, delimiter)
		cell := string(rest[:length])
		i := strings.IndexByte(cell, '"')
		if i >= 0 && s.fault < 0 {
			s.fault, s.open, s.next = s.end+i, i == 0, s.end+closing
		}
		if lazy && len(cell) > 1 && i == 0 && strings.HasSuffix(cell, `"`) {
			cell = unquote(cell[1 : len(cell)-1])
		}
		s.cells = append(s.cells, cell)
		n, last, _ = fieldEnd(rest[length:], delimiter)
		s.end += length + n
	}
	return s
}

var unquote = strings.NewReplacer(`""`, `"`, "\r\n", "\n").Replace
