package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"importer/internal/sandbox"
	"importer/sink/journal"
)

// keeping is a nightly sync that keeps the contact data of so many runs.
func keeping(t *testing.T, mode string, nights int) *job {
	t.Helper()
	j := newJob(t, mode, sandbox.Options{})
	j.file("k.yaml", fmt.Sprintf("report: {keep_nights: %d}\n", nights))
	j.args = append(j.args, "--config", j.path("k.yaml"))
	return j
}

// aged makes a file look as if it was written some days ago.
func (j *job) aged(name string, days int) {
	j.t.Helper()
	at := time.Now().AddDate(0, 0, -days)
	if err := os.Chtimes(j.path(name), at, at); err != nil {
		j.t.Fatal(err)
	}
}

// holds tells whether there is a file, and whether it holds contact data.
func (j *job) holds(name string) (there, personal bool) {
	j.t.Helper()
	b, err := os.ReadFile(j.path(name))
	return err == nil, strings.Contains(string(b), "@example.com") || strings.Contains(string(b), "Zoë")
}

// wantFiles wants files to be there with contact data (+), without (-), or not at all (0).
func (j *job) wantFiles(when string, want map[string]byte) {
	j.t.Helper()
	for name, sign := range want {
		there, personal := j.holds(name)
		got := byte('0')
		if there {
			got = '-'
		}
		if personal {
			got = '+'
		}
		if got != sign {
			j.t.Errorf("%s: %s is %c, want %c", when, name, got, sign)
		}
	}
}

// changed runs a night in which something is to be done, and somebody is refused.
func (j *job) changed(night int, more ...string) *ran {
	j.t.Helper()
	j.contacts(3)
	j.rows[0] = contactRow(0, fmt.Sprint("Night ", night))
	j.rows = append(j.rows, "nobody,Zoë,30")
	r := j.run(more...)
	if r.code != exitNotAllIn || r.Invalid != 1 || r.Created+r.Updated == 0 {
		j.t.Fatalf("night %d: %s", night, r)
	}
	return r
}

// After so many runs old reports are purged, and what belongs to them is removed; what is
// of now, of other imports or of other projects stays.
func TestKeepNights(t *testing.T) {
	j := keeping(t, "upsert", 2)
	j.file("r.report.ndjson.1", `{"kind":"run","run":"01J","at":"2026-01-01T00:00:00.000Z","mode":"create","base_url":"https://api.example.com","project_id":"65f0000000000000000000cc"}`+"\n"+
		`{"kind":"row","key":"AAAAAAAAAAAAAAAAAAAAAQ","source":"c.csv","line":2,"row":1,"contactIds":["x@example.com"],"status":"existing","attempts":0,"at":"2026-01-01T00:00:00.000Z"}`+"\n")
	for _, name := range []string{"other.rejects.csv.1", "r.rejects.csv.bak", "s.report.ndjson.1", "r.report.ndjson.2026-01-01", "r.rejects.csv.20260101"} {
		j.file(name, "x@example.com")
		j.aged(name, 100)
	}
	untouched := map[string]byte{"r.report.ndjson.1": '+', "other.rejects.csv.1": '+', "r.rejects.csv.bak": '+', "s.report.ndjson.1": '+',
		"r.report.ndjson.2026-01-01": '+', "r.rejects.csv.20260101": '+', "r.rejects.csv": '+', "r.report.ndjson": '+'}
	j.changed(1)
	j.changed(2)
	j.file("r.report.ndjson.2.verify", "c000000@example.com")
	j.file("r.report.ndjson.verify", "c000000@example.com")
	j.file("r.check.csv", "c000000@example.com")
	j.file("r.rejects.csv.1", "nobody,Zoë")
	j.wantFiles("two nights", untouched)
	j.wantFiles("two nights", map[string]byte{"r.report.ndjson.2": '+', "r.report.ndjson.3": '0'})
	r := j.changed(3)
	j.wantFiles("three nights", untouched)
	j.wantFiles("three nights", map[string]byte{"r.report.ndjson.2": '-', "r.report.ndjson.2.verify": '0', "r.report.ndjson.3": '+', "r.rejects.csv.1": '+', "r.report.ndjson.verify": '+'})
	if !strings.Contains(r.stderr, "r.report.ndjson.2.verify") {
		t.Errorf("nobody was told:\n%s", r.stderr)
	}
	j.changed(4)
	j.wantFiles("four nights", map[string]byte{"r.report.ndjson.3": '-', "r.report.ndjson.4": '+', "r.report.ndjson.verify": '0', "r.rejects.csv.1": '+'})
	r = j.changed(5)
	j.wantFiles("five nights", untouched)
	j.wantFiles("five nights", map[string]byte{"r.report.ndjson.2": '-', "r.report.ndjson.4": '-', "r.report.ndjson.5": '+', "r.rejects.csv.1": '0', "r.check.csv": '0'})
	for _, name := range []string{"r.rejects.csv.1", "r.check.csv"} {
		if !strings.Contains(r.stderr, j.path(name)) {
			t.Errorf("of %s nobody was told:\n%s", name, r.stderr)
		}
	}
	// The accounts are there: a lost state is made anew from them.
	if err := os.Remove(j.path("s.db")); err != nil {
		t.Fatal(err)
	}
	if r := j.run(); r.Unchanged != 3 || r.writes() != 0 {
		t.Errorf("%s", r)
	}
	if r, _ := j.command("report", j.path("r.report.ndjson.2")); r.code != exitOK {
		t.Error(r)
	}
}

