package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"importer/internal/pgtest"
	"importer/internal/sandbox"
	"importer/sink/journal"
)

// stored are the lines of the report as the store keeps them.
func (j *storeJob) stored(s *pgtest.Server, database string) string {
	return strings.TrimSuffix(s.ExecIn(database, "select convert_from(string_agg(lines, '' order by seq), 'UTF8') from importer_journal"), "\n")
}

// A report of the store is given back as it was written, and is found by its name.
func reportsOfStore(t *testing.T, s *pgtest.Server) {
	j := inStore(t, s, "reports", "create", sandbox.Options{})
	j.contacts(5)
	j.must()
	for _, name := range []string{"r", "r.report.ndjson"} {
		r, stdout := j.command("report", name, "--store", j.address, "--format", "ndjson")
		if r.code != exitOK || stdout == "" || strings.TrimSuffix(stdout, "\n") != j.stored(s, "reports") {
			t.Errorf("%s%s", r, stdout)
		}
		file := "copy.report.ndjson"
		if r, _ := j.command("report", name, "--store", j.address, "--format", "ndjson", "-o", file); r.code != exitOK {
			t.Error(r)
		}
		if text, err := os.ReadFile(file); err != nil || string(text) != stdout {
			t.Errorf("%v: %s", err, text)
		}
	}
	byJSON, one := j.onStore("report", "--json")
	byFormat, other := j.onStore("report", "--format", "json")
	if byJSON.code != exitOK || byFormat.code != exitOK || one != other || !strings.Contains(one, `"created": 5`) {
		t.Errorf("%s%s%s", byJSON, one, other)
	}
	if !strings.Contains(one, `"settings": {`) || !strings.Contains(one, `"lease": "5s"`) {
		t.Errorf("without the settings: %s", one)
	}
	if r, _ := j.onStore("report", "--json", "--format", "csv"); r.code != exitUsage {
		t.Error(r)
	}
	for i := range 25 {
		s.ExecIn("reports", fmt.Sprintf("with r as (insert into importer_run (kind, base_url, project_id, name) values ('report', 'x', 'y', 'b%02d') returning id) insert into importer_journal (run, seq, epoch, start, lines) select id, 1, 1, 0, 'x' from r", i))
	}
	s.ExecIn("reports", "insert into importer_run (kind, base_url, project_id, name) values ('report', 'x', 'y', 'rest')")
	r, _ := j.command("report", "re", "--store", j.address)
	if r.code != exitUsage || !strings.Contains(r.stderr, "has no report re; it has r, b00") || !strings.Contains(r.stderr, "and 6 more") || strings.Contains(r.stderr, "rest") {
		t.Errorf("the nearest: %s", r)
	}
	// A file of the name.
	if err := os.WriteFile("b.report.ndjson", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("IMPORTER_STORE", j.address)
	for name, want := range map[string]string{"./b.report.ndjson": "is a file", "b.report.ndjson": "there is a file of that name here"} {
		if r, _ := j.command("report", name, "--store", j.address); r.code != exitUsage || !strings.Contains(r.stderr, want) || !strings.Contains(r.stderr, "--store") || !strings.Contains(r.stderr, "--to-store") {
			t.Errorf("%s: %s", name, r)
		}
	}
	if err := os.Rename("b.report.ndjson", "r"); err != nil {
		t.Fatal(err)
	}
	if r, stdout := j.onStore("report"); r.code != exitOK || !strings.Contains(r.stderr, "the file of that name here is not looked at") || !strings.Contains(stdout, "created") {
		t.Error(r)
	}
	if r, _ := j.onStore("report", "--purge", "--project-id", strings.Repeat("c", 24)); r.code != exitUsage || !strings.Contains(r.stderr, "nothing was changed") {
		t.Errorf("purged of another project: %s", r)
	}
	if r, _ := j.onStore("report", "--project-id", strings.Repeat("c", 24)); r.code != exitOK || !strings.Contains(r.stderr, "settings name") {
		t.Errorf("of another project: %s", r)
	}
	// A run that was killed is gone on with in its mode and by its contact ids alone.
	s.ExecIn("reports", "delete from importer_journal where position('\"kind\":\"end\"'::bytea in lines) > 0")
	columns := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(columns, []byte("mapping: {contact_ids: [age]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, more := range [][]string{{"--mode", "mirror"}, {"--config", columns}} {
		if r := j.run(more...); r.code != exitUsage || r.writes() > 0 || r.Created > 0 {
			t.Errorf("%v: %s", more, r)
		}
	}
}

// The lines of a file come back as they are, without one that a run has not ended.
func TestReportLines(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(3)
	j.must()
	text := j.text("r.report.ndjson")
	j.file("r.report.ndjson", text+`{"kind":"row","ke`)
	if r, stdout := j.command("report", j.path("r.report.ndjson"), "--format", "ndjson"); r.code != exitOK || stdout != text {
		t.Errorf("%s%s", r, stdout)
	}
	j.file("no.report.ndjson", "email\nx@example.com\n")
	if r, stdout := j.command("report", j.path("no.report.ndjson"), "--format", "ndjson"); r.code == exitOK || stdout != "" {
		t.Errorf("what is no report: %s%s", r, stdout)
	}
	if r, _ := j.command("report", j.path("r.report.ndjson"), "--rejects"); r.code != exitStopped || !strings.Contains(r.stderr, "no reject file") {
		t.Errorf("nobody was refused: %s", r)
	}
	j.rows = append(j.rows, "nobody,N,3")
	j.run()
	if r, stdout := j.command("report", j.path("r.report.ndjson"), "--rejects"); r.code != exitOK || stdout != j.text("r.rejects.csv") {
		t.Errorf("%s%s", r, stdout)
	}
}

// The reject file is in the store as it is in the folder, and goes back into the report
// that it came from.
func rejectsKept(t *testing.T, s *pgtest.Server) {
	j := inStore(t, s, "kept", "create", sandbox.Options{})
	j.contacts(2)
	j.rows = append(j.rows, "nobody,N,3", "no one,N,4")
	if r := j.run(); r.code != exitNotAllIn {
		t.Fatal(r)
	}
	want, err := os.ReadFile("r.rejects.csv")
	if err != nil {
		t.Fatal(err)
	}
	j.move()
	if r, stdout := j.onStore("report", "--rejects"); r.code != exitOK || stdout != string(want) {
		t.Errorf("%s%s", r, stdout)
	}
	if r, _ := j.onStore("report", "--rejects", "-o", "."); r.code != exitOK || !slices.Equal(j.files(), []string{"r.rejects.csv"}) {
		t.Errorf("into a folder: %s %v", r, j.files())
	}
	if r, _ := j.onStore("report", "--rejects", "-o", "."); r.code != exitUsage || !strings.Contains(r.stderr, "is there already") {
		t.Errorf("over a file: %s", r)
	}
	// One of the rows, corrected, by standard input and elsewhere.
	j.move()
	lines := strings.SplitAfter(string(want), "\n")
	j.stdin = lines[0] + strings.Replace(lines[1], "nobody", "somebody@example.com", 1)
	if r := j.of("-"); r.code != exitOK || r.Created != 1 || r.Report != "r" {
		t.Errorf("by standard input: %s, report %q", r, r.Report)
	}
	if r, stdout := j.onStore("report", "--rejects"); r.code != exitOK || stdout != string(want) {
		t.Errorf("after a part of it: %s%s", r, stdout)
	}
	if err := os.WriteFile("other.csv", []byte(lines[0]+strings.Replace(lines[2], "no one", "nowhere", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := j.of("other.csv"); r.code != exitNotAllIn {
		t.Errorf("wrong again: %s", r)
	}
	if r, _ := j.onStore("report", "--rejects"); r.code != exitUsage || !strings.Contains(r.stderr, "r.rejects.csv, r.rejects.csv.1") {
		t.Errorf("two of them: %s", r)
	}
	folder := t.TempDir()
	if r, _ := j.onStore("report", "--rejects", "-o", folder); r.code != exitOK {
		t.Error(r)
	}
	if text, err := os.ReadFile(filepath.Join(folder, "r.rejects.csv")); err != nil || !bytes.Equal(text, want) {
		t.Errorf("%v: %s", err, text)
	}
	// What was edited in the old folder is recognized by a run of the whole source.
	if err := os.WriteFile("r.rejects.csv", append(want, "mine\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	j.contacts(2)
	j.rows = append(j.rows, "somebody@example.com,N,3", "no one,N,4")
	if r := j.run(); r.code != exitNotAllIn || !slices.Contains(j.files(), "r.rejects.csv.2") && !slices.Contains(j.files(), "r.rejects.csv.1") {
		t.Errorf("%s %v", r, j.files())
	}
	if r, stdout := j.onStore("report", "--rejects"); r.code != exitOK || strings.Count(stdout, "\n") != 2 {
		t.Errorf("of the last run alone: %s%s", r, stdout)
	}
	j.rows[3] = "noone@example.com,N,4"
	j.must()
	if n := strings.TrimSpace(s.ExecIn("kept", "select count(*) from importer_file")); n != "0" {
		t.Errorf("%s parts are kept when all are in", n)
	}
}

// A report that was a file is gone on with in the store.
func toStore(t *testing.T, s *pgtest.Server) {
	j := inStore(t, s, "to", "create", sandbox.Options{})
	store := j.args
	i := slices.Index(j.args, "--store")
	j.args = slices.Clone(j.args[:i])
	j.rename("r.report.ndjson", "s.db")
	j.contacts(4)
	j.rows = append(j.rows, "nobody,N,3")
	if r := j.run(); r.code != exitNotAllIn || r.Created != 4 {
		t.Fatal(r)
	}
	text, err := os.ReadFile("r.report.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	put := func(file, name string, more ...string) *ran {
		r, stdout := j.command(append([]string{"report", file, "--to-store", name, "--store", j.address}, more...)...)
		r.stderr += stdout
		return r
	}
	nothing := func(when string) {
		t.Helper()
		if n := strings.TrimSpace(s.ExecIn("to", "select (select count(*) from importer_run) + (select count(*) from importer_file)")); n != "0" {
			t.Errorf("%s: left behind: %s", when, n)
		}
	}
	if err := os.WriteFile("bad.report.ndjson", append(bytes.Clone(text), "what\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := put("bad.report.ndjson", "r"); r.code != exitUsage || !strings.Contains(r.stderr, "line") {
		t.Errorf("a corrupt one: %s", r)
	}
	nothing("a corrupt one")
	held, err := journal.Files{}.Hold("r.report.ndjson", false)
	if err != nil {
		t.Fatal(err)
	}
	if r := put("r.report.ndjson", "r"); r.code != exitLocked {
		t.Errorf("held: %s", r)
	}
	if err := held.Release(); err != nil {
		t.Fatal(err)
	}
	nothing("held")
	if r := put("r.report.ndjson", "r", "--project-id", strings.Repeat("c", 24)); r.code != exitUsage || !strings.Contains(r.stderr, "nothing was put there") {
		t.Errorf("of another project: %s", r)
	}
	if r := put("none.report.ndjson", "r"); r.code != exitUsage {
		t.Errorf("that is not there: %s", r)
	}
	if err := os.WriteFile("r.report.ndjson", append(bytes.Clone(text), `{"kind":"sen`...), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := put("r.report.ndjson", "r"); r.code != exitOK || !strings.Contains(r.stderr, "r.rejects.csv") || !strings.Contains(r.stderr, "has no end") {
		t.Fatal(r)
	}
	if r := put("r.report.ndjson", "r"); r.code != exitUsage || !strings.Contains(r.stderr, "already") {
		t.Errorf("once more: %s", r)
	}
	j.move()
	if r, stdout := j.onStore("report", "--format", "ndjson"); r.code != exitOK || stdout != string(text) {
		t.Errorf("%s%s", r, stdout)
	}
	j.args = store
	j.rows[4] = contactRow(4, "In")
	if r := j.must(); r.Created != 1 || r.DoneBefore != 4 {
		t.Errorf("gone on with: %s", r)
	}
}

// A purge takes away the reject files in the store as well, and the nights do.
func purgedInStore(t *testing.T, s *pgtest.Server) {
	j := inStore(t, s, "purged", "upsert", sandbox.Options{})
	config := filepath.Join(t.TempDir(), "k.yaml")
	if err := os.WriteFile(config, []byte("report: {keep_nights: 2}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	night := func(n int) {
		j.move()
		j.contacts(2)
		j.rows[0] = contactRow(0, fmt.Sprint("Night ", n))
		j.rows = append(j.rows, fmt.Sprintf("Zoë%d,N,30", n))
		if r := j.run("--config", config); r.code != exitNotAllIn || r.Invalid != 1 {
			t.Fatal(r)
		}
	}
	personal := func() string {
		return s.ExecIn("purged", "select name from importer_run r where kind = 'report' and exists (select from importer_journal where run = r.id and position('example.com'::bytea in lines) > 0) order by 1") + "; " +
			s.ExecIn("purged", "select r.name from importer_file f join importer_run r on r.id = f.run order by 1")
	}
	night(1)
	night(2)
	night(3)
	if got := strings.Join(strings.Fields(personal()), " "); got != "r r.2; r r.2" {
		t.Errorf("after three nights: %s", got)
	}
	if r, stdout := j.command("report", "r.2", "--store", j.address, "--purge"); r.code != exitOK || !strings.Contains(stdout, "r.rejects.csv was removed from the store") {
		t.Errorf("%s%s", r, stdout)
	}
	if r, stdout := j.onStore("report", "--purge"); r.code != exitOK || !strings.Contains(stdout, "r.rejects.csv was removed from the store") || !strings.Contains(stdout, "\nr.rejects.csv still holds contact data") {
		t.Errorf("%s%s", r, stdout)
	}
	if got := strings.Join(strings.Fields(personal()), " "); got != ";" {
		t.Errorf("purged: %s", got)
	}
	night(4)
}
