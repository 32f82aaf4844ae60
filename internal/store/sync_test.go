package store

import (
	"errors"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"importer/importer/contact"
	"importer/internal/reconcile"
	"importer/internal/state"
	"importer/sink/journal"
)

// A syncRun is a run of a sync whose state and report are in a store.
type syncRun struct {
	state   *state.State
	journal *journal.Journal
}

func beginSync(s *Store, id string) (r *syncRun, err error) {
	const name = "contacts.csv"
	r = &syncRun{}
	if r.state, err = openState(s); err != nil {
		return nil, err
	}
	keeper := s.Reports(stateURL, stateProject)
	defer func() {
		if err != nil {
			err = errors.Join(err, r.state.Close())
		}
	}()
	if r.journal, err = journal.Open(keeper, name, journal.Options{Header: journal.Header{Run: id, Mode: "mirror", Sources: []string{name}, BaseURL: stateURL, ProjectID: stateProject}}); err != nil {
		return r, err
	}
	sync := &reconcile.Sync{State: r.state, StatePath: stateName, Reports: keeper, Report: name, Log: zerolog.Nop()}
	if _, err = sync.CatchUp(r.journal.Outline(), false); err == nil {
		err = r.journal.Begin()
	}
	if err == nil {
		err = sync.Begin(r.journal, id)
	}
	return r, err
}

func (r *syncRun) close() error { return errors.Join(r.state.Close(), r.journal.Close()) }

// changing announces changes, as the engine does.
func (r *syncRun) changing(to contact.Intent, all ...*contact.Outcome) error {
	keys := make([]contact.Key, len(all))
	for i, o := range all {
		keys[i] = o.Row.Key
	}
	return reconcile.Journal{Journal: r.journal, State: r.state}.Changing(keys, to)
}

// record records outcomes, which the journal has not sent to the store yet.
func (r *syncRun) record(all ...*contact.Outcome) error {
	return errors.Join(r.journal.Append(all...), r.state.Record(all...))
}

// syncSteps are what happens in a run.
var syncSteps = []func(r *syncRun) error{
	func(r *syncRun) error {
		return r.journal.Sending([]contact.Key{created(1).Row.Key, created(2).Row.Key})
	},
	func(r *syncRun) error { return r.record(created(1), created(2)) },
	func(r *syncRun) error { return r.state.Commit() },
	func(r *syncRun) error { return r.changing(contact.ToUpdate, created(1)) },
	func(r *syncRun) error { return r.changing(contact.ToRemove, created(2)) },
	func(r *syncRun) error { return r.record(deleted(2)) },
	func(r *syncRun) error { return r.state.Commit() },
	func(r *syncRun) error {
		o := created(1)
		o.Status = contact.Updated
		return r.record(o)
	},
}

// contactsIn are the rows of the state that are about contacts.
func contactsIn(db database) (rows string) {
	for line := range strings.Lines(stateRowsOf(db)) {
		if strings.Contains(line, "|contact|") || strings.Contains(line, "|refused|") {
			rows += line
		}
	}
	return rows
}

// A run is killed after each step, when its state may be ahead of its report or behind it.
// Another machine, which has nothing but the store, goes on and ends with the same state.
func testSyncsThatAreKilled(t *testing.T, db database) {
	var want string
	for killed := len(syncSteps); killed >= 0; killed-- {
		first := open(t, db.url)
		r, err := beginSync(first, "01A")
		for _, step := range syncSteps[:killed] {
			if err == nil {
				err = step(r)
			}
		}
		if err != nil {
			t.Fatalf("before it is killed: %v", err)
		}
		if killed == len(syncSteps) {
			if err := r.close(); err != nil {
				t.Fatal(err)
			}
			want = contactsIn(db)
		}
		expire(db, first)
		db.exec("update importer_run set epoch = epoch + 1") // its journal is flushed, and would renew
		next, err := beginSync(open(t, db.url), "01B")
		for _, step := range syncSteps {
			if err == nil {
				err = step(next)
			}
		}
		if err == nil {
			err = next.close()
		}
		if err != nil {
			t.Fatalf("killed after step %d: %v", killed, err)
		}
		if got := contactsIn(db); got != want || strings.Count(want, "\n") != 1 {
			t.Errorf("killed after step %d, the state is\n%s\nwant\n%s", killed, got, want)
		}
		if killed < len(syncSteps) {
			if err := r.close(); err == nil {
				t.Errorf("killed after step %d, and what the run writes later is taken", killed)
			}
		}
		db.exec("truncate importer_state, importer_journal, importer_run cascade")
	}
}
