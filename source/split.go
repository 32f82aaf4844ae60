package source

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// A split is a record that the csv.Reader refused, taken apart as far as possible.
type split struct {
	cells []string
	lazy  []string // the same with misplaced quotes as part of the text
	fault int      // offset of the quote at fault; -1 where there is none
	open  bool     // the quote at fault opens a field that is not closed as it should be
	next  int      // open only: offset of the next quote; -1 where there is none
	end   int      // offset of the next record
}

// splitRecord takes the first record of raw apart. A field with misplaced quotes
// is kept as it stands, up to the next delimiter or the end of its line.
func splitRecord(raw []byte, delimiter rune) split {
	s := split{fault: -1, next: -1}
	delim := utf8.AppendRune(nil, delimiter)
	for at := 0; ; {
		var end int
		quoted := at < len(raw) && raw[at] == '"'
		if quoted {
			var closed bool
			if end, closed = closingQuote(raw, at, delim); closed {
				cell := unquote(raw[at : end+1])
				s.cells = append(s.cells, cell)
				s.lazy = append(s.lazy, cell)
				end++
			} else {
				if s.fault < 0 {
					s.fault, s.open, s.next = at, true, end
				}
				quoted = false
			}
		}
		if !quoted {
			end = at + fieldEnd(raw[at:], delim)
			cell := string(raw[at:end])
			if i := strings.IndexByte(cell, '"'); i >= 0 && s.fault < 0 {
				s.fault = at + i
			}
			s.cells = append(s.cells, cell)
			if len(cell) > 1 && cell[0] == '"' && cell[len(cell)-1] == '"' {
				cell = unquote(raw[at:end])
			}
			s.lazy = append(s.lazy, cell)
		}
		if !bytes.HasPrefix(raw[end:], delim) {
			s.end = end + len(raw[end:]) - len(cutNewline(raw[end:]))
			return s
		}
		at = end + len(delim)
	}
}

// unquote is the text of a field that stands in quotes.
func unquote(field []byte) string {
	text := strings.ReplaceAll(string(field[1:len(field)-1]), `""`, `"`)
	return strings.ReplaceAll(text, "\r\n", "\n")
}

// closingQuote finds the quote that closes the one at raw[at]. Where it does not
// stand at the end of a field it is not closed; -1 where there is none.
func closingQuote(raw []byte, at int, delim []byte) (int, bool) {
	for i := at + 1; ; i++ {
		k := bytes.IndexByte(raw[i:], '"')
		if k < 0 {
			return -1, false
		}
		i += k
		rest := raw[i+1:]
		switch {
		case len(rest) == 0 || bytes.HasPrefix(rest, delim) || len(cutNewline(rest)) < len(rest):
			return i, true
		case rest[0] != '"':
			return i, false
		}
		i++
	}
}

func fieldEnd(raw, delim []byte) int {
	end := len(raw)
	if i := bytes.IndexByte(raw, '\n'); i >= 0 {
		end = i
		if i > 0 && raw[i-1] == '\r' {
			end--
		}
	}
	if i := bytes.Index(raw[:end], delim); i >= 0 {
		end = i
	}
	return end
}

// cutNewline is raw without the line end that it begins with.
func cutNewline(raw []byte) []byte {
	if rest, ok := bytes.CutPrefix(raw, []byte("\r\n")); ok {
		return rest
	}
	return bytes.TrimPrefix(raw, []byte("\n"))
}

// position is the line and the byte in it, from 1, of an offset in raw, which
// begins at the given line.
func position(raw []byte, offset, line int) (int, int) {
	before := raw[:offset]
	return line + bytes.Count(before, []byte{'\n'}), offset - bytes.LastIndexByte(before, '\n')
}

// invalidUTF8 is the offset of the first byte that is not UTF-8, or -1.
func invalidUTF8(b []byte) int {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
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
