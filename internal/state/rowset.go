package state

import (
	"encoding/binary"
	"importer/importer/contact"
	"slices"
)

// A rowSet is a set of rows, 9 bytes each. Of each it keeps a mark of 64 bits: where
// it holds a million, a row that is none of them has the mark of one with a chance
// of one in 10¹³.
type rowSet struct {
	marks []uint64 // sorted
	gone  []bool   // those that were removed
}

// markOf takes as much from the key as from the digest: one says nothing of the
// other.
func markOf(k contact.Key, d contact.Digest) uint64 {
	return binary.LittleEndian.Uint64(k[:]) ^ binary.LittleEndian.Uint64(d[:])
}

// newRowSet takes the marks of the rows over.
func newRowSet(marks []uint64) rowSet {
	slices.Sort(marks)
	return rowSet{marks, make([]bool, len(marks))}
}

func (s *rowSet) has(k contact.Key, d contact.Digest) bool {
	i, found := slices.BinarySearch(s.marks, markOf(k, d))
	return found && !s.gone[i]
}

func (s *rowSet) remove(k contact.Key, d contact.Digest) {
	if i, found := slices.BinarySearch(s.marks, markOf(k, d)); found {
		s.gone[i] = true
	}
}
