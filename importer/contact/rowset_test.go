package contact

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// A set answers as a map does, whatever is put in and taken out. It is small, so
// that many rows want the same place.
func TestRowSetIsASet(t *testing.T) {
	type row struct {
		k Key
		d Digest
	}
	var rows []row
	for i := range 50 {
		sum := sha256.Sum256([]byte(fmt.Sprint(i)))
		rows = append(rows, row{Key(sum[:16]), Digest(sum[16:])})
	}
	rows = append(rows, row{}) // which looks like an empty slot
	rapid.Check(t, func(t *rapid.T) {
		room := rapid.IntRange(0, 40).Draw(t, "room")
		s, want, added := NewRowSet(room), map[row]bool{}, 0
		defer s.Free()
		for range 100 {
			r := rapid.SampledFrom(rows).Draw(t, "row")
			if rapid.Bool().Draw(t, "add") {
				if s.Add(r.k, r.d); !want[r] && added < room {
					want[r] = true
					added++
				}
			} else {
				s.Remove(r.k, r.d)
				delete(want, r)
			}
			for _, r := range rows {
				if got := s.Has(r.k, r.d); got != want[r] {
					t.Fatalf("has %v: %t, want %t", r, got, want[r])
				}
			}
		}
	})
	var none RowSet
	none.Add(rows[0].k, rows[0].d)
	none.Remove(rows[0].k, rows[0].d)
	if none.Has(rows[0].k, rows[0].d) {
		t.Error("the zero value took a row")
	}
	none.Free()
}

// BenchmarkRowSet looks for rows of which every second one is there.
func BenchmarkRowSet(b *testing.B) {
	const n = 1 << 20
	rows := make([]Digest, n)
	s := NewRowSet(n / 2)
	defer s.Free()
	for i := range rows {
		sum := sha256.Sum256([]byte{byte(i), byte(i >> 8), byte(i >> 16)})
		rows[i] = Digest(sum[:16])
		if i%2 == 0 {
			s.Add(Key{}, rows[i])
		}
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if s.Has(Key{}, rows[i%n]) != (i%2 == 0) {
			b.Fatal(i)
		}
		i++
	}
}
