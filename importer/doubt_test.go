package importer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"importer/importer/contact"
	"importer/importer/whose"
)

var lostAnswer = &contact.APIError{Class: contact.Ambiguous, Failure: contact.Failure{Detail: "connection broken"}}

func TestLostAnswers(t *testing.T) {
	for _, c := range []struct {
		name      string
		processed bool
		lag       time.Duration
		creates   int // of the doubtful row
		found     bool
	}{
		{"processed, seen at once", true, 0, 1, true},
		{"processed, seen late", true, 20 * time.Second, 1, true},
		{"not processed", false, 0, 2, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig()
			r.api.lag = c.lag
			r.api.fault = func(id string, attempt int, process func() string) (contact.CreateResult, error, bool) {
				if id != "c7@example.com" || attempt > 1 {
					return contact.CreateResult{}, nil, false
				}
				if c.processed {
					process()
				}
				return contact.CreateResult{}, lostAnswer, true
			}
			start := time.Now()
			s := r.mustComplete(t, testRows(100))
			if s.Created != 100 || s.LookedUp != 1 {
				t.Errorf("%s: %+v", c.name, s)
			}
			r.once(t, 100)
			o := r.report.last[testRow(7).Key]
			if o.Found != c.found || o.ID == "" || r.api.attempts["c7@example.com"] != c.creates {
				t.Errorf("%s: outcome %+v after %d creates", c.name, o, r.api.attempts["c7@example.com"])
			}
			if !c.processed && time.Since(start) < r.o.Settle {
				t.Errorf("%s: sent again after %s, before reads can have caught up", c.name, time.Since(start))
			}
		})
	}
}

// What was in the API before the row was announced is not ours.
func TestFoundProfileThatIsOlder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.api.add(testRow(1).Profile, time.Now())
		time.Sleep(time.Minute)
		r.api.fault = func(_ string, attempt int, _ func() string) (contact.CreateResult, error, bool) {
			return contact.CreateResult{}, lostAnswer, attempt == 1
		}
		s := r.mustComplete(t, testRows(1))
		if s.Existing != 1 || s.Created != 0 {
			t.Errorf("%+v", s)
		}
		r.once(t, 1)
	})
}

func TestConflict(t *testing.T) {
	refused := &contact.APIError{Class: contact.Conflict, Failure: contact.Failure{HTTP: 409, Code: 1004}}
	t.Run("somebody else's", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig()
			id := r.api.add(testRow(1).Profile, time.Now())
			r.api.fault = func(string, int, func() string) (contact.CreateResult, error, bool) {
				return contact.CreateResult{}, refused, true
			}
			s := r.mustComplete(t, testRows(1))
			if o := r.report.last[testRow(1).Key]; s.Existing != 1 || o.ID != id {
				t.Errorf("%+v, outcome %+v", s, o)
			}
		})
	})
	t.Run("our own lost answer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig()
			r.api.lag = time.Minute // longer than the settling time: the row is sent again, and refused
			r.api.fault = func(_ string, attempt int, process func() string) (contact.CreateResult, error, bool) {
				if attempt == 1 {
					process()
					return contact.CreateResult{}, lostAnswer, true
				}
				return contact.CreateResult{}, refused, true
			}
			s := r.mustComplete(t, testRows(1))
			if s.Created != 1 {
				t.Errorf("%+v", s)
			}
			r.once(t, 1)
		})
	})
	t.Run("never shown", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig()
			r.api.fault = func(string, int, func() string) (contact.CreateResult, error, bool) {
				return contact.CreateResult{}, refused, true
			}
			// Refused again after a look-up that found nobody: it is not known to be in.
			if s := r.mustComplete(t, testRows(1)); s.Unknown != 1 || r.api.attempts[testRow(1).Profile.ContactIDs[0]] != 2 {
				t.Errorf("%+v, after %v creates", s, r.api.attempts)
			}
		})
	})
}

func TestCreateWithoutAnID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.api.fault = func(_ string, _ int, process func() string) (contact.CreateResult, error, bool) {
			process()
			return contact.CreateResult{}, nil, true
		}
		s := r.mustComplete(t, testRows(3))
		if s.Created != 3 {
			t.Errorf("%+v", s)
		}
		r.once(t, 3)
		for i := 1; i <= 3; i++ {
			if o := r.report.last[testRow(i).Key]; o.ID == "" {
				t.Errorf("row %d has no id", i)
			}
		}
	})
}

func TestLookUpThatFailsLeavesUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.api.fault = func(id string, attempt int, process func() string) (contact.CreateResult, error, bool) {
			if id != "c3@example.com" {
				return contact.CreateResult{}, nil, false
			}
			if attempt == 1 {
				process()
			}
			return contact.CreateResult{}, lostAnswer, true
		}
		r.api.listFault = func(contact.ListQuery) error {
			return &contact.APIError{Class: contact.Permanent, Failure: contact.Failure{HTTP: 400, Detail: "no lists today"}}
		}
		s := r.mustComplete(t, testRows(100))
		if s.Unknown != 1 || s.Created != 99 {
			t.Errorf("%+v", s)
		}
		if o := r.report.last[testRow(3).Key]; !strings.Contains(o.Failure.Detail, "no lists today") || o.Failure.Hint == "" {
			t.Errorf("failure %+v", o.Failure)
		}
		if n := r.api.attempts["c3@example.com"]; n != 1 {
			t.Errorf("sent %d times without a look", n)
		}
		// The next run looks it up before anything else.
		r.api.listFault = nil
		s = r.mustComplete(t, testRows(100))
		if s.Created != 1 || s.DoneBefore != 99 || s.LookedUp != 1 {
			t.Errorf("second run %+v", s)
		}
		r.once(t, 100)
	})
}

// A filter that special characters break does not hide a contact.
func TestFindFallsBack(t *testing.T) {
	crash := &contact.APIError{Class: contact.Ambiguous, Failure: contact.Failure{HTTP: 500}}
	refuse := &contact.APIError{Class: contact.Permanent, Failure: contact.Failure{HTTP: 400}}
	const id = "+49 (151) 2345678"
	for name, fault := range map[string]func(contact.ListQuery) error{
		"all works":          nil,
		"the filter crashes": func(q contact.ListQuery) error { return errorIf(crash, strings.ContainsAny(q.Filter, "+(")) },
		"no member query": func(q contact.ListQuery) error {
			return errors.Join(errorIf(refuse, q.ContactID != ""), errorIf(crash, strings.ContainsAny(q.Filter, "+(")))
		},
		"no query at all": func(q contact.ListQuery) error { return errorIf(refuse, q.Filter != "" || q.ContactID != "") },
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig()
			row := testRow(1)
			row.Profile.ContactIDs = []string{id}
			row.Key = contact.KeyOf(row.Profile.ContactIDs)
			for i := range 10 {
				r.api.add(testRow(i+100).Profile, time.Now())
			}
			r.api.listFault = fault
			r.api.fault = func(_ string, attempt int, process func() string) (contact.CreateResult, error, bool) {
				if attempt == 1 {
					process()
				}
				return contact.CreateResult{}, lostAnswer, attempt == 1
			}
			s := r.mustComplete(t, func(yield func(contact.Row, error) bool) { yield(row, nil) })
			if s.Created != 1 || r.api.count(id) != 1 {
				t.Errorf("%s: %+v, %d profiles", name, s, r.api.count(id))
			}
		})
	}
}

func errorIf(err error, wrong bool) error {
	if wrong {
		return err
	}
	return nil
}

