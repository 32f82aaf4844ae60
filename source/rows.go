package source

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"importer/internal/words"
	"importer/source/mapping"
	"importer/source/table"
)

// fitHeader makes the row as wide as the header: cells that are missing at its end are
// empty, and empty ones that are too many are none. Where the last row of a file ends
// early, without an end of its line, the file may be cut off there.
func (c *csvReader) fitHeader(rec *mapping.Record, last bool) {
	cells, columns := rec.Cells, len(c.file.Header)
	cut := last && len(cells) < columns && c.end == nil && !c.likeFooter(cells)
	if cut {
		c.end = errors.New("the file ends within a row, without an end of the line: it may be cut off")
	}
	if len(cells) == columns || rec.Fault != nil {
		return
	}
	bad := func(why, hint string) {
		rec.Fault = &mapping.Fault{
			Reason: fmt.Sprintf("the row has %s and the header %d%s", words.Plural(len(cells), "field", "fields"), columns, why), Hint: hint,
		}
	}
	switch {
	case len(cells) > columns && !table.IsBlank(cells[columns:]):
		bad("", "put quotes around a field that holds the delimiter or a line break")
	case len(cells) > columns:
		rec.Cells = cells[:columns:columns]
	case cut:
		bad(", and the file ends within it", "add the fields that are missing, and a line break; or fetch the file again: it may be cut off")
	case len(cells) == 1 && otherDelimiter(cells[0], c.file.Delimiter, columns):
		bad(": it seems to have another delimiter", "write all rows with one delimiter")
	default:
		rec.Cells = append(cells, make([]string, columns-len(cells))...)
	}
	rec.Raw = rec.Cells
}

// otherDelimiter tells whether a row that is a single cell is one of another delimiter.
func otherDelimiter(cell string, than rune, columns int) bool {
	return slices.ContainsFunc([]rune{',', ';', '\t', '|'}, func(d rune) bool {
		return d != than && strings.Count(cell, string(d)) >= columns-1
	})
}

// swallowed looks for rows in the quoted fields of a record: a quote that opens one and
// is not closed takes what follows up to the next quote. Then only the lines up to it
// are the record, and what follows is read again.
func (c *csvReader) swallowed(rec *mapping.Record, raw []byte) []byte {
	if i := bytes.IndexByte(raw, '\n'); i < 0 || i == len(raw)-1 {
		return raw
	}
	if len(c.file.header) == 1 {
		rec.Fault = cmp.Or(rec.Fault, onlyColumn(rec))
		return raw
	}
	field, row := c.rowWithin(rec.Cells)
	if field < 0 {
		return raw
	}
	before := strings.Count(strings.Join(rec.Cells[:field], ""), "\n")
	end := 0
	for range before + 1 {
		end += 1 + bytes.IndexByte(raw[end:], '\n')
	}
	closed := strings.Count(rec.Cells[field], "\n")
	s := table.SplitRecord(raw[:end], string(c.file.Delimiter), false)
	line, at := position(raw, max(s.Fault, 0), rec.Line)
	rec.Cells = s.Cells
	rec.Fault = &mapping.Fault{
		Reason: fmt.Sprintf("the quote that opens at line %d, byte %d swallowed rows: it is closed in line %d, and line %d is a row of its own",
			line, at, line+closed, line+row),
		Hint: "close it where its field ends, or double each quote that belongs to the text",
	}
	return raw[:end]
}

// onlyColumn refuses a field of several lines in a file of one column: they may be one
// contact or as many as lines, and nothing beside them tells.
func onlyColumn(rec *mapping.Record) *mapping.Fault {
	lines := 0
	for line := range strings.SplitSeq(rec.Cells[0], "\n") {
		if !table.IsBlank([]string{line}) {
			lines++
		}
	}
	if lines < 2 {
		return nil
	}
	return &mapping.Fault{
		Reason: fmt.Sprintf("the quote that opens line %d takes %d lines into one field, and each may be a row of its own", rec.Line, lines),
		Hint:   "take the quotes away if they are several contacts; if it is one, separate its ids with ;",
	}
}

// manyColumns is from how many columns on a line of text with as many delimiters as a row
// has is a row, whatever it says. An address or a sentence has fewer.
const manyColumns = 8

// rowWithin finds the first field of a record that holds a row, and in which of its lines,
// from 0. The field is -1 where none does.
func (c *csvReader) rowWithin(cells []string) (field, line int) {
	for field, cell := range cells {
		if !strings.Contains(cell, "\n") {
			continue
		}
		if line := c.rowInField(cells, field); line >= 0 {
			return field, max(line, 1)
		}
	}
	return -1, 0
}

