package live

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"importer/importer/contact"
	"importer/importer/pace"
	"importer/internal/report"
	"importer/internal/words"
)

// A View is how a run stands, in words: for the bar, the plain lines and the live
// page. It only polls; its methods may be called from several goroutines.
type View struct {
	Progress *contact.Progress
	Pacer    *pace.Pacer
	Input    Input
	Started  time.Time
	Redact   bool  // quote nothing of the source
	Limit    int64 // of the rows that need a request; 0: none

	total  int64 // rows of the input, where they were counted; 0: go by bytes
	before int64 // contacts that earlier runs settled for good: they need no request
}

// An Input is what the rows are read from. Implemented by source.Input. Size and
// BytesRead may be called from several goroutines.
type Input interface {
	Size() int64      // in bytes; 0 where it is not known or can be read once
	BytesRead() int64 // of Size, so far
	Rows() contact.Rows
}

// countRows counts the rows of an input of 2 MiB at most, which takes less time than
// one request; 0 where it is larger, or can be read once. The run will tell what is
// wrong with it.
func countRows(input Input) (n int64) {
	if input.Size() == 0 || input.Size() > 2<<20 {
		return 0
	}
	for range input.Rows() {
		n++
	}
	return n
}

// share is how much of the input is settled, 0 to 1; 0 where that is not known.
func (v View) share() float64 {
	s := v.Progress.Snapshot()
	share := float64(0)
	if total, _ := v.rows(s); total > 0 {
		share = min(1, float64(s.Settled())/float64(total))
	}
	if v.Limit > 0 {
		share = max(share, min(1, float64(sent(s))/float64(v.Limit)))
	}
	return share
}

// sent is how many rows that needed a request are settled.
func sent(s contact.Snapshot) int64 {
	return max(0, s.Settled()-s.DoneBefore-s.Duplicate-s.Invalid)
}

// rows is how many rows the input has, 0 where that is not known, and whether it is
// exact. Rows are read ahead: an estimate from the bytes read is a little too low.
func (v View) rows(s contact.Snapshot) (int64, bool) {
	switch {
	case v.total > 0:
		return max(v.total, s.Read), true
	case v.Input.Size() == 0 || v.Input.BytesRead() == 0 || s.Read == 0:
		return 0, false
	}
	total := float64(s.Read) * float64(v.Input.Size()) / float64(v.Input.BytesRead())
	return max(int64(total), s.Read), false
}

// done is such as "1,200 of about 40,000 rows".
func (v View) done() string {
	s := v.Progress.Snapshot()
	if v.Limit > 0 {
		return fmt.Sprintf("%s rows, of which the first %s that need a request are sent", words.Comma(s.Settled()), words.Comma(v.Limit))
	}
	total, exact := v.rows(s)
	about := "about "
	switch {
	case total == 0:
		return words.Comma(s.Settled()) + " rows"
	case exact:
		about = ""
	}
	return fmt.Sprintf("%s of %s%s rows", words.Comma(s.Settled()), about, words.Comma(total))
}

// A part is a number with its name, and the colour in which it is shown: one of the
// terminal's own, which people have chosen to be readable, or none.
type part struct{ text, color string }

const green, red, yellow = "32", "31", "33"

// colors are those of the outcomes that have one.
var colors = map[string]string{
	"created": green, "updated": green, "in doubt": yellow,
	"invalid": red, "rejected": red, "failed": red, "unknown": red,
}

// outcomes are those so far, such as "1,190 created".
func (v View) outcomes() []part {
	s := v.Progress.Snapshot()
	var parts []part
	for _, c := range append(s.Outcomes(), contact.Count{Name: "in doubt", N: s.InDoubt}) {
		if c.N > 0 {
			parts = append(parts, part{words.Comma(c.N) + " " + c.Name, colors[c.Name]})
		}
	}
	return parts
}

// counts are such as "1,200 of 3,000 rows: 1,190 created, 10 invalid".
func (v View) counts() string {
	if outcomes := joined(v.outcomes()); outcomes != "" {
		return v.done() + ": " + outcomes
	}
	return v.done()
}

