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
	for _, id := range t.Row.KnownIDs() {
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
const maxMade = 1 << 14

// A profileID is the id of a profile, which has 24 characters.
type profileID [24]byte

// made are the ids of the profiles that were created lately. It holds no pointers:
// there is nothing in it for the garbage collector to look at.
type made struct {
	mu   sync.Mutex
	ids  map[profileID]struct{}
	ring []madeProfile // the oldest stands at next, once it is full
	next int
}

type madeProfile struct {
	id profileID
	at int64 // in Unix nanoseconds
}

// add notes an id; false where it is known already.
func (m *made) add(id string) bool {
	var key profileID
	copy(key[:], id)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.ids[key]; known {
		return false
	}
	if m.ids == nil {
		m.ids = make(map[profileID]struct{})
	}
	m.ids[key] = struct{}{}
	profile := madeProfile{key, time.Now().UnixNano()}
	if len(m.ring) < maxMade {
		m.ring = append(m.ring, profile)
		return true
	}
	delete(m.ids, m.ring[m.next].id)
	m.ring[m.next] = profile
	m.next = (m.next + 1) % maxMade
	return true
}

// before counts those that were made before a time: by then a whole list shows
// them.
func (m *made) before(t time.Time) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.ring {
		if p.at < t.UnixNano() {
			n++
		}
	}
	return n
}

func (m *made) has(id string) bool {
	var key profileID
	copy(key[:], id)
	m.mu.Lock()
	defer m.mu.Unlock()
	_, known := m.ids[key]
	return known
}

// learnSpelling notes how the API shows the contact ids of a create.
func (e *engine) learnSpelling(sent, shown []string) {
	if shown != nil && e.spelling.Learn(sent, shown) {
		e.Log.Warn().Strs("sent", sent).Strs("shown", shown).Msg("the API shows contact ids in another spelling than they were sent in; they are compared in that spelling")
	}
}
