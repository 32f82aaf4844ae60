package source

import (
	"bufio"
	"bytes"
	"fmt"
	"importer/source/mapping"
	"io"
)

// A jsonReader reads one JSON object a line, or one JSON array of objects.
type jsonReader struct {
	array *arrayReader  // where the file is one array
	lines *bufio.Reader // where it is not
	line  int           // lines read so far
	long  []byte        // used again
}

func newJSONReader(text io.Reader, f *file) *jsonReader {
	text = &newlines{src: text}
	if f.array {
		return &jsonReader{array: newArrayReader(text)}
	}
	return &jsonReader{lines: bufio.NewReaderSize(text, readAhead)}
}

// next reads one element, or one line that is not blank.
func (r *jsonReader) next(rec *mapping.Record) error {
	if r.array != nil {
		element, line, err := r.array.next()
		*rec = mapping.Record{Line: line}
		if err != nil {
			return err
		}
		rec.Raw, rec.JSON = []string{string(element)}, element
		return nil
	}
	for {
		line, whole, err := r.readLine()
		*rec = mapping.Record{Line: r.line}
		if err != nil {
			return err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if !whole {
			rec.Raw = []string{cutText(line)}
			rec.Fault = &mapping.Fault{Reason: fmt.Sprintf("the line is longer than %d MiB", maxRecord>>20), Hint: "shorten it or leave it out"}
			return nil
		}
		rec.Raw, rec.JSON = []string{string(line)}, line
		return nil
	}
}

// readLine returns the next line, valid until the next call, and whether it is
// the whole of it. The last line may be without its line feed.
func (r *jsonReader) readLine() (line []byte, whole bool, err error) {
	r.long, whole = r.long[:0], true
	for {
		part, err := r.lines.ReadSlice('\n')
		if err == io.EOF && len(part)+len(r.long) == 0 {
			return nil, true, io.EOF
		}
		if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
			return nil, false, err
		}
		if whole && len(r.long)+len(part) > maxRecord+1 {
			whole = false
		}
		if err == nil || err == io.EOF {
			r.line++
		}
		if err != bufio.ErrBufferFull && len(r.long) == 0 {
			return part, whole, nil
		}
		if whole {
			r.long = append(r.long, part...)
		}
		if err != bufio.ErrBufferFull {
			return r.long, whole, nil
		}
	}
}
