package contact

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"

	"pgregory.net/rapid"
)

// TestKeysLikeMap compares the table with a map, over keys that are evenly
// spread and keys that differ as little as keys can.
func TestKeysLikeMap(t *testing.T) {
	type known struct {
		status Status
		seen   bool
		place  Place
	}
	rapid.Check(t, func(t *rapid.T) {
		keys, model := NewKeys(), map[Key]known{}
		near := rapid.Bool().Draw(t, "near")
		draw := func() Key {
			n := rapid.Uint16Range(0, 600).Draw(t, "key")
			if near {
				k := Key{7: 1}
				if rapid.Bool().Draw(t, "last") {
					k = Key{255, 255, 255, 255, 255, 255, 255}
				}
				copy(k[rapid.SampledFrom([]int{0, 1, 4, 9, 14}).Draw(t, "at"):], binary.BigEndian.AppendUint16(nil, n))
				return k
			}
			return testKeyNumber(int(n))
		}
		line, source := 0, 0
		for range rapid.IntRange(1, 900).Draw(t, "steps") {
			k := draw()
			e := model[k]
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0, 1, 2:
				e.status = Status(rapid.IntRange(1, int(InDoubt)).Draw(t, "status"))
				keys.Set(k, e.status)
				model[k] = e
			case 3:
				e.status = 0
				keys.Forget(k)
				model[k] = e
			case 4:
				line, source = 0, source+1
			case 5:
				line++
				e.seen, e.place = true, Place{Source: fmt.Sprint("file", source), Line: line}
				keys.SeeLast(k, e.place)
				model[k] = e
			case 6:
				line += rapid.SampledFrom([]int{1, 1000, 1 << 24}).Draw(t, "skip")
			default:
				line++
				at := Place{Source: fmt.Sprint("file", source), Line: line}
				first, again := keys.See(k, at)
				if again != e.seen || first != e.place {
					t.Fatalf("See is %v, %v; want %v, %v", first, again, e.place, e.seen)
				}
				if !again {
					e.seen, e.place = true, at
					model[k] = e
				}
			}
		}
		for range 300 {
			if k := draw(); keys.Status(k) != model[k].status {
				t.Fatalf("status %v, want %v", keys.Status(k), model[k].status)
			}
		}
		count := map[Status]int{}
		for k, e := range model {
			count[e.status]++
			if got := keys.Status(k); got != e.status {
				t.Fatalf("status %v, want %v", got, e.status)
			}
			if got, ok := keys.Place(k); ok != e.seen || got != e.place {
				t.Fatalf("place %v, %v; want %v, %v", got, ok, e.place, e.seen)
			}
		}
		for s := range statuses {
			if keys.Count(s) != count[s] {
				t.Fatalf("%d keys are %v, want %d", keys.Count(s), s, count[s])
			}
		}
		if keys.Len() != len(model) {
			t.Fatalf("%d keys, want %d", keys.Len(), len(model))
		}
	})
}

// A key costs at most 26 bytes at any size, and growing does not need the memory
// twice.
func TestKeysMemory(t *testing.T) {
	keys := NewKeys()
	for i := range 400_000 {
		keys.See(testKeyNumber(i), Place{Source: "a", Line: i + 2})
		if i < 60_000 || i%1000 != 0 {
			continue
		}
		size := 0
		for _, p := range keys.table.parts {
			size += len(p.mem)
		}
		// A part ends with a page, and with room for what is pushed over its end.
		if most := (i+1)*26 + 256*(spareSlots*entryBytes+4096); size > most {
			t.Fatalf("%d bytes for %d keys, which are %.1f each", size, i+1, float64(size)/float64(i+1))
		}
	}
	for i := range 400_000 {
		if at, again := keys.See(testKeyNumber(i), Place{Source: "b", Line: 1}); !again || at != (Place{"a", i + 2}) {
			t.Fatalf("key %d: %v, %v", i, at, again)
		}
	}
}

func testKeyNumber(i int) Key {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
	return Key(sum[:16])
}

// BenchmarkKeys is a million keys that are seen once.
func BenchmarkKeys(b *testing.B) {
	const n = 1_000_000
	all := make([]Key, n)
	for i := range all {
		all[i] = testKeyNumber(i)
	}
	var keys *Keys
	b.Run("see", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			keys = NewKeys()
			for i, k := range all {
				keys.See(k, Place{Source: "contacts.csv", Line: i + 2})
			}
		}
		size := 0
		for _, p := range keys.table.parts {
			size += len(p.mem)
		}
		b.ReportMetric(float64(size)/n, "B/key")
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/key")
	})
	b.Run("status", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			keys.Status(all[i*7919%n])
		}
	})
	runtime.KeepAlive(keys)
}
