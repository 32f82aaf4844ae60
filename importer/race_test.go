package importer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"importer/importer/contact"
	"importer/importer/pace"
	"importer/importer/whose"
)

// A conversation is somebody else who writes to the profiles: it withdraws the consent
// and adds a memory, once to each profile.
type conversation struct {
	mu    sync.Mutex
	reads map[string]time.Time // when the run last read a profile
	wrote map[string]time.Time // when the conversation did
	gaps  []time.Duration      // between the read of a profile and its update
	raced int                  // updates of profiles that the conversation had changed since their read
}

// writes changes a profile in that moment, as a conversation does.
func (c *conversation) writes(api *fakeAPI, id string) {
	api.mu.Lock()
	defer api.mu.Unlock()
	i := slices.IndexFunc(api.profiles, func(p fakeProfile) bool { return p.id == id })
	p := &api.profiles[i].p
	p.Fields = slices.DeleteFunc(slices.Clone(p.Fields), func(f contact.Field) bool { return f.Name == "accepted_gdpr" })
	p.Fields = append(p.Fields, contact.Field{Name: "accepted_gdpr", Value: []byte("false")}, contact.Field{Name: "memories", Value: []byte(`["hello"]`)})
	contact.SortFields(p.Fields)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrote[id] = time.Now()
}

// consenting are rows that also say that the contact has given its consent.
func consenting(n int, name string) contact.Rows {
	return func(yield func(contact.Row, error) bool) {
		for row := range testRows(n) {
			row.Profile.Fields = []contact.Field{{Name: "accepted_gdpr", Value: []byte("true")}, {Name: "firstname", Value: contact.StringValue(name)}}
			row.Digest, row.Bytes = row.Profile.Measure()
			if !yield(row, nil) {
				return
			}
		}
	}
}

// While 3,000 rows are updated at a small quota, a conversation changes each of their
// profiles, at any moment of the minute after its read. Where the API merges nothing of
// that is lost, and no consent is put back; where it replaces, nothing but what falls
// between a read and its update, which are one round trip of 20 ms apart.
func TestWhatAConversationWritesStays(t *testing.T) {
	const rows = 3000
	merges, replaces := contact.Behaviour{Patch: contact.PatchMerges}, contact.Behaviour{Patch: contact.PatchReplaces}
	for _, c := range []struct {
		name   string
		merges bool // the API does
		known  contact.Behaviour
		rate   string
		reads  int
	}{
		{"an API known to merge", true, merges, "100/6s", 0},
		{"an API that merges, which nobody knows", true, contact.Behaviour{}, "100/6s", rows},
		{"an API that replaces, which nobody knows", false, contact.Behaviour{}, "5/12s,100/s", rows},
		{"an API known to replace", false, replaces, "100/6s", rows},
		{"a smooth pace", false, replaces, "20/s", rows},
	} {
		synctest.Test(t, func(t *testing.T) {
			r, _ := newSyncRig()
			r.night(t, consenting(rows, "first"))
			rng := rand.New(rand.NewPCG(1, 2))
			talk := &conversation{reads: map[string]time.Time{}, wrote: map[string]time.Time{}}
			var talking sync.WaitGroup
			defer talking.Wait()
			later := func(id string) {
				talk.mu.Lock()
				after := time.Duration(rng.Int64N(int64(time.Minute)))
				talk.mu.Unlock()
				talking.Go(func() {
					time.Sleep(after)
					talk.writes(r.api, id)
				})
			}
			r.api.merges = c.merges
			reads := 0
			r.api.onGet = func(id string) {
				talk.mu.Lock()
				talk.reads[id] = time.Now()
				reads++
				talk.mu.Unlock()
				later(id)
			}
			r.api.changeFault = func(_, id string, _ func()) (error, bool) {
				talk.mu.Lock()
				read, known := talk.reads[id]
				if known {
					talk.gaps = append(talk.gaps, time.Since(read))
				}
				if wrote, did := talk.wrote[id]; known && did && !wrote.Before(read) {
					talk.raced++
				}
				talk.mu.Unlock()
				if !known {
					later(id)
				}
				return nil, false
			}
			r.o.Behaviour, r.o.Pacer = c.known, pace.NewPacer(must(pace.ParseRate(c.rate)), pace.PacerOptions{})
			s := r.night(t, consenting(rows, "second"))
			talking.Wait()
			if s.Updated != rows || reads != c.reads || s.Requests != int64(rows+c.reads) {
				t.Errorf("%s: %d reads, %+v", c.name, reads, s)
			}
			lost := 0
			for _, p := range r.api.profiles {
				if string(p.p.Field("firstname")) != `"second"` {
					t.Fatalf("%s: %+v was not updated", c.name, p.p)
				}
				if consent := string(p.p.Field("accepted_gdpr")); consent != "false" || p.p.Field("memories") == nil {
					lost++
				}
			}
			if lost != talk.raced || c.known == merges && lost > 0 || lost > rows/1000 {
				t.Errorf("%s: what a conversation wrote was lost %d times, and fell between a read and its update %d times", c.name, lost, talk.raced)
			}
			for _, gap := range talk.gaps {
				if gap != r.api.latency {
					t.Fatalf("%s: an update came %v after its read", c.name, gap)
				}
			}
		})
	}
}

