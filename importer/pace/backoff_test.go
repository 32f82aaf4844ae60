package pace

import (
	"testing"
	"time"
)

func TestDelaysGrowWithFullJitter(t *testing.T) {
	const draws = 2000
	for attempt := range 8 {
		interval := min(firstRetryDelay<<attempt, mostRetryDelay)
		var least, most time.Duration = time.Hour, 0
		for range draws {
			delays := newDelays(firstRetryDelay, mostRetryDelay)
			for range attempt {
				delays.NextBackOff()
			}
			d := delays.NextBackOff()
			least, most = min(least, d), max(most, d)
		}
		if least < 0 || most > 2*interval {
			t.Errorf("pause %d lies within %s … %s, want within 0 … %s", attempt, least, most, 2*interval)
		}
		if least > interval/10 || most < 19*interval/10 {
			t.Errorf("pause %d lies within %s … %s: no full jitter over 0 … %s", attempt, least, most, 2*interval)
		}
	}
}
