package work

import (
	"testing"
	"time"
)

// A slice is over after its window, and early while others wait, but never before it came
// to something.
func TestWhenASliceIsOver(t *testing.T) {
	began := time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC)
	at := func(seconds int) time.Time {
		if seconds < 0 {
			return time.Time{}
		}
		return began.Add(time.Duration(seconds) * time.Second)
	}
	for _, c := range []struct {
		what          string
		rows, first   int // seconds; below 0: not yet
		now           int
		waiting, sent bool
		want          bool
	}{
		{"it is opened", -1, -1, 1000, true, false, false},
		{"alone", 1, 2, 299, false, true, false},
		{"a window", 1, 2, 301, false, true, true},
		{"others wait", 1, 2, 6, true, true, false},
		{"others wait, and it had its time", 1, 2, 7, true, true, true},
		{"it took long to come to its rows", 100, 101, 201, true, true, false},
		{"and it had as long", 100, 101, 202, true, true, true},
		{"it took longer than a window", 400, 401, 799, false, true, false},
		{"and it had as long as that", 400, 401, 800, false, true, true},
		{"it asks who is there", 1, -1, 100, true, true, false},
		{"the quota lets nothing through", 1, -1, 5, true, false, false},
		{"and has not for a while", 1, -1, 6, true, false, true},
	} {
		cut := cutter{opened: began, rows: at(c.rows), first: at(c.first), short: 5 * time.Second, long: 5 * time.Minute}
		if got := cut.over(at(c.now), c.waiting, c.sent); got != c.want {
			t.Errorf("%s: over is %v", c.what, got)
		}
	}
}
