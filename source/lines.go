package source

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/transform"
)

// maxRecord is the longest record in bytes. A quote that is never closed would
// otherwise take the rest of the file into memory.
const maxRecord = 16 << 20

// readAhead is how much a file is read at a time, in bytes.
const readAhead = 32 << 10

var errTooLong = errors.New("record too long")

// A lineReader reads lines, and holds what was read until it is taken: a record of
// several lines can turn out to be one of a single line.
type lineReader struct {
	src   io.Reader
	err   error // of src: what it gave before is in buf
	buf   bytes.Buffer
	taken int // lines
}

func newLineReader(text io.Reader) *lineReader { return &lineReader{src: withNewlines(text)} }

// end reads on up to the end of the line that begins at an offset of what is held,
// and returns where that is. It is the offset again where the text ends there, and the
// error io.EOF where nothing is left. It fails with errTooLong where that would be
// more than maxRecord bytes and a line feed.
func (l *lineReader) end(offset int) (int, error) {
	for searched := offset; ; {
		held := l.buf.Bytes()
		end := len(held)
		i := bytes.IndexByte(held[searched:], '\n')
		if i >= 0 {
			end = searched + i + 1
		}
		switch {
		case end > maxRecord+1:
			return offset, errTooLong
		case i >= 0, l.err == io.EOF && end > 0:
			return end, nil
		case l.err != nil:
			return offset, l.err
		}
		searched = end
		l.fill()
	}
}

// holdsAll tells whether n bytes are all that is left of the text.
func (l *lineReader) holdsAll(n int) bool { return l.err == io.EOF && n == l.buf.Len() }

func (l *lineReader) fill() {
	l.buf.Grow(readAhead)
	n, err := l.src.Read(l.buf.AvailableBuffer()[:readAhead])
	l.buf.Write(l.buf.AvailableBuffer()[:n])
	l.err = err
}

// take returns the next n bytes, which are valid until the next call of end.
func (l *lineReader) take(n int) []byte {
	text := l.buf.Next(n)
	l.taken += bytes.Count(text, []byte{'\n'})
	return text
}

// skip leaves out one line, however long it is, and returns its beginning. An error
// comes again from end.
func (l *lineReader) skip() string {
	beginning := cutText(l.buf.Bytes())
	l.taken++
	for {
		if _, err := l.buf.ReadBytes('\n'); err == nil || l.err != nil {
			return beginning
		}
		l.fill()
	}
}

// skipBlank leaves out the empty lines that come next among those that are held, and tells
// whether there were any.
func (l *lineReader) skipBlank() bool {
	held, at := l.buf.Bytes(), 0
	for {
		n := 0
		switch rest := held[at:]; {
		case bytes.HasPrefix(rest, []byte("\n")):
			n = 1
		case bytes.HasPrefix(rest, []byte("\r\n")):
			n = 2
		}
		if n == 0 {
			l.buf.Next(at)
			return at > 0
		}
		at += n
		l.taken++
	}
}

// withNewlines turns a carriage return without a line feed behind it into a line feed,
// byte for byte, so that positions stay as they are. CRLF is left to the parsers.
func withNewlines(text io.Reader) io.Reader { return transform.NewReader(text, newlines{}) }

type newlines struct{ transform.NopResetter }

func (newlines) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	n := copy(dst, src)
	if n < len(src) {
		err = transform.ErrShortDst
	} else if n > 0 && src[n-1] == '\r' && !atEOF {
		n, err = n-1, transform.ErrShortSrc // a line feed may follow
	}
	for i, c := range dst[:n] {
		if c == '\r' && (i+1 == len(src) || src[i+1] != '\n') {
			dst[i] = '\n'
		}
	}
	return n, n, err
}

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
