package workbook

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"importer/importer/idtext"
	"importer/internal/words"
)

// What a sheet has at most, by Excel's own limits.
const (
	// MaxRow is the longest row in bytes; of a longer one, cells are missing.
	MaxRow          = 16 << 20
	maxSheetRows    = 1 << 20
	maxSheetColumns = 1 << 14
)

// maxGap is how far behind the table a cell keeps its place among the cells of its row.
const maxGap = 64

// A Row is one row of a sheet.
type Row struct {
	Number  int      // from 1
	Cells   []string // by column
	Numbers []bool   // which of them are numbers, or as many as there are up to the last that is
	// Shown is what version 1 of this program took instead, by column: what the cell
	// shows. It is nil where that cannot be told. Other columns show what they hold.
	Shown  map[int]*string
	Bytes  int // of the cells
	Last   int // column of the last cell that is not blank, from 0
	Flaw   *idtext.Flaw
	FlawAt int // column of the flaw, from 0
}

// put sets the cell of a column, from 0, behind those that it has. Of a row that is wider
// than the table, cells behind a wide gap move up.
func (r *Row) put(column, width int, text string, isNumber bool) {
	at := max(column, len(r.Cells))
	if column >= width+maxGap {
		at = max(width, len(r.Cells))
	}
	if strings.TrimSpace(text) != "" {
		r.Last = column
	}
	if r.Cells == nil {
		r.Cells = make([]string, 0, max(min(width, maxGap), at+1))
	}
	for len(r.Cells) < at {
		r.Cells = append(r.Cells, "")
	}
	r.Cells = append(r.Cells, text)
	r.Bytes += len(text)
	if isNumber {
		for len(r.Numbers) < at {
			r.Numbers = append(r.Numbers, false)
		}
		r.Numbers = append(r.Numbers, true)
	}
}

// show notes what the cell put last shows, where that is not what it holds.
func (r *Row) show(column int, shown string, known bool) {
	if known && shown == r.Cells[len(r.Cells)-1] {
		return
	}
	if r.Shown == nil {
		r.Shown = make(map[int]*string)
	}
	r.Shown[column] = nil
	if known {
		r.Shown[column] = &shown
		r.Bytes += len(shown)
	}
}

// narrow closes wide gaps in a row that was read before the width was known.
func (r *Row) narrow(width int) {
	if len(r.Cells) <= width+maxGap {
		return
	}
	cells, numbers := r.Cells, r.Numbers
	r.Cells, r.Numbers, r.Bytes = nil, nil, 0
	for i, text := range cells {
		if i < width || strings.TrimSpace(text) != "" {
			r.put(i, width, text, i < len(numbers) && numbers[i])
		}
	}
}

// Trim takes the blank cells at the end of a row away.
func (r *Row) Trim() {
	for n := len(r.Cells); n > 0 && strings.TrimSpace(r.Cells[n-1]) == ""; n = len(r.Cells) {
		r.Cells = r.Cells[:n-1]
	}
}

func (r *Row) refuse(column int, f *idtext.Flaw) {
	if r.Flaw == nil {
		r.Flaw, r.FlawAt = f, column
	}
}

// Rows are the rows of a sheet, one after another, to the end of its part.
type Rows struct {
	book  *Book
	part  *partReader
	width int // of what is wanted; before it is known, that of the widest sheet
	row   int // number of the last row
	left  int // bytes that its cells may still hold
	cell  rawCell
}

// Rows opens a sheet at its first row. The caller closes it.
func (b *Book) Rows(s Sheet) (*Rows, error) {
	p, err := b.open(s.part, maxUnpacked)
	if err != nil {
		return nil, err
	}
	w := &Rows{book: b, part: p, width: maxSheetColumns, left: b.repeatable(s)}
	for {
		t, err := p.Token()
		start, ok := t.(xml.StartElement)
		switch {
		case err == io.EOF:
			err = p.damaged(errors.New("it holds no rows"))
		case !ok || err != nil:
		case len(p.open) == 1 && start.Name.Local != "worksheet":
			err = p.damaged(fmt.Errorf("it is a %s, not a sheet", words.Show(start.Name.Local)))
		case len(p.open) == 2 && start.Name.Local == "sheetData":
			return w, nil
		case len(p.open) == 2:
			err = p.skip()
		}
		if err != nil {
			p.close()
			return nil, err
		}
	}
}

// Close closes the sheet.
func (w *Rows) Close() { w.part.close() }

