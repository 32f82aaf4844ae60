package importer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"importer/importer/contact"
	"importer/importer/pace"
)

// A fakeAPI is the API in memory: virtual time cannot pass through sockets. It
// takes latency for each request.
type fakeAPI struct {
	latency  time.Duration
	lag      time.Duration // how long a list does not show a new profile
	readLag  time.Duration // how long a get does not
	pageSize int           // of a list; 0: all on one page
	// shortList: a list without a filter ends after so many profiles, and says that
	// there are more.
	shortList int
	// fault is asked about each create, with the number of the attempt for this
	// contact id; it may process the request by calling process.
	fault  func(id string, attempt int, process func() string) (contact.CreateResult, error, bool)
	merges bool // an update leaves the fields that it does not name
	shows  bool // the answer to an update shows the profile
	// hangs is asked first about each create: it may wait for ctx, and its error, if any,
	// is the answer.
	hangs func(ctx context.Context, id string) error
	onGet func(id string) // told of each get that is answered, under the lock
	// listFault is asked about each list.
	listFault func(q contact.ListQuery) error
	// mixed is the query that is answered instead, as by a cache that mixes answers; nil:
	// each its own.
	mixed func(q contact.ListQuery) contact.ListQuery

	// changeFault is asked about each update, delete and merge; it may process the
	// request by calling process.
	changeFault func(what, id string, process func()) (error, bool)

	mu       sync.Mutex
	log      []string // "announced KEY", "create ID", in order, shared with the report
	profiles []fakeProfile
	attempts map[string]int
	requests []time.Time
	inFlight int
	most     int // requests in flight at once
}

type fakeProfile struct {
	id       string
	p        contact.Profile
	created  time.Time
	changed  time.Time // zero: when it was created
	inactive bool
}

func (f *fakeAPI) enter() func() {
	f.mu.Lock()
	f.requests = append(f.requests, time.Now())
	f.inFlight++
	f.most = max(f.most, f.inFlight)
	f.mu.Unlock()
	time.Sleep(f.latency)
	return func() {
		f.mu.Lock()
		f.inFlight--
		f.mu.Unlock()
	}
}

// add makes a profile, as another client of the API would.
func (f *fakeAPI) add(p contact.Profile, created time.Time) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := fmt.Sprintf("%024d", len(f.profiles))
	f.profiles = append(f.profiles, fakeProfile{id: id, p: p, created: created})
	return id
}

func (f *fakeAPI) Create(ctx context.Context, p contact.Profile) (contact.CreateResult, error) {
	defer f.enter()()
	if f.hangs != nil {
		if err := f.hangs(ctx, p.ContactIDs[0]); err != nil {
			return contact.CreateResult{}, err
		}
	}
	f.mu.Lock()
	id := p.ContactIDs[0]
	f.attempts[id]++
	attempt := f.attempts[id]
	f.log = append(f.log, "create "+contact.KeyOf(p.ContactIDs).String())
	f.mu.Unlock()
	process := func() string { return f.add(p, time.Now()) }
	if f.fault != nil {
		if result, err, faulty := f.fault(id, attempt, process); faulty {
			return result, err
		}
	}
	return contact.CreateResult{ID: process()}, nil
}

func (f *fakeAPI) found(p fakeProfile) contact.Found {
	changed := p.created
	if p.changed.After(changed) {
		changed = p.changed
	}
	return contact.Found{ID: p.id, ContactIDs: p.p.ContactIDs, Fields: p.p.Fields, Active: !p.inactive, LastChanged: changed.Truncate(time.Second)}
}

