package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"importer/importer/contact"
)

func syncHeader(mode string) Header {
	return Header{Run: "run-" + mode, Version: "test", Mode: mode, Sources: []string{"c.csv"}, BaseURL: "https://x", ProjectID: "p"}
}

// A report of a sync through a night: what is changed is not in doubt, what was
// gone may be created again, and the row lines come back as they were written.
func TestReportOfASync(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.report.ndjson")
	o := Options{Header: syncHeader("mirror"), Window: time.Hour}
	r, err := Open(Files{}, path, o)
	if err != nil {
		t.Fatal(err)
	}
	key := func(id string) contact.Key { return contact.KeyOf([]string{id}) }
	outcome := func(id string, status contact.Status) *contact.Outcome {
		return &contact.Outcome{
			Row: contact.Row{Key: key(id), Digest: contact.Digest{1}, Source: "c.csv", Line: 2, Profile: contact.Profile{ContactIDs: []string{id}}}, Status: status,
			ID: strings.Repeat("a", 24), Attempts: 1, At: time.Now().Truncate(time.Millisecond).UTC(),
		}
	}
	yes := true
	updated := outcome("updated", contact.Updated)
	updated.Reads, updated.Previous = 1, &contact.Profile{ContactIDs: []string{"x"}, Active: &yes, Fields: []contact.Field{{Name: "age", Value: []byte("42")}, {Name: "city", Value: []byte("null")}}}
	touched := outcome("touched", contact.Updated)
	touched.Touched = true
	same := outcome("same", contact.Unchanged)
	same.Attempts, same.Changed = 0, time.Unix(1e9, 0).UTC()
	undone := outcome("undone", contact.Deleted)
	undone.Undone = true
	all := []*contact.Outcome{updated, touched, same, undone}
	must(t, r.Begin())
	must(t, r.Changing([]contact.Key{key("updated"), key("touched"), key("gone")}, contact.ToUpdate))
	for _, o := range all {
		must(t, r.Append(o))
	}
	must(t, r.Gone([]contact.Key{key("gone")}))
	must(t, r.Sending([]contact.Key{key("gone")}))
	from := r.Size()
	must(t, r.Close())

	i := 0
	for o, err := range Outcomes(Files{}, path) {
		if err != nil {
			t.Fatal(err)
		}
		want := all[i]
		if o.Status != want.Status || o.Reads != want.Reads || o.Touched != want.Touched || o.Undone != want.Undone || !o.Changed.Equal(want.Changed) || o.Row.Key != want.Row.Key {
			t.Errorf("%+v came back as %+v", want, o)
		}
		if (o.Previous == nil) != (want.Previous == nil) || o.Previous != nil && string(o.Previous.AppendUpdateBody(nil)) != string(want.Previous.AppendUpdateBody(nil)) {
			t.Errorf("previous of %+v came back as %+v", want, o.Previous)
		}
		i++
	}
	if i != len(all) {
		t.Errorf("%d outcomes came back, want %d", i, len(all))
	}

	r, err = Open(Files{}, path, o)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Keys().Status(key("gone")); got != contact.InDoubt {
		t.Errorf("what was created again is %s", got)
	}
	if got := r.Keys().Status(key("updated")); got != contact.Updated {
		t.Errorf("what was updated is %s", got)
	}
	sent := 0
	for _, n := range r.Sent() {
		sent += n
	}
	if sent != 5 { // two updates, one of them read first, a deletion, and the create that is in doubt
		t.Errorf("%d requests in the window, want 5", sent)
	}
	if r.ID() != "run-mirror" || r.Whole() || r.Size() != from {
		t.Errorf("id %q, whole %t, size %d of %d", r.ID(), r.Whole(), r.Size(), from)
	}
	// A run that went to its end and leaves it in doubt.
	must(t, r.Begin())
	must(t, r.End(contact.Summary{Status: contact.Complete, Counts: contact.Counts{Unknown: 1}}))
	must(t, r.Close())
	past, err := Read(Files{}, path, o)
	if err != nil {
		t.Fatal(err)
	}
	if past.Whole() {
		t.Error("a report with a row in doubt is whole")
	}
	must(t, past.Close())
	o.Successor, o.Header.Mode = true, "upsert"
	if _, err := Open(Files{}, path, o); err == nil {
		t.Error("a report of another mode that is not whole was taken")
	}
	o.Header.Mode = "mirror"
	if r, err = Open(Files{}, path, o); err != nil {
		t.Fatal(err)
	}
	created := outcome("gone", contact.Created)
	must(t, r.Begin())
	must(t, r.Append(created))
	must(t, r.End(contact.Summary{Status: contact.Complete}))
	must(t, r.Close())
	o.Header.Mode = "upsert"
	if r, err = Open(Files{}, path, o); err != nil {
		t.Fatalf("a whole report of another mode, to be set aside: %v", err)
	}
	if !r.Whole() {
		t.Error("the report is not whole")
	}
	must(t, r.Close())
	o.Restart = true
	if r, err = Open(Files{}, path, o); err != nil {
		t.Fatal(err)
	}
	must(t, r.Begin())
	must(t, r.Close())
	if aside, err := (Files{}).Aside(path); err != nil || len(aside) != 1 {
		t.Errorf("set aside: %v, %v", aside, err)
	} else if h, err := ReadHeader(Files{}, aside[0]); err != nil || h.Mode != "mirror" || h.Run != "run-mirror" {
		t.Errorf("%+v, %v", h, err)
	}
	if err := os.WriteFile(path, []byte("something else\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadHeader(Files{}, path); err == nil {
		t.Error("another file was taken for a report")
	}
}

// A report is outlined as it is, and can be read from each of its lines on; a purge leaves
// the lines where they are.
func TestOutline(t *testing.T) {
	path := reportPath(t)
	r := begun(t, path, options())
	for i := range 5 {
		name := fmt.Sprint("contact ", i)
		must(t, r.Sending(keys(name)))
		must(t, r.Append(outcome(name, contact.Created)))
	}
	must(t, r.End(contact.Summary{Status: contact.Complete}))
	lines, bytes := r.Extent()
	must(t, r.Close())
	if lines != int64(len(readLines(t, path))) {
		t.Errorf("%d lines", lines)
	}
	if n, err := LinesIn(Files{}, path, bytes); n != lines || err != nil {
		t.Errorf("%d lines in %d bytes, %v", n, bytes, err)
	}
	if n, err := LinesIn(Files{}, path, bytes-1); n != lines-1 || err != nil {
		t.Errorf("%d lines in %d bytes, %v", n, bytes-1, err)
	}
	for range 2 {
		o, err := ReadOutline(Files{}, path)
		if err != nil || o.Lines != lines || len(o.Runs) != 1 || o.Last() != r.ID() {
			t.Errorf("%+v, %v; want %d lines", o, err, lines)
		}
		for from := range lines {
			n, to := 0, from
			for l, err := range LinesFrom(Files{}, path, from, &to) {
				must(t, err)
				if _, ok := l.(*Row); ok {
					n++
				}
			}
			if want := min(5, int(lines-from)/2); to != lines || n != want {
				t.Errorf("from line %d: %d outcomes to line %d, want %d", from, n, to, want)
			}
		}
		_, err = Purge(Files{}, path)
		must(t, err)
	}
	must(t, os.WriteFile(path, []byte("{\"kind\":\"run\"\n"), 0o600))
	if _, err := ReadOutline(Files{}, path); err == nil {
		t.Error("a run line that is none")
	}
}