// A look-up that is answered with the profiles of another query tells nobody who is
// there, and neither does the list of the project where a cache answers that one, too.
// However little is known of the project, nobody is created twice by this run or the
// next, and everybody is in when each query has its own answer again, or after the next
// run where it is the API that ignores queries.
func TestLookUpsAnsweredWithOthers(t *testing.T) {
	const rows = 100
	other := func(filter string) func(contact.ListQuery) contact.ListQuery {
		return func(contact.ListQuery) contact.ListQuery { return contact.ListQuery{Filter: filter} }
	}
	for _, c := range []struct {
		name    string
		how     whose.Discovery
		there   int // profiles of others
		mixed   func(contact.ListQuery) contact.ListQuery
		ignored bool // the queries, and the list of the project is true
	}{
		{"one of others", whose.DiscoverAuto, 12, other("c1001@"), false},
		{"one of others, in a project of one", whose.DiscoverAuto, 1, other("c1001@"), false},
		{"one of others, and the project was not asked", whose.DiscoverNobody, 12, other("c1001@"), false},
		{"one of this run, in an empty project", whose.DiscoverAuto, 0, other("c4@"), false},
		{"queries are ignored", whose.DiscoverAuto, 12, other(""), true},
		{"queries are ignored, and the project was not asked", whose.DiscoverNobody, 0, other(""), true},
	} {
		for _, processed := range []bool{true, false} {
			name := fmt.Sprintf("%s, processed %t", c.name, processed)
			synctest.Test(t, func(t *testing.T) {
				r := discover(c.how, 0)
				for i := range c.there {
					r.api.add(testRow(1001+i).Profile, time.Now().Add(-time.Hour))
				}
				lost := 0
				r.api.fault = func(id string, attempt int, process func() string) (contact.CreateResult, error, bool) {
					if !strings.Contains(id, "3") || attempt > 1 {
						time.Sleep(time.Second) // so that nobody is known to be in when the first is looked up
						return contact.CreateResult{}, nil, false
					}
					if processed {
						process()
					}
					r.api.mu.Lock()
					defer r.api.mu.Unlock()
					lost++
					r.api.mixed = c.mixed
					return contact.CreateResult{}, lostAnswer, true
				}
				for run := 1; run <= 3; run++ {
					if run == 3 {
						r.api.mixed = nil
					}
					r.o.Listing = &memoryListing{}
					s := r.mustComplete(t, testRows(rows))
					if want := run == 1 && !(c.ignored && processed) || run == 2 && !c.ignored; (s.Unknown > 0) != want || want && int(s.Unknown) != lost {
						t.Errorf("%s, run %d: %+v, %d answers were lost", name, run, s, lost)
					}
					for i := 1; i <= rows; i++ {
						if n := r.api.count(testRow(i).Profile.ContactIDs[0]); n > 1 {
							t.Errorf("%s, run %d: contact %d is in the API %d times", name, run, i, n)
						}
					}
				}
				r.once(t, rows)
			})
		}
	}
}

// A list of the project that shows fewer than it held is none: nobody is created
// because of it who was not to be found before either.
func TestNobodyIsCreatedByAListThatIsTooShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := discover(whose.DiscoverByLookUp, 20)
		asked := false
		r.api.mixed = func(q contact.ListQuery) contact.ListQuery {
			if !asked && q.Filter == "" { // how large the project is
				asked = true
				return q
			}
			return contact.ListQuery{Filter: "c20@"}
		}
		if s := r.mustComplete(t, testRows(30)); s.Failed != 29 || s.Existing != 1 || s.Created != 0 {
			t.Errorf("%+v", s)
		}
		r.api.mixed = nil
		if s := r.mustComplete(t, testRows(30)); s.Existing+s.DoneBefore != 20 || s.Created != 10 {
			t.Errorf("%+v", s)
		}
	})
}

func TestStampIsProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.o.StampField = "import_key"
		// Somebody makes the same contact at the same moment, and our request is lost.
		r.api.fault = func(id string, attempt int, process func() string) (contact.CreateResult, error, bool) {
			if attempt > 1 {
				return contact.CreateResult{}, nil, false
			}
			switch id {
			case "c1@example.com":
				r.api.add(testRow(1).Profile, time.Now())
			case "c2@example.com":
				process()
			}
			return contact.CreateResult{}, lostAnswer, true
		}
		r.mustComplete(t, testRows(2))
		if s := r.report.last[testRow(1).Key].Status; s != contact.Existing {
			t.Errorf("a profile without our stamp is %s", s)
		}
		if s := r.report.last[testRow(2).Key].Status; s != contact.Created {
			t.Errorf("a profile with our stamp is %s", s)
		}
		stamps := map[string]string{}
		for _, p := range r.api.profiles {
			stamps[p.p.ContactIDs[0]] += string(p.p.Field("import_key"))
		}
		if got, want := stamps["c2@example.com"], `"`+testRow(2).Key.String()+`"`; got != want {
			t.Errorf("stamp %s, want %s", got, want)
		}
	})
}

