package cognigy

import (
	"net/http"
	"sync"
	"time"
)

// A skew narrows down how far the server's clock is ahead of ours.
//
// A Date header of D was made between the moment the request began and the
// moment its answer was there, at a server time within [D, D+1s). So the skew
// lies between D minus the latter and D+1s minus the former, and every answer
// narrows that range. An answer that contradicts it, because a clock was set or
// another server answered, starts it anew.
type skew struct {
	mu      sync.Mutex
	known   bool
	lo, hi  time.Duration
	sampled time.Time
}

// learn takes one answer's Date header into account: one a second, for reading
// more costs time and tells little.
func (s *skew) learn(date string, began, ended time.Time) {
	if date == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known && ended.Sub(s.sampled) < time.Second {
		return
	}
	d, err := http.ParseTime(date)
	if err != nil {
		return
	}
	s.sampled = ended
	lo, hi := d.Sub(ended.Round(0)), d.Add(time.Second).Sub(began.Round(0))
	if s.known && lo <= s.hi && hi >= s.lo {
		lo, hi = max(lo, s.lo), min(hi, s.hi)
	}
	s.known, s.lo, s.hi = true, lo, hi
}

func (s *skew) estimate() (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return (s.lo + s.hi) / 2, s.known
}
