package source

import (
	"errors"
	"strings"
	"testing"

	"importer/source/mapping"
)

func TestHeaderRow(t *testing.T) {
	const text = "Wer;Wo;Was\n\nemail;firstname;\"city\nor town\"\na@example.com;Ada;Ulm\nb@example.com;\"Bob\nby\";Bonn;\n"
	rows := []string{
		`5 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"Ada"}}`,
		`6 ["b@example.com"],"profile":{"email":"b@example.com","firstname":"Bob\nby"}}`,
	}
	got, in := read(t, Options{Paths: []string{writeFile(t, "x.csv", text)}, HeaderRow: 3})
	diff(t, got, rows)
	if in.Sources()[0].Delimiter != ';' {
		t.Errorf("delimiter %q", in.Sources()[0].Delimiter)
	}
	got, _ = read(t, Options{Paths: []string{writeFile(t, "x.csv", "sep=,\na,b;c\nemail,firstname\na@example.com,Ada\n")}, HeaderRow: 3})
	diff(t, got, []string{`4 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"Ada"}}`})
	for row, want := range map[int]string{0: "--header-row", 1: "--header-row", 2: "line 2", 900: "line 900"} {
		content := text
		if row == 0 {
			content = "Wer;Wo\nAda;Ulm\n"
		}
		if _, err := Open(Options{Paths: []string{writeFile(t, "x.csv", content)}, HeaderRow: row}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("row %d: %v, want %s", row, err, want)
		}
	}
	m := &mapping.Mapping{ContactIDs: []mapping.Value{{Column: "Nobody"}}}
	_, err := Open(Options{Paths: []string{writeFile(t, "x.csv", "email\n")}, Mapping: m})
	if bad, ok := errors.AsType[*mapping.Error](err); !ok || !strings.Contains(bad.Error(), "--header-row") {
		t.Errorf("a mapping that does not fit: %v", err)
	}
	for s, want := range map[string]int{"": 0, "auto": 0, "1": 1, "1000": 1000} {
		if n, err := ParseHeaderRow(s); n != want || err != nil {
			t.Errorf("%q: %d, %v", s, n, err)
		}
	}
	for _, s := range []string{"0", "-1", "1001", "x", "1.5"} {
		if _, err := ParseHeaderRow(s); err == nil {
			t.Errorf("%q passes", s)
		}
	}
}

// The delimiter is found together with the header, whatever the lines before it hold.
func TestDelimiterBehindATitle(t *testing.T) {
	for name, text := range map[string]string{
		"commas in a title":     "Contacts, May, all\n\nemail;firstname\na@example.com;Ada\nb@example.com;Bob\n",
		"semicolons in a title": "Ada; Bob; Cyd\nemail;firstname;city;phone\na@example.com;Ada;Ulm;\n",
		"a sentence in quotes":  "Notes:\n\"You may notice, that some; are missing\"\n\nFirst Name;Email\nAda;a@example.com\n",
		"lone carriage returns": "Contacts\r\remail;firstname\ra@example.com;Ada\r",
		"Excel's own line":      "sep=;\r\nContacts, May\r\n\r\nemail;firstname\r\na@example.com;Ada\r\n",
		"sep= and a delimiter":  "sep=;\nemail;firstname,x\na@example.com;Ada,y\n",
	} {
		in, err := Open(Options{Paths: []string{writeFile(t, "x.txt", text)}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := in.Sources()[0].Delimiter; d != ';' {
			t.Errorf("%s: %q", name, d)
		}
		n := 0
		for _, err := range in.Rows() {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			n++
		}
		if n == 0 {
			t.Errorf("%s: no rows", name)
		}
	}
}
