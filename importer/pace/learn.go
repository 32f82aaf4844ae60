package pace

import "time"

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
// It reads no clock; times count from any origin. It is guarded by the mutex of
// the pacer. A learner without a quota learns nothing.
type learner struct {
	quota  int // as configured
	window time.Duration
	limit  int // as learned, 1 … quota

	// what the server granted
	accepted         times         // answers of accepted requests, as far as the window goes
	peak, peakBefore int           // most that accepted held since turned, and in the window before
	turned           time.Duration // at most one window ago, while requests are accepted

	// when it refused
	begun     bool          // a request was sent,
	first     time.Duration // first then
	refusals  bool          // a request was refused,
	refusedAt time.Duration // and the last burst began then
	ceiling   int           // what that burst leaves of the limit at most
	stepBack  bool          // that burst took back a step

	// when to allow more
	changed time.Duration // limit was cut or has grown then
	quiet   time.Duration // and grows so long after
	step    int           // by so much
	grown   bool          // the last change was a step,
	before  int           // from this limit
}

func newLearner(quota int, window time.Duration) learner {
	l := learner{quota: quota, window: window, limit: quota, quiet: window}
	l.step = l.firstStep()
	return l
}

func (l *learner) firstStep() int { return max(1, l.quota/50) }

// request notes that a request is sent.
func (l *learner) request(now time.Duration) {
	if !l.begun {
		l.first, l.begun = now, true
	}
}

// accept notes that the server accepted a request. Where it was bought before
// the limit was cut, it belongs to what the server granted then.
func (l *learner) accept(now, bought time.Duration) {
	if l.quota == 0 {
		return
	}
	l.accepted = l.accepted[l.accepted.before(now-l.window):]
	l.accepted.push(now)
	if now-l.turned >= l.window {
		l.turned, l.peakBefore, l.peak = now, l.peak, 0
	}
	l.peak = max(l.peak, len(l.accepted))
	if l.refusals && bought <= l.refusedAt && l.limit < l.ceiling {
		l.limit = max(l.limit, min(len(l.accepted), l.ceiling))
	}
}

// refuse notes a refusal, and whether it begins a burst.
func (l *learner) refuse(now time.Duration, burst bool) {
	switch {
	case l.quota == 0:
		return
	case burst:
		again := l.refusals && now-l.refusedAt <= 4*l.window
		l.refusedAt, l.refusals = now, true
		l.ceiling = l.limit
		if now-l.first < l.window || !again && l.limit == l.quota {
			return
		}
		l.cut(now)
	case l.changed != l.refusedAt: // the burst did not cut
		return
	}
	if !l.stepBack {
		l.ceiling = max(1, l.ceiling-1) // each refusal is one request too many
	}
	l.limit = min(l.limit, l.ceiling)
}

// cut makes what the server granted lately the limit.
func (l *learner) cut(now time.Duration) {
	l.stepBack = l.grown
	if l.grown {
		l.ceiling = l.before // had held for a window
		l.quiet = min(2*l.quiet, max(4*l.window, 5*time.Minute))
	}
	l.limit = max(1, min(max(l.peak, l.peakBefore), l.ceiling))
	l.step, l.changed, l.grown = l.firstStep(), now, false
}

// grow is called when a request has to wait for the limit. It allows more where
// it is time for it, and tells whether it did.
func (l *learner) grow(now time.Duration) bool {
	if l.limit == l.quota || now-l.changed < l.quiet {
		return false
	}
	if l.grown { // and the last step was not refused
		l.step, l.quiet = min(2*l.step, max(1, l.quota/4)), l.window
	}
	l.before, l.limit = l.limit, min(l.limit+l.step, l.quota)
	l.changed, l.grown = now, true
	return true
}
