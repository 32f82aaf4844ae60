package report

import (
	"fmt"
	"math"
	"time"

	"importer/internal/words"
)

// A chart is bars over an axis, stacked where there are several series. All places
// are shares of the chart's width or height, 0 to 1, so that it fits any window
// while its text keeps its size.
type chart struct {
	Title  string
	Series []string // their names, in the order of the stack
	Bars   []bar
	Steps  []label // of the axis of values, At from above
	Labels []label // below the bars, At the middle of theirs
}

// A bar is one series of one stack.
type bar struct {
	Series              int
	X, Y, Width, Height float64
}

type label struct {
	At    float64
	Text  string
	Extra bool // left out where the window is narrow
}

// timelineChart shows the answers a minute over time; nil where there are none.
func timelineChart(t *Timeline) *chart {
	if t.used == 0 {
		return nil
	}
	layout := "15:04:05"
	if t.width >= time.Minute {
		layout = "15:04"
	}
	if time.Duration(t.used)*t.width > 20*time.Hour {
		layout = "2 Jan 15:04"
	}
	stacks, labels := make([][]float64, t.used), make([]string, t.used)
	for i := range t.used {
		labels[i] = t.start.Add(time.Duration(i) * t.width).UTC().Format(layout)
		for _, n := range t.n[i] {
			stacks[i] = append(stacks[i], n/t.width.Minutes())
		}
	}
	return draw("requests a minute over time", []string{"answered", "throttled (429)", "failed or lost"}, stacks, labels)
}

// latencyChart shows how many requests took how long; nil where there are none.
func latencyChart(latency map[float64]int64) *chart {
	bounds, total := sortedBounds(latency)
	if total == 0 {
		return nil
	}
	// The bounds are too fine to look at: three in a doubling do.
	var stacks [][]float64
	var labels []string
	const least, most = 0.01, 1e8 // milliseconds: what lies beyond is drawn there
	next := max(least, min(bounds[0], most))
	for _, b := range bounds {
		n := latency[b]
		b = max(least, min(b, most))
		for len(stacks) == 0 || b > next*1.0001 {
			if len(stacks) > 0 {
				next *= 1.26 // the third root of 2
			}
			stacks = append(stacks, []float64{0})
			labels = append(labels, brief(time.Duration(next*float64(time.Millisecond))))
		}
		stacks[len(stacks)-1][0] += float64(n)
	}
	return draw("requests by how long they took", []string{"requests that took up to"}, stacks, labels)
}

// draw lays out one stack beside the other.
func draw(title string, series []string, stacks [][]float64, labels []string) *chart {
	c := &chart{Title: title, Series: series}
	end, width := axisEnd(stacks), 1/float64(len(stacks))
	for i, stack := range stacks {
		y := 1.0
		for s, n := range stack {
			y -= n / end
			if n > 0 {
				c.Bars = append(c.Bars, bar{Series: s, X: (float64(i) + 0.1) * width, Y: y, Width: 0.8 * width, Height: n / end})
			}
		}
	}
	for i := range 6 {
		value := end * float64(i) / 5
		text := fmt.Sprintf("%.3g", value)
		if value >= 1000 {
			text = words.Comma(int64(value))
		}
		c.Steps = append(c.Steps, label{At: 1 - float64(i)/5, Text: text})
	}
	// A dozen labels at most, and none so late that it would run out of the chart.
	step := (len(labels) + 11) / 12
	for i := 0; i < len(labels); i += step {
		if i == 0 || i+step/2 < len(labels) {
			c.Labels = append(c.Labels, label{At: (float64(i) + 0.5) * width, Text: labels[i], Extra: len(c.Labels)%3 != 0})
		}
	}
	return c
}

// axisEnd is a round number at or above the highest stack, so that five steps of
// the axis are round too.
func axisEnd(stacks [][]float64) float64 {
	highest := 0.0
	for _, stack := range stacks {
		sum := 0.0
		for _, n := range stack {
			sum += n
		}
		highest = max(highest, sum)
	}
	if highest == 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(highest)))
	for _, step := range []float64{1, 1.5, 2, 2.5, 3, 4, 5, 6, 7.5} {
		if step*unit >= highest {
			return step * unit
		}
	}
	return 10 * unit
}
