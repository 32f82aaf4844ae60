package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"importer/importer/pace"
)

// A shelf is a page that runs of several machines share, with a clock of its own.
type shelf struct {
	turn    chan struct{} // held while somebody has the page
	ahead   atomic.Int64  // ns of its clock before everybody else's
	page    []byte
	written time.Time
	changes int
}

func newShelf() *shelf {
	s := &shelf{turn: make(chan struct{}, 1)}
	s.turn <- struct{}{}
	return s
}

func (s *shelf) now() time.Time { return time.Now().Round(0).Add(time.Duration(s.ahead.Load())) }

// A desk is how one machine reaches a shelf. It implements Book.
type desk struct {
	*shelf
	way   time.Duration // to the shelf, and back again
	fails atomic.Pointer[func(at string) error]
}

// failing has exchanges end with an error at some moment: before, between, after.
func (d *desk) failing(f func(at string) error) { d.fails.Store(&f) }

var errAway = errors.New("nobody answers")

func (d *desk) fail(at string) error {
	if f := d.fails.Load(); f != nil {
		return (*f)(at)
	}
	return nil
}

func (d *desk) Exchange(ctx context.Context, turn func(View) ([]byte, error)) error {
	if err := d.fail("before"); err != nil {
		return err
	}
	asked := time.Now()
	time.Sleep(d.way)
	select {
	case <-d.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { d.turn <- struct{}{} }()
	v := View{Page: d.page, Written: d.written, Now: d.now(), Asked: asked}
	time.Sleep(d.way)
	b, err := turn(v)
	if err == nil {
		err = d.fail("between")
	}
	if err != nil {
		return err
	}
	time.Sleep(d.way)
	d.page, d.written = b, d.now()
	d.changes++
	time.Sleep(d.way)
	return d.fail("after")
}

const term30 = 30 * time.Second

func joined(t *testing.T, d *desk, r pace.Rate, opt Options) *Ledger {
	t.Helper()
	if opt.Lease == 0 {
		opt.Lease = term30
	}
	l, err := Join(t.Context(), d, r, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// kill leaves the page as a process does that was killed.
func kill(l *Ledger) {
	l.book.(*desk).failing(func(string) error { return errAway })
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, timer := range []*time.Timer{l.flush, l.beat} {
		if timer != nil {
			timer.Stop()
		}
	}
}

// takeNow takes tokens until there have been none for a moment, and returns how many there were.
func takeNow(t *testing.T, l *Ledger) (n int) {
	t.Helper()
	for began := time.Now(); time.Since(began) < 100*time.Millisecond; {
		wait, err := l.Take(1)
		if err != nil {
			t.Fatal(err)
		}
		if wait == 0 {
			n, began = n+1, time.Now()
			continue
		}
		time.Sleep(min(wait, 10*time.Millisecond))
	}
	return n
}

// An arrivals counts requests when they arrive, which is some time between their leaving and
// their answer.
type arrivals struct {
	mu sync.Mutex
	at []time.Time
	by []int // run
}

// play has a run send n requests, or as many as it can until ctx ends.
func (a *arrivals) play(ctx context.Context, run int, p *pace.Pacer, n, workers int, latency time.Duration) {
	var wg sync.WaitGroup
	left := make(chan struct{}, n)
	for range n {
		left <- struct{}{}
	}
	close(left)
	for range workers {
		wg.Go(func() {
			for range left {
				bought, err := p.Wait(ctx)
				if err != nil {
					return
				}
				early := rand.N(latency + 1)
				time.Sleep(early)
				a.mu.Lock()
				a.at, a.by = append(a.at, time.Now()), append(a.by, run)
				a.mu.Unlock()
				time.Sleep(latency - early)
				p.Done(bought, nil)
			}
		})
	}
	wg.Wait()
}

// shares are how many of the first n requests are each run's.
func (a *arrivals) shares(n, runs int) []int {
	all := make([]int, runs)
	for _, run := range a.by[:n] {
		all[run]++
	}
	return all
}

func sharedPacer(t *testing.T, l *Ledger) *pace.Pacer {
	return pace.NewPacer(l.rate, pace.PacerOptions{Ledger: l, Unshared: func(err error) { t.Error(err) }})
}

// Three machines, wherever they are, and whatever their clocks say, share one quota to the last
// request, and each gets its part of it.
func TestThreeMachines(t *testing.T) {
	three, five := pace.Rate{Quota: 100, Window: 3 * time.Second}, pace.Rate{Quota: 1000, Window: 5 * time.Minute}
	const ms = time.Millisecond
	for _, test := range []struct {
		rate    pace.Rate
		ways    []time.Duration
		latency time.Duration
		slower  float64 // than the quota asks for, at most
		share   float64 // of its part, that each gets at least
	}{
		{three, []time.Duration{ms / 20, ms / 20, ms / 20}, 2 * ms, 0.015, 0.6},
		{three, []time.Duration{2 * ms, 2 * ms, 2 * ms}, 2 * ms, 0.05, 0.5},
		{three, []time.Duration{ms / 20, ms / 2, ms}, 2 * ms, 0.025, 0.4},
		{five, []time.Duration{ms / 20, ms / 20, ms / 20}, 20 * ms, 0.003, 0.75},
		{five, []time.Duration{ms / 20, 2 * ms, 10 * ms}, 100 * ms, 0.008, 0.5},
		{pace.Rate{Quota: 10, Window: time.Second}, []time.Duration{ms / 20, ms / 20, ms / 20}, ms, 0.03, 0.4},
	} {
		t.Run(fmt.Sprint(test.rate, test.ways), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const windows = 4
				s, a := newShelf(), &arrivals{}
				s.ahead.Store(int64(10 * time.Minute))
				var wg sync.WaitGroup
				began := time.Now()
				for i, way := range test.ways {
					l := joined(t, &desk{shelf: s, way: way}, test.rate, Options{})
					wg.Go(func() {
						a.play(t.Context(), i, sharedPacer(t, l), windows*test.rate.Quota/3, 16, test.latency)
						if err := l.Close(); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				took := time.Since(began)
				if n := busiest(a.at, test.rate.Window); n != test.rate.Quota {
					t.Errorf("the busiest window holds %d; want %d", n, test.rate.Quota)
				}
				ideal := time.Duration((len(a.at)-1)/test.rate.Quota) * test.rate.Window
				if slower := float64(took)/float64(ideal) - 1; slower > test.slower {
					t.Errorf("%d requests took %v, which is %.2f %% more than %v; want %.2f %% at most", len(a.at), took, 100*slower, ideal, 100*test.slower)
				}
				shares := a.shares(len(a.at)/2, 3)
				if least := slices.Min(shares); float64(least) < test.share*float64(len(a.at))/6 {
					t.Errorf("of the first %d requests the runs got %d; want a third each, or %.0f %% of that", len(a.at)/2, shares, 100*test.share)
				}
				synctest.Wait()
				if most := windows * 300; s.changes > most {
					t.Errorf("%d exchanges; want %d at most", s.changes, most)
				}
			})
		})
	}
}

// What a machine held that died counts as sent when its lease ends, and for one window from
// then on.
func TestDeadMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		dead, live := joined(t, &desk{shelf: s}, rate, Options{}), joined(t, &desk{shelf: s}, rate, Options{})
		for n := 0; n < 60; {
			if take(t, dead) == 0 {
				n++
			} else {
				time.Sleep(time.Millisecond)
			}
		}
		for range 30 {
			dead.Done(true)
		}
		time.Sleep(2 * flushAfter)
		if n := live.Runs(); n != 2 {
			t.Errorf("%d runs; want 2", n)
		}
		kill(dead)
		died := time.Now()
		if n := takeNow(t, live); n != 140 {
			t.Errorf("%d tokens for the live run; want 140", n)
		}
		for range 140 {
			live.Done(true)
		}
		time.Sleep(rate.Window + 100*time.Millisecond)
		if n := takeNow(t, live); n != 170 {
			t.Errorf("%d tokens one window later; want 170: the dead run may still send 30", n)
		}
		for range 170 {
			live.Done(true)
		}
		time.Sleep(term30 + rate.Window - time.Since(died) - time.Second)
		if n := takeNow(t, live); n != 170 {
			t.Errorf("%d tokens within a window of the end of the lease; want 170", n)
		}
		for range 170 {
			live.Done(true)
		}
		time.Sleep(rate.Window + 100*time.Millisecond)
		if n, runs := takeNow(t, live), live.Runs(); n != 200 || runs != 1 {
			t.Errorf("%d tokens and %d runs after that; want 200 and 1", n, runs)
		}
	})
}

