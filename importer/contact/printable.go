package contact

import (
	"strings"
	"unicode"
)

// maxPrintable is how much of a text is shown, in bytes. An error of the API with its
// hint is shorter.
const maxPrintable = 1000

// Printable is a text as it can stand in one line of a terminal: strangers wrote
// it, and it must not move the cursor.
func Printable(s string) string {
	if len(s) > maxPrintable {
		s = strings.ToValidUTF8(s[:maxPrintable], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, s)
}
