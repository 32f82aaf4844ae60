// Package growth is for tests: it tells whether something takes time in proportion to
// its input, which no clock on a busy machine can tell by itself.
package growth

import (
	"testing"
	"time"
)

// Check fails where twice the input takes more than three times as long. It compares
// four inputs of n with one of 4n, which other programs hold up alike: what takes n log n
// needs hardly more for the one, and the square of n four times as much. The best of
// several tries counts.
func Check(t testing.TB, n int, do func(n int)) {
	t.Helper()
	four, one := timeOf(4, n, do), timeOf(1, 4*n, do)
	for try := 0; 4*one > 9*four && try < 20; try++ {
		four, one = min(four, timeOf(4, n, do)), min(one, timeOf(1, 4*n, do))
	}
	if 4*one > 9*four {
		t.Errorf("four times %d take %s, and once %d takes %s", n, four, 4*n, one)
	}
}

func timeOf(times, n int, do func(n int)) time.Duration {
	start := time.Now()
	for range times {
		do(n)
	}
	return time.Since(start)
}
