package journal

import (
	"path/filepath"
	"testing"
	"time"

	"importer/importer/contact"
)

func benchOutcome(i int) *contact.Outcome {
	p := contact.Profile{ContactIDs: []string{"contact" + string(rune('a'+i%26)) + ".89abcdef@example.com"}}
	key := contact.Key{byte(i), byte(i >> 8), byte(i >> 16), 7}
	return &contact.Outcome{
		Row:    contact.Row{Source: "contacts.csv", Line: i + 2, Number: int64(i + 1), Key: key, Digest: contact.Digest(key), Profile: p},
		Status: contact.Created, ID: "65f1000000000000000000bb", Attempts: 1, At: time.Unix(1_700_000_000, int64(i)),
	}
}

// BenchmarkAppend is a line of the report written alone, and 32 at once.
func BenchmarkAppend(b *testing.B) {
	for name, n := range map[string]int{"1": 1, "32": 32} {
		b.Run(name, func(b *testing.B) {
			r, err := Open(Files{}, filepath.Join(b.TempDir(), "r.report.ndjson"), Options{Header: Header{Run: "x", Mode: "create"}})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { r.Close() })
			if err := r.Begin(); err != nil {
				b.Fatal(err)
			}
			var outcomes []*contact.Outcome
			for i := range n {
				outcomes = append(outcomes, benchOutcome(i))
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := r.Append(outcomes...); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/line")
		})
	}
}
