package source

import (
	"errors"
	"fmt"
	"importer/importer/contact"
	"testing"
)

func TestContactsAreGood(t *testing.T) {
	var first map[contact.Key]bool
	for _, name := range []string{"contacts.csv", "contacts.ndjson"} {
		in, err := Open(Options{Paths: []string{"../testdata/" + name}})
		if err != nil {
			t.Fatal(err)
		}
		keys := map[contact.Key]bool{}
		ids := map[string]int{}
		for row, err := range in.Rows() {
			if err != nil {
				t.Error(err)
			}
			keys[row.Key] = true
			for _, id := range row.Profile.ContactIDs {
				if line, ok := ids[id]; ok {
					t.Errorf("%s:%d: %s stands in line %d already", name, row.Line, id, line)
				}
				ids[id] = row.Line
			}
		}
		if len(keys) != 300 {
			t.Errorf("%s: %d contacts, want 300", name, len(keys))
		}
		if first == nil {
			first = keys
		}
		for key := range keys {
			if !first[key] {
				t.Errorf("%s: %v is not in the other file", name, key)
			}
		}
	}
}

func TestBadRows(t *testing.T) {
	tests := map[string][]string{
		"bad-rows.csv": {
			"2 good.one@example.com",
			"3 contactIds: there is no contact id",
			`4 email: "not an address" is not an e-mail address`,
			`5 email: "two@example.com addresses@example.com" is not an e-mail address`,
			`6 age: "old" is not a whole number of 0 or more`,
			`7 age: "30.5" is not a whole number of 0 or more`,
			`8 consent: "perhaps" is neither yes nor no`,
			`9 active: "sometimes" is neither yes nor no`,
			`10 tags: "[\"vip\"" is not a JSON array of texts`,
			`11 memories: "likes tea" is not a JSON array of memories, such as [{"id":"1","timestamp":"2026-01-31T09:00:00Z","text":"likes tea"}]`,
			"12 memories: a memory has no text",
			`13 privacy policy: "yes" is not a JSON object, such as {"accepted":true}`,
			"14 : the row has 1 field and the header 9: it seems to have another delimiter",
			"15 : the row has 10 fields and the header 9",
			"16 : a quote inside a field that does not begin with one, at line 16, byte 28",
			"17 : the quote that opens at line 17, byte 18 is not closed where a field ends: the next one stands at line 18, byte 22",
			"18 good.two@example.com",
			"20 : the quote that opens at line 20, byte 18 is not closed where a field ends: the next one stands at line 20, byte 22",
			"21 first name: a NUL byte, at line 21, byte 19",
			"22 first name: byte 0xFC is not UTF-8, at line 22, byte 21",
			"23 : the profile is 60160 bytes long as JSON, and the API takes 60000",
			"24 : the quote that opens at line 24, byte 18 is never closed",
			"25 good.three@example.com",
		},
		"bad-rows.ndjson": {
			"1 good.one@example.com",
			"2 good.two@example.com",
			"3 contactIds: there is no contact id",
			`4 email: "not an address" is not an e-mail address`,
			`5 age: "old" is not a whole number of 0 or more`,
			`6 age: "30.5" is not a whole number of 0 or more`,
			"7 firstname: is true, not text",
			`8 accepted_gdpr: "perhaps" is neither yes nor no`,
			"9 tasks: is an object, not a list",
			"10 memories: the id of a memory is 1, not text",
			`11 privacy_policy: "yes" is not a JSON object, such as {"accepted":true}`,
			"12 active: is a list, not yes or no",
			`13 : not valid JSON: the name "firstname" stands in it twice, at byte 50`,
			"14 : not valid JSON: it ends too early",
			"15 : there is no JSON object",
			"16 : there is no JSON object",
			"17 : not valid JSON: there is more behind the object",
			`18 : not valid JSON: the control character '\x00' in a text, where it has to be written as \n, \t or \u0000, at byte 43`,
			"19 : not valid JSON: bytes that are not UTF-8, at byte 45",
			"20 : the profile is 60102 bytes long as JSON, and the API takes 60000",
			"21 good.three@example.com",
		},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			in, err := Open(Options{Paths: []string{"../testdata/" + name}})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for row, err := range in.Rows() {
				var bad *contact.RowError
				switch {
				case errors.As(err, &bad):
					got = append(got, fmt.Sprintf("%d %s: %s", bad.Line, bad.Field, bad.Reason))
				case err != nil:
					t.Fatal(err)
				default:
					got = append(got, fmt.Sprintf("%d %s", row.Line, row.Profile.ContactIDs[0]))
				}
			}
			diff(t, got, want)
		})
	}
}
