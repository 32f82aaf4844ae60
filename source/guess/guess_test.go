package guess

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"importer/internal/growth"
	"importer/source/mapping"
)

// sampleOf makes a sample of a CSV file with these columns and rows.
func sampleOf(columns []string, rows ...[]string) *Sample {
	s := &Sample{Name: "x.csv", Paths: []string{"x.csv"}, Format: "csv", Columns: columns}
	for i, cells := range rows {
		s.Add(&mapping.Record{Line: i + 2, Cells: cells})
	}
	s.Complete = true
	return s
}

// guessOf is the configuration that is guessed, which has to fit its own columns.
func guessOf(t *testing.T, s *Sample) (text string, m *mapping.Mapping) {
	t.Helper()
	text, err := s.Config()
	if err == nil {
		m, err = mapping.Decode([]byte(text))
	}
	if err == nil && m != nil {
		_, _, err = mapping.PlanColumns(s.Columns, m)
	}
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return text, m
}

// column is a column of a sample with an address beside it.
func column(name string, values ...string) *Sample {
	var rows [][]string
	for i, v := range values {
		rows = append(rows, []string{fmt.Sprintf("%c@example.com", 'a'+i), v})
	}
	return sampleOf([]string{"email", name}, rows...)
}

func TestGuessBirthday(t *testing.T) {
	for _, tt := range []struct {
		name string
		s    *Sample
		want string
	}{
		{"sure", column("DOB", "13/2/1984", "3/4/1990"), `birthday: {column: "DOB", layouts: ["D/M/YYYY"]}` + "\n"},
		{"with a time", column("DOB", "2/13/1984 9:05 PM", "3/4/1990 10:00 am"), `birthday: {column: "DOB", layouts: ["M/D/YYYY h:mm A"]}` + "\n"},
		{"two ways, and nothing tells", column("DOB", "1/2/1984", "5/5/1990", "3/4/1990"), `birthday: "DOB" # unsure: the month may stand first (M/D) or the day (D/M), and nothing tells, so these are left out: line 2 "1/2/1984", line 4 "3/4/1990"` + "\n" +
			`    # To take them: birthday: {column: "DOB", layouts: ["D/M/YYYY"]}, or ["M/D/YYYY"]` + "\n"},
		{"two ways, and both are there", column("DOB", "13/4/1984", "4/13/1990", "3/4/1990"), `birthday: "DOB" # unsure: the day stands first in some and the month in others, so these are left out: line 4 "3/4/1990"` + "\n"},
		{"both are there in a German file", column("Geburtsdatum", "13/4/1984", "4/13/1990", "3/4/1990"), `birthday: "Geburtsdatum" # unsure: the day stands first in some`},
		{"two ways in a German file", column("Geburtsdatum", "1/2/1984", "3/4/1990"), `layouts: ["D/M/YYYY"]} # unsure: the month may stand first or the day: the second, because the names of the columns are German`},
		{"two ways and numbers of the US", sampleOf([]string{"phone", "DOB"}, []string{"+1 212 456 7890", "1/2/1984"}), `layouts: ["M/D/YYYY"]} # unsure: the month may stand first or the day: the first, because the phone numbers`},
		{"one is none", column("DOB", strings.Split("1984-02-29,1984-03-01,1984-03-02,1984-03-03,1984-03-04,1984-03-05,1984-03-06,1984-03-07,1984-03-08,soon", ",")...), `birthday: "DOB" # left out as no date in 1 of 10: line 11 "soon"` + "\n"},
		{"two forms", column("DOB", "1984-02-29", "1/13/1984", "31-Dec-52"), `birthday: {column: "DOB", layouts: ["M/D/YYYY"]} # unsure: two digits`},
		{"dots with the month first", column("DOB", "2.29.1984", "3.4.1990"), `layouts: ["M.D.YYYY"]}` + "\n"},
		{"dots", column("DOB", "29.2.1984", "3.4.1990"), `birthday: "DOB"` + "\n"},
		{"days", column("Birthday", "1", "29", "31"), `# birthday: "Birthday" # unsure: not dates that are known: "1", "29", "31"`},
		{"no year", column("Birthday", "03/14", "12/31"), `# birthday: "Birthday" # unsure`},
		{"milliseconds", column("Birthday", "446860800000"), `layouts: ["unix_ms"]}` + "\n"},
		{"none yet", column("Birthday", "", ""), `birthday: "Birthday" # unsure: it is empty here`},
	} {
		if text, _ := guessOf(t, tt.s); !strings.Contains(text, tt.want) {
			t.Errorf("%s: %s is missing in\n%s", tt.name, tt.want, text)
		}
	}
}

