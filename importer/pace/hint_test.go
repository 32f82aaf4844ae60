package pace

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Where the server says what is left of its quota, it has no need to refuse
// anything, though it grants half of what was configured, or others use a part.
func TestRateHeaders(t *testing.T) {
	for _, c := range []struct {
		name    string
		fixed   bool
		quota   int // that the server grants of 1000, and says it does
		others  int // of that, used by somebody else at the beginning of each window
		refused int // at most
	}{
		{"half, fixed window", true, 500, 0, 0},
		{"half, sliding window", false, 500, 0, 0},
		{"all, fixed window", true, 1000, 0, 0},
		{"all, sliding window", false, 1000, 0, 0},
		{"others, fixed window", true, 1000, 400, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const window = 5 * time.Minute
				rng := rand.New(rand.NewPCG(9, 10))
				var mu sync.Mutex
				p := NewPacer(mustRate(t, "1000/5m"), PacerOptions{})
				s := &quotaServer{
					quota: constant(c.quota), window: window, fixed: c.fixed, offset: window / 3,
					say:  func(time.Duration) time.Duration { return 0 },
					tell: p.Observe,
					latency: func() time.Duration {
						mu.Lock()
						defer mu.Unlock()
						return 20*time.Millisecond + time.Duration(rng.Int64N(int64(20*time.Millisecond)))
					},
				}
				var wg sync.WaitGroup
				if c.others > 0 {
					wg.Go(func() {
						time.Sleep(window - s.offset + 1)
						for range 21 {
							s.mu.Lock()
							s.counted = s.counted[:0]
							for range c.others {
								s.counted = append(s.counted, time.Now())
							}
							s.mu.Unlock()
							time.Sleep(window)
						}
					})
				}
				load(t, p, s, 32, 22*window)
				wg.Wait()
				got := acceptedBetween(s, window, 21*window)
				want := 20 * (c.quota - c.others)
				if got < want*95/100 || got > want*105/100 {
					t.Errorf("%d requests accepted in 20 windows; want %d", got, want)
				}
				if len(s.refused) > c.refused {
					t.Errorf("%d requests refused; want %d at most", len(s.refused), c.refused)
				}
			})
		})
	}
}

func TestRateHeadersOfNoUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPacer(mustRate(t, "10/1s"), PacerOptions{})
		for _, info := range []RateInfo{
			{},
			{Remaining: 0, Reset: -time.Second},
			{Remaining: -1, Reset: time.Minute},
		} {
			bought, err := p.Wait(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			p.Observe(info)
			p.Done(bought, nil)
			if n := p.Available(0); n == 0 {
				t.Errorf("%+v stops the pacer", info)
			}
		}
		// A reset in three days is believed for ten minutes.
		bought, _ := p.Wait(t.Context())
		p.Observe(RateInfo{Remaining: 0, Reset: 72 * time.Hour})
		p.Done(bought, nil)
		if n := p.Available(time.Second); n != 0 {
			t.Errorf("%d requests available though nothing remains", n)
		}
		if d := untilFree(t, p); d != 10*time.Minute {
			t.Errorf("a reset in three days was waited for %v; want 10 minutes", d)
		}
	})
}
