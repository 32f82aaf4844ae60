package pace

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// minInFlight is what the slowest API is given.
	minInFlight = 2
	// firstInFlight is where a run begins.
	firstInFlight = 8
	// quickAnswer is how fast an API answers that cannot have piled anything up.
	quickAnswer = 50 * time.Millisecond
	// worthwhile is how much of what a step adds to the requests in flight it must
	// add to the throughput: half as many more in flight, 15 % more answers.
	worthwhile = 0.3
	// longestRest is for how many periods a limit that proved best is left alone.
	longestRest = 64
)

// Concurrency bounds the requests in flight: to as many as raise the throughput,
// and at most to the number of workers. An API that answers more slowly the more
// it is asked gets no pile-up; one that answers within 50 ms, or as fast
// whatever it is asked, gets all workers.
//
// While answers take less than 50 ms it goes up to all workers at once, within
// some dozens of answers. Otherwise it climbs: over periods of two answers for
// each request in flight it compares the throughput (requests in flight divided
// by the mean latency) with that before its last step, and takes back a step that
// was not worthwhile. Its methods may be called from many goroutines; it has none
// of its own.
type Concurrency struct {
	slots *semaphore.Weighted // one for each worker

	mu       sync.Mutex
	climber  climber
	heldBack int // slots that nobody gets, so that no more than the limit are in flight
}

// NewConcurrency returns a limit of at most that many requests, 1 or more.
func NewConcurrency(workers int) *Concurrency {
	workers = max(1, workers)
	limit := min(workers, firstInFlight)
	c := &Concurrency{
		slots:    semaphore.NewWeighted(int64(workers)),
		climber:  climber{max: workers, limit: limit},
		heldBack: workers - limit,
	}
	c.slots.TryAcquire(int64(c.heldBack)) // true: nobody else has one yet
	return c
}

// Acquire blocks until one more request may be in flight. To be called before
// Pacer.Wait, so that no token lies idle. The only error is that of ctx. Each
// Acquire that succeeded needs one Release.
func (c *Concurrency) Acquire(ctx context.Context) error { return c.slots.Acquire(ctx, 1) }

// Release ends what Acquire began. latency is the time from sending the request
// to its end, without the time that the pacer took; 0 where nothing was sent.
// ok tells whether the server answered as it should: false for a timeout, a
// broken connection or a 5xx, true for a 4xx.
func (c *Concurrency) Release(latency time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	slots := 1
	if c.slots.TryAcquire(1) {
		slots++ // the limit was not exhausted
	} else if latency > 0 {
		c.climber.answer(latency, ok)
	}
	// They go back; more of them where the limit rose, fewer where it fell.
	free := max(0, c.heldBack+slots-(c.climber.max-c.climber.limit))
	c.heldBack += slots - free
	c.slots.Release(int64(free))
}

// climber looks for the number of requests in flight that is worth its while. It
// reads no clock.
type climber struct {
	max   int
	limit int

	// the period
	skip    int // so many answers belong to requests sent before the last step
	answers int
	failed  int
	total   time.Duration // of their latencies

	step       int           // +1: the limit was raised to see whether that pays; -1: lowered; 0: settled
	from       int           // the limit before that step,
	throughput float64       // and its throughput, in requests a second
	usual      time.Duration // mean latency of the settled limit
	changed    bool          // the last period was far from it
	rest       int           // periods until it is tried again,
	nextRest   int           // and how many the next time
}

// answer notes one answer that came while the limit was exhausted.
func (c *climber) answer(latency time.Duration, ok bool) {
	if c.skip > 0 {
		c.skip--
		return
	}
	c.answers++
	c.total += latency
	if !ok {
		c.failed++
	}
	enough := 2 * c.limit
	if c.total < time.Duration(c.answers)*quickAnswer {
		enough = c.limit // nothing has to be compared
	}
	if c.answers >= enough {
		before := c.limit
		c.judge(c.total/time.Duration(c.answers), 5*c.failed > c.answers)
		c.answers, c.failed, c.total = 0, 0, 0
		if c.limit != before {
			c.skip = before
		}
	}
}

// judge acts on a period: its mean latency, and whether more than one answer in
// five was none.
func (c *climber) judge(mean time.Duration, failing bool) {
	throughput := float64(c.limit) / mean.Seconds()
	// After a step, the throughput that it must have led to.
	wanted := c.throughput * (1 + worthwhile*(float64(c.limit)/float64(max(1, c.from))-1))
	switch {
	case failing:
		c.limit = c.lower()
		c.settle(mean)
	case mean < quickAnswer:
		c.limit = min(c.max, 4*c.limit)
		c.settle(mean)
	case c.usual == 0:
		c.try(+1, mean, throughput)
	case c.step != 0 && throughput >= wanted:
		c.try(c.step, mean, throughput)
	case c.step > 0: // more is not better; perhaps less is as good
		c.limit = c.from
		c.try(-1, c.usual, c.throughput)
	case c.step < 0:
		c.limit, c.step = c.from, 0 // usual stays that of the limit before
	case (mean > c.usual*3/2 || mean < c.usual*2/3) && !c.changed:
		c.changed = true // this period may lie across the change: look at another one
	case mean > c.usual*3/2:
		c.try(-1, mean, throughput)
	case mean < c.usual*2/3:
		c.try(+1, mean, throughput)
	case c.rest > 0:
		c.rest--
	default:
		c.nextRest = min(max(4, 2*c.nextRest), longestRest)
		c.rest = c.nextRest
		c.try(+1, mean, throughput)
	}
}

func (c *climber) settle(mean time.Duration) {
	c.step, c.usual, c.changed = 0, mean, false
}

// try moves the limit one step up or down; where there is no room, it settles.
func (c *climber) try(step int, mean time.Duration, throughput float64) {
	to := c.lower()
	if step > 0 {
		to = min(c.max, c.limit+max(1, c.limit/2))
	}
	c.settle(mean)
	if to != c.limit {
		c.step, c.from, c.throughput = step, c.limit, throughput
		c.limit = to
	}
}

func (c *climber) lower() int {
	return max(min(minInFlight, c.max), c.limit*2/3)
}
