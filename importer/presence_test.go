package importer

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"importer/importer/change"
	"importer/importer/contact"
	"importer/importer/whose"
)

// A memoryListing is a Listing in memory.
type memoryListing struct {
	mu  sync.Mutex
	all []contact.Found
}

func (l *memoryListing) Add(page []contact.Found) (added int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range page {
		if !slices.ContainsFunc(l.all, func(o contact.Found) bool { return o.ID == f.ID }) {
			l.all = append(l.all, f)
			added++
		}
	}
	return added, nil
}

func (l *memoryListing) Find(contactIDs []string) (found []contact.Found, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.all {
		if slices.ContainsFunc(f.ContactIDs, func(id string) bool { return slices.Contains(contactIDs, id) }) {
			found = append(found, f)
		}
	}
	return found, nil
}

func (l *memoryListing) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all)
}

// discover makes a rig whose runs learn who is in the project that way, with
// the contacts 1 to n in it.
func discover(d whose.Discovery, n int) *rig {
	r := newRig()
	r.o.Discovery, r.o.Listing = d, &memoryListing{}
	for i := 1; i <= n; i++ {
		r.api.add(testRow(i).Profile, time.Now().Add(-time.Hour))
	}
	return r
}

func TestContactsThatAreThereAreNotCreated(t *testing.T) {
	for _, d := range []whose.Discovery{whose.DiscoverAuto, whose.DiscoverByList, whose.DiscoverByLookUp} {
		synctest.Test(t, func(t *testing.T) {
			r := discover(d, 300)
			s := r.mustComplete(t, testRows(500))
			if s.Existing != 300 || s.Created != 200 {
				t.Errorf("%s: %+v", d, s)
			}
			r.once(t, 500)
			creates := int64(0)
			for _, n := range r.api.attempts {
				creates += int64(n)
			}
			if creates != 200 {
				t.Errorf("%s: %d creates, want 200", d, creates)
			}
			if s = r.mustComplete(t, testRows(500)); s.DoneBefore != 500 || s.Requests != 0 {
				t.Errorf("%s, second run: %+v", d, s)
			}
		})
	}
}

func TestAnEmptyProjectCostsOneRequest(t *testing.T) {
	for _, d := range []whose.Discovery{whose.DiscoverAuto, whose.DiscoverByList, whose.DiscoverByLookUp} {
		synctest.Test(t, func(t *testing.T) {
			r := discover(d, 0)
			if s := r.mustComplete(t, testRows(2000)); s.Created != 2000 || s.Requests != 2001 {
				t.Errorf("%s: %+v", d, s)
			}
		})
	}
}

// Whatever the project and the input: not much more than twice the cheaper way.
func TestAutoCostsAtMostTwiceTheCheaperWay(t *testing.T) {
	for _, c := range []struct{ profiles, rows int }{{50, 3}, {2000, 5}, {2000, 60}, {5000, 30}, {150, 1000}} {
		synctest.Test(t, func(t *testing.T) {
			r := discover(whose.DiscoverAuto, c.profiles)
			r.api.pageSize = change.PageSize
			first := c.profiles + 1 // none of the rows is there
			s := r.mustComplete(t, func(yield func(contact.Row, error) bool) {
				for i := range c.rows {
					if !yield(testRow(first+i), nil) {
						return
					}
				}
			})
			list, lookUp := (c.profiles+change.PageSize-1)/change.PageSize, c.rows
			if got := int(s.Requests - s.Created); got > 1+2*min(list, lookUp) {
				t.Errorf("%d profiles, %d rows: %d requests to learn who is there; the list costs %d, look-ups %d",
					c.profiles, c.rows, got, list, lookUp)
			}
			if s.Created != int64(c.rows) {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A project that cannot be asked stops the run before anything is created.
func TestNobodyIsCreatedWhereTheProjectCannotBeAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := discover(whose.DiscoverAuto, 0)
		r.api.listFault = func(contact.ListQuery) error {
			return &contact.APIError{Class: contact.Permanent, Failure: contact.Failure{HTTP: 400, Detail: "no"}}
		}
		s, err := r.run(t.Context(), t, testRows(100))
		if err == nil || s.Status != contact.Stopped || len(r.api.profiles) != 0 || s.Pending != s.Read {
			t.Errorf("%v, %+v", err, s)
		}
		r.api.listFault = func() func(contact.ListQuery) error {
			n := 0
			return func(contact.ListQuery) error {
				if n++; n <= 3 {
					return &contact.APIError{Class: contact.Transient, Err: errors.New("down")}
				}
				return nil
			}
		}()
		if s := r.mustComplete(t, testRows(100)); s.Created != 100 || s.Retries != 3 {
			t.Errorf("%+v", s)
		}
	})
}