// left is how much longer the run will take, as far as that is known.
func (v View) left() (time.Duration, bool) {
	s := v.Progress.Snapshot()
	total, _ := v.rows(s)
	took := time.Since(v.Started)
	sent := sent(s)
	if total == 0 || total <= s.Settled() || took < 2*time.Second {
		return 0, false
	}
	// Of the rows to come those that an earlier run settled need no request.
	rows := max(1, total-s.Settled()-max(0, v.before-s.DoneBefore))
	if v.Limit > 0 {
		rows = max(1, min(rows, v.Limit-sent))
	}
	requests := float64(rows)
	if sent > 0 {
		requests *= max(1, float64(s.Requests)/float64(sent))
	}
	left := v.Pacer.Remaining(int64(requests))
	state := v.Pacer.State()
	if sent > 0 && (state.Quota == 0 || state.Waiting == 0 && state.Used < state.Quota*9/10) {
		// It is not the quota that holds the run up, but how fast the API is.
		left = max(left, time.Duration(float64(took)/float64(sent)*float64(rows)))
	}
	return left, left > 0
}

// speed is such as "3.3 rows/s, about 4h 10m left".
func (v View) speed() []part {
	var parts []part
	s := v.Progress.Snapshot()
	if took := time.Since(v.Started); took >= time.Second {
		parts = append(parts, part{fmt.Sprintf("%.1f rows/s", float64(s.Settled()-s.DoneBefore)/took.Seconds()), ""})
	}
	if left, ok := v.left(); ok {
		parts = append(parts, part{"about " + duration(left) + " left", ""})
	}
	return parts
}

// waits is what the run waits for, if anything.
func (v View) waits() []part {
	state := v.Pacer.State()
	wait := time.Until(state.Until)
	switch {
	case state.Throttled:
		return []part{{"the API asks to wait, " + duration(wait) + " more", yellow}}
	case wait > time.Second && state.Quota > 0 && state.Used >= state.Quota:
		return []part{{"waiting for the quota, " + duration(wait) + " more", yellow}}
	}
	return nil
}

// trouble is why nothing works, if that is so.
func (v View) trouble() string {
	switch problem := v.Progress.Snapshot().Trouble; {
	case problem == nil:
		return ""
	case v.Redact:
		return contact.WithoutValues(problem.Error())
	default:
		return problem.Error()
	}
}

// pace is what the run waits for, or how fast it is.
func (v View) pace() []part {
	if away := v.away(); away != "" {
		return []part{{"waiting for the store " + away, yellow}}
	}
	if trouble := v.trouble(); trouble != "" {
		return []part{{"nothing works: " + trouble, red}}
	}
	return slices.Concat(v.waits(), v.speed(), v.quota())
}

// away is since when the run waits for its store, and why; empty: it does not.
func (v View) away() string {
	away := v.Progress.Snapshot().Away
	if away == nil {
		return ""
	}
	reason := away.Err.Error()
	if v.Redact {
		reason = contact.WithoutValues(reason)
	}
	return fmt.Sprintf("since %s (%s): %s", away.Since.Format(time.TimeOnly), duration(time.Since(away.Since)), reason)
}

// quota is how much of the window is used, such as "quota 812 of 1,000".
func (v View) quota() []part {
	s := v.Pacer.State()
	if s.Quota == 0 {
		return nil
	}
	return []part{{fmt.Sprintf("quota %s of %s", words.Comma(s.Used), words.Comma(s.Quota)), ""}}
}

// now is how the run stands, for its page.
func (v View) now() report.Now {
	return report.Now{Share: v.share(), Counts: v.counts(), Pace: joined(v.speed(), v.waits()), Quota: joined(v.quota()), Trouble: v.trouble(), Away: v.away()}
}

func (v View) line() string {
	text := v.counts()
	if share := v.share(); share > 0 {
		text += fmt.Sprintf("; %.1f%% of the input", 100*share)
	}
	for _, more := range []string{joined(v.speed(), v.waits()), joined(v.quota())} {
		if more != "" {
			text += "; " + more
		}
	}
	if trouble := v.trouble(); trouble != "" {
		text += "; nothing works: " + trouble
	}
	if away := v.away(); away != "" {
		text += "; waiting for the store " + away
	}
	return text
}

func joined(lists ...[]part) string {
	var texts []string
	for _, p := range slices.Concat(lists...) {
		texts = append(texts, p.text)
	}
	return strings.Join(texts, ", ")
}

// duration is d with two units at most, such as "4h 12m".
func duration(d time.Duration) string {
	switch d = max(0, d).Round(time.Second); {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd %dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh %dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm %ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}
