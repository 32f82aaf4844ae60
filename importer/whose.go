package importer

import (
	"slices"
	"sync"
	"time"

	"importer/importer/contact"
)

// isOurs tells whether a profile that holds the row's contact was made by a run of
// this journal: by its stamp where there is one, else because it holds all of the
// row's contact ids, is no older than the announcement, and is no other row's.
func (e *engine) isOurs(t *task, f contact.Found) (bool, error) {
	if e.StampField != "" {
		return string(f.Field(e.StampField)) == string(contact.StringValue(t.Row.Key.String())), nil
	}
	for _, id := range t.Row.Profile.ContactIDs {
		if !slices.Contains(f.ContactIDs, id) {
			return false, nil
		}
	}
	if e.made.has(f.ID) {
		return false, nil
	}
	if f.CreatedAt.IsZero() {
		if e.clocks.isOlder(f.LastChanged, t.announced) {
			return false, nil
		}
		// A list does not tell when a profile was created.
		whole, err := e.get(f.ID)
		if err != nil {
			return false, err
		}
		f.CreatedAt = whole.CreatedAt
	}
	return !e.clocks.isOlder(f.CreatedAt, t.announced), nil
}

// A clocks tells by the API's times whether a profile was there before. The clock
// of what stores profiles may differ from that of what answers, and from ours: by
// how much our own creates tell.
type clocks struct {
	gateway func() (time.Duration, bool) // how far the clock of the answers is ahead
	mu      sync.Mutex
	known   bool
	ahead   time.Duration // the clock that profiles are stamped by, at most
}

// clockMargin is how much older than its announcement a profile may seem and
// still be ours: its creation time is cut to whole seconds, and so is what is
// known of the server's clock.
const clockMargin = 2 * time.Second

// learn takes when a profile of ours was created, as the API says, and when its
// request was sent.
func (c *clocks) learn(created, sent time.Time) {
	if created.IsZero() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ahead := created.Sub(sent); !c.known || ahead > c.ahead {
		c.known, c.ahead = true, ahead
	}
}

// skew is how far the clock that profiles are stamped by is ahead of ours, as far
// as is known.
func (c *clocks) skew() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known {
		return c.ahead
	}
	skew, _ := c.gateway()
	return skew
}

// isOlder tells whether a profile was there before a moment of our clock.
func (c *clocks) isOlder(created, moment time.Time) bool {
	return !created.IsZero() && created.Before(moment.Add(c.skew()-clockMargin))
}

// maxMade bounds how many ids are remembered: a cache that repeats an answer does
// so soon.
const maxMade = 1 << 16

// made are the ids of the profiles that were created lately.
type made struct {
	mu     sync.Mutex
	ids    map[string]struct{}
	oldest []madeProfile
}

type madeProfile struct {
	id string
	at time.Time
}

// add notes an id; false where it is known already.
func (m *made) add(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.ids[id]; known {
		return false
	}
	if m.ids == nil {
		m.ids = make(map[string]struct{})
	}
	m.ids[id] = struct{}{}
	m.oldest = append(m.oldest, madeProfile{id, time.Now()})
	if len(m.oldest) > maxMade {
		delete(m.ids, m.oldest[0].id)
		m.oldest = m.oldest[1:]
	}
	return true
}

// before counts those that were made before a time: by then a whole list shows
// them.
func (m *made) before(t time.Time) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, _ := slices.BinarySearchFunc(m.oldest, t, func(p madeProfile, t time.Time) int { return p.at.Compare(t) })
	return n
}

func (m *made) has(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, known := m.ids[id]
	return known
}

// learnSpelling notes how the API shows the contact ids of a create.
func (e *engine) learnSpelling(sent, shown []string) {
	if shown != nil && e.spelling.Learn(sent, shown) {
		e.Log.Warn().Strs("sent", sent).Strs("shown", shown).Msg("the API shows contact ids in another spelling than they were sent in; they are compared in that spelling")
	}
}
