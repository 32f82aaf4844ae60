package pace

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A move is a read and, perhaps, the write that follows it.
type move struct{ read, write time.Time }

// drivePairs makes n moves with so many workers: each request takes latency, and every
// idle-th move writes nothing and gives its second token back.
func drivePairs(t *testing.T, p *Pacer, n, workers, idle int, latency time.Duration) (moves []move, requests []time.Time) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	left := n
	for range workers {
		wg.Go(func() {
			for {
				mu.Lock()
				left--
				number := left
				mu.Unlock()
				if number < 0 {
					return
				}
				bought, got, err := p.WaitFor(t.Context(), 2)
				if err != nil || got < 1 || got > 2 {
					t.Errorf("%d tokens, %v", got, err)
					return
				}
				m := move{read: time.Now()}
				time.Sleep(latency)
				p.Done(bought, nil)
				if idle > 0 && number%idle == 0 {
					if got == 2 {
						p.Done(bought, context.Canceled)
					}
				} else {
					if got == 1 {
						if bought, err = p.Wait(t.Context()); err != nil {
							t.Error(err)
							return
						}
					}
					m.write = time.Now()
					time.Sleep(latency)
					p.Done(bought, nil)
				}
				mu.Lock()
				moves, requests = append(moves, m), append(requests, m.read)
				if !m.write.IsZero() {
					requests = append(requests, m.write)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.SortFunc(requests, time.Time.Compare)
	return moves, requests
}

// A read and its write leave one round trip apart, whatever the quota; no window holds
// more than the quota, and the quota is used.
func TestPairsLeaveTogether(t *testing.T) {
	const latency = 20 * time.Millisecond
	for _, c := range []struct {
		rate        string
		moves, idle int
		least, most time.Duration
	}{
		{"200/4s", 500, 0, 16 * time.Second, 16500 * time.Millisecond},
		{"200/4s", 990, 1, 16 * time.Second, 16500 * time.Millisecond}, // each gives its second token back, but the last of a window has none to give
		{"200/4s", 900, 2, 24 * time.Second, 25 * time.Second},
		{"5/12s", 6, 0, 24 * time.Second, 25 * time.Second}, // of five, one waits for its like
		{"2/1s", 10, 0, 9 * time.Second, 10 * time.Second},
		{"20/s", 100, 0, 9900 * time.Millisecond, 10 * time.Second}, // on the average
		{"20/s", 100, 1, 4900 * time.Millisecond, 5100 * time.Millisecond},
		{"unlimited", 100, 0, 0, 10 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			rate := mustRate(t, c.rate)
			p := NewPacer(rate, PacerOptions{})
			began := time.Now()
			moves, requests := drivePairs(t, p, c.moves, 16, c.idle, latency)
			if took := time.Since(began); took < c.least || took > c.most {
				t.Errorf("%s: %d moves took %v, want %v to %v", c.rate, c.moves, took, c.least, c.most)
			}
			for _, m := range moves {
				if !m.write.IsZero() && m.write.Sub(m.read) != latency {
					t.Fatalf("%s: a write left %v after its read", c.rate, m.write.Sub(m.read))
				}
			}
			if rate.Quota > 0 && busiest(requests, rate.Window) > rate.Quota {
				t.Errorf("%s: the busiest window holds %d", c.rate, busiest(requests, rate.Window))
			}
		})
	}
}

// A quota of one request has no two at once: the write waits for its own token.
func TestAQuotaOfOneHasNoPairs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPacer(mustRate(t, "1/1s"), PacerOptions{})
		_, requests := drivePairs(t, p, 3, 1, 0, time.Millisecond)
		if len(requests) != 6 || busiest(requests, time.Second) != 1 {
			t.Errorf("%d requests, the busiest window holds %d", len(requests), busiest(requests, time.Second))
		}
	})
}

// Whoever stops waiting for two tokens has bought none.
func TestAPairThatIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPacer(mustRate(t, "3/1m"), PacerOptions{})
		for range 2 {
			if bought, err := p.Wait(t.Context()); err == nil {
				p.Done(bought, nil)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, got, err := p.WaitFor(ctx, 2); err == nil || got != 0 {
			t.Errorf("%d tokens, %v", got, err)
		}
		if bought, got, err := p.WaitFor(t.Context(), 1); err != nil || got != 1 || time.Since(bought) > 0 {
			t.Errorf("%d tokens, %v, bought %v ago", got, err, time.Since(bought))
		}
	})
}
