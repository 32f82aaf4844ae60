package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"importer/importer/contact"
	"importer/importer/pace"
	"importer/internal/config"
	"importer/internal/words"
	"importer/source"
)

// A view is how a run stands, in words: for the bar, the plain lines and the live
// page. It only polls; its methods may be called from several goroutines.
type view struct {
	progress *contact.Progress
	input    *source.Input
	pacer    *pace.Pacer
	started  time.Time
	total    int64 // rows of the input, where they were counted; 0: go by bytes
	before   int64 // contacts that earlier runs settled for good: they need no request
}

// countedUpTo is the size of an input, in bytes, whose rows are counted before
// the run: counting them takes less time than one request.
const countedUpTo = 2 << 20

// countRows counts the rows of a small input of files; 0 where it is not one. The
// run will tell what is wrong with it.
func countRows(c config.Config, stdin io.Reader) int64 {
	for _, path := range c.Source.Paths {
		if path == "-" {
			return 0
		}
	}
	input, err := openSource(c, stdin)
	if err != nil {
		return 0
	}
	defer input.Close()
	if input.Size() == 0 || input.Size() > countedUpTo {
		return 0
	}
	n := int64(0)
	for range input.Rows() {
		n++
	}
	return n
}

// share is how much of the input is settled, 0 to 1; 0 where its size is not
// known.
func (v view) share() float64 {
	s := v.progress.Snapshot()
	if total, _ := v.rows(s); total > 0 {
		return min(1, float64(s.Settled())/float64(total))
	}
	return 0
}

// rows is how many rows the input has, and whether that is exact; 0 where it is
// not known. Rows are read ahead, so an estimate from the bytes that were read is a
// little too low.
func (v view) rows(s contact.Snapshot) (int64, bool) {
	switch {
	case v.total > 0:
		return max(v.total, s.Read), true
	case v.input.Size() == 0 || v.input.BytesRead() == 0 || s.Read == 0:
		return 0, false
	}
	total := float64(s.Read) * float64(v.input.Size()) / float64(v.input.BytesRead())
	return max(int64(total), s.Read), false
}

// done is such as "1,200 of about 40,000 rows".
func (v view) done() string {
	s := v.progress.Snapshot()
	total, exact := v.rows(s)
	switch {
	case total == 0:
		return words.Comma(s.Settled()) + " rows"
	case exact:
		return fmt.Sprintf("%s of %s rows", words.Comma(s.Settled()), words.Comma(total))
	}
	return fmt.Sprintf("%s of about %s rows", words.Comma(s.Settled()), words.Comma(total))
}

// A part is a number with its name, and the colour in which it is shown.
type part struct {
	text  string
	color color
}

// colors are those of the outcomes that have one.
var colors = map[string]color{
	"created": green, "updated": green, "in doubt": yellow,
	"invalid": red, "rejected": red, "failed": red, "unknown": red,
}

// outcomes are those so far, such as "1,190 created".
func (v view) outcomes() []part {
	s := v.progress.Snapshot()
	var parts []part
	for _, c := range append(s.Outcomes(), contact.Count{Name: "in doubt", N: s.InDoubt}) {
		if c.N > 0 {
			parts = append(parts, part{words.Comma(c.N) + " " + c.Name, colors[c.Name]})
		}
	}
	return parts
}

// counts are the rows and the outcomes so far, such as "1,200 of 3,000 rows:
// 1,190 created, 10 invalid".
func (v view) counts() string {
	var parts []string
	for _, p := range v.outcomes() {
		parts = append(parts, p.text)
	}
	if parts == nil {
		return v.done()
	}
	return v.done() + ": " + strings.Join(parts, ", ")
}

// left is how much longer the run will take, as far as that is known.
func (v view) left() (time.Duration, bool) {
	s := v.progress.Snapshot()
	total, _ := v.rows(s)
	took := time.Since(v.started)
	sent := s.Settled() - s.DoneBefore - s.Duplicate - s.Invalid
	if total == 0 || total <= s.Settled() || took < 2*time.Second {
		return 0, false
	}
	// Of the rows to come those that an earlier run settled need no request.
	rows := max(1, total-s.Settled()-max(0, v.before-s.DoneBefore))
	requests := float64(rows)
	if sent > 0 {
		requests *= max(1, float64(s.Requests)/float64(sent))
	}
	left := v.pacer.Remaining(int64(requests))
	state := v.pacer.State()
	if sent > 0 && (state.Quota == 0 || state.Waiting == 0 && state.Used < state.Quota*9/10) {
		// It is not the quota that holds the run up, but how fast the API is.
		left = max(left, time.Duration(float64(took)/float64(sent)*float64(rows)))
	}
	return left, left > 0
}

// speed is such as "3.3 rows/s, about 4h 10m left".
func (v view) speed() []part {
	var parts []part
	s := v.progress.Snapshot()
	if took := time.Since(v.started); took >= time.Second {
		parts = append(parts, part{fmt.Sprintf("%.1f rows/s", float64(s.Settled()-s.DoneBefore)/took.Seconds()), noColor})
	}
	if left, ok := v.left(); ok {
		parts = append(parts, part{"about " + duration(left) + " left", noColor})
	}
	return parts
}

// waits is what the run waits for, if anything.
func (v view) waits() []part {
	state := v.pacer.State()
	wait := time.Until(state.Until)
	switch {
	case state.Throttled:
		return []part{{"the API asks to wait, " + duration(wait) + " more", yellow}}
	case wait > time.Second && state.Quota > 0 && state.Used >= state.Quota:
		return []part{{"waiting for the quota, " + duration(wait) + " more", yellow}}
	}
	return nil
}

func (v view) pace() string {
	var parts []string
	for _, p := range append(v.speed(), v.waits()...) {
		parts = append(parts, p.text)
	}
	return strings.Join(parts, ", ")
}

// quota is how much of the window is used, such as "quota 812 of 1,000".
func (v view) quota() string {
	s := v.pacer.State()
	if s.Quota == 0 {
		return ""
	}
	return fmt.Sprintf("quota %s of %s", words.Comma(s.Used), words.Comma(s.Quota))
}

// line is all of it in one line.
func (v view) line() string {
	text := v.counts()
	if share := v.share(); share > 0 {
		text += fmt.Sprintf("; %.1f%% of the input", 100*share)
	}
	for _, more := range []string{v.pace(), v.quota()} {
		if more != "" {
			text += "; " + more
		}
	}
	return text
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
