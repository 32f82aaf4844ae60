package cli

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"importer/internal/pgtest"
	"importer/internal/sandbox"
)

const (
	erased  = "c000001@example.com"
	another = "c000001@example.common" // which begins like it
)

// withRefused makes the source one of people of whom some are refused.
func (j *job) withRefused(name string) {
	j.contacts(4)
	j.rows[1] = contactRow(1, name)
	j.rows = append(j.rows, another+",Longer,40", `nobody,"asks for `+erased+`",30`, "no one,N,40")
}

// One person is taken out of all that imports left in a folder, and nobody else.
func TestErase(t *testing.T) {
	j := newJob(t, "upsert", sandbox.Options{})
	for _, name := range []string{"First", "Second"} {
		j.withRefused(name)
		if r := j.run(); r.code != exitNotAllIn || r.Invalid != 2 {
			t.Fatal(r)
		}
	}
	if r, stdout := j.command("verify", j.path("r.report.ndjson"), "--rate", "unlimited", "--settle", "0s", "--json"); r.code != exitOK {
		t.Fatalf("%s%s", r, stdout)
	}
	_, before := j.command("report", j.path("r.report.ndjson"), "--json")
	purge := func(id string) (*ran, string) {
		return j.command("report", j.path("r.report.ndjson"), "--purge", "--contact", id, "--state", j.path("s.db"))
	}
	if r, stdout := purge("somebody@example.com"); r.code != exitOK || !strings.Contains(stdout, "Nothing was found of the contact id somebody@example.com, in 2 reports and 1 state") {
		t.Errorf("%s%s", r, stdout)
	}
	r, stdout := purge(erased)
	for _, want := range []string{"report.ndjson: 1 line erased", "report.ndjson.1: ", "rejects.csv: 1 row erased", "verify: 1 line erased", "s.db: 1 entry erased"} {
		if r.code != exitOK || !strings.Contains(stdout, want) {
			t.Errorf("%s not in %s%s", want, r, stdout)
		}
	}
	files, err := os.ReadDir(j.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text := strings.ReplaceAll(j.text(f.Name()), another, "")
		if strings.Contains(text, erased) && f.Name() != "c.csv" {
			t.Errorf("%s names the person still: %s", f.Name(), text)
		}
	}
	if text := j.text("r.report.ndjson.1"); !strings.Contains(text, "c000002@example.com") || !strings.Contains(text, another) {
		t.Errorf("others are gone as well: %s", text)
	}
	if text := j.text("r.rejects.csv"); strings.Count(text, "\n") != 2 {
		t.Errorf("the reject file: %s", text)
	}
	if len(files) == 0 {
		t.Error("no files")
	}
	if r, stdout := purge(erased); r.code != exitOK || !strings.Contains(stdout, "Nothing was found") {
		t.Errorf("once more: %s%s", r, stdout)
	}
	var was, is struct{ Outcomes map[string]int64 }
	_, after := j.command("report", j.path("r.report.ndjson"), "--json")
	if json.Unmarshal([]byte(before), &was) != nil || json.Unmarshal([]byte(after), &is) != nil || was.Outcomes["invalid"] != 2 || was.Outcomes["updated"] != is.Outcomes["updated"] {
		t.Errorf("the accounts: %s, before %s", after, before)
	}
	// The reject file counts as written by the run, and the same night finds nothing to do.
	if r := j.run(); r.code != exitNotAllIn || r.Unchanged != 5 || r.writes() > 0 || slices.ContainsFunc(j.left(), func(name string) bool { return strings.HasPrefix(name, "r.rejects.csv.") }) {
		t.Errorf("%s %v", r, j.left())
	}
	// What a person has edited is left to them.
	j.file("r.rejects.csv", j.text("r.rejects.csv")+erased+",mine,3\n")
	if r, stdout := purge(erased); r.code != exitOK || !strings.Contains(stdout, "rejects.csv names the person") || !strings.Contains(j.text("r.rejects.csv"), erased) {
		t.Errorf("%s%s", r, stdout)
	}
}

// In a store, all reports of the project are searched where none is named.
func erasedInStore(t *testing.T, s *pgtest.Server) {
	j := inStore(t, s, "erased", "upsert", sandbox.Options{})
	for i, name := range []string{"First", "Second"} {
		j.move()
		j.withRefused(name)
		if r := j.run(); r.code != exitNotAllIn || r.Invalid != 2 {
			t.Fatalf("%d: %s", i, r)
		}
	}
	j.args[slices.Index(j.args, "--report")+1] = "other"
	j.args[slices.Index(j.args, "--state")+1] = "o.db"
	if r := j.run(); r.code != exitNotAllIn {
		t.Fatal(r)
	}
	held := func() string {
		names := func(table, column string) string {
			return "exists (select from " + table + " where run = r.id and position('" + erased + "' in replace(convert_from(" + column + ", 'UTF8'), '" + another + "', '')) > 0)"
		}
		return strings.Join(strings.Fields(s.ExecIn("erased", "select name from importer_run r where "+names("importer_journal", "lines")+" or "+names("importer_state", "row")+" or "+names("importer_file", "bytes")+" order by 1")), " ")
	}
	if got := held(); got != "o.db other r r.1 s.db" {
		t.Fatalf("before: %s", got)
	}
	erase := func(more ...string) (*ran, string) {
		return j.command(append([]string{"report", "--purge", "--contact", erased, "--store", j.address}, more...)...)
	}
	if r, stdout := erase("r"); r.code != exitOK || !strings.Contains(stdout, "r.rejects.csv of r in the store: 1 row erased") {
		t.Errorf("%s%s", r, stdout)
	}
	if got := held(); got != "other" {
		t.Errorf("after one of them: %s", got)
	}
	if r, stdout := erase(); r.code != exitOK || !strings.Contains(stdout, "the report other: ") {
		t.Errorf("%s%s", r, stdout)
	}
	if got := held(); got != "" {
		t.Errorf("after all: %s", got)
	}
	if r, stdout := erase(); r.code != exitOK || !strings.Contains(stdout, "Nothing was found") {
		t.Errorf("%s%s", r, stdout)
	}
	if r := j.run(); r.code != exitNotAllIn || r.Unchanged != 5 || r.writes() > 0 {
		t.Errorf("the next night: %s", r)
	}
	s.ExecIn("erased", "with r as (insert into importer_run (kind, base_url, project_id, name) values ('report', 'https://x', 'y', 'r') returning id) insert into importer_journal (run, seq, epoch, start, lines) select id, 1, 1, 0, 'x' from r")
	if r, _ := erase(); r.code != exitUsage || !strings.Contains(r.stderr, "--project-id") || !strings.Contains(r.stderr, "https://x") {
		t.Errorf("of two projects: %s", r)
	}
	if r, stdout := erase("--base-url", j.server.URL, "--project-id", j.server.ProjectID()); r.code != exitOK {
		t.Errorf("%s%s", r, stdout)
	}
}