// Nights in which nothing was to be done are nights.
func TestKeepNightsCountsEveryRun(t *testing.T) {
	j := keeping(t, "upsert", 3)
	for night := range 2 {
		j.contacts(3)
		j.rows[0] = contactRow(0, fmt.Sprint("Night ", night))
		j.must()
	}
	j.must()
	j.must() // sets the report of the night before last aside
	j.wantFiles("with the three runs since", map[string]byte{"r.report.ndjson.1": '-'})
	if aside, err := (journal.Files{}).Aside(j.path("r.report.ndjson")); err != nil || len(aside) < 2 {
		t.Fatal(aside, err)
	}
	j.wantFiles("with the three runs since", map[string]byte{"r.report.ndjson.2": '+'})
	for range 3 {
		j.must()
	}
	j.wantFiles("when nothing was done for long", map[string]byte{"r.report.ndjson.2": '-'})
}

// An import in the mode create goes on with one report, which is never purged, nor is what
// was verified by it.
func TestKeepNightsOfAnImport(t *testing.T) {
	j := keeping(t, "create", 1)
	j.changed(0)
	j.file("r.report.ndjson.verify", "c000000@example.com")
	for range 3 {
		if r := j.run(); r.code != exitNotAllIn {
			t.Fatal(r)
		}
		j.wantFiles("another run", map[string]byte{"r.report.ndjson": '+', "r.report.ndjson.verify": '+', "r.rejects.csv": '+'})
	}
	if r := j.run("--restart"); r.code != exitNotAllIn {
		t.Fatal(r)
	}
	j.wantFiles("a restart", map[string]byte{"r.report.ndjson.1": '-', "r.report.ndjson.verify": '0', "r.rejects.csv": '+'})
}

// What cannot be purged is told, and the run has ended well.
func TestKeepNightsThatCannotPurge(t *testing.T) {
	j := keeping(t, "upsert", 1)
	j.changed(1)
	j.changed(2)
	text, err := os.ReadFile(j.path("r.report.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	j.file("r.report.ndjson.2", string(text)+"{\"kind\":\"row\"}\n")
	r := j.changed(3)
	if !strings.Contains(r.stderr, "this old report keeps its contact data") || !strings.Contains(r.stderr, j.path("r.report.ndjson.2")) {
		t.Errorf("nobody was told:\n%s", r.stderr)
	}
	j.wantFiles("a damaged one", map[string]byte{"r.report.ndjson.1": '-', "r.report.ndjson.2": '+', "r.report.ndjson.3": '-'})
}

// Of purged reports a thousand stay.
func TestKeepNightsBoundsTheNames(t *testing.T) {
	j := keeping(t, "upsert", 1)
	j.changed(1)
	j.changed(2)
	one, err := os.ReadFile(j.path("r.report.ndjson.1"))
	if err != nil {
		t.Fatal(err)
	}
	for n := 2; n <= 1003; n++ {
		j.file(fmt.Sprint("r.report.ndjson.", n), string(one))
		j.aged(fmt.Sprint("r.report.ndjson.", n), 1)
	}
	j.changed(3)
	aside, err := (journal.Files{}).Aside(j.path("r.report.ndjson"))
	if err != nil || len(aside) != 1000 || filepath.Base(aside[0]) != "r.report.ndjson.5" || filepath.Base(aside[999]) != "r.report.ndjson.1004" {
		t.Errorf("%d reports, the first %s and the last %s, %v", len(aside), aside[0], aside[len(aside)-1], err)
	}
	if r := j.changed(4); r.stderr == "" {
		t.Error("the row that is refused is not told")
	}
}

func TestKeepNightsIsChecked(t *testing.T) {
	for text, want := range map[string]string{
		"report: {keep_nights: -1}\n":   "report.keep_nights is -1; want 0 to 3650",
		"report: {keep_nights: many}\n": "keep_nights",
		"report: {keep_nigths: 3}\n":    "keep_nigths",
	} {
		j := newJob(t, "upsert", sandbox.Options{})
		j.file("k.yaml", text)
		j.contacts(1)
		if r := j.run("--config", j.path("k.yaml")); r.code != exitUsage || !strings.Contains(r.stderr, want) || r.all() != 0 {
			t.Errorf("%s: %s", text, r)
		}
	}
}
