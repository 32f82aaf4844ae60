package mapping

import (
	"testing"
)

// Columns find their fields whatever the spelling of the header.
func TestHeaderNames(t *testing.T) {
	tests := map[string][]string{
		"accepted_gdpr":           {"accepted_gdpr", "Accepted GDPR", "GDPR", "Consent", "DSGVO", "opt-in"},
		"age":                     {"AGE", "Alter"},
		"birthday":                {"Birth Date", "date_of_birth", "DOB", "Geburtsdatum"},
		"email":                   {"E-Mail", "email address", "EMAIL", "e mail", "Mail"},
		"firstname":               {"First Name", "first_name", "FIRSTNAME", "Given Name", "Vorname", "Prénom"},
		"gender":                  {"Gender", "sex", "Geschlecht"},
		"lastname":                {"last-name", "Surname", "Family Name", "Nachname"},
		"location":                {"Location", "City", "Ort"},
		"memories":                {"Memories"},
		"prevent_data_collection": {"Prevent Data Collection"},
		"privacy_policy":          {"privacy-policy"},
		"profilepic":              {"Profile Pic", "Profile Picture", "avatar"},
		"tasks":                   {"Tasks", "goals", "Tags", "Labels"},
		"contactIds":              {"contactIds", "Contact IDs", "contact_id"},
		"active":                  {"Active", "is active"},
		"mobile":                  {"Mobile", "Mobile Phone", "Cell", "Handy"},
		"phone":                   {"Phone", "Phone Number", "Telephone", "Tel."},
	}
	for want, names := range tests {
		for _, name := range names {
			if to, ok := byName[plainName(name)]; !ok || targets[to].name != want {
				t.Errorf("%q goes to target %d (%v), want %s", name, to, ok, want)
			}
		}
	}
	for i := 1; i < toContactIDs; i++ {
		if targets[i-1].name >= targets[i].name {
			t.Errorf("targets are out of order: %s, %s", targets[i-1].name, targets[i].name)
		}
	}
	seen := map[string]string{}
	for _, target := range targets {
		for _, name := range append([]string{plainName(target.name)}, target.names...) {
			if seen[name] != "" || plainName(name) != name {
				t.Errorf("name %q of %s: it belongs to %q, or is not plain", name, target.name, seen[name])
			}
			seen[name] = target.name
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
