package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"importer/importer/contact"
	"importer/internal/words"
)

// shown are the statuses in the order in which people read them, and what each
// tells.
var shown = []struct {
	contact.Status
	meaning string
}{
	{contact.Created, "profiles that the API made"},
	{contact.Updated, "changed in the API"},
	{contact.Unchanged, "in the API as wanted, nothing sent"},
	{contact.Existing, "were there before, left as they are"},
	{contact.Absent, "not in the project, and not to be created"},
	{contact.Deactivated, "switched off by a mirror: the source of that run did not hold them"},
	{contact.Deleted, "deleted by a mirror: the source of that run did not hold them"},
	{contact.Duplicate, "rows that repeat an earlier row"},
	{contact.Invalid, "rows refused before sending"},
	{contact.Rejected, "refused by the API"},
	{contact.Failed, "given up after the retries; the next run tries them again"},
	{contact.Unknown, "may be in; the next run looks them up"},
	{contact.InDoubt, "announced without an outcome; the next run looks them up"},
}

// WriteText writes the account for people at a terminal or in a mail.
func (a *Account) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Report %s\n", contact.Printable(a.Report))
	if run := a.last(); run != nil {
		fmt.Fprintf(&b, "%s of %s into project %s at %s\n", contact.Printable(run.Mode), run.sources(), contact.Printable(run.ProjectID), contact.Printable(run.BaseURL))
	}
	fmt.Fprintf(&b, "%s, the latest: %s\n", words.Plural(len(a.Runs), "run", "runs"), a.State())
	if run := a.last(); run != nil && run.Summary != nil && run.Summary.Reason != "" {
		fmt.Fprintf(&b, "It stopped: %s\n", contact.Printable(run.Summary.Reason))
	}

	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	between := "\n"
	for _, s := range shown {
		if n := a.Count(s.Status); n > 0 {
			fmt.Fprintf(t, "%s  %s\t%12s\t%s\n", between, s.Status, words.Comma(n), a.meaning(s.Status, s.meaning))
			between = ""
		}
	}
	t.Flush()
	if doubt := a.StillInDoubt(); doubt != "" {
		fmt.Fprintf(&b, "\nStill in doubt: %s.\n", doubt)
	}
	if failures := a.Failures(); len(failures) > 0 {
		b.WriteString("\nWhy rows are not in:\n")
		contact.WriteFailures(&b, failures, 20, true)
	}
	if n, first := a.Differing(); n > 0 {
		fmt.Fprintf(&b, "\nDuplicates that say something else about the contact than the row that went in: %s\n", words.Comma(n))
		for _, d := range first {
			fmt.Fprintf(&b, "  %s\n", contact.Printable(d.Place.String()+" and "+d.First.String()))
		}
	}
	if n, first := a.Changed(); n > 0 {
		fmt.Fprintf(&b, "\nRows that are in with other values or contact ids than the source or the mapping gave the last run; the same command with --mode update sends them: %s\n", words.Comma(n))
		for _, at := range first {
			fmt.Fprintf(&b, "  %s\n", contact.Printable(at.String()))
		}
	}
	if len(a.endings) > 0 {
		b.WriteString("\nRows in doubt, and how they ended:\n")
		for _, e := range a.Endings() {
			fmt.Fprintf(&b, "  %12s  %s\n", words.Comma(e.N), e.How)
		}
	}
	a.writeRequests(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// writeRequests says which requests were sent, and how long they took.
func (a *Account) writeRequests(b *strings.Builder) {
	requests := a.Requests()
	if len(requests) == 0 {
		return
	}
	b.WriteString("\nRequests:\n")
	for _, r := range requests {
		fmt.Fprintf(b, "  %12s  %s, %s\n", words.Comma(r.N), contact.Printable(r.Operation), answerName(r.Status))
	}
	var within []string
	for _, p := range percentiles(a.latency) {
		within = append(within, fmt.Sprintf("%s (%s)", brief(p.Took), percentName(p.Percent)))
	}
	if within != nil {
		fmt.Fprintf(b, "  took at most %s\n", strings.Join(within, ", "))
	}
}

// meaning is what a status tells of the contacts that have it: of those that undo dealt
// with it is not what it tells of the others.
func (a *Account) meaning(s contact.Status, text string) string {
	undone, all := a.undone[s], a.Count(s)
	switch {
	case undone == 0:
		return text
	case undone == all:
		return "taken back by undo"
	}
	return fmt.Sprintf("%s; %s of them taken back by undo", text, words.Comma(undone))
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
		endingOf(contact.Created, true, ""), endingOf(contact.Created, false, ""), endingOf(contact.Created, false, "no id"),
		endingOf(contact.Existing, false, ""), contact.Rejected.String(), contact.Failed.String(), endingOf(contact.Unknown, false, ""),
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
		HTTP    int    `json:"http,omitzero"`
		Code    int    `json:"code,omitzero"`
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
		Report   string                 `json:"report"`
		State    string                 `json:"state"`
		Outcomes map[string]int64       `json:"outcomes"`
		Failures []failure              `json:"failures"`
		Differ   int64                  `json:"duplicates_differ"`
		Differs  []Differing            `json:"differing,omitempty"`
		Changed  int64                  `json:"changed_since"`
		Places   []contact.Place        `json:"changed_rows,omitempty"`
		Doubts   []Ending               `json:"doubts"`
		Requests []contact.RequestCount `json:"requests"`
		Latency  []latencyMS            `json:"latency_ms"`
		Runs     []Run                  `json:"runs"`
		Settings jsontext.Value         `json:"settings,omitempty"`
	}{
		Report: a.Report, State: a.State(), Outcomes: map[string]int64{}, Failures: []failure{}, Doubts: a.Endings(),
		Requests: a.Requests(), Runs: a.Runs, Settings: a.Settings,
	}
	out.Differ, out.Differs = a.Differing()
	out.Changed, out.Places = a.Changed()
	for _, s := range shown {
		out.Outcomes[strings.ReplaceAll(s.String(), " ", "_")] = a.Count(s.Status)
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
	b, err := json.Marshal(out, json.Deterministic(true), jsontext.AllowInvalidUTF8(true), jsontext.EscapeForJS(true),
		jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

func groupName(g contact.FailureGroup) string {
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
	for _, r := range []struct{ below, unit time.Duration }{
		{10 * time.Millisecond, 100 * time.Microsecond}, {time.Second, time.Millisecond},
		{10 * time.Second, 10 * time.Millisecond}, {time.Minute, 100 * time.Millisecond},
	} {
		if d < r.below {
			return d.Round(r.unit).String()
		}
	}
	return d.Round(time.Second).String()
}
