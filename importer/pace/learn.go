package pace

import (
	"slices"
	"time"
)

// A learner finds out how many requests a window really holds, where the server
// grants less than was configured, or somebody else uses a part of it.
//
// It cuts: when the server refuses again and again, the most that it accepted in
// a window lately is what it grants, and each refusal is one request too many.
// One refusal is no proof, and neither are refusals in the first window: what
// was used before this run began leaves the window by and by. And it grows: when
// the limit has been reached for a window without a refusal, it allows 2 % of
// the quota more, and twice as much after every further one. A step that the
// server refuses is taken back, and the next one waits twice as long as it did,
// up to four windows, or five minutes where that is longer.
//
// It reads no clock; times count from the beginning of the run. It is guarded by
// the mutex of the pacer. A learner without a quota learns nothing.
type learner struct {
	quota  int // as configured
	window time.Duration
	limit  int // as learned, 1 … quota

	// what the server granted
	accepted         times         // answers of accepted requests, as far as the window goes
	peak, peakBefore int           // most that accepted held since turned, and in the window before
	turned           time.Duration // at most one window ago, while requests are accepted

	// when it refused
	refusedAt time.Duration // the last burst began
	ceiling   int           // what that burst leaves of the limit at most
	stepBack  bool          // that burst took back a step

	// when to allow more
	changed time.Duration // limit was cut or has grown then
	quiet   time.Duration // and grows so long after
	step    int           // by so much
	before  int           // limit before the last step; 0: it was cut since
}

// never lies before all times, by more than any window.
const never = -365 * 24 * time.Hour

func newLearner(quota int, window time.Duration) learner {
	return learner{quota: quota, window: window, limit: quota, quiet: window, refusedAt: never}
}

func (l *learner) accept(now time.Duration) {
	if l.quota == 0 {
		return
	}
	l.accepted = l.accepted[l.accepted.before(now-l.window):]
	l.accepted.push(now)
	if now-l.turned >= l.window {
		l.turned, l.peakBefore, l.peak = now, l.peak, 0
	}
	l.peak = max(l.peak, len(l.accepted))
}

func (l *learner) refuse(now time.Duration, burst bool) {
	if l.quota == 0 {
		return
	}
	if burst {
		again := now-l.refusedAt <= 4*l.window
		l.refusedAt, l.ceiling = now, l.limit
		if now < l.window || !again && l.limit == l.quota {
			return
		}
		l.cut(now)
	}
	if l.changed != l.refusedAt { // the burst did not cut
		return
	}
	if !l.stepBack {
		l.ceiling = max(1, l.ceiling-1) // each refusal is one request too many
	}
	l.limit = min(l.limit, l.ceiling)
}

// cut makes what the server granted lately the limit.
func (l *learner) cut(now time.Duration) {
	l.stepBack = l.before > 0
	if l.stepBack {
		l.ceiling = l.before // had held for a window
		l.quiet = min(2*l.quiet, max(4*l.window, 5*time.Minute))
	}
	l.limit = max(1, min(max(l.peak, l.peakBefore), l.ceiling))
	l.step, l.changed, l.before = max(1, l.quota/50), now, 0
}

// grow is called when a request has to wait for the limit. It allows more where
// it is time for it, and tells whether it did.
func (l *learner) grow(now time.Duration) bool {
	if l.limit == l.quota || now-l.changed < l.quiet {
		return false
	}
	if l.before > 0 { // and the last step was not refused
		l.step, l.quiet = min(2*l.step, max(1, l.quota/4)), l.window
	}
	l.before, l.limit, l.changed = l.limit, min(l.limit+l.step, l.quota), now
	return true
}

// times are in their order, the oldest first. Those that leave are cut off, and what
// they took is freed when the slice grows.
type times []time.Duration

// push adds the newest. A time before the one that was pushed last counts as
// that one.
func (q *times) push(t time.Duration) {
	if n := len(*q); n > 0 {
		t = max(t, (*q)[n-1])
	}
	*q = append(*q, t)
}

// before counts the times up to t, t included.
func (q times) before(t time.Duration) int {
	n, _ := slices.BinarySearch(q, t+1)
	return n
}
