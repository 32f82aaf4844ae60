package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"importer/importer/contact"
	"importer/sink/journal"
)

func header(run string) journal.Options {
	return journal.Options{Header: journal.Header{Run: run, Version: "test", Mode: "create", Sources: []string{"contacts.csv"}, BaseURL: "https://api.example.com", ProjectID: "p"}}
}

func key(i int) contact.Key { return contact.KeyOf([]string{fmt.Sprintf("secret-%d", i)}) }

func outcome(i int) *contact.Outcome {
	p := contact.Profile{ContactIDs: []string{fmt.Sprintf("secret-%d", i)}}
	digest, _ := p.Measure()
	return &contact.Outcome{Row: contact.Row{Source: "contacts.csv", Line: i + 2, Number: int64(i + 1), Key: key(i), Digest: digest, Profile: p},
		Status: contact.Created, At: time.Now(), ID: "65f1aaaaaaaaaaaaaaaaaaaa", Attempts: 1}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// readAll reads a report of a keeper.
func readAll(t *testing.T, k journal.Keeper, name string) string {
	t.Helper()
	r, err := k.Read(name, false)
	must(t, err)
	defer r.Close()
	text, err := io.ReadAll(r)
	must(t, err)
	return string(text)
}

// A journal works over a store as over a file: held, killed, resumed elsewhere, read while
// it is written, ended, purged, set aside.
func testReports(t *testing.T, pg db) {
	s, elsewhere := open(t, pg.URL()), open(t, pg.URL())
	here, there := s.Reports("https://api.example.com", "p"), elsewhere.Reports("https://api.example.com", "p")
	const name = "contacts.csv.report.ndjson"
	if _, err := here.Read(name, false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading what is not there: %v", err)
	}
	j, err := journal.Open(here, name, header("01A"))
	must(t, err)
	must(t, j.Begin())
	must(t, j.Sending([]contact.Key{key(0), key(1), key(2)}))
	must(t, j.Append(outcome(0)))
	_, err = journal.Open(there, name, header("01B"))
	locked, isLocked := errors.AsType[*journal.LockedError](err)
	held, isHeld := errors.AsType[*HeldError](err)
	if !isLocked || !isHeld || locked.PID != held.PID || !strings.Contains(err.Error(), held.Host) {
		t.Errorf("opening what another holds: %v", err)
	}
	following, err := there.Read(name, false)
	must(t, err)
	first, err := io.ReadAll(following)
	must(t, err)
	must(t, s.Close()) // as if it were killed: the outcome was not on its way yet

	j, err = journal.Open(there, "contacts.csv", header("01B"))
	must(t, err)
	if j.Runs() != 1 || j.AnnouncedAt(key(0)).IsZero() || j.AnnouncedAt(key(2)).IsZero() {
		t.Errorf("the journal holds %d runs, and its rows are not in doubt", j.Runs())
	}
	must(t, j.Begin())
	must(t, j.Append(outcome(0), outcome(1), outcome(2)))
	must(t, j.End(contact.Summary{Run: "01B", Status: contact.Complete, Requests: 3}))
	must(t, j.Close())
	rest, err := io.ReadAll(following)
	must(t, err)
	whole := readAll(t, there, name)
	if string(first)+string(rest) != whole || strings.Count(whole, `"kind":"row"`) != 3 {
		t.Errorf("what was read while it was written is not what was written:\n%s\nand\n%s", first, rest)
	}
	found, err := elsewhere.Find(t.Context(), KindReport, "contacts.csv", "", "")
	if err != nil || len(found) != 1 || found[0].Status != "complete" || found[0].Size != int64(len(whole)) || found[0].Holder != nil {
		t.Errorf("found %+v, %v", found, err)
	}

	rows, err := journal.Purge(there, name)
	must(t, err)
	if purged, err := journal.IsPurged(there, name); rows != 3 || !purged || err != nil {
		t.Errorf("%d rows were purged, and it is purged: %t, %v", rows, purged, err)
	}
	if text := readAll(t, there, name); strings.Contains(text, "secret-") || strings.Count(text, "\n") != strings.Count(whole, "\n") {
		t.Errorf("after a purge:\n%s", text)
	}
	if n, err := following.Read(make([]byte, 10)); err == nil || err == io.EOF {
		t.Errorf("who read before the purge reads on: %d, %v", n, err)
	}

	o := header("01C")
	o.Restart = true
	j, err = journal.Open(there, name, o)
	must(t, err)
	must(t, j.Begin())
	if purged, err := journal.IsPurged(there, name); purged || err != nil {
		t.Errorf("a new report is purged: %t, %v", purged, err)
	}
	must(t, j.Close())
	aside, err := there.Aside(name)
	if err != nil || !slices.Equal(aside, []string{"contacts.csv.1"}) || j.Replaced != "" {
		t.Errorf("set aside: %v, %v", aside, err)
	}
	if text := readAll(t, there, "contacts.csv.report.ndjson.1"); strings.Count(text, `"kind":"row"`) != 3 {
		t.Errorf("what was set aside holds\n%s", text)
	}
	if names := there.Beside("contacts.csv"); !slices.Equal(names, []string{"contacts.csv", "contacts.csv.1"}) {
		t.Errorf("beside: %v", names)
	}
	must(t, journal.Remove(there, "contacts.csv.1"))
	if n := pg.Exec("select count(*) from importer_run"); n != "1" {
		t.Errorf("%s runs are left", n)
	}
}

// A journal that is resumed from any prefix of its chunks says of each row either that it is
// in, or that it may be.
func testChunkPrefixes(t *testing.T, pg db) {
	s := open(t, pg.URL())
	k := s.Reports("https://api.example.com", "p")
	const rows = 6
	j, err := journal.Open(k, "whole", header("01A"))
	must(t, err)
	must(t, j.Begin())
	for i := range rows {
		must(t, j.Sending([]contact.Key{key(i)}))
		o := outcome(i)
		o.Status, o.ID, o.Failure = contact.Rejected, "", &contact.Failure{HTTP: 400, Code: 1005, Field: "age", Detail: "no number"}
		must(t, j.Append(o))
	}
	must(t, j.Close())
	chunks := pg.Exec("select count(*) from importer_journal")
	var n int
	fmt.Sscan(chunks, &n)
	if n < rows {
		t.Fatalf("%d chunks of %d announcements", n, rows)
	}
	for prefix := 1; prefix <= n; prefix++ {
		name := fmt.Sprintf("prefix-%d", prefix)
		pg.Exec(fmt.Sprintf(`insert into importer_run (kind, base_url, project_id, name) select kind, base_url, project_id, '%s' from importer_run where name = 'whole';
			insert into importer_journal (run, seq, epoch, start, lines) select (select id from importer_run where name = '%s'), seq, j.epoch, start, lines
			from importer_journal j join importer_run r on r.id = j.run where r.name = 'whole' order by seq limit %d`, name, name, prefix))
		j, err := journal.Open(k, name, header("01B"))
		must(t, err)
		text := readAll(t, k, name)
		for i := range rows {
			announced := strings.Contains(text, key(i).String())
			doubtful := !j.AnnouncedAt(key(i)).IsZero()
			if in := strings.Contains(text, fmt.Sprintf(`"secret-%d"`, i)); announced && !in && !doubtful || in && doubtful {
				t.Errorf("of %d chunks, row %d: announced %t, in %t, in doubt %t", prefix, i, announced, in, doubtful)
			} else if in {
				if o, err := j.Before(key(i)); err != nil || o.Status != contact.Rejected {
					t.Errorf("of %d chunks, row %d: %+v, %v", prefix, i, o, err)
				}
			}
		}
		must(t, j.Begin())
		must(t, j.Close())
	}
}

// A writing gives back what was written wherever that is just now.
func testWriting(t *testing.T, pg db) {
	s := open(t, pg.URL())
	k := s.Reports("https://api.example.com", "p")
	h, err := k.Hold("contacts.csv", false)
	must(t, err)
	w, err := h.Open()
	must(t, err)
	var want bytes.Buffer
	for i := range 40 {
		line := bytes.Repeat([]byte{byte('a' + i%26)}, 70_000+i)
		line[len(line)-1] = '\n'
		want.Write(line)
		if n, err := w.Write(line); err != nil || n != len(line) {
			t.Fatal(n, err)
		}
		if i%7 == 0 {
			must(t, w.Sync())
		}
		for _, at := range []int{0, want.Len() / 3, want.Len() - len(line) - 5, want.Len() - 10} {
			b := make([]byte, 100)
			n, err := w.ReadAt(b, int64(max(0, at)))
			if !bytes.Equal(b[:n], want.Bytes()[max(0, at):min(want.Len(), max(0, at)+100)]) || n < 100 && err != io.EOF {
				t.Fatalf("after %d lines, %d bytes at %d: %v", i, n, at, err)
			}
		}
	}
	got, err := io.ReadAll(w)
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%d bytes are read of %d, %v", len(got), want.Len(), err)
	}
	must(t, h.Cut(1_000_000))
	must(t, w.Sync())
	if text := readAll(t, k, "contacts.csv"); text != want.String()[:1_000_000] {
		t.Errorf("after a cut %d bytes are left", len(text))
	}
	if err := h.Replace(time.Now(), func(w io.Writer, old io.Reader) error { return io.ErrNoProgress }); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a failed replacement: %v", err)
	}
	if text := readAll(t, k, "contacts.csv"); text != want.String()[:1_000_000] {
		t.Errorf("after a failed replacement %d bytes are left", len(text))
	}
	must(t, h.Remove())
	must(t, h.Release())
	if n := pg.Exec("select count(*) from importer_run"); n != "0" {
		t.Errorf("%s runs are left", n)
	}
}

