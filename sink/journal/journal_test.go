package journal

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"importer/importer/contact"
)

func options() Options {
	return Options{Header: Header{
		Run: "01JTEST", Version: "test", Mode: "create", Sources: []string{"contacts.csv"},
		BaseURL: "https://api.example.com", ProjectID: "65f0000000000000000000aa",
	}}
}

func open(t *testing.T, path string, o Options) *Journal {
	t.Helper()
	r, err := Open(Files{}, path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// begun opens a report and begins a run in it.
func begun(t *testing.T, path string, o Options) *Journal {
	t.Helper()
	r := open(t, path, o)
	must(t, r.Begin())
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func reportPath(t *testing.T) string { return filepath.Join(t.TempDir(), "contacts.csv.report.ndjson") }

// key is the key of a contact with this id.
func key(id string) contact.Key { return contact.KeyOf([]string{id}) }

func keys(ids ...string) []contact.Key {
	var ks []contact.Key
	for _, id := range ids {
		ks = append(ks, key(id))
	}
	return ks
}

// outcome is what became of the row of a contact, sent once where it can be.
func outcome(id string, s contact.Status) *contact.Outcome {
	p := contact.Profile{ContactIDs: []string{id}}
	digest, _ := p.Measure()
	o := &contact.Outcome{
		Row:    contact.Row{Source: "contacts.csv", Line: 2, Number: 1, Key: key(id), Digest: digest, Profile: p},
		Status: s, At: time.Now(),
	}
	switch s {
	case contact.Created:
		o.ID, o.Attempts = "65f1aaaaaaaaaaaaaaaaaaaa", 1
	case contact.Rejected, contact.Failed, contact.Unknown:
		o.Attempts = 1
		o.Failure = &contact.Failure{HTTP: 400, Code: 1005, Field: "age", Detail: "no number", TraceID: "t-1", Hint: "write a number"}
	case contact.Duplicate:
		o.First = contact.Place{Source: "contacts.csv", Line: 1}
	case contact.Invalid:
		o.Row.Key, o.Row.Digest = contact.Key{}, contact.Digest{}
		o.Failure = &contact.Failure{Field: "age", Detail: "no number"}
	}
	return o
}

func readLines(t *testing.T, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

func TestResume(t *testing.T) {
	path := reportPath(t)
	r := begun(t, path, options())
	must(t, r.Sending(keys("a", "b", "c", "d", "e", "f")))
	must(t, r.Append(outcome("a", contact.Created)))
	must(t, r.Append(outcome("a", contact.Duplicate)))
	must(t, r.Append(outcome("b", contact.Rejected)))
	must(t, r.Append(outcome("c", contact.Failed)))
	must(t, r.Append(outcome("d", contact.Unknown)))
	must(t, r.Unsent(keys("e"), contact.ToUpdate))
	must(t, r.Append(outcome("g", contact.Existing)))
	must(t, r.Append(outcome("h", contact.Invalid)))
	must(t, r.End(contact.Summary{Run: "01JTEST", Status: contact.Interrupted}))
	must(t, r.Close())

	r = open(t, path, options())
	known := r.Keys()
	for id, want := range map[string]contact.Status{
		"a": contact.Created, "b": contact.Rejected, "c": contact.Failed, "d": contact.Unknown,
		"e": 0, "f": contact.InDoubt, "g": contact.Existing, "h": 0,
	} {
		if got := known.Status(key(id)); got != want {
			t.Errorf("%s: %v, want %v", id, got, want)
		}
	}
	o, err := r.Before(key("b"))
	must(t, err)
	want := outcome("b", contact.Rejected)
	if o.Row.Digest != want.Row.Digest || *o.Failure != *want.Failure || o.Row.Profile.ContactIDs[0] != "b" || o.Status != contact.Rejected {
		t.Errorf("Before: %+v", o)
	}
	for id, doubtful := range map[string]bool{"a": false, "b": false, "d": true, "e": false, "f": true} {
		if got := !r.AnnouncedAt(key(id)).IsZero(); got != doubtful {
			t.Errorf("%s: announced: %v, want %v", id, got, doubtful)
		}
	}
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

// The lines are those of the contract, to the byte.
func TestLines(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_700_000, time.FixedZone("", 3600))
	created := outcome("a@example.com", contact.Created)
	created.Found = true
	rejected := outcome(`"q"`, contact.Rejected)
	duplicate := outcome("d", contact.Duplicate)
	duplicate.First = contact.Place{Source: "other.csv", Line: 7}
	invalid := outcome("h", contact.Invalid)
	const k, d = `"key":"`, `","digest":"`
	for name, c := range map[string]struct {
		o      *contact.Outcome
		redact bool
		want   string
	}{
		"created": {created, false, `{"kind":"row",` + k + created.Row.Key.String() + d + created.Row.Digest.String() +
			`","source":"contacts.csv","line":2,"row":1,"contactIds":["a@example.com"],"status":"created","_id":"65f1aaaaaaaaaaaaaaaaaaaa","found":true,"attempts":1,"at":"2026-01-02T02:04:05.006Z"}`},
		"rejected": {rejected, false, `{"kind":"row",` + k + rejected.Row.Key.String() + d + rejected.Row.Digest.String() +
			`","source":"contacts.csv","line":2,"row":1,"contactIds":["\"q\""],"status":"rejected","error":{"http":400,"code":1005,"field":"age","detail":"no number","traceId":"t-1","hint":"write a number"},"attempts":1,"at":"2026-01-02T02:04:05.006Z"}`},
		"redacted": {rejected, true, `{"kind":"row",` + k + rejected.Row.Key.String() + d + rejected.Row.Digest.String() +
			`","source":"contacts.csv","line":2,"row":1,"status":"rejected","error":{"http":400,"code":1005,"detail":"redacted","traceId":"t-1"},"attempts":1,"at":"2026-01-02T02:04:05.006Z"}`},
		"duplicate": {duplicate, false, `{"kind":"row",` + k + duplicate.Row.Key.String() + d + duplicate.Row.Digest.String() +
			`","source":"contacts.csv","line":2,"row":1,"contactIds":["d"],"status":"duplicate","first":{"source":"other.csv","line":7},"attempts":0,"at":"2026-01-02T02:04:05.006Z"}`},
		"invalid": {invalid, false, `{"kind":"row","source":"contacts.csv","line":2,"row":1,"contactIds":["h"],"status":"invalid","error":{"field":"age","detail":"no number"},"attempts":0,"at":"2026-01-02T02:04:05.006Z"}`},
	} {
		c.o.At = at
		written := func(o *contact.Outcome) string {
			l := rowOf(o)
			if c.redact {
				l.purge()
			}
			return string(encoded(l))
		}
		got := written(c.o)
		if got != c.want+"\n" {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
		back, err := parseLine([]byte(c.want))
		must(t, err)
		if again := written(back.(*Row).Outcome()); again != got {
			t.Errorf("%s: read back and written again it is %s", name, again)
		}
	}

	synctest.Test(t, func(t *testing.T) { // the clock begins at midnight UTC 2000-01-01
		path := reportPath(t)
		r := begun(t, path, options())
		must(t, r.Sending(keys("a", "b")))
		must(t, r.Unsent(keys("b"), contact.ToUpdate))
		must(t, r.End(contact.Summary{Run: "01JTEST", Status: contact.Stopped, Reason: "a < b"}))
		must(t, r.Close())
		got := readLines(t, path)
		want := []string{
			`{"kind":"run","run":"01JTEST","at":"2000-01-01T00:00:00.000Z","version":"test","mode":"create","sources":["contacts.csv"],"base_url":"https://api.example.com","project_id":"65f0000000000000000000aa"}`,
			`{"kind":"sending","keys":["` + key("a").String() + `","` + key("b").String() + `"],"at":"2000-01-01T00:00:00.000Z"}`,
			`{"kind":"unsent","keys":["` + key("b").String() + `"],"at":"2000-01-01T00:00:00.000Z"}`,
			`{"kind":"end","run":"01JTEST","at":"2000-01-01T00:00:00.000Z","status":"stopped","summary":{"run":"01JTEST","status":"stopped","reason":"a < b",` + strings.SplitN(got[3], `"reason":"a < b",`, 2)[1],
		}
		if !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

func TestRedactLeavesNothingOfTheSource(t *testing.T) {
	path := reportPath(t)
	o := options()
	o.Redact = true
	r := begun(t, path, o)
	must(t, r.Sending(keys("secret@example.com")))
	for _, s := range []contact.Status{contact.Rejected, contact.Invalid, contact.Duplicate} {
		row := outcome("secret@example.com", s)
		row.Row.Raw = []string{"secret"}
		row.Failure = &contact.Failure{Field: "secret", Detail: "secret", Hint: "secret"}
		must(t, r.Append(row))
	}
	must(t, r.End(contact.Summary{Status: contact.Stopped, Reason: "HTTP 401: secret"}))
	must(t, r.Close())
	if all := strings.Join(readLines(t, path), "\n"); strings.Contains(all, "secret") {
		t.Error(all)
	}
	if got := open(t, path, o).Keys().Status(key("secret@example.com")); got != contact.Rejected {
		t.Errorf("resumed as %v", got)
	}
}

func TestLongLines(t *testing.T) {
	path := reportPath(t)
	r := begun(t, path, options())
	var many []contact.Key
	for i := range 2*maxKeys + 1 {
		many = append(many, contact.Key{byte(i), byte(i >> 8), byte(i >> 16)})
	}
	must(t, r.Sending(many))
	long := outcome("long", contact.Invalid)
	long.Row.Profile.ContactIDs = []string{strings.Repeat("x", maxLine)}
	must(t, r.Append(long))
	must(t, r.Close())
	if got := open(t, path, options()).Keys().Count(contact.InDoubt); got != len(many) {
		t.Errorf("%d keys in doubt, want %d", got, len(many))
	}
}

// A disk is a file whose faults a test decides.
type disk struct {
	*os.File
	mu        sync.Mutex
	calls     []string
	room      int // bytes that can still be written; -1 for no end
	failSync  error
	syncCalls int
}

func (d *disk) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var l struct{ Kind string }
	if json.Unmarshal(b, &l) != nil || b[len(b)-1] != '\n' || slices.Contains(b[:len(b)-1], '\n') {
		d.calls = append(d.calls, "not one line: "+string(b))
	}
	d.calls = append(d.calls, l.Kind)
	if d.room >= 0 && len(b) > d.room {
		n, _ := d.File.Write(b[:d.room])
		d.room = 0
		return n, syscall.ENOSPC
	}
	if d.room >= 0 {
		d.room -= len(b)
	}
	return d.File.Write(b)
}

func (d *disk) Sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, "fsync")
	d.syncCalls++
	if d.failSync != nil {
		return d.failSync
	}
	return d.File.Sync()
}

// onDisk puts a disk under a report that is open.
func onDisk(r *Journal) *disk {
	d := &disk{File: r.file.(*os.File), room: -1}
	r.file = d
	return d
}

func TestSendingIsOnDiskWithAllBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begun(t, reportPath(t), options())
		d := onDisk(r)
		must(t, r.Append(outcome("a", contact.Existing)))
		must(t, r.Append(outcome("b", contact.Existing)))
		must(t, r.Sending(keys("c")))
		want := []string{"row", "row", "sending", "fsync"}
		if !slices.Equal(d.calls, want) {
			t.Errorf("%v, want %v", d.calls, want)
		}
		must(t, r.Close())
		if !slices.Equal(d.calls, want) {
			t.Errorf("with nothing new Close did %v", d.calls[len(want):])
		}
	})
}

func TestAppendIsOnDiskWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begun(t, reportPath(t), options())
		d := onDisk(r)
		for range 3 {
			before := d.syncCalls
			must(t, r.Append(outcome("a", contact.Existing)))
			time.Sleep(300 * time.Millisecond)
			must(t, r.Append(outcome("b", contact.Existing)))
			time.Sleep(700 * time.Millisecond)
			synctest.Wait()
			if d.syncCalls != before+1 || d.calls[len(d.calls)-1] != "fsync" {
				t.Fatalf("a second after the append: %v", d.calls)
			}
		}
		before := d.syncCalls
		time.Sleep(time.Minute)
		if d.syncCalls != before {
			t.Error("an idle report is flushed")
		}
		must(t, r.Unsent(keys("a"), contact.ToUpdate))
		must(t, r.Close())
		if got := d.calls[len(d.calls)-2:]; !slices.Equal(got, []string{"unsent", "fsync"}) {
			t.Errorf("Close: %v", got)
		}
		time.Sleep(time.Minute) // the timer must not touch the closed file
	})
}

