package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"importer/importer/contact"
	"importer/internal/sandbox"
	"importer/internal/state"
	"importer/sink/journal"
)

// A job is a nightly sync: a source, and a sandbox that counts requests.
type job struct {
	t      *testing.T
	dir    string
	server *sandbox.Server
	ahead  *atomic.Int64 // of the sandbox's clock, in ns
	args   []string
	rows   []string // of the source, without its header
	home   string   // what the machine remembers lies there
	stdin  string
	ctx    context.Context // of its runs; nil: they are not interrupted
}

func newJob(t *testing.T, mode string, o sandbox.Options) *job {
	t.Helper()
	j := &job{t: t, dir: t.TempDir(), ahead: new(atomic.Int64), home: t.TempDir()}
	o.Clock = func() time.Time { return time.Now().Add(time.Duration(j.ahead.Load())) }
	var err error
	if j.server, err = sandbox.Listen("127.0.0.1:0", o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.server.Close(); err != nil {
			t.Error(err)
		}
	})
	j.args = []string{"--mode", mode, "--source", j.path("c.csv"), "--report", j.path("r.report.ndjson"), "--state", j.path("s.db"),
		"--base-url", j.server.URL, "--project-id", j.server.ProjectID(), "--rate", "unlimited", "--settle", "0s", "--json", "--log-level", "warn"}
	return j
}

func (j *job) path(name string) string { return filepath.Join(j.dir, name) }

// contacts makes the source one of contacts 0 to n-1.
func (j *job) contacts(n int) {
	j.rows = nil
	for i := range n {
		j.rows = append(j.rows, contactRow(i, "Name "+strconv.Itoa(i)))
	}
}

func contactRow(i int, name string) string {
	return fmt.Sprintf("c%06d@example.com,%s,%d", i, name, 18+i%70)
}

// A ran is what one run did, and the requests that the sandbox counted for it.
type ran struct {
	contact.Summary
	code     int
	stderr   string
	requests map[string]int
}

func (r *ran) of(operation string) int { return r.requests[operation] }
func (r *ran) writes() int {
	return r.of("create") + r.of("update") + r.of("delete") + r.of("merge")
}
func (r *ran) all() (n int) {
	for _, k := range r.requests {
		n += k
	}
	return n
}

func (r *ran) String() string {
	return fmt.Sprintf("exit code %d, %+v, requests %v\n%s", r.code, r.Counts, r.requests, r.stderr)
}

// run writes the source and runs one night.
func (j *job) run(more ...string) *ran {
	j.t.Helper()
	j.write()
	r, stdout := j.command(append(slices.Clone(j.args), more...)...)
	j.decode(r, stdout)
	return r
}

// decode reads the summary that a run printed.
func (j *job) decode(r *ran, stdout string) {
	j.t.Helper()
	if err := json.Unmarshal([]byte(stdout), &r.Summary); err != nil && r.code != exitUsage && r.code != exitLocked {
		j.t.Fatalf("%v in %q; %s", err, stdout, r.stderr)
	}
}

// write writes the source.
func (j *job) write() {
	j.t.Helper()
	text := "email,first name,age\n" + strings.Join(j.rows, "\n")
	if len(j.rows) > 0 {
		text += "\n"
	}
	if err := os.WriteFile(j.path("c.csv"), []byte(text), 0o600); err != nil {
		j.t.Fatal(err)
	}
}

// command runs a command line, and returns its standard output as well.
func (j *job) command(args ...string) (*ran, string) {
	j.t.Helper()
	before := j.server.Counts().Requests
	var stdout, stderr bytes.Buffer
	err := Execute(cmp.Or(j.ctx, j.t.Context()), args, Env{Stdin: strings.NewReader(j.stdin), Stdout: &stdout, Stderr: &stderr, Version: "test", Getenv: func(name string) string {
		if looksBack := args[0] == "verify" || args[0] == "undo"; !looksBack && slices.Contains([]string{"COGNIGY_BASE_URL", "COGNIGY_PROJECT_ID"}, name) {
			return ""
		}
		return j.getenv(name)
	}})
	code, print := ExitCode(err)
	if print {
		fmt.Fprintln(&stderr, err)
	}
	r := &ran{code: code, stderr: stderr.String(), requests: map[string]int{}}
	for op, n := range j.server.Counts().Requests {
		if n -= before[op]; n != 0 {
			r.requests[op] = n
		}
	}
	return r, stdout.String()
}

