package pace

import (
	"math"
	"time"
)

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
	if n == plenty {
		return n
	}
	return max(0, n-p.waiting)
}

// A PacerState is a snapshot of a pacer, for people.
type PacerState struct {
	Used      int       // requests that the window holds, those in flight included; 0 without a quota
	Quota     int       // what the window may hold at present; 0 without a quota
	Waiting   int       // callers that wait for a token
	Until     time.Time // when the next request may go; zero: now, or as soon as one in flight is answered
	Throttled bool      // the gate is closed: the server asked to wait
	Runs      int       // live runs on this machine that share the limits, this one included; 0: not shared
}

// State returns what the pacer does at the moment. It changes nothing of that.
func (p *Pacer) State() PacerState {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	s := PacerState{Waiting: p.waiting, Throttled: p.throttle.closed(now)}
	if d := p.until(now); d > 0 && d != unknown {
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
