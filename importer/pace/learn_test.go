package pace

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A quotaServer accepts a quota in a window and refuses the rest.
type quotaServer struct {
	quota   func(at time.Duration) int // grows or shrinks as others use it
	window  time.Duration
	fixed   bool          // windows begin at multiples of window, after offset; else they slide
	offset  time.Duration //
	strict  bool          // refused requests count, too
	say     func(rest time.Duration) time.Duration
	latency func() time.Duration

	mu       sync.Mutex
	start    time.Time
	counted  []time.Time // in the window
	accepted []time.Time
	refused  []time.Time
}

func (s *quotaServer) serve() error {
	latency := s.latency()
	time.Sleep(latency / 2)
	err := s.handle()
	time.Sleep(latency - latency/2)
	return err
}

func (s *quotaServer) handle() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	windowStart := now.Add(-s.window + 1) // a window is half open: it does not hold both its ends
	if s.fixed {
		at := now.Sub(s.start) + s.offset
		windowStart = now.Add(-(at % s.window))
	}
	for len(s.counted) > 0 && s.counted[0].Before(windowStart) {
		s.counted = s.counted[1:]
	}
	quota := s.quota(now.Sub(s.start))
	full := len(s.counted) >= quota
	if !full || s.strict {
		s.counted = append(s.counted, now)
	}
	opens := windowStart.Add(s.window)
	if !s.fixed && len(s.counted) > 0 {
		opens = s.counted[0].Add(s.window)
	}
	if full {
		s.refused = append(s.refused, now)
		return refusal(s.say(opens.Sub(now)))
	}
	s.accepted = append(s.accepted, now)
	return nil
}

// bursts returns when bursts of refusals began: refusals no more than gap apart
// are one.
func (s *quotaServer) bursts(gap time.Duration) []time.Duration {
	var at []time.Duration
	var last time.Time
	for _, t := range s.refused {
		if last.IsZero() || t.Sub(last) > gap {
			at = append(at, t.Sub(s.start))
		}
		last = t
	}
	return at
}

func acceptedBetween(s *quotaServer, from, to time.Duration) int {
	n := 0
	for _, t := range s.accepted {
		if at := t.Sub(s.start); at >= from && at < to {
			n++
		}
	}
	return n
}

// load sends requests through p to s for so long.
func load(t *testing.T, p *Pacer, s *quotaServer, workers int, long time.Duration) {
	t.Helper()
	s.start = time.Now()
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for time.Since(s.start) < long {
				bought, err := p.Wait(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				p.Done(bought, s.serve())
			}
		})
	}
	wg.Wait()
}

func constant(n int) func(time.Duration) int { return func(time.Duration) int { return n } }

func wholeSeconds(d time.Duration) time.Duration { return (d + time.Second - 1).Truncate(time.Second) }

// A server that grants half of what was configured: at least 95 % of that is
// used, with at most one burst of refusals a window.
func TestHalfTheQuota(t *testing.T) {
	retryAfter := map[string]func(time.Duration) time.Duration{
		"seconds": wholeSeconds,
		"silent":  func(time.Duration) time.Duration { return 0 },
		"one":     func(time.Duration) time.Duration { return time.Second },
	}
	for _, rate := range []string{"1000/5m", "200/4s", "20/10s"} {
		for say, sayFunc := range retryAfter {
			for _, speed := range []string{"fast", "slow"} {
				for _, kind := range []string{"sliding", "strict", "fixed"} {
					t.Run(fmt.Sprintf("%s/%s/%s/%s", rate, kind, say, speed), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							r := mustRate(t, rate)
							rng := rand.New(rand.NewPCG(3, 4))
							workers, latency := 64, 20*time.Millisecond
							if speed == "slow" { // a little faster than the server's quota: spread over the window
								workers = min(8, r.Quota/10)
								latency = r.Window / time.Duration(r.Quota/2) * time.Duration(workers) * 4 / 5
							}
							var mu sync.Mutex
							s := &quotaServer{
								quota: constant(r.Quota / 2), window: r.Window,
								fixed: kind == "fixed", offset: r.Window / 3, strict: kind == "strict",
								say: sayFunc,
								latency: func() time.Duration {
									mu.Lock()
									defer mu.Unlock()
									return latency + time.Duration(rng.Int64N(int64(latency)/10))
								},
							}
							p := NewPacer(r, PacerOptions{})
							const settle, windows = 24, 40
							load(t, p, s, workers, (settle+windows)*r.Window)

							got := acceptedBetween(s, settle*r.Window, (settle+windows)*r.Window)
							if share := float64(got) / float64(windows*r.Quota/2); share < 0.95 {
								t.Errorf("%.1f%% of what the server grants was used; want 95%%", 100*share)
							}
							bursts := s.bursts(2 * latency)
							t.Logf("%d bursts, %d refusals, %.1f%%", len(bursts), len(s.refused), 100*float64(got)/float64(windows*r.Quota/2))
							for i := 1; i < len(bursts); i++ {
								same := bursts[i]-bursts[i-1] < r.Window
								if s.fixed {
									same = (bursts[i]+s.offset)/r.Window == (bursts[i-1]+s.offset)/r.Window
								}
								if bursts[i-1] > settle*r.Window && same {
									t.Errorf("two bursts of refusals in one window, at %v and %v", bursts[i-1], bursts[i])
								}
							}
						})
					})
				}
			}
		}
	}
}