// getenv is the environment of a person who works with the project of the job.
func (j *job) getenv(name string) string {
	return map[string]string{
		"COGNIGY_API_KEY": j.server.APIKey(), "COGNIGY_PROJECT_ID": j.server.ProjectID(),
		"COGNIGY_BASE_URL": j.args[slices.Index(j.args, "--base-url")+1], "XDG_STATE_HOME": j.home,
	}[name]
}

// must runs a night that has to end well.
func (j *job) must(more ...string) *ran {
	j.t.Helper()
	r := j.run(more...)
	if r.code != exitOK {
		j.t.Fatal(r)
	}
	return r
}

// A stored profile is what the sandbox holds of a contact.
type stored struct {
	ID         string         `json:"_id"`
	ContactIDs []string       `json:"contactIds"`
	Active     bool           `json:"active"`
	Profile    map[string]any `json:"profile"`
}

// profiles are those in the sandbox, by contact id. No contact id is twice.
func (j *job) profiles() map[string]stored {
	j.t.Helper()
	all := map[string]stored{}
	for _, p := range j.server.Profiles() {
		var s stored
		if err := json.Unmarshal(p.Body, &s); err != nil {
			j.t.Fatal(err)
		}
		for _, id := range p.ContactIDs {
			if other, twice := all[id]; twice {
				j.t.Errorf("%s is on the profiles %s and %s", id, other.ID, s.ID)
			}
			all[id] = s
		}
	}
	return all
}

// edit changes a profile through the API, as a colleague would.
func (j *job) edit(id string, p contact.Profile) {
	j.t.Helper()
	if _, err := j.client().Update(j.t.Context(), id, p); err != nil {
		j.t.Fatal(err)
	}
}

