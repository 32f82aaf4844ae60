package table

import (
	"strings"
	"unicode"
)

// ShapeOf is a code with A in place of its letters and 0 in place of its digits. It is
// empty for what is none: all of one of them, or a text with spaces.
func ShapeOf(cell string) string {
	cell = strings.Trim(cell, "\" \r")
	if len(cell) > maxKind {
		return ""
	}
	shape := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r):
			return 'A'
		case unicode.IsDigit(r):
			return '0'
		}
		return r
	}, cell)
	if !strings.Contains(shape, "A") || !strings.Contains(shape, "0") || strings.Contains(shape, " ") {
		return ""
	}
	return shape
}

// maxKind is the length of the longest cell in bytes that has a kind: an address of an
// e-mail is no longer.
const maxKind = 320

// KindOf is what a cell holds as a whole: an address, @, a number of some length, 0, or
// neither.
func KindOf(cell string) byte {
	if len(cell) > maxKind {
		return 0
	}
	cell = strings.Trim(cell, "\" \r")
	if name, host, ok := strings.Cut(cell, "@"); ok && name != "" && strings.Contains(host, ".") && !strings.ContainsAny(cell, " ,;") {
		return '@'
	}
	digits := 0
	for _, r := range cell {
		switch {
		case '0' <= r && r <= '9':
			digits++
		case !strings.ContainsRune("+-()./ ", r):
			return 0
		}
	}
	if digits >= 4 {
		return '0'
	}
	return 0
}