// Narrow says how wide the table is. Cells behind it move up where a wide gap is before them,
// in the rows that follow and in those that were read.
func (w *Rows) Narrow(width int, read []*Row) {
	w.width = width
	for _, row := range read {
		row.narrow(width)
	}
}

// Next returns the next row, be it blank, and io.EOF only behind the end of the part.
func (w *Rows) Next() (*Row, error) {
	for !w.part.ended {
		t, err := w.part.Token()
		if err != nil {
			return nil, unexpected(err)
		}
		start, ok := t.(xml.StartElement)
		switch {
		case !ok:
		case len(w.part.open) == 3 && start.Name.Local == "row":
			return w.readRow(start)
		case len(w.part.open) == 2 && start.Name.Local == "sheetData":
			return nil, w.part.damaged(errors.New("it holds its rows twice"))
		case len(w.part.open) == 3:
			return nil, w.part.misplaced(start.Name.Local)
		default:
			if err := w.part.skip(); err != nil {
				return nil, err
			}
		}
	}
	if err := w.part.drain(); err != nil {
		return nil, err
	}
	return nil, io.EOF
}

func (w *Rows) readRow(start xml.StartElement) (*Row, error) {
	number := w.row + 1
	if s := attribute(start, "r"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n <= w.row {
			return nil, w.part.damaged(fmt.Errorf("row %s stands behind row %d", words.Show(s), w.row))
		}
		number = n
	}
	if number > maxSheetRows {
		return nil, w.part.damaged(fmt.Errorf("it has more than %d rows", maxSheetRows))
	}
	w.row = number
	row := &Row{Number: number}
	last := -1
	for depth := len(w.part.open); len(w.part.open) >= depth; {
		t, err := w.part.Token()
		if err != nil {
			return nil, unexpected(err)
		}
		start, ok := t.(xml.StartElement)
		switch {
		case !ok:
		case start.Name.Local == "c":
			last, err = w.readCell(start, row, last)
		case start.Name.Local == "extLst":
			err = w.part.skip()
		default:
			err = w.part.misplaced(start.Name.Local)
		}
		if err != nil {
			return nil, err
		}
	}
	return row, nil
}

// readCell adds the next cell to the row, and returns its column; last is that of the
// cell before it.
func (w *Rows) readCell(start xml.StartElement, row *Row, last int) (int, error) {
	column := last + 1
	if s := attribute(start, "r"); s != "" {
		var n int
		if column, n = cellPlace(s); n != row.Number || column <= last {
			return 0, w.part.damaged(fmt.Errorf("cell %s stands in row %d, behind column %d", words.Show(s), row.Number, last+1))
		}
	}
	if column >= maxSheetColumns {
		return 0, w.part.damaged(fmt.Errorf("row %d has more than %d columns", row.Number, maxSheetColumns))
	}
	c := &w.cell
	if err := c.read(w.part, start); err != nil {
		return 0, err
	}
	text, isNumber, why, err := w.book.value(c)
	if err != nil {
		return 0, w.part.damaged(fmt.Errorf("cell %s: %w", cellName(column, row.Number), err))
	}
	if why != nil {
		why.Reason = "cell " + cellName(column, row.Number) + " " + why.Reason
		row.refuse(column, why)
	}
	shown, known := w.book.shown(c, text)
	switch {
	case row.Bytes+len(text) > MaxRow:
		row.refuse(column, &idtext.Flaw{Reason: fmt.Sprintf("the row is longer than %d MiB", MaxRow>>20), Hint: "shorten it or leave it out"})
	case column < w.width && text != "", strings.TrimSpace(text) != "":
		if w.left -= len(text); w.left < 0 {
			return 0, w.part.damaged(errRepeated)
		}
		row.put(column, w.width, text, isNumber)
		row.show(column, shown, known)
	}
	return column, nil
}

// cellPlace takes a name such as B2 apart: the column from 0, and the row. The row is 0
// where it is no name.
func cellPlace(name string) (column, row int) {
	i := 0
	for ; i < len(name) && i < 4; i++ {
		c := name[i] &^ 0x20 // in upper case
		if c < 'A' || c > 'Z' {
			break
		}
		column = column*26 + int(c-'A') + 1
	}
	row, err := strconv.Atoi(name[i:])
	if err != nil || i == 0 || i > 3 {
		return 0, 0
	}
	return column - 1, row
}

func cellName(column, row int) string {
	letters := ""
	for n := column + 1; n > 0; n = (n - 1) / 26 {
		letters = string(rune('A'+(n-1)%26)) + letters
	}
	return letters + strconv.Itoa(row)
}
