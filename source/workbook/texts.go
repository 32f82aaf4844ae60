package workbook

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"

	"importer/internal/words"
)

// chunkBytes is how much text of a workbook is held in one piece: more than a cell.
const chunkBytes = 1 << 20

// A place is where a text stands: in which chunk, at which byte of it, and how long it is.
type textPlace struct{ chunk, at, length uint32 }

// sharedTexts are the texts that the cells of a workbook share, in little more memory
// than they have bytes.
type sharedTexts struct {
	chunks []string
	places [][]textPlace // pages, so that none is ever copied
	buf    []byte        // of the chunk that is not full
	count  int
	left   int // bytes that they may still take
	bytes  int
}

const (
	textPage   = 1 << 14
	placeBytes = 12
)

var errRepeated = errors.New("its cells repeat long texts so often that they hold many times what the workbook does: save it as CSV")

// repeatable is how many bytes the cells of a sheet may hold: more than those of any table
// do, and a bound to what a cell of a few bytes that names a shared text can stand for.
func (b *Book) repeatable(s Sheet) int {
	unpacked := b.parts[s.part].UncompressedSize64
	if b.texts != nil {
		unpacked += uint64(b.texts.bytes)
	}
	return minRepeated + maxRepeated*int(unpacked)
}

const (
	minRepeated = 64 << 20 // bytes
	maxRepeated = 64       // bytes for each of the sheet and of the texts
)

var errTexts = errors.New("its texts take too much memory: save it as CSV")

func (s *sharedTexts) add(text []byte) error {
	if s.left -= len(text) + placeBytes; s.left < 0 {
		return errTexts
	}
	if len(s.buf)+len(text) > chunkBytes {
		s.flush()
	}
	if s.count%textPage == 0 {
		s.places = append(s.places, make([]textPlace, 0, textPage))
	}
	page := &s.places[len(s.places)-1]
	*page = append(*page, textPlace{uint32(len(s.chunks)), uint32(len(s.buf)), uint32(len(text))})
	s.buf = append(s.buf, text...)
	s.bytes += len(text)
	s.count++
	return nil
}

func (s *sharedTexts) flush() {
	s.chunks = append(s.chunks, string(s.buf))
	s.buf = s.buf[:0]
}

// get returns the text of an index.
func (s *sharedTexts) get(i int) (string, bool) {
	if i < 0 || i >= s.count {
		return "", false
	}
	p := s.places[i/textPage][i%textPage]
	return s.chunks[p.chunk][p.at : p.at+p.length], true
}

// readTexts reads the part of the shared texts, which may take that many bytes.
func readTexts(p *partReader, most int) (*sharedTexts, error) {
	s := &sharedTexts{left: most}
	var text []byte
	for {
		t, err := p.Token()
		if err == io.EOF {
			s.flush()
			s.buf = nil
			return s, nil
		}
		if err != nil {
			return nil, err
		}
		start, ok := t.(xml.StartElement)
		switch {
		case !ok:
		case len(p.open) == 1 && start.Name.Local != "sst":
			err = p.damaged(fmt.Errorf("it is a list of %s, not of texts", words.Show(start.Name.Local)))
		case len(p.open) == 2 && start.Name.Local == "si":
			if text, err = p.richText(text[:0]); err == nil {
				text = unescape(text)
				err = s.add(text)
			}
		case len(p.open) == 2 && start.Name.Local == "extLst":
			err = p.skip()
		case len(p.open) == 2:
			err = p.misplaced(start.Name.Local)
		}
		if err != nil {
			return nil, err
		}
	}
}
