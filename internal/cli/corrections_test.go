package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"importer/importer/contact"
	"importer/internal/sandbox"
	"importer/sink/journal"
)

// replaceIn edits a file: it has to hold each of the old texts.
func replaceIn(t *testing.T, path string, oldnew ...string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(oldnew); i += 2 {
		if !bytes.Contains(b, []byte(oldnew[i])) {
			t.Fatalf("%s holds no %q:\n%s", path, oldnew[i], b)
		}
		b = bytes.Replace(b, []byte(oldnew[i]), []byte(oldnew[i+1]), 1)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// faulty makes the source one of two contacts that go in, and of three that are refused:
// without a contact id, twice alike, and with a wrong one.
func (j *job) faulty() {
	j.contacts(2)
	j.rows = append(j.rows, ",Bob,31", "@@,Dan,33", ",Bob,31")
}

// of imports a file as a person does who has changed nothing but the source.
func (j *job) of(file string, more ...string) *ran {
	j.t.Helper()
	args := slices.Clone(j.args)
	args[slices.Index(args, j.path("c.csv"))] = file
	r, stdout := j.command(append(args, more...)...)
	j.decode(r, stdout)
	return r
}

// printed runs the command and returns the one that its summary tells to type next, as
// a shell takes it apart.
func (j *job) printed(args []string) []string {
	j.t.Helper()
	args = slices.DeleteFunc(slices.Clone(args), func(s string) bool { return s == "--json" })
	_, stdout := j.command(args...)
	_, line, ok := strings.Cut(stdout, "import that file:\n")
	if !ok {
		j.t.Fatalf("no next command in\n%s", stdout)
	}
	line, _, _ = strings.Cut(strings.TrimSpace(line), "\n")
	words, err := exec.Command("sh", "-c", `for word in `+line+`; do printf '%s\n' "$word"; done`).Output()
	if err != nil {
		j.t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(words)), "\n")[1:]
}

// The loop closes: after the refused rows were corrected and imported, the original
// command finds all rows in, and so does the next night, also where the correction is of
// another contact id than the source has.
func TestCorrectedRowsAreInForTheirSource(t *testing.T) {
	for _, mode := range []string{"create", "update", "upsert", "mirror"} {
		j := newJob(t, mode, sandbox.Options{OnDuplicate: sandbox.DuplicateAllow})
		if mode == "update" {
			for _, id := range []string{"c000000@example.com", "c000001@example.com", "bob@example.com", "bobby@example.com", "dan@example.com"} {
				if _, err := j.client().Create(t.Context(), contact.Profile{ContactIDs: []string{id}}); err != nil {
					t.Fatal(err)
				}
			}
		}
		config := j.config("sync: {missing: delete, guard: {max: 100, percent: 100}}\n")
		j.faulty()
		if r := j.run("--config", config); r.code != exitNotAllIn || r.Invalid != 3 {
			t.Fatalf("%s: %s", mode, r)
		}
		rejects := j.path("r.rejects.csv")

		// One of two that are alike, and not the other.
		replaceIn(t, rejects, "\n,Bob", "\nbob@example.com,Bob")
		if r := j.of(rejects, "--config", config); r.code != exitNotAllIn || r.Created+r.Updated != 1 || r.Invalid != 2 || r.Report != j.path("r.report.ndjson") {
			t.Errorf("%s, one corrected: %s", mode, r)
		}
		if r := j.run("--config", config); r.code != exitNotAllIn || r.Invalid != 2 || r.Deleted != 0 {
			t.Errorf("%s, one is in: %s", mode, r)
		}

		replaceIn(t, rejects, "\n,Bob", "\nbobby@example.com,Bob", "@@", "dan@example.com")
		if r := j.of(rejects, "--config", config); r.code != exitOK || r.Created+r.Updated != 2 {
			t.Errorf("%s, all corrected: %s", mode, r)
		}
		if r := j.of(rejects, "--config", config); r.code != exitOK || r.writes() != 0 {
			t.Errorf("%s, imported twice: %s", mode, r)
		}
		for night := range 3 {
			r := j.must("--config", config)
			if r.Read != 5 || r.writes() != 0 || r.DoneBefore < 3 {
				t.Errorf("%s, night %d: %s", mode, night+2, r)
			}
			if night == 0 && (!strings.Contains(r.stderr, rejects+".") || r.Rejects != "") {
				t.Errorf("%s: the edited reject file: %s", mode, r)
			}
			if plan := j.plan(exitOK, "--config", config); plan["invalid"] != 0. || plan["deleted"] != 0. {
				t.Errorf("%s, check: %v", mode, plan)
			}
		}
		got := j.profiles()
		if len(got) != 5 || got["bob@example.com"].Profile["firstname"] != "Bob" || got["dan@example.com"].ID == "" {
			t.Errorf("%s: %v", mode, got)
		}
		if _, err := os.Stat(rejects); !os.IsNotExist(err) {
			t.Errorf("%s: the reject file: %v", mode, err)
		}

		// A row of the source that was changed since is a new one.
		j.rows[3] = "@@,Daniel,33"
		if r := j.run("--config", config); r.code != exitNotAllIn && mode != "mirror" || r.Invalid != 1 || r.Deleted != 0 {
			t.Errorf("%s, changed: %s", mode, r)
		}
	}
}

// What the API refused is settled by a correction of the same contact, and of another.
func TestCorrectionsOfWhatTheAPIRefused(t *testing.T) {
	for _, mode := range []string{"create", "upsert", "mirror"} {
		j := newJob(t, mode, sandbox.Options{UnknownFields: sandbox.FieldsReject, OnDuplicate: sandbox.DuplicateAllow})
		source := j.path("c.ndjson")
		if err := os.WriteFile(source, []byte(`{"contactIds":["a"],"profile":{"firstname":"Ann"}}
{"contactIds":["b"],"profile":{"firstname":"Bob","shoe":"42"}}
{"contactIds":["c"],"profile":{"firstname":"Cid","shoe":"43"}}
`), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := j.of(source); r.code != exitNotAllIn || r.Rejected != 2 {
			t.Fatalf("%s: %s", mode, r)
		}
		rejects := j.path("r.rejects.ndjson")
		replaceIn(t, rejects, `,"shoe":"42"`, "", `["c"]`, `["cid"]`)
		if r := j.of(rejects); r.code != exitNotAllIn || r.Created != 1 || r.Rejected != 1 {
			t.Errorf("%s, one is still wrong: %s", mode, r)
		}
		replaceIn(t, rejects, `,"shoe":"43"`, "")
		if r := j.of(rejects); r.code != exitOK || r.Created != 1 {
			t.Errorf("%s: %s", mode, r)
		}
		for range 2 {
			if r := j.of(source); r.code != exitOK || r.writes() != 0 {
				t.Errorf("%s, the night after: %s", mode, r)
			}
		}
		if got := j.profiles(); len(got) != 3 || got["cid"].ID == "" {
			t.Errorf("%s: %v", mode, got)
		}
	}
}

// The profile of a corrected row would expire like any other. Where it is gone, the row
// is refused again: nothing else says so.
func TestCorrectedRowsDoNotExpire(t *testing.T) {
	j := newJob(t, "mirror", sandbox.Options{})
	j.contacts(1)
	j.rows = append(j.rows, ",Bob,31")
	j.run()
	replaceIn(t, j.path("r.rejects.csv"), "\n,Bob", "\nbob@example.com,Bob")
	if r := j.of(j.path("r.rejects.csv")); r.code != exitOK {
		t.Fatal(r)
	}
	config := j.config("sync: {refresh_after: 0s}\n")
	if r := j.must("--config", config); r.Updated != 2 || r.of("update") != 2 {
		t.Errorf("touched: %s", r)
	}
	if bob := j.profiles()["bob@example.com"]; bob.Profile["firstname"] != "Bob" {
		t.Errorf("bob is %v", bob)
	}
	if err := j.client().Delete(t.Context(), j.profiles()["bob@example.com"].ID); err != nil {
		t.Fatal(err)
	}
	if r := j.run("--config", config); r.code != exitNotAllIn || r.Invalid != 1 || r.Updated != 1 {
		t.Errorf("gone: %s", r)
	}
	replaceIn(t, j.path("r.rejects.csv"), "\n,Bob", "\nbob@example.com,Bob")
	if r := j.of(j.path("r.rejects.csv"), "--config", config); r.code != exitOK {
		t.Errorf("corrected again: %s", r)
	}
	if r := j.must(); r.writes() != 0 || len(j.profiles()) != 2 {
		t.Errorf("the night after: %s", r)
	}
}

// A correction with the contact id of another row doubles nobody.
func TestACorrectionOfAnotherRowsContact(t *testing.T) {
	for _, mode := range []string{"create", "mirror"} {
		j := newJob(t, mode, sandbox.Options{OnDuplicate: sandbox.DuplicateAllow})
		j.faulty()
		j.rows = j.rows[:3]
		j.run()
		replaceIn(t, j.path("r.rejects.csv"), "\n,Bob", "\nc000001@example.com,Bob")
		if r := j.of(j.path("r.rejects.csv")); r.code != exitOK || r.Created != 0 {
			t.Errorf("%s: %s", mode, r)
		}
		j.must() // the source speaks last
		if r := j.must(); r.writes() != 0 || len(j.profiles()) != 2 || j.profiles()["c000001@example.com"].Profile["firstname"] != "Name 1" {
			t.Errorf("%s: %s", mode, r)
		}
	}
}

// The command that the summary names works as it is pasted.
func TestTheNextCommandWorks(t *testing.T) {
	const header, rows = "email;first name\n", "a@example.com;Ann\n@@;Jürgen\n"
	latin := strings.ReplaceAll(header+rows, "ü", "\xfc")
	for name, c := range map[string]struct {
		file, text, config string
		args               []string
	}{
		"plain":             {file: "c.csv", text: header + rows},
		"spaces and quotes": {file: "it's a \"list\" $HOME.csv", text: header + rows},
		"report configured": {file: "c.csv", text: header + rows, config: "report: {path: out/my report.report.ndjson}\n"},
		"report named":      {file: "c.csv", text: header + rows, args: []string{"--report", "out/r.ndjson"}},
		"both":              {file: "c.csv", text: header + rows, config: "report: {path: x.report.ndjson}\n", args: []string{"--report", "out/r.report.ndjson"}},
		"encoding":          {file: "c.csv", text: latin, args: []string{"--encoding", "windows-1252", "--delimiter", ";", "--format", "csv"}},
		"configured form":   {file: "c.txt", text: "title\n\n" + latin, config: "source: {encoding: windows-1252, delimiter: ';', format: csv, header_row: 3}\n"},
		"header row":        {file: "c.csv", text: "some title\n" + header + rows, args: []string{"--header-row", "2"}},
		"odd delimiter":     {file: "c.csv", text: strings.ReplaceAll(header+rows, ";", "^"), args: []string{"--delimiter", "^"}},
		"NDJSON":            {file: "c.json", text: `[{"email":"a@example.com"},{"email":"@@","first name":"Jürgen"}]`, config: "source: {format: ndjson}\n"},
		"standard input":    {file: "-", text: header + rows, args: []string{"--format", "csv"}},
		"a mirror":          {file: "c.csv", text: header + rows, config: "mode: mirror\n"},
		"a named mirror":    {file: "c.csv", text: header + rows, args: []string{"--mode", "mirror", "--state", "my state.db"}},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJob(t, "create", sandbox.Options{})
			t.Chdir(j.dir)
			if err := os.Mkdir("out", 0o700); err != nil {
				t.Fatal(err)
			}
			if c.config != "" {
				if err := os.WriteFile("config.yaml", []byte(c.config), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			j.stdin = c.text
			if c.file != "-" {
				if err := os.WriteFile(c.file, []byte(c.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			args := append([]string{"--source", c.file, "--base-url", j.server.URL, "--project-id", j.server.ProjectID(), "--rate", "unlimited", "--settle", "0s"}, c.args...)
			next := j.printed(args)
			at := slices.Index(next, "--source") + 1
			replaceIn(t, next[at], "@@", "j@example.com")
			j.stdin = c.text
			if r, stdout := j.command(next...); r.code != exitOK {
				t.Fatalf("%q: %s %s", next, stdout, r.stderr)
			}
			j.stdin = c.text
			if r, stdout := j.command(args...); r.code != exitOK {
				t.Errorf("the command again: %s %s", stdout, r.stderr)
			}
			if got := j.profiles(); len(got) != 2 || got["j@example.com"].Profile["firstname"] != "Jürgen" {
				t.Errorf("%v", got)
			}
		})
	}
}

// Rows of sources with other columns, and of another format, go back to files of their own,
// which one command imports.
func TestEachRowGoesBackToItsOwnRejectFile(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	t.Chdir(j.dir)
	for name, text := range map[string]string{
		"a.csv":    "email,first name\na@example.com,Ann\n@@,Al\n",
		"b.csv":    "Vorname;E-Mail\nBob;b@example.com\nBea;@@\n",
		"c.ndjson": `{"email":"@@","firstname":"Cid"}` + "\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"a.csv", "b.csv", "c.ndjson", "--base-url", j.server.URL, "--project-id", j.server.ProjectID(), "--rate", "unlimited", "--settle", "0s"}
	next := j.printed(args)
	for file, id := range map[string]string{"a.csv.rejects.csv": "al@example.com", "a.csv.rejects.2.csv": "bea@example.com", "a.csv.rejects.ndjson": "cid@example.com"} {
		if !slices.Contains(next, file) {
			t.Errorf("%q lacks %s", next, file)
		}
		replaceIn(t, file, "@@", id)
	}
	for _, args := range [][]string{next, args} {
		if r, stdout := j.command(args...); r.code != exitOK {
			t.Errorf("%q: %s %s", args, stdout, r.stderr)
		}
	}
	got := j.profiles()
	for id, name := range map[string]string{"al@example.com": "Al", "bea@example.com": "Bea", "cid@example.com": "Cid"} {
		if got[id].Profile["firstname"] != name {
			t.Errorf("%s is %v", id, got[id])
		}
	}
	if left, _ := filepath.Glob("*rejects*"); !slices.Equal(left, []string{"a.csv.rejects.2.csv.1", "a.csv.rejects.csv.1", "a.csv.rejects.ndjson.1"}) {
		t.Errorf("left: %q", left)
	}
}

// Where the report of a reject file is not known, or cannot be meant, nothing is sent.
func TestRejectFilesOfNoReportThatIsThere(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.faulty()
	j.run()
	rejects, other := j.path("r.rejects.csv"), t.TempDir()
	replaceIn(t, rejects, "@@", "dan@example.com")
	moved := filepath.Join(other, "mine.csv")
	b, err := os.ReadFile(rejects)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(moved, b, 0o600); err != nil {
		t.Fatal(err)
	}
	another := newJob(t, "create", sandbox.Options{})
	another.contacts(1)
	another.must()
	base := []string{"--base-url", j.server.URL, "--project-id", j.server.ProjectID(), "--rate", "unlimited", "--settle", "0s", "--log-level", "warn"}
	for what, c := range map[string]struct {
		args []string
		says string
	}{
		"elsewhere":          {[]string{"--source", moved}, "its report is not beside it"},
		"another report":     {[]string{"--source", rejects, "--report", another.path("r.report.ndjson")}, "does not hold the run that _ref names"},
		"no such report":     {[]string{"--source", rejects, "--report", j.path("none.report.ndjson")}, "no such file"},
		"begun anew":         {[]string{"--source", rejects, "--restart"}, "leave it out"},
		"beside the source":  {[]string{"--source", j.path("c.csv"), "--source", rejects}, "import the reject file by itself"},
		"another mode":       {[]string{"--source", rejects, "--mode", "upsert", "--state", j.path("x.db")}, "in the mode create"},
		"checked, elsewhere": {[]string{"check", "--source", moved}, "its report is not beside it"},
	} {
		if r, _ := j.command(append(c.args, base...)...); r.code != exitUsage || r.all() != 0 || !strings.Contains(r.stderr, c.says) {
			t.Errorf("%s: %s", what, r)
		}
	}
	if r, _ := j.command(append(base, "--source", rejects, "--project-id", "65f0000000000000000000bb")...); r.code != exitUsage || !strings.Contains(r.stderr, "belong to the import that refused them") {
		t.Errorf("another project: %s", r)
	}
	held, err := journal.Open(journal.Files{}, j.path("r.report.ndjson"), journal.Options{Header: journal.Header{Mode: "create", BaseURL: j.server.URL, ProjectID: j.server.ProjectID()}})
	if err != nil {
		t.Fatal(err)
	}
	if r := j.of(rejects); r.code != exitLocked || r.all() != 0 {
		t.Errorf("while another run holds the report: %s", r)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	// Named, the report is found from elsewhere.
	if r, _ := j.command(append([]string{"--source", moved, "--report", j.path("r.report.ndjson")}, base...)...); r.code != exitNotAllIn || r.of("create") != 1 {
		t.Errorf("named: %s", r)
	}
}
