package report

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// What is counted stands in the bars: as high as its number beside the axis, one
// series upon the other.
func TestTimelineChart(t *testing.T) {
	if c := timelineChart(&Timeline{}); c != nil {
		t.Errorf("a chart of nothing: %+v", c)
	}
	var line Timeline
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	line.add(start, start, answered, 30)
	line.add(start, start, failed, 10)
	line.add(start.Add(3*time.Second), start.Add(3*time.Second), throttled, 5)
	c := timelineChart(&line)
	want := &chart{
		Title: "requests a minute over time", Series: []string{"answered", "throttled (429)", "failed or lost"},
		// 30, 10 and 5 in a second are 1,800, 600 and 300 a minute; the axis ends at 2,500.
		Bars: []bar{
			{Series: 0, X: 0.025, Y: 0.28, Width: 0.2, Height: 0.72},
			{Series: 2, X: 0.025, Y: 0.04, Width: 0.2, Height: 0.24},
			{Series: 1, X: 0.775, Y: 0.88, Width: 0.2, Height: 0.12},
		},
		Steps: []label{{At: 1, Text: "0"}, {At: 0.8, Text: "500"}, {At: 0.6, Text: "1,000"}, {At: 0.4, Text: "1,500"}, {At: 0.2, Text: "2,000"}, {At: 0, Text: "2,500"}},
		Labels: []label{{At: 0.125, Text: "03:04:05"}, {At: 0.375, Text: "03:04:06", Extra: true}, {At: 0.625, Text: "03:04:07", Extra: true},
			{At: 0.875, Text: "03:04:08"}},
	}
	if got, want := show(c), show(want); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}

	line.add(start, start.Add(50*time.Hour), answered, 100_000)
	c = timelineChart(&line)
	if n := len(c.Labels); n < 6 || n > 12 || c.Labels[0].Text != "2 Jan 03:04" {
		t.Errorf("%d labels: %v", n, c.Labels)
	}
}

func TestLatencyChart(t *testing.T) {
	if c := latencyChart(nil); c != nil {
		t.Errorf("a chart of nothing: %+v", c)
	}
	c := latencyChart(map[float64]int64{10: 3, 20: 1, 80: 2})
	total := 0.0
	for _, b := range c.Bars {
		total += b.Height * 3 // the end of the axis
	}
	if math.Abs(total-6) > 1e-9 || len(c.Bars) != 3 || c.Labels[0].Text != "10ms" || c.Steps[5].Text != "3" {
		t.Errorf("%v of 6 requests: %+v", total, c)
	}
}

func TestAxisEnd(t *testing.T) {
	for highest, want := range map[float64]float64{0: 1, 0.3: 0.3, 1: 1, 1.1: 1.5, 7: 7.5, 7.6: 10, 99: 100, 101: 150, 2400: 2500, 1e6: 1e6} {
		if got := axisEnd([][]float64{{highest / 2, highest / 2}, {0, 0}}); math.Abs(got-want) > 1e-9*want {
			t.Errorf("an axis for %v ends at %v, want %v", highest, got, want)
		}
	}
}

// show is a chart in lines, with shares to four digits.
func show(c *chart) string {
	var b strings.Builder
	fmt.Fprintln(&b, c.Title, c.Series)
	for _, r := range c.Bars {
		fmt.Fprintf(&b, "%d: %.4f %.4f, %.4f × %.4f\n", r.Series, r.X, r.Y, r.Width, r.Height)
	}
	for _, l := range append(c.Steps, c.Labels...) {
		fmt.Fprintf(&b, "%.4f %s %v\n", l.At, l.Text, l.Extra)
	}
	return b.String()
}
