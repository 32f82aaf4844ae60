package workbook

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"

	"importer/internal/words"
)

// What the XML of a workbook may hold. Excel itself takes 32,767 characters in a cell.
const (
	maxCell    = 128 << 10 // bytes of the text of a cell
	maxToken   = 1 << 20   // bytes of a tag, or of a text without a tag in it
	maxNesting = 100       // elements within each other
)

// A partReader reads the XML of one part of a workbook, to its end and its checksum. It
// gives tokens without their name spaces, which differ from one writer to another, and
// takes no more memory than its longest token.
type partReader struct {
	name  string
	src   io.ReadCloser
	buf   *bufio.Reader
	xml   *xml.Decoder
	taken int        // bytes since the last token
	open  []xml.Name // elements
	ended bool       // the outermost element was closed
}

func newPartReader(name string, src io.ReadCloser) *partReader {
	p := &partReader{name: name, src: src, buf: bufio.NewReaderSize(src, 32<<10)}
	p.xml = xml.NewDecoder(p)
	return p
}

func (p *partReader) close() { p.src.Close() } // read only: nothing to lose

var errLongToken = fmt.Errorf("a tag or a text is longer than %d MiB", maxToken>>20)

// ReadByte is what the decoder reads with.
func (p *partReader) ReadByte() (byte, error) {
	if p.taken++; p.taken > maxToken {
		return 0, errLongToken
	}
	return p.buf.ReadByte()
}

// Read is there because the decoder wants an io.Reader. It reads by ReadByte.
func (p *partReader) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }

// Token returns the next token, valid until the next call. It is io.EOF only behind the
// whole of a well-formed text.
func (p *partReader) Token() (xml.Token, error) {
	p.taken = 0
	t, err := p.xml.RawToken()
	switch t := t.(type) {
	case nil:
		if err == io.EOF && (len(p.open) > 0 || !p.ended) {
			err = io.ErrUnexpectedEOF
		}
		if err == io.EOF {
			return nil, err
		}
	case xml.StartElement:
		if p.open = append(p.open, t.Name); len(p.open) > maxNesting || p.ended {
			err = errors.New("there is more than one outermost element, or they are nested too deeply")
		}
	case xml.EndElement:
		n := len(p.open) - 1
		if n < 0 || p.open[n] != t.Name {
			err = fmt.Errorf("the end of an element %s that is not open", words.Show(t.Name.Local))
			break
		}
		p.open, p.ended = p.open[:n], n == 0
	case xml.CharData:
		if len(p.open) == 0 && len(bytes.Trim(t, "\ufeff \t\r\n")) > 0 {
			err = errors.New("there is text outside of the outermost element")
		}
	case xml.Directive:
		err = errors.New("a document type, which a workbook does not have")
	}
	if err != nil {
		return nil, p.damaged(err)
	}
	return t, nil
}

// damaged says in which part an error is.
func (p *partReader) damaged(err error) error { return damagedPart(p.name, err) }

// decode reads the whole part into v, which names its outermost element.
func (p *partReader) decode(v any) error {
	if err := xml.NewTokenDecoder(p).Decode(v); err != nil {
		return p.damaged(err)
	}
	return p.drain()
}

// drain reads up to the end of the part.
func (p *partReader) drain() error {
	for {
		switch _, err := p.Token(); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// skip reads up to the end of the element that was opened last.
func (p *partReader) skip() error {
	for depth := len(p.open); len(p.open) >= depth; {
		if _, err := p.Token(); err != nil {
			return unexpected(err)
		}
	}
	return nil
}

// content appends the text of the element that was opened last, and reads up to its end.
func (p *partReader) content(text []byte) ([]byte, error) {
	for depth := len(p.open); len(p.open) >= depth; {
		t, err := p.Token()
		if err != nil {
			return text, unexpected(err)
		}
		if data, ok := t.(xml.CharData); ok && len(p.open) == depth {
			if text = append(text, data...); len(text) > maxCell {
				return text, p.damaged(fmt.Errorf("a cell holds more than %d KiB", maxCell>>10))
			}
		}
	}
	return text, nil
}

// richText appends the text of the element that was opened last, a shared or an inline
// one: that of its runs, but not how it is pronounced.
func (p *partReader) richText(text []byte) ([]byte, error) {
	for depth := len(p.open); len(p.open) >= depth; {
		t, err := p.Token()
		if err != nil {
			return text, unexpected(err)
		}
		start, ok := t.(xml.StartElement)
		switch {
		case !ok || start.Name.Local == "r":
		case start.Name.Local == "t":
			text, err = p.content(text)
		default:
			err = p.skip()
		}
		if err != nil {
			return text, err
		}
	}
	return text, nil
}

// unexpected takes no end of the input for an end of an element.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// attribute returns the value of an attribute; empty where there is none.
func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}
