package report

import (
	"fmt"
	"html/template"
	"importer/internal/words"
	"math"
	"time"

	"github.com/go-analyze/charts"
)

// A chart is drawn twice: text in an SVG shrinks with it, and what is right on a
// desk cannot be read on a phone.
type chart struct {
	Wide, Narrow template.HTML
}

type size struct {
	width, height int
	labels        int // on the axis of time or latency
	font          float64
}

var wide, narrow = size{960, 280, 12, 12}, size{420, 280, 5, 13}

// Of the series, in their order: told apart also without colour, by the order in
// the stack and the legend.
var seriesColors = []charts.Color{
	{R: 0x2b, G: 0x7a, B: 0x5b, A: 255}, {R: 0xd9, G: 0x9a, B: 0x1c, A: 255}, {R: 0xc0, G: 0x39, B: 0x2b, A: 255},
}

// timelineChart shows the answers a minute over time; nil where there are none.
func timelineChart(t *Timeline) (*chart, error) {
	if t.used == 0 {
		return nil, nil
	}
	data := make([][]float64, allSeries)
	labels := make([]string, t.used)
	layout := "15:04:05"
	if t.width >= time.Minute {
		layout = "15:04"
	}
	if time.Duration(t.used)*t.width > 20*time.Hour {
		layout = "2 Jan 15:04"
	}
	for i := range t.used {
		labels[i] = t.start.Add(time.Duration(i) * t.width).UTC().Format(layout)
		for s := range allSeries {
			// Whole numbers: the axis begins at 0 only where no stack is lower than 1.
			data[s] = append(data[s], math.Ceil(t.n[i][s]/t.width.Minutes()-1e-9))
		}
	}
	return draw(data, labels, []string{"answered", "throttled (429)", "failed or lost"}, seriesColors)
}

// latencyChart shows how many requests took how long; nil where there are none.
func latencyChart(latency map[float64]int64) (*chart, error) {
	bounds, total := sortedBounds(latency)
	if total == 0 {
		return nil, nil
	}
	// The bounds are too fine to look at: three in a doubling do.
	var data []float64
	var labels []string
	next := bounds[0]
	for _, b := range bounds {
		for len(data) == 0 || b > next*1.0001 {
			if len(data) > 0 {
				next *= 1.26 // the third root of 2
			}
			data = append(data, 0)
			labels = append(labels, brief(time.Duration(next*float64(time.Millisecond))))
		}
		data[len(data)-1] += float64(latency[b])
	}
	return draw([][]float64{data}, labels, []string{"requests that took up to"}, seriesColors[:1])
}

func draw(data [][]float64, labels, names []string, colors []charts.Color) (*chart, error) {
	var c chart
	highest := axisEnd(data)
	for _, v := range []struct {
		size size
		to   *template.HTML
	}{{wide, &c.Wide}, {narrow, &c.Narrow}} {
		p := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: v.size.width, Height: v.size.height})
		font := charts.FontStyle{FontSize: v.size.font}
		o := charts.NewBarChartOptionWithData(data)
		o.Theme = charts.GetTheme(charts.ThemeLight).WithSeriesColors(colors).WithBackgroundColor(charts.ColorTransparent)
		o.StackSeries = charts.Ptr(true)
		o.BarMargin = charts.Ptr(0.0)
		o.BarSize = 0.9
		o.Padding = charts.NewBoxEqual(4)
		o.Legend = charts.LegendOption{SeriesNames: names, FontStyle: font, Symbol: charts.SymbolSquare}
		o.CategoryAxis.Labels, o.CategoryAxis.LabelFontStyle = thin(labels, v.size.labels), font
		o.CategoryAxis.LabelCount = len(labels)
		for i := range o.ValueAxis {
			o.ValueAxis[i].LabelFontStyle = font
			o.ValueAxis[i].Min, o.ValueAxis[i].Max = charts.Ptr(0.0), charts.Ptr(highest)
			o.ValueAxis[i].RangeValuePaddingScale = charts.Ptr(0.0)
			o.ValueAxis[i].LabelCount = 6
		}
		o.ValueFormatter = func(f float64) string {
			if f >= 1000 {
				return words.Comma(int64(f))
			}
			return fmt.Sprintf("%.3g", f)
		}
		if err := p.BarChart(o); err != nil {
			return nil, fmt.Errorf("drawing a chart: %w", err)
		}
		svg, err := p.Bytes()
		if err != nil {
			return nil, fmt.Errorf("drawing a chart: %w", err)
		}
		// Nothing of the source is in it: numbers, times and the names above.
		*v.to = template.HTML(svg)
	}
	return &c, nil
}

// axisEnd is a round number at or above the highest stack, so that five steps of
// the axis are round too.
func axisEnd(data [][]float64) float64 {
	highest := 0.0
	for i := range data[0] {
		sum := 0.0
		for _, series := range data {
			sum += series[i]
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

// thin leaves so many of the labels at most, evenly, and none so late that it
// would run out of the chart.
func thin(labels []string, most int) []string {
	step := (len(labels) + most - 1) / most
	thinned := make([]string, len(labels))
	for i := 0; i < len(labels); i += step {
		if i == 0 || i+step/2 < len(labels) {
			thinned[i] = labels[i]
		}
	}
	return thinned
}
