package contact

import (
	"runtime"
	"slices"
)

// Keys is what is known of each key: what the earlier runs of a report made of
// it, and where it was seen in this input. It has one owner at a time: the
// report while it replays its file, then the feeder of the run.
//
// A key takes 22 to 25 bytes, outside of Go's heap where the system allows it.
type Keys struct {
	table *keyTable
	// The lines of all sources are counted through, each source from its base:
	// a place is one number so.
	sources []keySource
	most    uint64 // the highest of these numbers so far
}

type keySource struct {
	name string
	base uint64
}

// NewKeys returns an empty table.
func NewKeys() *Keys {
	k := &Keys{table: &keyTable{}}
	runtime.AddCleanup(k, (*keyTable).free, k.table)
	return k
}

// Len is the number of keys known.
func (k *Keys) Len() int { return k.table.n }

// Set records what an earlier run made of a key.
func (k *Keys) Set(key Key, s Status) {
	e := k.table.put(key)
	e.set(s, e.line())
	runtime.KeepAlive(k)
}

// Status is what an earlier run made of a key; 0 where none did.
func (k *Keys) Status(key Key) Status {
	var s Status
	if e := k.table.get(key); e != nil {
		s = e.status()
	}
	runtime.KeepAlive(k)
	return s
}

// Forget drops what an earlier run made of a key.
func (k *Keys) Forget(key Key) { k.Set(key, 0) }

// See notes that a key stands at a place of this input. Where it was seen
// before, that first place is returned, and true. The sources come one after the
// other.
func (k *Keys) See(key Key, at Place) (Place, bool) {
	e := k.table.put(key)
	line := e.line()
	if line == 0 {
		e.set(e.status(), k.number(at))
	}
	runtime.KeepAlive(k)
	if line == 0 {
		return Place{}, false
	}
	return k.place(line), true
}

// Place is where a key was seen in this input; false where it was not.
func (k *Keys) Place(key Key) (Place, bool) {
	var line uint64
	if e := k.table.get(key); e != nil {
		line = e.line()
	}
	runtime.KeepAlive(k)
	if line == 0 {
		return Place{}, false
	}
	return k.place(line), true
}

// SeeLast notes that a key stands at a place of this input, and forgets where it
// was seen before.
func (k *Keys) SeeLast(key Key, at Place) {
	e := k.table.put(key)
	e.set(e.status(), k.number(at))
	runtime.KeepAlive(k)
}

// Seen tells whether a key was seen in this input.
func (k *Keys) Seen(key Key) bool {
	e := k.table.get(key)
	seen := e != nil && e.line() != 0
	runtime.KeepAlive(k)
	return seen
}

// Count counts the keys of a status.
func (k *Keys) Count(s Status) int {
	n := 0
	for e := range k.table.all() {
		if e.status() == s {
			n++
		}
	}
	runtime.KeepAlive(k)
	return n
}

// number is a place as it stands in the table; never 0.
func (k *Keys) number(at Place) uint64 {
	n := len(k.sources)
	if n == 0 || k.sources[n-1].name != at.Source {
		k.sources = append(k.sources, keySource{at.Source, k.most})
		n++
	}
	number := k.sources[n-1].base + uint64(max(1, at.Line))
	k.most = max(k.most, number)
	return min(number, maxLineNumber)
}

// place is the place that number made this of.
func (k *Keys) place(number uint64) Place {
	i, _ := slices.BinarySearchFunc(k.sources, number, func(s keySource, number uint64) int {
		if s.base < number {
			return -1
		}
		return 1
	})
	s := k.sources[i-1]
	return Place{Source: s.name, Line: int(number - s.base)}
}
