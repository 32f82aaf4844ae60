package state_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"importer/importer/contact"
	"importer/internal/reconcile"
	"importer/internal/state"
	"importer/sink/journal"
)

// A run is one of a sync whose state is on a Shelf, as the engine works: it announces,
// sends, and records.
type run struct {
	state   *state.State
	journal *journal.Journal
	sync    *reconcile.Sync
}

const reportName = "c.csv.report.ndjson"

// begin begins a run in a folder, where a report may lie.
func begin(dir, id string, shelf *state.MemoryShelf) (r *run, err error) {
	r = &run{}
	if r.state, err = state.Open("s.db", state.Options{BaseURL: "https://x", ProjectID: "p", Shelf: shelf}); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, reportName)
	if r.journal, err = journal.Open(journal.Files{}, path, journal.Options{Header: journal.Header{Run: id, Mode: "mirror", Sources: []string{"c.csv"}, BaseURL: "https://x", ProjectID: "p"}}); err != nil {
		return nil, errors.Join(err, r.state.Close())
	}
	r.sync = &reconcile.Sync{State: r.state, StatePath: "s.db", Reports: journal.Files{}, Report: path, Log: zerolog.Nop()}
	if _, err = r.sync.CatchUp(r.journal.Outline(), false); err == nil {
		err = r.journal.Begin()
	}
	if err == nil {
		err = r.sync.Begin(r.journal, id)
	}
	return r, err
}

// close ends the run. One whose state failed was killed: nothing more of it counts.
func (r *run) close() error { return errors.Join(r.state.Close(), r.journal.Close()) }

// steps are what happens in a night: announcements, outcomes, and what was not sent after
// all. Each leaves nothing on its way that the night does not settle in the end.
func steps() (all []func(r *run) error) {
	at := time.Unix(1e9, 0).UTC()
	outcome := func(n, profile int, status contact.Status) *contact.Outcome {
		p := contact.Profile{ContactIDs: []string{fmt.Sprint("c", n)}}
		o := &contact.Outcome{Row: contact.Row{Key: contact.KeyOf(p.ContactIDs), Digest: contact.Digest{byte(n)}, Source: "c.csv", Line: n + 2, Profile: p}, Status: status, ID: fmt.Sprintf("%024d", profile), Attempts: 1, At: at}
		if status == contact.Rejected {
			o.ID, o.Failure = "", &contact.Failure{HTTP: 400, Detail: "no"}
		}
		return o
	}
	keys := func(from, to int) (keys []contact.Key) {
		for n := from; n < to; n++ {
			keys = append(keys, outcome(n, n, 0).Row.Key)
		}
		return keys
	}
	record := func(from, to int, status contact.Status) func(*run) error {
		return func(r *run) error {
			if status == contact.Created || status == contact.Rejected {
				if err := r.journal.Sending(keys(from, to)); err != nil {
					return err
				}
			}
			for n := from; n < to; n++ {
				o := outcome(n, n, status)
				if err := r.journal.Append(o); err != nil {
					return err
				}
				if err := r.state.Record(o); err != nil {
					return err
				}
			}
			return r.state.Commit()
		}
	}
	changing := func(from, to int, intent contact.Intent) func(*run) error {
		return func(r *run) error {
			return reconcile.Journal{Journal: r.journal, State: r.state}.Changing(keys(from, to), intent)
		}
	}
	unsent := func(from, to int, intent contact.Intent) func(*run) error {
		return func(r *run) error {
			return errors.Join(reconcile.Journal{Journal: r.journal, State: r.state}.Unsent(keys(from, to), intent), r.state.Commit())
		}
	}
	return []func(*run) error{
		record(0, 10, contact.Created),
		changing(0, 4, contact.ToUpdate),
		record(10, 12, contact.Rejected),
		changing(3, 6, contact.ToUpdate),
		record(0, 3, contact.Updated),
		unsent(3, 6, contact.ToUpdate),
		changing(6, 8, contact.ToRemove),
		record(12, 14, contact.Created),
		record(6, 7, contact.Deactivated),
		record(7, 8, contact.Deleted),
		record(3, 6, contact.Updated),
	}
}

// contacts are the rows of a Shelf that say something about contacts.
func contacts(m *state.MemoryShelf) string {
	all := maps.Clone(m.Tables)
	delete(all, "meta")
	return (&state.MemoryShelf{Tables: all}).String()
}

// A process is killed around each write to the Shelf, or before what it wrote last is on
// it. The next run, with an empty folder but for the report, loads what was committed
// last, learns the rest from the report, and goes on to the same end.
func TestEachCommitOnAShelfCanBeTheLast(t *testing.T) {
	whole := &state.MemoryShelf{}
	if err := night(t, t.TempDir(), "01A", whole); err != nil {
		t.Fatal(err)
	}
	for killed := 1; ; killed++ {
		for _, how := range []state.Failure{state.Lost, state.Saved} {
			shelf := &state.MemoryShelf{}
			var committed string
			shelf.Fail = func(save int) state.Failure {
				if save == killed {
					committed = shelf.String()
					return how
				}
				return state.Kept
			}
			first := t.TempDir()
			err := night(t, first, "01A", shelf)
			if err == nil {
				if killed < 10 {
					t.Fatalf("a night has %d commits", shelf.Saves)
				}
				return
			}
			if !errors.Is(err, state.ErrShelf) {
				t.Fatal(err)
			}
			if got := shelf.String(); (got == committed) != (how == state.Lost) || shelf.Saves != killed {
				t.Fatalf("killed at commit %d, after %d, the Shelf holds\n%s\nand before that\n%s", killed, shelf.Saves, got, committed)
			}
			shelf.Fail = nil
			afterwards(t, first, killed, shelf, contacts(whole))
		}
	}
}

// night is a run that ends, or is killed when the Shelf fails.
func night(t *testing.T, dir, id string, shelf *state.MemoryShelf) error {
	t.Helper()
	r, err := begin(dir, id, shelf)
	for _, step := range steps() {
		if err == nil {
			err = step(r)
		}
	}
	if r == nil {
		return err
	}
	if closed := r.close(); err == nil {
		err = closed
	}
	return err
}

// afterwards is the run after one that was killed.
func afterwards(t *testing.T, first string, killed int, shelf *state.MemoryShelf, want string) {
	t.Helper()
	report, err := os.ReadFile(filepath.Join(first, reportName))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, reportName), report, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := begin(dir, "01B", shelf)
	if err != nil {
		t.Fatalf("after commit %d: %v", killed, err)
	}
	// What the report says, and nothing else, is what a state made anew from it holds.
	anew := &state.MemoryShelf{}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, reportName), report, 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := begin(other, "01B", anew)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := contacts(shelf), contacts(anew); got != want {
		t.Fatalf("after commit %d the state holds\n%s\nand its report says\n%s\n%s", killed, got, want, report)
	}
	for _, step := range steps() {
		if err := step(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(r.close(), o.close()); err != nil {
		t.Fatal(err)
	}
	if got := contacts(shelf); got != want {
		t.Errorf("after commit %d, and a run to the end, the state holds\n%s\nwant\n%s", killed, got, want)
	}
	if strings.Contains(shelf.String(), "unended") {
		t.Errorf("after commit %d: a run that ended is not known to have", killed)
	}
}
