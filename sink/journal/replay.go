package journal

import (
	"bytes"
	"errors"
	"fmt"
	"importer/importer/contact"
	"io"
	"iter"
	"math"
	"time"
)

// A history is what the complete lines of a report say.
type history struct {
	keys  *contact.Keys        // the last status of each key that is settled
	notes map[contact.Key]note // keys that are not settled, or were not when last heard of
	runs  []int64              // of each run the time of its last line, in Unix milliseconds
	first *Header              // of the first run; nil in an empty report
	sent  sentWindow
	bytes int64 // length of the complete lines

	attempts int64 // requests of the run that is being read
	whole    bool  // the last run went to its end, and left nothing in doubt
}

// A note is what is remembered of a key that is announced, rejected, failed or
// unknown. Few keys are at any time: those of a batch, and the rows that wait
// for a person.
type note struct {
	status contact.Status // InDoubt, Rejected, Failed or Unknown
	before contact.Status // while InDoubt: what the key was when it was announced; 0 for nothing
	run    int32          // while InDoubt: index of the run that announced it last
	since  int64          // while it may be in the API: when it was announced first, in Unix milliseconds
	offset int64          // of its last row line; 0 for none, where only a run line can stand
}

// replay reads a report to its last complete line. Memory grows with the number
// of keys and not with the length of the report. The error is a *CorruptError, or
// one of r.
func replay(report string, r io.Reader, window time.Duration, now time.Time) (*history, error) {
	h := &history{
		keys:  contact.NewKeys(),
		notes: make(map[contact.Key]note),
		sent:  newSentWindow(window, now),
	}
	lines := newReader(report, r, 0)
	for {
		l, err := lines.Next()
		if err == io.EOF {
			if h.bytes == 0 && !tornRunLine(lines.part) {
				return nil, lines.corrupt("is no line of a report")
			}
			h.finish()
			return h, nil
		}
		if err != nil {
			return nil, err
		}
		if err := l.replay(h); err != nil {
			return nil, &CorruptError{Report: report, Line: lines.number, Reason: err.Error()}
		}
		last := &h.runs[len(h.runs)-1]
		*last = max(*last, l.When().UnixMilli())
		h.bytes = lines.offset
	}
}

// tornRunLine tells whether a file that holds no complete line can be the
// beginning of a report, whose tail may be cut off. Other people's files are not
// touched. Some file systems leave zeros where a power failure cut a write.
func tornRunLine(b []byte) bool {
	const head = `{"kind":"run"`
	b = bytes.TrimRight(b, "\x00")
	n := min(len(b), len(head))
	return string(b[:n]) == head[:n]
}

// The errors of what follows are contradictions that can be told from what is
// remembered anyway. The line stands at offset h.bytes.

func (h *history) begin(l *Header) error {
	if h.first == nil {
		h.first = l
	} else if l.Mode != h.first.Mode || l.BaseURL != h.first.BaseURL || l.ProjectID != h.first.ProjectID {
		return errors.New("begins a run of another project, base URL or mode than the first line")
	}
	h.runs = append(h.runs, l.At.UnixMilli())
	h.attempts, h.whole = 0, false
	return nil
}

func (h *history) end(l *End) error {
	h.whole = l.Summary.Status == contact.Complete && l.Summary.Unknown == 0
	// Look-ups stand in no row line. When they were made is not known: no later
	// than this.
	if more := l.Summary.Requests - h.attempts; more > 0 {
		h.sent.add(l.At.UnixMilli(), int(min(more, math.MaxInt32)))
	}
	return nil
}

func (h *history) announce(keys []contact.Key, at int64) error {
	for _, k := range keys {
		n, noted := h.notes[k]
		if !noted {
			n.status = h.keys.Status(k)
		}
		if n.status.In() && n.status != contact.Deleted {
			if h.first.Mode == "create" {
				return fmt.Errorf("announces the key %s, which is %s already", k, n.status)
			}
			continue
		}
		if n.status != contact.InDoubt && n.status != contact.Unknown {
			n.since = at
		}
		n.before, n.status = n.status, contact.InDoubt
		n.run = int32(len(h.runs) - 1)
		h.notes[k] = n
	}
	return nil
}

