package contact

import (
	"bytes"
	"encoding/binary"
	"iter"
)

// A keyTable holds an entry for each key. It is 256 small tables, chosen by the
// first byte of the key, each of which grows by itself and by little: so there is
// never a moment that needs the memory twice, and little that is not used.
//
// Within one, the entries are in the order of their keys, with gaps: keys are
// digests and evenly spread, so a key stands at its share of the length, or
// behind that as far as others are in the way. A look-up begins there and ends
// with the first gap or larger key; an insertion moves what follows up to the
// next gap; growing is one pass from front to back.
type keyTable struct {
	parts [256]keyPart
	n     int
}

type keyPart struct {
	mem   []byte // the entries, and room behind them for those that are pushed over the end
	slots int    // that keys are spread over
	used  int
}

const (
	// An entry is the key without its first byte, and 5 bytes that are 0 in a gap:
	// from the top, 1 bit that is set, 4 bits of Status, 35 bits of line number.
	entryBytes = 20
	entryKey   = 15

	maxLineNumber = 1<<35 - 1 // 34 thousand million lines
	entrySet      = 1 << 39

	firstSlots = 12 // of a part that gets its first key
	spareSlots = 40 // behind the slots; more where that proves too few
	// A part with more than mostUsed/256 of its slots in use grows by 1/growth.
	mostUsed = 230
	growth   = 8
)

// An entry is a key's place in the table. It holds until the next put.
type entry []byte

func (e entry) key() []byte { return e[:entryKey] }
func (e entry) value() uint64 {
	return uint64(e[entryKey])<<32 | uint64(binary.BigEndian.Uint32(e[entryKey+1:]))
}
func (e entry) isGap() bool    { return e[entryKey] == 0 }
func (e entry) status() Status { return Status(e.value() >> 35 & 0xf) }
func (e entry) line() uint64   { return e.value() & maxLineNumber }

func (e entry) set(s Status, line uint64) {
	v := entrySet | uint64(s)<<35 | line
	e[entryKey] = byte(v >> 32)
	binary.BigEndian.PutUint32(e[entryKey+1:], uint32(v))
}

// A Status must fit into its bits.
const _ = uint(0xf - statuses)

func (p *keyPart) at(slot int) entry {
	return p.mem[slot*entryBytes : (slot+1)*entryBytes : (slot+1)*entryBytes]
}

// home is the slot where a key belongs.
func (p *keyPart) home(key []byte) int {
	return int(uint64(binary.BigEndian.Uint32(key)) * uint64(p.slots) >> 32)
}

// find returns the slot of a key, or that where it has to be inserted.
func (p *keyPart) find(key []byte) (slot int, found bool) {
	head := binary.BigEndian.Uint64(key)
	for slot = p.home(key); ; slot++ {
		e := p.at(slot)
		if e.isGap() {
			return slot, false
		}
		if h := binary.BigEndian.Uint64(e); h < head {
			continue
		} else if h > head {
			return slot, false
		}
		switch c := bytes.Compare(e.key(), key); {
		case c == 0:
			return slot, true
		case c > 0:
			return slot, false
		}
	}
}

// get returns the entry of a key, or nil.
func (t *keyTable) get(key Key) entry {
	p := &t.parts[key[0]]
	if p.used == 0 {
		return nil
	}
	slot, found := p.find(key[1:])
	if !found {
		return nil
	}
	return p.at(slot)
}

// put returns the entry of a key, which it makes where there is none.
func (t *keyTable) put(key Key) entry {
	p := &t.parts[key[0]]
	if p.slots == 0 {
		p.resize(firstSlots, spareSlots)
	}
	for {
		slot, found := p.find(key[1:])
		if found {
			return p.at(slot)
		}
		spare := len(p.mem)/entryBytes - p.slots
		switch {
		case p.used*256 >= p.slots*mostUsed:
			p.resize(p.slots+max(p.slots/growth, firstSlots), spare)
		case !p.open(slot):
			p.resize(p.slots, 2*spare)
		default:
			e := p.at(slot)
			copy(e, key[1:])
			e.set(0, 0)
			p.used++
			t.n++
			return e
		}
	}
}

// open makes a gap at a slot; false where there is no room. The last slot always
// is a gap: every search ends there.
func (p *keyPart) open(slot int) bool {
	gap := slot
	for !p.at(gap).isGap() {
		gap++
	}
	if (gap+2)*entryBytes > len(p.mem) {
		return false
	}
	copy(p.mem[(slot+1)*entryBytes:], p.mem[slot*entryBytes:gap*entryBytes])
	return true
}

// resize moves the entries to new memory with at least so many slots, and spare
// ones behind them.
func (p *keyPart) resize(slots, spare int) {
	for {
		mem := allocate((slots + spare) * entryBytes)
		bigger := keyPart{mem: mem, slots: len(mem)/entryBytes - spare}
		if p.moveTo(&bigger) {
			release(p.mem)
			*p = bigger
			return
		}
		release(mem)
		spare *= 2
	}
}

// moveTo copies the entries in their order; false where they do not fit.
func (p *keyPart) moveTo(to *keyPart) bool {
	next := 0
	for slot := range len(p.mem) / entryBytes {
		e := p.at(slot)
		if e.isGap() {
			continue
		}
		next = max(next, to.home(e.key()))
		if (next+2)*entryBytes > len(to.mem) {
			return false
		}
		copy(to.at(next), e)
		next++
		to.used++
	}
	return true
}

func (t *keyTable) all() iter.Seq[entry] {
	return func(yield func(entry) bool) {
		for i := range t.parts {
			p := &t.parts[i]
			for slot := range len(p.mem) / entryBytes {
				if e := p.at(slot); !e.isGap() && !yield(e) {
					return
				}
			}
		}
	}
}

func (t *keyTable) free() {
	for i := range t.parts {
		release(t.parts[i].mem)
	}
}
