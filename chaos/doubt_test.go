package chaos

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"importer/internal/sandbox"
)

// The API says that the contact exists: its profile is looked up, and not ours.
func TestConflictIsExisting(t *testing.T) {
	t.Parallel()
	w := alone(t, sandbox.Options{OnDuplicate: sandbox.DuplicateConflict}, nil)
	// Characters that mean something else in a filter hide nobody.
	special := "+49 (151) 2345678*"
	ids := map[string]string{contactID(0): w.addProfile(t, contactID(0)), special: w.addProfile(t, special)}
	dir := t.TempDir()
	writeCSV(t, filepath.Join(dir, "c.csv"), [][]string{{"contactIds", "first name"}, {contactID(0), "A"}, {contactID(1), "B"}, {special, "C"}})
	s, _ := run(t, dir, w.api, 0, "--source", "c.csv", "--rate", "unlimited", "--settle", "200ms", "--existing", "ignore")
	if s.Existing != 2 || s.Created != 1 {
		t.Errorf("%+v", s)
	}
	a := readReport(t, filepath.Join(dir, "c.csv.report.ndjson"))
	for id, profile := range ids {
		if e := a.last[a.keys[id]]; e.Status != "existing" || e.ID != profile {
			t.Errorf("%s: %+v, want the profile %s", id, e, profile)
		}
	}
	if err := a.check(w.Profiles()); err != nil {
		t.Error(err)
	}
}

// A look-up finds a profile that was there before the row was announced.
func TestFoundButOlderIsExisting(t *testing.T) {
	t.Parallel()
	// The clock of the sandbox is what profiles get their times from.
	var back atomic.Int64
	w := alone(t, sandbox.Options{OnDuplicate: sandbox.DuplicateAllow, Clock: func() time.Time { return time.Now().Add(time.Duration(back.Load())) }},
		func(a asked) what {
			if a.create && a.contactID == contactID(0) {
				return dropBefore
			}
			if a.create && a.contactID == contactID(1) {
				return dropAfter
			}
			return pass
		})
	back.Store(int64(-time.Hour))
	w.addProfile(t, contactID(0))
	back.Store(0)
	dir := t.TempDir()
	writeContacts(t, filepath.Join(dir, "c.csv"), 3)
	s, _ := run(t, dir, w.api, 0, "--source", "c.csv", "--rate", "unlimited", "--settle", "200ms", "--existing", "ignore")
	if s.Existing != 1 || s.Created != 2 || s.LookedUp != 2 {
		t.Errorf("%+v", s)
	}
	a := readReport(t, filepath.Join(dir, "c.csv.report.ndjson"))
	if got := a.status(contactID(0)); got != "existing" {
		t.Errorf("the older one is %q", got)
	}
	if e := a.last[a.keys[contactID(1)]]; e.Status != "created" || !e.Found {
		t.Errorf("our own is %+v", e)
	}
	if err := a.check(w.Profiles()); err != nil {
		t.Error(err)
	}
}

// With a stamp a look-up is proof: of two profiles that were made at the same
// moment only the one with our key is ours.
func TestStamp(t *testing.T) {
	t.Parallel()
	w := alone(t, sandbox.Options{OnDuplicate: sandbox.DuplicateAllow}, nil)
	made := make(chan struct{}, 1)
	w.obey(func(a asked) what {
		switch {
		case a.create && a.contactID == contactID(0):
			select {
			case made <- struct{}{}:
				w.addProfile(t, contactID(0)) // somebody else's
			default:
			}
			return dropBefore
		case a.create && a.contactID == contactID(1):
			return dropAfter
		}
		return pass
	})
	dir := t.TempDir()
	writeContacts(t, filepath.Join(dir, "c.csv"), 2)
	writeFile(t, filepath.Join(dir, "stamp.yaml"), "stamp:\n  field: import_key\n")
	s, _ := run(t, dir, w.api, 0, "--config", "stamp.yaml", "--create-fields", "--source", "c.csv", "--rate", "unlimited", "--settle", "200ms", "--existing", "ignore")
	if s.Existing != 1 || s.Created != 1 {
		t.Errorf("%+v", s)
	}
	a := readReport(t, filepath.Join(dir, "c.csv.report.ndjson"))
	for i, want := range []string{"existing", "created"} {
		if got := a.status(contactID(i)); got != want {
			t.Errorf("%s is %q, want %q", contactID(i), got, want)
		}
	}
	for _, p := range w.Profiles() {
		var body struct{ Profile map[string]json.RawMessage }
		if err := json.Unmarshal(p.Body, &body); err != nil {
			t.Fatal(err)
		}
		want := ""
		if p.ContactIDs[0] == contactID(1) {
			want = `"` + a.keys[contactID(1)] + `"`
		}
		if got := string(body.Profile["import_key"]); got != want {
			t.Errorf("the profile of %s has the stamp %s, want %s", p.ContactIDs[0], got, want)
		}
	}
	if err := a.check(w.Profiles()); err != nil {
		t.Error(err)
	}
}

