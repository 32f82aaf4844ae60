package journal

import (
	"bytes"
	"importer/importer/contact"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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
	r, err := OpenReport(path, options)
	must(t, err)
	must(t, r.Begin())
	must(t, r.Sending([]contact.Key{key("secret@in"), key("secret@rejected"), key("secret@doubt")}))
	must(t, r.Append(outcome("secret@in", contact.Created)))
	must(t, r.Append(outcome("secret@rejected", contact.Rejected)))
	must(t, r.Append(outcome("secret@invalid", contact.Invalid)))
	if _, err := Purge(path); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("purging a report that a run holds: %v", err)
	}
	must(t, r.End(contact.Summary{Run: "01J", Status: contact.Stopped, Reason: "secret@reason", Requests: 2}))
	must(t, r.Close())

	rows, err := Purge(path)
	must(t, err)
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
	if rows, err := Purge(path); err != nil || rows != 0 {
		t.Errorf("purged again: %d rows, %v", rows, err)
	}

	r, err = OpenReport(path, options)
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
}

// What is not known is not taken for harmless, and not lost either.
func TestPurgeRefusesLinesOfLaterVersions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.report.ndjson")
	text := `{"kind":"run","run":"1","at":"2026-01-01T00:00:00.000Z","mode":"create","base_url":"u","project_id":"p"}` + "\n" + `{"kind":"later","who":"ann@example.com"}` + "\n"
	must(t, os.WriteFile(path, []byte(text), 0o600))
	if _, err := Purge(path); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("got %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != text {
		t.Errorf("the report was changed: %s, %v", after, err)
	}
	if left, _ := filepath.Glob(path + "*"); len(left) != 1 {
		t.Errorf("left over: %v", left)
	}
}

// What a redacted line holds is about nobody, and a purge keeps all of it: a
// member that is lost could make a run send again.
func TestPurgeKeepsWhatRedactedLinesHold(t *testing.T) {
	for _, status := range []contact.Status{contact.Created, contact.Duplicate} {
		o := &contact.Outcome{
			Row:    contact.Row{Source: "c.csv", Line: 2, Number: 1, Key: contact.KeyOf([]string{"a"}), Profile: contact.Profile{ContactIDs: []string{"a"}}},
			Status: status, ID: "x", Found: true, First: contact.Place{Source: "c.csv", Line: 1}, Doubt: "answer lost",
			Failure:  &contact.Failure{HTTP: 400, Code: 1, Field: "f", Detail: "d", TraceID: "t", Hint: "h"},
			Attempts: 1, Reads: 2, Touched: true, Undone: true, Changed: time.Now(), At: time.Now(),
		}
		line := bytes.TrimSuffix(appendRowLine(nil, o, true), []byte("\n"))
		purged, changed, err := purgeLine(newLineParser(), nil, line)
		if err != nil || changed || string(purged) != string(line) {
			t.Errorf("of\n%s\nthere is left\n%s\n%v, %v", line, purged, changed, err)
		}
	}
}