// A run that holds nothing, and asks for nothing, is one of those that share the limits.
func TestIdleMachineLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		joined(t, &desk{shelf: s}, rate, Options{})
		time.Sleep(3 * term30)
		if n := joined(t, &desk{shelf: s}, rate, Options{}).Runs(); n != 2 {
			t.Errorf("%d runs; want 2", n)
		}
	})
}

// An exchange whose answer was lost counts once, whatever became of it.
func TestLostAnswer(t *testing.T) {
	for _, lost := range []string{"before", "between", "after"} {
		t.Run(lost, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShelf()
				d := &desk{shelf: s}
				l, other := joined(t, d, rate, Options{}), joined(t, &desk{shelf: s}, rate, Options{})
				n := takeNow(t, l)
				if n != 200 {
					t.Fatalf("%d tokens; want 200", n)
				}
				for range 100 {
					l.Done(true)
				}
				losses := 0
				d.failing(func(at string) error {
					if at == lost && losses < 3 {
						losses++
						return errAway
					}
					return nil
				})
				time.Sleep(time.Second)
				for range 100 {
					l.Done(true)
				}
				time.Sleep(2 * flushAfter)
				synctest.Wait()
				count := 0
				for _, s := range parsePage(View{Page: s.page, Now: s.now()}, rate).Spent {
					count += s.count
				}
				if count != 200 || losses != 3 {
					t.Errorf("%d requests are on the page after %d losses; want 200 and 3", count, losses)
				}
				time.Sleep(rate.Window)
				if n := takeNow(t, other); n != 200 {
					t.Errorf("%d tokens one window later; want 200", n)
				}
			})
		})
	}
}

