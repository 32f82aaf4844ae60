package source

import (
	"bufio"
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"importer/importer/contact"
	"importer/source/decode"
	"importer/source/mapping"
	"importer/source/table"
)

// fuzz reads content and holds it to what every reader promises: each record is
// a row or a *contact.RowError, numbered without a gap, on lines that only go
// up, and the input ends by itself. It returns the lines of the records.
func fuzz(t *testing.T, content []byte, o Options) (lines []int, in *Input) {
	o.Paths, o.Stdin = []string{"-"}, bytes.NewReader(content)
	in, err := Open(o)
	if err != nil {
		return nil, nil
	}
	defer in.Close()
	// The lines of JSON in another shape are those of its objects.
	array, packed := in.files[0].shape != jsonLines, packed(content)
	most := bytes.Count(content, []byte("\n")) + bytes.Count(content, []byte("\r")) + 1
	var number int64
	last, ended := 0, false
	for row, err := range in.Rows() {
		if number++; number == 0 {
			t.Fatal("a row behind the error that ended the input")
		}
		var bad *contact.RowError
		line, n := row.Line, row.Number
		if errors.As(err, &bad) {
			line, n = bad.Line, bad.Number
			if bad.Reason == "" || bad.Hint == "" || len(bad.Raw) == 0 {
				t.Errorf("a bad row that nobody can act on: %+v", bad)
			}
		} else if err != nil {
			number, ended = -1, true // nothing may follow
			continue
		} else {
			check(t, row)
		}
		if n != number || line < last || line == last && !array || line > most && !packed {
			t.Fatalf("row %d has the number %d and stands at line %d, behind line %d of %d", number, n, line, last, most)
		}
		last = line
		lines = append(lines, line)
	}
	if array || packed || ended {
		return nil, nil
	}
	return lines, in
}

// check holds a row to what the engine relies on.
func check(t *testing.T, row contact.Row) {
	p := row.Profile
	if len(p.ContactIDs) == 0 || slices.Contains(p.ContactIDs, "") || len(row.Raw) == 0 {
		t.Errorf("a row without contact id or source: %+v", row)
	}
	for i, f := range p.Fields {
		if i > 0 && p.Fields[i-1].Name >= f.Name {
			t.Errorf("the fields %q and %q are out of order", p.Fields[i-1].Name, f.Name)
		}
	}
	body := p.AppendCreateBody(nil, "")
	if d, n := p.Measure(); d != row.Digest || n != row.Bytes {
		t.Errorf("digest %s and %d bytes, want %s and %d", row.Digest, row.Bytes, d, n)
	}
	var members map[string]jsontext.Value
	if err := json.Unmarshal(body, &members); err != nil {
		t.Errorf("%v in the body %s", err, body)
	}
	if len(members) < 3 || len(body)+24 > contact.MaxBodyBytes {
		t.Errorf("a body of %d bytes with %d members", len(body), len(members))
	}
}

func packed(content []byte) bool {
	r, done, err := decode.Decompress(bufio.NewReader(bytes.NewReader(content)))
	defer done()
	_, plain := r.(*bufio.Reader)
	return err != nil || !plain
}

// textLines are the lines of a text in which something stands, by number.
func textLines(content []byte, something func([]byte) bool) map[int]bool {
	content = bytes.TrimPrefix(content, []byte(decode.BOM))
	content = bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
	content = bytes.ReplaceAll(content, []byte("\r"), []byte("\n"))
	lines := make(map[int]bool)
	for i, line := range bytes.Split(content, []byte("\n")) {
		if something(line) {
			lines[i+1] = true
		}
	}
	return lines
}

// compare wants a record for each line in which something stands.
func compare(t *testing.T, got []int, want map[int]bool) {
	for _, line := range got {
		if !want[line] {
			t.Errorf("a record at line %d, where there is none", line)
		}
		delete(want, line)
	}
	for line := range want {
		t.Errorf("line %d was lost", line)
	}
}

var fuzzMapping = &mapping.Mapping{
	ContactIDs: []mapping.Value{{Columns: []string{"email", "firstname"}, Optional: true}, {Column: "tel", Type: "phone", Optional: true}},
	Fields: map[string]mapping.Value{
		"birthday": {Column: "birthday", Type: "date", Layouts: []string{"D.M.YYYY", "excel"}, Optional: true},
		"n":        {Column: "age", Type: "number", Decimal: ",", Optional: true},
		"memories": {Column: "lastname", Type: "memory", Timestamp: "2026-01-31T00:00:00Z", Optional: true},
		"tasks":    {Columns: []string{"tags", "location"}, Separator: ",", Optional: true},
	},
	Unnamed: "custom", Region: "DE",
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("email,firstname\na@example.com,Ada\n"))
	f.Add([]byte("\ufeffemail;firstname\r\n\"a@example.com\";\"A\r\nda\"\r\nx;\"y\rb;c\n"))
	f.Add([]byte("email\n\"a\n\"\"b\n\xff\x00\n,\n"))
	f.Add([]byte("sep=|\nemail|age|tags\nJ\xfcrgen|1,5|a;b\n"))
	f.Add([]byte("email,birthday,tel,lastname\na,29.2.1984,030 12345678,\"x\"y\n"))
	f.Add([]byte("email,_line,_status,_field,_error,_hint\n'=a,,,,,\n\"\n"))
	f.Add([]byte("e\x00m\x00a\x00i\x00l\x00\n\x00a\x00@\x00b\x00\n\x00"))
	f.Fuzz(func(t *testing.T, content []byte) {
		fuzz(t, content, Options{Format: CSV, LazyQuotes: true})
		fuzz(t, content, Options{Format: CSV, Mapping: fuzzMapping})
		lines, in := fuzz(t, content, Options{Format: CSV, Encoding: decode.UTF8})
		if in == nil || bytes.ContainsRune(content, '"') {
			return
		}
		// Without quotes each line is a record, but for those that hold no contact.
		file := in.files[0]
		if slices.ContainsFunc(in.Notices(), func(n Notice) bool { return strings.Contains(n.Text, "footer") }) {
			return
		}
		want := textLines(content, func(line []byte) bool {
			cells := strings.Split(strings.TrimPrefix(string(line), decode.BOM), string(file.Delimiter))
			return !table.IsBlank(cells) && !slices.Equal(cells, file.header)
		})
		for line := range want {
			if line <= file.line {
				delete(want, line)
			}
		}
		header := file.line
		notBlank := textLines(content, func(line []byte) bool { return len(line) > 0 })
		for !notBlank[header] {
			header++
		}
		delete(want, header)
		compare(t, lines, want)
	})
}

func FuzzNDJSON(f *testing.F) {
	f.Add([]byte(`{"contactIds":["a"],"profile":{"age":1,"memories":[{"text":"x"}]},"active":true}`))
	f.Add([]byte("\ufeff{\"email\":\"a@example.com\",\"tags\":\"a;b\"}\r\n\n{\"a\":1,\"a\":2}\n[1]\nx"))
	f.Add([]byte("[\n{\"email\":\"a@example.com\"},\r\n1]"))
	f.Add([]byte(`{"phone":123,"privacy_policy":{"a":{}},"x":null,"birthday":1e3,"tel":"030 12345678"}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		fuzz(t, content, Options{Format: NDJSON, Mapping: fuzzMapping})
		lines, in := fuzz(t, content, Options{Format: NDJSON, Encoding: decode.UTF8})
		if in == nil {
			return
		}
		compare(t, lines, textLines(content, func(line []byte) bool { return !table.IsBlank([]string{string(line)}) }))
	})
}
