package importer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"importer/importer/change"
	"importer/importer/contact"
	"importer/importer/whose"
)

// A memoryState is a State in memory.
type memoryState struct {
	mu      sync.Mutex
	entries map[contact.Key]change.Entry
}

func (s *memoryState) Entry(k contact.Key) (change.Entry, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[k]
	return e, ok, nil
}

func (s *memoryState) Refused(contact.Key) (contact.Digest, *contact.Failure, error) {
	return contact.Digest{}, nil, nil
}

func (s *memoryState) Entries(after contact.Key, most int) (all []change.Entry, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.entries {
		if string(e.Key[:]) > string(after[:]) {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b change.Entry) int { return cmp.Compare(string(a.Key[:]), string(b.Key[:])) })
	return all[:min(most, len(all))], nil
}

func (s *memoryState) Correct(contact.Correction, contact.Key) error { return nil }

func (s *memoryState) Identify(k contact.Key, contactIDs []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[k]
	e.ContactIDs, e.Nameless = contactIDs, false
	s.entries[k] = e
	return nil
}

func (s *memoryState) Record(outcomes ...*contact.Outcome) error {
	for _, o := range outcomes {
		s.record(o)
	}
	return nil
}

func (s *memoryState) record(o *contact.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch o.Status {
	case contact.Created, contact.Updated, contact.Unchanged:
		touched := o.At
		if !o.Changed.IsZero() {
			touched = o.Changed
		}
		s.entries[o.Row.Key] = change.Entry{Key: o.Row.Key, ID: o.ID, ContactIDs: o.Row.Profile.ContactIDs, Digest: o.Row.Digest, Touched: touched,
			Made: o.Status == contact.Created || s.entries[o.Row.Key].Made, Sent: change.MarksOf(o.Row.Profile)}
	case contact.Deactivated:
		e := s.entries[o.Row.Key]
		e.Inactive = true
		s.entries[o.Row.Key] = e
	case contact.Deleted, contact.Absent:
		delete(s.entries, o.Row.Key)
	}
}

func (s *memoryState) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.entries)
}

// newSyncRig makes a rig whose runs are those of a nightly sync.
func newSyncRig() (*rig, *memoryState) {
	r := newRig()
	s := &memoryState{entries: map[contact.Key]change.Entry{}}
	r.o.State, r.o.RefreshAfter = s, 25*24*time.Hour
	r.o.Discovery, r.o.Listing = whose.DiscoverAuto, &memoryListing{}
	return r, s
}

// night is a run with a report of its own.
func (r *rig) night(t *testing.T, rows contact.Rows) contact.Summary {
	t.Helper()
	r.report = newMemoryReport(r.api)
	r.o.Listing = &memoryListing{}
	return r.mustComplete(t, rows)
}

// changed is testRows with other first names.
func changedRows(n int) contact.Rows {
	return func(yield func(contact.Row, error) bool) {
		for row := range testRows(n) {
			row.Profile.Fields = []contact.Field{{Name: "firstname", Value: contact.StringValue("changed")}}
			row.Digest, row.Bytes = row.Profile.Measure()
			if !yield(row, nil) {
				return
			}
		}
	}
}

// Every night of two months: what does not change is touched before the API
// forgets it, and no oftener.
func TestProfilesAreTouchedInTimeAndNoOftener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newSyncRig()
		r.night(t, testRows(30))
		touches := 0
		for night := 1; night <= 60; night++ {
			time.Sleep(24 * time.Hour)
			s := r.night(t, testRows(30))
			if s.Created != 0 || s.Updated+s.Unchanged != 30 {
				t.Fatalf("night %d: %+v", night, s)
			}
			if s.Updated > 0 {
				touches++
				if s.Requests != 60 {
					t.Errorf("night %d: %d requests for 30 touches, want one read and one update each", night, s.Requests)
				}
				for _, o := range r.report.outcomes {
					if !o.Touched {
						t.Errorf("night %d: %+v is not marked as touched", night, o)
					}
				}
			}
			for _, p := range r.api.profiles {
				last := p.created
				if p.changed.After(last) {
					last = p.changed
				}
				if age := time.Since(last); age > 26*24*time.Hour {
					t.Fatalf("night %d: a profile was not touched for %s", night, age)
				}
			}
		}
		if touches != 2 {
			t.Errorf("touched in %d nights of 60, want 2", touches)
		}
	})
}

