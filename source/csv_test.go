package source

import (
	"bytes"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"importer/importer/contact"
)

func TestCSV(t *testing.T) {
	const head = "email,firstname,lastname\n"
	tests := []struct {
		name, content string
		want          []string
	}{
		{"plain", head + "a@example.com,Ada,Lovelace\n", []string{
			`2 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"Ada","lastname":"Lovelace"}}`}},
		{"BOM, CRLF, no final newline", "\ufeff" + "email,firstname\r\na@example.com,Ada\r\nb@example.com,Bob", []string{
			`2 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"Ada"}}`,
			`3 ["b@example.com"],"profile":{"email":"b@example.com","firstname":"Bob"}}`}},
		{"lone CR and mixtures", "email\ra@example.com\rb@example.com\r\nc@example.com\n\rd@example.com\r", []string{
			`2 ["a@example.com"],"profile":{"email":"a@example.com"}}`,
			`3 ["b@example.com"],"profile":{"email":"b@example.com"}}`,
			`4 ["c@example.com"],"profile":{"email":"c@example.com"}}`,
			`6 ["d@example.com"],"profile":{"email":"d@example.com"}}`}},
		{"quoted newlines, commas and quotes", head + "a@example.com,\"A\nd\r\na\",\"L, \"\"x\"\"\"\nb@example.com,Bob,B\n", []string{
			`2 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"A\nd\na","lastname":"L, \"x\""}}`,
			`5 ["b@example.com"],"profile":{"email":"b@example.com","firstname":"Bob","lastname":"B"}}`}},
		{"blank lines and rows of delimiters", "\n\n" + head + "\n,,\n\r\na@example.com,,\n\n", []string{
			`7 ["a@example.com"],"profile":{"email":"a@example.com"}}`}},
		{"ragged", head + "a@example.com,Ada\nb@example.com,Bob,B,x\n\nc@example.com,Cy,C\n", []string{
			`2 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"Ada"}}`,
			`3 : the row has 4 fields and the header 3 ["b@example.com" "Bob" "B" "x"]`,
			`5 ["c@example.com"],"profile":{"email":"c@example.com","firstname":"Cy","lastname":"C"}}`}},
		{"bare quote", head + "a@example.com,Ada 5\" x,L\nb@example.com,Bob,B\n", []string{
			`2 : a quote inside a field that does not begin with one, at line 2, byte 20 ["a@example.com" "Ada 5\" x" "L"]`,
			`3 ["b@example.com"],"profile":{"email":"b@example.com","firstname":"Bob","lastname":"B"}}`}},
		{"bare quote behind a quoted newline", head + "a@example.com,\"A\nb\",c\"d\nb@example.com,Bob,B\n", []string{
			`2 : a quote inside a field that does not begin with one, at line 3, byte 5 ["a@example.com" "A\nb" "c\"d"]`,
			`4 ["b@example.com"],"profile":{"email":"b@example.com","firstname":"Bob","lastname":"B"}}`}},
		{"text behind a closing quote", head + "a@example.com,\"Ada\"x,L\nb@example.com,Bob,B\n", []string{
			`2 : the quote that opens at line 2, byte 15 is not closed where a field ends: the next one stands at line 2, byte 19 ["a@example.com" "\"Ada\"x" "L"]`,
			`3 ["b@example.com"],"profile":{"email":"b@example.com","firstname":"Bob","lastname":"B"}}`}},
		{"unclosed quote takes no other row with it", head + "a@example.com,\"Ada,L\nb@example.com,Bob,B\nc@example.com,Cy,\"C\"\nd@example.com,D,D\n", []string{
			`2 : the quote that opens at line 2, byte 15 is not closed where a field ends: the next one stands at line 4, byte 18 ["a@example.com" "\"Ada" "L"]`,
			`3 ["b@example.com"],"profile":{"email":"b@example.com","firstname":"Bob","lastname":"B"}}`,
			`4 ["c@example.com"],"profile":{"email":"c@example.com","firstname":"Cy","lastname":"C"}}`,
			`5 ["d@example.com"],"profile":{"email":"d@example.com","firstname":"D","lastname":"D"}}`}},
		{"unclosed quote to the end", head + "a@example.com,\"A\nB\",\"L\nb@example.com,Bob,B\n", []string{
			`2 : the quote that opens at line 3, byte 4 is never closed ["a@example.com" "A\nB" "\"L"]`,
			`4 ["b@example.com"],"profile":{"email":"b@example.com","firstname":"Bob","lastname":"B"}}`}},
		{"unclosed quote in the last line", head + "\na@example.com,\"Ada,L", []string{
			`3 : the quote that opens at line 3, byte 15 is never closed ["a@example.com" "\"Ada" "L"]`,
			`end: x.csv: after line 3: the file ends inside the quotes that open at line 3, byte 15: it is cut off, or the quote is not closed`}},
		{"NUL", head + "a@example.com,A\x00da,L\n", []string{
			`2 firstname: a NUL byte, at line 2, byte 16 ["a@example.com" "A\x00da" "L"]`}},
		{"invalid UTF-8", head + "\"a@example.com\",\"Å\nd\xe4\",L\nb@example.com,Bob\xff\nc@example.com,Cécile,Çelik\n", []string{
			`2 firstname: byte 0xE4 is not UTF-8, at line 3, byte 2 ["a@example.com" "Å\nd\xe4" "L"]`,
			`4 firstname: byte 0xFF is not UTF-8, at line 4, byte 18 ["b@example.com" "Bob\xff"]`,
			`5 ["c@example.com"],"profile":{"email":"c@example.com","firstname":"Cécile","lastname":"Çelik"}}`}},
		{"text survives", "email,firstname\na@example.com,0049\nb@example.com,1e5\nc@example.com,TRUE\n", []string{
			`2 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"0049"}}`,
			`3 ["b@example.com"],"profile":{"email":"b@example.com","firstname":"1e5"}}`,
			`4 ["c@example.com"],"profile":{"email":"c@example.com","firstname":"TRUE"}}`}},
		{"two columns of one name", "email,firstname,firstname\na@example.com,Ada,Eve\n", []string{
			`2 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"Ada"}}`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows, _ := read(t, Options{Paths: []string{writeFile(t, "x.csv", tt.content)}})
			diff(t, rows, tt.want)
			// The same bytes in small pieces, as a pipe brings them.
			rows, _ = read(t, Options{Paths: []string{"-"}, Format: CSV, Stdin: iotest.OneByteReader(strings.NewReader(tt.content))})
			for i := range rows {
				rows[i] = strings.Replace(rows[i], "end: -:", "end: x.csv:", 1)
			}
			diff(t, rows, tt.want)
		})
	}
}