// A smooth pace of which the server grants half is lived with, too.
func TestHalfThePace(t *testing.T) {
	for _, say := range []time.Duration{0, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			s := &quotaServer{
				quota: constant(10), window: time.Second,
				say:     func(time.Duration) time.Duration { return say },
				latency: func() time.Duration { return 20 * time.Millisecond },
			}
			load(t, NewPacer(Rate{Pace: 20}, PacerOptions{}), s, 16, 12*time.Minute)
			got := acceptedBetween(s, 2*time.Minute, 12*time.Minute)
			if share := float64(got) / 6000; share < 0.95 {
				t.Errorf("with Retry-After %v: %.1f%% of what the server grants was used; want 95%%", say, 100*share)
			}
			if n := len(s.refused); n > 200 {
				t.Errorf("with Retry-After %v: %d refusals in 12 minutes", say, n)
			}
		})
	}
}

// Somebody else takes most of the quota for an hour and leaves again.
func TestOthersComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const window = 5 * time.Minute
		s := &quotaServer{
			quota: func(at time.Duration) int {
				if at > time.Hour && at < 2*time.Hour {
					return 100
				}
				return 1000
			},
			window: window, say: wholeSeconds,
			latency: func() time.Duration { return 50 * time.Millisecond },
		}
		p := NewPacer(mustRate(t, "1000/5m"), PacerOptions{})
		load(t, p, s, 16, 4*time.Hour)
		for _, c := range []struct {
			from, to time.Duration
			windows  int
			quota    int
		}{
			{0, time.Hour, 12, 1000},
			{time.Hour + 3*window, 2 * time.Hour, 9, 100},
			{3 * time.Hour, 4 * time.Hour, 12, 1000},
		} {
			got := acceptedBetween(s, c.from, c.to)
			if share := float64(got) / float64(c.windows*c.quota); share < 0.91 { // a window may lie across the end
				t.Errorf("from %v to %v, %.1f%% of what was left was used", c.from, c.to, 100*share)
			}
		}
		if n := len(s.bursts(time.Second)); n > 4*12 {
			t.Errorf("%d bursts of refusals in 48 windows", n)
		}
		if s := p.State(); s.Quota != 1000 {
			t.Errorf("long after the others left, the limit is %d; want 1000", s.Quota)
		}
	})
}

// A run that starts while the window is full, because of what others sent before
// it, waits for them, and then has the whole quota.
func TestStartInAFullWindow(t *testing.T) {
	for name, say := range map[string]func(time.Duration) time.Duration{
		"seconds": wholeSeconds,
		"silent":  func(time.Duration) time.Duration { return 0 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &quotaServer{
					quota: constant(1000), window: 5 * time.Minute, say: say,
					latency: func() time.Duration { return 50 * time.Millisecond },
				}
				for range 1000 {
					s.counted = append(s.counted, time.Now().Add(-time.Minute)) // free in 4 minutes
				}
				load(t, NewPacer(mustRate(t, "1000/5m"), PacerOptions{}), s, 16, 16*time.Minute)
				if got := acceptedBetween(s, 4*time.Minute, 16*time.Minute); got < 2995 {
					t.Errorf("%d requests accepted in the 12 minutes after the window was free; want 3000", got)
				}
				if n := len(s.refused); n > 16+15 {
					t.Errorf("%d requests refused; want the first burst of 16 and some single ones", n)
				}
			})
		})
	}
}

// Single refusals that have nothing to do with the quota cost little of it.
func TestStrayRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(5, 6))
		s := &quotaServer{
			quota: constant(1000), window: 5 * time.Minute,
			say:     wholeSeconds,
			latency: func() time.Duration { return 50 * time.Millisecond },
		}
		p := NewPacer(mustRate(t, "1000/5m"), PacerOptions{})
		var mu sync.Mutex
		strays := 0
		s.start = time.Now()
		drive(t, p, 20_000, 16, func() error {
			mu.Lock()
			stray := rng.IntN(1000) == 0
			if stray {
				strays++
			}
			mu.Unlock()
			if stray {
				return refusal(0)
			}
			return s.serve()
		})
		// The stray ones count: 20,000 and they fill 20 windows and begin one more.
		if took := time.Since(s.start); strays == 0 || took > 101*time.Minute {
			t.Errorf("20,000 requests with %d stray refusals took %v; want 20 windows", strays, took)
		}
	})
}
