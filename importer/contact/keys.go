package contact

import (
	"cmp"
	"iter"
	"slices"
)

// Keys is what is known of each key: what the earlier runs of a report made of
// it, and where it was seen in this input. It has one owner at a time: the
// report while it replays its file, then the feeder of the run.
//
// A key takes 35 to 57 bytes.
type Keys struct {
	known map[Key]entry
	// sources are those of the rows that were seen, in the order of the input.
	sources []keySource
	// leftOut are the contact ids of rows that the mapping leaves out, each as a key.
	leftOut map[Key]struct{}
}

type keySource struct {
	name  string
	first int64 // number of the first row that was seen in it
}

// An entry is what is known of one key, in the bits of one word so that a map of
// them stays small: from the top, 4 of Status, 30 of the number of a row in the
// input, which is 0 where the key was not seen in it, and 30 of its line.
type entry uint64

const entryBits = 30 // of a number and of a line

// MaxRows is how many rows an input may have: Keys tells no more of them apart.
const MaxRows = 1<<entryBits - 1

// A Status must fit into its bits.
const _ = uint(0xf - statuses)

func (e entry) status() Status { return Status(e >> (2 * entryBits)) }
func (e entry) number() int64  { return int64(e >> entryBits & MaxRows) }
func (e entry) line() int      { return int(e & MaxRows) }

func (e entry) withStatus(s Status) entry {
	return entry(s)<<(2*entryBits) | e&(1<<(2*entryBits)-1)
}

// seenAt notes a row. A line beyond what fits is told as the last one that does.
func (e entry) seenAt(row *Row) entry {
	return entry(e.status())<<(2*entryBits) | entry(row.Number)<<entryBits | entry(min(row.Line, MaxRows))
}

// NewKeys returns an empty table.
func NewKeys() *Keys { return &Keys{known: make(map[Key]entry)} }

// Len is the number of keys known.
func (k *Keys) Len() int { return len(k.known) }

// Set records what an earlier run made of a key.
func (k *Keys) Set(key Key, s Status) { k.known[key] = k.known[key].withStatus(s) }

// Status is what an earlier run made of a key; 0 where none did.
func (k *Keys) Status(key Key) Status { return k.known[key].status() }

// Forget drops what an earlier run made of a key.
func (k *Keys) Forget(key Key) { k.Set(key, 0) }

// Count counts the keys of a status.
func (k *Keys) Count(s Status) int {
	n := 0
	for _, e := range k.known {
		if e.status() == s {
			n++
		}
	}
	return n
}

// Doubtful ranges over the keys that may be in the API or not, as far as earlier
// runs know.
func (k *Keys) Doubtful() iter.Seq[Key] {
	return func(yield func(Key) bool) {
		for key, e := range k.known {
			if s := e.status(); (s == InDoubt || s == Unknown) && !yield(key) {
				return
			}
		}
	}
}

// See notes that a row of this input has a key. Where an earlier row had it, the
// place of the first one is returned, and true. The rows come in their order.
func (k *Keys) See(key Key, row *Row) (Place, bool) {
	if e := k.known[key]; e.number() > 0 {
		return k.place(e), true
	}
	k.SeeLast(key, row)
	return Place{}, false
}

// SeeLast notes that a row of this input has a key, and forgets which one had it
// before.
func (k *Keys) SeeLast(key Key, row *Row) {
	if n := len(k.sources); n == 0 || k.sources[n-1].name != row.Source && k.sources[n-1].first < row.Number {
		k.sources = append(k.sources, keySource{row.Source, row.Number})
	}
	k.known[key] = k.known[key].seenAt(row)
}

// Seen tells whether a key was seen in this input.
func (k *Keys) Seen(key Key) bool { return k.known[key].number() > 0 }

// Place is where a key was seen in this input, and the number of that row; 0 where
// it was not seen.
func (k *Keys) Place(key Key) (at Place, number int64) {
	e := k.known[key]
	if e.number() == 0 {
		return Place{}, 0
	}
	return k.place(e), e.number()
}

// LeaveOut notes the contact ids of a row of this input that the mapping leaves out.
func (k *Keys) LeaveOut(contactIDs []string) {
	if k.leftOut == nil {
		k.leftOut = make(map[Key]struct{})
	}
	for _, id := range contactIDs {
		k.leftOut[KeyOf([]string{id})] = struct{}{}
	}
}

// LeftOut tells whether a row that was left out has a contact id.
func (k *Keys) LeftOut(contactID string) bool {
	_, is := k.leftOut[KeyOf([]string{contactID})]
	return is
}

// place is the place of a key that was seen.
func (k *Keys) place(e entry) Place {
	i, found := slices.BinarySearchFunc(k.sources, e.number(), func(s keySource, number int64) int { return cmp.Compare(s.first, number) })
	if !found {
		i--
	}
	return Place{Source: k.sources[i].name, Line: e.line()}
}