func TestBrokenReportStaysBroken(t *testing.T) {
	broken := errors.New("broken disk")
	for name, breaks := range map[string]func(r *Journal, d *disk) error{
		"write": func(r *Journal, d *disk) error {
			d.room = 10
			return r.Append(outcome("a", contact.Existing))
		},
		"fsync of sending": func(r *Journal, d *disk) error {
			d.failSync = broken
			err := r.Sending(keys("a"))
			d.failSync = nil // a second fsync would seem to succeed
			return err
		},
		"fsync of the timer": func(r *Journal, d *disk) error {
			d.failSync = broken
			if err := r.Append(outcome("a", contact.Existing)); err != nil {
				return err
			}
			time.Sleep(time.Second)
			synctest.Wait()
			d.failSync = nil
			return r.Append(outcome("b", contact.Existing))
		},
		"moved away": func(r *Journal, d *disk) error {
			if err := os.Rename(r.report, r.report+".moved"); err != nil {
				return err
			}
			return r.Sending(keys("a"))
		},
		"cut, as log rotation does": func(r *Journal, d *disk) error {
			if err := os.Truncate(r.report, 0); err != nil {
				return err
			}
			if err := r.Append(outcome("a", contact.Existing)); err != nil {
				return err
			}
			return r.Sending(keys("a"))
		},
		"an old copy put back": func(r *Journal, d *disk) error {
			old, err := os.ReadFile(r.report)
			if err != nil {
				return err
			}
			if err := errors.Join(r.Append(outcome("a", contact.Existing)), os.WriteFile(r.report, old, 0o600)); err != nil {
				return err
			}
			return r.End(contact.Summary{})
		},
		"replaced by a folder": func(r *Journal, d *disk) error {
			if err := errors.Join(os.Remove(r.report), os.Mkdir(r.report, 0o700)); err != nil {
				return err
			}
			return r.Sending(keys("a"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := reportPath(t)
				r := begun(t, path, options())
				d := onDisk(r)
				first := breaks(r, d)
				if first == nil || !strings.Contains(first.Error(), path) {
					t.Fatalf("error %v", first)
				}
				syncs := d.syncCalls
				_, before := r.Before(key("a"))
				for what, err := range map[string]error{
					"Append": r.Append(outcome("a", contact.Existing)), "Sending": r.Sending(keys("a")), "Unsent": r.Unsent(keys("a"), contact.ToUpdate),
					"Before": before, "Begin": r.Begin(), "End": r.End(contact.Summary{}),
				} {
					if err != first {
						t.Errorf("%s: %v, want %v", what, err, first)
					}
				}
				if err := r.Close(); !errors.Is(err, first) {
					t.Errorf("Close: %v", err)
				}
				if name != "write" && d.syncCalls != syncs {
					t.Error("fsync was tried again")
				}
			})
		})
	}
}

