package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"importer/internal/sandbox"
)

// left are the reject files beside the report, by name.
func (j *job) left() (names []string) {
	j.t.Helper()
	all, err := filepath.Glob(j.path("r.rejects*"))
	if err != nil {
		j.t.Fatal(err)
	}
	for _, path := range all {
		names = append(names, filepath.Base(path))
	}
	return names
}

// What nobody has edited is replaced night for night; what somebody has is set aside once,
// and can be imported from there, although the report of its night was set aside as well.
func TestNightsReplaceWhatNobodyEdited(t *testing.T) {
	for _, mode := range []string{"create", "upsert", "mirror"} {
		j := newJob(t, mode, sandbox.Options{})
		j.faulty()
		for night := range 3 {
			j.rows = append(j.rows, contactRow(10+night, "New"))
			if r := j.run(); r.code != exitNotAllIn || r.Created == 0 || !slices.Equal(j.left(), []string{"r.rejects.csv"}) {
				t.Fatalf("%s, night %d: %s, %q", mode, night+1, r, j.left())
			}
		}
		replaceIn(t, j.path("r.rejects.csv"), "\n,Bob", "\nbob@example.com,Bob")
		stopped := j.run("--max-errors", "0") // by the rows that are refused anew
		if got := j.text("r.rejects.csv"); stopped.code != exitStopped || !strings.Contains(got, "bob@example.com") {
			t.Errorf("%s, stopped: %s\n%s", mode, stopped, got)
		}
		j.rows = append(j.rows, contactRow(20, "New"))
		r := j.run()
		if got := j.text("r.rejects.csv.1"); r.code != exitNotAllIn || !strings.Contains(got, "bob@example.com") || !strings.Contains(r.stderr, "r.rejects.csv.1") {
			t.Errorf("%s, cron: %s\n%s", mode, r, got)
		}
		if r := j.of(j.path("r.rejects.csv.1")); r.code != exitNotAllIn || r.Created != 1 || r.Invalid != 2 {
			t.Errorf("%s, from where it is: %s", mode, r)
		}
		if r := j.run(); r.Invalid != 2 || r.DoneBefore == 0 || r.Deactivated != 0 {
			t.Errorf("%s, the night after: %s", mode, r)
		}
	}
}

// What the state knows of corrections is made anew from the reports.
func TestCorrectionsOutliveTheState(t *testing.T) {
	j := newJob(t, "mirror", sandbox.Options{})
	j.faulty()
	j.rows = j.rows[:4]
	j.run()
	replaceIn(t, j.path("r.rejects.csv"), "\n,Bob", "\nbob@example.com,Bob", "@@", "c000001@example.com")
	if r := j.of(j.path("r.rejects.csv")); r.code != exitOK {
		t.Fatal(r)
	}
	j.must() // the source's own row of c000001 speaks last
	j.rows = append(j.rows, contactRow(20, "New"))
	j.must()
	if err := os.Remove(j.path("s.db")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if r := j.must(); r.writes() != 0 || r.DoneBefore < 2 || len(j.profiles()) != 4 {
			t.Errorf("%s", r)
		}
	}
}

