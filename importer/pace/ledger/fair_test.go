package ledger

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"importer/importer/pace"
)

// Three runs of as many requests that begin at once end at once, also where one is nearer to
// the store. One that came first, and has used up a quota before the others asked, ends earlier
// by what that is of its part.
func TestThreeRunsEndTogether(t *testing.T) {
	const ms = time.Millisecond
	rate := pace.Rate{Quota: 100, Window: 3 * time.Second}
	for _, test := range []struct {
		begin, ways [3]time.Duration
		latency     time.Duration
		apart       float64 // windows between the ends, at most
	}{
		{[3]time.Duration{}, [3]time.Duration{ms / 10, ms / 10, ms / 10}, 2 * ms, 0.2},
		{[3]time.Duration{0, 0, 0}, [3]time.Duration{ms / 20, 3 * ms, 10 * ms}, 2 * ms, 0.3},
		{[3]time.Duration{30 * ms, 0, 60 * ms}, [3]time.Duration{ms / 2, ms, 2 * ms}, 20 * ms, 0.2},
		{[3]time.Duration{0, 300 * ms, 600 * ms}, [3]time.Duration{ms / 10, ms / 10, ms / 10}, 2 * ms, 2.1},
		{[3]time.Duration{300 * ms, 0, 600 * ms}, [3]time.Duration{ms / 2, ms, 2 * ms}, 20 * ms, 2.1},
	} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, a := newShelf(), &arrivals{}
				var ends [3]time.Duration
				var wg sync.WaitGroup
				began := time.Now()
				for run := range ends {
					wg.Go(func() {
						time.Sleep(test.begin[run])
						l := joined(t, &desk{shelf: s, way: test.ways[run]}, rate, Options{})
						a.play(t.Context(), run, sharedPacer(t, l), 200, 8, test.latency)
						ends[run] = time.Since(began)
						l.Close()
					})
				}
				wg.Wait()
				first, last := slices.Min(ends[:]), slices.Max(ends[:])
				if apart := (last - first).Seconds() / rate.Window.Seconds(); apart > test.apart {
					t.Errorf("they ended after %v; want %.1f windows in between at most", ends, test.apart)
				}
				if last > 5*rate.Window*107/100 {
					t.Errorf("they ended after %v; the quota asks for %v", ends, 5*rate.Window)
				}
			})
		})
	}
}

// Three runs on one quota are as fast as one that has it alone: 1 % more time at most.
func TestThreeAsFastAsOne(t *testing.T) {
	const ms, windows = time.Millisecond, 6
	rate := pace.Rate{Quota: 99, Window: 3 * time.Second}
	for _, way := range []time.Duration{ms / 30, ms / 20} {
		took := make(map[int]time.Duration)
		for _, runs := range []int{1, 3} {
			synctest.Test(t, func(t *testing.T) {
				s, a := newShelf(), &arrivals{}
				s.ahead.Store(-int64(7 * time.Minute))
				var wg sync.WaitGroup
				began := time.Now()
				for run := range runs {
					l := joined(t, &desk{shelf: s, way: way}, rate, Options{})
					wg.Go(func() {
						a.play(t.Context(), run, sharedPacer(t, l), windows*rate.Quota/runs, 8, 2*ms)
						l.Close()
					})
				}
				wg.Wait()
				took[runs] = time.Since(began)
				if n := busiest(a.at, rate.Window); n != rate.Quota {
					t.Errorf("the busiest window of %d runs holds %d; want %d", runs, n, rate.Quota)
				}
				if asked := (windows - 1) * rate.Window; took[runs]*99/100 > asked {
					t.Errorf("%v from the store %d runs took %v for what the quota asks %v for", way, runs, took[runs], asked)
				}
			})
		}
		if took[3] > took[1]*101/100 {
			t.Errorf("%v from the store: three runs took %v and one %v", way, took[3], took[1])
		}
	}
}
