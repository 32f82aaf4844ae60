package mapping

import (
	"fmt"
	"strings"
	"time"

	"importer/internal/words"
	"importer/source/mapping/dates"
	"importer/source/mapping/notes"
)

// dateOf reads a date by the layouts of the mapping, or without any one that can be
// read in one way only. A workbook, and JSON, may hold it as a number.
func dateOf(s string, isNumber bool, o *options) (time.Time, *Fault) {
	t, short, ok := dates.ByLayout(s, o.layouts)
	if len(o.layouts) == 0 {
		t, short, ok = dates.Plain(s)
		if !ok && isNumber {
			t, ok = dates.Number(s, "excel")
		}
	}
	if ok && o.past {
		t, ok = dates.LastPast(t, short)
		if !ok {
			return t, &Fault{Reason: fmt.Sprintf("%s lies in the future", words.Show(s)), Hint: "correct the date, or its layouts in the mapping"}
		}
	}
	if ok {
		return t, nil
	}
	hint := "correct the date, or add its pattern to layouts in the mapping"
	if len(o.layouts) == 0 {
		hint = "write it as 2026-01-31, or name its pattern in layouts in the mapping"
	}
	return time.Time{}, &Fault{Reason: fmt.Sprintf("%s is not a date in the form that is expected", words.Show(s)), Hint: hint}
}

// birthdayOf reads a birthday. The reason of its fault does not quote the value: it is
// told of many rows at once.
func birthdayOf(s string, isNumber bool, o *options) (string, *Fault) {
	t, why := dates.Birthday(s, isNumber, o.layouts, o.forms)
	if why != "" {
		return "", &Fault{Reason: why, Hint: "write it as 1984-02-29, or name its pattern in layouts in the mapping, such as D/M/YYYY"}
	}
	return t.Format(o.layout), nil
}

// tellOrder tells of a birthday that goes against the order of day and month of its
// column, which its first rows or the mapping settled; then also of those that were
// read by that order and could be read by the other.
func (m *Mapper) tellOrder(c place, o *output) {
	order, against := dates.ByOrder(strings.TrimSpace(c.text), o.layouts, o.forms)
	if order == dates.Unsettled {
		return
	}
	column := m.column(c.slot, o)
	odd := fmt.Sprintf("the birthday in %q cannot have %s first, as the column has: correct the file, or split it", column, order)
	if against {
		m.tell(odd, c.text)
		return
	}
	m.notices = append(m.notices, notes.Notice{Text: fmt.Sprintf("the birthday in %q was read with %s first, although others in the column cannot have it there", column, order), Value: c.text, With: odd})
}
