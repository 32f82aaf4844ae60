// Package plain is how text from outside is shown. The name of a file, a cell, a
// column, an answer of the API: strangers wrote them, and none may move the cursor of a
// terminal, turn the direction of a line, end it, or stand in it unseen.
//
//	Line     one text within a line, bounded
//	Message  an error, whose lines are its own
//	Writer   all that goes to people or to a log, so that what nobody thought of is
//	         escaped as well
package plain

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Is tells whether a character may be shown as it is: it can be seen, or is a space.
// Neither is what controls a terminal, has no width, fills, or turns the direction of
// text.
func Is(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= ' ' && r < 0x7f
	}
	return unicode.IsGraphic(r) && r != blankBraille && !unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// blankBraille is a letter by its class, and shows nothing.
const blankBraille = '\u2800'

// isPlain tells whether a text can be shown as it is, within a line.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !Is(r) }) < 0
		}
	}
	return true
}

// maxLine is how much of a text Line shows, in bytes. An error of the API with its hint
// is shorter.
const maxLine = 1000

// Line is a text as it can stand within one line: a dot is in the place of each
// character that may not be shown, and of one that is longer than 1,000 bytes the middle
// is left out.
func Line(s string) string { return line(s, maxLine) }

func line(s string, most int) string {
	if s = Cut(s, most); isPlain(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if !Is(r) {
			return '·'
		}
		return r
	}, s)
}

// Cut is a text without its middle where it is longer than so many bytes: what stands
// at its end, such as what to do about it, is as much worth as its beginning.
func Cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	const gap = " … "
	tail := most / 3
	head := max(0, most-tail-len(gap))
	return whole(s[:head]) + gap + strings.TrimLeftFunc(s[len(s)-tail:], func(r rune) bool { return r == utf8.RuneError })
}

// whole is a text without a character at its end that was cut.
func whole(s string) string {
	for n := 1; n < utf8.UTFMax && n <= len(s); n++ {
		if last := s[len(s)-n:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRuneInString(last) {
				return s[:len(s)-n]
			}
			break
		}
	}
	return s
}
