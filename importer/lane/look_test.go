package lane

import (
	"testing"
	"time"
)

func TestNextLook(t *testing.T) {
	const settle = 20 * time.Second
	since := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		looks int
		now   time.Duration // since since
		want  time.Duration
	}{
		{"first", 0, 0, time.Second},
		{"second", 1, time.Second, 8 * time.Second},
		{"last", 2, 8 * time.Second, settle},
		{"still the last", 3, 19 * time.Second, settle},
		{"an overdue look is made up for", 0, 2 * time.Second, time.Second},
		{"the latest of two overdue", 0, 9 * time.Second, 8 * time.Second},
		{"long ago: one look decides", 0, time.Hour, settle},
	} {
		if got := NextLook(since, settle, c.looks, since.Add(c.now)).Sub(since); got != c.want {
			t.Errorf("%s: next look %s after the doubt, want %s", c.name, got, c.want)
		}
	}
	if got := NextLook(since, 0, 0, since); !got.Equal(since) {
		t.Errorf("without a settling time the next look is %s, want at once", got.Sub(since))
	}
}
