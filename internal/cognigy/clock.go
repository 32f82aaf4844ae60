package cognigy

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
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
	lo, hi  time.Duration
	sampled time.Time // when the last answer was taken into account; zero: none was
}

// learn takes one answer's Date header into account: one a second, for reading
// more costs time and tells little.
func (s *skew) learn(date string, began, ended time.Time) {
	if date == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ended.Sub(s.sampled) < time.Second {
		return
	}
	d, err := http.ParseTime(date)
	if err != nil {
		return
	}
	lo, hi := d.Sub(ended.Round(0)), d.Add(time.Second).Sub(began.Round(0))
	if !s.sampled.IsZero() && lo <= s.hi && hi >= s.lo {
		lo, hi = max(lo, s.lo), min(hi, s.hi)
	}
	s.sampled, s.lo, s.hi = ended, lo, hi
}

func (s *skew) bounds() (lo, hi time.Duration, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lo, s.hi, !s.sampled.IsZero()
}

// parseRetryAfter reads a Retry-After header: seconds, or a time, which counts from
// the answer's own Date where there is one, so that clocks need not agree. A time in
// the past is 0. False where it is neither.
//
// A time is an HTTP date, or what some gateways send: so many seconds or milliseconds
// since 1970 that they cannot be meant as a pause, which would be 30 years and more.
func parseRetryAfter(value, date string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	at, err := http.ParseTime(value)
	if err != nil {
		seconds, err := strconv.ParseFloat(value, 64) // infinity where it is larger than any number
		digits := strings.Trim(value, "0123456789.") == ""
		switch {
		case !digits || err != nil && !errors.Is(err, strconv.ErrRange):
			return 0, false
		case seconds >= 1e9 && seconds < 1e10:
			at = time.UnixMilli(int64(seconds * 1000))
		case seconds >= 1e12 && seconds < 1e13:
			at = time.UnixMilli(int64(seconds))
		case seconds >= math.MaxInt64/float64(time.Second): // 292 years, which a duration holds
			return math.MaxInt64, true
		default:
			return time.Duration(seconds * float64(time.Second)), true
		}
	}
	if d, err := http.ParseTime(date); err == nil {
		now = d
	}
	return max(0, at.Sub(now)), true
}
