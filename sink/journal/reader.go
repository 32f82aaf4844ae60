package journal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"importer/importer/contact"
	"importer/importer/idrule"
)

// maxLine bounds a line in bytes. The longest that is written names maxKeys keys,
// or the contact ids of a row.
const maxLine = 2 << 20

// A Reader reads the complete lines of a report, also of one that a run is
// writing. It has one owner at a time.
type Reader struct {
	report string // its name
	file   Reading
	lines  *bufio.Reader
	part   []byte // of a line that is not complete, or longer than the buffer
	number int    // of lines read
	offset int64  // of what follows them
}

// newReader reads what comes from r.
func newReader(report string, r io.Reader) *Reader {
	return &Reader{report: report, lines: bufio.NewReaderSize(r, 64<<10)}
}

// OpenReader opens the report that a keeper has under a name. The caller closes the
// Reader.
func OpenReader(k Keeper, name string) (*Reader, error) {
	f, err := k.Read(name, false)
	if err != nil {
		return nil, err
	}
	r := newReader(name, f)
	r.file = f
	return r, nil
}

// Close frees the report.
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
	return &CorruptError{Report: r.report, Line: r.number + 1, Reason: reason}
}

// ReadHeader returns the first line of the report of that name.
func ReadHeader(k Keeper, name string) (Header, error) {
	r, err := OpenReader(k, name)
	if err != nil {
		return Header{}, err
	}
	defer r.Close()
	l, err := r.next()
	if corrupt, ok := errors.AsType[*CorruptError](err); ok {
		return Header{}, fmt.Errorf("%s is no report: its first line %s", name, corrupt.Reason)
	}
	if err == io.EOF {
		return Header{}, fmt.Errorf("%s is no report: it has no complete line", name)
	}
	if err != nil {
		return Header{}, err
	}
	return *l.(*Header), nil // next sees to it
}

// An Outline is what a report says of its runs alone.
type Outline struct {
	Runs  []Header
	Lines int64 // complete ones
}

// Last is the id of the last run.
func (o Outline) Last() string {
	if len(o.Runs) == 0 {
		return ""
	}
	return o.Runs[len(o.Runs)-1].Run
}

// ReadOutline reads the outline of the report of that name. Another run may be appending to
// it.
func ReadOutline(k Keeper, name string) (o Outline, err error) {
	r, err := OpenReader(k, name)
	if err != nil {
		return o, err
	}
	defer r.Close()
	for {
		b, err := r.bytes()
		if err == io.EOF {
			return o, nil
		}
		if err != nil {
			return o, err
		}
		r.number++
		o.Lines++
		if !bytes.HasPrefix(b, []byte(runLine)) {
			continue
		}
		l, err := parseLine(b[:len(b)-1])
		if err != nil {
			r.number--
			return o, r.corrupt(err.Error())
		}
		o.Runs = append(o.Runs, *l.(*Header)) // its kind is run
	}
}

// endLine begins the last line of a run.
const endLine = `{"kind":"end"`

// ReadEnd reads how the last run of the report of that name ended that came to an end; nil
// where none did. Another run may be appending to it.
func ReadEnd(k Keeper, name string) (last *contact.Summary, err error) {
	r, err := OpenReader(k, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for {
		b, err := r.bytes()
		if err == io.EOF {
			return last, nil
		}
		if err != nil {
			return last, err
		}
		r.number++
		if !bytes.HasPrefix(b, []byte(endLine)) {
			continue
		}
		l, err := parseLine(b[:len(b)-1])
		if err != nil {
			r.number--
			return last, r.corrupt(err.Error())
		}
		last = l.(*End).Summary
	}
}

// ReadLineage returns where the contact ids of the last run of the report of that name come
// from, and of the runs before it.
func ReadLineage(k Keeper, name string) (idrule.Lineage, error) {
	o, err := ReadOutline(k, name)
	if err != nil || len(o.Runs) == 0 {
		return idrule.Lineage{}, err
	}
	return o.Runs[len(o.Runs)-1].IDs, nil
}

// ReadKeys returns what the runs of the report of that name made of each key. Another run
// may be appending to it.
func ReadKeys(k Keeper, name string) (*contact.Keys, error) {
	r, err := OpenReader(k, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	c, err := replay(name, r.file, 0, time.Now())
	if err != nil {
		return nil, err
	}
	return c.keys, nil
}

// Outcomes ranges over the row lines of the report of that name, in their order. Another
// run may be appending to it. An error ends it.
func Outcomes(k Keeper, name string) iter.Seq2[*contact.Outcome, error] {
	return func(yield func(*contact.Outcome, error) bool) {
		var lines int64
		for l, err := range LinesFrom(k, name, 0, &lines) {
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

// LinesFrom ranges over the lines of the report of that name behind so many, and keeps in
// lines how many it has passed. Another run may be appending to it. An error ends it.
func LinesFrom(k Keeper, name string, from int64, lines *int64) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		r, err := OpenReader(k, name)
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.Close()
		if err := r.skip(from); err != nil {
			yield(nil, err)
			return
		}
		for l, err := range r.Lines() {
			*lines = int64(r.number)
			if !yield(l, err) {
				return
			}
		}
	}
}

// skip passes over lines without reading what they say.
func (r *Reader) skip(lines int64) error {
	for range lines {
		b, err := r.bytes()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		r.number++
		r.offset += int64(len(b))
	}
	return nil
}

// LinesIn is how many lines the first bytes of the report of that name are.
func LinesIn(k Keeper, name string, n int64) (lines int64, err error) {
	r, err := OpenReader(k, name)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	for {
		b, err := r.bytes()
		if err == io.EOF || err == nil && r.offset+int64(len(b)) > n {
			return lines, nil
		}
		if err != nil {
			return 0, err
		}
		r.offset += int64(len(b))
		lines++
	}
}
