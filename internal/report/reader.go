package report

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"importer/importer/contact"
)

// maxLine bounds a line in bytes. Runs write none that is longer.
const maxLine = 2 << 20

// A Line is one line of a report. Which members are set depends on the kind.
type Line struct {
	Kind string    `json:"kind"` // run, sending, unsent, row, traffic, end; others are to be ignored
	At   time.Time `json:"at"`

	// run
	Run       string   `json:"run"` // and end
	Version   string   `json:"version"`
	Mode      string   `json:"mode"`
	Sources   []string `json:"sources"`
	BaseURL   string   `json:"base_url"`
	ProjectID string   `json:"project_id"`

	// sending, unsent
	Keys []string `json:"keys"`

	// row
	Key        string           `json:"key"` // empty where the status is invalid
	Source     string           `json:"source"`
	Line       int              `json:"line"`
	ContactIDs []string         `json:"contactIds"`
	Status     string           `json:"status"` // and end
	ID         string           `json:"_id"`
	Found      bool             `json:"found"`
	Doubt      string           `json:"doubt"`
	Error      *contact.Failure `json:"error"`
	Attempts   int              `json:"attempts"`

	// traffic
	From     time.Time              `json:"from"`
	Requests []contact.RequestCount `json:"requests"`
	Latency  [][2]float64           `json:"latency_ms"`

	// end
	Summary *contact.Summary `json:"summary"`
}

// A Reader reads a report from its beginning, also one that a run is writing.
type Reader struct {
	path   string
	file   *os.File
	lines  *bufio.Reader
	number int   // of complete lines read
	offset int64 // of what follows them
	line   Line  // reused
}

// Open opens the report at path. The caller closes the Reader.
func Open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the report: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("the report %s is a folder; name the file that ends in .report.ndjson", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Reader{path: path, file: f, lines: bufio.NewReaderSize(f, maxLine)}, nil
}

// Close closes the file.
func (r *Reader) Close() error { return r.file.Close() }

// Next returns the next complete line, which holds until the next call, or
// io.EOF: then what a run appends later can be read by calling it again. A last
// line without an end is one that is being written, or that a crash cut off; no
// run resumes from it, and it is not read.
func (r *Reader) Next() (*Line, error) {
	b, err := r.lines.ReadSlice('\n')
	switch {
	case err == io.EOF:
		if _, err := r.file.Seek(r.offset, io.SeekStart); err != nil {
			return nil, fmt.Errorf("reading the report %s: %w", r.path, err)
		}
		r.lines.Reset(r.file)
		return nil, io.EOF
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, r.corrupt(fmt.Sprintf("is longer than %d bytes", maxLine))
	case err != nil:
		return nil, fmt.Errorf("reading the report %s: %w", r.path, err)
	}
	r.line = Line{}
	if err := json.Unmarshal(bytes.TrimRight(b, "\r\n"), &r.line, jsontext.AllowInvalidUTF8(true)); err != nil {
		return nil, r.corrupt("is not readable: " + err.Error())
	}
	if r.line.Kind == "" || r.number == 0 && r.line.Kind != "run" {
		return nil, r.corrupt("does not belong to a report: a report begins with a line of the kind \"run\"")
	}
	r.number++
	r.offset += int64(len(b))
	return &r.line, nil
}

func (r *Reader) corrupt(what string) error {
	return fmt.Errorf("the report %s: line %d %s", r.path, r.number+1, what)
}

// ReadInto applies all complete lines that were not read yet.
func (r *Reader) ReadInto(a *Account) error {
	for {
		line, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = a.Apply(line)
			if err != nil {
				err = fmt.Errorf("the report %s: line %d: %w", r.path, r.number, err)
			}
		}
		if err != nil {
			return err
		}
	}
}