// Whoever wrote between the read and the update is told of, where the answer shows it.
func TestARaceThatShowsIsTold(t *testing.T) {
	for _, shown := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r, _ := newSyncRig()
			r.api.shows = shown
			r.night(t, testRows(20))
			r.api.merges = true
			talk := &conversation{wrote: map[string]time.Time{}}
			n := 0
			r.api.onGet = func(id string) {
				if n++; n%4 == 0 {
					go func() {
						time.Sleep(r.api.latency / 2)
						talk.writes(r.api, id)
					}()
				}
			}
			r.o.Workers = 1
			r.night(t, changedRows(20))
			want := int64(0)
			if shown {
				want = 5
			}
			if got := r.progress.Remarks.Of(contact.Raced).Count; got != want {
				t.Errorf("the answers show profiles %t: %d races are told, want %d: %s", shown, got, want, r.progress.Remarks.Text(false))
			}
		})
	}
}

// An update that is not read first, and whose profile is not there, is not taken for
// gone before a read and a look-up say so.
func TestAnUnreadUpdateOfAProfileThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newSyncRig()
		r.o.Behaviour.Patch = contact.PatchMerges
		r.api.merges = true
		r.night(t, testRows(10))
		gone := r.api.profiles[3].id
		r.api.profiles = slices.Delete(r.api.profiles, 3, 4)
		behind := r.api.profiles[5].id
		asked := map[string]int{}
		r.api.changeFault = func(_, id string, _ func()) (error, bool) {
			if asked[id]++; id == behind && asked[id] == 1 {
				return &contact.APIError{Author: contact.API, Class: contact.Permanent, Failure: contact.Failure{HTTP: 404}}, true
			}
			return nil, false
		}
		s := r.night(t, changedRows(10))
		if s.Updated != 9 || s.Created != 1 || s.Rejected+s.Failed != 0 {
			t.Errorf("%+v", s)
		}
		r.once(t, 10)
		for _, p := range r.api.profiles {
			if string(p.p.Field("firstname")) != `"changed"` || p.id == gone {
				t.Errorf("%+v", p)
			}
		}
	})
}