// A reject file brings nobody else's run to its end: what that left in doubt is looked up
// by the next.
func TestARejectFileDoesNotEndARunThatWasStopped(t *testing.T) {
	j := newJob(t, "upsert", sandbox.Options{OnDuplicate: sandbox.DuplicateAllow})
	j.faulty()
	if r := j.run(); r.code != exitNotAllIn {
		t.Fatal(r)
	}
	id := j.profiles()["c000001@example.com"].ID
	report := j.text("r.report.ndjson")
	at := strings.Index(report, `{"kind":"sending"`)
	cut := report[:at+strings.Index(report[at:], "\n")+1] // killed behind the announcement
	if err := os.WriteFile(j.path("r.report.ndjson"), []byte(cut), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(j.path("s.db")); err != nil {
		t.Fatal(err)
	}
	replaceIn(t, j.path("r.rejects.csv"), "\n,Bob", "\nbob@example.com,Bob")
	if r := j.of(j.path("r.rejects.csv")); r.Created != 1 {
		t.Fatal(r)
	}
	config := j.config("existing: ignore\n") // only the report knows
	if r := j.run("--config", config); r.Created != 2 || r.LookedUp != 2 || len(j.server.Profiles()) != 3 || j.profiles()["c000001@example.com"].ID != id {
		t.Errorf("%s", r)
	}
}

// One refused row that is two people stands for both.
func TestARefusedRowThatBecomesTwo(t *testing.T) {
	j := newJob(t, "mirror", sandbox.Options{})
	config := j.config("sync: {missing: delete, guard: {max: 100, percent: 100}}\n")
	j.contacts(1)
	j.rows = append(j.rows, ",Bob and Eve,31")
	j.run("--config", config)
	text := j.text("r.rejects.csv")
	header, row, _ := strings.Cut(text, "\n")
	two := header + "\nbob@example.com" + strings.Replace(row, "Bob and Eve", "Bob", 1) + "@@" + strings.Replace(row, "Bob and Eve", "Eve", 1)
	if err := os.WriteFile(j.path("r.rejects.csv"), []byte(two), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := j.of(j.path("r.rejects.csv"), "--config", config); r.Created != 1 || r.Invalid != 1 {
		t.Fatal(r)
	}
	if r := j.run("--config", config); r.Invalid != 1 || r.Deleted != 0 {
		t.Errorf("one of them: %s", r)
	}
	replaceIn(t, j.path("r.rejects.csv.1"), "@@", "eve@example.com")
	if r := j.of(j.path("r.rejects.csv.1"), "--config", config); r.code != exitOK || r.Created != 1 {
		t.Errorf("both: %s", r)
	}
	if r := j.must("--config", config); r.writes() != 0 || len(j.profiles()) != 3 {
		t.Errorf("the night after: %s", r)
	}
}

// A reject file can be checked and looked at like any other source.
func TestARejectFileIsChecked(t *testing.T) {
	j := newJob(t, "mirror", sandbox.Options{})
	j.faulty()
	j.run()
	rejects := j.path("r.rejects.csv")
	replaceIn(t, rejects, "@@", "dan@example.com")
	args := slices.Clone(j.args)
	args[slices.Index(args, j.path("c.csv"))] = rejects
	r, stdout := j.command(append([]string{"check"}, args...)...)
	if r.code != exitNotAllIn || !strings.Contains(stdout, `"created":1,`) || !strings.Contains(stdout, `"deactivated":0,`) || !strings.Contains(stdout, `"invalid":2,`) {
		t.Errorf("%s %s", r, stdout)
	}
	if r, stdout := j.command("preview", "--source", rejects, "--row", "2"); r.code != exitOK || !strings.Contains(stdout, "dan@example.com") || strings.Contains(stdout, "_ref") {
		t.Errorf("%s %s", r, stdout)
	}
}

// A reject file whose rows are of their own is a part of no mirror.
func TestARejectFileWithoutRefsRemovesNobody(t *testing.T) {
	j := newJob(t, "mirror", sandbox.Options{})
	config := j.config("sync: {missing: delete, guard: {max: 100, percent: 100}}\n")
	j.faulty()
	j.run("--config", config)
	header, row, _ := strings.Cut(j.text("r.rejects.csv"), "\n")
	row, _, _ = strings.Cut(row, "\n")
	text := strings.TrimSuffix(header, ",_ref") + "\nbob@example.com" + row[:strings.LastIndex(row, ",")] + "\n"
	if err := os.WriteFile(j.path("r.rejects.csv"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := j.of(j.path("r.rejects.csv"), "--config", config); r.code != exitOK || r.Created != 1 || r.Deleted != 0 || len(j.profiles()) != 3 {
		t.Errorf("%s", r)
	}
}
