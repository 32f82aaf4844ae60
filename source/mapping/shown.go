package mapping

import (
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// A cell of a workbook may show something else than it holds: a contact id is read from
// what it shows where that says more, and rule 1 of contact ids always read that.

// takes tells whether an output is made of the cell of a slot.
func (o *output) takes(slot int) bool {
	return slices.Contains(o.slots, slot) || o.prog != nil && slices.Contains(slices.Collect(maps.Values(o.prog.slots)), slot)
}

// cellsOf are the cells of the record; those that an output is made of as read gives
// them. What it is given with a cell is what that shows, nil where nobody can tell.
func (m *Mapper) cellsOf(o *output, read func(c cell, shown *string) cell) []cell {
	cells := m.cells
	for slot, shown := range m.shown {
		if slot >= len(cells) || cells[slot].empty() || !o.takes(slot) {
			continue
		}
		if &cells[0] == &m.cells[0] {
			cells = slices.Clone(m.cells)
		}
		cells[slot] = read(cells[slot], shown)
	}
	return cells
}

// idCell is a cell as contact ids and phone numbers are read from it. Zeros before a
// number and a plus sign are a part of it, of which a workbook keeps the digits only.
func idCell(c cell, shown *string) cell {
	if shown != nil && c.kind == '0' && addsToDigits(*shown, c.text) {
		c.text = *shown
	}
	return c
}

// addsToDigits tells whether a text is all these digits, with zeros or a plus sign before
// them, and with spaces, brackets and hyphens.
func addsToDigits(s, digits string) bool {
	found := strings.Map(func(r rune) rune {
		if strings.ContainsRune("+-() ", r) {
			return -1
		}
		return r
	}, s)
	return strings.Trim(digits, "0123456789") == "" && strings.Trim(digits, "0") != "" && strings.LastIndex(s, "+") <= 0 && s[0] != '-' &&
		strings.TrimLeft(found, "0") == strings.TrimLeft(digits, "0")
}

// Kinds of cells by what they show.
const (
	unknown jsontext.Kind = '?' // nobody can tell
	rounded jsontext.Kind = '~' // a number, and not all of it
)

// formerCell is a cell as rule 1 read it.
func formerCell(c cell, shown *string) cell {
	switch {
	case shown == nil:
		return cell{kind: unknown}
	case c.kind == '0' && (strings.Contains(*shown, "E") || significant(*shown) != significant(c.text)):
		return cell{*shown, rounded}
	}
	return cell{text: *shown}
}

// significant are the digits of a number without the zeros around them.
func significant(s string) string {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
	return strings.Trim(digits, "0")
}

// showsOther tells whether rule 1 read other cells for the contact ids.
func (m *Mapper) showsOther() bool {
	for slot := range m.shown {
		if slices.ContainsFunc(m.plan.former, func(o *output) bool { return o.takes(slot) }) {
			return true
		}
	}
	return false
}
