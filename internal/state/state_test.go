package state

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"importer/importer/change"
	"importer/importer/contact"
	"importer/internal/sqlfile"
)

func open(t *testing.T, path string) *State {
	t.Helper()
	s, err := Open(path, Options{BaseURL: "https://x", ProjectID: "p"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func outcome(n int, status contact.Status, digest byte) *contact.Outcome {
	p := contact.Profile{ContactIDs: []string{fmt.Sprint("c", n)}}
	return &contact.Outcome{
		Row:    contact.Row{Key: contact.KeyOf(p.ContactIDs), Digest: contact.Digest{0: digest, 15: digest}, Profile: p},
		Status: status, ID: fmt.Sprintf("%024d", n), At: time.Unix(1e9, 0),
	}
}

// record has the state know so many contacts.
func record(t *testing.T, s *State, n int) {
	t.Helper()
	for i := range n {
		if err := s.Record(outcome(i, contact.Created, 1)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStateHoldsWhatWasRecordedLast(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	s := open(t, path)
	record := func(o *contact.Outcome) {
		t.Helper()
		if err := s.Record(o); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 10 {
		record(outcome(i, contact.Created, 1))
	}
	record(outcome(1, contact.Updated, 2))
	record(outcome(2, contact.Deactivated, 1))
	record(outcome(3, contact.Deleted, 1))
	record(outcome(4, contact.Failed, 3))
	record(outcome(5, contact.Unknown, 3))
	refused := outcome(6, contact.Rejected, 3)
	refused.Failure = &contact.Failure{HTTP: 400, Detail: "no"}
	record(refused)
	moved := outcome(7, contact.Updated, 4)
	moved.Row.Profile.ContactIDs = []string{"c7", "more"}
	moved.Row.Key = contact.KeyOf(moved.Row.Profile.ContactIDs)
	moved.Changed = time.Unix(5e8, 0)
	record(moved)

	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	for range 2 { // before and after it was closed
		if s.Len() != 9 {
			t.Errorf("knows %d, want 9", s.Len())
		}
		for i, want := range []struct {
			digest   byte
			inactive bool
			known    bool
		}{{1, false, true}, {2, false, true}, {1, true, true}, {0, false, false}, {1, false, true}, {1, false, true}, {1, false, true}, {0, false, false}, {1, false, true}} {
			k := outcome(i, 0, 0).Row.Key
			e, known, err := s.Entry(k)
			if err != nil || known != want.known || known && (e.Digest[0] != want.digest || e.Inactive != want.inactive || e.ID != fmt.Sprintf("%024d", i) || e.Touched.Unix() != 1e9) {
				t.Errorf("%d: %+v, %t, %v; want %+v", i, e, known, err, want)
			}
		}
		if e, known, err := s.Entry(moved.Row.Key); err != nil || !known || e.ID != moved.ID || e.Touched.Unix() != 5e8 {
			t.Errorf("the contact that has another id: %+v, %t, %v", e, known, err)
		}
		if d, why, err := s.Refused(refused.Row.Key); err != nil || d != refused.Row.Digest || !reflect.DeepEqual(why, refused.Failure) {
			t.Errorf("refused: %v, %+v, %v", d, why, err)
		}
		if _, why, err := s.Refused(outcome(1, 0, 0).Row.Key); err != nil || why != nil {
			t.Errorf("not refused: %+v, %v", why, err)
		}
		var all []change.Entry
		var after contact.Key
		for {
			part, err := s.Entries(after, 4)
			if err != nil {
				t.Fatal(err)
			}
			if len(part) == 0 {
				break
			}
			all, after = append(all, part...), part[len(part)-1].Key
		}
		if len(all) != 9 {
			t.Errorf("%d entries, want 9", len(all))
		}
		for _, e := range all {
			if contact.KeyOf(e.ContactIDs) != e.Key {
				t.Errorf("%+v: the contact ids are of another key", e)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, path)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestStateKnowsHowMuchOfAReportItHolds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	s := open(t, path)
	holds := func(report string, lines int64, run string, known bool) {
		t.Helper()
		if got, ok, err := s.Holds(report); err != nil || got.Lines != lines || got.Run != run || ok != known {
			t.Errorf("of %s it holds %+v, %t, %v; want %d lines to %q, %t", report, got, ok, err, lines, run, known)
		}
	}
	count := int64(10)
	s.From(Source{Report: "01A", Run: "01B"}, func() (int64, int64) { return count, 100 * count })
	record(t, s, 1)
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	count = 20
	holds("01A", 10, "01B", true)
	holds("01C", 0, "", false)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	defer s.Close()
	holds("01A", 20, "01B", true)
	if bytes, err := s.meta("report_bytes"); bytes != "2000" || err != nil { // for versions that count bytes
		t.Errorf("%q bytes, %v", bytes, err)
	}
	// Of an older report more became known: the last one is still the last.
	if err := errors.Join(s.Note(Source{Report: "00Z", Run: "00Z"}, 7), s.Commit()); err != nil {
		t.Fatal(err)
	}
	holds("00Z", 7, "00Z", true)
	if last, err := s.Last(); err != nil || last != (Source{"01A", "01B"}) {
		t.Errorf("the last report is %+v, %v", last, err)
	}
	for i := range 2 * maxSources {
		if err := s.Note(Source{Report: fmt.Sprintf("02%03d", i), Run: fmt.Sprintf("02%03d", i)}, 1); err != nil {
			t.Fatal(err)
		}
	}
	holds("01A", 0, "", false)
	holds(fmt.Sprintf("02%03d", maxSources), 1, fmt.Sprintf("02%03d", maxSources), true)
	// A clock that was set back: the report of this run is not the one that is forgotten.
	s.From(Source{Report: "00A", Run: "00A"}, func() (int64, int64) { return 3, 300 })
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	holds("00A", 3, "00A", true)
	if last, err := s.Last(); err != nil || last.Run != "00A" {
		t.Errorf("the last report is %+v, %v", last, err)
	}
}

// A state of an older version remembers one report, in bytes.
func TestStateOfAnOlderVersionKnowsHowMuchItHolds(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "s.db"))
	defer s.Close()
	if err := s.exec("INSERT INTO meta VALUES ('report', '01A'), ('report_bytes', '123')"); err != nil {
		t.Fatal(err)
	}
	if held, known, err := s.Holds("01A"); err != nil || !known || held != (Held{Lines: -1, Bytes: 123}) {
		t.Errorf("%+v, %t, %v", held, known, err)
	}
	if held, known, err := s.Holds("01B"); err != nil || known {
		t.Errorf("%+v, %t, %v", held, known, err)
	}
	if id, err := s.ID(); id != "" || err != nil {
		t.Errorf("id %q, %v", id, err)
	}
}

func TestStateIsSetAsideWithItsName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	s := open(t, path)
	defer s.Close()
	if err := s.Name(""); err != nil {
		t.Fatal(err)
	}
	id, err := s.ID()
	if err != nil || id == "" {
		t.Fatal(id, err)
	}
	if err := errors.Join(s.Name("another"), s.Use("01A")); err != nil {
		t.Fatal(err)
	}
	record(t, s, 1)
	if err := s.SetAside("it is old"); err != nil {
		t.Fatal(err)
	}
	if s.Replaced != path+".1" || s.Because != "it is old" || s.Len() != 0 {
		t.Errorf("moved to %q because %q, with %d contacts left", s.Replaced, s.Because, s.Len())
	}
	if now, err := s.ID(); now != id || err != nil {
		t.Errorf("its id is %q and was %q: %v", now, id, err)
	}
	if used, err := s.Used(); used != "" || err != nil {
		t.Errorf("used by %q, %v", used, err)
	}
	record(t, s, 2)
	if s.Len() != 2 {
		t.Errorf("%d contacts", s.Len())
	}
	old := open(t, path+".1")
	defer old.Close()
	if used, err := old.Used(); old.Len() != 1 || used != "01A" || err != nil {
		t.Errorf("%d contacts in the old one, used by %q, %v", old.Len(), used, err)
	}
}

// What could not be recorded is read from the report again: the state does not say
// that it holds it, however it is closed.
func TestAStateThatFailedSaysNothingOfWhatItLacks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	s := open(t, path)
	s.From(Source{Report: "01J"}, func() (int64, int64) { return 10, 1000 })
	if err := sqlfile.RunAll(s.conn, "PRAGMA max_page_count = 1"); err != nil { // no more than there are
		t.Fatal(err)
	}
	var failed error
	for n := 0; n < 1000 && failed == nil; n++ {
		failed = s.Record(outcome(n, contact.Created, 1))
	}
	if failed == nil {
		t.Fatal("a thousand contacts fit into a full state")
	}
	if err := s.Commit(); err != failed {
		t.Errorf("the commit after that: %v, want %v", err, failed)
	}
	if err := s.Close(); !errors.Is(err, failed) {
		t.Errorf("closing it: %v, want %v", err, failed)
	}
	s = open(t, path)
	defer s.Close()
	if held, _, err := s.Holds("01J"); held.Lines != 0 || err != nil || s.Len() != 0 {
		t.Errorf("it holds %d lines, %v, and %d contacts", held.Lines, err, s.Len())
	}
}

func TestStateIsLockedAndBelongsToAProject(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	s := open(t, path)
	var locked *LockedError
	if _, err := Open(path, Options{BaseURL: "https://x", ProjectID: "p"}); !errors.As(err, &locked) {
		t.Errorf("opened twice: %v", err)
	}
	record(t, s, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var other *MismatchError
	if _, err := Open(path, Options{BaseURL: "https://x", ProjectID: "q"}); !errors.As(err, &other) || other.What != "project" || other.Held != 1 {
		t.Errorf("another project: %v", err)
	}
	if err := open(t, path).Close(); err != nil {
		t.Errorf("after a mismatch: %v", err)
	}
}

// A state of another project that nobody will miss is set aside: one that knows nobody,
// or one of a rehearsal.
func TestStateThatIsSetAside(t *testing.T) {
	rehearsal := func(baseURL, projectID string) bool { return baseURL == "https://x" }
	for name, c := range map[string]struct {
		contacts int
		o        Options
		because  string // empty: it is refused
	}{
		"it knows nobody":   {0, Options{BaseURL: "https://x", ProjectID: "q"}, "it was of another project, and held no contact"},
		"it knows somebody": {1, Options{BaseURL: "https://y", ProjectID: "p"}, ""},
		"a rehearsal":       {1, Options{BaseURL: "https://y", ProjectID: "p", Rehearsal: rehearsal}, "it was of a rehearsal in a sandbox"},
		"of a check":        {1, Options{BaseURL: "https://y", ProjectID: "p", Rehearsal: rehearsal, Stay: true}, ""},
	} {
		path := filepath.Join(t.TempDir(), "s.db")
		s := open(t, path)
		record(t, s, c.contacts)
		if err := errors.Join(s.Close(), os.WriteFile(path+".1", []byte("somebody's"), 0o600)); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path, c.o)
		if (err == nil) != (c.because != "") {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			continue
		}
		if s.Because != c.because || s.Replaced != path+".2" || s.Len() != 0 {
			t.Errorf("%s: moved to %q, because %q, and it knows %d", name, s.Replaced, s.Because, s.Len())
		}
		record(t, s, 1)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if s, err = Open(path, c.o); err != nil || s.Len() != 1 || s.Replaced != "" {
			t.Fatalf("%s: opened again: %v", name, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		old := open(t, path+".2")
		if old.Len() != c.contacts {
			t.Errorf("%s: the old one knows %d", name, old.Len())
		}
		if err := old.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestStateRefusesOtherFiles(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("this is no database, and long enough to tell that it is none"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(text, Options{}); err == nil {
		t.Error("a text file was taken")
	}
	newer := filepath.Join(dir, "newer.db")
	s := open(t, newer)
	if err := sqlfile.Run(s.conn, "PRAGMA user_version = 99", nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(newer, Options{BaseURL: "https://x", ProjectID: "p"}); err == nil {
		t.Error("a file of a newer version was taken")
	}
}

func BenchmarkEntry(b *testing.B) {
	s, err := Open(filepath.Join(b.TempDir(), "s.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	const n = 100_000
	for i := range n {
		if err := s.Record(outcome(i, contact.Created, 1)); err != nil {
			b.Fatal(err)
		}
	}
	keys := make([]contact.Key, n)
	for i := range keys {
		keys[i] = outcome(i, 0, 0).Row.Key
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if _, ok, err := s.Entry(keys[i%n]); err != nil || !ok {
			b.Fatal(err, ok)
		}
	}
}

// What the report took with one write is committed as one, or a crash in between
// would lose the rest of it: the place in the report is behind all of it.
func TestWhatIsRecordedTogetherIsCommittedTogether(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "s.db"))
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	recorded := 0
	s.From(Source{Report: "run 1"}, func() (int64, int64) {
		if s.n != recorded {
			t.Errorf("committed with %d of %d contacts", s.n, recorded)
		}
		return int64(recorded), 0
	})
	for range 3 {
		var batch []*contact.Outcome
		for range 64 {
			recorded++
			batch = append(batch, outcome(recorded, contact.Created, 1))
		}
		s.committed = time.Now().Add(-time.Hour) // a commit is due with the first
		if err := s.Record(batch...); err != nil {
			t.Fatal(err)
		}
		if held, _, err := s.Holds("run 1"); err != nil || held.Lines != int64(recorded) {
			t.Errorf("holds %+v of %d, %v", held, recorded, err)
		}
	}
}

// Other versions read the state: its JSON is what encoding/json makes of it.
func TestStoredJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	s := open(t, path)
	made := outcome(1, contact.Created, 1)
	made.Row.Profile.ContactIDs = []string{"a&b@example.com", "<\u2028>"}
	none := outcome(2, contact.Created, 1)
	none.Row.Profile.ContactIDs = nil
	refused := outcome(3, contact.Rejected, 1)
	refused.Failure = &contact.Failure{HTTP: 400, Detail: "a < b", TraceID: "T"}
	if err := s.Record(made, none, refused); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := sqlfile.Run(s.conn, "SELECT contact_ids FROM contact UNION ALL SELECT failure FROM refused ORDER BY 1", func(stmt *sqlite.Stmt) error {
		got = append(got, stmt.ColumnText(0))
		return nil
	})
	want := []string{`["a\u0026b@example.com","\u003c\u2028\u003e"]`, "null", `{"http":400,"detail":"a \u003c b","traceId":"T"}`}
	slices.Sort(got)
	slices.Sort(want)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
	if _, why, err := s.Refused(refused.Row.Key); err != nil || why == nil || *why != *refused.Failure {
		t.Errorf("refused for %+v, %v", why, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// Who made a profile, and which values were sent, as far as each kind of outcome tells.
func TestStateKnowsWhoMadeAProfileAndWhatWasSent(t *testing.T) {
	full := func(n int, status contact.Status, name string) *contact.Outcome {
		o := outcome(n, status, 1)
		o.Row.Profile.Fields = []contact.Field{{Name: "firstname", Value: contact.StringValue(name)}}
		return o
	}
	other := func(o *contact.Outcome, change func(*contact.Outcome)) *contact.Outcome {
		change(o)
		return o
	}
	for _, c := range []struct {
		name     string
		outcomes []*contact.Outcome
		made     bool
		sent     string // the first name that is known to have been sent; empty: none
		nameless bool
	}{
		{"created", []*contact.Outcome{full(1, contact.Created, "A")}, true, "A", false},
		{"adopted", []*contact.Outcome{full(1, contact.Unchanged, "A")}, false, "A", false},
		{"adopted and updated", []*contact.Outcome{full(1, contact.Unchanged, "A"), full(1, contact.Updated, "B")}, false, "B", false},
		{"created and updated", []*contact.Outcome{full(1, contact.Created, "A"), full(1, contact.Updated, "B")}, true, "B", false},
		{"created, and updated as a report tells", []*contact.Outcome{full(1, contact.Created, "A"), outcome(1, contact.Updated, 2)}, true, "", false},
		{"created, and updated as a redacted report tells", []*contact.Outcome{full(1, contact.Created, "A"),
			other(outcome(1, contact.Updated, 2), func(o *contact.Outcome) { o.Row.Profile = contact.Profile{} })}, true, "", false},
		{"as a redacted report tells", []*contact.Outcome{other(outcome(1, contact.Created, 2), func(o *contact.Outcome) { o.Row.Profile = contact.Profile{} })}, true, "", true},
		{"deactivated", []*contact.Outcome{full(1, contact.Created, "A"), full(1, contact.Deactivated, "")}, true, "A", false},
		{"gone, and found as another profile", []*contact.Outcome{full(1, contact.Created, "A"), other(full(1, contact.Updated, "B"), func(o *contact.Outcome) { o.ID = "other" })}, false, "B", false},
		{"gone, and created again", []*contact.Outcome{full(1, contact.Unchanged, "A"), other(full(1, contact.Created, "B"), func(o *contact.Outcome) { o.ID = "other" })}, true, "B", false},
		{"another's was merged into it", []*contact.Outcome{full(1, contact.Created, "A"), other(full(1, contact.Updated, "B"), func(o *contact.Outcome) { o.Merged = true })}, false, "B", false},
	} {
		s := open(t, filepath.Join(t.TempDir(), "s.db"))
		for _, o := range c.outcomes {
			if err := s.Record(o); err != nil {
				t.Fatal(err)
			}
		}
		key := outcome(1, 0, 0).Row.Key
		e, known, err := s.Entry(key)
		sent := change.Marks{}
		if c.sent != "" {
			sent = change.MarksOf(full(1, 0, c.sent).Row.Profile)
		}
		if err != nil || !known || e.Made != c.made || !bytes.Equal(e.Sent, sent) || e.Nameless != c.nameless {
			t.Errorf("%s: %+v, %t, %v", c.name, e, known, err)
		}
		// Its row is seen.
		if err := s.Identify(key, []string{"c1"}); err != nil {
			t.Fatal(err)
		}
		all, err := s.Entries(contact.Key{}, 10)
		if err != nil || len(all) != 1 || len(all[0].ContactIDs) != 1 || all[0].Made != c.made || all[0].Nameless {
			t.Errorf("%s: %+v, %v", c.name, all, err)
		}
		if err := s.Record(outcome(1, contact.Absent, 1)); err != nil || s.Len() != 0 {
			t.Errorf("%s: gone, and not created again: %d, %v", c.name, s.Len(), err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