// What cannot be written is kept, and written in the end if there is room again.
func TestFullDisk(t *testing.T) {
	row := len(encoded(rowOf(outcome("a", contact.Created))))
	for room := range 2*row + 1 {
		path := reportPath(t)
		r := begun(t, path, options())
		must(t, r.Sending(keys("a", "b", "c", "d")))
		d := onDisk(r)
		d.room = room
		failed := 0
		for _, id := range []string{"a", "b", "c"} {
			if r.Append(outcome(id, contact.Created)) != nil {
				failed++
			}
		}
		if want := 3 - room/row; failed != want {
			t.Fatalf("room for %d bytes: %d lines failed, want %d", room, failed, want)
		}
		if r.Sending(keys("e")) == nil || r.Unsent(keys("d"), contact.ToUpdate) == nil {
			t.Fatal("a broken report takes keys")
		}
		created, doubtful := 3-failed, 1+failed
		if room%2 == 0 {
			d.room = -1
			created, doubtful = 3, 0
		}
		if err := r.Close(); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Close: %v", err)
		}
		// For the next run each row is settled or in doubt.
		known := open(t, path, options()).Keys()
		if c, d := known.Count(contact.Created), known.Count(contact.InDoubt); c != created || d != doubtful {
			t.Errorf("room for %d bytes: %d created and %d in doubt, want %d and %d", room, c, d, created, doubtful)
		}
		if got := known.Status(key("e")); got != 0 {
			t.Errorf("what was not announced is %v", got)
		}
	}
}

