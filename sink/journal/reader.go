package journal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"importer/importer/contact"
	"importer/internal/files"
)

// maxLine bounds a line in bytes. The longest that is written names maxKeys keys,
// or the contact ids of a row.
const maxLine = 2 << 20

// A Reader reads the complete lines of a report, also of one that a run is
// writing. It has one owner at a time.
type Reader struct {
	report string // its name
	file   *os.File
	lines  *bufio.Reader
	part   []byte // of a line that is not complete, or longer than the buffer
	from   int64
	number int   // of lines read since from
	offset int64 // of what follows them
}

// newReader reads what comes from r, which begins at a byte of the report where a
// line begins.
func newReader(report string, r io.Reader, from int64) *Reader {
	return &Reader{report: report, lines: bufio.NewReaderSize(r, 64<<10), from: from, offset: from}
}

// OpenReader opens the report at path. The caller closes the Reader.
func OpenReader(path string) (*Reader, error) { return openReader(path, 0) }

func openReader(path string, from int64) (*Reader, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, fmt.Errorf("the report %s is a folder; name the file that ends in .report.ndjson", path)
	}
	f, err := files.OpenOrdinary(path)
	if err != nil {
		return nil, fmt.Errorf("opening the report: %w", err)
	}
	if _, err = f.Seek(from, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r := newReader(path, f, from)
	r.file = f
	return r, nil
}

// Close closes the file.
func (r *Reader) Close() error { return r.file.Close() }

// Lines ranges over the complete lines that were not read yet; what a run appends
// later can be read by ranging again. A last line without an end is one that is being
// written, or that a crash cut off; no run resumes from it, and it is not read. An
// error ends it; a line that cannot be read is a *CorruptError.
func (r *Reader) Lines() iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		for {
			l, err := r.next()
			if err == io.EOF || !yield(l, err) || err != nil {
				return
			}
		}
	}
}

// next returns the next complete line, or io.EOF.
func (r *Reader) next() (Line, error) {
	b, err := r.bytes()
	if err != nil {
		return nil, err
	}
	if r.offset == 0 && (bytes.HasPrefix(b, []byte("\xef\xbb\xbf")) || bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff"))) {
		return nil, r.corrupt("begins with a byte order mark, which an editor put there: save the file as UTF-8 without one")
	}
	l, err := parseLine(b[:len(b)-1])
	if err != nil {
		return nil, r.corrupt(err.Error())
	}
	if _, begins := l.(*Header); !begins && r.offset == 0 {
		return nil, r.corrupt(`is the first and not of the kind "run", with which a report begins`)
	}
	r.number++
	r.offset += int64(len(b))
	return l, nil
}

// bytes returns those of the next line, which hold until the next call.
func (r *Reader) bytes() ([]byte, error) {
	for {
		b, err := r.lines.ReadSlice('\n')
		if err == nil && len(r.part) == 0 {
			return b, nil
		}
		r.part = append(r.part, b...)
		switch {
		case len(r.part) > maxLine:
			return nil, r.corrupt(fmt.Sprintf("is longer than %d bytes", maxLine))
		case err == nil:
			b, r.part = r.part, nil
			return b, nil
		case err == io.EOF:
			return nil, io.EOF
		case err != bufio.ErrBufferFull:
			return nil, fmt.Errorf("reading the report %s: %w", r.report, err)
		}
	}
}

// corrupt is an error of the line behind those that were read.
func (r *Reader) corrupt(reason string) error {
	return &CorruptError{Report: r.report, After: r.from, Line: r.number + 1, Reason: reason}
}

// ReadHeader returns the first line of the report at path.
func ReadHeader(path string) (Header, error) {
	r, err := OpenReader(path)
	if err != nil {
		return Header{}, err
	}
	defer r.Close()
	l, err := r.next()
	if corrupt, ok := errors.AsType[*CorruptError](err); ok {
		return Header{}, fmt.Errorf("%s is no report: its first line %s", path, corrupt.Reason)
	}
	if err == io.EOF {
		return Header{}, fmt.Errorf("%s is no report: it has no complete line", path)
	}
	if err != nil {
		return Header{}, err
	}
	return *l.(*Header), nil // next sees to it
}

// ReadKeys returns what the runs of the report at path made of each key. Another run
// may be appending to it.
func ReadKeys(path string) (*contact.Keys, error) {
	r, err := OpenReader(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	c, err := replay(path, r.file, 0, time.Now())
	if err != nil {
		return nil, err
	}
	return c.keys, nil
}

// Outcomes ranges over the row lines of the report at path, in their order, from
// a byte on at which a line begins. Another run may be appending to it. An error
// ends it.
func Outcomes(path string, from int64) iter.Seq2[*contact.Outcome, error] {
	return func(yield func(*contact.Outcome, error) bool) {
		r, err := openReader(path, from)
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.Close()
		for l, err := range r.Lines() {
			if err != nil {
				yield(nil, err)
				return
			}
			if row, ok := l.(*Row); ok && !yield(row.Outcome(), nil) {
				return
			}
		}
	}
}
