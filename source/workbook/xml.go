package workbook

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"

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
	wide  bool       // it is in UTF-16
}

func newPartReader(name string, src io.ReadCloser) *partReader {
	const size = 32 << 10
	p := &partReader{name: name, src: src, buf: bufio.NewReaderSize(src, size)}
	head, _ := p.buf.Peek(2) // an error comes again
	if order, wide := byteOrders[string(head)]; wide {
		p.wide = true
		p.buf = bufio.NewReaderSize(unicode.UTF16(order, unicode.UseBOM).NewDecoder().Reader(p.buf), size)
	}
	p.xml = xml.NewDecoder(p)
	p.xml.CharsetReader = func(charset string, input io.Reader) (io.Reader, error) {
		if p.wide && strings.HasPrefix(strings.ToLower(charset), "utf-16") {
			return input, nil
		}
		return nil, fmt.Errorf("%w: its part %s has the encoding %s", errCharset, words.Show(name), words.Show(charset))
	}
	return p
}

// byteOrders are those of UTF-16 by the first bytes: its mark, or the first character.
var byteOrders = map[string]unicode.Endianness{"\xff\xfe": unicode.LittleEndian, "<\x00": unicode.LittleEndian, "\xfe\xff": unicode.BigEndian, "\x00<": unicode.BigEndian}

var errCharset = errors.New("the workbook is in an encoding other than UTF-8 and UTF-16; open it in Excel and save it as a new file")

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
		if p.wide && bytes.ContainsRune(t, utf8.RuneError) {
			err = errors.New("there is half a character")
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

// misplaced is the error of an element where the format has none of its name: what it
// holds would be left out.
func (p *partReader) misplaced(name string) error {
	return p.damaged(fmt.Errorf("an element %s stands where it has no place", words.Show(name)))
}

// tables are elements that no other one than their own parent holds.
var tables = map[string]bool{"sheetData": true, "sst": true, "si": true, "worksheet": true}

// skip reads up to the end of the element that was opened last, which holds nothing that
// is wanted.
func (p *partReader) skip() error {
	depth := len(p.open)
	if name := p.open[depth-1].Local; depth == 2 && (name == "row" || name == "c") {
		return p.misplaced(name)
	}
	for len(p.open) >= depth {
		t, err := p.Token()
		if err != nil {
			return unexpected(err)
		}
		if start, ok := t.(xml.StartElement); ok && tables[start.Name.Local] {
			return p.misplaced(start.Name.Local)
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
		switch t := t.(type) {
		case xml.StartElement:
			return text, p.misplaced(t.Name.Local)
		case xml.CharData:
			if text = append(text, t...); len(text) > maxCell {
				return text, p.damaged(fmt.Errorf("a cell holds more than %d KiB", maxCell>>10))
			}
		}
	}
	return text, nil
}

// richText appends the text of the element that was opened last, a shared or an inline
// one: that of its runs, but not how it is pronounced.
func (p *partReader) richText(text []byte) ([]byte, error) {
	hasText := false // in the element, or in the run
	for depth := len(p.open); len(p.open) >= depth; {
		t, err := p.Token()
		if err != nil {
			return text, unexpected(err)
		}
		start, ok := t.(xml.StartElement)
		switch name := start.Name.Local; {
		case !ok:
		case name == "r" && len(p.open) == depth+1:
			hasText = false
		case name == "t" && !hasText:
			hasText = true
			text, err = p.content(text)
		case name == "rPr" || name == "rPh" || name == "phoneticPr" || name == "extLst":
			err = p.skip()
		default:
			err = p.misplaced(name)
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
