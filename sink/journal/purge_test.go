package journal

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"importer/importer/contact"
)

// A purged report holds nothing of the source but its file names, and is as good
// a journal as before.
func TestPurge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.report.ndjson")
	key := func(id string) contact.Key { return contact.KeyOf([]string{id}) }
	outcome := func(id string, s contact.Status) *contact.Outcome {
		o := &contact.Outcome{Status: s, Attempts: 1, Row: contact.Row{Source: "c.csv", Line: 2, Number: 1, Key: key(id), Profile: contact.Profile{ContactIDs: []string{id}}}}
		if s.In() {
			o.ID = "65f0000000000000000000aa"
		} else {
			o.Failure = &contact.Failure{HTTP: 400, Code: 1005, Field: "secret field", Detail: "secret " + id, TraceID: "trace", Hint: "not secret " + id}
		}
		return o
	}
	options := Options{Header: Header{Run: "01J", Mode: "create", Sources: []string{"c.csv"}, BaseURL: "u", ProjectID: "p"}}
	r, err := Open(Files{}, path, options)
	must(t, err)
	must(t, r.Begin())
	must(t, r.Sending([]contact.Key{key("secret@in"), key("secret@rejected"), key("secret@doubt")}))
	must(t, r.Append(outcome("secret@in", contact.Created)))
	must(t, r.Append(outcome("secret@rejected", contact.Rejected)))
	must(t, r.Append(outcome("secret@invalid", contact.Invalid)))
	if _, err := Purge(Files{}, path); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("purging a report that a run holds: %v", err)
	}
	must(t, r.End(contact.Summary{Run: "01J", Status: contact.Stopped, Reason: "secret@reason", Requests: 2}))
	must(t, r.Close())

	if is, err := IsPurged(Files{}, path); is || err != nil {
		t.Errorf("purged before: %t, %v", is, err)
	}
	rows, err := Purge(Files{}, path)
	must(t, err)
	if is, err := IsPurged(Files{}, path); !is || err != nil {
		t.Errorf("purged: %t, %v", is, err)
	}
	if rows != 3 {
		t.Errorf("%d rows lost something, want 3", rows)
	}
	text, err := os.ReadFile(path)
	must(t, err)
	if strings.Contains(string(text), "secret") {
		t.Errorf("something is left:\n%s", text)
	}
	for _, want := range []string{`"_id":"65f0000000000000000000aa"`, `"error":{"http":400,"code":1005,"detail":"redacted","traceId":"trace"}`, `"reason":"redacted"`, `"requests":2`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is gone:\n%s", want, text)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if rows, err := Purge(Files{}, path); err != nil || rows != 0 {
		t.Errorf("purged again: %d rows, %v", rows, err)
	}

	r, err = Open(Files{}, path, options)
	must(t, err)
	defer r.Close()
	for id, want := range map[string]contact.Status{"secret@in": contact.Created, "secret@rejected": contact.Rejected, "secret@doubt": contact.InDoubt} {
		if got := r.Keys().Status(key(id)); got != want {
			t.Errorf("%s is %v, want %v", id, got, want)
		}
	}
	before, err := r.Before(key("secret@rejected"))
	if err != nil || before.Failure.Code != 1005 || before.Row.Line != 2 {
		t.Errorf("the outcome before: %+v, %v", before, err)
	}
	// What goes on with it is not purged.
	must(t, r.Begin())
	must(t, r.Append(outcome("secret@again", contact.Invalid)))
	must(t, r.End(contact.Summary{Run: "01K", Status: contact.Complete}))
	if is, err := IsPurged(Files{}, path); is || err != nil {
		t.Errorf("purged: %t, %v", is, err)
	}
}

// What is not known is not taken for harmless, and not lost either.
func TestPurgeRefusesLinesOfLaterVersions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.report.ndjson")
	text := `{"kind":"run","run":"1","at":"2026-01-01T00:00:00.000Z","mode":"create","base_url":"u","project_id":"p"}` + "\n" + `{"kind":"later","who":"ann@example.com"}` + "\n"
	must(t, os.WriteFile(path, []byte(text), 0o600))
	if _, err := Purge(Files{}, path); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("got %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != text {
		t.Errorf("the report was changed: %s, %v", after, err)
	}
	if left, _ := filepath.Glob(path + "*"); len(left) != 1 {
		t.Errorf("left over: %v", left)
	}
}

// A report of a sync, with lines of all kinds, of an earlier version: nothing of a
// contact is left, and it resumes as before.
func TestPurgeOfEarlierVersions(t *testing.T) {
	for name, want := range earlier {
		path, o := copyEarlier(t, name)
		before := readLines(t, path)
		rows, err := Purge(Files{}, path)
		must(t, err)
		changed := int64(0)
		for i, line := range readLines(t, path) {
			if strings.Contains(line, "example.com") || strings.Contains(line, "previous") || strings.Contains(line, "contactIds") {
				t.Errorf("%s: something is left: %s", name, line)
			}
			if strings.HasPrefix(line, `{"kind":"row"`) && line != before[i] {
				changed++
			}
		}
		if rows != changed || (rows == 0) != (name == "redacted") {
			t.Errorf("%s: %d rows lost something, and it says %d", name, changed, rows)
		}
		r := open(t, path, o)
		if got := statusesOf(r.Keys(), want); !maps.Equal(got, want) {
			t.Errorf("%s, purged: %v, want %v", name, got, want)
		}
		must(t, r.Close())
	}
}

// What a later version adds to a line is passed over by a run, and left out by a
// purge.
func TestMembersOfLaterVersions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.report.ndjson")
	text := newScript().run().sending("a").row("a", contact.Created).end(1).String()
	text = strings.ReplaceAll(text, `,"at":`, `,"who":{"secret":["ann@example.com"]},"at":`)
	text = strings.Replace(text, `"reason":`, `"who":"ann@example.com","reason":`, 1)
	must(t, os.WriteFile(path, []byte(text), 0o600))
	for range 2 {
		r := open(t, path, options())
		if got := r.Keys().Status(key("a")); got != contact.Created || !r.Whole() {
			t.Errorf("a is %v", got)
		}
		must(t, r.Close())
		_, err := Purge(Files{}, path)
		must(t, err)
		if b, err := os.ReadFile(path); err != nil || strings.Contains(string(b), "who") || strings.Contains(string(b), "ann") {
			t.Errorf("%s, %v", b, err)
		}
	}
}
