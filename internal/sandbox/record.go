package sandbox

import (
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"importer/internal/sandbox/jsonvalue"
	"importer/internal/sandbox/store"
)

// A Request is what the sandbox remembers of a request to the API.
type Request struct {
	At        time.Time // by Options.Clock, when it arrived
	Handled   time.Time // when its operation began, before or after every ForeignWrite; zero where it did not
	Operation string    // one of Operations; empty where the path is none of the API
	ProfileID string    // of the profile that it was about; empty where it was refused or about none
	Status    int       // of the answer, also of one that was lost; 0 where the request was dropped unprocessed
	Fault     string    // the fault that befell it, as in "drop-after"; empty where none did
}

// An Injection is a request that a fault befell.
type Injection struct {
	At        time.Time
	Fault     string // as in "drop-after", "500" or "500-after"
	Operation string
	Method    string
	Path      string
	// Processed tells that the request did what it asked for, or was refused for
	// its own sake, and that only its answer was lost. Status is the status of
	// that answer, and ProfileID and ContactIDs are of the profile it was about.
	Processed  bool
	Status     int
	ProfileID  string
	ContactIDs []string
}

// A Profile is a profile as it is stored, whether or not a read lag hides it.
type Profile struct {
	ID         string
	ContactIDs []string
	Body       jsontext.Value // as get answers it in application/json
}

// Counts are the numbers of what happened since the sandbox was made.
type Counts struct {
	Requests  map[string]int // requests to the API by operation; "" are those to none
	Faults    map[string]int // injected faults by name
	Throttled int            // answers 429, by the quota and by faults
	Profiles  int            // profiles there are now
}

// maxRecords bounds the requests and the injections that are remembered, each.
const maxRecords = 1 << 20

// record is what the sandbox remembers for tests and for the page. The Sandbox's
// mutex guards it.
type record struct {
	requests   last[Request]
	injections last[Injection]
	operations map[string]int
	faults     map[string]int
	throttled  int
}

func newRecord() *record {
	return &record{operations: make(map[string]int), faults: make(map[string]int)}
}

func (r *record) request(q Request) {
	r.requests.add(q)
	r.operations[q.Operation]++
	if q.Status == 429 {
		r.throttled++
	}
}

func (r *record) injection(i Injection) {
	r.injections.add(i)
	r.faults[i.Fault]++
}

// last holds the last maxRecords of what was added.
type last[T any] struct {
	items []T
	next  int // where the oldest is, once it is full
}

func (l *last[T]) add(item T) {
	if len(l.items) < maxRecords {
		l.items = append(l.items, item)
		return
	}
	l.items[l.next] = item
	l.next = (l.next + 1) % maxRecords
}

// all are the items from the oldest on, in a slice of the caller's.
func (l *last[T]) all() []T {
	return append(append(make([]T, 0, len(l.items)), l.items[l.next:]...), l.items[:l.next]...)
}

// Requests are the last requests to the API in the order in which they were
// finished, up to a million.
func (s *Sandbox) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.record.requests.all()
}

// Injections are the last faults that were injected in the order in which they
// befell, up to a million.
func (s *Sandbox) Injections() []Injection {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.record.injections.all()
}

// Counts are the numbers of what happened since the sandbox was made.
func (s *Sandbox) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Counts{Requests: maps.Clone(s.record.operations), Faults: maps.Clone(s.record.faults), Throttled: s.record.throttled,
		Profiles: s.store.Len(s.options.Clock())}
}

// Profiles are all profiles in the order of their creation. It does not count as
// a read.
func (s *Sandbox) Profiles() []Profile {
	s.mu.Lock()
	defer s.mu.Unlock()
	profiles := s.store.All(s.options.Clock())
	list := make([]Profile, len(profiles))
	for i, p := range profiles {
		list[i] = Profile{ID: p.ID, ContactIDs: slices.Clone(p.ContactIDs), Body: s.entity(p).Value()}
	}
	return list
}

// AddSession gives a profile a conversation, as if the contact had talked with a
// Flow: a JSON object, which export data answers and delete data removes. The
// API has no operation for that. It tells whether there is such a profile.
func (s *Sandbox) AddSession(profileID string, session jsontext.Value) (bool, error) {
	o, err := jsonvalue.ParseObject(session)
	if err != nil {
		return false, err
	}
	s.mu.Lock()
	p := s.store.Change(profileID, s.options.Clock(), func(p *store.Profile) { p.Sessions = append(slices.Clone(p.Sessions), o) })
	s.mu.Unlock()
	return p != nil, s.store.Wait()
}
