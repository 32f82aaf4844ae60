package source

import (
	"errors"
	"strings"
	"testing"

	"importer/source/decode"
)

// Files as people have them end in exact rows, or in an error that says what to do.
func TestTextCases(t *testing.T) {
	tests := []struct {
		name   string
		want   []string
		notice string // in one of them
	}{
		{"19-swallowed.csv", []string{
			`2 : the quote that opens at line 2, byte 15 swallowed rows: it is closed in line 4, and line 3 is a row of its own ["a@example.com" "\"Ada" "Ulm"]`,
			`3 ["b@example.com"],"profile":{"email":"b@example.com","firstname":"Bob","location":"Bonn"}}`,
			`4 : a quote inside a field that does not begin with one, at line 4, byte 18 ["c@example.com" "Cyd\"" "Köln"]`,
			`5 ["d@example.com"],"profile":{"email":"d@example.com","firstname":"Dov","location":"Ulm"}}`}, ""},
		{"21-rows-longer.csv", []string{
			`2 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"Ada"}}`,
			`3 ["b@example.com"],"profile":{"email":"b@example.com","firstname":"Bob"}}`}, ""},
		{"23-comment.csv", []string{
			`3 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"Ada"}}`}, "taken from line 2"},
		{"23-linkedin.csv", []string{
			`5 ["ada@example.com"],"profile":{"email":"ada@example.com","firstname":"Ada","lastname":"Love"}}`}, "--header-row"},
		{"24-pretty.json", []string{
			`1 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"Ada"}}`,
			`5 ["b@example.com"],"profile":{"email":"b@example.com","firstname":"Bob"}}`}, ""},
		{"24-wrapped.json", []string{
			`1 ["a@example.com"],"profile":{"email":"a@example.com"}}`,
			`1 ["b@example.com"],"profile":{"email":"b@example.com"}}`}, `the list "contacts"; left out beside it: "total"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows, in := read(t, Options{Paths: []string{"../testdata/cases/" + tt.name}})
			diff(t, rows, tt.want)
			told := ""
			for _, n := range in.Notices() {
				told += n.String() + "\n"
			}
			if !strings.Contains(told, tt.notice) {
				t.Errorf("notices %s\nwant %s", told, tt.notice)
			}
		})
	}
	for name, want := range map[string]string{"20-cp850.csv": `cp850 ("Jürgen")`, "20-sjis.csv": `shift_jis ("`} {
		for _, redact := range []bool{false, true} {
			_, err := Open(Options{Paths: []string{"../testdata/cases/" + name}, Redact: redact})
			if redact {
				want, _, _ = strings.Cut(want, " ")
			}
			if !errors.Is(err, decode.ErrEncoding) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), `"`) == redact {
				t.Errorf("%s: %v, want %s", name, err, want)
			}
		}
	}
}
