package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"importer/importer/contact"
	"io"
	"iter"
	"os"
	"time"
)

// ReadHeader returns the first run line of the report at path.
func ReadHeader(path string) (Header, error) {
	f, err := os.Open(path)
	if err != nil {
		return Header{}, fmt.Errorf("the report: %w", err)
	}
	defer f.Close()
	b, err := bufio.NewReader(io.LimitReader(f, maxLine)).ReadBytes('\n')
	if err != nil && err != io.EOF {
		return Header{}, fmt.Errorf("the report %s: %w", path, err)
	}
	var run struct {
		Kind      string    `json:"kind"`
		Run       string    `json:"run"`
		At        time.Time `json:"at"`
		Version   string    `json:"version"`
		Mode      string    `json:"mode"`
		Sources   []string  `json:"sources"`
		BaseURL   string    `json:"base_url"`
		ProjectID string    `json:"project_id"`
	}
	if json.Unmarshal(b, &run) != nil || run.Kind != "run" {
		return Header{}, fmt.Errorf("%s is no report: its first line is not of the kind \"run\"", path)
	}
	return Header{Run: run.Run, Version: run.Version, Mode: run.Mode, Sources: run.Sources, BaseURL: run.BaseURL, ProjectID: run.ProjectID}, nil
}

// Outcomes ranges over the row lines of the report at path, in their order, from
// a byte on at which a line begins. Another run may be appending to it: a last
// line without its end is left out. An error ends it.
func Outcomes(path string, from int64) iter.Seq2[*contact.Outcome, error] {
	return func(yield func(*contact.Outcome, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(nil, fmt.Errorf("the report: %w", err))
			return
		}
		defer f.Close()
		if _, err := f.Seek(from, io.SeekStart); err != nil {
			yield(nil, fmt.Errorf("the report %s: %w", path, err))
			return
		}
		lines := bufio.NewReaderSize(f, 64<<10)
		for number := 1; ; number++ {
			b, err := lines.ReadBytes('\n')
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(nil, fmt.Errorf("the report %s: %w", path, err))
				return
			}
			if !isRow(b) {
				continue
			}
			o, err := parseOutcome(b)
			if err != nil {
				at := fmt.Sprintf("line %d", number)
				if from > 0 {
					at += fmt.Sprintf(" after byte %d", from)
				}
				yield(nil, fmt.Errorf("the report %s: %s: %w", path, at, err))
				return
			}
			if !yield(o, nil) {
				return
			}
		}
	}
}

// isRow tells whether a line is of the kind "row", however it is written.
func isRow(line []byte) bool {
	if bytes.HasPrefix(line, []byte(`{"kind":"`)) {
		return bytes.HasPrefix(line, []byte(`{"kind":"row"`))
	}
	var l struct {
		Kind string `json:"kind"`
	}
	return json.Unmarshal(line, &l) == nil && l.Kind == "row"
}

// Aside lists the reports that were set aside under the name of path, the oldest
// first.
func Aside(path string) (paths []string) {
	for n := 1; ; n++ {
		aside := fmt.Sprintf("%s.%d", path, n)
		if _, err := os.Stat(aside); errors.Is(err, os.ErrNotExist) {
			return paths
		}
		paths = append(paths, aside)
	}
}
