package source

import (
	"errors"
	"fmt"
	"testing"

	"importer/importer/contact"
	"importer/source/mapping"
)

// Each row tells the contact ids of today and those of rule 1. What rule 1 made of
// these rows was written down from the last program that had it; "refused" are rows that
// it took no id of.
func TestFormerIDs(t *testing.T) {
	tests := []struct {
		name, yaml, file, content string
		want                      []string
	}{
		{"plain", "", "x.csv", "email,mobile\na@example.com,030 1234567\n,+49 151 23456789\n", []string{
			`[a@example.com]`, `[+49 151 23456789]`}},
		{"invisible", "", "x.csv", "email,mobile\na@example.com\u200b,\n,\u202a+49 1512 3456789\u202c\n\"'b@example.com'\",\n\u00a0c@example.com,\nd@exa\u00a0mple.com,\n", []string{
			`[a@example.com] was ["a@example.com\u200b"]`, `[+49 1512 3456789] was ["\u202a+49 1512 3456789\u202c"]`,
			`[b@example.com] was ["'b@example.com'"]`, `[c@example.com]`, `[] refused was ["d@exa\u00a0mple.com"]`}},
		{"a mark within the file", "", "x.csv", "email,firstname\na@example.com,Ada\n\ufeffb@example.com,Bob\n\ufeff\"c@example.com\",Cyd\n", []string{
			`[a@example.com]`, `[b@example.com] was ["\ufeffb@example.com"]`, `[c@example.com]`}},
		{"a mark before another column", "", "x.csv", "firstname,email\n\ufeffAda,a@example.com\n", []string{`[a@example.com]`}},
		{"a mark in a column of the mapping", "contact_ids: [K]", "x.csv", "K,firstname\n\ufeffk-1,Ada\n", []string{`[k-1] was ["\ufeffk-1"]`}},
		{"the end of a text of DOS", "", "x.csv", "firstname,email\nAda,a@example.com\x1a", []string{`[a@example.com] was ["a@example.com\x1a"]`}},
		{"NFD", "", "x.csv", "email\nmu\u0308ller@example.com\n", []string{`[müller@example.com] was ["mu\u0308ller@example.com"]`}},
		{"exponent", "", "x.csv", "mobile\n4.91512E+11\n491512345678.0\n123\n123 x12\n", []string{
			`[] refused was ["4.91512E+11"]`, `[] refused was ["491512345678.0"]`, `[] refused was ["123"]`, `[] refused was ["123 x12"]`}},
		{"placeholders", "", "x.csv", "contactIds,email\nN/A,a@example.com\n0,\na;N/A,\n\"a@example.com, b@example.com\",\n\"c@example.com\nd@example.com\",\n", []string{
			`[a@example.com] was ["N/A"]`, `[] refused was ["0"]`, `[a] was ["a" "N/A"]`,
			`[a@example.com b@example.com] was ["a@example.com, b@example.com"]`, `[c@example.com d@example.com] was ["c@example.com\nd@example.com"]`}},
		{"bad e-mails", "", "x.csv", "email,mobile\nmailto:a@example.com,\n(c@example.com),\nd@example.com.,\nq@example.com?subject=x,\nnobody,030 1234567\na@example.com;b@example.com,0301234567\n", []string{
			`[a@example.com] was ["mailto:a@example.com"]`, `[c@example.com] was ["(c@example.com)"]`, `[] refused was ["d@example.com."]`,
			`[] refused was ["q@example.com?subject=x"]`, `[030 1234567]`, `[a@example.com b@example.com]`}}, // the last two were refused
		{"a second column", "", "x.csv", "Email,First name,Email\n,Bob,b@example.com\na@example.com,Ada,c@example.com\n", []string{`[b@example.com]`, `[a@example.com]`}},
		{"a contact id of Salesforce", "contact_ids: [Email]", "x.csv", "Contact ID,Email\n003A,a@example.com\n", []string{`[a@example.com]`}},
		{"mapped", "region: DE\ncontact_ids: [{column: E, type: email, lower: true}, {column: T, type: phone}, {column: L, type: list, separator: \",\"}, C]", "x.csv",
			"E,T,L,C\nA@Example.com,4915123456781,\"a,b c\",d;e\n'a@example.com',+49 151 23456789,,\n,123,,\n,030 23125001 x12,,\n,,n/a,x\n,(030) 23125001,,\n", []string{
				`[a@example.com a b c d e] was ["a@example.com" "+494915123456781" "a" "b c" "d;e"]`,
				`[a@example.com +4915123456789] was ["'a@example.com'" "+4915123456789"]`, `[] refused was ["+49123"]`,
				`[] refused was ["+493023125001"]`, `[x] was ["n/a" "x"]`, `[+493023125001]`}},
		{"computed", "contact_ids: [{expr: 'row[\"A\"] + \"@example.com\"', type: email}]", "x.csv", "A\n'a\nb\n", []string{
			`[a@example.com] was ["'a@example.com"]`, `[b@example.com]`}},
		{"a mapped e-mail address", "fields:\n  email: {column: Adresse, lower: true}", "x.csv", "Adresse,email,phone\n A@Example.COM,x@example.com,\n\"A@Example.COM'\",x@example.com,\n,x@example.com,030 1234567\n", []string{
			`[a@example.com]`, `[a@example.com] was ["a@example.com'"]`, `[030 1234567]`}},
		{"unnamed are ignored", "unnamed: ignore", "x.csv", "contactIds,email,phone\n,a@example.com,030 1234567\n", []string{`[030 1234567]`}},
		{"left out", "skip_if: row[\"S\"] == \"x\"", "x.csv", "email,S\n'a@example.com',x\n'b@example.com',\n", []string{
			`[a@example.com] was ["'a@example.com'"]`, `[b@example.com] was ["'b@example.com'"]`}},
		{"another fault", "", "x.csv", "email,age\n'a@example.com',old\n", []string{`[a@example.com] refused was ["'a@example.com'"]`}},
		{"flat", "", "x.ndjson", `{"phone":491512345678.0}` + "\n" + `{"phone":4.91512345678e11}` + "\n" + `{"contactIds":["a;b",1,""],"email":"c@example.com"}` + "\n" +
			`{"email":"","E-Mail":"a@example.com"}` + "\n" + `{"email":"'a@example.com'"}` + "\n" + `{"contactId":"N/A"}` + "\n" + `{"email":true,"phone":"030 1234567"}` + "\n", []string{
			`[] refused was ["491512345678.0"]`, `[] refused was ["4.91512345678e11"]`, `[a b 1] was ["a;b" "1"]`,
			`[a@example.com]`, `[a@example.com] was ["'a@example.com'"]`, `[] refused was ["N/A"]`, `[030 1234567]`}}, // refused: the fourth and the last
		{"the API's shape", "", "x.ndjson", `{"contactIds":["'a'"],"profile":{}}` + "\n" + `{"contactIds":[],"profile":{"email":"(a@example.com)"}}` + "\n" + `{"contactIds":["N/A","b"],"profile":{"email":"x"}}` + "\n", []string{
			`[a] was ["'a'"]`, `[a@example.com] was ["(a@example.com)"]`, `[b] was ["N/A" "b"]`}},
		{"mapped members", "contact_ids: [contact.mail]", "x.ndjson", `{"contact":{"mail":"<a@example.com>"}}` + "\n", []string{`[a@example.com] was ["<a@example.com>"]`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var m *mapping.Mapping
			if tt.yaml != "" {
				m = mappingOf(t, tt.yaml)
			}
			in, err := Open(Options{Paths: []string{writeFile(t, tt.file, tt.content)}, Mapping: m})
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			var got []string
			for row, err := range in.AllRows() {
				ids, former, refused := row.Profile.ContactIDs, row.Former, ""
				if bad, ok := errors.AsType[*contact.RowError](err); ok {
					ids, former, refused = bad.ContactIDs, bad.Former, " refused"
				}
				s := fmt.Sprintf("%v%s", ids, refused)
				if former != nil {
					s += fmt.Sprintf(" was %+q", former)
				}
				got = append(got, s)
			}
			diff(t, got, tt.want)
		})
	}
}
