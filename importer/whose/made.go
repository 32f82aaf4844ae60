package whose

import (
	"sync"
	"time"
)

// maxMade bounds how many ids are remembered: a cache that repeats an answer does
// so soon.
const maxMade = 1 << 14

// A profileID is the id of a profile, which has 24 characters.
type profileID [24]byte

// Made are the ids of the profiles that were created lately. It holds no pointers:
// there is nothing in it for the garbage collector to look at.
type Made struct {
	mu   sync.Mutex
	ids  map[profileID]struct{}
	ring []madeProfile // the oldest stands at next, once it is full
	next int
}

type madeProfile struct {
	id profileID
	at int64 // in Unix nanoseconds
}

// Add notes an id; false where it is known already.
func (m *Made) Add(id string) bool {
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

// Before counts those that were made before a time: by then a whole list shows
// them.
func (m *Made) Before(t time.Time) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.ring {
		if p.at < t.UnixNano() {
			n++
		}
	}
	return n
}

func (m *Made) Has(id string) bool {
	var key profileID
	copy(key[:], id)
	m.mu.Lock()
	defer m.mu.Unlock()
	_, known := m.ids[key]
	return known
}