func TestRejectFile(t *testing.T) {
	content := "Name,E-Mail,firstname,_line,_status,_field,_error,_hint\n" +
		"'=x,a@example.com,'=1+1,2,invalid,,'=cmd,\n" +
		"''x,b@example.com,'Ada,2,invalid,,,\n" +
		"x,c@example.com\n" +
		"x,d@example.com,5,invalid,,the row has 2 fields and the header 3,\n" +
		"x,e@example.com,Eve,surplus,6,invalid,,the row has 4 fields and the header 3,\n" +
		"x,f@example.com,Fay,a,b,c\n"
	rows, in := read(t, Options{Paths: []string{writeFile(t, "x.csv", content)}})
	diff(t, rows, []string{
		`2 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"=1+1"}}`,
		`3 ["b@example.com"],"profile":{"email":"b@example.com","firstname":"'Ada"}}`,
		`4 ["c@example.com"],"profile":{"email":"c@example.com"}}`,
		`5 ["d@example.com"],"profile":{"email":"d@example.com"}}`,
		`6 : the row has 4 fields and the header 3 ["x" "e@example.com" "Eve" "surplus"]`,
		`7 : the row has 6 fields and the header 3 ["x" "f@example.com" "Fay" "a" "b" "c"]`,
	})
	if h := in.Sources()[0].Header; !slices.Equal(h, []string{"Name", "E-Mail", "firstname"}) {
		t.Errorf("header %q", h)
	}
	for row, err := range in.Rows() {
		if err == nil && len(row.Raw) != 3 {
			t.Errorf("raw %q", row.Raw)
		}
	}
	// One column of such a name makes no reject file.
	rows, _ = read(t, Options{Paths: []string{writeFile(t, "x.csv", "email,firstname,_line\na@example.com,'=1,2\n")}})
	diff(t, rows, []string{`2 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"'=1"}}`})
}

