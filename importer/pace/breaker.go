package pace

import (
	"context"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// A breaker keeps a run from burning its rows' retries while nothing works at
// all. After threshold failures in a row, without one definite answer between
// them, it opens: all requests wait, but for one probe at a time at growing
// distances. A definite answer, even a refusal, closes it.
//
// Its methods are safe for concurrent use and start no goroutine.
type Breaker struct {
	threshold int

	mu      sync.Mutex
	streak  int // failures since the last definite answer
	open    bool
	probing bool // one request is on its way while open
	probeAt time.Time
	delays  *backoff.ExponentialBackOff
	changed chan struct{} // closed and made anew when open or probing change
}

// NewBreaker returns one that opens after so many failures in a row.
func NewBreaker(threshold int) *Breaker {
	return &Breaker{threshold: threshold, changed: make(chan struct{})}
}

// A Pass allows one request. It must be given back by exactly one of Done or
// Unused.
type Pass struct{ probe bool }

// Wait blocks while the breaker is open and this request is not its probe.
func (b *Breaker) Wait(ctx context.Context) (Pass, error) {
	for {
		b.mu.Lock()
		pause, changed := unknown, b.changed
		if b.open && !b.probing {
			pause = time.Until(b.probeAt)
		}
		probe := pause <= 0
		pass := probe || !b.open
		b.probing = b.probing || probe
		b.mu.Unlock()
		if pass {
			return Pass{probe}, nil
		}
		select {
		case <-ctx.Done():
			return Pass{}, ctx.Err()
		case <-changed:
		case <-time.After(pause):
		}
	}
}

// Unused gives back a pass whose request was never sent.
func (b *Breaker) Unused(p Pass) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.probe {
		b.probing = false
		b.signal()
	}
}

// Done tells how the request of a pass ended: with a definite answer, or not.
func (b *Breaker) Done(p Pass, answered bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	wasOpen := b.open
	if answered {
		b.open, b.streak = false, 0
	} else {
		b.streak++
		b.open = b.open || b.streak >= b.threshold
	}
	if b.open && !wasOpen {
		b.delays = newDelays(firstProbeDelay, maxProbeDelay)
	}
	if b.open && (p.probe || !wasOpen) {
		b.probeAt = time.Now().Add(b.delays.NextBackOff())
	}
	if p.probe || b.open != wasOpen {
		b.probing = b.probing && !p.probe
		b.signal()
	}
}

// IsOpen tells whether requests are held back. A row whose attempt failed
// meanwhile is not to blame.
func (b *Breaker) IsOpen() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open
}

func (b *Breaker) signal() {
	close(b.changed)
	b.changed = make(chan struct{})
}