func (f *fakeAPI) List(_ context.Context, q contact.ListQuery) (contact.ListPage, error) {
	defer f.enter()()
	if f.listFault != nil {
		if err := f.listFault(q); err != nil {
			return contact.ListPage{}, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mixed != nil {
		q = f.mixed(q)
	}
	var page contact.ListPage
	for _, p := range f.profiles {
		if time.Since(p.created) < f.lag {
			continue
		}
		if slices.ContainsFunc(p.p.ContactIDs, func(id string) bool {
			return strings.Contains(id, q.Filter) && (q.ContactID == "" || id == q.ContactID)
		}) {
			page.Total++
			if f.pageSize > 0 && (p.id <= q.Cursor || len(page.Profiles) == f.pageSize) {
				continue // ids rise
			}
			if f.shortList > 0 && q.Filter == "" && len(page.Profiles) == f.shortList {
				continue
			}
			page.Profiles = append(page.Profiles, f.found(p))
		}
	}
	if n := len(page.Profiles); n > 0 && n == f.pageSize {
		page.Next = page.Profiles[n-1].ID
	}
	return page, nil
}

func (f *fakeAPI) Get(_ context.Context, id string) (contact.Found, error) {
	defer f.enter()()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.profiles {
		if p.id == id && time.Since(p.created) >= f.readLag {
			found := f.found(p)
			found.CreatedAt = p.created.Truncate(time.Second)
			if f.onGet != nil {
				f.onGet(id)
			}
			return found, nil
		}
	}
	return contact.Found{}, &contact.APIError{Author: contact.API, Class: contact.Permanent, Failure: contact.Failure{HTTP: 404}}
}

// change changes the profile of an id. It replaces fields, as the API may.
func (f *fakeAPI) change(what, id string, change func(i int)) error {
	defer f.enter()()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, what+" "+id)
	i := slices.IndexFunc(f.profiles, func(p fakeProfile) bool { return p.id == id })
	if i < 0 {
		return &contact.APIError{Author: contact.API, Class: contact.Permanent, Failure: contact.Failure{HTTP: 404}}
	}
	process := func() { change(i) }
	if f.changeFault != nil {
		if err, faulty := f.changeFault(what, id, process); faulty {
			return err
		}
	}
	process()
	return nil
}

func (f *fakeAPI) Update(_ context.Context, id string, p contact.Profile) (contact.Found, error) {
	var shown contact.Found
	err := f.change("update", id, func(i int) {
		to := &f.profiles[i]
		if p.ContactIDs != nil {
			to.p.ContactIDs = p.ContactIDs
		}
		if p.Fields != nil && f.merges {
			kept := slices.DeleteFunc(slices.Clone(to.p.Fields), func(old contact.Field) bool { return p.Field(old.Name) != nil })
			to.p.Fields = slices.Concat(kept, p.Fields)
			contact.SortFields(to.p.Fields)
		} else if p.Fields != nil {
			to.p.Fields = p.Fields
		}
		if p.Active != nil {
			to.inactive = !*p.Active
		}
		to.changed = time.Now()
		if f.shows {
			shown = f.found(*to)
		}
	})
	return shown, err
}

func (f *fakeAPI) Delete(_ context.Context, id string) error {
	return f.change("delete", id, func(i int) { f.profiles = slices.Delete(f.profiles, i, i+1) })
}

func (f *fakeAPI) Merge(_ context.Context, id, contactID string) (string, error) {
	return id, f.change("merge", id, func(i int) {
		j := slices.IndexFunc(f.profiles, func(p fakeProfile) bool { return slices.Contains(p.p.ContactIDs, contactID) })
		f.profiles[i].p.ContactIDs = slices.Concat(f.profiles[i].p.ContactIDs, f.profiles[j].p.ContactIDs)
		f.profiles = slices.Delete(f.profiles, j, j+1)
	})
}

func (f *fakeAPI) ClockSkew() (least, most time.Duration, known bool) { return 0, 0, true }

// count is how many profiles hold a contact id.
func (f *fakeAPI) count(contactID string) int {
	n := 0
	for _, p := range f.profiles {
		if slices.Contains(p.p.ContactIDs, contactID) {
			n++
		}
	}
	return n
}

// A memoryJournal is a journal in memory. Like a file, it outlives the run.
type memoryJournal struct {
	api       *fakeAPI
	mu        sync.Mutex
	outcomes  []*contact.Outcome
	last      map[contact.Key]*contact.Outcome
	announced map[contact.Key]time.Time
	doubtful  map[contact.Key]bool
	lastAlive time.Time
	lastLine  time.Time
	batches   []int
	fail      func() error // asked before each write
}

func newMemoryReport(api *fakeAPI) *memoryJournal {
	return &memoryJournal{api: api, last: map[contact.Key]*contact.Outcome{}, announced: map[contact.Key]time.Time{}, doubtful: map[contact.Key]bool{}}
}

func (r *memoryJournal) Sending(keys []contact.Key) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		if err := r.fail(); err != nil {
			return err
		}
	}
	r.lastLine = time.Now()
	r.batches = append(r.batches, len(keys))
	r.api.mu.Lock()
	defer r.api.mu.Unlock()
	for _, k := range keys {
		r.doubtful[k] = true
		if _, ok := r.announced[k]; !ok {
			r.announced[k] = time.Now()
		}
		r.api.log = append(r.api.log, "announced "+k.String())
	}
	return nil
}

func (r *memoryJournal) Changing(keys []contact.Key, _ contact.Intent) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		if err := r.fail(); err != nil {
			return err
		}
	}
	r.lastLine = time.Now()
	r.api.mu.Lock()
	defer r.api.mu.Unlock()
	for _, k := range keys {
		r.api.log = append(r.api.log, "changing "+k.String())
	}
	return nil
}

func (r *memoryJournal) Gone(keys []contact.Key) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range keys {
		delete(r.last, k)
	}
	return nil
}

