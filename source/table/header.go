// Package table takes the text of a table apart: it finds the delimiter and the row that
// holds the names of the columns, and what of a record can be read whose quotes are in the
// wrong places.
package table

import (
	"slices"
	"strings"
	"unicode"

	"importer/source/mapping"
	"importer/source/mapping/columns"
)

// HeaderLines is how many of the first lines the header is looked for in.
const HeaderLines = 20

// Header returns which of the first rows of a table, HeaderLines at most, is its
// header. Rows hold the cells of a line; a blank line is a row without cells.
//
// It is the first row that is not blank, unless that holds no known name and a later one
// does. That one has to be as wide as what follows, and what stands before it narrower,
// or a comment: else it could be a row that holds such a word. Where it has several known
// names with an address or a number below one of them, it is the header whatever stands
// before it, also groups of columns with fewer known names. A name is known to the program
// or to the mapping.
func Header(rows [][]string, m *mapping.Mapping) int {
	first := max(0, slices.IndexFunc(rows, func(row []string) bool { return len(row) > 0 }))
	if len(rows) == 0 {
		return first
	}
	names := known(rows[first])
	if hasData(rows[first]) {
		names = 0 // properties
	}
	isHeader := isKnown(rows[first], m) && (Filled(rows[first]) > 1 || isWide(rows, first))
	if m.Fits(rows[first]) {
		return first
	}
	for i := first + 1; i < min(len(rows), HeaderLines); i++ {
		if isHeader && names > 0 && hasData(rows[i]) {
			return first // rows of contacts begin
		}
		if !isKnown(rows[i], m) || hasData(rows[i]) || !isWide(rows, i) {
			continue
		}
		better := known(rows[i]) >= names+2 && known(rows[i]) >= 2*names && hasDataBelow(rows, i)
		if better && (!isHeader || names == 0 || hasGaps(rows[first])) || !isHeader && isBelowText(rows, i) {
			return i
		}
	}
	return first
}

// known is how many cells of a row are known names.
func known(row []string) (n int) {
	for _, cell := range row {
		if columns.IsKnown(cell) {
			n++
		}
	}
	return n
}

// hasGaps tells whether a row has blank cells, or twice the same, as the names of groups
// of columns have.
func hasGaps(row []string) bool {
	return len(slices.Compact(slices.Clone(row))) < len(row) || Filled(row) < len(row)
}

// hasDataBelow tells whether the next row has an address or a number below a known name.
func hasDataBelow(rows [][]string, header int) bool {
	for _, row := range rows[header+1:] {
		if len(row) == 0 {
			continue
		}
		for i, cell := range row[:min(len(row), len(rows[header]))] {
			if KindOf(cell) != 0 && columns.IsKnown(rows[header][i]) {
				return true
			}
		}
		return false
	}
	return false
}

// isKnown tells whether a row holds a name of a column that goes somewhere.
func isKnown(row []string, m *mapping.Mapping) bool {
	return slices.ContainsFunc(row, columns.IsKnown) || m.Fits(row)
}

// isWide tells whether most of the rows that follow fit below a header.
func isWide(rows [][]string, header int) bool {
	fit, all := 0, 0
	for _, row := range rows[header+1:] {
		if all == 10 {
			break
		}
		if len(row) == 0 {
			continue
		}
		all++
		if width(row) <= width(rows[header]) {
			fit++
		}
	}
	return fit*2 > all || all == 0
}

// isBelowText tells whether the rows above a header are titles, comments and the like.
func isBelowText(rows [][]string, header int) bool {
	names := Filled(rows[header])
	return !slices.ContainsFunc(rows[:header], func(row []string) bool {
		switch {
		case len(row) == 0, strings.HasPrefix(row[0], "#"), Filled(row) < names:
			return false
		case names == 1: // of text with delimiters only the data tell it
			return hasData(row)
		}
		return true
	})
}

// hasData tells whether a cell holds what is no name of a column: an address, or mostly
// digits.
func hasData(row []string) bool {
	return slices.ContainsFunc(row, func(cell string) bool {
		digits, letters := 0, 0
		for _, r := range cell {
			switch {
			case r == '@':
				return true
			case unicode.IsDigit(r):
				digits++
			case unicode.IsLetter(r):
				letters++
			}
		}
		return digits > letters
	})
}

// width is how many cells a row has up to its last one that is not blank.
func width(row []string) int {
	n := len(row)
	for n > 0 && IsBlank(row[n-1:n]) {
		n--
	}
	return n
}

// Filled is how many cells of a row are not blank.
func Filled(row []string) (n int) {
	for i := range row {
		if !IsBlank(row[i : i+1]) {
			n++
		}
	}
	return n
}

// IsBlank tells whether cells hold nothing that can be seen. What stands behind the end
// of a text of DOS, or in space that was never written, counts as nothing.
func IsBlank(cells []string) bool {
	for _, cell := range cells {
		for _, r := range cell {
			if r > ' ' && r < unicode.MaxASCII || !unicode.IsSpace(r) && !strings.ContainsRune("\x00\x1a\u200b\ufeff", r) {
				return false
			}
		}
	}
	return true
}
