package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"importer/importer/contact"
)

// personLines is a report of one person with several contact ids and keys, and of others.
func personLines() string {
	key := func(ids ...string) string { return contact.KeyOf(ids).String() }
	at := `"attempts":1,"at":"2026-01-01T00:00:00.000Z"}`
	row := func(key, status, ids, more string) string {
		return fmt.Sprintf(`{"kind":"row","key":"%s","digest":"%s","source":"c.csv","line":2,"row":1,"contactIds":[%s],"status":"%s",%s`, key, key, ids, status, more) + at
	}
	return strings.Join([]string{
		`{"kind":"run","run":"01J","at":"2026-01-01T00:00:00.000Z","version":"x","mode":"create","sources":["c.csv"],"base_url":"u","project_id":"p"}`,
		`{"kind":"sending","keys":["` + strings.Join([]string{key("a", "b"), key("other"), key("about"), key("c"), key("d")}, `","`) + `"],"at":"2026-01-01T00:00:00.000Z"}`,
		row(key("a", "b"), "created", `"a","b"`, `"_id":"65f1000000000000000000aa",`),
		row(key("other"), "rejected", `"other"`, `"error":{"http":400,"detail":"it is taken by \"a\"","hint":"look"},`),
		row(key("about"), "rejected", `"about"`, `"error":{"http":400,"detail":"about alpha, ba and b2"},`),
		row(key("c"), "updated", `"c"`, `"_id":"65f1000000000000000000aa",`),
		`{"kind":"known","key":"` + key("d") + `","as":"` + key("c") + `","at":"2026-01-01T00:00:00.000Z"}`,
		row(key("d"), "existing", `"d"`, ``),
		`{"kind":"row","source":"c.csv","line":3,"row":2,"contactIds":["d","other"],"status":"invalid","error":{"detail":"bad"},"original":"` + key("raw") + `",` + at,
		`{"kind":"rejects","digests":["` + strings.Repeat("ab", 32) + `"],"at":"2026-01-01T00:00:00.000Z"}`,
		`{"kind":"end","run":"01J","at":"2026-01-01T00:00:00.000Z","status":"stopped","summary":{"run":"01J","status":"stopped","reason":"row of d"}}`,
		"",
	}, "\n")
}

// A person is found by whatever stands for the same contact, and nobody else loses more
// than words that name them.
func TestErasePerson(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.report.ndjson")
	if err := os.WriteFile(path, []byte(personLines()+`{"kind":"row","ke`), 0o600); err != nil {
		t.Fatal(err)
	}
	p := NewPerson("b")
	for more := true; more; {
		var err error
		if more, err = p.Learn(Files{}, path); err != nil {
			t.Fatal(err)
		}
	}
	var is Content
	is[0] = 1
	var was Content
	if err := was.UnmarshalText([]byte(strings.Repeat("ab", 32))); err != nil {
		t.Fatal(err)
	}
	n, err := p.Erase(Files{}, path, Copied{was, is})
	text, readErr := os.ReadFile(path)
	if err != nil || readErr != nil || n != 6 {
		t.Fatalf("%d lines, %v, %v\n%s", n, err, readErr, text)
	}
	for _, gone := range []string{`"a"`, `"b"`, `"c"`, `"d"`, `"look"`, "row of d"} {
		if strings.Contains(string(text), gone) {
			t.Errorf("%s is there still:\n%s", gone, text)
		}
	}
	for _, stays := range []string{`"contactIds":["other"],"status":"rejected"`, "about alpha, ba and b2", "65f1000000000000000000aa", contact.KeyOf([]string{"a", "b"}).String(), strings.Repeat("ab", 32), `0100000000`} {
		if !strings.Contains(string(text), stays) {
			t.Errorf("%s is gone:\n%s", stays, text)
		}
	}
	if n, err := p.Erase(Files{}, path, Copied{was, is}); n != 0 || err != nil {
		t.Errorf("once more: %d lines, %v", n, err)
	}
	if !p.Refused(contact.KeyOf([]string{"raw"}).String(), "") || p.Refused(contact.KeyOf([]string{"x"}).String(), "") {
		t.Error("a refused row is known by how it stands in its source")
	}
	if _, err := ReadKeys(Files{}, path); err != nil {
		t.Error(err)
	}
	// What a later version wrote about the person, this one does not touch.
	later := personLines() + `{"kind":"letter","to":"b","at":"2026-01-01T00:00:00.000Z"}` + "\n"
	if err := os.WriteFile(path, []byte(later), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Erase(Files{}, path); err == nil || !strings.Contains(err.Error(), "letter") {
		t.Errorf("a line of a later version: %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != later {
		t.Errorf("it was changed all the same: %v", err)
	}
}
