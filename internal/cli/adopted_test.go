package cli

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"importer/importer/contact"
	"importer/internal/config"
	"importer/internal/sandbox"
	"importer/internal/session"
	"importer/internal/sqlfile"
	"importer/internal/state"
	"importer/sink/journal"
)

// config writes a configuration file and returns its name.
func (j *job) config(text string) string {
	j.t.Helper()
	path := j.path(fmt.Sprintf("config-%d.yaml", len(text)))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		j.t.Fatal(err)
	}
	return path
}

// met makes profiles of the first n contacts, as conversations do.
func (j *job) met(n int) {
	j.t.Helper()
	for i := range n {
		if _, err := j.client().Create(j.t.Context(), contact.Profile{ContactIDs: []string{fmt.Sprintf("c%06d@example.com", i)}}); err != nil {
			j.t.Fatal(err)
		}
	}
}

// removing is a mirror that may remove everybody.
const removing = "sync: {missing: delete, guard: {max: 1000, percent: 100}"

// A mirror removes what this program made, and whom the source once held only where that
// is wanted.
func TestAMirrorRemovesOnlyWhatItMade(t *testing.T) {
	for _, c := range []struct {
		adopted string
		deleted int64
	}{{"keep", 3}, {"remove", 6}} {
		j := newJob(t, "mirror", sandbox.Options{})
		config := j.config(removing + ", adopted: " + c.adopted + "}")
		j.met(10)
		j.contacts(20)
		if r := j.must("--config", config); r.Created != 10 || r.Updated != 10 || r.Deleted != 0 {
			t.Fatalf("the first night: %s", r)
		}
		j.rows = slices.Concat(j.rows[3:10], j.rows[13:]) // three of each kind are missing
		j.write()
		want(t, j.plan(exitOK, "--config", config), map[string]int{"deleted": int(c.deleted), "kept_adopted": 6 - int(c.deleted), "requests": int(c.deleted)})
		if r := j.must("--config", config, "--log-level", "info"); r.Deleted != c.deleted || r.of("delete") != int(c.deleted) || len(j.profiles()) != 20-int(c.deleted) ||
			strings.Contains(r.stderr, "sync.adopted") != (c.adopted == "keep") {
			t.Errorf("%s: %s", c.adopted, r)
		}
		// Who changes its contact ids, or is updated, is still the program's own.
		for i := range j.rows {
			j.rows[i] = strings.Replace(j.rows[i], "Name", "Other", 1)
		}
		if r := j.must("--config", config); r.Updated != 14 || r.Deleted != 0 {
			t.Errorf("%s: %s", c.adopted, r)
		}
		j.rows = j.rows[:13]
		if r := j.must("--config", config); r.Deleted != 1 {
			t.Errorf("%s: one of its own is missing: %s", c.adopted, r)
		}
	}
}

