package mapping

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"importer/source/mapping/columns"
)

// What a record gives by name has a kind.
func TestKinds(t *testing.T) {
	for _, target := range columns.Targets {
		if _, ok := kinds[target.Name]; !ok || len(kinds) != len(columns.Targets) {
			t.Errorf("%s has no kind, or another one has too many", target.Name)
		}
	}
}

func TestValues(t *testing.T) {
	tests := []struct {
		kind kind
		in   string
		want string // JSON, or the reason behind "!"
	}{
		{text, "  Ada\u00a0 ", `"Ada"`},
		{text, "\"\\\u2028\x01", "\"\\\"\\\\\u2028\\u0001\""},
		{email, "a@example.com", `"a@example.com"`},
		{email, " a@example.com\n", `"a@example.com"`},
		{email, "n/a", `!"n/a" is not an e-mail address`},
		{email, "a@b@c", `!"a@b@c" is not an e-mail address`},
		{email, "a@example.com; b@example.com", `!"a@example.com; b@example.com" is not one e-mail address`},
		{whole, "42", "42"},
		{whole, "042", "42"},
		{whole, " 42.0 ", "42"},
		{whole, "42.5", `!"42.5" is not a whole number of 0 or more`},
		{whole, "42.", `!"42." is not a whole number of 0 or more`},
		{whole, "-1", `!"-1" is not a whole number of 0 or more`},
		{whole, "1e1", `!"1e1" is not a whole number of 0 or more`},
		{whole, "9007199254740991", "9007199254740991"},
		{whole, "9007199254740992", `!"9007199254740992" is not a whole number of 0 or more`},
		{boolean, "Yes", "true"}, {boolean, "TRUE", "true"}, {boolean, "1", "true"}, {boolean, "y", "true"}, {boolean, "On", "true"},
		{boolean, "ja", "true"}, {boolean, "Oui", "true"}, {boolean, "Sí", "true"}, {boolean, "x", "true"},
		{boolean, "no", "false"}, {boolean, "False", "false"}, {boolean, "0", "false"}, {boolean, "N", "false"}, {boolean, "off", "false"},
		{boolean, "Nein", "false"}, {boolean, "non", "false"},
		{boolean, "maybe", `!"maybe" is neither yes nor no`},
		{list, "a; b|c ;;", `["a","b","c"]`},
		{list, "a, b", `["a, b"]`},
		{list, "a ::: b\r\nc", `["a","b","c"]`},
		{list, `"VIP","Blog, weekly"`, `["VIP","Blog, weekly"]`},
		{list, `"VIP"`, `["VIP"]`},
		{list, `"VIP" and more`, `["\"VIP\" and more"]`},
		{list, `"a";"b"`, `["\"a\"","\"b\""]`},
		{list, ` ["a;b", 1, ""]`, `["a;b","1"]`},
		{list, ";", ``},
		{list, "[]", ``},
		{list, `["a"`, `!"[\"a\"" is not a JSON array of texts`},
		{list, `["a",{}]`, `!"[\"a\",{}]" is not a JSON array of texts`},
		{object, `{ "accepted" : true }`, `{"accepted":true}`},
		{object, `{"a":1,"a":2}`, `!not valid JSON: the name "a" stands in it twice, at byte 8`},
		{object, "yes", `!"yes" is not a JSON object, such as {"accepted":true}`},
		{memories, `[{"id":"1", "timestamp":"2026-01-31T09:00:00Z","text":"likes tea"}]`, `[{"id":"1","timestamp":"2026-01-31T09:00:00Z","text":"likes tea"}]`},
		{memories, `[{"id":"1"}]`, "!a memory has no text"},
		{memories, `[{"id":1,"text":"x"}]`, "!the id of a memory is 1, not text"},
		{memories, `["x"]`, "!holds something that is no memory"},
		{memories, `likes tea`, `!"likes tea" is not ` + memoriesForm},
	}
	for _, tt := range tests {
		got, f := valueOf(cell{text: tt.in}, tt.kind, &options{}, "")
		if s := string(got); f == nil && s != tt.want {
			t.Errorf("%q as kind %d: %s, want %s", tt.in, tt.kind, s, tt.want)
		}
		if f != nil && ("!"+f.Reason != tt.want || f.Hint == "" || len(got) > 0) {
			t.Errorf("%q as kind %d: %+v, want %s", tt.in, tt.kind, f, tt.want)
		}
	}
}