// rowInField is the line of a field in which there is a row, or -1. Such a line has as many
// fields as the header, and one of them is of the same kind as that of the record: an
// address where it has an address, or a number. The first line of the field goes on from
// the fields before it, and the fields behind it go on from its last line. In a column of
// contact ids a line that holds anything but a list of them is a row, however wide it is.
func (c *csvReader) rowInField(cells []string, field int) int {
	columns, delimiter, cell := len(c.file.header), string(c.file.Delimiter), cells[field]
	last := strings.Count(cell, "\n")
	first, _, _ := strings.Cut(cell, "\n")
	own, _, _ := strings.Cut(first, delimiter)
	beginsRow := strings.Contains(first, delimiter) && field+1+strings.Count(first, delimiter) == columns
	i := -1
	for text := range strings.SplitSeq(cell, "\n") {
		i++
		parts := strings.Split(text, delimiter)
		n, from := len(parts), 0 // from is where they stand in a row
		if i == 0 {
			from = field
		}
		inner := i > 0 && i < last
		switch {
		case n > 1 && c.file.plan.GivesIDs(field) && slices.ContainsFunc(parts, func(s string) bool { return table.KindOf(s) == 0 && !table.IsBlank([]string{s}) }):
			return i
		case i == 0 && field+n != columns, inner && n != columns, i == last && n+len(cells)-field-1 != columns:
			continue
		case inner && (columns >= manyColumns || len(cells) != columns):
			return i
		}
		for k, part := range parts {
			at, as := from+k, own
			switch {
			case at >= len(cells), i == last && at > field, at == field && (i == 0 || n == 1 && !beginsRow): // a list of ids over lines
				continue
			case at != field:
				as = cells[at]
			}
			if c.alike(at, part, as) {
				return i
			}
		}
	}
	return -1
}

// alike tells whether two cells of a column are of one kind. Contact ids are if they have
// letters, digits and signs in the same places.
func (c *csvReader) alike(column int, a, b string) bool {
	if kind := table.KindOf(a); kind != 0 {
		return kind == table.KindOf(b)
	}
	shape := table.ShapeOf(a)
	return shape != "" && c.file.plan.GivesIDs(column) && shape == table.ShapeOf(b)
}

// leftOut counts the rows that hold no contact, by why.
type leftOut [3]struct {
	rows int64
	line int // of the first
}

// Why a row is left out.
const (
	blankRow = iota
	headerAgain
	footerRow
)

func (l *leftOut) add(f *file, why, line int) {
	if l[why].rows++; l[why].rows == 1 {
		l[why].line = line
	}
	f.in.skipped.Add(1)
}

// tell gives notice of them.
func (l *leftOut) tell(f *file) {
	for why, as := range []string{"blank", "the header once more", "the footer of a report"} {
		if n := l[why]; n.rows > 0 {
			f.note(fmt.Sprintf("left out as %s: %s, the first at line %d", as, words.Plural(n.rows, "row", "rows"), n.line))
		}
	}
}

// leavesOut tells whether a row holds no contact, and counts it.
func (c *csvReader) leavesOut(cells []string, line int) bool {
	switch {
	case cells[0] == c.file.header[0] && slices.Equal(cells, c.file.header):
		c.left.add(c.file, headerAgain, line) // files were put together
	case table.IsBlank(cells):
		c.left.add(c.file, blankRow, line)
		c.blank = true
	default:
		return false
	}
	return true
}

// maxFooter is how many lines the footer of a report has at most.
const maxFooter = 20

// rowCount matches the last line of what a database writes.
var rowCount = regexp.MustCompile(`^\(\d+ (?i:rows?|records?|zeilen?)(?: affected)?\)$`)

// mayBeFooter tells whether a row stands behind a blank line and has text in its first
// field only. Reports of Salesforce and others end with such rows: their name, totals, a
// copyright.
func (c *csvReader) mayBeFooter(rec *mapping.Record) bool {
	return len(rec.Cells) > 1 && (c.blank || len(c.held) > 0 || rowCount.MatchString(rec.Cells[0])) && len(c.held) < maxFooter && rec.Fault == nil &&
		table.Filled(rec.Cells) == 1 && !table.IsBlank(rec.Cells[:1])
}

// likeFooter is the same of a last row that is not as wide as the header.
func (c *csvReader) likeFooter(cells []string) bool {
	inFooter := slices.ContainsFunc(c.held, func(rec mapping.Record) bool { return isFooter(rec.Cells[0]) })
	return inFooter && !strings.Contains(cells[0], "@") && table.Filled(cells) == 1 || (c.blank || len(c.held) > 0) && table.Filled(cells) == 1 && isFooter(cells[0]) || table.Filled(cells) == 1 && rowCount.MatchString(cells[0])
}

// isSentence tells whether a text has more words than a name has, and no address.
func isSentence(s string) bool { return len(strings.Fields(s)) > 3 && !strings.Contains(s, "@") }

// isFooter tells whether a text makes the rows it stands among a footer.
func isFooter(s string) bool { return isSentence(s) || rowCount.MatchString(s) }

// withoutFooter are the rows that were held at the end of the file, without those of a
// footer. One of them has to be a sentence, and none is left out that could be imported:
// such a row is refused.
func (c *csvReader) withoutFooter() (rows []mapping.Record) {
	if !slices.ContainsFunc(c.held, func(rec mapping.Record) bool { return isFooter(rec.Cells[0]) }) {
		return c.held
	}
	m := mapping.NewMapper(c.file.Name, c.file.plan, c.file.options.NullValues)
	for _, rec := range c.held {
		text := rec.Cells[0]
		row, err := m.Row(&rec, 1)
		name := len(strings.Fields(text)) > 1 || !strings.ContainsAny(text, "0123456789")
		switch {
		case strings.Contains(text, "@"), row.LeftOut:
		case err != nil, rowCount.MatchString(text):
			c.left.add(c.file, footerRow, rec.Line)
			continue
		case name:
			rec.Fault = &mapping.Fault{Reason: "the row may be the footer of a report: it stands behind a blank line and has text in its first field only",
				Hint: "take it out; if it is a contact, take the blank line out"}
		}
		rows = append(rows, rec)
	}
	return rows
}
