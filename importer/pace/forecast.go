package pace

import (
	"maps"
	"math"
	"time"
)

// longest is what is told of what takes longer.
const longest = 100 * 365 * 24 * time.Hour

// Forecast returns the least time that the limits of r leave for so many
// requests, when the window holds used ones already. Requests themselves take no
// time in it. Those used are taken to be as new as can be: they leave the window
// one window from now. At most 100 years.
func Forecast(r Rate, requests int64, used int) time.Duration {
	p := NewPacer(r, PacerOptions{})
	p.Preload(maps.All(map[time.Time]int{time.Now(): max(0, min(used, r.Quota))}))
	return p.Remaining(requests)
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
		seconds := min(missing/float64(p.pace.Limit()), longest.Seconds())
		d = max(d, time.Duration(seconds*float64(time.Second)))
	}
	return min(d, longest)
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
	d := time.Duration(min((leave-1)/round, int64(longest/p.hold()))) * p.hold()
	if i := (leave - 1) % round; i < done {
		return d + p.sent[i] + p.hold() - now.Sub(p.started)
	}
	return d + p.hold() // in flight, or to be sent: as if it were answered now
}

// plenty is what Available says where there is no limit.
const plenty = math.MaxInt32

// Available returns how many requests could be sent from now until within has
// passed, beside those that callers wait for in Wait; a very large number where
// nothing limits them. A batch is sized by it.
func (p *Pacer) Available(within time.Duration) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	closed := p.throttle.until(now)
	if closed > within {
		return 0
	}
	n := plenty
	if p.rate.Quota > 0 {
		p.expire(now)
		leaving := p.sent.before(now.Add(within).Sub(p.started) - p.hold())
		n = min(n, p.learned.limit-len(p.sent)-p.inFlight+leaving)
		if p.ledger != nil {
			n = min(n, p.ledger.Available(within))
		}
	}
	if p.pace != nil {
		n = min(n, int(p.pace.TokensAt(now.Add(closed))+(within-closed).Seconds()*float64(p.pace.Limit())))
	}
	if n < plenty {
		n = max(0, n-p.waiting)
	}
	return n
}

// A PacerState is a snapshot of a pacer, for people.
type PacerState struct {
	Used      int       // requests that the window holds, those in flight included; 0 without a quota
	Quota     int       // what the window may hold at present; 0 without a quota
	Waiting   int       // callers that wait for a token
	Until     time.Time // when the next request may go; zero: now, or as soon as one in flight is answered
	Throttled bool      // the gate is closed: the server asked to wait
	Runs      int       // live runs that share the limits, this one included; 0: not shared
}

// State returns what the pacer does at the moment. It changes nothing of that.
func (p *Pacer) State() PacerState {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	s := PacerState{Waiting: p.waiting, Throttled: p.throttle.closedFor(now) > 0}
	if d := p.until(now, 1); d > 0 && d != unknown {
		s.Until = now.Add(d)
	} else if p.askAgain.After(now) {
		s.Until = p.askAgain
	}
	if p.ledger != nil {
		s.Runs = p.ledger.Runs()
	}
	if p.rate.Quota > 0 {
		s.Used, s.Quota = len(p.sent)-p.left(now)+p.inFlight, p.learned.limit
	}
	return s
}
