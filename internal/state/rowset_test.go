package state

import (
	"crypto/sha256"
	"fmt"
	"importer/importer/contact"
	"testing"

	"pgregory.net/rapid"
)

// A set answers as a map does, whatever is taken out of it.
func TestRowSetIsASet(t *testing.T) {
	type row struct {
		k contact.Key
		d contact.Digest
	}
	rows := []row{{}} // of zeros
	for i := range 50 {
		sum := sha256.Sum256([]byte(fmt.Sprint(i)))
		rows = append(rows, row{contact.Key(sum[:16]), contact.Digest(sum[16:])})
	}
	rapid.Check(t, func(t *rapid.T) {
		want := map[row]bool{}
		var marks []uint64
		for _, r := range rapid.SliceOfDistinct(rapid.SampledFrom(rows), func(r row) row { return r }).Draw(t, "rows") {
			want[r] = true
			marks = append(marks, markOf(r.k, r.d))
		}
		s := newRowSet(marks)
		for range rapid.IntRange(0, 60).Draw(t, "removals") {
			r := rapid.SampledFrom(rows).Draw(t, "row")
			s.remove(r.k, r.d)
			delete(want, r)
			for _, r := range rows {
				if got := s.has(r.k, r.d); got != want[r] {
					t.Fatalf("has %v: %t, want %t", r, got, want[r])
				}
			}
		}
	})
	var none rowSet
	none.remove(rows[1].k, rows[1].d)
	if none.has(rows[1].k, rows[1].d) {
		t.Error("the zero value holds a row")
	}
}