// A run that ends waits a moment for a store that says nothing, whatever is under way there.
func TestCloseWhileTheStoreIsAway(t *testing.T) {
	for _, underWay := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf()
			l := joined(t, &desk{shelf: s, way: time.Millisecond}, rate, Options{})
			if n := takeNow(t, l); n == 0 {
				t.Fatal("no tokens")
			}
			<-s.turn // for good
			if underWay {
				time.Sleep(2 * flushAfter)
			}
			began := time.Now()
			if err := l.Close(); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
				t.Errorf("closed: %v", err)
			}
			if d := time.Since(began); d < parting || d > parting+10*time.Millisecond {
				t.Errorf("under way %t: closed after %s", underWay, d)
			}
		})
	}
}

// While the store is away nobody is kept waiting inside of the ledger, nothing is shared
// unseen, and what is held may be sent for nine tenths of the lease.
func TestStoreAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type news struct {
			since time.Time
			err   error
		}
		var told []news
		s := newShelf()
		d := &desk{shelf: s, way: time.Millisecond}
		l := joined(t, d, rate, Options{Away: func(since time.Time, err error) { told = append(told, news{since, err}) }})
		for take(t, l) != 0 {
			time.Sleep(time.Millisecond)
		}
		l.Done(true)
		time.Sleep(flushAfter + 20*time.Millisecond)
		left := time.Now()
		d.failing(func(string) error {
			time.Sleep(patience / 2)
			return errAway
		})
		if n := takeNow(t, l); n != rate.Quota/blocksAlone-1 {
			t.Errorf("%d tokens while the store is away; want the %d that were held", n, rate.Quota/blocksAlone-1)
		}
		l.Done(false) // one is held
		time.Sleep(time.Minute - time.Since(left))
		if n := takeNow(t, l); n != 0 {
			t.Errorf("%d tokens a minute after; want none", n)
		}
		synctest.Wait()
		if len(told) != 1 || told[0].since.Sub(left) > time.Second || !errors.Is(told[0].err, errAway) {
			t.Errorf("told %+v; want once that the store is away since %v", told, left)
		}
		d.failing(func(string) error { return nil })
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if len(told) != 2 || !told[1].since.IsZero() {
			t.Errorf("told %+v; want that the store is back", told)
		}
		if n := takeNow(t, l); n != rate.Quota-(rate.Quota/blocksAlone-2) {
			t.Errorf("%d tokens after that; want all but those in flight", n)
		}
	})
}

