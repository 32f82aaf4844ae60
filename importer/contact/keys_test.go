package contact

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"

	"pgregory.net/rapid"
)

// Keys hold what was noted of each key, however it got there.
func TestKeysHoldWhatWasNoted(t *testing.T) {
	type noted struct {
		status Status
		number int64
		place  Place
	}
	rapid.Check(t, func(t *rapid.T) {
		keys, model := NewKeys(), map[Key]noted{}
		row := Row{Source: "file0"}
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			k := testKeyNumber(rapid.IntRange(0, 100).Draw(t, "key"))
			e := model[k]
			row.Number++
			row.Line = rapid.IntRange(1, maxLine).Draw(t, "line")
			here := noted{e.status, row.Number, Place{row.Source, row.Line}}
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
				row.Source = fmt.Sprint("file", row.Number)
			case 5:
				keys.SeeLast(k, &row)
				model[k] = here
			case 6:
				row.Number += rapid.SampledFrom([]int64{1, 1000, 1 << 20}).Draw(t, "skip")
			default:
				first, again := keys.See(k, &row)
				if again != (e.number > 0) || first != e.place {
					t.Fatalf("See is %v, %v; want %v", first, again, e)
				}
				if !again {
					model[k] = here
				}
			}
		}
		count := map[Status]int{}
		for k, e := range model {
			count[e.status]++
			if got := keys.Status(k); got != e.status {
				t.Fatalf("status %v, want %v", got, e.status)
			}
			if at, number := keys.Place(k); at != e.place || number != e.number || keys.Seen(k) != (number > 0) {
				t.Fatalf("place %v, row %d, seen %t; want %v, %d", at, number, keys.Seen(k), e.place, e.number)
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

// The last row and the last line that an entry can tell do not run into its other
// bits.
func TestKeysAtTheirBounds(t *testing.T) {
	keys, k := NewKeys(), testKeyNumber(1)
	keys.Set(k, InDoubt)
	keys.See(k, &Row{Source: "a", Number: MaxRows, Line: maxLine + 1})
	if at, number := keys.Place(k); at != (Place{"a", maxLine}) || number != MaxRows || keys.Status(k) != InDoubt {
		t.Errorf("%v, row %d, %v", at, number, keys.Status(k))
	}
}

// A key costs 64 bytes at most at any size, growth included.
func TestKeysMemory(t *testing.T) {
	before := heapInUse()
	keys := NewKeys()
	for i := range 1_000_000 {
		keys.See(testKeyNumber(i), &Row{Source: "a", Number: int64(i + 1), Line: i + 2})
		if n := i + 1; n >= 100_000 && n%50_000 == 0 {
			if each := float64(heapInUse()-before) / float64(n); each > 64 {
				t.Fatalf("%.1f bytes for each of %d keys", each, n)
			}
		}
	}
	runtime.KeepAlive(keys)
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
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
		before := heapInUse()
		for b.Loop() {
			keys = NewKeys()
			for i, k := range all {
				keys.See(k, &Row{Source: "contacts.csv", Number: int64(i + 1), Line: i + 2})
			}
		}
		b.ReportMetric(float64(heapInUse()-before)/n, "B/key")
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/key")
	})
	b.Run("status", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			keys.Status(all[i*7919%n])
		}
	})
}

// A contact that is left out is held by each of its ids, and by its key alone.
func TestKeptContactsAreHeld(t *testing.T) {
	keys := NewKeys()
	keys.Keep([]string{"a", "b"})
	for _, c := range []struct {
		key  []string
		ids  []string
		held bool
	}{
		{[]string{"a", "b"}, nil, true}, {[]string{"a"}, nil, true}, {[]string{"b", "c"}, []string{"b", "c"}, true},
		{[]string{"b", "c"}, nil, false}, {[]string{"c"}, []string{"c"}, false},
	} {
		if got := keys.Holds(KeyOf(c.key), c.ids); got != c.held {
			t.Errorf("%v with %v: %t", c.key, c.ids, got)
		}
	}
}

// Without a byte more for a contact it is known whether a row says something else than was
// sent, in whatever order its ids stand.
func TestKeysSentOther(t *testing.T) {
	row := func(name string, number int64, ids ...string) *Row {
		r := &Row{Source: "a", Line: int(number) + 1, Number: number, Key: KeyOf(ids)}
		r.Profile = Profile{ContactIDs: ids, Fields: []Field{{Name: "firstname", Value: StringValue(name)}}}
		r.Digest, r.Bytes = r.Profile.Measure()
		return r
	}
	sent := row("Ada", 1, "a", "c", "b")
	for name, tt := range map[string]struct {
		others bool
		seen   []*Row
		want   bool
	}{
		"the same":                  {false, []*Row{sent}, false},
		"another order of the ids":  {false, []*Row{row("Ada", 1, "c", "a", "b")}, false},
		"another name":              {false, []*Row{row("Grace", 1, "a", "c", "b")}, true},
		"something else is in":      {true, []*Row{sent}, true},
		"the last one is as before": {false, []*Row{row("Grace", 1, "a", "c", "b"), row("Ada", 2, "a", "b", "c")}, false},
		"the last one is not":       {false, []*Row{sent, row("Grace", 2, "a", "c", "b")}, true},
		"not seen as such":          {false, nil, true},
	} {
		keys := NewKeys()
		keys.Set(sent.Key, Created)
		keys.SetSent(sent.Key, sent.Digest, tt.others)
		last := row("Alan", 1, "a", "c", "b")
		for _, r := range tt.seen {
			keys.SeeLast(r.Key, r)
			last = r
		}
		if got := keys.SentOther(last); got != tt.want || keys.Status(sent.Key) != Created {
			t.Errorf("%s: %t, %v", name, got, keys.Status(sent.Key))
		}
	}
	keys := NewKeys()
	keys.Set(sent.Key, Existing)
	if keys.See(sent.Key, sent); keys.SentOther(sent) {
		t.Error("what was never sent has changed")
	}
}