// After a kill the last line of the report is all that tells when the last
// request can have left, so that it must never be much older than a create.
// Nothing is written while all rows wait: for a look-up, for the server to come
// back, for a throttled API.
func TestReportIsNotSilentWhenARowIsSent(t *testing.T) {
	for name, fault := range map[string]func(attempt int) error{
		"sent again after look-ups": func(attempt int) error { return errorIf(lostAnswer, attempt == 1) },
		"after an outage":           func(attempt int) error { return errorIf(&contact.APIError{Class: contact.Transient}, attempt < 5) },
		"after a long refusal": func(attempt int) error {
			return errorIf(&contact.APIError{Class: contact.Throttled, RetryAfter: 4 * time.Minute}, attempt == 1)
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig()
			r.api.latency = 0
			late := 0
			r.api.fault = func(id string, attempt int, _ func() string) (contact.CreateResult, error, bool) {
				r.report.mu.Lock()
				defer r.report.mu.Unlock()
				if silence := time.Since(r.report.lastLine); silence > maxSilence {
					t.Errorf("%s: attempt %d for %s left %s after the last line", name, attempt, id, silence)
				}
				if attempt > 1 {
					late++
				}
				err := fault(attempt)
				return contact.CreateResult{}, err, err != nil
			}
			if s := r.mustComplete(t, testRows(3)); s.Created != 3 || late < 3 {
				t.Errorf("%s: %+v, %d late attempts", name, s, late)
			}
		})
	}
}

// A row in doubt is not sent again before reads show what a killed run sent
// last, which was up to maxSilence after its last line.
func TestReadsCatchUpAfterAKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.o.Settle = 5 * time.Second
		r.api.lag = r.o.Settle
		k := testRow(1).Key
		r.report.announced[k], r.report.doubtful[k] = time.Now(), true
		r.report.lastAlive = time.Now()
		time.Sleep(maxSilence - time.Millisecond)
		r.api.add(testRow(1).Profile, time.Now())
		if s := r.mustComplete(t, testRows(1)); s.Created != 1 || s.Requests == 0 {
			t.Errorf("%+v", s)
		}
		r.once(t, 1)
	})
}

func TestSentUntil(t *testing.T) {
	now := time.Now()
	for _, c := range []struct{ last, want time.Time }{
		{now.Add(-time.Hour), now.Add(-time.Hour + maxSilence)},
		{now.Add(-maxSilence / 2), now},
		{now.Add(time.Hour), now}, // the clock was set back
	} {
		if got := sentUntil(c.last, now); !got.Equal(c.want) {
			t.Errorf("last line %s from now: %s", c.last.Sub(now), got.Sub(now))
		}
	}
}

// Runs that stop at any moment, over an API that loses answers and lags, leave
// each contact in the API once when the last one has ended.
func TestStoppedAgainAndAgain(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			const rows = 300
			random := rand.New(rand.NewPCG(seed, 1))
			r := newRig()
			r.o.Settle = 5 * time.Second
			r.api.lag = 2 * time.Second
			r.api.fault = func(_ string, _ int, process func() string) (contact.CreateResult, error, bool) {
				r.api.mu.Lock()
				dice := random.IntN(100)
				r.api.mu.Unlock()
				switch {
				case dice < 5:
					process()
					return contact.CreateResult{}, lostAnswer, true
				case dice < 10:
					return contact.CreateResult{}, lostAnswer, true
				case dice < 15:
					return contact.CreateResult{}, &contact.APIError{Class: contact.Transient}, true
				case dice < 17:
					return contact.CreateResult{}, &contact.APIError{Class: contact.Throttled, RetryAfter: time.Second}, true
				}
				return contact.CreateResult{}, nil, false
			}
			for range 8 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(3000))*time.Millisecond)
				s, err := r.run(ctx, t, testRows(rows))
				cancel()
				if err != nil {
					t.Fatalf("seed %d: %v, %+v", seed, err, s)
				}
			}
			for range 3 { // what failed after its retries comes in with the next run
				r.mustComplete(t, testRows(rows))
			}
			r.once(t, rows)
			if n := len(r.report.doubtful); n != 0 {
				t.Errorf("seed %d: %d rows in doubt", seed, n)
			}
		})
	}
}