// size is how many rows the tests over whole files have: $SYNC_ROWS, in a run
// that is given the time for it.
func size(t *testing.T) int {
	n, err := strconv.Atoi(cmpOr(os.Getenv("SYNC_ROWS"), "1000"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func cmpOr(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

func TestUpsertSendsExactlyWhatChanged(t *testing.T) {
	n := size(t)
	j := newJob(t, "upsert", sandbox.Options{OnDuplicate: sandbox.DuplicateAllow})
	j.contacts(n)
	if r := j.must(); r.Created != int64(n) || r.writes() != n || r.of("list") != 1 {
		t.Fatalf("first night: %s", r)
	}

	began := time.Now()
	if r := j.must(); r.Unchanged != int64(n) || r.all() != 0 {
		t.Errorf("unchanged: %s", r)
	}
	t.Logf("%d unchanged rows took %v", n, time.Since(began))

	slices.Reverse(j.rows)
	if r := j.must(); r.Unchanged != int64(n) || r.all() != 0 {
		t.Errorf("in another order: %s", r)
	}

	j.rows = slices.Insert(j.rows, 0, contactRow(n, "New"))
	if r := j.must(); r.Created != 1 || r.Unchanged != int64(n) || r.of("create") != 1 || r.writes() != 1 || r.all() > 3 {
		t.Errorf("one inserted at the top: %s", r)
	}

	j.rows[n/2] = contactRow(n-n/2, "Changed")
	if r := j.must(); r.Updated != 1 || r.of("update") != 1 || r.writes() != 1 || r.of("get") != 1 || r.all() != 2 {
		t.Errorf("one changed: %s", r)
	}
	if got := j.profiles()[fmt.Sprintf("c%06d@example.com", n-n/2)].Profile["firstname"]; got != "Changed" {
		t.Errorf("its first name is %v", got)
	}

	if err := os.Remove(j.path("s.db")); err != nil {
		t.Fatal(err)
	}
	if r := j.must(); r.writes() != 0 || r.Unchanged != int64(n+1) || r.all() != 0 {
		t.Errorf("the state was deleted, the reports are there: %s", r)
	}
	for _, name := range []string{"s.db", "r.report.ndjson"} {
		if err := os.Remove(j.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	reports, err := (journal.Files{}).Aside(j.path("r.report.ndjson"))
	if err != nil || len(reports) == 0 {
		t.Fatal(reports, err)
	}
	for _, aside := range reports {
		if err := os.Remove(aside); err != nil {
			t.Fatal(err)
		}
	}
	if r := j.must(); r.writes() != 0 || r.Unchanged != int64(n+1) || r.all() != r.of("list") || r.of("list") > 2*((n+1+99)/100) {
		t.Errorf("the state and the reports were deleted: %s", r)
	}
	if r := j.must(); r.all() != 0 {
		t.Errorf("the night after: %s", r)
	}
}

// Whether the API merges or replaces the fields of an update, and whoever else
// writes into the profiles: the same profiles.
func TestUpdatesKeepWhatTheMappingDoesNotName(t *testing.T) {
	var ends []map[string]stored
	for _, patch := range []string{sandbox.PatchMerge, sandbox.PatchReplace} {
		j := newJob(t, "upsert", sandbox.Options{Patch: patch})
		j.contacts(20)
		j.must()
		before := j.profiles()
		edited := before["c000003@example.com"]
		no := false
		j.edit(edited.ID, contact.Profile{ContactIDs: []string{"c000003@example.com", "chat-3"}, Active: &no, Fields: []contact.Field{
			{Name: "age", Value: []byte("21")}, {Name: "email", Value: []byte(`"c000003@example.com"`)}, {Name: "firstname", Value: []byte(`"Name 3"`)}, {Name: "location", Value: []byte(`"Köln"`)},
		}})
		j.rows[3] = contactRow(3, "Renamed")
		j.rows[4] = contactRow(4, "Renamed too")
		if r := j.must(); r.Updated != 2 || r.Unchanged != 18 || r.of("update") != 2 {
			t.Errorf("%s: %s", patch, r)
		}
		end := j.profiles()
		got := end["chat-3"]
		if got.ID != edited.ID || got.Active || got.Profile["location"] != "Köln" || got.Profile["firstname"] != "Renamed" || got.Profile["age"] != 21.0 {
			t.Errorf("%s: the profile that was edited by others is %+v", patch, got)
		}
		for id, p := range end {
			p.ID = ""
			end[id] = p
		}
		ends = append(ends, end)
	}
	if !maps.EqualFunc(ends[0], ends[1], func(a, b stored) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
		t.Errorf("merge and replace end in different profiles:\n%v\n%v", ends[0], ends[1])
	}
}

// Contacts that were there before are adopted, and changed only where they
// differ in what the mapping names.
func TestUpsertAdoptsWhoIsThere(t *testing.T) {
	for _, how := range []string{"auto", "list", "lookup"} {
		j := newJob(t, "upsert", sandbox.Options{OnDuplicate: sandbox.DuplicateAllow})
		for i := range 10 {
			name := fmt.Sprintf("%q", "Name "+strconv.Itoa(i))
			if i == 7 {
				name = `"Somebody else"`
			}
			_, err := j.client().Create(t.Context(), contact.Profile{
				ContactIDs: []string{fmt.Sprintf("c%06d@example.com", i), fmt.Sprint("chat-", i)},
				Fields:     []contact.Field{{Name: "age", Value: fmt.Append(nil, 18+i)}, {Name: "email", Value: fmt.Appendf(nil, "%q", fmt.Sprintf("c%06d@example.com", i))}, {Name: "firstname", Value: []byte(name)}, {Name: "location", Value: []byte(`"Köln"`)}},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		j.contacts(12)
		r := j.must("--existing", how)
		if r.Created != 2 || r.Unchanged != 9 || r.Updated != 1 || r.of("update") != 1 || r.of("create") != 2 {
			t.Errorf("%s: %s", how, r)
		}
		if got := j.profiles()["c000007@example.com"].Profile; got["firstname"] != "Name 7" || got["location"] != "Köln" {
			t.Errorf("%s: the profile that differed is %v", how, got)
		}
		if r := j.must(); r.all() != 0 || r.Unchanged != 12 {
			t.Errorf("%s, the night after: %s", how, r)
		}
	}
}

func TestAnExpiredProfileIsCreatedAgain(t *testing.T) {
	j := newJob(t, "upsert", sandbox.Options{OnDuplicate: sandbox.DuplicateAllow})
	j.contacts(10)
	j.must()
	j.ahead.Store(int64(31 * 24 * time.Hour))
	j.rows[2] = contactRow(2, "Changed")
	if r := j.must(); r.Created != 1 || r.Unchanged != 9 || r.of("create") != 1 {
		t.Errorf("one changed: %s", r)
	}
	if got := j.profiles(); len(got) != 1 || got["c000002@example.com"].Profile["firstname"] != "Changed" {
		t.Errorf("profiles: %v", got)
	}
	// All others are due to be touched, as they are after 25 days, and gone.
	config := j.path("touch.yaml")
	if err := os.WriteFile(config, []byte("sync:\n  refresh_after: 0s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := j.must("--config", config); r.Created != 9 || r.Updated != 1 || r.of("create") != 9 || r.of("update") != 1 {
		t.Errorf("all due: %s", r)
	}
	if got := j.profiles(); len(got) != 10 {
		t.Errorf("%d profiles, want 10", len(got))
	}
	if r := j.must(); r.all() != 0 {
		t.Errorf("the night after: %s", r)
	}
}

// A profile that is touched in time lives on, and is as it was.
func TestTouchedProfilesDoNotExpire(t *testing.T) {
	j := newJob(t, "upsert", sandbox.Options{Patch: sandbox.PatchReplace})
	j.contacts(5)
	j.must()
	no := false
	j.edit(j.profiles()["c000001@example.com"].ID, contact.Profile{Active: &no})
	before := j.profiles()
	config := j.path("touch.yaml")
	if err := os.WriteFile(config, []byte("sync:\n  refresh_after: 0s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		j.ahead.Add(int64(25 * 24 * time.Hour))
		if r := j.must("--config", config); r.Updated != 5 || r.of("update") != 5 || r.of("create") != 0 {
			t.Errorf("%s", r)
		}
	}
	if after := j.profiles(); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("profiles were\n%v, and are\n%v", before, after)
	}
}

func TestProfilesOfOneRowAreMergedWhereThatIsWanted(t *testing.T) {
	j := newJob(t, "upsert", sandbox.Options{})
	for _, id := range []string{"c000001@example.com", "chat-1"} {
		if _, err := j.client().Create(t.Context(), contact.Profile{ContactIDs: []string{id}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(j.path("c.ndjson"), []byte(`{"contactIds":["c000001@example.com","chat-1"],"profile":{"firstname":"One"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	config := j.path("merge.yaml")
	if err := os.WriteFile(config, []byte("on_conflict: merge\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	j.args[3] = j.path("c.ndjson")
	if r := j.run(); r.code != exitNotAllIn || r.Invalid != 1 || r.writes() != 0 {
		t.Errorf("reported: %s", r)
	}
	if r := j.must("--config", config); r.Updated != 1 || r.of("merge") != 1 || r.of("update") != 1 {
		t.Errorf("merged: %s", r)
	}
	got := j.profiles()
	if a, b := got["c000001@example.com"], got["chat-1"]; a.ID != b.ID || a.Profile["firstname"] != "One" {
		t.Errorf("profiles: %v", got)
	}
	if r := j.must("--config", config); r.all() != 0 {
		t.Errorf("the night after: %s", r)
	}
}

// What the API refused is not sent again every night.
func TestRefusedRowsAreNotSentEveryNight(t *testing.T) {
	j := newJob(t, "upsert", sandbox.Options{UnknownFields: sandbox.FieldsReject})
	config := j.path("f.yaml")
	if err := os.WriteFile(j.path("c.ndjson"), []byte(`{"contactIds":["a"],"profile":{"firstname":"One","shoe":"42"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte("existing: ignore\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	j.args[3] = j.path("c.ndjson")
	for night, want := range []int{1, 0, 0} {
		r := j.run("--config", config)
		if r.code != exitNotAllIn || r.Rejected != 1 || r.all() != want {
			t.Errorf("night %d: %s", night+1, r)
		}
	}
	if r := j.run("--config", config, "--retry-rejected"); r.Rejected != 1 || r.all() != 1 {
		t.Errorf("told to try again: %s", r)
	}
}

func TestStateBelongsToOneProjectAndOneRun(t *testing.T) {
	j := newJob(t, "upsert", sandbox.Options{ProjectID: "65f0000000000000000000bb"}) // or it would be a rehearsal
	j.contacts(3)
	j.must()
	other := newJob(t, "upsert", sandbox.Options{})
	other.contacts(3)
	if r := other.run("--state", j.path("s.db")); r.code != exitUsage || !strings.Contains(r.stderr, "--state") || r.all() != 0 {
		t.Errorf("another API: %s", r)
	}
	known, err := state.Open(j.path("s.db"), state.Options{BaseURL: j.server.URL, ProjectID: j.server.ProjectID()})
	if err != nil {
		t.Fatal(err)
	}
	defer known.Close()
	if r := j.run(); r.code != exitLocked || r.all() != 0 {
		t.Errorf("while another run holds the state: %s", r)
	}
	if _, err := state.Open(j.path("s.db"), state.Options{BaseURL: j.server.URL, ProjectID: j.server.ProjectID()}); err == nil {
		t.Error("the state was opened twice")
	}
}
