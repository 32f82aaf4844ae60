package table

import (
	"strings"
	"testing"

	"importer/source/mapping"
)

func TestHeader(t *testing.T) {
	split := func(text string) (rows [][]string) {
		for line := range strings.SplitSeq(text, "\n") {
			if line == "" {
				rows = append(rows, nil)
			} else {
				rows = append(rows, strings.Split(line, ","))
			}
		}
		return rows
	}
	mapped := &mapping.Mapping{ContactIDs: []mapping.Value{{Column: "Kundennummer"}}, Fields: map[string]mapping.Value{"lastname": {Column: "Nm"}}}
	tests := []struct {
		name, text string
		m          *mapping.Mapping
		want       int
	}{
		{"none", "", nil, 0},
		{"the first line", "email,firstname\na@example.com,Ada", nil, 0},
		{"blank lines before it", "\n\nemail,firstname\na@example.com,Ada", nil, 2},
		{"a title", "Contacts of May\n\nemail,firstname\na@example.com,Ada", nil, 2},
		{"a title that is the name of a field", "Tasks\n\nemail,firstname\na@example.com,Ada", nil, 2},
		{"a title above one column", "People\nemail\na@example.com", nil, 1},
		{"a comment as wide", "# exported 2026-01-31, by hand\nemail,firstname\na@example.com,Ada", nil, 1},
		{"a comment above one column", "# exported 2026-01-31, by hand\nemail\na@example.com", nil, 1},
		{"properties", "Report,Contacts\nBy,ada@example.com\n\nemail,firstname,city\na@example.com,Ada,Ulm", nil, 3},
		{"groups of columns", ",Person,,Work,\nemail,firstname,lastname,phone,city\na@example.com,Ada,L,+49 30 1234567,Ulm", nil, 1},
		{"missing cells at the end of rows", "My list\nemail,firstname,city\na@example.com\nb@example.com,Bob", nil, 1},
		{"the first line, however wide the rows", "email\na@example.com,x,y\nb@example.com,x,y", nil, 0},
		{"the first line, and a row with names", "email,kind\na@example.com,mail\nphone,mail", nil, 0},
		{"no known name", "Adresse,Kanal\na@example.com,mail\nb@example.com,phone", nil, 0},
		{"a row that holds a word", "Wer,Kanal\nAda,mail\nBob,phone\nCyd,mail", nil, 0},
		{"a narrow line with a word", "Liste\nPhone\nName,Vorname,Ort\nL,Ada,Ulm\nM,Bob,Ulm", nil, 2},
		{"behind the last line that is looked at", strings.Repeat("x\n", HeaderLines) + "email,firstname\na@example.com,Ada", nil, 0},
		{"properties as wide", "Export\n\nGenerated,2026\nemail,firstname\na@example.com,Ada", nil, 3},
		{"properties with a name of a field", "Phone,030 1234567\nCity,Ulm\nemail,firstname\na@example.com,Ada", nil, 2},
		{"groups with a name of a field", "Contact,,Phone,\nEmail,First Name,Mobile,City\na@example.com,Ada,+4915123456789,Ulm", nil, 1},
		{"groups over and over", "Person,Person,Phone,Phone\nEmail,First Name,Mobile,City\na@example.com,Ada,+4915123456789,Ulm", nil, 1},
		{"not groups: all cells are names", "Email,Mobile,Kanal 1,Kanal 2\nemail,mobile,phone,city\na@example.com,+4915123456789,x,y", nil, 0},
		{"not groups: a person stands before it", "Email,,Kanal,Rest\na@example.com,,mail,x\n,phone,mail,mobile\nb@example.com,,mail,x", nil, 0},
		{"rows that hold several words", "Wer,Kanal,Ersatz\nAda,mail,phone\nBob,phone,mail\nCyd,mail,phone", nil, 0},
		{"columns of the mapping", "Kundenliste\n\nKundennummer,Nm,Rest\n1,Love,x", mapped, 2},
		{"columns of the mapping in the first line", "Kundennummer,Nm\n1,mail", mapped, 0},
		{"too few columns of the mapping", "Kundenliste\n\nKundennummer,Rest\n1,x", mapped, 0},
	}
	for _, tt := range tests {
		if got := Header(split(tt.text), tt.m); got != tt.want {
			t.Errorf("%s: row %d, want %d", tt.name, got, tt.want)
		}
	}
}
