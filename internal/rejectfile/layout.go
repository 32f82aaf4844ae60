package rejectfile

import (
	"slices"
	"strconv"
	"strings"
)

// A Layout is where the columns of a reject file stand, which a spreadsheet may have
// moved, and a person deleted.
type Layout struct {
	Source []int             // where those of the source stand, in their order
	at     [len(Columns)]int // where ours stand; -1 where one was deleted
	width  int
}

// LayoutOf tells whether a table is a reject file, and how it is laid out: one of its
// name, one that has three columns of ours, or one in which a row has a Ref. A source
// may have columns of these names itself: of two of a name ours is the last.
func LayoutOf(path string, header []string, rows [][]string) (*Layout, bool) {
	for n := len(header); n > 0 && strings.TrimSpace(header[n-1]) == ""; n-- {
		header = header[:n-1] // a spreadsheet adds such columns
	}
	l := &Layout{width: len(header)}
	ours := 0
	for i, column := range Columns {
		l.at[i] = lastIndex(header, column)
		if l.at[i] >= 0 {
			ours++
		}
	}
	if ours < 3 && !IsNamed(path) && !slices.ContainsFunc(rows, func(row []string) bool { _, ok := ParseRef(l.cell(row, RefAt)); return ok }) {
		return nil, false
	}
	for i := range header {
		if !slices.Contains(l.at[:], i) {
			l.Source = append(l.Source, i)
		}
	}
	return l, len(l.Source) > 0
}

func lastIndex(header []string, column string) int {
	for i := len(header) - 1; i >= 0; i-- {
		if strings.TrimSpace(header[i]) == column {
			return i
		}
	}
	return -1
}

// cell is the cell of one of ours; empty where there is none.
func (l *Layout) cell(cells []string, column int) string {
	if at := l.at[column]; at >= 0 && at < len(cells) {
		return cells[at]
	}
	return ""
}

// A Taken row is one of a reject file, taken apart.
type Taken struct {
	Cells []string // of the source, as it had them; may be more or fewer than it has columns
	Ref   string   // empty: a row of its own
	// Reason is why the row cannot be taken as it is, and Hint what to do; empty where it can.
	Reason, Hint string
}

// Take takes a row apart. One that had too many or too few cells when it was refused has
// them still, and ours stand behind them.
func (l *Layout) Take(cells []string) Taken {
	shift, odd := l.shift(cells)
	if odd != "" {
		cells, ref := withoutOurs(cells)
		return Taken{Cells: cells, Ref: ref, Reason: odd, Hint: "put each cell under the name of its column, or take the row from the file as it was written"}
	}
	var t Taken
	ours := cells[min(max(shift, 0), len(cells)):]
	if shift < 0 {
		ours = append(make([]string, -shift), cells...)
	}
	if _, ok := ParseRef(l.cell(ours, RefAt)); ok {
		t.Ref = strings.TrimSpace(l.cell(ours, RefAt))
	}
	if shift != 0 {
		t.Cells = slices.Clone(cells[:len(l.Source)+shift])
	} else {
		for _, at := range l.Source {
			if at < len(cells) {
				t.Cells = append(t.Cells, cells[at])
			} else if at < l.width && !l.isPrefix() {
				t.Cells = append(t.Cells, "")
			}
		}
		if more := cells[min(l.width, len(cells)):]; slices.ContainsFunc(more, func(s string) bool { return strings.TrimSpace(s) != "" }) {
			t.Cells = append(t.Cells, more...)
		}
	}
	for i, cell := range t.Cells {
		t.Cells[i] = Unguard(cell)
	}
	if what := stillMisquoted(t.Cells, l.cell(ours, Error)); what != "" {
		t.Reason, t.Hint = what+" inside a field is where it was when the row was refused", "take it out, or clear the cell _error if it belongs to the text"
	}
	return t
}

// withoutOurs cuts a row where ours seem to begin, whatever stands under their names.
func withoutOurs(cells []string) (rest []string, ref string) {
	at := lastOf(cells, func(i int) bool { _, ok := ParseRef(cells[i]); return ok })
	if at < 0 {
		return cells, ""
	}
	if begin := at - RefAt; begin >= 0 && isNumber(cells[begin]) {
		return cells[:begin], cells[at]
	}
	return cells, cells[at]
}

// isPrefix tells whether the columns of the source stand before all of ours.
func (l *Layout) isPrefix() bool {
	return len(l.Source) == 0 || l.Source[len(l.Source)-1] == len(l.Source)-1
}

// shift is by how many cells ours stand behind their columns, in a row that has more or
// fewer cells than the source has columns. Its Ref tells, or else its status behind the
// number of a line.
func (l *Layout) shift(cells []string) (shift int, odd string) {
	isRef := func(i int) bool { _, ok := ParseRef(cells[i]); return ok }
	behindLine := func(i int) bool { return i > 0 && isWord(cells[i]) && isNumber(cells[i-1]) }
	switch at := l.at[RefAt]; {
	case at >= 0 && at < len(cells) && isRef(at):
		return 0, ""
	case at >= 0 && lastOf(cells, isRef) >= 0:
		return l.shiftTo(at, lastOf(cells, isRef), len(cells))
	case l.at[Status] >= 0 && !isWord(l.cell(cells, Status)):
		if i := lastOf(cells, behindLine); i >= 0 {
			return l.shiftTo(l.at[Status], i, len(cells))
		}
	}
	if line := strings.TrimSpace(l.cell(cells, Line)); line != "" && !isNumber(line) {
		return l.shiftTo(len(l.Source), len(cells), len(cells)) // nothing of ours is in it
	}
	return 0, ""
}

// isWord tells whether a cell is a status of a refused row.
func isWord(s string) bool { return s == "invalid" || s == "rejected" }

func (l *Layout) shiftTo(from, to, width int) (shift int, odd string) {
	if n := len(l.Source) + to - from; !l.isPrefix() || n < 0 || n > width {
		return 0, "its cells do not stand under their columns"
	}
	return to - from, ""
}

func lastOf(cells []string, is func(int) bool) int {
	for i := len(cells) - 1; i >= 0; i-- {
		if is(i) {
			return i
		}
	}
	return -1
}

// isNumber tells whether a cell is a number as a spreadsheet writes it: 2, 2.0 or 2,0.
func isNumber(s string) bool {
	_, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimSpace(s), ",", "."), 64)
	return err == nil
}

// stillMisquoted says what of a row of a reject file was refused, a quote or a line break
// within quotes, if it is still there. The reject file quotes correctly, so nothing else
// shows that nobody has looked at the row.
func stillMisquoted(cells []string, why string) string {
	holds := func(what string) bool {
		return slices.ContainsFunc(cells, func(cell string) bool { return strings.Contains(cell, what) })
	}
	switch {
	case !strings.HasPrefix(why, "a quote inside a field") && !strings.HasPrefix(why, "the quote that opens") && !strings.HasPrefix(why, "a line break inside a field"):
		return ""
	case holds(`"`):
		return "a quote"
	case len(cells) == 1 && holds("\n"):
		return "a line break"
	}
	return ""
}
