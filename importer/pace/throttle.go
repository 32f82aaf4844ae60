package pace

import (
	"cmp"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// throttle is the one gate that a refusal of the server closes for everybody: an
// answer 429, or 503 with Retry-After.
//
// The gate stays closed for as long as Retry-After says, at most maxRetryAfter.
// Where it says nothing, and where the server refuses again as soon as the gate
// was opened, an exponential back-off with jitter says it. Refusals of requests
// that were in flight when the gate closed are one burst and close it once.
//
// Behind the gate one request goes alone; when the server has accepted it, the
// others follow. It is guarded by the mutex of the pacer.
type throttle struct {
	maxRetryAfter time.Duration
	schedule      *backoff.ExponentialBackOff

	closedAt time.Time // when the gate was closed last; zero: never
	opens    time.Time // when it opens, or did
	probing  bool      // nothing was accepted since the gate was closed
	probe    bool      // one request is out behind the gate
}

func newThrottle(r Rate, maxRetryAfter time.Duration) throttle {
	t := throttle{maxRetryAfter: cmp.Or(maxRetryAfter, 10*time.Minute)}
	first := time.Second
	if r.Quota > 0 {
		first = min(first, r.Window/8)
	}
	t.schedule = newDelays(first, min(time.Minute, t.maxRetryAfter))
	t.schedule.RandomizationFactor = backoff.DefaultRandomizationFactor
	return t
}

// until returns how long the gate keeps the next request waiting.
func (t *throttle) until(now time.Time) time.Duration {
	if d := t.closedFor(now); d > 0 {
		return d
	}
	if t.probing && t.probe {
		return unknown // until the one that is out is answered
	}
	return 0
}

func (t *throttle) closedFor(now time.Time) time.Duration { return max(0, t.opens.Sub(now)) }

func (t *throttle) bought() { t.probe = t.probing }

func (t *throttle) accepted(bought time.Time) {
	if t.probing && bought.After(t.closedAt) {
		t.probing = false
		t.schedule.Reset()
	}
}

// unsure notes that of a request nothing is known that tells of the gate.
func (t *throttle) unsure(bought time.Time) {
	if bought.After(t.closedAt) {
		t.probe = false
	}
}

// refused notes that the server refused a request, and asked to wait for so
// long; 0 or less where it did not say. It tells whether that begins a burst.
func (t *throttle) refused(now, bought time.Time, retryAfter time.Duration) (burst bool) {
	retryAfter = min(retryAfter, t.maxRetryAfter)
	if t.closedAt.IsZero() || bought.After(t.closedAt) {
		burst = true
		if retryAfter <= 0 {
			retryAfter = t.schedule.NextBackOff()
		} else if t.probing {
			retryAfter = max(retryAfter, t.schedule.NextBackOff())
		}
		t.closedAt, t.probing, t.probe = now, true, false
	}
	if opens := now.Add(retryAfter); opens.After(t.opens) {
		t.opens = opens
	}
	return burst
}
