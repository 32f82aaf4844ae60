// Package rejectfile is the form of a reject file, which one part of the program
// writes and another reads when it is fed back.
package rejectfile

import "strings"

// Columns stand behind those of the source. A source that ends in them is a
// reject file.
var Columns = [...]string{"_line", "_status", "_field", "_error", "_hint"}

const formula = "=+-@\t\r" // what a spreadsheet takes for the beginning of one

// Guard keeps a spreadsheet from running a cell as a formula: it puts an
// apostrophe before it. Cells that have one already get another, so that taking
// one away gives the original.
func Guard(cell string) string {
	if cell == "" {
		return cell
	}
	if strings.IndexByte(formula, cell[0]) >= 0 || Unguard(cell) != cell {
		return "'" + cell
	}
	return cell
}

// Unguard undoes Guard.
func Unguard(cell string) string {
	if len(cell) > 1 && cell[0] == '\'' && strings.IndexByte(formula+"'", cell[1]) >= 0 {
		return cell[1:]
	}
	return cell
}