// A row that may be in and cannot be looked up is told of, is never sent
// blindly, and is looked up by the next run.
func TestUnknownIsLookedUpAgain(t *testing.T) {
	t.Parallel()
	spoilt := func(a asked) what {
		switch {
		case a.create && a.contactID == contactID(1):
			return dropAfter
		case a.create && a.contactID == contactID(2):
			return dropBefore
		case !a.create:
			return what{status: 400}
		}
		return pass
	}
	w := alone(t, sandbox.Options{OnDuplicate: sandbox.DuplicateAllow}, spoilt)
	dir := t.TempDir()
	writeContacts(t, filepath.Join(dir, "c.csv"), 4)
	args := []string{"--source", "c.csv", "--rate", "unlimited", "--settle", "100ms", "--existing", "ignore"}
	for range 2 {
		p := start(t, dir, w.api, args...)
		p.exit(t, 3)
		if out := p.stdout.String(); !strings.Contains(out, "unknown") || !strings.Contains(out, "2 rows may be in or not") {
			t.Errorf("the summary: %s", out)
		}
		if n := w.Counts().Profiles; n != 3 {
			t.Errorf("%d profiles, want 3", n)
		}
	}
	if sent := w.takeCreates(); len(sent) != 4 {
		t.Errorf("sent blindly: %v", sent)
	}
	w.obey(nil)
	if s, _ := run(t, dir, w.api, 0, args...); s.Created != 2 || s.DoneBefore != 2 || s.LookedUp != 2 {
		t.Errorf("%+v", s)
	}
	if sent := w.takeCreates(); len(sent) != 1 || sent[0] != contactID(2) {
		t.Errorf("sent %v, want the one that was lost", sent)
	}
	readReport(t, filepath.Join(dir, "c.csv.report.ndjson")).checkAll(t, w.Profiles(), 4)
}

// Where nothing works the run pauses, probes, and gives up after the configured
// time; the rows are not to blame, and the next run gets them in.
func TestNothingWorks(t *testing.T) {
	t.Parallel()
	const rows = 300
	giveUp := "give_up_after: 2s\n"
	t.Run("answers are lost", func(t *testing.T) {
		t.Parallel()
		w := alone(t, sandbox.Options{OnDuplicate: sandbox.DuplicateAllow}, nil)
		var down atomic.Bool
		w.obey(func(a asked) what {
			if w.Counts().Profiles >= 100 {
				down.Store(true) // from then on for good
			}
			if down.Load() {
				return dropAfter
			}
			return pass
		})
		dir := t.TempDir()
		writeContacts(t, filepath.Join(dir, "c.csv"), rows)
		writeFile(t, filepath.Join(dir, "config.yaml"), giveUp)
		p := start(t, dir, w.api, "--source", "c.csv", "--rate", "unlimited", "--settle", "100ms")
		p.exit(t, 1)
		if stderr := p.stderr.String(); !strings.Contains(stderr, "nothing has worked for") || !strings.Contains(stderr, "same command") {
			t.Errorf("stderr: %s", stderr)
		}
		// The breaker lets no more through than the requests in flight, the failures
		// that open it, and its probes.
		if n := w.Counts().Profiles; n > 100+64 {
			t.Errorf("%d profiles: requests went on while nothing worked", n)
		}
		w.obey(nil)
		run(t, dir, w.api, 0, "--source", "c.csv", "--rate", "unlimited", "--settle", "100ms")
		readReport(t, filepath.Join(dir, "c.csv.report.ndjson")).checkAll(t, w.Profiles(), rows)
	})
	t.Run("nobody listens", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		writeContacts(t, filepath.Join(dir, "c.csv"), rows)
		writeFile(t, filepath.Join(dir, "config.yaml"), giveUp)
		p := start(t, dir, api{"http://127.0.0.1:1", "key", sandbox.DefaultProjectID}, "--source", "c.csv", "--rate", "unlimited", "--existing", "ignore", "--json")
		p.exit(t, 1)
		s := p.summary(t)
		if s.Status != "stopped" || s.Failed+s.Unknown+s.Created != 0 || s.Pending != s.Read || !strings.Contains(p.stderr.String(), "nothing has worked for") {
			t.Errorf("%+v; stderr: %s", s, p.stderr.String())
		}
		if a := readReport(t, filepath.Join(dir, "c.csv.report.ndjson")); len(a.inDoubt) != 0 {
			t.Errorf("%d rows are in doubt, and no request ever left", len(a.inDoubt))
		}
	})
}

func TestMaxErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		limit       string
		every       int // one row of so many is refused
		code        int
		least, most int // rejected
	}{
		{"0", 1, 1, 1, 1 + 16},
		{"10", 1, 1, 11, 11 + 16},
		{"10", 100, 3, 10, 10}, // of 1000: not more than that
		{"5%", 1, 1, 100, 100 + 32},
		{"5%", 50, 3, 20, 20},
		{"100%", 1, 3, 1000, 1000},
	} {
		t.Run(fmt.Sprintf("%s of one in %d", c.limit, c.every), func(t *testing.T) {
			t.Parallel()
			var seen atomic.Int64
			w := alone(t, sandbox.Options{}, func(a asked) what {
				if a.create && seen.Add(1)%int64(c.every) == 0 {
					return what{status: 400}
				}
				return pass
			})
			dir := t.TempDir()
			writeContacts(t, filepath.Join(dir, "c.csv"), 1000)
			s, p := run(t, dir, w.api, c.code, "--source", "c.csv", "--rate", "unlimited", "--max-errors", c.limit)
			if s.Rejected < c.least || s.Rejected > c.most {
				t.Errorf("%+v", s)
			}
			if c.code == 1 && !strings.Contains(p.stderr.String(), "max-errors") {
				t.Errorf("stderr: %s", p.stderr.String())
			}
			a := readReport(t, filepath.Join(dir, "c.csv.report.ndjson"))
			if a.count("rejected") != s.Rejected || a.count("created") != s.Created || len(a.inDoubt) != 0 {
				t.Errorf("the report has %d rejected, %d created and %d in doubt; the summary says %+v", a.count("rejected"), a.count("created"), len(a.inDoubt), s)
			}
			if err := a.check(w.Profiles()); err != nil {
				t.Error(err)
			}
		})
	}
}
