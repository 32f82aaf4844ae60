package pace

import (
	"math"
	"time"
)

// Forecast returns the least time that the limits of r leave for so many
// requests, when the window holds used ones already. Requests themselves take no
// time in it. Those used are taken to be as new as can be: they leave the window
// one window from now. At most 100 years.
func Forecast(r Rate, requests int64, used int) time.Duration {
	if requests <= 0 {
		return 0
	}
	var least float64 // seconds
	if r.Quota > 0 {
		// The last request goes when as many windows have passed as were full before it.
		windows := (requests + int64(min(max(used, 0), r.Quota)) - 1) / int64(r.Quota)
		least = float64(windows) * (r.Window + r.Margin()).Seconds()
	}
	if r.Pace > 0 {
		least = max(least, float64(requests-1)/r.Pace)
	}
	return time.Duration(min(least*float64(time.Second), float64(100*365*24*time.Hour)))
}

// Remaining returns the least time that so many more requests take, as it looks
// now: with what the window holds, what was learned of the server's quota, and a
// closed gate. Without limits it is 0, for nothing is known here of how fast the
// server is.
func (p *Pacer) Remaining(requests int64) time.Duration {
	if requests <= 0 {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	d := p.throttle.closedFor(now)
	if p.rate.Quota > 0 {
		d = max(d, p.remainingQuota(now, requests))
	}
	if p.pace != nil {
		missing := float64(requests) - p.pace.TokensAt(now)
		seconds := min(missing/float64(p.pace.Limit()), math.MaxInt32)
		d = max(d, time.Duration(seconds*float64(time.Second)))
	}
	return d
}

// remainingQuota returns when the last of so many requests may go. It may when
// enough of those before it have left the window: of those that the window holds
// now, and of those that take their places, one window later each round.
func (p *Pacer) remainingQuota(now time.Time, requests int64) time.Duration {
	p.expire(now)
	limit := int64(p.learned.limit)
	done := int64(len(p.sent))
	leave := done + int64(p.inFlight) + requests - limit // so many
	if leave <= 0 {
		return 0
	}
	// Those in the window, then those that fill it up, go on leaving in this order.
	round := max(limit, done+int64(p.inFlight))
	d := time.Duration(min((leave-1)/round, 1_000_000)) * p.hold()
	if i := (leave - 1) % round; i < done {
		return d + p.sent[i] + p.hold() - now.Sub(p.started)
	}
	return d + p.hold() // in flight, or to be sent: as if it were answered now
}
