package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"importer/importer/change"
	"importer/importer/contact"
	"importer/internal/sandbox"
)

// undo undoes a report of the job.
func (j *job) undo(code int, more ...string) (change.Undone, *ran) {
	j.t.Helper()
	args := append([]string{"undo", j.path("r.report.ndjson"), "--state", j.path("s.db"), "--rate", "unlimited", "--settle", "0s", "--json", "--log-level", "warn"}, more...)
	r, stdout := j.command(args...)
	if r.code != code {
		j.t.Fatalf("exit code %d, want %d: %s%s", r.code, code, r, stdout)
	}
	var u change.Undone
	if code != exitUsage {
		if err := json.Unmarshal([]byte(stdout), &u); err != nil {
			j.t.Fatalf("%v in %q", err, stdout)
		}
	}
	return u, r
}

func TestUndoDeletesWhatWasCreatedAndKeepsWhatWasEdited(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	if _, err := j.client().Create(t.Context(), contact.Profile{ContactIDs: []string{"c000003@example.com"}}); err != nil {
		t.Fatal(err)
	}
	j.contacts(30)
	if r := j.must(); r.Created != 29 || r.Existing != 1 {
		t.Fatal(r)
	}
	before := j.profiles()
	if _, r := j.undo(exitUsage); r.all() != 0 || !strings.Contains(r.stderr, "--yes") || !strings.Contains(r.stderr, "delete 29 profiles") {
		t.Errorf("without a terminal: %s", r)
	}
	j.ahead.Store(int64(time.Hour))
	j.edit(before["c000005@example.com"].ID, contact.Profile{Fields: []contact.Field{{Name: "location", Value: []byte(`"Köln"`)}}})
	if err := j.client().Delete(t.Context(), before["c000006@example.com"].ID); err != nil {
		t.Fatal(err)
	}
	j.ahead.Store(0)
	u, r := j.undo(exitNotAllIn, "--yes")
	if u != (change.Undone{Deleted: 27, Kept: 1, Gone: 1}) || r.of("delete") != 27 {
		t.Errorf("%+v, %s", u, r)
	}
	if got := j.profiles(); len(got) != 2 || got["c000003@example.com"].ID == "" || got["c000005@example.com"].ID == "" {
		t.Errorf("left: %v", got)
	}
	if u, r := j.undo(exitNotAllIn, "--yes"); u != (change.Undone{Kept: 1}) || r.of("delete") != 0 {
		t.Errorf("again: %+v, %s", u, r)
	}
	if u, r := j.undo(exitOK, "--yes", "--force"); u != (change.Undone{Deleted: 1}) {
		t.Errorf("with force: %+v, %s", u, r)
	}
	if u, r := j.undo(exitOK, "--yes"); u != (change.Undone{}) || r.all() != 0 {
		t.Errorf("nothing left: %+v, %s", u, r)
	}
	// The same import creates them again, and the report still holds together.
	if r := j.must(); r.Created != 29 || r.DoneBefore != 1 || len(j.profiles()) != 30 {
		t.Errorf("imported again: %s", r)
	}
	if u, _ := j.undo(exitOK, "--yes"); u.Deleted != 29 {
		t.Errorf("undone again: %+v", u)
	}
}

// One bad night is undone, and not those before it.
func TestUndoBringsBackWhatOneNightTookAway(t *testing.T) {
	for _, patch := range []string{sandbox.PatchMerge, sandbox.PatchReplace} {
		j := newJob(t, "mirror", sandbox.Options{Patch: patch})
		config := j.path("keep.yaml")
		if err := os.WriteFile(config, []byte("report:\n  keep_previous: true\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		j.contacts(50)
		j.must("--config", config)
		before := j.profiles()
		good := j.rows
		j.contacts(52)
		for i := range 5 {
			j.rows[i] = contactRow(i, "Garbage")
		}
		j.rows = j.rows[:len(j.rows)-2]
		j.rows = append(j.rows[:20], j.rows[22:]...) // two are missing
		j.rows = append(j.rows, contactRow(90, "New"))
		if r := j.must("--config", config); r.Updated != 5 || r.Deactivated != 2 || r.Created != 1 {
			t.Fatalf("the bad night: %s", r)
		}
		u, r := j.undo(exitOK, "--yes")
		if u != (change.Undone{Deleted: 1, Restored: 7}) {
			t.Errorf("%s: %+v, %s", patch, u, r)
		}
		if after := j.profiles(); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("%s: profiles were\n%v\nand are\n%v", patch, before, after)
		}
		if u, r := j.undo(exitOK, "--yes"); u != (change.Undone{}) || r.all() != 0 {
			t.Errorf("%s, again: %+v, %s", patch, u, r)
		}
		// The night after, with the source mended.
		j.rows = good
		if r := j.must("--config", config); r.writes() != 0 || r.Unchanged != 50 {
			t.Errorf("%s, the night after: %s", patch, r)
		}
		if after := j.profiles(); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("%s, the night after: profiles were\n%v\nand are\n%v", patch, before, after)
		}
	}
}

