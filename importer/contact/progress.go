package contact

import (
	"sync/atomic"
	"time"
)

// Progress are the counters of a run while it lasts. The engine writes them;
// whoever shows them polls Snapshot. The zero value is ready.
type Progress struct {
	Read       atomic.Int64
	Outcomes   [statuses]atomic.Int64
	DoneBefore atomic.Int64
	Pending    atomic.Int64
	Requests   atomic.Int64
	Retries    atomic.Int64
	Throttled  atomic.Int64
	LookedUp   atomic.Int64
	InFlight   atomic.Int64
	InDoubt    atomic.Int64

	// Remarks are what a person should know of rows that are in.
	Remarks Remarks

	trouble atomic.Pointer[APIError]
	away    atomic.Pointer[Away]
}

// Away is since when a run waits for its store, and why.
type Away struct {
	Since time.Time
	Err   error
}

// Fail notes why the last request got no answer of the API that settles anything, and
// tells whether the one before failed for another reason, or not at all.
func (p *Progress) Fail(problem *APIError) (news bool) {
	before := p.trouble.Swap(problem)
	return before == nil || before.HTTP != problem.HTTP || WithoutValues(before.Detail) != WithoutValues(problem.Detail)
}

// Work notes that the API answers.
func (p *Progress) Work() { p.trouble.Store(nil) }

// StoreAway notes since when the run waits for its store, and why. It is false where the
// run waits already: then that holds.
func (p *Progress) StoreAway(since time.Time, err error) (news bool) {
	return p.away.CompareAndSwap(nil, &Away{since, err})
}

// StoreBack notes that the run waits for its store no longer, and returns since when it
// did; false where it did not.
func (p *Progress) StoreBack() (since time.Time, news bool) {
	away := p.away.Swap(nil)
	if away == nil {
		return time.Time{}, false
	}
	return away.Since, true
}

// A Snapshot is Progress at one moment. Each counter is right; together they
// may be a few rows apart while the run lasts.
type Snapshot struct {
	Counts
	Requests  int64
	Retries   int64
	Throttled int64
	LookedUp  int64
	InFlight  int64     // requests sent and not answered yet
	InDoubt   int64     // rows that wait for a look-up or are being looked up
	Trouble   *APIError // why nothing works; nil: the API answers
	Away      *Away     // nil: the store is there, or there is none
}

// Snapshot reads the counters.
func (p *Progress) Snapshot() Snapshot {
	s := Snapshot{
		Requests: p.Requests.Load(), Retries: p.Retries.Load(), Throttled: p.Throttled.Load(),
		LookedUp: p.LookedUp.Load(), InFlight: p.InFlight.Load(), InDoubt: p.InDoubt.Load(), Trouble: p.trouble.Load(), Away: p.away.Load(),
	}
	// The outcomes are read before the rows, so that never more rows seem settled
	// than were read.
	for status := range statuses {
		if c := s.Counts.of(status); c != nil {
			*c = p.Outcomes[status].Load()
		}
	}
	s.DoneBefore, s.Pending = p.DoneBefore.Load(), p.Pending.Load()
	s.Read = p.Read.Load()
	return s
}