// Whatever becomes of an update, it is in once and as wanted.
func TestUpdatesWhoseAnswersAreLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newSyncRig()
		r.night(t, testRows(50))
		lost := map[string]int{}
		r.api.changeFault = func(what, id string, process func()) (error, bool) {
			lost[id]++
			if lost[id] > 1 {
				return nil, false
			}
			if len(lost)%2 == 0 {
				process() // and nobody hears of it
			}
			return &contact.APIError{Class: contact.Ambiguous, Failure: contact.Failure{Detail: "lost"}}, true
		}
		if s := r.night(t, changedRows(50)); s.Updated != 50 || s.Created != 0 {
			t.Errorf("%+v", s)
		}
		for _, p := range r.api.profiles {
			if string(p.p.Fields[0].Value) != `"changed"` {
				t.Errorf("%+v", p)
			}
		}
		r.api.changeFault = nil
		if s := r.night(t, changedRows(50)); s.Unchanged != 50 || s.Requests != 0 {
			t.Errorf("the night after: %+v", s)
		}
	})
}

// Changes are announced before they are sent, like creates.
func TestNothingIsChangedBeforeItIsAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := newSyncRig()
		r.o.Mirror = &change.Mirror{Missing: change.MissingDelete, Guard: change.Guard{Max: 1000, Percent: 100}}
		r.night(t, testRows(100))
		key := map[string]string{}
		for k, e := range s.entries {
			key[e.ID] = k.String()
		}
		r.api.log = nil
		if s := r.night(t, changedRows(60)); s.Updated != 60 || s.Deleted != 40 {
			t.Errorf("%+v", s)
		}
		announced := map[string]bool{}
		sent := 0
		for _, entry := range r.api.log {
			what, name, _ := strings.Cut(entry, " ")
			switch what {
			case "changing":
				announced[name] = true
			case "update", "delete":
				sent++
				if !announced[key[name]] {
					t.Errorf("%s was not announced", entry)
				}
			}
		}
		if sent != 100 {
			t.Errorf("%d changes, want 100", sent)
		}
	})
}

// A profile that a read does not show yet is not taken for expired.
func TestAProfileJustCreatedIsNotTakenForExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newSyncRig()
		r.night(t, testRows(20))
		r.api.readLag = 10 * time.Second
		if s := r.night(t, changedRows(20)); s.Updated != 20 || s.Created != 0 {
			t.Errorf("%+v", s)
		}
		r.once(t, 20)
	})
}

// A profile that is gone, and by a clock that was wrong was touched in times to come,
// is waited for no longer than reads can lag behind.
func TestAProfileTouchedInTheFutureThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := newSyncRig()
		r.night(t, testRows(5))
		for k, e := range s.entries {
			e.Touched = time.Now().Add(300 * 24 * time.Hour)
			s.entries[k] = e
		}
		r.api.profiles = nil
		began := time.Now()
		if sum := r.night(t, changedRows(5)); sum.Created != 5 || time.Since(began) > 10*time.Minute {
			t.Errorf("after %v: %+v", time.Since(began), sum)
		}
		r.once(t, 5)
	})
}

// A row that was in doubt when the run was killed is looked up, and brought up to
// date where it has changed since.
func TestDoubtfulRowsOfASyncAreAdopted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := newSyncRig()
		for i := 1; i <= 10; i++ {
			r.report.doubtful[testRow(i).Key] = true
			r.report.announced[testRow(i).Key] = time.Now()
			if i <= 6 {
				r.api.add(testRow(i).Profile, time.Now())
			}
		}
		r.report.lastAlive = time.Now()
		time.Sleep(time.Minute)
		sum := r.mustComplete(t, changedRows(10))
		if sum.Updated != 6 || sum.Created != 4 || s.Len() != 10 {
			t.Errorf("%+v", sum)
		}
		r.once(t, 10)
	})
}

// A stop in the middle loses nothing, and the next run does the rest.
func TestASyncThatIsInterruptedGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := newSyncRig()
		r.night(t, testRows(400))
		r.report = newMemoryReport(r.api)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		first, err := r.run(ctx, t, changedRows(500))
		if err != nil || first.Status != contact.Interrupted || first.Updated == 0 {
			t.Fatalf("%+v, %v", first, err)
		}
		second := r.mustComplete(t, changedRows(500))
		if got := fmt.Sprint(first.Updated+second.Updated, first.Created+second.Created); got != "400 100" || second.DoneBefore != first.Updated+first.Created {
			t.Errorf("%+v\n%+v", first, second)
		}
		if s.Len() != 500 {
			t.Errorf("the state knows %d", s.Len())
		}
		r.once(t, 500)
	})
}

