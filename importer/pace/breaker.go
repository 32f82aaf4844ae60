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
		if !b.open {
			b.mu.Unlock()
			return Pass{}, nil
		}
		var timer *time.Timer
		var due <-chan time.Time
		if !b.probing {
			pause := time.Until(b.probeAt)
			if pause <= 0 {
				b.probing = true
				b.mu.Unlock()
				return Pass{probe: true}, nil
			}
			timer = time.NewTimer(pause)
			due = timer.C
		}
		changed := b.changed
		b.mu.Unlock()

		select {
		case <-ctx.Done():
		case <-changed:
		case <-due:
		}
		if timer != nil {
			timer.Stop()
		}
		if err := ctx.Err(); err != nil {
			return Pass{}, err
		}
	}
}

// Unused gives back a pass whose request was never sent.
func (b *Breaker) Unused(p Pass) {
	if !p.probe {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = false
	b.signal()
}

// Done tells how the request of a pass ended: with a definite answer, or not.
func (b *Breaker) Done(p Pass, answered bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.probe {
		b.probing = false
		defer b.signal()
	}
	if answered {
		if b.open {
			b.open = false
			if !p.probe {
				b.signal()
			}
		}
		b.streak = 0
		return
	}
	now := time.Now()
	b.streak++
	switch {
	case !b.open && b.streak >= b.threshold:
		b.open = true
		b.delays = newDelays(firstProbeDelay, maxProbeDelay)
		b.probeAt = now.Add(b.delays.NextBackOff())
	case b.open && p.probe:
		b.probeAt = now.Add(b.delays.NextBackOff())
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
