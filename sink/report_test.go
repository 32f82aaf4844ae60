package sink

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"importer/importer"
)

func options() Options {
	return Options{Header: Header{
		Run: "01JTEST", Version: "test", Mode: "create", Sources: []string{"contacts.csv"},
		BaseURL: "https://api.example.com", ProjectID: "65f0000000000000000000aa",
	}}
}

func open(t *testing.T, path string, o Options) *Report {
	t.Helper()
	r, err := OpenReport(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// begun opens a report and begins a run in it.
func begun(t *testing.T, path string) *Report {
	t.Helper()
	r := open(t, path, options())
	must(t, r.Begin())
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func reportPath(t *testing.T) string { return filepath.Join(t.TempDir(), "contacts.csv.report.ndjson") }

// key is the key of a contact with this id.
func key(id string) importer.Key { return importer.KeyOf([]string{id}) }

// outcome is what became of the row of a contact, sent once where it can be.
func outcome(id string, s importer.Status) *importer.Outcome {
	p := importer.Profile{ContactIDs: []string{id}}
	o := &importer.Outcome{
		Row:    importer.Row{Source: "contacts.csv", Line: 2, Number: 1, Key: key(id), Digest: importer.DigestOf(p), Profile: p},
		Status: s, At: time.Now(),
	}
	switch s {
	case importer.Created:
		o.ID, o.Attempts = "65f1aaaaaaaaaaaaaaaaaaaa", 1
	case importer.Rejected, importer.Failed, importer.Unknown:
		o.Attempts = 1
		o.Failure = &importer.Failure{HTTP: 400, Code: 1005, Field: "age", Detail: "no number", TraceID: "t-1", Hint: "write a number"}
	case importer.Duplicate:
		o.First = importer.Place{Source: "contacts.csv", Line: 1}
	}
	return o
}

func lines(t *testing.T, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

func TestResume(t *testing.T) {
	path := reportPath(t)
	r := begun(t, path)
	must(t, r.Sending([]importer.Key{key("a"), key("b"), key("c"), key("d"), key("e"), key("f")}))
	must(t, r.Append(outcome("a", importer.Created)))
	must(t, r.Append(outcome("a", importer.Duplicate)))
	must(t, r.Append(outcome("b", importer.Rejected)))
	must(t, r.Append(outcome("c", importer.Failed)))
	must(t, r.Append(outcome("d", importer.Unknown)))
	must(t, r.Unsent([]importer.Key{key("e")}))
	must(t, r.Append(outcome("g", importer.Existing)))
	must(t, r.Append(outcome("h", importer.Invalid)))
	must(t, r.End(importer.Summary{Run: "01JTEST", Status: importer.Interrupted}))
	must(t, r.Close())

	r = open(t, path, options())
	keys := r.Keys()
	for id, want := range map[string]importer.Status{
		"a": importer.Created, "b": importer.Rejected, "c": importer.Failed, "d": importer.Unknown,
		"e": 0, "f": importer.InDoubt, "g": importer.Existing, "h": 0,
	} {
		if got := keys.Status(key(id)); got != want {
			t.Errorf("%s: %v, want %v", id, got, want)
		}
	}
	o, err := r.Before(key("b"))
	must(t, err)
	want := outcome("b", importer.Rejected)
	if o.Row.Digest != want.Row.Digest || *o.Failure != *want.Failure || o.Row.Profile.ContactIDs[0] != "b" || o.Status != importer.Rejected {
		t.Errorf("Before: %+v", o)
	}
	for id, doubtful := range map[string]bool{"a": false, "b": false, "d": true, "e": false, "f": true} {
		if got := !r.AnnouncedAt(key(id)).IsZero(); got != doubtful {
			t.Errorf("%s: announced: %v, want %v", id, got, doubtful)
		}
	}
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	must(t, r.Close())
	if _, err := os.Stat(path + ".lock"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the lock file is still there: %v", err)
	}
}