// Lost answers of an undo leave nothing behind.
func TestUndoWhoseAnswersAreLost(t *testing.T) {
	fault, err := sandbox.ParseFault("drop-after:0.05")
	if err != nil {
		t.Fatal(err)
	}
	before, err := sandbox.ParseFault("500:0.05")
	if err != nil {
		t.Fatal(err)
	}
	j := newJob(t, "create", sandbox.Options{Faults: []sandbox.Fault{fault, before}, Seed: 7})
	j.contacts(60)
	if r := j.must("--retries", "20"); r.Created != 60 {
		t.Fatal(r)
	}
	u, r := j.undo(exitOK, "--yes", "--retries", "20")
	if u.Deleted+u.Gone != 60 || len(j.profiles()) != 0 {
		t.Errorf("%+v, %s", u, r)
	}
}

// A through is what stands between the importer and the sandbox.
type through func(*http.Request) (*http.Response, error)

func (f through) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What something on the way answers for a delete or an update is not done, whatever a
// cache says of the profile afterwards.
func TestUndoCountsWhatIsKnown(t *testing.T) {
	page := func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/html"}}, Body: io.NopCloser(strings.NewReader("<title>Sign in</title>")), Request: r}, nil
	}
	j := newJob(t, "create", sandbox.Options{})
	var asked sync.Map
	j.front().Transport = through(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodDelete {
			asked.Store(r.URL.Path, true)
			return page(r)
		}
		if _, since := asked.Load(r.URL.Path); since && r.Method == http.MethodGet { // the API's own 404
			r.URL.Path = r.URL.Path[:len(r.URL.Path)-24] + strings.Repeat("0", 24)
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	j.contacts(2)
	j.must()
	if u, r := j.undo(exitNotAllIn, "--yes", "--retries", "1"); u != (change.Undone{Failed: 2}) || len(j.profiles()) != 2 {
		t.Errorf("%+v, %s", u, r)
	}

	// An update that is taken back, and whose profile goes in that moment.
	j = newJob(t, "upsert", sandbox.Options{})
	undoing := false
	j.front().Transport = through(func(r *http.Request) (*http.Response, error) {
		if !undoing || r.Method != http.MethodPatch {
			return http.DefaultTransport.RoundTrip(r)
		}
		if err := j.client().Delete(t.Context(), r.URL.Path[len(r.URL.Path)-24:]); err != nil {
			return nil, err
		}
		return page(r)
	})
	config := j.path("keep.yaml")
	if err := os.WriteFile(config, []byte("report:\n  keep_previous: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	j.contacts(1)
	j.must("--config", config)
	j.rows[0] = contactRow(0, "Changed")
	j.must("--config", config) // in a report of its own
	undoing = true
	if u, r := j.undo(exitOK, "--yes"); u != (change.Undone{Gone: 1}) {
		t.Errorf("%+v, %s", u, r)
	}
}

func TestUndoAsks(t *testing.T) {
	for answer, goesOn := range map[string]bool{"y\n": true, "YES\n": true, "yes": true, "n\n": false, "\n": false, "": false, "yep\n": false} {
		var out strings.Builder
		err := ask(strings.NewReader(answer), &out, "Delete all?\n")
		if (err == nil) != goesOn || !strings.HasPrefix(out.String(), "Delete all?\nGo on?") {
			t.Errorf("%q: %v, asked %q", answer, err, out.String())
		}
	}
}
