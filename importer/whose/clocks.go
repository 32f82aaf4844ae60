package whose

import (
	"sync"
	"time"
)

// A Clocks tells by the API's times whether a profile was there before. The clock
// of what stores profiles may differ from that of what answers, and from ours: by
// how much our own creates tell.
type Clocks struct {
	Gateway func() (time.Duration, bool) // how far the clock of the answers is ahead
	mu      sync.Mutex
	known   bool
	ahead   time.Duration // the clock that profiles are stamped by, at most
}

// Margin is how much older than its announcement a profile may seem and
// still be ours: its creation time is cut to whole seconds, and so is what is
// known of the server's clock.
const Margin = 2 * time.Second

// Learn takes when a profile of ours was created, as the API says, and when its
// request was sent.
func (c *Clocks) Learn(created, sent time.Time) {
	if created.IsZero() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ahead := created.Sub(sent); !c.known || ahead > c.ahead {
		c.known, c.ahead = true, ahead
	}
}

// Skew is how far the clock that profiles are stamped by is ahead of ours, as far
// as is known.
func (c *Clocks) Skew() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known {
		return c.ahead
	}
	skew, _ := c.Gateway()
	return skew
}

// IsOlder tells whether a profile was there before a moment of our clock.
func (c *Clocks) IsOlder(created, moment time.Time) bool {
	return !created.IsZero() && created.Before(moment.Add(c.Skew()-Margin))
}
