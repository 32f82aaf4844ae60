package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	"importer/importer"
)

// shown are the statuses in the order in which people read them.
var shown = []importer.Status{
	importer.Created, importer.Updated, importer.Unchanged, importer.Existing, importer.Deactivated, importer.Deleted,
	importer.Duplicate, importer.Invalid, importer.Rejected, importer.Failed, importer.Unknown, importer.InDoubt,
}

// meaning says what a status tells, in a few words.
var meaning = map[importer.Status]string{
	importer.Created:     "profiles that the API made",
	importer.Updated:     "changed in the API",
	importer.Unchanged:   "in the API as wanted, nothing sent",
	importer.Existing:    "were there before, left as they are",
	importer.Deactivated: "switched off: no longer in the source",
	importer.Deleted:     "removed: no longer in the source",
	importer.Duplicate:   "rows that repeat an earlier row",
	importer.Invalid:     "rows refused before sending",
	importer.Rejected:    "refused by the API",
	importer.Failed:      "given up after the retries; the next run tries them again",
	importer.Unknown:     "may be in; the next run looks them up",
	importer.InDoubt:     "announced without an outcome; the next run looks them up",
}

// WriteText writes the account for people at a terminal or in a mail.
func (a *Account) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Report %s\n", importer.Printable(a.Report))
	if run := a.last(); run != nil {
		fmt.Fprintf(&b, "%s of %s into project %s at %s\n", importer.Printable(run.Mode), importer.Printable(strings.Join(run.Sources, ", ")), importer.Printable(run.ProjectID), importer.Printable(run.BaseURL))
	}
	fmt.Fprintf(&b, "%s, the latest: %s\n\n", count(int64(len(a.Runs)), "run", "runs"), a.State())

	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, s := range shown {
		if n := a.Count(s); n > 0 {
			fmt.Fprintf(t, "  %s\t%12s\t%s\n", s, humanize.Comma(n), meaning[s])
		}
	}
	t.Flush()
	if failures := a.Failures(); len(failures) > 0 {
		b.WriteString("\nWhy rows are not in:\n")
		importer.WriteFailures(&b, failures, 20, true)
	}
	if len(a.endings) > 0 {
		b.WriteString("\nRows in doubt, and how they ended:\n")
		for _, e := range a.Endings() {
			fmt.Fprintf(&b, "  %12s  %s\n", humanize.Comma(e.N), e.How)
		}
	}
	if requests := a.Requests(); len(requests) > 0 {
		b.WriteString("\nRequests:\n")
		for _, r := range requests {
			fmt.Fprintf(&b, "  %12s  %s, %s\n", humanize.Comma(r.N), importer.Printable(r.Operation), answerName(r.Status))
		}
		b.WriteString("  answered within")
		for i, p := range percentiles(a.latency) {
			if i > 0 {
				b.WriteString(",")
			}
			fmt.Fprintf(&b, " %s (%s)", brief(p.Took), percentName(p.Percent))
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// An Ending is how rows that were in doubt ended, and how many.
type Ending struct {
	How string `json:"ended"`
	N   int64  `json:"n"`
}

// Endings counts the rows that were in doubt by how they ended.
func (a *Account) Endings() []Ending {
	var list []Ending
	for _, how := range []string{
		endingOf(importer.Created, true, ""), endingOf(importer.Created, false, ""), endingOf(importer.Created, false, "no id"),
		endingOf(importer.Existing, false, ""), importer.Rejected.String(), importer.Failed.String(), endingOf(importer.Unknown, false, ""),
	} {
		if n := a.endings[how]; n > 0 {
			list = append(list, Ending{how, n})
		}
	}
	return list
}

// WriteJSON writes the account as one JSON object.
func (a *Account) WriteJSON(w io.Writer) error {
	type latencyMS struct {
		Percent float64 `json:"percent"`
		MS      float64 `json:"ms"`
	}
	type failure struct {
		Status  string `json:"status"`
		HTTP    int    `json:"http,omitempty"`
		Code    int    `json:"code,omitempty"`
		Field   string `json:"field,omitempty"`
		Hint    string `json:"hint,omitempty"`
		N       int64  `json:"n"`
		Example struct {
			Source     string   `json:"source"`
			Line       int      `json:"line"`
			ContactIDs []string `json:"contactIds,omitempty"`
			Detail     string   `json:"detail"`
		} `json:"example"`
	}
	out := struct {
		Report   string                  `json:"report"`
		State    string                  `json:"state"`
		Outcomes map[string]int64        `json:"outcomes"`
		Failures []failure               `json:"failures"`
		Doubts   []Ending                `json:"doubts"`
		Requests []importer.RequestCount `json:"requests"`
		Latency  []latencyMS             `json:"latency_ms"`
		Runs     []Run                   `json:"runs"`
	}{
		Report: a.Report, State: a.State(), Outcomes: map[string]int64{}, Failures: []failure{}, Doubts: a.Endings(),
		Requests: a.Requests(), Runs: a.Runs,
	}
	for _, s := range shown {
		out.Outcomes[strings.ReplaceAll(s.String(), " ", "_")] = a.Count(s)
	}
	for _, g := range a.Failures() {
		f := failure{Status: groupName(g), HTTP: g.HTTP, Code: g.Code, Field: g.Field, Hint: g.Hint, N: g.Count}
		if len(g.Examples) > 0 {
			e := g.Examples[0]
			f.Example.Source, f.Example.Line, f.Example.ContactIDs, f.Example.Detail = e.Place.Source, e.Place.Line, e.ContactIDs, e.Detail
		}
		out.Failures = append(out.Failures, f)
	}
	for _, p := range percentiles(a.latency) {
		out.Latency = append(out.Latency, latencyMS{p.Percent, float64(p.Took) / float64(time.Millisecond)})
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

func groupName(g importer.FailureGroup) string {
	if g.Status == 0 {
		return "others"
	}
	return g.Status.String()
}

func answerName(status int) string {
	if status == 0 {
		return "no answer"
	}
	return fmt.Sprintf("HTTP %d", status)
}

func percentName(p float64) string {
	if p == 100 {
		return "the slowest"
	}
	return fmt.Sprintf("%g %%", p)
}

// brief is a duration with two or three digits.
func brief(d time.Duration) string {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Microsecond).String()
}

func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return humanize.Comma(n) + " " + many
}
