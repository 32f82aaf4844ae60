package source

import (
	"bufio"
	"bytes"
	"errors"
	"testing"

	"importer/importer"
)

// fuzz reads content and holds it to what every reader promises: each record is
// a row or a *importer.RowError, numbered without a gap, on lines that only go
// up, and the input ends by itself.
func fuzz(t *testing.T, content []byte, format Format) {
	in, err := Open(Options{Paths: []string{"-"}, Format: format, Stdin: bytes.NewReader(content)})
	if err != nil {
		return
	}
	defer in.Close()
	// A JSON array can break off, and so can what is packed; nothing else can.
	array := in.files[0].array
	lines := bytes.Count(content, []byte("\n")) + bytes.Count(content, []byte("\r")) + 1
	var number int64
	last := 0
	for row, err := range in.Rows() {
		if number++; number == 0 {
			t.Fatal("a row behind the error that ended the input")
		}
		var bad *importer.RowError
		line, n := row.Line, row.Number
		if errors.As(err, &bad) {
			line, n = bad.Line, bad.Number
			if bad.Reason == "" || bad.Hint == "" || len(bad.Raw) == 0 {
				t.Errorf("a bad row that nobody can act on: %+v", bad)
			}
		} else if err != nil {
			if !array && !packed(content) {
				t.Fatalf("row %d: %v", number, err)
			}
			number = -1 // nothing may follow
			continue
		} else if len(row.Profile.ContactIDs) == 0 || len(row.Raw) == 0 {
			t.Errorf("a row without contact id or source: %+v", row)
		}
		if n != number || line < last || line == last && !array || line > lines && !packed(content) {
			t.Fatalf("row %d has the number %d and stands at line %d, behind line %d of %d", number, n, line, last, lines)
		}
		last = line
	}
}

func packed(content []byte) bool {
	r, done, err := decompress(bufio.NewReader(bytes.NewReader(content)))
	defer done()
	_, plain := r.(*bufio.Reader)
	return err == nil && !plain
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("email,firstname\na@example.com,Ada\n"))
	f.Add([]byte("\ufeffemail,firstname\r\n\"a@example.com\",\"A\r\nda\"\r\nx,\"y\rb,c\n"))
	f.Add([]byte("email\n\"a\n\"\"b\n\xff\x00\n,\n"))
	f.Add([]byte("email,_line,_status,_field,_error,_hint\n'=a,,,,,\n\"\n"))
	f.Fuzz(func(t *testing.T, content []byte) { fuzz(t, content, CSV) })
}

func FuzzNDJSON(f *testing.F) {
	f.Add([]byte(`{"contactIds":["a"],"profile":{"age":1,"memories":[{"text":"x"}]},"active":true}`))
	f.Add([]byte("\ufeff{\"email\":\"a@example.com\",\"tags\":\"a;b\"}\r\n\n{\"a\":1,\"a\":2}\n[1]\nx"))
	f.Add([]byte("[\n{\"email\":\"a@example.com\"},\r\n1]"))
	f.Add([]byte(`{"phone":123,"privacy_policy":{"a":{}},"x":null}`))
	f.Fuzz(func(t *testing.T, content []byte) { fuzz(t, content, NDJSON) })
}
