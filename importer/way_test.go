package importer

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"importer/importer/contact"
	"importer/importer/pace"
	"importer/importer/whose"
)

// onTheWay is an answer of something on the way to the API.
func onTheWay(status int) *contact.APIError {
	return &contact.APIError{Author: contact.Way, Class: contact.Ambiguous, Failure: contact.Failure{HTTP: status, Detail: "a page titled Sign in"}}
}

// answerCreates answers creates by a function of the number of the create.
func answerCreates(r *rig, answer func(n int, id string, process func() string) (contact.CreateResult, error, bool)) {
	n := 0
	r.api.fault = func(id string, _ int, process func() string) (contact.CreateResult, error, bool) {
		r.api.mu.Lock()
		n++
		k := n
		r.api.mu.Unlock()
		return answer(k, id, process)
	}
}

// A login page that answers everything after the first creates ends the run, and
// what it answered is neither in nor lost.
func TestPageInTheAPIsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.o.Workers = 4
		answerCreates(r, func(n int, _ string, _ func() string) (contact.CreateResult, error, bool) {
			return contact.CreateResult{}, onTheWay(200), n > 20
		})
		s, err := r.run(t.Context(), t, testRows(100))
		if err == nil || s.Status != contact.Stopped || s.Created != 20 || !strings.Contains(err.Error(), "something on the way") {
			t.Fatalf("%v, %+v", err, s)
		}
		if n := s.Unknown; n < pace.MaxForeign || n > pace.MaxForeign+int64(r.o.Workers) {
			t.Errorf("%d rows are unknown", n)
		}
		r.api.fault = nil
		if s := r.mustComplete(t, testRows(100)); s.Created != 80 || s.DoneBefore != 20 {
			t.Errorf("%+v", s)
		}
		r.once(t, 100)
	})
}

// Where the API has not answered at all, three such answers are enough.
func TestPageInTheAPIsPlaceFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.o.Workers = 1
		answerCreates(r, func(int, string, func() string) (contact.CreateResult, error, bool) {
			return contact.CreateResult{}, onTheWay(302), true
		})
		s, err := r.run(t.Context(), t, testRows(100))
		if err == nil || s.Requests > pace.MaxForeignAtStart {
			t.Errorf("%v, %+v", err, s)
		}
	})
}

// A success that the API did not give is in doubt: found, it is in; not found, it
// is unknown, and the next run sends it.
func TestSuccessThatIsNotTheAPIs(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(process func() string) (contact.CreateResult, error)
		found  bool
	}{
		"a page, and nothing was stored": {func(func() string) (contact.CreateResult, error) { return contact.CreateResult{}, onTheWay(200) }, false},
		"a page, and it was stored": {func(process func() string) (contact.CreateResult, error) {
			process()
			return contact.CreateResult{}, onTheWay(202)
		}, true},
		"no id": {func(func() string) (contact.CreateResult, error) { return contact.CreateResult{}, nil }, false},
		"another row's id": {func(func() string) (contact.CreateResult, error) {
			return contact.CreateResult{ID: "000000000000000000000000"}, nil
		}, false},
		"another contact's profile": {func(func() string) (contact.CreateResult, error) {
			return contact.CreateResult{ID: "00000000000000000000000x", ContactIDs: []string{"somebody@else"}}, nil
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig()
				r.o.Workers = 1
				answerCreates(r, func(n int, _ string, process func() string) (contact.CreateResult, error, bool) {
					if n != 2 {
						return contact.CreateResult{}, nil, false
					}
					created, err := c.answer(process)
					return created, err, true
				})
				s := r.mustComplete(t, testRows(3))
				if c.found && s.Created != 3 || !c.found && (s.Created != 2 || s.Unknown != 1) {
					t.Errorf("%+v", s)
				}
				r.mustComplete(t, testRows(3))
				r.once(t, 3)
			})
		})
	}
}

// A profile that was there before is not created by the request that names it.
func TestCreateThatReturnsAnOlderProfile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		id := r.api.add(testRow(1).Profile, time.Now())
		old := time.Now()
		time.Sleep(time.Hour)
		r.api.fault = func(string, int, func() string) (contact.CreateResult, error, bool) {
			return contact.CreateResult{ID: id, CreatedAt: old}, nil, true
		}
		s := r.mustComplete(t, testRows(1))
		if o := r.report.last[testRow(1).Key]; s.Existing != 1 || o.ID != id {
			t.Errorf("%+v, outcome %+v", s, o)
		}
	})
}

// A firewall that dislikes the text of one row does not stop the others: the row
// is rejected once a later create has succeeded, else it failed.
func TestRowThatAFirewallRefuses(t *testing.T) {
	for _, c := range []struct {
		row  int // that is refused
		want contact.Status
	}{{5, contact.Rejected}, {40, contact.Failed}} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig()
			r.o.Workers = 1
			barredID := testRow(c.row).Profile.ContactIDs[0]
			answerCreates(r, func(_ int, id string, _ func() string) (contact.CreateResult, error, bool) {
				return contact.CreateResult{}, onTheWay(403), id == barredID
			})
			s := r.mustComplete(t, testRows(40))
			o := r.report.last[testRow(c.row).Key]
			if s.Created != 39 || o.Status != c.want || o.Failure == nil || o.Failure.HTTP != 403 {
				t.Errorf("row %d: %+v, %+v", c.row, s, o)
			}
		})
	}
}