// Nobody is created by a run that only updates, whatever the state says and whoever has
// gone meanwhile.
func TestARunThatOnlyUpdatesCreatesNobody(t *testing.T) {
	for _, how := range []whose.Discovery{whose.DiscoverAuto, whose.DiscoverByList, whose.DiscoverByLookUp} {
		synctest.Test(t, func(t *testing.T) {
			r, s := newSyncRig()
			r.night(t, testRows(10))
			r.o.UpdateOnly, r.o.Discovery = true, how
			r.api.profiles = slices.Delete(r.api.profiles, 2, 4) // two that the state knows
			for i := 11; i <= 15; i++ {
				r.api.add(testRow(i).Profile, time.Now()) // five that it does not
			}
			sum := r.night(t, changedRows(30))
			if sum.Updated != 13 || sum.Absent != 17 || sum.Created != 0 || s.Len() != 13 || sum.FoundNobody() {
				t.Errorf("%d: %+v, the state knows %d", how, sum, s.Len())
			}
			if created := slices.ContainsFunc(r.api.log, func(l string) bool { return l == "create "+testRow(20).Key.String() }); created || len(r.api.profiles) != 13 {
				t.Errorf("%d: %d profiles", how, len(r.api.profiles))
			}
			for _, l := range r.api.log[len(r.api.log)-10:] {
				if fmt.Sprintf("%.9s", l) == "announced" {
					t.Errorf("%d: a create was announced", how)
				}
			}
			if sum = r.night(t, testRows(40)); sum.FoundNobody() || sum.Created != 0 {
				t.Errorf("%d, the night after: %+v", how, sum)
			}
			clear(s.entries)
			r.api.profiles = nil
			if sum = r.night(t, testRows(5)); sum.Absent != 5 || !sum.FoundNobody() || len(r.api.profiles) != 0 {
				t.Errorf("%d, in an empty project: %+v", how, sum)
			}
		})
	}
}

// A stop between a read and its update loses neither a token nor a row.
func TestAStopBetweenReadAndUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newSyncRig()
		r.night(t, testRows(400))
		r.o.Pacer = pace.NewPacer(must(pace.ParseRate("100/1s")), pace.PacerOptions{})
		r.report = newMemoryReport(r.api)
		ctx, cancel := context.WithTimeout(t.Context(), 1030*time.Millisecond) // in the middle of a round trip
		defer cancel()
		first, err := r.run(ctx, t, changedRows(400))
		if err != nil || first.Status != contact.Interrupted || first.Updated == 0 || first.Updated == 400 {
			t.Fatalf("%+v, %v", first, err)
		}
		time.Sleep(2 * time.Second)
		if used := r.o.Pacer.State().Used; used != 0 {
			t.Errorf("%d tokens were never given back", used)
		}
		if second := r.mustComplete(t, changedRows(400)); first.Updated+second.Updated != 400 {
			t.Errorf("%+v\n%+v", first, second)
		}
	})
}

// A profile of which nothing was to be sent was not touched by that.
func TestARowThatSaysLessTouchesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := newSyncRig()
		r.o.Behaviour.Patch = contact.PatchMerges
		r.night(t, consenting(3, "first"))
		created := time.Now()
		time.Sleep(20 * 24 * time.Hour)
		less := func(yield func(contact.Row, error) bool) {
			for row := range consenting(3, "first") {
				row.Profile.Fields = row.Profile.Fields[:1]
				row.Digest, row.Bytes = row.Profile.Measure()
				if !yield(row, nil) {
					return
				}
			}
		}
		if sum := r.night(t, less); sum.Unchanged != 3 || sum.Requests != 0 {
			t.Errorf("%+v", sum)
		}
		for _, e := range s.entries {
			if e.Touched.After(created) {
				t.Errorf("%+v was not touched since %v", e, created)
			}
		}
	})
}

// An API that takes no two requests within a second gets each update in the end.
func TestAnAPIThatTakesNoTwoRequestsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newSyncRig()
		r.night(t, testRows(5))
		last := time.Time{}
		tooSoon := func() error {
			defer func() { last = time.Now() }()
			if time.Since(last) < 900*time.Millisecond {
				return &contact.APIError{Author: contact.API, Class: contact.Throttled, RetryAfter: time.Second, Failure: contact.Failure{HTTP: 429}}
			}
			return nil
		}
		r.api.onGet = func(string) { last = time.Now() }
		r.api.changeFault = func(string, string, func()) (error, bool) {
			err := tooSoon()
			return err, err != nil
		}
		r.o.Pacer = pace.NewPacer(must(pace.ParseRate("1/s")), pace.PacerOptions{})
		r.o.Workers = 1
		if s := r.night(t, changedRows(5)); s.Updated != 5 || s.Requests > 5*2*(maxTurned+1) {
			t.Errorf("%+v", s)
		}
	})
}