// Commas separate tags where nothing else does.
func TestTags(t *testing.T) {
	for in, want := range map[string]string{
		"newsletter, vip": `["newsletter","vip"]`, "Smith, Inc; vip": `["Smith, Inc","vip"]`, "a,,b,": `["a","b"]`, `["a,b"]`: `["a,b"]`,
		`"a,b"`: `["a,b"]`, ",": ``, "a": `["a"]`, "a, b\nc": `["a, b","c"]`, "* myContacts ::: Kunden, alte": `["* myContacts","Kunden, alte"]`,
	} {
		if got, f := valueOf(cell{text: in}, list, &options{commas: true}, ""); f != nil || string(got) != want {
			t.Errorf("%q: %s %v, want %s", in, got, f, want)
		}
	}
}

// What a name means can depend on the columns beside it, and the better name wins: in
// CSV and in JSON alike.
func TestNamesBesideOthers(t *testing.T) {
	for _, tt := range []struct{ header, first, last, location string }{
		{"Nom;Prénom;E-mail", "Prénom", "Nom", ""},
		{"NOM;PRENOM;EMAIL", "PRENOM", "NOM", ""},
		{"Nom;E-mail", "", "", ""},
		{"Nombre;Apellidos;Email", "Nombre", "Apellidos", ""},
		{"Nombre;Email", "", "", ""},
		{"Nome;Cognome;Email", "Nome", "Cognome", ""},
		{"Nome;Sobrenome;Email", "Nome", "Sobrenome", ""},
		{"Nome;Apelido;E-mail", "Nome", "Apelido", ""},
		{"Name;Vorname;E-Mail", "Vorname", "Name", ""},
		{"Name;Vorname;Nachname;E-Mail", "Vorname", "Nachname", ""},
		{"Naam;Voornaam;E-mail", "Voornaam", "Naam", ""},
		{"Name;First Name;Last Name;Email", "First Name", "Last Name", ""},
		{"Other City;City;Secondary Email;Email", "", "", "City"},
		{"Birth Year;Birth Month;Birth Day;Primary Email", "", "", ""},
	} {
		header := strings.Split(tt.header, ";")
		csv, _, err := PlanColumns(header, nil)
		if err != nil {
			t.Errorf("%s: %v", tt.header, err)
			continue
		}
		json, err := PlanJSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		var cells, members []string
		for _, column := range header {
			value := column
			if strings.Contains(strings.ToLower(column), "mail") {
				value = columns.Plain(column) + "@example.com"
			}
			cells, members = append(cells, value), append(members, fmt.Sprintf("%q:%q", column, value))
		}
		for _, m := range []*Mapper{NewMapper("x.csv", csv, nil), NewMapper("x.ndjson", json, nil)} {
			r := &Record{Cells: cells}
			if m.plan == json {
				r = &Record{JSON: []byte("{" + strings.Join(members, ",") + "}")}
			}
			row, err := m.Row(r, 1)
			if err != nil {
				t.Errorf("%s: %v", tt.header, err)
			}
			for field, want := range map[string]string{"firstname": tt.first, "lastname": tt.last, "location": tt.location, "birthday": ""} {
				if got := string(row.Profile.Field(field)); got != "" && got != fmt.Sprintf("%q", want) || got == "" && want != "" {
					t.Errorf("%s, of %s: %s is %s, want %q", tt.header, m.source, field, got, want)
				}
			}
			if id := row.Profile.ContactIDs; strings.Contains(tt.header, "Secondary") && !slices.Equal(id, []string{"email@example.com"}) {
				t.Errorf("%s, of %s: known by %q", tt.header, m.source, id)
			}
		}
	}
}

// The id of a record in a CRM is none of a contact, by whatever name.
func TestRecordIDsAreNoContactIDs(t *testing.T) {
	for _, name := range []string{"Contact ID", "contactId", "Lead ID", "Account ID", "Record ID", "Record ID - Contact", "Record Id", "Customer ID", "Subscriber ID"} {
		_, _, err := PlanColumns([]string{name, "Shoe size"}, nil)
		if !errors.Is(err, ErrNoContactID) || !strings.Contains(err.Error(), "by the id of a record in a CRM") || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"contactIds", "contact_ids", "Contact IDs"} {
		if _, _, err := PlanColumns([]string{name}, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
