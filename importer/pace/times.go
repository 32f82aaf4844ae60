package pace

import (
	"sort"
	"time"
)

// times are in their order, the oldest first. Those that leave are cut off, and what
// they took is freed when the slice grows.
type times []time.Duration

// push adds the newest. A time before the one that was pushed last counts as
// that one.
func (q *times) push(t time.Duration) {
	if n := len(*q); n > 0 {
		t = max(t, (*q)[n-1])
	}
	*q = append(*q, t)
}

// before counts the times up to t, t included.
func (q times) before(t time.Duration) int {
	return sort.Search(len(q), func(i int) bool { return q[i] > t })
}
