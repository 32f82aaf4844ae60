package source

import (
	"encoding/csv"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"importer/importer/contact"
	"importer/source/mapping"
)

// Inputs that once went wrong, with what their rows come to: "ids: reason" of those
// that are refused.
var idCases = []struct {
	file, config string
	want         []string
}{
	{"02-sci-phones.csv", "", []string{
		`! "4.91512E+11" is a number with an exponent, which has lost its last digits`,
		`! "4.91512E+11" is a number with an exponent, which has lost its last digits`,
		`! "491512345678.0" is a number with decimals`}},
	{"02-sci-phones.csv", "region: DE\ncontact_ids: [{column: mobile, type: phone}]", []string{
		`! "4.91512E+11" is a number with an exponent, which has lost its last digits`,
		`! "4.91512E+11" is a number with an exponent, which has lost its last digits`,
		`! "491512345678.0" is a number with decimals`}},
	{"03-invisible.csv", "", []string{
		`a@example.com`, `+49 1512 3456789`, `c@example.com`, `! "d\u00ad@example.com" holds a character that cannot be seen: U+00AD`,
		`! "e@exa\u00a0mple.com" holds a space of an unusual kind: U+00A0`, `+4915123456788`}},
	{"04-shopify.csv", "", []string{`+31612345678`, `bob@example.com`}},
	{"09-de-no-plus.csv", "09-de.yaml", []string{
		`! "4915123456781" can be a number of DE or one with another country code`, `+4915123456783`, `! "123" is not a phone number`}},
	{"17-ids.csv", "", []string{
		`! "N/A" stands for no contact id`, `! "N/A" stands for no contact id`, `! "0" stands for no contact id`, `! "0" stands for no contact id`,
		`a@example.com b@example.com`, `c@example.com d@example.com`, `! there is no contact id`}},
	{"18-bad-emails.csv", "", []string{
		`a@example.com`, `b@example.com`, `c@example.com`, `! "d@example.com." is not an e-mail address`, `! "e@example..com" is not an e-mail address`,
		`f@example.com`, `! "q@example.com?subject=x" is not an e-mail address: a question mark stands in it`, `! "g@example.com:" is not an e-mail address`}},
	{"22-dup-header-email.csv", "", []string{`b@example.com`}},
	{"29-twins.csv", "", []string{`Ada@Example.com`, `ada@example.com`, `müller@example.com`, `müller@example.com`}},
}

func TestIDCases(t *testing.T) {
	for _, c := range idCases {
		t.Run(c.file+" "+c.config, func(t *testing.T) {
			content, err := os.ReadFile("../testdata/cases/" + c.file)
			if err != nil {
				t.Fatal(err)
			}
			m := caseMapping(t, c.config)
			rows, _ := idsOf(t, "x.csv", string(content), m)
			diff(t, rows, c.want)
			if c.file == "22-dup-header-email.csv" {
				return // members of an object have different names
			}
			flat, exact := asJSON(t, string(content))
			rows, _ = idsOf(t, "x.ndjson", flat, m)
			diff(t, rows, c.want)
			if c.config == "" {
				rows, _ = idsOf(t, "x.ndjson", exact, nil)
				diff(t, rows, c.want)
			}
		})
	}
	for _, config := range []string{"", "region: DE\ncontact_ids: [{column: phone, type: phone}]"} {
		content, err := os.ReadFile("../testdata/cases/02-float-phones.ndjson")
		if err != nil {
			t.Fatal(err)
		}
		rows, _ := idsOf(t, "x.ndjson", string(content), caseMapping(t, config))
		diff(t, rows, []string{
			`! "491512345678.0" is a number with decimals`,
			`! "4.91512345678e11" is a number with an exponent, which has lost its last digits`})
	}
}

// caseMapping is a mapping, or that of a file among the cases; nil without one.
func caseMapping(t *testing.T, config string) *mapping.Mapping {
	t.Helper()
	if !strings.HasSuffix(config, ".yaml") {
		if config == "" {
			return nil
		}
		return mappingOf(t, config)
	}
	yaml, err := os.ReadFile("../testdata/cases/" + config)
	if err != nil {
		t.Fatal(err)
	}
	m, err := mapping.Decode(yaml)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func idsOf(t *testing.T, name, content string, m *mapping.Mapping) (rows []string, in *Input) {
	t.Helper()
	in, err := Open(Options{Paths: []string{writeFile(t, name, content)}, Mapping: m})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for row, err := range in.Rows() {
		s := strings.Join(row.Profile.ContactIDs, " ")
		if bad, ok := errors.AsType[*contact.RowError](err); ok {
			if bad.Hint == "" {
				t.Errorf("%v has no hint", bad)
			}
			s = strings.TrimSpace(strings.Join(bad.ContactIDs, " ") + "! " + bad.Reason)
		} else if err != nil {
			t.Fatal(err)
		}
		if f := row.Profile.Field("email"); f != nil && string(f) != `""` && string(f) != `"`+strings.Fields(s)[0]+`"` {
			t.Errorf("the field email is %s, and the ids are %s", f, s)
		}
		rows = append(rows, s)
	}
	return rows, in
}

// asJSON is a CSV file as NDJSON: flat, and in the API's own shape.
func asJSON(t *testing.T, content string) (flat, exact string) {
	t.Helper()
	records, err := csv.NewReader(strings.NewReader(content)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records[1:] {
		object, profile, ids := map[string]any{}, map[string]any{}, []string{}
		for i, name := range records[0] {
			object[name] = r[i]
			switch name := strings.ToLower(name); name {
			case "email", "firstname":
				profile[name] = r[i]
			case "contactids", "mobile":
				ids = append(ids, r[i])
			case "phone":
				if r[i] != "" && profile["email"] == "" {
					ids = append(ids, r[i])
				}
			}
		}
		flat += marshal(t, object)
		exact += marshal(t, map[string]any{"contactIds": ids, "profile": profile})
	}
	return flat, exact
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}
