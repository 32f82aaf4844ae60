package importer

// Keys is what is known of each key: what the earlier runs of a report made of
// it, and where it was seen in this input. It has one owner at a time: the
// report while it replays its file, then the feeder of the run.
type Keys struct {
	m       map[Key]keyEntry
	sources []string
}

type keyEntry struct {
	status Status
	source uint16 // 1 + index into sources; 0: not seen in this input
	line   uint32
}

// NewKeys returns an empty table.
func NewKeys() *Keys { return &Keys{m: make(map[Key]keyEntry)} }

// Len is the number of keys known.
func (k *Keys) Len() int { return len(k.m) }

// Set records what an earlier run made of a key.
func (k *Keys) Set(key Key, s Status) {
	e := k.m[key]
	e.status = s
	k.m[key] = e
}

// Status is what an earlier run made of a key; 0 where none did.
func (k *Keys) Status(key Key) Status { return k.m[key].status }

// Forget drops what an earlier run made of a key.
func (k *Keys) Forget(key Key) { k.Set(key, 0) }

// See notes that a key stands at a place of this input. Where it was seen
// before, that first place is returned, and true.
func (k *Keys) See(key Key, at Place) (Place, bool) {
	e := k.m[key]
	if e.source != 0 {
		return Place{Source: k.sources[e.source-1], Line: int(e.line)}, true
	}
	e.source, e.line = k.sourceNumber(at.Source), uint32(at.Line)
	k.m[key] = e
	return Place{}, false
}

// Seen tells whether a key was seen in this input.
func (k *Keys) Seen(key Key) bool { return k.m[key].source != 0 }

// Count counts the keys of a status.
func (k *Keys) Count(s Status) int {
	n := 0
	for _, e := range k.m {
		if e.status == s {
			n++
		}
	}
	return n
}

// sourceNumber keeps source names once. Sources come one after the other, so
// the last one is nearly always the one that is wanted.
func (k *Keys) sourceNumber(name string) uint16 {
	n := len(k.sources)
	if n > 0 && (k.sources[n-1] == name || n == 1<<16-1) {
		return uint16(n)
	}
	k.sources = append(k.sources, name)
	return uint16(n + 1)
}
