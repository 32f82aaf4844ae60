package source

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"
)

// fieldPattern matches the first field of a text and what ends it: a field in quotes
// that are closed where it ends, else one as it stands, up to the next delimiter or
// the end of the line.
func fieldPattern(delimiter rune) *regexp.Regexp {
	d := regexp.QuoteMeta(string(delimiter))
	return regexp.MustCompile(`^(?:"((?:[^"]|"")*)"|([^\n` + d + `]*?))(` + d + `|\r?\n|$)`)
}

// openQuote matches a field in quotes up to the first one that is not doubled.
var openQuote = regexp.MustCompile(`^"(?:[^"]|"")*`)

// A split is a record that the csv.Reader refused, taken apart as far as possible.
type split struct {
	cells []string
	fault int  // offset of the quote at fault; -1 where there is none
	open  bool // the quote at fault opens a field that is not closed as it should be
	next  int  // open only: offset of the next quote, or the length of the text
	end   int  // offset of the next record
}

// splitRecord takes the first record of raw apart. A field with misplaced quotes
// is kept as it stands; if lazy, without the quotes around it.
func splitRecord(raw []byte, field *regexp.Regexp, lazy bool) split {
	s := split{fault: -1}
	for {
		rest := raw[s.end:]
		m := field.FindSubmatch(rest)
		cell, quoted := string(m[2]), m[1] != nil
		i := strings.IndexByte(cell, '"')
		switch {
		case quoted:
			cell = unquote(string(m[1]))
		case i >= 0 && s.fault < 0:
			s.fault, s.open = s.end+i, i == 0
			s.next = s.end + len(openQuote.Find(rest))
		}
		if lazy && len(cell) > 1 && i == 0 && strings.HasSuffix(cell, `"`) {
			cell = unquote(cell[1 : len(cell)-1])
		}
		s.cells = append(s.cells, cell)
		s.end += len(m[0])
		if end := string(m[3]); end == "" || strings.HasSuffix(end, "\n") {
			return s
		}
	}
}

// unquote is the text of a field that stands in quotes.
var unquote = strings.NewReplacer(`""`, `"`, "\r\n", "\n").Replace

// position is the line and the byte in it, from 1, of an offset in raw, which
// begins at the given line.
func position(raw []byte, offset, line int) (int, int) {
	before := raw[:offset]
	return line + bytes.Count(before, []byte{'\n'}), offset - bytes.LastIndexByte(before, '\n')
}

// notText is the offset of the first byte that is NUL or not UTF-8, or -1.
func notText(s string) int {
	for i, r := range s {
		if r == 0 || r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)) {
			return i
		}
	}
	return -1
}

// cutText is the beginning of what is too long to be kept.
func cutText(raw []byte) string {
	const keep = 1 << 10
	if len(raw) <= keep {
		return string(raw)
	}
	return strings.ToValidUTF8(string(raw[:keep]), "") + "…"
}
