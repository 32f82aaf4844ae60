package journal

import (
	"iter"
	"time"
)

// A sentWindow counts the requests of the last while in slices of time, so that
// its size does not depend on their number.
type sentWindow struct {
	from  int64 // Unix milliseconds
	now   int64
	width int64 // of a slice, in milliseconds
	n     []int
}

// sentSlices bounds the slices of a window: of five minutes, one is 74 ms.
const sentSlices = 4096

func newSentWindow(d time.Duration, now time.Time) sentWindow {
	w := sentWindow{now: now.UnixMilli()}
	if ms := d.Milliseconds(); ms > 0 {
		w.from = w.now - ms
		w.width = ms/sentSlices + 1
		w.n = make([]int, ms/w.width+1)
	}
	return w
}

// add counts n requests that were sent at a time or before. Times to come count as
// now: clocks are set.
func (w *sentWindow) add(at int64, n int) {
	if len(w.n) == 0 || at < w.from || n <= 0 {
		return
	}
	w.n[(min(at, w.now)-w.from)/w.width] += n
}

// all ranges over the slices that are not empty, each with its end, no later
// than now.
func (w *sentWindow) all() iter.Seq2[time.Time, int] {
	return func(yield func(time.Time, int) bool) {
		for i, n := range w.n {
			end := min(w.from+int64(i+1)*w.width, w.now)
			if n > 0 && !yield(time.UnixMilli(end), n) {
				return
			}
		}
	}
}
