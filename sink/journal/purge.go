package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"importer/importer/contact"
	"importer/internal/files"
	"io"
	"os"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// What a purge keeps, by the kind of the line. A line of another kind, or with
// another member, comes from a later version, and nobody here knows whether it is
// about a person.
var kept = map[string][]string{
	"run":     {"kind", "run", "at", "version", "mode", "sources", "base_url", "project_id"},
	"sending": {"kind", "keys", "at"},
	"unsent":  {"kind", "keys", "at"},
	"row":     {"kind", "key", "digest", "source", "line", "row", "status", "first", "_id", "found", "doubt", "error", "attempts", "reads", "touched", "lastChanged", "undone", "at"},
	"traffic": {"kind", "from", "at", "requests", "latency_ms"},
	"end":     {"kind", "run", "at", "status", "summary"},
}

// Purge rewrites a report without what came from the source: contact ids, and
// what errors quote. The accounts stay: keys, digests, profile ids, statuses,
// places and times, so that a run resumes from it as before, and nothing is
// written twice. It returns how many row lines lost something.
//
// The new file takes the place of the old one at once, 0600. No run may hold the
// report: a *LockedError says that one does.
func Purge(path string) (rows int64, err error) {
	lock, err := lockReport(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, lock.unlock()) }()
	path = realPath(path)
	in, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("opening the report: %w", err)
	}
	defer in.Close()
	err = files.Replace(path, func(w io.Writer) error {
		var err error
		rows, err = purge(w, in)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("purging the report %s: %w", path, err)
	}
	return rows, nil
}

func purge(w io.Writer, r io.Reader) (rows int64, err error) {
	lines := bufio.NewReaderSize(r, maxLine)
	parser := newLineParser()
	var b []byte
	for number := 1; ; number++ {
		line, err := lines.ReadSlice('\n')
		if err == io.EOF {
			return rows, nil // an unterminated line is no part of the report
		}
		if err != nil {
			return 0, fmt.Errorf("line %d %w", number, err)
		}
		var changed bool
		b, changed, err = purgeLine(parser, b[:0], line[:len(line)-1])
		if err != nil {
			return 0, fmt.Errorf("line %d %w", number, err)
		}
		if changed {
			rows++
		}
		if _, err := w.Write(append(b, '\n')); err != nil {
			return 0, err
		}
	}
}

// purgeLine appends what is kept of a line, and tells whether it is less.
func purgeLine(p *lineParser, b, line []byte) (_ []byte, changed bool, err error) {
	l, err := p.parse(line)
	if err != nil {
		return b, false, err
	}
	kind := l.kind
	if kind == "" {
		var any struct{ Kind string }
		if err := json.Unmarshal(line, &any); err != nil {
			return b, false, err
		}
		kind = any.Kind
	}
	members, known := kept[kind]
	if !known {
		return b, false, fmt.Errorf("is of the kind %q, which this version does not know: purge it with the version that wrote it", kind)
	}
	b = append(b, '{')
	var failed error
	err = p.members(line, func(name, value []byte) {
		text, _ := jsontext.AppendUnquote(nil, name) // valid: it was parsed
		if !slices.Contains(members, string(text)) {
			changed = true
			return
		}
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(append(b, name...), ':')
		switch string(text) {
		case "error":
			var e error
			b, e = purgeError(b, value)
			failed, changed = errors.Join(failed, e), changed || !bytes.HasSuffix(b, value)
		case "summary":
			var e error
			b, e = purgeSummary(b, value)
			failed = errors.Join(failed, e)
		default:
			b = append(b, value...)
		}
	})
	return append(b, '}'), changed && kind == "row", errors.Join(err, failed)
}

// purgeError appends an error as a redacted report has it.
func purgeError(b, value []byte) ([]byte, error) {
	var f contact.Failure
	if err := json.Unmarshal(value, &f); err != nil {
		return b, err
	}
	return appendFailure(b, &f, true), nil
}

// purgeSummary appends a summary without the reason why the run was stopped,
// which may quote a row.
func purgeSummary(b, value []byte) ([]byte, error) {
	d := jsontext.NewDecoder(bytes.NewReader(value))
	if d.PeekKind() != '{' {
		return b, errors.New("the summary is no object")
	}
	if _, err := d.ReadToken(); err != nil {
		return b, err
	}
	b = append(b, '{')
	for d.PeekKind() == '"' {
		name, err := d.ReadValue()
		if err != nil {
			return b, err
		}
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		reason := string(name) == `"reason"`
		b = append(append(b, name...), ':')
		v, err := d.ReadValue()
		if err != nil {
			return b, err
		}
		if reason && string(v) != `""` {
			v = jsontext.Value(`"` + redacted + `"`)
		}
		b = append(b, v...)
	}
	return append(b, '}'), nil
}