// takeBack undoes the last announcement of keys. One that an earlier run made and
// did not settle still stands.
func (h *history) takeBack(keys []contact.Key) error {
	for _, k := range keys {
		n, ok := h.notes[k]
		switch {
		case !ok || n.status != contact.InDoubt || n.before == contact.InDoubt:
		case n.before == 0:
			delete(h.notes, k)
		default:
			if n.before != contact.Unknown {
				n.since = 0
			}
			n.status, n.before = n.before, 0
			h.notes[k] = n
		}
	}
	return nil
}

func (h *history) forget(keys []contact.Key) error {
	for _, k := range keys {
		delete(h.notes, k)
		h.keys.Forget(k)
	}
	return nil
}

func (h *history) row(l *Row) error {
	h.attempts += int64(l.Attempts + l.Reads)
	h.sent.add(l.At.UnixMilli(), l.Attempts+l.Reads)
	// These two tell of a row, and not of what the API has of the key.
	if l.Status == contact.Duplicate || l.Status == contact.Invalid {
		return nil
	}
	n, noted := h.notes[l.Key]
	if !noted {
		n.status = h.keys.Status(l.Key)
	}
	switch {
	case n.status == contact.InDoubt, n.status == contact.Unknown:
		// What is unknown is looked up and sent again without being announced anew.
	case n.status == contact.Created && l.Status == contact.Created:
		return fmt.Errorf("says that the key %s was created, which was created already", l.Key)
	case n.status.In():
	case l.Status == contact.Created || l.Attempts > 0 && h.first.Mode == "create":
		return fmt.Errorf("says that the key %s was sent, which was not announced", l.Key)
	}
	switch l.Status {
	case contact.Rejected, contact.Failed, contact.Unknown:
		if l.Status != contact.Unknown {
			n.since = 0
		}
		h.notes[l.Key] = note{status: l.Status, since: n.since, offset: h.bytes}
	default:
		if noted {
			delete(h.notes, l.Key)
		}
		h.keys.Set(l.Key, l.Status)
	}
	return nil
}

// finish moves the keys that are not settled into the table, when all is read.
// Until then they are kept out of it, for nearly all of them are settled a few
// lines after they were announced.
func (h *history) finish() {
	for k, n := range h.notes {
		h.keys.Set(k, n.status)
		if n.status == contact.InDoubt {
			// It was sent between its announcement and the end of its run, if at all.
			h.sent.add(h.runs[n.run], 1)
		}
	}
}

// last is the time of the last line; zero in an empty report.
func (h *history) last() time.Time {
	if len(h.runs) == 0 {
		return time.Time{}
	}
	return time.UnixMilli(h.runs[len(h.runs)-1])
}

// A sentWindow counts the requests of the last while in slices of time, so that
// its size does not depend on their number.
type sentWindow struct {
	from  int64 // Unix milliseconds
	now   int64
	width int64 // of a slice, in milliseconds
	n     []int32
}

// sentSlices bounds the slices of a window: of five minutes, one is 74 ms.
const sentSlices = 4096

func newSentWindow(d time.Duration, now time.Time) sentWindow {
	w := sentWindow{now: now.UnixMilli()}
	if ms := d.Milliseconds(); ms > 0 {
		w.from = w.now - ms
		w.width = ms/sentSlices + 1
		w.n = make([]int32, ms/w.width+1)
	}
	return w
}

// add counts n requests that were sent at a time or before. Times to come, for
// clocks are set, count as now.
func (w *sentWindow) add(at int64, n int) {
	if len(w.n) == 0 || at < w.from || n <= 0 {
		return
	}
	slot := &w.n[(min(at, w.now)-w.from)/w.width]
	*slot = int32(min(int64(*slot)+int64(n), math.MaxInt32))
}

// all ranges over the slices that are not empty, each with its end, no later
// than now.
func (w *sentWindow) all() iter.Seq2[time.Time, int] {
	return func(yield func(time.Time, int) bool) {
		for i, n := range w.n {
			end := min(w.from+int64(i+1)*w.width, w.now)
			if n > 0 && !yield(time.UnixMilli(end), int(n)) {
				return
			}
		}
	}
}
