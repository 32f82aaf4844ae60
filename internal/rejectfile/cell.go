package rejectfile

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// signs are what a spreadsheet takes for the beginning of a formula: those of ASCII, and
// the forms in which East Asian and other texts have them.
const signs = "=+-@" + "＝＋－＠" + "﹦﹢﹣﹫" + "−"

// runs tells whether a spreadsheet may take a cell for a formula, or for something else
// than the text that it is. What it passes over at the beginning of a cell is passed over
// here as well: spaces, and characters that have no width. A line break or a tab there is
// one that a paste splits the cell at.
func runs(cell string) bool {
	if cell == "" {
		return false
	}
	if cell[0] < ' ' || cell[0] == 0x7f {
		return true
	}
	first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(cell, passedOver))
	return strings.ContainsRune(signs, first)
}

func passedOver(r rune) bool {
	return unicode.IsSpace(r) || unicode.In(r, unicode.Z, unicode.Cc, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// Guard keeps a spreadsheet from running a cell as a formula: it puts an apostrophe
// before it. Cells that have one already get another, so that taking one away gives the
// original.
func Guard(cell string) string {
	if runs(strings.TrimLeft(cell, "'")) {
		return "'" + cell
	}
	return cell
}

// Unguard undoes Guard.
func Unguard(cell string) string {
	if bare := strings.TrimLeft(cell, "'"); len(bare) < len(cell) && runs(bare) {
		return cell[1:]
	}
	return cell
}
