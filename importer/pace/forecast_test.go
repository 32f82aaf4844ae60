package pace

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestForecast(t *testing.T) {
	const window = 5 * time.Minute
	for _, c := range []struct {
		rate     string
		requests int64
		used     int
		want     time.Duration // without the margin
	}{
		{"1000/5m", 0, 0, 0},
		{"1000/5m", 1000, 0, 0},
		{"1000/5m", 1001, 0, window},
		{"1000/5m", 100_000, 0, 99 * window}, // 99,999 / 1000
		{"1000/5m", 900, 100, 0},
		{"1000/5m", 900, 101, window},
		{"1000/5m", 1, 5000, window},
		{"20/s", 101, 0, 5 * time.Second},
		{"0.5/s", 2, 0, 2 * time.Second},
		{"1000/5m,20/s", 1000, 0, 49950 * time.Millisecond},
		{"1000/5m,20/s", 2000, 0, window},
		{"unlimited", 1 << 40, 0, 0},
		{"1/24h", 1 << 62, 0, 100 * 365 * 24 * time.Hour},
	} {
		got := Forecast(mustRate(t, c.rate), c.requests, c.used)
		if got < c.want || got > c.want+c.want/5000 {
			t.Errorf("Forecast(%s, %d, %d) = %v; want %v", c.rate, c.requests, c.used, got, c.want)
		}
	}
}

// What Remaining says comes true, at the start of a run and in the middle of it.
func TestRemainingComesTrue(t *testing.T) {
	for _, rate := range []string{"200/4s", "50/10s,20/s", "20/s", "7/1s", "unlimited"} {
		t.Run(rate, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := NewPacer(mustRate(t, rate), PacerOptions{})
				for _, n := range []int{30, 400, 1, 120} {
					said := p.Remaining(int64(n))
					start := time.Now()
					drive(t, p, n, 8, func() error { return nil })
					took := time.Since(start)
					if took < said-50*time.Millisecond || took > said+said/20+50*time.Millisecond {
						t.Errorf("%d requests took %v; Remaining said %v", n, took, said)
					}
					time.Sleep(1500 * time.Millisecond)
				}
				if got := p.Remaining(0); got != 0 {
					t.Errorf("Remaining(0) = %v", got)
				}
			})
		})
	}
}
