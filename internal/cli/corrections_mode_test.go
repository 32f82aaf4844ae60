package cli

import (
	"slices"
	"strings"
	"testing"

	"importer/internal/sandbox"
)

// An update that goes on with the report of an import has a reject file of its own mode:
// it is imported by the command that the summary names, and without --mode.
func TestCorrectionsOfAnUpdateOfAnImport(t *testing.T) {
	for _, way := range []string{"as told", "without --mode"} {
		j := newJob(t, "create", sandbox.Options{OnDuplicate: sandbox.DuplicateAllow})
		j.contacts(2)
		if r := j.must(); r.Created != 2 {
			t.Fatal(r)
		}
		j.rows[0] = strings.Replace(j.rows[0], ",18", ",unknown", 1)
		update := append([]string{"--mode", "update"}, withoutMode(j.args)...)
		j.write()
		told := j.printed(update)
		replaceIn(t, j.path("r.rejects.csv"), "unknown", "64")
		if way != "as told" {
			at := slices.Index(told, "--mode")
			told = slices.Delete(told, at, at+2)
		}
		r, stdout := j.command(told...)
		if r.code != exitOK || r.of("update") != 1 {
			t.Errorf("%s: %s %s", way, r, stdout)
		}
		if r, stdout := j.command(update...); r.code != exitOK || r.writes() != 0 {
			t.Errorf("%s, the night after: %s %s", way, r, stdout)
		}
		updated := 0
		for _, p := range j.profiles() {
			if p.Profile["age"] == 64.0 {
				updated++
			}
		}
		if updated != 1 {
			t.Errorf("%s: %v", way, j.profiles())
		}
	}
}

// Rows that runs of two modes refused are imported by themselves, or some of them would
// count as in although nothing was sent.
func TestCorrectionsOfTwoModes(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(1)
	j.must()
	j.rows = append(j.rows, "bob@example.com,Bob,unknown")
	if r := j.run(); r.code != exitNotAllIn {
		t.Fatal(r)
	}
	created := j.text("r.rejects.csv")
	j.rows[0] = strings.Replace(j.rows[0], ",18", ",unknown", 1)
	j.write()
	if r, _ := j.command(append([]string{"--mode", "update"}, withoutMode(j.args)...)...); r.code != exitNotAllIn {
		t.Fatal(r)
	}
	_, rows, _ := strings.Cut(created, "\n")
	both := j.file("both.csv", j.text("r.rejects.csv")+rows)
	for _, mode := range []string{"create", "update"} {
		args := append([]string{"--mode", mode, "--source", both}, j.args[4:]...)
		if r, _ := j.command(args...); r.code != exitUsage || r.all() != 0 || !strings.Contains(r.stderr, "by themselves") {
			t.Errorf("%s: %s", mode, r)
		}
	}
}
