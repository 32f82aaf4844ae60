package whose

import (
	"sync"
	"time"
)

// A Clocks tells by the API's times whether a profile was there before. The clock
// of what stores profiles may differ from that of what answers, and from ours: by
// how much our own creates tell.
//
// A profile of ours was created between its request and its answer, at a time that
// is cut to whole seconds. So each create gives bounds of how far that clock is
// ahead, and the bounds of all hold together: a create that took long gives wide
// ones, and takes nothing from what the others gave. One that contradicts them,
// because a clock was set, starts them anew.
type Clocks struct {
	// Gateway is how far the clock of the answers is ahead, at least and at most; it goes
	// for all where no create has told yet.
	Gateway func() (least, most time.Duration, known bool)

	mu          sync.Mutex
	known       bool
	least, most time.Duration // how far the clock that profiles are stamped by is ahead
}

// Margin is how much older than its announcement a profile may seem and
// still be ours: its creation time is cut to whole seconds, and the clocks of an
// API of several servers differ a little.
const Margin = 2 * time.Second

// Learn takes when a profile of ours was created, as the API says, when its request was
// sent, and when it was answered.
func (c *Clocks) Learn(created, sent, answered time.Time) {
	if created.IsZero() {
		return
	}
	least, most := created.Sub(answered), created.Add(time.Second).Sub(sent)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known && least <= c.most && most >= c.least {
		least, most = max(least, c.least), min(most, c.most)
	}
	c.known, c.least, c.most = true, least, most
}

// bounds are how far the clock that profiles are stamped by is ahead of ours, as far
// as is known.
func (c *Clocks) bounds() (least, most time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known {
		return c.least, c.most
	}
	least, most, _ = c.Gateway()
	return least, most
}

// Skew is how far the clock that profiles are stamped by is ahead of ours, about.
func (c *Clocks) Skew() time.Duration {
	least, most := c.bounds()
	return (least + most) / 2
}

// IsOlder tells whether a profile was there before a moment of our clock: never of
// one that was created after it.
func (c *Clocks) IsOlder(created, moment time.Time) bool {
	least, _ := c.bounds()
	return !created.IsZero() && created.Before(moment.Add(least-Margin))
}
