package source

import (
	"fmt"
	"strings"
	"testing"

	"importer/source/mapping"
)

// A value that cannot be a contact id refuses no row that has another one, and what is
// left out is told.
func TestLeftOutIDs(t *testing.T) {
	tests := []struct {
		name, yaml, file, content string
		want, notices             []string
	}{
		{"the field goes with the id", "", "x.csv", "email,mobile,firstname\nn/a,+49 151 23456789,Ada\nb@x.deb@y.de,,Bob\n", []string{
			`2 ["+49 151 23456789"],"profile":{"firstname":"Ada"}}`,
			`3 email: "b@x.deb@y.de" is not an e-mail address ["b@x.deb@y.de" "" "Bob"]`}, []string{
			`1 row: what stands in "email" was left out, because it cannot be a contact id (line 2: "n/a")`}},
		{"the first of several addresses is the field", "", "x.csv", "email\n\"a@example.com, b@example.com\"\na@example.org;n/a\n", []string{
			`2 ["a@example.com","b@example.com"],"profile":{"email":"a@example.com"}}`,
			`3 ["a@example.org"],"profile":{"email":"a@example.org"}}`}, []string{
			`1 row: of several values in "email" the first went to the field email (line 2: "a@example.com, b@example.com")`,
			`1 row: a part of what stands in "email" was left out, because it cannot be a contact id (line 3: "a@example.org;n/a")`}},
		{"the next column", "contact_ids: [{columns: [Work, Home], type: email}]\nfields: {email: [Work, Home]}", "x.csv", "Work,Home\nnone,b@example.com\na@example.com,b@example.com\nnone,nil\n", []string{
			`2 ["b@example.com"],"profile":{"email":"b@example.com"}}`,
			`3 ["a@example.com"],"profile":{"email":"a@example.com"}}`,
			`4 Work: "none" is not an e-mail address ["none" "nil"]`}, []string{
			`1 row: what stands in "Work" was left out, because it cannot be a contact id (line 2: "none")`}},
		{"a column that gives no id", "contact_ids: [id]\nfields: {billing: {column: Billing, type: email}}", "x.csv", "id,Billing\na,x@example.com;y@example.com\nb,\" 'b@example.com' \"\n", []string{
			`2 Billing: "x@example.com;y@example.com" is not one e-mail address ["a" "x@example.com;y@example.com"]`,
			`3 ["b"],"profile":{"billing":"b@example.com"}}`}, nil},
		{"numbers that nobody has", "region: GB\ncontact_ids: [{column: A, type: phone}]\nfields: {tel: {column: A, type: phone}, strict: {column: B, type: phone, valid_only: true}}", "x.csv",
			"A,B\n07700 900123,\n020 7946 0018,07700 900123\n020 7946 0018,\n", []string{
				`2 ["+447700900123"],"profile":{"tel":"+447700900123"}}`,
				`3 B: "07700 900123" is a phone number that nobody can have ["020 7946 0018" "07700 900123"]`,
				`4 ["+442079460018"],"profile":{"tel":"+442079460018"}}`}, []string{
				`1 row: the phone number in "A" is possible, but not one of those that its country gives out (line 2: "07700 900123")`}},
		{"columns of one name", "", "x.csv", "Email,Email,Mobile,Cell\n,b@example.com,,\na@example.com,c@example.com,,\n,,,+49 151 23456789\n\u200b,d@example.com,,\nnone,e@example.com,,\n", []string{
			`2 ["b@example.com"],"profile":{"email":"b@example.com"}}`,
			`3 ["a@example.com"],"profile":{"email":"a@example.com"}}`,
			`4 ["+49 151 23456789"],"profile":{}}`,
			`5 ["d@example.com"],"profile":{"email":"d@example.com"}}`,
			`6 ["e@example.com"],"profile":{"email":"e@example.com"}}`}, []string{
			`taken only where another column for the same is empty: "Email" ("Email" comes first), "Cell" ("Mobile" comes first)`,
			`1 row: what stands in "Email" was left out, because it cannot be a contact id (line 6: "none")`}},
		{"the field email beside another id", "region: DE\ncontact_ids: [{column: Telefon, type: phone}]", "x.csv", "Email,Telefon\nnone,+49 151 23456789\na@x;b@example.com,+49 151 23456780\n,n/a\n", []string{
			`2 ["+4915123456789"],"profile":{}}`,
			`3 ["+4915123456780"],"profile":{"email":"b@example.com"}}`,
			`4 Telefon: "n/a" is not a phone number ["" "n/a"]`}, []string{
			`1 row: what stands in "Email" was left out of the field email, because it is no e-mail address (line 2: "none")`,
			`1 row: a part of what stands in "Email" was left out of the field email, because it is no e-mail address (line 3: "a@x;b@example.com")`}},
		{"the field email of an expression", "contact_ids: [K]\nfields: {email: {expr: 'row[\"Mail\"]'}}", "x.csv", "K,Mail\nk1,none\n", []string{
			`2 ["k1"],"profile":{}}`}, []string{
			`1 row: what stands in "email" was left out of the field email, because it is no e-mail address (line 2: "none")`}},
		{"the field email that has to be an address", "contact_ids: [K]\nfields: {email: {column: Mail, type: email}}", "x.csv", "K,Mail\nk1,none\n", []string{
			`2 Mail: "none" is not an e-mail address ["k1" "none"]`}, nil},
		{"an id that is no address", "contact_ids: [K, Email]", "x.csv", "K,Email\nk1,a@x\n", []string{
			`2 ["k1","a@x"],"profile":{}}`}, []string{
			`1 row: what stands in "Email" was left out of the field email, because it is no e-mail address (line 2: "a@x")`}},
		{"null in a list", "", "x.ndjson", `{"contactIds":[null,"x1"],"tags":[null,"vip"]}` + "\n" + `{"contactIds":[null,"x2",null],"profile":{"email":"a@x"}}` + "\n" + `{"contactIds":[null]}` + "\n", []string{
			`1 ["x1"],"profile":{"tasks":["vip"]}}`,
			`2 ["x2"],"profile":{}}`,
			`3 contactIds: there is no contact id ["{\"contactIds\":[null]}"]`}, []string{
			`1 row: what stands in "email" was left out of the field email, because it is no e-mail address (line 2: "a@x")`}},
		{"consent that is no yes or no", "", "x.csv", "Email,$consent\na@example.com,\"[\"\"email\"\"]\"\nb@example.com,\nc@example.com,yes\n", []string{
			`2 ["a@example.com"],"profile":{"email":"a@example.com"}}`,
			`3 ["b@example.com"],"profile":{"email":"b@example.com"}}`,
			`4 ["c@example.com"],"profile":{"email":"c@example.com"}}`}, []string{
			`2 rows: what stands in "$consent" was left out of accepted_gdpr: much of the column is neither yes nor no (line 2: "[\"email\"]", line 4: "yes")`}},
		{"an opt-in that is a date", "", "x.ndjson", `{"email":"a@example.com","optin":"2024-01-01 10:00"}` + "\n", []string{
			`1 ["a@example.com"],"profile":{"email":"a@example.com"}}`}, []string{
			`1 row: what stands in "optin" was left out of accepted_gdpr: much of the column is neither yes nor no (line 1: "2024-01-01 10:00")`}},
		{"one odd consent", "", "x.csv", "Email,Consent\n" + strings.Repeat("a@example.com,yes\n", 9) + "b@example.com,perhaps\n", append(consents(9), `11 Consent: "perhaps" is neither yes nor no ["b@example.com" "perhaps"]`), nil},
		{"members of one meaning", "", "x.ndjson", `{"email":null,"E-Mail":"a@example.com"}` + "\n" + `{"phone":" ","Tel":"030 1234567"}` + "\n", []string{
			`1 ["a@example.com"],"profile":{"email":"a@example.com"}}`,
			`2 ["030 1234567"],"profile":{}}`}, nil},
		{"members that are no texts", "", "x.ndjson", `{"contactIds":[null],"email":"a@example.com"}` + "\n" + `{"contactIds":{"a":1},"email":["b@example.com"],"phone":491512345678}` + "\n" +
			`{"contactIds":"[a@example.com, b@example.com]"}` + "\n", []string{
			`1 ["a@example.com"],"profile":{"email":"a@example.com"}}`,
			`2 ["491512345678"],"profile":{}}`,
			`3 ["a@example.com","b@example.com"],"profile":{}}`}, []string{
			`1 row: what stands in "contactIds" was left out, because it cannot be a contact id (line 2: "{\"a\":1}")`,
			`1 row: what stands in "email" was left out, because it cannot be a contact id (line 2: "[\"b@example.com\"]")`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var m *mapping.Mapping
			if tt.yaml != "" {
				m = mappingOf(t, tt.yaml)
			}
			rows, in := read(t, Options{Paths: []string{writeFile(t, tt.file, tt.content)}, Mapping: m})
			diff(t, rows, tt.want)
			diff(t, noticesOf(in), tt.notices)
		})
	}
}

// consents are rows of a@example.com with consent, from line 2.
func consents(n int) (rows []string) {
	for i := range n {
		rows = append(rows, fmt.Sprintf(`%d ["a@example.com"],"profile":{"accepted_gdpr":true,"email":"a@example.com"}}`, i+2))
	}
	return rows
}