// The region of the numbers, or a question, stands in the configuration.
func TestGuessRegion(t *testing.T) {
	text, m := guessOf(t, sampleOf([]string{"Téléphone"}, []string{"06 12 34 56 78"}, []string{"n/a"}, []string{"0612345679"}))
	if m.Region != "FR" || !strings.Contains(text, "region: FR # unsure: 2 of 2 numbers without a country code are valid there") {
		t.Error(text)
	}
	text, m = guessOf(t, sampleOf([]string{"Phone"}, []string{"0151 23456789"}, []string{"(212) 456-7890"}))
	if m.Region != "" || !strings.Contains(text, "# region: \"\" # unsure: name the country of the 2 of 2 numbers") {
		t.Error(text)
	}
}

// One odd cell changes nothing, and stands in a comment.
func TestGuessMisfits(t *testing.T) {
	rows := [][]string{{"n/a", "old", "perhaps", "N/A"}}
	for i := range 19 {
		rows = append(rows, []string{fmt.Sprintf("a%d@example.com", i), "42", "yes", "Ada"})
	}
	rows[5][0], rows[6][0] = "ada at example.com", "-"
	text, _ := guessOf(t, sampleOf([]string{"Mail", "Age", "Consent", "First"}, rows...))
	for _, want := range []string{
		`null_values: ["n/a", "N/A", "-"]`, `as found: line 2 "n/a", line 2 "N/A", line 8 "-"`,
		`- {column: "Mail", type: email} # no address in 1 of 18: line 7 "ada at example.com"`,
		`email: {column: "Mail"}`, `age: "Age" # another value, which refuses its row, in 1 of 20: line 2 "old"`,
		`accepted_gdpr: "Consent" # another value`, `firstname: "First"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in\n%s", want, text)
		}
	}
}

// What the import takes apart is no misfit: several addresses or numbers in a cell.
func TestGuessSeveralInACell(t *testing.T) {
	for _, rows := range [][]string{
		{"ada@example.com; ada2@example.com", "bob@example.com, bob2@example.com"},
		{"ada@example.com ::: ada2@example.com"},
		{"ada@example.com\nada2@example.com"},
		{"ada@example.com; n/a"},
	} {
		var all [][]string
		for _, cell := range rows {
			all = append(all, []string{cell, "", "+49 151 23456789 ::: +49 151 23456780"})
		}
		text, m := guessOf(t, sampleOf([]string{"E-mail 1 - Value", "E-mail 2 - Value", "Phone 1 - Value"}, all...))
		if len(m.ContactIDs) != 3 || m.ContactIDs[0].Column != "E-mail 1 - Value" || m.ContactIDs[0].StandIn || !slices.Equal(m.Fields["email"].Columns, []string{"E-mail 1 - Value", "E-mail 2 - Value"}) {
			t.Errorf("%q:\n%s", rows, text)
		}
		if strings.Contains(text, "no address") || strings.Contains(text, "number in 1 of") {
			t.Errorf("%q has misfits:\n%s", rows, text)
		}
	}
	text, m := guessOf(t, sampleOf([]string{"Phone"}, []string{"0151 23456789; 0151 23456780"}, []string{"030 23125001"}))
	if len(m.ContactIDs) != 1 || !strings.Contains(text, "3 of 3 numbers") {
		t.Error(text)
	}
}

// Where no name is known, a column is proposed by what it holds, and not taken.
func TestGuessProposes(t *testing.T) {
	text, err := sampleOf([]string{"Kontaktadresse", "Rückruf", "Nr", "Firma"}, []string{"a@example.com", "+49 151 23456789", "4915123456780", "x"}, []string{"b@example.com", "", "2", "y"}).Config()
	want := "  # contact_ids:\n  #   - {column: \"\", type: email}\n  #   - {column: \"Kontaktadresse\", type: email} # 2 of 2 values look like it\n" +
		"  #   - {column: \"Rückruf\", type: phone} # 1 of 1 values look like it\n  fields:"
	if err != nil || !strings.Contains(text, want) {
		t.Error(text, err)
	}
}

// A number is an identity beside the address only where it is one person's.
func TestGuessNumbers(t *testing.T) {
	columns := []string{"email", "mobile"}
	text, _ := guessOf(t, sampleOf(columns, []string{"a@example.com", "+4915123456789"}, []string{"", "+4915123456780"}))
	if !strings.Contains(text, `- {column: "mobile", type: phone, keep_incomplete: true} # unsure: people who share`) {
		t.Error(text)
	}
	text, _ = guessOf(t, sampleOf(columns, []string{"a@example.com", "0151 23456789"}, []string{"", "+4915123456789"}, []string{"b@example.com", ""}))
	if !strings.Contains(text, `- {column: "mobile", type: phone, keep_incomplete: true, stand_in: true}`) {
		t.Error(text)
	}
	s := sampleOf(columns, []string{"a@example.com", "+4915123456789"}, []string{"", "+4915123456780"})
	s.Complete = false // the next row may share one
	if text, _ = guessOf(t, s); !strings.Contains(text, `stand_in: true}`) {
		t.Error(text)
	}
}