// Files beside a run are kept wholly or not at all, and replaced.
func testFiles(t *testing.T, pg db) {
	s := open(t, pg.URL())
	c := claim(t, s, report("contacts.csv"))
	for _, size := range []int{0, 1, filePart - 1, filePart, filePart + 1, 2*filePart + 5} {
		want := bytes.Repeat([]byte("0123456789"), size/10+1)[:size]
		put := func(r io.Reader) error {
			return c.PutFiles(t.Context(), false, map[string]Source{"rejects.csv": func() (io.ReadCloser, error) { return io.NopCloser(r), nil }})
		}
		must(t, put(bytes.NewReader(want)))
		if err := put(io.MultiReader(strings.NewReader("x"), errReader{})); !errors.Is(err, errRead) {
			t.Errorf("a source that fails: %v", err)
		}
		f, err := s.File(t.Context(), c.Run(), "rejects.csv")
		must(t, err)
		got, err := io.ReadAll(f)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("of %d bytes %d come back, %v", size, len(got), err)
		}
	}
	f, err := s.File(t.Context(), c.Run(), "rejects.csv")
	must(t, err)
	must(t, c.PutFiles(t.Context(), false, map[string]Source{"rejects.csv": func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("other")), nil }}))
	if _, err := io.ReadAll(f); err == nil || !strings.Contains(err.Error(), "replaced") {
		t.Errorf("reading on in a file that was replaced: %v", err)
	}
	if _, err := s.File(t.Context(), c.Run(), "other"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

var errRead = fmt.Errorf("it was cut off: %w", io.ErrUnexpectedEOF)

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errRead }

