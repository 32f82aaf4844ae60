package report

import (
	"testing"
	"time"
)

// What a report says of times and latencies may be anything.
func TestTimesThatCannotBe(t *testing.T) {
	var line Timeline
	ages := []time.Time{time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Now(), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)}
	for _, from := range ages {
		for _, to := range ages {
			line.add(from, to, answered, 1)
		}
	}
	if line.used > slots || timelineChart(&line) == nil {
		t.Errorf("%d slots are used", line.used)
	}
	latency := map[float64]int64{0: 1, 1: 1, -5: 1, 1e300: 1, 5e-324: 1}
	if c := latencyChart(latency); c == nil || len(c.Bars) > 200 {
		t.Errorf("%v", c)
	}
}
