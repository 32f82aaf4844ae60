package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"importer/source/mapping"
)

// An arrayReader reads the elements of one JSON array, however long it is. Where
// it is not JSON, nothing says where the next element begins, so such an error ends
// the input.
type arrayReader struct {
	text *positions
	dec  *jsontext.Decoder
}

func newArrayReader(text io.Reader) arrayReader {
	p := &positions{src: withNewlines(text), line: 1, byte: 1}
	// Names that occur twice and bytes that are not UTF-8 make only their element
	// invalid: they are looked for when it is taken apart.
	return arrayReader{text: p, dec: jsontext.NewDecoder(p, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
}

func (a arrayReader) next(rec *mapping.Record) error {
	if a.dec.InputOffset() == 0 {
		rec.Line = 1
		if _, err := a.dec.ReadToken(); err != nil {
			return a.fail(err)
		}
	}
	a.text.moveTo(a.dec.InputOffset())
	if a.dec.PeekKind() == ']' {
		return a.end()
	}
	v, err := a.dec.ReadValue()
	if err != nil {
		return a.fail(err)
	}
	line, _ := a.text.at(a.dec.InputOffset() - int64(len(v)))
	*rec = mapping.Record{Line: line, Raw: []string{string(v)}, JSON: v}
	return nil
}

func (a arrayReader) end() error {
	if _, err := a.dec.ReadToken(); err != nil {
		return a.fail(err)
	}
	_, err := a.dec.ReadToken()
	switch err {
	case nil:
		line, at := a.text.at(a.dec.InputOffset())
		return fmt.Errorf("there is more behind the end of the JSON array, at line %d, byte %d", line, at)
	case io.EOF:
		return io.EOF
	}
	return a.fail(err)
}

func (a arrayReader) fail(err error) error {
	s, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case errors.Is(err, errTooLong):
		return fmt.Errorf("an element of the JSON array is longer than %d MiB", maxRecord>>20)
	case err == io.EOF, ok && errors.Is(s.Err, io.ErrUnexpectedEOF):
		return errors.New("the JSON array is not closed: the file is cut off")
	case ok:
		line, at := a.text.at(s.ByteOffset)
		return fmt.Errorf("not valid JSON: %s, at line %d, byte %d; what follows cannot be read", strings.TrimPrefix(s.Err.Error(), "jsontext: "), line, at)
	}
	return err
}

// positions holds what was read through it behind a mark, to tell lines in it. It
// fails with errTooLong where that is more than maxRecord bytes.
type positions struct {
	src  io.Reader
	held bytes.Buffer
	mark int64 // offset of what is held
	line int   // of the mark, from 1
	byte int   // of the mark in its line, from 1
}

func (p *positions) Read(b []byte) (int, error) {
	if p.held.Len() > maxRecord {
		return 0, errTooLong
	}
	n, err := p.src.Read(b)
	p.held.Write(b[:n])
	return n, err
}

func (p *positions) moveTo(offset int64) {
	p.line, p.byte = p.at(offset)
	p.held.Next(int(offset - p.mark))
	p.mark = offset
}

// at is the line and the byte in it, from 1, of an offset behind the mark.
func (p *positions) at(offset int64) (int, int) {
	line, at := position(p.held.Bytes(), int(offset-p.mark), p.line)
	if line == p.line {
		at += p.byte - 1
	}
	return line, at
}

// A jsonReader reads one JSON object a line.
type jsonReader struct{ text *lineReader }

func (r jsonReader) next(rec *mapping.Record) error {
	for {
		end, err := r.text.end(0)
		long := errors.Is(err, errTooLong)
		if err != nil && !long {
			return err
		}
		*rec = mapping.Record{Line: r.text.taken + 1}
		if long {
			rec.Raw = []string{r.text.skip()}
			rec.Fault = &mapping.Fault{Reason: fmt.Sprintf("the line is longer than %d MiB", maxRecord>>20), Hint: "shorten it or leave it out"}
			return nil
		}
		if line := bytes.TrimSpace(r.text.take(end)); len(line) > 0 {
			rec.Raw, rec.JSON = []string{string(line)}, line
			return nil
		}
	}
}
