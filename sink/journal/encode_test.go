package journal

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestAppendTimeIsFormat(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	zone := time.FixedZone("", 19*60*60)
	for _, at := range []time.Time{{}, time.Unix(0, 0), time.Unix(-1, 999_999_999), time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if got, want := string(appendTime(nil, at)), formatTime(at); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for range 10_000 {
		at := time.Unix(r.Int64N(1<<36), r.Int64N(1e9)).In(zone)
		if got, want := string(appendTime(nil, at)), formatTime(at); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	}
}
