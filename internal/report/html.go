package report

import (
	_ "embed"
	"html/template"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"importer/importer/contact"
	"importer/internal/plain"
	"importer/internal/words"
)

// Now is how a run stands that lasts, in words.
type Now struct {
	Share  float64 // of the input that is settled, 0 to 1; 0 where that is not known
	Counts string
	Pace   string
	Quota  string
	// Trouble is why nothing works; empty: the API answers.
	Trouble string
	// Away is since when the run waits for its store, and why; empty: it does not.
	Away string
	// CountsOnly leaves out what may be about a person: who asks has not shown that they
	// may see it.
	CountsOnly bool
}

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"clean":   contact.Printable,
	"comma":   words.Comma[int64],
	"comma64": words.Comma[int],
	"answer":  answerName,
	"percent": percentName,
	"share":   func(f float64) string { return strconv.FormatFloat(100*f, 'f', 2, 64) + "%" },
	"brief":   brief,
	"runs":    func(n int) string { return words.Plural(n, "run", "runs") },
	"when": func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format("2006-01-02 15:04:05")
	},
}).Parse(pageText))

type tile struct {
	Name, N, Meaning, Class string
}

const (
	maxShownFailures = 50
	maxShownRuns     = 30
)

// WriteHTML writes the account as one page that needs nothing else: no request
// leaves it, and what strangers wrote is text in it. Without now it is a file to
// keep; with now it is the page of a run that lasts, and refreshes itself from
// where it came. The nonce is the one that the page's policy allows.
func (a *Account) WriteHTML(w io.Writer, now *Now, nonce string) error {
	v := struct {
		*Account
		Name              string // of the file; where it lies is nobody else's business
		Now               *Now
		Nonce             string
		Last              *Run
		Class, Reason     string
		Tiles             []tile
		Timeline, Latency *chart
		Percentiles       []percentile
		Failures          []contact.FailureGroup
		MoreFailures      int
		Differ            int64 // duplicates that say something else about their contact
		Differing         []Differing
		ChangedSince      int64
		ChangedRows       []contact.Place
		Doubts            []Doubt
		Runs              []Run
	}{
		Account: a, Name: filepath.Base(a.Report), Now: now, Nonce: nonce, Last: a.last(),
		Timeline: timelineChart(&a.timeline), Latency: latencyChart(a.latency),
		Percentiles: percentiles(a.latency), Failures: a.Failures(), Runs: slices.Clone(a.Runs), Doubts: slices.Clone(a.doubts),
	}
	v.Differ, v.Differing = a.Differing()
	v.ChangedSince, v.ChangedRows = a.Changed()
	if more := len(v.Failures) - maxShownFailures; more > 0 {
		v.Failures, v.MoreFailures = v.Failures[:maxShownFailures], more
	}
	if now != nil && now.CountsOnly {
		counts := *now
		if v.Now = &counts; counts.Trouble != "" {
			counts.Trouble = "the log of the run says why"
		}
		if counts.Away != "" {
			counts.Away = "(the log of the run says why)"
		}
		v.Name, v.Last, v.Differing, v.Doubts, v.Failures = "import", nil, nil, nil, slices.Clone(v.Failures)
		for i := range v.Failures {
			v.Failures[i].Field, v.Failures[i].Hint, v.Failures[i].Examples = "", "", nil
		}
	}
	slices.Reverse(v.Runs)
	v.Runs = v.Runs[:min(len(v.Runs), maxShownRuns)]
	slices.Reverse(v.Doubts)
	v.Class = "wait"
	if v.Last != nil && v.Last.Summary != nil { // of no run that lasts
		v.Reason = v.Last.Summary.Reason
		if v.Last.Summary.Status == contact.Complete {
			v.Class = "good"
		}
	}
	for _, s := range shown {
		if n := a.Count(s.Status); n > 0 {
			v.Tiles = append(v.Tiles, tile{s.String(), words.Comma(n), a.meaning(s.Status, s.meaning), classOf(s.Status)})
		}
	}
	// In memory first: of a template that fails nothing is sent or kept.
	var b strings.Builder
	if err := page.Execute(&b, v); err != nil {
		return err
	}
	_, err := io.WriteString(w, plain.Escape(b.String()))
	return err
}

func classOf(s contact.Status) string {
	switch {
	case s.In():
		return "good"
	case s == contact.Unknown, s == contact.InDoubt:
		return "wait"
	}
	return "bad"
}
