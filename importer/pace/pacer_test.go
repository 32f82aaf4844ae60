package pace

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"importer/importer/contact"
)

// drive sends n requests through p with so many workers, and returns when. A
// request is a call of send; it is sent again as long as the server refuses it.
func drive(t *testing.T, p *Pacer, n, workers int, send func() error) []time.Time {
	t.Helper()
	var (
		left  atomic.Int64
		mu    sync.Mutex
		times []time.Time
		wg    sync.WaitGroup
	)
	left.Store(int64(n))
	for range workers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				for {
					bought, err := p.Wait(t.Context())
					if err != nil {
						t.Errorf("Wait: %v", err)
						return
					}
					mu.Lock()
					times = append(times, time.Now())
					mu.Unlock()
					err = send()
					p.Done(bought, err)
					if err == nil {
						break
					}
				}
			}
		})
	}
	wg.Wait()
	slices.SortFunc(times, time.Time.Compare)
	return times
}

// busiest returns how many of times the busiest window of that length holds.
// Windows are half open: two moments exactly one window apart are not in one.
func busiest(times []time.Time, window time.Duration) int {
	most, first := 0, 0
	for i := range times {
		for times[i].Sub(times[first]) >= window {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

func mustRate(t testing.TB, s string) Rate {
	t.Helper()
	r, err := ParseRate(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// 1,000 requests at 200/4s need four whole windows, and no more than 1 % above
// that, whatever the network does; and no window of the server's holds more
// than 200.
func TestPacerWindow(t *testing.T) {
	for _, c := range []struct {
		name            string
		there, back     time.Duration // on the wire, at least
		jitter, connect time.Duration // added at random on the way there; the first request of each worker
		most            time.Duration
	}{
		{"at once", 0, 0, 0, 0, 16160 * time.Millisecond},
		{"1 ms", time.Millisecond, 0, 0, 0, 16160 * time.Millisecond},
		{"20 ms", 10 * time.Millisecond, 10 * time.Millisecond, 0, 0, 16160 * time.Millisecond},
		{"jitter", 5 * time.Millisecond, 5 * time.Millisecond, 5 * time.Millisecond, 0, 16160 * time.Millisecond},
		{"slow to connect", 5 * time.Millisecond, 5 * time.Millisecond, 0, 300 * time.Millisecond, 16600 * time.Millisecond},
		{"bad network", 20 * time.Millisecond, 20 * time.Millisecond, 400 * time.Millisecond, 300 * time.Millisecond, 19 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				rng := rand.New(rand.NewPCG(1, 2))
				var (
					mu       sync.Mutex
					arrivals []time.Time
					requests int
				)
				p := NewPacer(mustRate(t, "200/4s"), PacerOptions{})
				drive(t, p, 1000, 64, func() error {
					mu.Lock()
					requests++
					there := c.there
					if c.jitter > 0 {
						there += time.Duration(rng.Int64N(int64(c.jitter)))
					}
					if requests <= 64 {
						there += c.connect
					}
					mu.Unlock()
					time.Sleep(there)
					mu.Lock()
					arrivals = append(arrivals, time.Now())
					mu.Unlock()
					time.Sleep(c.back)
					return nil
				})
				took := time.Since(start)
				if took < 16*time.Second || took > c.most {
					t.Errorf("took %v; want 16 s to %v", took, c.most)
				}
				if n := busiest(arrivals, 4*time.Second); n != 200 {
					t.Errorf("the busiest window of the server holds %d; want 200", n)
				}
			})
		})
	}
}

func TestPacerBelowQuotaAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		drive(t, NewPacer(mustRate(t, "1000/5m"), PacerOptions{}), 900, 16, func() error { return nil })
		if took := time.Since(start); took != 0 {
			t.Errorf("900 requests at 1000/5m waited %v; want 0", took)
		}
	})
}

func TestPacerLimits(t *testing.T) {
	for _, c := range []struct {
		rate        string
		n           int
		least, most time.Duration
		quota, pace int // busiest window and busiest second
	}{
		{"unlimited", 10_000, 0, 0, 0, 10_000},
		{"20/s", 101, 5 * time.Second, 5*time.Second + time.Millisecond, 0, 20},
		{"0.5/s", 3, 4 * time.Second, 4*time.Second + time.Millisecond, 0, 1},
		// The pace is the narrower limit up to the hundredth, the quota after it.
		{"100/20s,10/s", 201, 40 * time.Second, 40200 * time.Millisecond, 100, 10},
		// Here the pace alone counts.
		{"100/4s,10/s", 101, 10 * time.Second, 10*time.Second + time.Millisecond, 41, 10},
		{"1/1s", 4, 3 * time.Second, 3100 * time.Millisecond, 1, 1},
	} {
		t.Run(c.rate, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				r := mustRate(t, c.rate)
				times := drive(t, NewPacer(r, PacerOptions{}), c.n, 32, func() error { return nil })
				if took := time.Since(start); took < c.least || took > c.most {
					t.Errorf("took %v; want %v to %v", took, c.least, c.most)
				}
				if r.Quota > 0 {
					if n := busiest(times, r.Window); n > c.quota {
						t.Errorf("the busiest window holds %d; want %d at most", n, c.quota)
					}
				}
				if n := busiest(times, time.Second); n > c.pace {
					t.Errorf("the busiest second holds %d; want %d at most", n, c.pace)
				}
			})
		})
	}
}