// A token that lay unused until the lease is about to end is not sent: the others may count
// it as sent already.
func TestUnusedLeaseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{shelf: newShelf()}
		l := joined(t, d, rate, Options{Lease: 2 * flushAfter})
		for take(t, l) != 0 {
			time.Sleep(time.Millisecond)
		}
		d.failing(func(string) error { return errAway })
		time.Sleep(flushAfter)
		if wait := take(t, l); wait != 0 {
			t.Errorf("a token that is held is to be waited for: %v", wait)
		}
		time.Sleep(flushAfter * 9 / 10)
		if wait := take(t, l); wait == 0 {
			t.Error("a token was taken after nine tenths of the lease")
		}
	})
}

// A smooth pace is divided among machines, and among fewer when one has died.
func TestPaceOfMachines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r := newShelf(), pace.Rate{Pace: 20}
		a := &arrivals{}
		var wg sync.WaitGroup
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		ledgers := []*Ledger{joined(t, &desk{shelf: s}, r, Options{}), joined(t, &desk{shelf: s}, r, Options{})}
		for i, l := range ledgers {
			wg.Go(func() { a.play(ctx, i, sharedPacer(t, l), 1000, 4, time.Millisecond) })
		}
		wg.Wait()
		if n := a.shares(len(a.at), 2); n[0] < 95 || n[0] > 125 || n[1] < 95 || n[1] > 125 {
			t.Errorf("two runs sent %d in 10 s at 20/s; want 100 each", n)
		}
		kill(ledgers[0])
		time.Sleep(term30 - 3*time.Second)
		ledgers[1].Runs()
		time.Sleep(10 * time.Millisecond)
		if n := ledgers[1].Runs(); n != 2 {
			t.Errorf("%d runs before the lease of the dead one ends; want 2", n)
		}
		time.Sleep(term30 / 2)
		ledgers[1].Runs()
		time.Sleep(10 * time.Millisecond)
		if n := ledgers[1].Runs(); n != 1 {
			t.Errorf("%d runs after that; want 1", n)
		}
	})
}

// However machines come and go, die, lose answers and are cut off for longer than their lease,
// and however the store's clock is set back: no window holds more than the quota.
func TestQuotaHolds(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { holds(t, rand.New(rand.NewPCG(seed, 7))) })
		})
	}
}

func holds(t *testing.T, random *rand.Rand) {
	r := pace.Rate{Quota: 20 + random.IntN(100), Window: time.Second + rand.N(3*time.Second)}
	s, a := newShelf(), &arrivals{}
	s.ahead.Store(random.Int64N(int64(time.Hour)) - int64(30*time.Minute))
	var wg sync.WaitGroup
	for i := range 2 + random.IntN(4) {
		d := &desk{shelf: s, way: time.Duration(random.Int64N(int64(5 * time.Millisecond)))}
		l := joined(t, d, r, Options{Lease: 2 * time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		wg.Go(func() { a.play(ctx, i, sharedPacer(t, l), 100_000, 8, 50*time.Millisecond) })
		lost := random.Float64() / 10
		var cut atomic.Int64                                // ns since 1970; until then nobody answers
		chance := rand.New(rand.NewPCG(random.Uint64(), 1)) // of one goroutine at a time
		d.failing(func(string) error {
			if time.Now().UnixNano() < cut.Load() || chance.Float64() < lost {
				return errAway
			}
			return nil
		})
		wait, lasts := 2*time.Second+time.Duration(random.Int64N(int64(7*time.Second))), time.Duration(random.Int64N(int64(5*time.Second)))
		switch random.IntN(4) {
		case 0:
			time.AfterFunc(wait, func() { cancel(); kill(l) })
		case 1:
			time.AfterFunc(wait, func() { cut.Store(time.Now().Add(lasts).UnixNano()) })
		case 2:
			time.AfterFunc(wait, func() { s.ahead.Add(-int64(lasts)) })
		}
	}
	wg.Wait()
	if n := busiest(a.at, r.Window); n > r.Quota || n < r.Quota*9/10 {
		t.Errorf("the busiest of %v holds %d", r, n)
	}
}
