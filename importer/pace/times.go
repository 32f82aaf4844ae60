package pace

import (
	"sort"
	"time"
)

// A timesQueue holds times in their order, 8 bytes each. It grows to what it
// once held and is used again from then on.
type timesQueue struct {
	ring  []time.Duration // length a power of two, or 0
	first int
	count int
}

func (q *timesQueue) len() int { return q.count }

// at returns the i-th oldest.
func (q *timesQueue) at(i int) time.Duration { return q.ring[(q.first+i)&(len(q.ring)-1)] }

// push adds the newest. A time before the one that was pushed last counts as
// that one.
func (q *timesQueue) push(t time.Duration) {
	if q.count == len(q.ring) {
		q.grow()
	}
	if q.count > 0 {
		t = max(t, q.at(q.count-1))
	}
	q.ring[(q.first+q.count)&(len(q.ring)-1)] = t
	q.count++
}

// pop drops the oldest.
func (q *timesQueue) pop() {
	q.first = (q.first + 1) & (len(q.ring) - 1)
	q.count--
}

// before counts the times up to t, t included.
func (q *timesQueue) before(t time.Duration) int {
	return sort.Search(q.count, func(i int) bool { return q.at(i) > t })
}

func (q *timesQueue) grow() {
	ring := make([]time.Duration, max(16, 2*len(q.ring)))
	for i := range q.count {
		ring[i] = q.at(i)
	}
	q.ring, q.first = ring, 0
}
