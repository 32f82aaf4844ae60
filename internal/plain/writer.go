package plain

import (
	"io"
	"unicode/utf8"
)

// A Writer escapes what may not be shown in all that is written to it, line feeds and
// tabs apart: as in a string of JSON, where that changes nothing, so that one filter
// serves people and programs. Each Write holds whole characters. What is written to the
// writer behind it, such as the colours of a log, passes as it is.
type Writer struct{ to io.Writer }

// NewWriter returns a Writer to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w} }

// Behind is the writer behind a Writer, and any other as it is.
func Behind(w io.Writer) io.Writer {
	if p, ok := w.(*Writer); ok {
		return p.to
	}
	return w
}

// Write implements io.Writer.
func (p *Writer) Write(b []byte) (int, error) {
	text := b
	if !isPlainText(b) {
		text = escaped(b)
	}
	if _, err := p.to.Write(text); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Escape is a text as a Writer writes it.
func Escape(s string) string {
	if isPlainText([]byte(s)) {
		return s
	}
	return string(escaped([]byte(s)))
}

func passes(r rune) bool { return r == '\n' || r == '\t' || Is(r) }

func isPlainText(b []byte) bool {
	for i := 0; i < len(b); {
		r, n := rune(b[i]), 1
		if r >= utf8.RuneSelf {
			if r, n = utf8.DecodeRune(b[i:]); r == utf8.RuneError && n == 1 {
				return false
			}
		}
		if !passes(r) {
			return false
		}
		i += n
	}
	return true
}

func escaped(b []byte) []byte {
	out := make([]byte, 0, len(b)+64)
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && n == 1:
			out = appendUnit(out, utf8.RuneError)
		case passes(r):
			out = append(out, b[:n]...)
		case r > 0xffff: // two units of UTF-16
			out = appendUnit(out, 0xd800+(r-0x10000)>>10)
			out = appendUnit(out, 0xdc00+(r-0x10000)&0x3ff)
		default:
			out = appendUnit(out, r)
		}
		b = b[n:]
	}
	return out
}

func appendUnit(b []byte, unit rune) []byte {
	const hex = "0123456789abcdef"
	return append(b, '\\', 'u', hex[unit>>12], hex[unit>>8&0xf], hex[unit>>4&0xf], hex[unit&0xf])
}