// The first night over a project that holds others, or over a state of an older version,
// removes nobody, whatever is allowed.
func TestAnOlderStateDoesNotSayWhoMadeAProfile(t *testing.T) {
	j := newJob(t, "mirror", sandbox.Options{})
	config := j.config(removing + "}")
	j.contacts(10)
	j.must("--config", config)
	// As the version before left it.
	conn, err := sqlfile.Open(j.path("s.db"), "PRAGMA synchronous = full")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{"ALTER TABLE contact DROP COLUMN made", "ALTER TABLE contact DROP COLUMN sent", "DROP TABLE corrected",
		"ALTER TABLE contact DROP COLUMN changing", "ALTER TABLE contact DROP COLUMN removing", "PRAGMA user_version = 1"} {
		if err := sqlfile.Run(conn, step, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	j.rows = append(j.rows[:8:8], contactRow(20, "New"))
	if r := j.must("--config", config, "--allow-removals"); r.Deleted != 0 || r.Created != 1 || r.Unchanged != 8 || len(j.profiles()) != 11 {
		t.Errorf("%s", r)
	}
	// What is created from then on is known to be.
	j.rows = j.rows[:8]
	if r := j.must("--config", config); r.Deleted != 1 || len(j.profiles()) != 10 {
		t.Errorf("the night after: %s", r)
	}
}

// An input without rows removes nobody, whatever is allowed: nor one that is only a
// header, nor one whose rows are all left out.
func TestAnInputWithoutRowsRemovesNobody(t *testing.T) {
	j := newJob(t, "mirror", sandbox.Options{})
	config := j.config(removing + "}\nmapping:\n  skip_if: row[\"first name\"] == \"skip\"\n")
	j.contacts(41)
	j.must("--config", config)
	for name, rows := range map[string][]string{"a header": nil, "rows that are left out": {contactRow(1, "skip")}} {
		j.rows = rows
		r := j.run("--config", config, "--allow-removals")
		if r.code != exitStopped || r.of("delete")+r.of("update") != 0 || len(j.profiles()) != 41 || !strings.Contains(r.stderr, "of 41 known contacts") || !strings.Contains(r.stderr, "not even --allow-removals") {
			t.Errorf("%s: %s", name, r)
		}
		if p := j.plan(exitNotAllIn, "--config", config, "--allow-removals"); p["deleted"] != 0.0 || !strings.Contains(fmt.Sprint(p["blocked"]), "not even") {
			t.Errorf("%s: %v", name, p)
		}
	}
}

// Rows that do not tell whose they are hold removals back, with both counts, until one
// run is allowed to pass.
func TestRefusedRowsThatDoNotTellWhoseTheyAreHoldRemovals(t *testing.T) {
	j := newJob(t, "mirror", sandbox.Options{})
	config := j.config(removing + "}")
	j.contacts(40)
	j.must("--config", config)
	j.rows = append(j.rows[:37:37], ",Nobody,42", ",Nobody,43")
	r := j.run("--config", config)
	if r.code != exitStopped || r.Deleted != 0 || len(j.profiles()) != 40 || !strings.Contains(r.stderr, "3 of 40") || !strings.Contains(r.stderr, "2 rows of the input cannot be read and may be anybody's") || !strings.Contains(r.stderr, "--allow-removals") {
		t.Errorf("%s", r)
	}
	if r := j.run("--config", config, "--allow-removals"); r.code != exitNotAllIn || r.Deleted != 3 || len(j.profiles()) != 37 {
		t.Errorf("allowed: %s", r)
	}
}

// A contact id that was damaged since, by a spreadsheet or a person, stood for somebody:
// whom is not known, so nobody is removed. A word for nothing stands for nobody.
func TestAMirrorHoldsRemovalsWhereAContactIDCannotBeRead(t *testing.T) {
	for _, c := range []struct {
		name, row string
		code      int
		removed   int64
	}{
		{"an exponent", "4.91512E+11,Ada,,", exitStopped, 0},
		{"a character that cannot be seen, inside", "a\u200bda@example.com,Ada,,", exitStopped, 0},
		{"a damaged address beside a number", "ada@example..com,Ada,,+4915123456789", exitStopped, 0},
		{"an invalid row that tells whose it is", "ada@example.com,Ada,old,", exitNotAllIn, 0},
		{"a word for nothing beside a number", "n/a,Ada,,+4915123456789", exitOK, 1},
	} {
		j := newJob(t, "mirror", sandbox.Options{})
		config := j.config(removing + "}")
		source := func(row string) {
			text := "email,first name,age,mobile\n" + row + "\nbob@example.com,Bob,,\n"
			if err := os.WriteFile(j.path("c.csv"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		source("ada@example.com,Ada,,")
		if r, _ := j.command(append(j.args, "--config", config)...); r.code != exitOK {
			t.Fatal(r)
		}
		source(c.row)
		r, stdout := j.command(append(j.args, "--config", config)...)
		if _, there := j.profiles()["ada@example.com"]; r.code != c.code || there == (c.removed > 0) {
			t.Errorf("%s: %s %s", c.name, r, stdout)
		}
	}
}

// A state that was filled from a report without contact ids does not have a mirror
// remove who is refused: each is known by its key, and the ids come back with the rows.
func TestAMirrorSparesRefusedRowsThatItKnowsByTheirKeys(t *testing.T) {
	redacted := "\nreport: {redact: true}\n"
	for name, first := range map[string]func(*job, string){
		"a create whose report is redacted": func(j *job, config string) {
			j.args[1] = "create"
			j.must("--config", config)
			j.args[1] = "mirror"
		},
		"a mirror that was killed": func(j *job, config string) {
			j.must("--config", config)
			if err := os.Remove(j.path("s.db")); err != nil { // before the state was committed
				j.t.Fatal(err)
			}
		},
		"reports that were purged": func(j *job, _ string) {
			j.must("--config", j.config(removing+"}"))
			if err := os.Remove(j.path("s.db")); err != nil {
				j.t.Fatal(err)
			}
			if r, _ := j.command("report", j.path("r.report.ndjson"), "--purge"); r.code != exitOK {
				j.t.Fatal(r)
			}
		},
	} {
		j := newJob(t, "mirror", sandbox.Options{})
		config := j.config(removing + "}" + redacted)
		j.contacts(40)
		first(j, config)
		j.rows[7] = "c000007@example.com,Name 7,old"
		if r := j.run("--config", config); r.code != exitNotAllIn || r.Invalid != 1 || r.Unchanged != 39 || r.Deleted != 0 || r.all() != 0 {
			t.Errorf("%s, one bad age: %s", name, r)
		}
		// The others have their ids again: they are compared like any other. The one that
		// is refused has not, and stays as long as any row is.
		j.rows = append(slices.Delete(j.rows, 7, 9), "c000010@example.com,Name 10,old")
		j.rows = slices.Delete(j.rows, 8, 9) // its good row
		r := j.run("--config", config)
		if got := j.profiles(); r.Deleted != 1 || got["c000008@example.com"].ID != "" || got["c000007@example.com"].ID == "" || got["c000010@example.com"].ID == "" {
			t.Errorf("%s, one missing: %s", name, r)
		}
		if !strings.Contains(r.stderr, "known by their keys alone") {
			t.Errorf("%s: nothing is said of who stays: %s", name, r.stderr)
		}
		j.rows = j.rows[:len(j.rows)-1]
		j.rows = append(j.rows, contactRow(10, "Name 10"))
		if r := j.must("--config", config); r.Deleted != 1 || j.profiles()["c000007@example.com"].ID != "" {
			t.Errorf("%s, no row is refused: %s", name, r)
		}
	}
}

// know gives the state all rows of the source that it does not know, as if they had
// been created, without asking the sandbox for that: their profiles are not there.
func (j *job) know() {
	j.t.Helper()
	j.write()
	c := config.Default()
	c.Source.Paths, c.Rate = []string{j.path("c.csv")}, "unlimited"
	opened, err := session.New(c, Env{Getenv: os.Getenv, Stderr: os.Stderr})
	if err == nil {
		err = opened.OpenSource()
	}
	if err != nil {
		j.t.Fatal(err)
	}
	known, err := state.Open(j.path("s.db"), state.Options{BaseURL: j.server.URL, ProjectID: j.server.ProjectID()})
	if err != nil {
		j.t.Fatal(err)
	}
	for row, err := range opened.Input.Rows() {
		if err != nil {
			j.t.Fatal(err)
		}
		if _, there, err := known.Entry(row.Key); err != nil || there {
			continue
		}
		if err := known.Record(&contact.Outcome{Row: row, Status: contact.Created, ID: fmt.Sprintf("%024d", row.Number), At: time.Now()}); err != nil {
			j.t.Fatal(err)
		}
	}
	if err := errors.Join(known.Close(), opened.Close()); err != nil {
		j.t.Fatal(err)
	}
}

// The requests of a changed row: one where the API is known to merge, else two, and
// always as many as were forecast. With SYNC_ROWS=1000000 10,000 of a million change.
func TestForecastAndRunAgree(t *testing.T) {
	n, err := strconv.Atoi(cmpOr(os.Getenv("SYNC_ROWS"), "2000"))
	if err != nil {
		t.Fatal(err)
	}
	changed := max(200, n/100)
	for _, c := range []struct {
		name, patch, config string
		requests            int // for each changed row
	}{
		{"known to merge", sandbox.PatchMerge, "sync: {patch: merge}", 1},
		{"merging, and not known to", sandbox.PatchMerge, "sync: {patch: auto}", 2},
		{"replacing, and not known to", sandbox.PatchReplace, "mode: upsert", 2},
		{"known to replace", sandbox.PatchReplace, "sync: {patch: replace}", 2},
		{"known to merge, and what it takes away is kept", sandbox.PatchMerge, "sync: {patch: merge}\nreport: {keep_previous: true}", 2},
	} {
		j := newJob(t, "upsert", sandbox.Options{Patch: c.patch})
		config := j.config(c.config)
		j.contacts(changed)
		j.must("--config", config)
		j.contacts(n)
		j.know()
		for i := range changed {
			j.rows[i] = contactRow(i, "Changed")
		}
		j.write()
		plan := j.plan(exitOK, "--config", config)
		r := j.must("--config", config)
		if r.Unchanged != int64(n-changed) || r.Updated != int64(changed) || r.of("update") != changed || r.of("get") != (c.requests-1)*changed || r.all() != c.requests*changed {
			t.Errorf("%s: %s", c.name, r)
		}
		if forecast := plan["requests"]; forecast != float64(r.all()) || plan["updated"] != float64(changed) || plan["unchanged"] != float64(n-changed) {
			t.Errorf("%s: %d requests, and the plan was %v", c.name, r.all(), plan)
		}
		if r := j.must("--config", config); r.all() != 0 {
			t.Errorf("%s, the night after: %s", c.name, r)
		}
	}
}

// A row that only says less than before needs no update, and where that is known no
// request either.
func TestARowThatSaysLess(t *testing.T) {
	for config, requests := range map[string]int{"sync: {patch: merge}": 0, "sync: {patch: auto}": 1} {
		j := newJob(t, "upsert", sandbox.Options{})
		file := j.config(config)
		j.contacts(3)
		j.must("--config", file)
		j.rows[1] = "c000001@example.com,,"
		if r := j.must("--config", file); r.Unchanged != 3 || r.all() != requests {
			t.Errorf("%s: %s", config, r)
		}
		if r := j.must("--config", file); r.Unchanged != 3 || r.all() != 0 {
			t.Errorf("%s, the night after: %s", config, r)
		}
		if got := j.profiles()["c000001@example.com"].Profile; got["firstname"] != "Name 1" {
			t.Errorf("%s: %v", config, got)
		}
	}
}

// What was sent last is not known from an older state, nor from a report: it is read
// once.
func TestAProfileIsReadOnceWhereItIsNotKnownWhatWasSent(t *testing.T) {
	j := newJob(t, "upsert", sandbox.Options{})
	config := j.config("sync: {patch: merge}")
	j.contacts(10)
	j.must("--config", config)
	if err := os.Remove(j.path("s.db")); err != nil {
		t.Fatal(err)
	}
	for night, requests := range []int{2, 1} {
		j.rows[2] = contactRow(2, fmt.Sprint("Night ", night))
		if r := j.must("--config", config); r.Updated != 1 || r.all() != requests || r.of("update") != 1 {
			t.Errorf("night %d: %s", night, r)
		}
	}
}

// What others wrote into a mapped field stays until the row says something new about
// it, whether the profile is read or not.
func TestAMappedFieldThatOthersChangedStays(t *testing.T) {
	for patch, config := range map[string]string{sandbox.PatchMerge: "sync: {patch: merge}", sandbox.PatchReplace: "sync: {patch: auto}"} {
		j := newJob(t, "upsert", sandbox.Options{Patch: patch})
		file := j.config(config)
		j.contacts(5)
		j.must("--config", file)
		p := j.profiles()["c000002@example.com"]
		j.edit(p.ID, contact.Profile{Fields: []contact.Field{
			{Name: "age", Value: []byte("99")}, {Name: "email", Value: []byte(`"c000002@example.com"`)}, {Name: "firstname", Value: []byte(`"Name 2"`)}, {Name: "location", Value: []byte(`"Köln"`)},
		}})
		j.rows[2] = contactRow(2, "Renamed")
		j.must("--config", file)
		if got := j.profiles()["c000002@example.com"].Profile; got["firstname"] != "Renamed" || got["age"] != 99.0 || got["location"] != "Köln" {
			t.Errorf("%s: %v", patch, got)
		}
		j.rows[2] = "c000002@example.com,Renamed,98"
		j.must("--config", file)
		if got := j.profiles()["c000002@example.com"].Profile; got["age"] != 98.0 || got["location"] != "Köln" {
			t.Errorf("%s, the row says something new: %v", patch, got)
		}
	}
}

// A profile that somebody deactivated stays so when it is touched, although its row says
// that it is active, until the row says something new about that.
func TestATouchDoesNotActivate(t *testing.T) {
	j := newJob(t, "upsert", sandbox.Options{})
	config := j.config("sync: {refresh_after: 0s}\nmapping:\n  contact_ids: [email]\n  active: {value: true}\n  fields: {firstname: first name}\n")
	j.contacts(3)
	j.must("--config", config)
	no := false
	j.edit(j.profiles()["c000001@example.com"].ID, contact.Profile{Active: &no})
	j.rows[2] = contactRow(2, "Changed")
	want(t, func() map[string]any { j.write(); return j.plan(exitOK, "--config", config) }(), map[string]int{"touched": 2, "updated": 3, "requests": 6})
	if r := j.must("--config", config); r.Updated != 3 || r.of("get") != 3 || r.all() != 6 {
		t.Errorf("%s", r)
	}
	if got := j.profiles(); got["c000001@example.com"].Active || !got["c000000@example.com"].Active || got["c000002@example.com"].Profile["firstname"] != "Changed" {
		t.Errorf("%v", got)
	}
}

// --mode update changes who is there, and creates nobody.
func TestModeUpdate(t *testing.T) {
	j := newJob(t, "update", sandbox.Options{})
	j.met(6)
	j.contacts(10)
	j.write()
	want(t, j.plan(exitOK), map[string]int{"created": 0, "looked_up": 10, "updated": 0})
	r := j.must()
	if r.Updated != 6 || r.Absent != 4 || r.of("create") != 0 || len(j.profiles()) != 6 || r.Read != 10 {
		t.Errorf("the first night: %s", r)
	}
	before := j.server.Counts().Requests["list"]
	if r := j.must(); r.Unchanged != 6 || r.Absent != 4 || r.all() != r.of("list") {
		t.Errorf("the second night: %s, %d", r, before)
	}
	if err := j.client().Delete(t.Context(), j.profiles()["c000003@example.com"].ID); err != nil {
		t.Fatal(err)
	}
	j.rows[3], j.rows[4] = contactRow(3, "Changed"), contactRow(4, "Changed")
	if r := j.must(); r.Updated != 1 || r.Absent != 5 || r.Unchanged != 4 || r.of("create") != 0 || len(j.profiles()) != 5 {
		t.Errorf("one is gone: %s", r)
	}
	_, text := j.command("report", j.path("r.report.ndjson"))
	if !strings.Contains(text, "absent") || !strings.Contains(text, "not in the project") {
		t.Errorf("the report: %s", text)
	}
	_, ids := j.command("report", j.path("r.report.ndjson"), "--format", "csv")
	if strings.Contains(ids, "c000003") || !strings.Contains(ids, "c000004") {
		t.Errorf("the ids: %s", ids)
	}

	// Nobody at all: the ids are most likely those of another system.
	for i := range j.rows {
		j.rows[i] = "x" + j.rows[i]
	}
	r = j.run("--config", j.config("rate: unlimited"))
	if r.code != exitNotAllIn || r.Absent != 10 || r.Status != contact.Complete {
		t.Errorf("nobody: %s", r)
	}
	args := append(slices.DeleteFunc(slices.Clone(j.args), func(a string) bool { return a == "--json" }), "--quiet")
	if r, text := j.command(args...); r.code != exitNotAllIn || !strings.Contains(text, "Are the contact ids right?") {
		t.Errorf("nobody, for people: %s\n%s", r, text)
	}
	if r := j.run("--existing", "ignore"); r.code != exitUsage || r.all() != 0 {
		t.Errorf("without looking: %s", r)
	}
}

// An undo says what it can do, and why not the rest; the report does not say then that
// the source has lost anybody.
func TestAnUndoSaysWhyNotTheRest(t *testing.T) {
	j := newJob(t, "mirror", sandbox.Options{})
	config := j.config(removing + "}")
	j.contacts(20)
	j.must("--config", config)
	j.rows = append(j.rows[2:], contactRow(30, "New"))
	j.rows[0], j.rows[1] = contactRow(2, "Changed"), contactRow(3, "Changed")
	if r := j.must("--config", config); r.Updated != 2 || r.Deleted != 2 || r.Created != 1 {
		t.Fatal(r)
	}
	if _, r := j.undo(exitUsage); !strings.Contains(r.stderr, "delete 1 profiles") || !strings.Contains(r.stderr, "2 updates cannot be undone") || !strings.Contains(r.stderr, "report.keep_previous") ||
		!strings.Contains(r.stderr, "2 profiles were deleted") {
		t.Errorf("%s", r)
	}
	if u, r := j.undo(exitNotAllIn, "--yes"); u.Deleted != 1 {
		t.Errorf("%+v %s", u, r)
	}
	_, text := j.command("report", j.path("r.report.ndjson"))
	if !strings.Contains(text, "1 of them taken back by undo") || strings.Contains(text, "no longer") {
		t.Errorf("%s", text)
	}
	if states, err := (journal.Files{}).Aside(j.path("r.report.ndjson")); err != nil || len(states) != 1 {
		t.Error(states, err)
	}
}

// On an API that is known to merge a field that was added cannot be taken away again:
// that is told.
func TestAnUndoOnAnAPIThatMerges(t *testing.T) {
	j := newJob(t, "upsert", sandbox.Options{Defaults: sandbox.DefaultsSent})
	config := j.config("sync: {patch: merge}\nreport: {keep_previous: true}")
	j.rows = []string{"a@example.com,,7"}
	j.must("--config", config)
	j.ahead.Store(int64(time.Second))
	j.rows = []string{"a@example.com,Ada,8"}
	if r := j.must("--config", config); r.Updated != 1 {
		t.Fatal(r)
	}
	u, r := j.undo(exitNotAllIn, "--yes", "--config", config)
	if u.Restored != 1 || u.Partly != 1 {
		t.Errorf("%+v %s", u, r)
	}
	if got := j.profiles()["a@example.com"].Profile; got["age"] != 7.0 || got["firstname"] != "Ada" {
		t.Errorf("%v", got)
	}
}

// converse adds a memory to a profile and withdraws the consent, through the API, as a
// flow does.
func (j *job) converse(id string) {
	j.t.Helper()
	client := j.client()
	f, err := client.Get(j.t.Context(), id)
	if err != nil {
		j.t.Error(err)
		return
	}
	f.Fields = slices.DeleteFunc(f.Fields, func(f contact.Field) bool { return f.Name == "accepted_gdpr" || f.Name == "memories" })
	f.Fields = append(f.Fields, contact.Field{Name: "accepted_gdpr", Value: []byte("false")}, contact.Field{Name: "memories", Value: []byte(`[{"id":"m","text":"hello"}]`)})
	contact.SortFields(f.Fields)
	if _, err := client.Update(j.t.Context(), id, contact.Profile{Fields: f.Fields}); err != nil {
		j.t.Error(err)
	}
}

// Over the API as it is spoken: a conversation writes to each profile, before its update,
// after it, or between the read and the update. Only the last is lost, and only where
// the API replaces fields.
func TestAConversationBesideAnUpdate(t *testing.T) {
	const rows = 60
	for _, c := range []struct{ name, patch, config string }{
		{"merging, and known to", sandbox.PatchMerge, "sync: {patch: merge}"},
		{"merging", sandbox.PatchMerge, "sync: {patch: auto}"},
		{"replacing", sandbox.PatchReplace, "sync: {patch: auto}"},
	} {
		j := newJob(t, "upsert", sandbox.Options{Patch: c.patch})
		config := j.config(c.config + "\nmapping:\n  contact_ids: [email]\n  fields: {firstname: first name, accepted_gdpr: {value: true}}\n")
		between, talking := 0, false
		var mu sync.Mutex
		turns := map[string]int{}
		j.front().Transport = through(func(r *http.Request) (*http.Response, error) {
			id := r.URL.Path[max(0, len(r.URL.Path)-24):]
			write := r.Method == http.MethodPatch
			if !write && (r.Method != http.MethodGet || strings.HasSuffix(r.URL.Path, "profiles") || strings.Contains(r.URL.Path, "schema")) {
				return http.DefaultTransport.RoundTrip(r)
			}
			mu.Lock()
			if _, seen := turns[id]; !seen && talking {
				turns[id] = len(turns) % 3
			}
			turn, any := turns[id]
			if !any {
				turn = -1
			} else {
				turns[id] = -1
			}
			mu.Unlock()
			if turn == 0 {
				j.converse(id)
			}
			answer, err := http.DefaultTransport.RoundTrip(r)
			switch {
			case turn == 1 && !write:
				mu.Lock()
				between++
				mu.Unlock()
				fallthrough
			case turn == 1:
				j.converse(id)
			case turn == 2 && !write:
				mu.Lock()
				turns[id] = 3
				mu.Unlock()
			case turn == 2, turn == 3:
				j.converse(id)
			}
			return answer, err
		})
		j.contacts(rows)
		j.must("--config", config)
		for i := range j.rows {
			j.rows[i] = contactRow(i, "Changed")
		}
		mu.Lock()
		talking = true
		mu.Unlock()
		if r := j.must("--config", config, "--rate", "50/100ms"); r.Updated != rows {
			t.Fatalf("%s: %s", c.name, r)
		}
		lost := 0
		for id, p := range j.profiles() {
			if p.Profile["firstname"] != "Changed" {
				t.Errorf("%s: %s was not updated: %v", c.name, id, p)
			}
			if p.Profile["accepted_gdpr"] != false || p.Profile["memories"] == nil {
				lost++
			}
		}
		if want := map[bool]int{true: between}[c.config == "sync: {patch: auto}"]; lost != want || lost > rows/3 || len(turns) != rows {
			t.Errorf("%s: what a conversation wrote was lost %d times, and fell between a read and its update %d times", c.name, lost, between)
		}
	}
}