func (r *memoryJournal) Unsent(keys []contact.Key, _ contact.Intent) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range keys {
		delete(r.doubtful, k)
		delete(r.announced, k)
	}
	return nil
}

func (r *memoryJournal) KnownAs(_, _ contact.Key) error { return nil }

func (r *memoryJournal) Corrected(contact.Correction, contact.Key) error { return nil }

func (r *memoryJournal) Append(outcomes ...*contact.Outcome) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range outcomes {
		if r.fail != nil {
			if err := r.fail(); err != nil {
				return err
			}
		}
		r.lastLine = o.At
		r.outcomes = append(r.outcomes, o)
		if o.Status != contact.Invalid && o.Status != contact.Duplicate {
			r.last[o.Row.Key] = o
			delete(r.doubtful, o.Row.Key)
		}
	}
	return nil
}

func (r *memoryJournal) Before(k contact.Key) (*contact.Outcome, error) {
	o := *r.last[k]
	return &o, nil
}
func (r *memoryJournal) AnnouncedAt(k contact.Key) time.Time { return r.announced[k] }
func (r *memoryJournal) LastAlive() time.Time                { return r.lastAlive }

// keys is what a replay of the report would give.
func (r *memoryJournal) keys() *contact.Keys {
	keys := contact.NewKeys()
	for k, o := range r.last {
		keys.Set(k, o.Status)
	}
	for k := range r.doubtful {
		keys.Set(k, contact.InDoubt)
	}
	return keys
}

type memoryRejects struct{ rows []*contact.Outcome }

func (r *memoryRejects) Reject(o *contact.Outcome) error {
	r.rows = append(r.rows, o)
	return nil
}

// row is a valid row of that number.
func testRow(n int) contact.Row {
	p := contact.Profile{ContactIDs: []string{fmt.Sprintf("c%d@example.com", n)}, Fields: []contact.Field{{Name: "firstname", Value: contact.StringValue(fmt.Sprint("N", n))}}}
	digest, _ := p.Measure()
	return contact.Row{Source: "t.csv", Line: n + 1, Number: int64(n), Key: contact.KeyOf(p.ContactIDs), Digest: digest, Profile: p, Raw: []string{fmt.Sprint(n)}}
}

func testRows(n int) contact.Rows {
	return func(yield func(contact.Row, error) bool) {
		for i := 1; i <= n; i++ {
			if !yield(testRow(i), nil) {
				return
			}
		}
	}
}

// A rig is a run and everything around it.
type rig struct {
	api     *fakeAPI
	report  *memoryJournal
	rejects *memoryRejects
	o       Options
	keys    *contact.Keys // of the next run; nil: those of the report
	// progress is that of the last run.
	progress *contact.Progress
}

func newRig() *rig {
	api := &fakeAPI{latency: 20 * time.Millisecond, attempts: map[string]int{}}
	r := &rig{api: api, report: newMemoryReport(api)}
	r.o = Options{Workers: 16, Retries: 5, Settle: 30 * time.Second, GiveUpAfter: 10 * time.Minute, MaxErrors: must(contact.ParseMaxErrors("100%"))}
	return r
}

func (r *rig) run(ctx context.Context, t *testing.T, rows contact.Rows) (contact.Summary, error) {
	t.Helper()
	r.rejects, r.progress = &memoryRejects{}, &contact.Progress{}
	rate, err := pace.ParseRate("unlimited")
	if err != nil {
		t.Fatal(err)
	}
	o := r.o
	if o.Pacer == nil {
		o.Pacer = pace.NewPacer(rate, pace.PacerOptions{})
	}
	if r.keys == nil {
		r.keys = r.report.keys()
	}
	o.API, o.Journal, o.Rejects, o.Keys, o.Progress, o.Log = r.api, r.report, r.rejects, r.keys, r.progress, zerolog.Nop()
	r.keys = nil
	s, err := Run(ctx, rows, o)
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	r.report.lastAlive = time.Now()
	return s, err
}

// mustComplete runs and wants the end of the input to be reached.
func (r *rig) mustComplete(t *testing.T, rows contact.Rows) contact.Summary {
	t.Helper()
	s, err := r.run(t.Context(), t, rows)
	if err != nil || s.Status != contact.Complete {
		t.Fatalf("run ended %s: %v", s.Status, err)
	}
	return s
}

// once wants each of n contacts in the API exactly once.
func (r *rig) once(t *testing.T, n int) {
	t.Helper()
	for i := 1; i <= n; i++ {
		if c := r.api.count(testRow(i).Profile.ContactIDs[0]); c != 1 {
			t.Errorf("contact %d is in the API %d times", i, c)
		}
	}
}

// must is a value that there is no error about.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
