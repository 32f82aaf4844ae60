package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// An arrayReader reads the elements of one JSON array, however long it is. Where
// it is not JSON, nothing says where the next element begins, so such an error ends
// the input.
type arrayReader struct {
	text *positions
	dec  *jsontext.Decoder
	in   bool // behind the [
	line int
}

func newArrayReader(text io.Reader) *arrayReader {
	p := &positions{src: text}
	// Names that occur twice and bytes that are not UTF-8 make only their element
	// invalid: they are looked for when it is taken apart.
	return &arrayReader{text: p, dec: jsontext.NewDecoder(p, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)), line: 1}
}

// next returns one element, valid until the next call, and the line on which it
// begins.
func (a *arrayReader) next() (jsontext.Value, int, error) {
	if !a.in {
		if _, err := a.dec.ReadToken(); err != nil {
			return nil, a.line, a.fail(err)
		}
		a.in = true
	}
	a.text.mark(a.dec.InputOffset())
	if a.dec.PeekKind() == ']' {
		return nil, a.line, a.end()
	}
	v, err := a.dec.ReadValue()
	if err != nil {
		return nil, a.line, a.fail(err)
	}
	a.line, _ = a.text.at(a.dec.InputOffset() - int64(len(v)))
	return v, a.line, nil
}

// end reads what is behind the last element.
func (a *arrayReader) end() error {
	if _, err := a.dec.ReadToken(); err != nil {
		return a.fail(err)
	}
	_, err := a.dec.ReadToken()
	if err == nil {
		line, at := a.text.at(a.dec.InputOffset())
		return fmt.Errorf("there is more behind the end of the JSON array, at line %d, byte %d", line, at)
	}
	if err != io.EOF {
		return a.fail(err)
	}
	return io.EOF
}

func (a *arrayReader) fail(err error) error {
	var s *jsontext.SyntacticError
	switch {
	case errors.Is(err, errTooLong):
		return fmt.Errorf("an element of the JSON array is longer than %d MiB", maxRecord>>20)
	case err == io.EOF, errors.As(err, &s) && errors.Is(s.Err, io.ErrUnexpectedEOF):
		return errors.New("the JSON array is not closed: the file is cut off")
	case errors.As(err, &s):
		line, at := a.text.at(s.ByteOffset)
		return fmt.Errorf("not valid JSON: %s, at line %d, byte %d; what follows cannot be read", strings.TrimPrefix(s.Err.Error(), "jsontext: "), line, at)
	}
	return err
}

// positions counts the lines of what is read through it, and fails with
// errTooLong where more than maxRecord bytes are read behind the last mark.
type positions struct {
	src   io.Reader
	read  int64   // bytes read
	begin int64   // the mark
	lines int     // line feeds before the mark
	start int64   // offset of the line in which the mark is
	feeds []int64 // offsets of the line feeds behind the mark
}

func (p *positions) Read(b []byte) (int, error) {
	if p.read-p.begin > maxRecord {
		return 0, errTooLong
	}
	n, err := p.src.Read(b)
	for i := 0; ; i++ {
		k := bytes.IndexByte(b[i:n], '\n')
		if k < 0 {
			break
		}
		i += k
		p.feeds = append(p.feeds, p.read+int64(i))
	}
	p.read += int64(n)
	return n, err
}

// mark forgets the lines before an offset.
func (p *positions) mark(offset int64) {
	i := 0
	for i < len(p.feeds) && p.feeds[i] < offset {
		p.start = p.feeds[i] + 1
		i++
	}
	p.lines += i
	p.feeds = append(p.feeds[:0], p.feeds[i:]...)
	p.begin = offset
}

// at is the line and the byte in it, from 1, of an offset behind the mark.
func (p *positions) at(offset int64) (int, int) {
	line, start := p.lines+1, p.start
	for _, feed := range p.feeds {
		if feed >= offset {
			break
		}
		line, start = line+1, feed+1
	}
	return line, int(offset-start) + 1
}
