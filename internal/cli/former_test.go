package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
	"zombiezen.com/go/sqlite"

	"importer/internal/sandbox"
	"importer/internal/sqlfile"
)

// testdata/former is what the version before contact.IDRule left: reports, states, and
// the sandbox's data. Of its contacts the ids were taken as they stood, with format
// characters, quotes and brackets, and from Salesforce the id of the record.
const formerFolder = "../../testdata/former/"

// formerJob is an import of one of its files, into a project as it was left then.
func formerJob(t *testing.T, mode, name string) *job {
	t.Helper()
	data := t.TempDir() + "/data.db"
	copyFormer(t, "data.db", data)
	j := newJob(t, mode, sandbox.Options{DataFile: data, TTL: -1})
	copyFormer(t, name+".csv", j.path("c.csv"))
	config := j.path("former.yaml")
	if err := os.WriteFile(config, []byte("sync: {missing: delete, guard: {max: 1000, percent: 100}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	j.args = append(j.args, "--config", config)
	return j
}

func copyFormer(t *testing.T, name, to string) []byte {
	t.Helper()
	b, err := os.ReadFile(formerFolder + name)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// formerReport puts the report of that time in place, as one of this server, up to the lines
// that are left out.
func (j *job) formerReport(name string, without string) {
	j.t.Helper()
	var kept []string
	for line := range strings.Lines(string(copyFormer(j.t, name+".csv.report.ndjson", j.path("r.report.ndjson")))) {
		if without == "" || !strings.Contains(line, without) {
			kept = append(kept, strings.ReplaceAll(line, "http://127.0.0.1:8790", j.server.URL))
		}
	}
	if err := os.WriteFile(j.path("r.report.ndjson"), []byte(strings.Join(kept, "")), 0o600); err != nil {
		j.t.Fatal(err)
	}
}

// report is the report as it stands.
func (j *job) report() string {
	j.t.Helper()
	b, err := os.ReadFile(j.path("r.report.ndjson"))
	if err != nil {
		j.t.Fatal(err)
	}
	return string(b)
}

// night runs the job on its file as it is.
func (j *job) night() *ran {
	j.t.Helper()
	r, stdout := j.command(j.args...)
	if err := json.NewDecoder(bytes.NewReader([]byte(stdout))).Decode(&r.Summary); err != nil {
		j.t.Fatalf("%v in %q; %s", err, stdout, r.stderr)
	}
	return r
}

// formerContacts is how many rows the files have that are in, and are refused now.
var formerContacts = map[string][2]int64{"contacts": {7, 1}, "salesforce": {2, 0}}

// A report from before knows the contacts by their old keys: nobody is created again.
func TestAReportOfTheFormerRule(t *testing.T) {
	for name, rows := range formerContacts {
		for what, without := range map[string]string{"all in": "", "all in doubt": `"kind":"row"`} {
			j := formerJob(t, "create", name)
			j.formerReport(name, without)
			before := len(j.server.Profiles())
			r := j.night()
			in := r.DoneBefore
			if without != "" {
				in = r.Created // found by a look-up, and not sent
			}
			if in != rows[0] || r.Invalid != rows[1] || r.of("create") != 0 || len(j.server.Profiles()) != before {
				t.Errorf("%s, %s: %s", name, what, r)
			}
		}
	}
}

// The report takes note of them: when the file has been cleaned, and no row tells of its
// old key any more, nobody is created again either.
func TestAReportOfTheFormerRuleAfterCleaning(t *testing.T) {
	for _, redact := range []string{"false", "true"} {
		j := formerJob(t, "create", "contacts")
		if err := os.WriteFile(j.path("former.yaml"), []byte("report: {redact: "+redact+"}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		j.formerReport("contacts", "")
		before := len(j.server.Profiles())
		if r := j.night(); r.of("create") != 0 {
			t.Fatal(r)
		}
		lines := j.report()
		if n := strings.Count(lines, `{"kind":"known"`); n == 0 || n > int(formerContacts["contacts"][0]) {
			t.Errorf("%d lines of keys in\n%s", n, lines)
		}
		clean := norm.NFC.String(strings.NewReplacer("\u200b", "", "\u202a", "", "\u202c", "", "'", "", "(", "", ")", "").Replace(string(copyFormer(t, "contacts.csv", j.path("c.csv")))))
		if err := os.WriteFile(j.path("c.csv"), []byte(clean), 0o600); err != nil {
			t.Fatal(err)
		}
		for night := range 2 {
			r := j.night()
			if r.of("create") != 0 || len(j.server.Profiles()) != before {
				t.Errorf("night %d, redact %s: %s", night, redact, r)
			}
			if strings.Count(j.report(), `{"kind":"known"`) != strings.Count(lines, `{"kind":"known"`) {
				t.Errorf("night %d writes it again:\n%s", night, j.report())
			}
		}
	}
}

// A state from before as well: nobody is created, and nobody is removed, not even whom
// the new rule refuses; neither in the first night nor in the next.
func TestAStateOfTheFormerRule(t *testing.T) {
	for name, rows := range formerContacts {
		j := formerJob(t, "mirror", name)
		copyFormer(t, name+".state.db", j.path("s.db"))
		conn, err := sqlfile.Open(j.path("s.db"), "")
		if err == nil {
			err = sqlfile.Run(conn, "UPDATE meta SET value = ? WHERE name = 'base_url'", func(*sqlite.Stmt) error { return nil }, j.server.URL)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		before := len(j.server.Profiles())
		for night := range 3 {
			r := j.night()
			if r.Created+r.Deleted+r.Deactivated != 0 || r.of("create")+r.of("delete") != 0 || r.Invalid != rows[1] || len(j.server.Profiles()) != before {
				t.Errorf("%s, night %d: %s", name, night, r)
			}
			if night > 0 && (r.Unchanged != rows[0] || r.writes() != 0) {
				t.Errorf("%s, night %d changes something again: %s", name, night, r)
			}
		}
		got := j.profiles()
		for _, id := range []string{"bob@example.com", "+4915123456789", "dov@example.com", "m\u00fcller@example.com", "+31612345678", "hal@example.com"} {
			if name == "contacts" && got[id].ID == "" {
				t.Errorf("nobody has the contact id %s", id)
			}
		}
	}
}