func TestTheGuard(t *testing.T) {
	for _, c := range []struct {
		missing, known int64
		blocks         bool
	}{{0, 0, false}, {5, 100, false}, {6, 100, true}, {100, 2000, false}, {101, 100_000, true}, {1, 10, true}} {
		if got := (change.Guard{Max: 100, Percent: 5}).Blocks(c.missing, c.known); got != c.blocks {
			t.Errorf("%d of %d: %t", c.missing, c.known, got)
		}
	}
}

func TestWhatARowNeeds(t *testing.T) {
	now := time.Unix(1e9, 0)
	entry := change.Entry{Digest: contact.Digest{1}, Touched: now.Add(-24 * 24 * time.Hour)}
	old, inactive, ahead, wrong := entry, entry, entry, entry
	old.Touched = now.Add(-25 * 24 * time.Hour)
	inactive.Inactive = true
	ahead.Touched, wrong.Touched = now.Add(time.Hour), now.Add(300*24*time.Hour) // clocks were set since
	for _, c := range []struct {
		entry  change.Entry
		known  bool
		digest contact.Digest
		want   change.Need
	}{
		{change.Entry{}, false, contact.Digest{1}, change.NeedsCreate},
		{entry, true, contact.Digest{1}, change.NeedsNothing},
		{entry, true, contact.Digest{2}, change.NeedsUpdate},
		{old, true, contact.Digest{1}, change.NeedsTouch},
		{old, true, contact.Digest{2}, change.NeedsUpdate},
		{inactive, true, contact.Digest{1}, change.NeedsUpdate},
		{ahead, true, contact.Digest{1}, change.NeedsNothing},
		{wrong, true, contact.Digest{1}, change.NeedsTouch},
	} {
		if got := change.Compare(c.entry, c.known, c.digest, now, 25*24*time.Hour); got != c.want {
			t.Errorf("%+v with %v: %d, want %d", c.entry, c.digest, got, c.want)
		}
	}
}

// A mirror that is interrupted while it removes goes on with the next run.
func TestAMirrorThatIsInterruptedGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := newSyncRig()
		r.night(t, testRows(400))
		r.o.Mirror = &change.Mirror{Missing: change.MissingDelete, Guard: change.Guard{Max: 1000, Percent: 100}}
		r.report = newMemoryReport(r.api)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		first, err := r.run(ctx, t, testRows(10))
		if err != nil || first.Status != contact.Interrupted || first.Deleted == 0 || first.Deleted == 390 {
			t.Fatalf("%+v, %v", first, err)
		}
		second := r.mustComplete(t, testRows(10))
		if first.Deleted+second.Deleted != 390 || s.Len() != 10 || len(r.api.profiles) != 10 {
			t.Errorf("%+v\n%+v", first, second)
		}
	})
}

// What cannot be removed is told, and tried again by the next run.
func TestRemovalsThatFailAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := newSyncRig()
		r.night(t, testRows(20))
		r.o.Mirror = &change.Mirror{Missing: change.MissingDeactivate, Guard: change.Guard{Max: 1000, Percent: 100}}
		var stubborn string
		for _, p := range r.api.profiles {
			if p.p.ContactIDs[0] == testRow(15).Profile.ContactIDs[0] {
				stubborn = p.id
			}
		}
		r.api.changeFault = func(what, id string, _ func()) (error, bool) {
			return &contact.APIError{Class: contact.Permanent, Failure: contact.Failure{HTTP: 400, Detail: "no"}}, id == stubborn
		}
		r.report = newMemoryReport(r.api)
		sum, err := r.run(t.Context(), t, testRows(10))
		if err == nil || !strings.Contains(err.Error(), "1 of 10 contacts") || sum.Status != contact.Stopped || sum.Deactivated != 9 {
			t.Errorf("%+v, %v", sum, err)
		}
		r.api.changeFault = nil
		if sum := r.mustComplete(t, testRows(10)); sum.Deactivated != 1 || s.Len() != 20 {
			t.Errorf("%+v", sum)
		}
	})
}

// A conflict does not leave its row in doubt, and counts as refused.
func TestAConflictIsNotInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := discover(whose.DiscoverByLookUp, 20)
		row := testRow(1)
		row.Profile.ContactIDs = append(row.Profile.ContactIDs, "c2@example.com")
		row.Key = contact.KeyOf(row.Profile.ContactIDs)
		s := r.mustComplete(t, func(yield func(contact.Row, error) bool) { yield(row, nil) })
		if s.Invalid != 1 || len(r.report.doubtful) != 0 || len(r.rejects.rows) != 1 {
			t.Errorf("%+v, in doubt: %v", s, r.report.doubtful)
		}
	})
}
