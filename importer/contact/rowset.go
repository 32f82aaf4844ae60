package contact

import (
	"encoding/binary"
	"math/bits"
)

// A RowSet is a set of rows, each known by its key and digest. It has room for a
// number of rows that is fixed, and takes 11 bytes for each, outside of Go's heap
// where the system allows it. Of a row that is not in it, it says so but for one
// in 10¹⁸: it keeps 64 bits of each, and chooses their place by as many others.
//
// The zero value is empty and has no room.
type RowSet struct {
	mem  []byte // slots of 8 bytes
	room int
}

// What a slot holds that holds no row. Rows that were removed keep their slot, so
// that those that were put behind them are found.
const (
	slotEmpty = iota
	slotRemoved
	slotsTaken // the smallest value of a row
)

// NewRowSet returns an empty set with room for so many rows. The caller frees it.
func NewRowSet(room int) RowSet {
	return RowSet{mem: allocate((room + room/3 + 1) * 8), room: room}
}

// Free gives the memory back. The set is as the zero value then.
func (s *RowSet) Free() {
	release(s.mem)
	*s = RowSet{}
}

// Add puts a row into the set, where there is room.
func (s *RowSet) Add(k Key, d Digest) {
	if s.room == 0 {
		return
	}
	if slot, row := s.find(k, d); binary.LittleEndian.Uint64(slot) != row {
		binary.LittleEndian.PutUint64(slot, row)
		s.room--
	}
}

// Has tells whether a row is in the set.
func (s *RowSet) Has(k Key, d Digest) bool {
	if s.mem == nil {
		return false
	}
	slot, row := s.find(k, d)
	return binary.LittleEndian.Uint64(slot) == row
}

// Remove takes a row out. It makes no room.
func (s *RowSet) Remove(k Key, d Digest) {
	if s.Has(k, d) {
		slot, _ := s.find(k, d)
		binary.LittleEndian.PutUint64(slot, slotRemoved)
	}
}

// find returns the slot of a row, or that where it has to be put, and what stands
// there for it. One slot in four is empty, so that it ends.
func (s *RowSet) find(k Key, d Digest) (slot []byte, row uint64) {
	// Both are digests, and one says nothing of the other.
	place := binary.LittleEndian.Uint64(k[:]) ^ binary.LittleEndian.Uint64(d[:])
	row = binary.LittleEndian.Uint64(k[8:]) ^ binary.LittleEndian.Uint64(d[8:])
	row = max(row, slotsTaken)
	slots := len(s.mem) / 8
	first, _ := bits.Mul64(place, uint64(slots))
	for i := int(first); ; i++ {
		if i == slots {
			i = 0
		}
		slot = s.mem[i*8 : i*8+8]
		if v := binary.LittleEndian.Uint64(slot); v == row || v == slotEmpty {
			return slot, row
		}
	}
}
