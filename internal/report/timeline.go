package report

import (
	"math"
	"slices"
	"time"
)

// A series is one kind of answer in the timeline.
type series uint8

const (
	answered  series = iota // 2xx, 3xx, 404
	throttled               // 429
	failed                  // other 4xx and 5xx, and no answer
	allSeries
)

func seriesOf(status int) series {
	switch {
	case status == 429:
		return throttled
	case status == 0 || status >= 400 && status != 404:
		return failed
	}
	return answered
}

// slots is how many slices of time a timeline has at most; from half as many on
// it is fine enough for a chart.
const slots = 80

// maxSpan is how far a timeline goes; what comes later counts as its end.
const maxSpan = 100 * 365 * 24 * time.Hour

// A Timeline counts answers in slices of time. The slices grow with the span, so
// that its size does not depend on it. The zero value is ready.
type Timeline struct {
	start time.Time
	width time.Duration
	n     [slots][allSeries]float64
	used  int // slices
}

// add spreads n answers evenly over the time between from and to. Times before
// the first one that was added count as that one.
func (t *Timeline) add(from, to time.Time, s series, n int64) {
	if t.start.IsZero() {
		t.start, t.width = from.Truncate(time.Second), time.Second
	}
	if last := t.start.Add(maxSpan); to.After(last) {
		to = last
	}
	for to.Sub(t.start) >= slots*t.width {
		t.double()
	}
	place := func(at time.Time) float64 { return max(0, float64(at.Sub(t.start))/float64(t.width)) }
	a, b := min(place(from), place(to)), place(to)
	first, last := int(a), int(b)
	t.used = max(t.used, last+1)
	if b-a < 1e-9 {
		t.n[first][s] += float64(n)
		return
	}
	for i := first; i <= last; i++ {
		part := min(b, float64(i+1)) - max(a, float64(i))
		t.n[i][s] += float64(n) * part / (b - a)
	}
}

// double makes each slice twice as long.
func (t *Timeline) double() {
	t.width *= 2
	for i := range slots {
		var sum [allSeries]float64
		if 2*i < slots {
			for s := range allSeries {
				sum[s] = t.n[2*i][s] + t.n[2*i+1][s]
			}
		}
		t.n[i] = sum
	}
	t.used = (t.used + 1) / 2
}

// A percentile is how long the fastest so many percent of the requests took at most.
type percentile struct {
	Percent float64
	Took    time.Duration
}

// percentiles are those that people ask for; nil where nothing was counted.
func percentiles(latency map[float64]int64) []percentile {
	bounds, total := sortedBounds(latency)
	if total == 0 {
		return nil
	}
	var list []percentile
	for _, p := range []float64{50, 90, 95, 99, 100} {
		want, sum := int64(math.Ceil(p/100*float64(total))), int64(0)
		for _, b := range bounds {
			if sum += latency[b]; sum >= want {
				list = append(list, percentile{p, time.Duration(b * float64(time.Millisecond))})
				break
			}
		}
	}
	return list
}

func sortedBounds(latency map[float64]int64) (bounds []float64, total int64) {
	for b, n := range latency {
		bounds, total = append(bounds, b), total+n
	}
	slices.Sort(bounds)
	return bounds, total
}