// What finds fault with every request is nobody's fault but the way's.
func TestEverythingIsTurnedAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.o.Workers = 2
		answerCreates(r, func(n int, _ string, _ func() string) (contact.CreateResult, error, bool) {
			return contact.CreateResult{}, onTheWay(415), n > 5
		})
		s, err := r.run(t.Context(), t, testRows(100))
		if err == nil || s.Rejected != 0 || s.Created != 5 {
			t.Errorf("%v, %+v", err, s)
		}
		r.api.fault = nil
		if s := r.mustComplete(t, testRows(100)); s.Created != 95 {
			t.Errorf("%+v", s)
		}
		r.once(t, 100)
	})
}

// The API says that a profile is not there, and shows it in the list: nothing is
// created beside it.
func TestGoneAndYetThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newSyncRig()
		r.o.Discovery = whose.DiscoverByList
		r.api.add(contact.Profile{ContactIDs: testRow(1).Profile.ContactIDs}, time.Now())
		time.Sleep(time.Hour)
		r.api.changeFault = func(what, _ string, _ func()) (error, bool) {
			return &contact.APIError{Author: contact.API, Class: contact.Permanent, Failure: contact.Failure{HTTP: 404, Code: 1002}}, true
		}
		s := r.mustComplete(t, testRows(1))
		if s.Failed != 1 || s.Created != 0 {
			t.Errorf("%+v", s)
		}
		r.once(t, 1)
	})
}

// A list that ends before its own total says who is there, and not who is not.
func TestListThatIsNotWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		const there = 30
		for n := 1; n <= there; n++ {
			r.api.add(testRow(n).Profile, time.Now())
		}
		time.Sleep(time.Hour)
		r.o.Discovery = whose.DiscoverByList
		r.o.Listing = &memoryListing{}
		r.api.shortList = 10
		s := r.mustComplete(t, testRows(40))
		if s.Existing != there || s.Created != 10 {
			t.Errorf("%+v", s)
		}
		r.once(t, 40)
	})
}

// Contact ids that come back in another spelling are known again.
func TestContactIDsInAnotherSpelling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, learned := range []bool{true, false} {
			r := newRig()
			r.o.Workers = 1
			upper := func(n int) contact.Row {
				row := testRow(n)
				row.Profile.ContactIDs = []string{strings.ToUpper(row.Profile.ContactIDs[0])}
				row.Key = contact.KeyOf(row.Profile.ContactIDs)
				return row
			}
			rows := func(yield func(contact.Row, error) bool) {
				for n := 1; n <= 2 && yield(upper(n), nil); n++ {
				}
			}
			answerCreates(r, func(n int, id string, _ func() string) (contact.CreateResult, error, bool) {
				created := r.api.add(contact.Profile{ContactIDs: []string{strings.ToLower(id)}}, time.Now())
				if (n == 2) == learned {
					return contact.CreateResult{}, lostAnswer, true
				}
				return contact.CreateResult{ID: created, CreatedAt: time.Now(), ContactIDs: []string{strings.ToLower(id)}}, nil, true
			})
			s := r.mustComplete(t, rows)
			if learned && s.Created != 2 || !learned && s.Created+s.Unknown != 2 {
				t.Errorf("learned first: %v: %+v", learned, s)
			}
			if len(r.api.profiles) != 2 {
				t.Errorf("learned first: %v: %d profiles", learned, len(r.api.profiles))
			}
		}
	})
}

// What can never work ends a run in which nothing has worked yet at once, what may
// work again after give_up_at_start; once something has worked, after give_up_after.
func TestWhenARunIsGivenUp(t *testing.T) {
	down := &contact.APIError{Class: contact.Transient, Err: errors.New("refused"), Failure: contact.Failure{Detail: "nobody listens", Hint: "look at it"}}
	quota := &contact.APIError{Author: contact.API, Class: contact.Throttled, Failure: contact.Failure{HTTP: 429, Detail: "monthly quota used up"}}
	hopeless := *down
	hopeless.Hopeless = true
	swallowed := *down
	swallowed.NoConnection = true
	for name, c := range map[string]struct {
		works       int // creates that work first
		err         *contact.APIError
		least, most time.Duration
	}{
		"a host that does not exist":  {0, &hopeless, 0, time.Second},
		"nobody listens":              {0, down, 10 * time.Second, 15 * time.Second},
		"no connection in time":       {0, &swallowed, 10 * time.Second, 11 * time.Second},
		"quota used up":               {0, quota, 10 * time.Minute, 11 * time.Minute},
		"a host that is gone":         {5, &hopeless, 10 * time.Minute, 11 * time.Minute},
		"nobody listens any more":     {5, down, 10 * time.Minute, 11 * time.Minute},
		"quota used up in the middle": {5, quota, 10 * time.Minute, 11 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig()
				r.o.GiveUpAtStart = 10 * time.Second
				if c.err.NoConnection {
					r.o.Workers = 1
				}
				answerCreates(r, func(n int, _ string, _ func() string) (contact.CreateResult, error, bool) {
					if c.err.NoConnection {
						time.Sleep(10 * time.Second)
					}
					return contact.CreateResult{}, c.err, n > c.works
				})
				start := time.Now()
				s, err := r.run(t.Context(), t, testRows(100))
				took := time.Since(start)
				if err == nil || !strings.Contains(err.Error(), c.err.Detail) || took < c.least || took > c.most {
					t.Errorf("after %v: %v, %+v", took, err, s)
				}
				r.api.fault = nil
				r.mustComplete(t, testRows(100))
				r.once(t, 100)
			})
		})
	}
}
