package pace

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A busyServer works on so many requests at a time, each for so long; the others
// queue up.
type busyServer struct {
	slots chan struct{}
	work  func() time.Duration
}

func (s busyServer) serve() {
	s.slots <- struct{}{}
	time.Sleep(s.work())
	<-s.slots
}

// askFor keeps so many workers busy for so long, and returns of the second half of
// that the answers a second, and how many requests were in flight: the most, which
// a step that is taken back counts in, and the mean.
func askFor(t *testing.T, c *Concurrency, workers int, long time.Duration, serve func()) (perSecond float64, most int, mean float64) {
	t.Helper()
	start := time.Now()
	var mu sync.Mutex
	var wg sync.WaitGroup
	inFlight, answers := 0, 0
	var busy time.Duration
	for range workers {
		wg.Go(func() {
			for time.Since(start) < long {
				if err := c.Acquire(t.Context()); err != nil {
					t.Error(err)
					return
				}
				late := time.Since(start) > long/2
				mu.Lock()
				inFlight++
				if late {
					most = max(most, inFlight)
				}
				mu.Unlock()
				sent := time.Now()
				serve()
				mu.Lock()
				inFlight--
				if late {
					answers++
					busy += time.Since(sent)
				}
				mu.Unlock()
				c.Release(time.Since(sent), true)
			}
		})
	}
	wg.Wait()
	half := (long / 2).Seconds()
	return float64(answers) / half, most, busy.Seconds() / half
}

func TestConcurrency(t *testing.T) {
	for _, c := range []struct {
		name              string
		workers           int
		slots             int           // that the server works on at a time
		work              time.Duration // for one request
		jitter            float64       // of work
		leastRate         float64       // of what the server can do with all workers
		leastAsk, mostAsk int           // in flight
	}{
		{"fast", 64, 1000, time.Millisecond, 0.5, 0.99, 64, 64},
		{"20 ms", 64, 1000, 20 * time.Millisecond, 0, 0.99, 64, 64},
		{"200 ms", 64, 1000, 200 * time.Millisecond, 0.3, 0.97, 64, 64},
		{"2 s", 16, 1000, 2 * time.Second, 0.3, 0.97, 16, 16},
		{"fast, in a queue", 64, 2, time.Millisecond, 0.5, 0.97, 64, 64},
		{"slow, four at a time", 64, 4, 200 * time.Millisecond, 0.3, 0.9, 4, 12},
		{"slow, one at a time", 64, 1, 500 * time.Millisecond, 0.3, 0.95, 2, 8},
		{"slow, thirty at a time", 64, 30, 300 * time.Millisecond, 0.3, 0.85, 24, 64},
		{"one worker", 1, 10, 100 * time.Millisecond, 0, 0.98, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(7, 8))
				var mu sync.Mutex
				s := busyServer{make(chan struct{}, c.slots), func() time.Duration {
					mu.Lock()
					defer mu.Unlock()
					return time.Duration(float64(c.work) * (1 + c.jitter*(2*rng.Float64()-1)))
				}}
				limit := NewConcurrency(c.workers)
				long := 400 * c.work
				got, most, _ := askFor(t, limit, c.workers, long, s.serve)
				can := float64(min(c.slots, c.workers)) / c.work.Seconds()
				t.Logf("%.0f%% of the throughput with %d in flight, limit %d", 100*got/can, most, limitOf(limit))
				if got < c.leastRate*can {
					t.Errorf("%.1f answers a second; want %.0f%% of %.1f", got, 100*c.leastRate, can)
				}
				if most < c.leastAsk || most > c.mostAsk {
					t.Errorf("%d requests in flight; want %d to %d", most, c.leastAsk, c.mostAsk)
				}
			})
		})
	}
}

// An API that answers quickly has all workers after a few round trips, not after
// one for each doubling.
func TestConcurrencyOfAQuickAPIStartsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const latency = 20 * time.Millisecond
		c := NewConcurrency(64)
		s := busyServer{make(chan struct{}, 1000), func() time.Duration { return latency }}
		askFor(t, c, 64, 4*latency, s.serve)
		if n := limitOf(c); n != 64 {
			t.Errorf("%d in flight after four round trips; want 64", n)
		}
	})
}

// A server that slows down for everybody, then for itself, then recovers.
func TestConcurrencyFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewConcurrency(32)
		wide := busyServer{make(chan struct{}, 1000), func() time.Duration { return 100 * time.Millisecond }}
		if _, most, _ := askFor(t, c, 32, time.Minute, wide.serve); most != 32 {
			t.Errorf("a wide server got %d requests at a time; want 32", most)
		}
		slower := busyServer{make(chan struct{}, 1000), func() time.Duration { return time.Second }}
		if _, most, _ := askFor(t, c, 32, 10*time.Minute, slower.serve); most != 32 {
			t.Errorf("a wide server that became slower got %d requests at a time; want 32", most)
		}
		narrow := busyServer{make(chan struct{}, 3), func() time.Duration { return 500 * time.Millisecond }}
		if _, _, mean := askFor(t, c, 32, 20*time.Minute, narrow.serve); mean > 10 {
			t.Errorf("a server that works on three got %.1f requests at a time; want 10 at most", mean)
		}
		if _, most, _ := askFor(t, c, 32, 10*time.Minute, wide.serve); most != 32 {
			t.Errorf("a server that recovered got %d requests at a time; want 32", most)
		}
	})
}

func TestConcurrencyBacksOffFromFailures(t *testing.T) {
	c := NewConcurrency(16)
	for range 200 {
		n := limitOf(c)
		for range n {
			if err := c.Acquire(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for range n {
			c.Release(30*time.Second, false)
		}
	}
	if n := limitOf(c); n != minInFlight {
		t.Errorf("a server that never answers gets %d requests at a time; want %d", n, minInFlight)
	}
}

func TestConcurrencyCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := NewConcurrency(1)
		if err := c.Acquire(ctx); err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() { done <- c.Acquire(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Acquire: %v; want context.Canceled", err)
		}
		c.Release(0, true)
		if err := c.Acquire(t.Context()); err != nil { // nothing was given away
			t.Fatal(err)
		}
	})
}

func BenchmarkConcurrency(b *testing.B) {
	c := NewConcurrency(64)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := c.Acquire(context.Background()); err != nil {
				b.Fatal(err)
			}
			c.Release(time.Millisecond, true)
		}
	})
}

// limitOf is how many requests may be in flight at present.
func limitOf(c *Concurrency) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.climber.limit
}