// Names from outside cannot become configuration.
func TestGuessQuotes(t *testing.T) {
	hostile := []string{
		"a\nunnamed: custom", "a\r\nb", "a\u0085b", "a\u2028b", "a\u2029b", `"]}`, `\`, `\n`, "# x", "'", "a: b", "{{.Name}}", "\u202e\u200b", "\x07", "\x00",
		"😀", "\U000E0001", "\ufeff", "%s", "é", "Nom\u0301", "- x", "${HOME}", "a\tb", "*a", "&a", "!!str",
	}
	columns := append([]string{"email", "Name\n'\"\u2028\\", "Birthday\nactive: yes", "Tags\u0085x"}, hostile...)
	cells := []string{"a@example.com", "Ada Love", "1984-02-29", "a,b"}
	for range hostile {
		cells = append(cells, "#\nx")
	}
	for _, name := range append(hostile, "x.csv") {
		s := sampleOf(columns, cells)
		s.Name, s.Paths, s.Sheet, s.NullValues = name, []string{name}, name, []string{name}
		text, m := guessOf(t, s)
		var all struct {
			Source struct {
				Paths      []string
				Sheet      string
				Format     string
				NullValues []string `yaml:"null_values"`
			}
			Mapping map[string]any
		}
		if err := yaml.UnmarshalWithOptions([]byte(text), &all, yaml.Strict()); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if all.Source.Paths[0] != name || all.Source.Sheet != name || all.Source.NullValues[0] != name || m.Unnamed != "ignore" || m.Active != nil {
			t.Errorf("%q became %+v in\n%s", name, all, text)
		}
		if strings.ContainsAny(text, "\r\u0085\u2028\u2029\x07\x00\u202e") {
			t.Errorf("%q: something that does not print is in\n%s", name, text)
		}
	}
}

// A wide file of long cells is looked at in little time, and little of it is kept.
func TestGuessIsBounded(t *testing.T) {
	columns := make([]string, mapping.MaxColumns)
	cells := make([]string, mapping.MaxColumns)
	for i := range columns {
		columns[i], cells[i] = "phone", strings.Repeat("+49 151 23456789 x", 500)
	}
	s := sampleOf(columns)
	for i := 0; !s.Full(); i++ {
		if i > maxSampleRows {
			t.Fatal("it is never full")
		}
		s.Add(&mapping.Record{Line: i, Cells: cells})
	}
	if s.bytes > maxSampleBytes+mapping.MaxColumns*2*maxSampleValue {
		t.Errorf("%d bytes are kept", s.bytes)
	}
	growth.Check(t, mapping.MaxColumns/20, func(n int) {
		part := *s
		part.Columns = columns[:n]
		if _, err := part.Config(); err != nil {
			t.Fatal(err)
		}
	})
}