// A request counts from Wait to Done however long it takes: it may arrive late.
func TestPacerSlowRequestKeepsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPacer(Rate{Quota: 2, Window: time.Second}, PacerOptions{})
		start := time.Now()
		quick, _ := p.Wait(t.Context())
		slow, _ := p.Wait(t.Context())
		p.Done(quick, nil)
		for range 3 {
			bought, err := p.Wait(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			p.Done(bought, nil)
		}
		if took := time.Since(start); took < 3*time.Second || took > 3100*time.Millisecond {
			t.Errorf("three more requests beside a slow one took %v; want 3 s", took)
		}
		p.Done(slow, nil)
	})
}

// When all tokens are in flight, the answer of one wakes the next caller in time.
func TestPacerAllInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p := NewPacer(Rate{Quota: 3, Window: time.Second}, PacerOptions{})
		drive(t, p, 9, 8, func() error { time.Sleep(5 * time.Second); return nil })
		// An answer takes longer than a window, so each frees its place at once: less
		// the shortest time of an answer, a window has passed.
		if took := time.Since(start); took != 15*time.Second+2 {
			t.Errorf("took %v; want three rounds of 5 s", took)
		}
	})
}

func TestPacerCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPacer(Rate{Quota: 1, Window: time.Hour}, PacerOptions{})
		ctx, cancel := context.WithCancel(t.Context())
		bought, err := p.Wait(ctx)
		if err != nil {
			t.Fatal(err)
		}
		p.Done(bought, nil)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if _, err := p.Wait(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("Wait: %v; want context.Canceled", err)
				}
			})
		}
		synctest.Wait()
		if s := p.State(); s.Waiting != 10 || s.Used != 1 || s.Until.IsZero() {
			t.Errorf("state while all wait: %+v", s)
		}
		before := time.Now()
		cancel()
		wg.Wait()
		if d := time.Since(before); d != 0 {
			t.Errorf("callers left %v after the cancellation", d)
		}
		if _, err := p.Wait(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Wait on a cancelled context: %v", err)
		}
		if s := p.State(); s.Waiting != 0 || s.Used != 1 {
			t.Errorf("cancelled callers took something: %+v", s)
		}
	})
}

// Callers are served in the order in which they came.
func TestPacerOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPacer(Rate{Pace: 1}, PacerOptions{})
		var order []int
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				bought, err := p.Wait(t.Context())
				if err != nil {
					t.Error(err)
				}
				order = append(order, i) // one a second: no two at a time
				p.Done(bought, nil)
			})
			synctest.Wait()
		}
		wg.Wait()
		if !slices.IsSorted(order) {
			t.Errorf("served in the order %v", order)
		}
	})
}

func TestPacerPreload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const window = 4 * time.Second
		p := NewPacer(Rate{Quota: 10, Window: window}, PacerOptions{})
		start := time.Now()
		before := []time.Time{
			start.Add(-5 * time.Second),                      // has left the window
			start.Add(-time.Second), start.Add(-time.Second), // in no order
			start.Add(-3 * time.Second), start.Add(-2 * time.Second), //
			start.Add(time.Minute), // a clock that was set back: counts as now
		}
		p.Preload(func(yield func(time.Time, int) bool) {
			_ = yield(before[0], 1) && yield(before[1], 2)
		})
		p.Preload(func(yield func(time.Time, int) bool) {
			_ = yield(before[3], 1) && yield(before[4], 1) && yield(before[5], 1)
		})
		if s := p.State(); s.Used != 5 || s.Quota != 10 {
			t.Errorf("state after Preload: %+v; want 5 of 10 used", s)
		}
		times := drive(t, p, 20, 4, func() error { return nil })
		all := slices.Concat(before[1:5], []time.Time{start}, times)
		slices.SortFunc(all, time.Time.Compare)
		if n := busiest(all, window); n != 10 {
			t.Errorf("with what was sent before, the busiest window holds %d; want 10", n)
		}
		if took := time.Since(start); took < 8*time.Second || took > 8100*time.Millisecond {
			t.Errorf("took %v; want two windows", took)
		}
	})
}

func TestPacerAvailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		available := func(p *Pacer, within time.Duration, want int) {
			t.Helper()
			if got := p.Available(within); got != want {
				t.Errorf("Available(%v) = %d; want %d", within, got, want)
			}
		}
		if got := NewPacer(Rate{}, PacerOptions{}).Available(0); got < 1_000_000 {
			t.Errorf("Available at unlimited = %d", got)
		}

		p := NewPacer(Rate{Quota: 10, Window: 10 * time.Second}, PacerOptions{})
		available(p, 0, 10)
		first, _ := p.Wait(t.Context())
		available(p, time.Hour, 9) // in flight: nobody knows when it leaves the window
		p.Done(first, nil)
		time.Sleep(time.Second)
		for range 9 {
			bought, _ := p.Wait(t.Context())
			p.Done(bought, nil)
		}
		available(p, time.Second, 0)
		available(p, 9*time.Second+20*time.Millisecond, 1)
		available(p, time.Minute, 10)

		if d := untilFree(t, p); d < 9*time.Second || d > 9020*time.Millisecond {
			t.Errorf("the next token came after %v; want 9 s and the margin", d)
		}
		available(p, 0, 1)

		pace := NewPacer(Rate{Pace: 20}, PacerOptions{})
		available(pace, 0, 1)
		available(pace, time.Second, 21)
		bought, _ := pace.Wait(t.Context())
		available(pace, 0, 0)
		available(pace, time.Second, 20)
		pace.Done(bought, &contact.APIError{Class: contact.Throttled, RetryAfter: 3 * time.Second})
		available(pace, time.Second, 0)
		available(pace, 4*time.Second, 21)
	})
}

// A request that certainly never left costs nothing.
func TestPacerUnsentGivesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPacer(Rate{Quota: 1, Window: time.Hour}, PacerOptions{})
		for _, err := range []error{
			&contact.APIError{Class: contact.Transient, Err: errors.New("connection refused")},
			context.Canceled,
		} {
			bought, werr := p.Wait(t.Context())
			if werr != nil {
				t.Fatal(werr)
			}
			p.Done(bought, err)
		}
		if s := p.State(); s.Used != 0 {
			t.Errorf("unsent requests count: %+v", s)
		}
		for _, err := range []error{
			&contact.APIError{Class: contact.Ambiguous, Err: errors.New("timeout")},
			&contact.APIError{Class: contact.Permanent, Failure: contact.Failure{HTTP: 400}},
			&contact.APIError{Class: contact.Transient, Failure: contact.Failure{HTTP: 503}},
			errors.New("something else"),
			nil,
		} {
			p := NewPacer(Rate{Quota: 1, Window: time.Hour}, PacerOptions{})
			bought, _ := p.Wait(t.Context())
			p.Done(bought, err)
			if s := p.State(); s.Used != 1 {
				t.Errorf("a request that ended with %v does not count: %+v", err, s)
			}
		}
	})
}

func BenchmarkPacer(b *testing.B) {
	for _, r := range []string{"unlimited", "1000000/1ms", "1000000/1ms,1000000/s"} {
		b.Run(r, func(b *testing.B) {
			p := NewPacer(mustRate(b, r), PacerOptions{})
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					bought, err := p.Wait(context.Background())
					if err != nil {
						b.Fatal(err)
					}
					p.Done(bought, nil)
				}
			})
		})
	}
}

// Who looks at a pacer changes nothing: the limit grows, and what was sent is
// forgotten, with the requests and not with those who watch them.
func TestStateChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPacer(mustRate(t, "100/10s"), PacerOptions{})
		p.learned.limit = 50 // as after refusals
		for i := range 50 {
			bought, err := p.Wait(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if i < 20 { // the others are not answered yet
				p.Done(bought, nil)
			}
		}
		if s := p.State(); s.Used != 50 || s.Quota != 50 {
			t.Errorf("used %d of %d, want 50 of 50", s.Used, s.Quota)
		}
		for range 100 {
			time.Sleep(time.Second)
			p.State()
		}
		if len(p.sent) != 20 || p.learned.limit != 50 {
			t.Errorf("after it was looked at, %d requests are held and the limit is %d; want 20 and 50", len(p.sent), p.learned.limit)
		}
		if s := p.State(); s.Used != 30 || s.Quota != 50 || !s.Until.IsZero() {
			t.Errorf("long after the last answer: %+v", s)
		}
	})
}
