package importer

import (
	"sync/atomic"
)

// Progress are the counters of a run while it lasts. The engine writes them;
// whoever shows them polls Snapshot. The zero value is ready.
type Progress struct {
	read       atomic.Int64
	outcomes   [statuses]atomic.Int64
	doneBefore atomic.Int64
	pending    atomic.Int64
	requests   atomic.Int64
	retries    atomic.Int64
	throttled  atomic.Int64
	lookedUp   atomic.Int64
	inFlight   atomic.Int64
	inDoubt    atomic.Int64
}

// A Snapshot is Progress at one moment. Each counter is right; together they
// may be a few rows apart while the run lasts.
type Snapshot struct {
	Counts
	Requests  int64
	Retries   int64
	Throttled int64
	LookedUp  int64
	InFlight  int64 // requests sent and not answered yet
	InDoubt   int64 // rows that wait for a look-up or are being looked up
}

// Snapshot reads the counters.
func (p *Progress) Snapshot() Snapshot {
	s := Snapshot{
		Requests: p.requests.Load(), Retries: p.retries.Load(), Throttled: p.throttled.Load(),
		LookedUp: p.lookedUp.Load(), InFlight: p.inFlight.Load(), InDoubt: p.inDoubt.Load(),
	}
	// The outcomes are read before the rows, so that never more rows seem settled
	// than were read.
	for status := range statuses {
		if c := s.Counts.of(status); c != nil {
			*c = p.outcomes[status].Load()
		}
	}
	s.DoneBefore, s.Pending = p.doneBefore.Load(), p.pending.Load()
	s.Read = p.read.Load()
	return s
}
