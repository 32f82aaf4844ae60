package erase

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"importer/importer/contact"
	"importer/internal/rejectfile"
	"importer/sink"
	"importer/sink/journal"
)

// withoutRows copies a reject file without the rows of a person, and those that name them,
// and returns how many these are. All others are copied byte for byte.
func withoutRows(w io.Writer, r io.Reader, name string, p *journal.Person) (n int64, err error) {
	buffered := bufio.NewWriter(w)
	if strings.Contains(name[max(0, strings.LastIndex(name, ".rejects")):], ".ndjson") {
		n, err = withoutObjects(buffered, r, p)
	} else {
		n, err = withoutRecords(buffered, r, p)
	}
	if err != nil {
		return n, fmt.Errorf("the reject file %s: %w", name, err)
	}
	return n, buffered.Flush()
}

func withoutObjects(w io.Writer, r io.Reader, p *journal.Person) (n int64, err error) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return n, err
		}
		ref, has := rejectfile.RefIn(line)
		if len(line) > 0 && (p.Quotes(string(line)) || has && p.Refused(ref.Row, ref.Digest)) {
			n++
		} else if _, err := w.Write(line); err != nil {
			return n, err
		}
		if err == io.EOF {
			return n, nil
		}
	}
}

// A window keeps what a reader has read and nobody has taken yet.
type window struct {
	r     io.Reader
	bytes []byte
	start int64 // of bytes, in what was read
}

func (w *window) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	w.bytes = append(w.bytes, b[:n]...)
	return n, err
}

// take is what was read up to an offset and was not taken before.
func (w *window) take(to int64) []byte {
	n := to - w.start
	taken := w.bytes[:n]
	w.bytes, w.start = w.bytes[n:], to
	return taken
}

func withoutRecords(w io.Writer, r io.Reader, p *journal.Person) (n int64, err error) {
	start := bufio.NewReaderSize(r, 64<<10)
	head, err := start.Peek(64 << 10)
	if err != nil && err != io.EOF {
		return 0, err
	}
	read := &window{r: start}
	records := csv.NewReader(read)
	records.FieldsPerRecord, records.ReuseRecord = -1, true
	records.Comma = delimiterOf(head)
	for first := true; ; first = false {
		cells, err := records.Read()
		if err == io.EOF {
			_, err = w.Write(read.take(records.InputOffset()))
			return n, err
		}
		if err != nil {
			return n, err
		}
		raw := read.take(records.InputOffset())
		if !first && ofPerson(cells, p) {
			n++
			continue
		}
		if _, err := w.Write(raw); err != nil {
			return n, err
		}
	}
}

// delimiterOf is what stands between our columns in the header.
func delimiterOf(head []byte) rune {
	for _, d := range ",;\t|" {
		if bytes.Contains(head, []byte(strings.Join(rejectfile.Columns[:2], string(d)))) {
			return d
		}
	}
	return ','
}

func ofPerson(cells []string, p *journal.Person) bool {
	if ref, ok := rejectfile.ParseRef(cells[len(cells)-1]); ok && p.Refused(ref.Row, ref.Digest) {
		return true
	}
	for _, cell := range cells {
		if p.Quotes(rejectfile.Unguard(cell)) {
			return true
		}
	}
	return false
}

// A verdict is a line of the file with what was verified by a report.
type verdict struct {
	Key         contact.Key    `json:"key"`
	ID          string         `json:"_id,omitempty"`
	Source      string         `json:"source,omitempty"`
	Line        int            `json:"line,omitzero"`
	ContactIDs  []string       `json:"contactIds,omitempty"`
	Verdict     string         `json:"verdict"`
	Differences jsontext.Value `json:"differences,omitempty"`
	Reason      string         `json:"reason,omitempty"`
}

// withoutVerdicts copies the file with what was verified by a report: a verdict about the
// person keeps neither contact ids nor values.
func withoutVerdicts(w io.Writer, r io.Reader, p *journal.Person) (n int64, err error) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return n, err
		}
		var l verdict
		bad := json.Unmarshal(line, &l)
		switch {
		case bad == nil && l.Verdict != "" && (p.Is(l.Key, l.ID, l.ContactIDs) || p.Quotes(string(line))) && (l.ContactIDs != nil || l.Differences != nil || l.Reason != ""):
			n++
			l.ContactIDs, l.Differences, l.Reason = nil, nil, ""
			if err := sink.WriteJSON(w, l); err != nil {
				return n, err
			}
		case bad != nil && p.Quotes(string(line)):
			return n, errors.New("a line that cannot be read names the person: remove the file")
		default:
			if _, err := w.Write(line); err != nil {
				return n, err
			}
		}
		if err == io.EOF {
			return n, nil
		}
	}
}

// digests are those of a reject file, and of what is left of it without the person; n is
// how many rows that lacks.
func digests(open func() (io.ReadCloser, error), name string, p *journal.Person) (c journal.Copied, n int64, err error) {
	in, err := open()
	if err != nil {
		return c, 0, err
	}
	was, is := sha256.New(), sha256.New()
	n, err = withoutRows(is, io.TeeReader(in, was), name, p)
	c.Was, c.Is = journal.Content(was.Sum(nil)), journal.Content(is.Sum(nil))
	return c, n, errors.Join(err, in.Close())
}