// A quote that is never closed costs neither the memory of the rest of the file
// nor the rows in it.
func TestCSVMemory(t *testing.T) {
	const rows = 20_000 // of 1,000 bytes: more than maxRecord
	line := []byte("a@example.com,Ada," + strings.Repeat("x", 981) + "\n")
	stdin := io.MultiReader(strings.NewReader("email,firstname,lastname\na@example.com,\"Ada,L\n"), &repeated{line: line, n: rows},
		strings.NewReader("a@example.com,"), io.LimitReader(neverEnding('y'), 3*maxRecord), strings.NewReader("\nb@example.com,B,B\n"))
	in, err := Open(Options{Paths: []string{"-"}, Format: CSV, Stdin: stdin})
	if err != nil {
		t.Fatal(err)
	}
	good := 0
	var bad []*contact.RowError
	var peak uint64
	for row, err := range in.Rows() {
		if err == nil {
			good++
			if good == rows+1 && row.Line != rows+4 {
				t.Errorf("the last row stands at line %d, want %d", row.Line, rows+4)
			}
		} else {
			bad = append(bad, err.(*contact.RowError))
		}
		if good%1000 == 1 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse)
		}
	}
	if good != rows+1 || len(bad) != 2 {
		t.Fatalf("%d good rows and %d bad, want %d and 2", good, len(bad), rows+1)
	}
	if bad[0].Line != 2 || bad[0].Reason != "the quote that opens at line 2, byte 15 is not closed within 16 MiB" {
		t.Errorf("first: %v", bad[0])
	}
	if bad[1].Line != rows+3 || bad[1].Reason != "the row is longer than 16 MiB" || len(bad[1].Raw[0]) > 2000 {
		t.Errorf("second: %d %s", bad[1].Line, bad[1].Reason)
	}
	if peak > 200<<20 {
		t.Errorf("%d MiB in use", peak>>20)
	}
}

// A quote that nothing answers for longer than a record may be is the fault of its
// row alone.
func TestCSVQuoteFarFromTheNext(t *testing.T) {
	const rows = 20_000
	line := []byte("a@example.com,Ada," + strings.Repeat("x", 981) + "\n")
	in, err := Open(Options{Paths: []string{"-"}, Format: CSV, Stdin: io.MultiReader(
		strings.NewReader("email,firstname,lastname\na@example.com,Ada 5\" x,L\n"), &repeated{line: line, n: rows})})
	if err != nil {
		t.Fatal(err)
	}
	good := 0
	for _, err := range in.Rows() {
		if err == nil {
			good++
		} else if want := "a quote inside a field that does not begin with one, at line 2, byte 20"; err.(*contact.RowError).Reason != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if good != rows {
		t.Errorf("%d rows, want %d", good, rows)
	}
}

// repeated reads a line n times.
type repeated struct {
	line []byte
	n    int
	rest []byte
}

func (r *repeated) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.n == 0 {
			return 0, io.EOF
		}
		k := min(r.n, 1000)
		r.rest, r.n = bytes.Repeat(r.line, k), r.n-k
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