// What is finished can be removed; what is not, or is held, only by who insists or waits.
func testRemove(t *testing.T, pg db) {
	s := open(t, pg.URL())
	id := report("contacts.csv")
	c := claim(t, s, id)
	must(t, c.Append(t.Context(), []byte("line 0\n")))
	if _, held := errors.AsType[*HeldError](s.Remove(t.Context(), id, true)); !held {
		t.Error("a run that is held can be removed")
	}
	must(t, c.Release())
	if _, unfinished := errors.AsType[*UnfinishedError](s.Remove(t.Context(), id, false)); !unfinished {
		t.Error("a run that has not ended can be removed")
	}
	c = claim(t, s, id)
	must(t, c.Append(t.Context(), []byte(`{"kind":"end","status":"complete","summary":{"read":1}}`+"\n")))
	must(t, c.PutFiles(t.Context(), false, map[string]Source{"rejects.csv": func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("x")), nil }}))
	must(t, c.Release())
	must(t, s.Remove(t.Context(), id, false))
	if n := pg.Exec("select (select count(*) from importer_run) + (select count(*) from importer_journal) + (select count(*) from importer_file)"); n != "0" {
		t.Errorf("%s rows are left", n)
	}
	if err := s.Remove(t.Context(), id, false); err == nil || !strings.Contains(err.Error(), "has no report contacts.csv") {
		t.Errorf("removing what is not there: %v", err)
	}
}
