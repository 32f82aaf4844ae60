package table

import (
	"bytes"
	"strings"
)

// A Table is the beginning of a CSV file, taken apart as far as its quotes allow.
type Table struct {
	Rows   [][]string // a blank row has no cells
	Starts []int      // offset of each
	Lines  []int      // on which each begins, from 1
}

// TakeApart takes the beginning of a CSV file apart, as far as a header is looked for and a
// delimiter judged.
func TakeApart(sample []byte, delimiter rune) (t Table) {
	for at, line := 0, 1; at < len(sample) && len(t.Rows) < HeaderLines+sampleRows; {
		s := SplitRecord(sample[at:], string(delimiter), false)
		if IsBlank(s.Cells) {
			s.Cells = nil
		}
		t.Rows, t.Starts, t.Lines = append(t.Rows, s.Cells), append(t.Starts, at), append(t.Lines, line)
		line += bytes.Count(sample[at:at+s.End], []byte{'\n'})
		at += s.End
	}
	return t
}

// quoteEnd is the offset of the quote that closes the one with which s begins: the first
// that is not doubled, or the length of s.
func quoteEnd(s []byte) int {
	for at := 1; ; at += 2 {
		i := bytes.IndexByte(s[at:], '"')
		if i < 0 {
			return len(s)
		}
		if at += i; at+1 == len(s) || s[at+1] != '"' {
			return at
		}
	}
}

// fieldEnd is the length of what ends a field at the beginning of s, and whether the
// record ends there as well.
func fieldEnd(s []byte, delimiter string) (n int, last, ok bool) {
	for _, end := range []string{delimiter, "\n", "\r\n"} {
		if bytes.HasPrefix(s, []byte(end)) {
			return len(end), end != delimiter, true
		}
	}
	return 0, true, len(s) == 0
}

// plainField is the length of a field as it stands, in a text whose first line has that
// length without its line feed.
func plainField(s []byte, line int, delimiter string) int {
	if i := bytes.Index(s[:line], []byte(delimiter)); i >= 0 {
		return i
	}
	if line < len(s) {
		return len(bytes.TrimSuffix(s[:line], []byte("\r")))
	}
	return line
}

// lineEnd is the length of the first line of s without its line feed.
func lineEnd(s []byte) int {
	if i := bytes.IndexByte(s, '\n'); i >= 0 {
		return i
	}
	return len(s)
}

// A Split is a record that the csv.Reader refused, taken apart as far as possible.
type Split struct {
	Cells []string
	Fault int  // offset of the quote at fault; -1 where there is none
	Open  bool // the quote at fault opens a field that is not closed as it should be
	Next  int  // open only: offset of the next quote, or the length of the text
	End   int  // offset of the next record
}

// SplitRecord takes the first record of raw apart. A field in quotes that are not closed
// where it ends is kept as it stands; if lazy, without the quotes around it.
func SplitRecord(raw []byte, delimiter string, lazy bool) Split {
	s := Split{Fault: -1}
	line := 0 // where the line ends in which s.End lies
	for last := false; !last; {
		rest := raw[s.End:]
		closing, n, ok := 0, 0, false
		if bytes.HasPrefix(rest, []byte{'"'}) {
			if closing = quoteEnd(rest); closing < len(rest) {
				n, last, ok = fieldEnd(rest[closing+1:], delimiter)
			}
		}
		if ok {
			s.Cells = append(s.Cells, unquote(string(rest[1:closing])))
			s.End += closing + 1 + n
			continue
		}
		if line < s.End || s.End == 0 {
			line = s.End + lineEnd(rest)
		}
		length := plainField(rest, line-s.End, delimiter)
		cell := string(rest[:length])
		i := strings.IndexByte(cell, '"')
		if i >= 0 && s.Fault < 0 {
			s.Fault, s.Open, s.Next = s.End+i, i == 0, s.End+closing
		}
		if lazy && len(cell) > 1 && i == 0 && strings.HasSuffix(cell, `"`) {
			cell = unquote(cell[1 : len(cell)-1])
		}
		s.Cells = append(s.Cells, cell)
		n, last, _ = fieldEnd(rest[length:], delimiter)
		s.End += length + n
	}
	return s
}

var unquote = strings.NewReplacer(`""`, `"`, "\r\n", "\n").Replace
