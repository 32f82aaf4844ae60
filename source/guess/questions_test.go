package guess

import (
	"strings"
	"testing"

	"importer/source/mapping"
)

// csvSample is a sample of lines of CSV without quotes.
func csvSample(header string, rows ...string) *Sample {
	s := &Sample{Name: "a.csv", Paths: []string{"a.csv"}, Format: "csv", Columns: strings.Split(header, ","), Complete: true}
	for i, row := range rows {
		s.Add(&mapping.Record{Cells: strings.Split(row, ","), Line: i + 2})
	}
	return s
}

func contactSample() *Sample {
	return csvSample("Name,E-Mail,Mobile,Birthday,Shoe Size,Frstname,VIP",
		"Ada Love,ada@example.com,0171 1234567,01/02/1980,38,Ada,yes",
		"Bob Stone,,0171 7654321,03/04/1981,44,Bob,no",
		"Cy Hill,cy@example.com,0171 7654399,05/06/1990,,,no")
}

func TestQuestions(t *testing.T) {
	var got []string
	for _, q := range contactSample().Questions() {
		got = append(got, strings.Join([]string{q.Name, q.Guess, q.Why}, "|"))
		if q.Column >= 0 && (q.Filled == 0 || q.Filled > q.Rows || len(q.Examples) == 0) {
			t.Errorf("%+v", q)
		}
	}
	all := strings.Join(got, "\n")
	for _, want := range []string{
		"country of phone numbers", "Name|firstname and lastname|the first word", "Mobile|contact id|people who share a number",
		"Birthday|birthday|", "Shoe Size|-|no profile field has that name", "Frstname|-|no profile field has that name; did you mean firstname?",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not asked in\n%s", want, all)
		}
	}
	if strings.Contains(all, "E-Mail") {
		t.Errorf("what is sure is asked:\n%s", all)
	}
}

// What was answered stands in the configuration, which the loader takes; what cannot be
// used is refused with what can.
func TestAnswers(t *testing.T) {
	s := contactSample()
	say := map[string]string{"Name": "", "Mobile": "stand-in", "Birthday": "D/M", "Shoe Size": "custom", "Frstname": "firstname", "VIP": "-", "the country of phone numbers without a country code": "de"}
	for _, q := range s.Questions() {
		if err := s.Answer(q, say[q.Name]); err != nil {
			t.Errorf("%s: %v", q.Name, err)
		}
	}
	text, err := s.Config()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"  region: DE\n", `- {column: "Mobile", type: phone, keep_incomplete: true, stand_in: true}` + "\n", `birthday: {column: "Birthday", layouts: ["D/M/YYYY"]}` + "\n",
		`    shoe_size: {column: "Shoe Size", type: number}` + "\n", `firstname: "Frstname"`, `    # vip: {column: "VIP", type: bool} # filled in 3 of 3`, `# Left out: "VIP"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if m, err := mapping.Decode([]byte(text)); err != nil || m == nil {
		t.Errorf("%v\n%s", err, text)
	}
}

// A field that is never guessed is written as it was named, and nothing goes to one field
// twice.
func TestAnswersThatAreRare(t *testing.T) {
	s := contactSample()
	all := map[string]Question{}
	for _, q := range s.Questions() {
		all[q.Name] = q
	}
	for _, tt := range []struct{ name, said, want string }{
		{"Shoe Size", "memories", ""},
		{"VIP", "memories", "goes there already"},
		{"VIP", "frstname", "did you mean firstname?"},
		{"VIP", "shoe size!", "letters, digits and underscores"},
		{"VIP", "D/M", "says nothing of this column"},
		{"VIP", "stand-in", "says nothing of this column"},
		{"VIP", "active", "no field of a profile"},
		{"VIP", "very_important", ""},
		{"Frstname", "very_important", "goes there already"},
		{"Birthday", "-", ""},
		{"the country of phone numbers without a country code", "xx", "no country"},
		{"the country of phone numbers without a country code", "-", ""},
	} {
		if err := s.Answer(all[tt.name], tt.said); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s, %s: %v, want %q", tt.name, tt.said, err, tt.want)
		}
	}
	text, err := s.Config()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`    memories: "Shoe Size"`, `    very_important: {column: "VIP", type: bool}`, `# Left out: "Birthday", "Frstname"`, `# region: ""`} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, "    birthday:") {
		t.Errorf("the birthday is not left out:\n%s", text)
	}
	if _, err := mapping.Decode([]byte(text)); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}