// An outcome that cannot be written breaks the report, and takes none with it that
// comes at the same time.
func TestOutcomeThatCannotBeWritten(t *testing.T) {
	path := reportPath(t)
	r := begun(t, path, options())
	must(t, r.Sending(keys("a", "b", "c")))
	bad := outcome("b", contact.Created)
	bad.Previous = &contact.Profile{Fields: []contact.Field{{Name: "age", Value: []byte("{")}}}
	err := r.Append(outcome("a", contact.Created), bad, outcome("c", contact.Created))
	if err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
	if again := r.Append(outcome("a", contact.Existing)); again != err {
		t.Errorf("after the first error: %v", again)
	}
	if again := r.Close(); !errors.Is(again, err) {
		t.Errorf("Close: %v", again)
	}
	known := open(t, path, options()).Keys()
	for id, want := range map[string]contact.Status{"a": contact.Created, "b": contact.InDoubt, "c": contact.Created} {
		if got := known.Status(key(id)); got != want {
			t.Errorf("%s is %v, want %v", id, got, want)
		}
	}
}

func TestConcurrentCalls(t *testing.T) {
	path := reportPath(t)
	r := begun(t, path, options())
	const n = 200
	announced := make(chan contact.Key, n) // closed by the announcer
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(announced)
		for i := range n {
			k := contact.Key{byte(i), 1}
			if err := r.Sending([]contact.Key{k}); err != nil {
				t.Error(err)
			}
			announced <- k
		}
	})
	wg.Go(func() {
		for k := range announced {
			o := outcome("x", contact.Created)
			o.Row.Key = k
			if err := r.Append(o); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	must(t, r.Close())
	if got := open(t, path, options()).Keys().Count(contact.Created); got != n {
		t.Errorf("%d created, want %d", got, n)
	}
}

func TestClose(t *testing.T) {
	path := reportPath(t)
	r := open(t, path, options())
	must(t, r.Close())
	for _, p := range []string{path, path + ".lock"} {
		if _, err := os.Lstat(p); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a report without a run left %s: %v", p, err)
		}
	}
	if err := r.Append(outcome("a", contact.Existing)); err == nil {
		t.Error("a closed report takes a row")
	}
}

// What goes wrong when a report is closed is told, and its lock is free all the same.
func TestCloseTellsWhatWentWrong(t *testing.T) {
	broken := errors.New("broken disk")
	for name, c := range map[string]struct {
		breaks func(r *Journal) error
		want   error
	}{
		"the last fsync": {func(r *Journal) error {
			err := r.Begin()
			onDisk(r).failSync = broken
			return errors.Join(err, r.Append(outcome("a", contact.Existing)))
		}, broken},
		"closing":                          {func(r *Journal) error { return errors.Join(r.Begin(), r.file.Close()) }, os.ErrClosed},
		"removing a report without a line": {func(r *Journal) error { return os.Remove(r.report) }, fs.ErrNotExist},
		"removing the lock":                {func(r *Journal) error { return errors.Join(r.Begin(), os.Remove(r.report+".lock")) }, fs.ErrNotExist},
	} {
		path := reportPath(t)
		r := open(t, path, options())
		must(t, c.breaks(r))
		if err := r.Close(); !errors.Is(err, c.want) {
			t.Errorf("%s: Close: %v, want %v", name, err, c.want)
		}
		if again, err := Open(Files{}, path, options()); err != nil {
			t.Errorf("%s: opened again: %v", name, err)
		} else if err := again.Close(); err != nil {
			t.Errorf("%s: closed again: %v", name, err)
		}
	}
}
