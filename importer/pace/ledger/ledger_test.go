package ledger

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/flock"

	"importer/importer/pace"
)

const api = "https://api.example.com"

func openLedger(t *testing.T, dir string, r pace.Rate) *Ledger {
	t.Helper()
	l, err := OpenIn(dir, api, r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// die lets go of the ledger as the kernel does for a process that was killed.
func die(l *Ledger) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.flush != nil {
		l.flush.Stop()
	}
	l.book.(*file).alive.Unlock()
}

func folder(l *Ledger) string { return l.book.(*file).dir }

func writePage(name string, p page) error {
	b, err := p.encode()
	if err != nil {
		return err
	}
	return os.WriteFile(name, b, 0o600)
}

func take(t *testing.T, l *Ledger) time.Duration {
	t.Helper()
	d, err := l.Take(1)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// takeAll takes tokens until there is none, and returns how many there were.
func takeAll(t *testing.T, l *Ledger) int {
	n := 0
	for take(t, l) == 0 {
		n++
	}
	return n
}

// send sends n requests through p, each of which takes 5 ms, and returns when.
func send(t *testing.T, p *pace.Pacer, n, workers int) []time.Time {
	var (
		left  atomic.Int64
		mu    sync.Mutex
		times []time.Time
		wg    sync.WaitGroup
	)
	left.Store(int64(n))
	for range workers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				bought, err := p.Wait(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				times = append(times, bought)
				mu.Unlock()
				time.Sleep(5 * time.Millisecond)
				p.Done(bought, nil)
			}
		})
	}
	wg.Wait()
	return times
}

func busiest(times []time.Time, window time.Duration) int {
	slices.SortFunc(times, time.Time.Compare)
	most, first := 0, 0
	for i := range times {
		for times[i].Sub(times[first]) >= window {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

var rate = pace.Rate{Quota: 200, Window: 4 * time.Second}

// One run that shares with nobody is as fast as if it did not share.
func TestAlone(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := openLedger(t, dir, rate)
		start := time.Now()
		times := send(t, pace.NewPacer(rate, pace.PacerOptions{Ledger: l}), 1000, 16)
		if took := time.Since(start); took < 16*time.Second || took > 16160*time.Millisecond {
			t.Errorf("1,000 requests at 200/4s took %v; want 16 s and 1 %% at most", took)
		}
		if n := busiest(times, rate.Window); n != 200 {
			t.Errorf("the busiest window holds %d; want 200", n)
		}
	})
}

// Two runs share one quota exactly, and each gets its part of it.
func TestTwoRuns(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var times [2][]time.Time
		var wg sync.WaitGroup
		for i := range times {
			l := openLedger(t, dir, rate)
			p := pace.NewPacer(rate, pace.PacerOptions{Ledger: l, Unshared: func(err error) { t.Error(err) }})
			wg.Go(func() {
				times[i] = send(t, p, 500, 16)
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		took := time.Since(start)
		// The last tokens may lie on lease with the run that has ended first.
		if took < 16*time.Second || took > 16160*time.Millisecond+2*leasedAgain {
			t.Errorf("1,000 requests of two runs took %v; want 16 s and 1 %% at most, and a moment", took)
		}
		if n := busiest(slices.Concat(times[0], times[1]), rate.Window); n != 200 {
			t.Errorf("the busiest window of both runs holds %d; want 200", n)
		}
		for i := range times {
			early := 0
			for _, at := range times[i] {
				if at.Sub(start) < 2*rate.Window {
					early++
				}
			}
			if early < 120 {
				t.Errorf("run %d got %d of the first 400 tokens; want about half", i, early)
			}
		}
	})
}

// A run that starts when another has just ended finds the window as that left it.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		first := openLedger(t, dir, rate)
		send(t, pace.NewPacer(rate, pace.PacerOptions{Ledger: first}), 150, 16)
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		second := openLedger(t, dir, rate)
		if n := second.Available(0); n != 50 {
			t.Errorf("%d tokens available after the restart; want 50", n)
		}
		if n := takeAll(t, second); n != 50 {
			t.Errorf("%d tokens taken after the restart; want 50", n)
		}
	})
}

// What a dead run held counts as sent for one window, and not longer; the file
// of the run is removed.
func TestDeadRun(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		dead, live := openLedger(t, dir, rate), openLedger(t, dir, rate)
		for range 60 {
			take(t, dead)
		}
		for range 30 {
			dead.Done(true)
		}
		if n := live.Runs(); n != 2 {
			t.Errorf("%d runs; want 2", n)
		}
		die(dead)
		time.Sleep(time.Second)
		if n := live.Runs(); n != 1 {
			t.Errorf("%d runs after one died; want 1", n)
		}
		got := takeAll(t, live)
		if got < 200-60-rate.Quota/blocks || got > 200-60 {
			t.Errorf("%d tokens for the live run; want 140 less what the dead one held", got)
		}
		for range got {
			live.Done(true)
		}
		time.Sleep(rate.Window + 50*time.Millisecond)
		if n := takeAll(t, live); n != 200 {
			t.Errorf("%d tokens one window later; want all 200", n)
		}
		if files, _ := filepath.Glob(filepath.Join(folder(live), "run-*")); len(files) != 1 {
			t.Errorf("files of runs: %q; want that of the live one", files)
		}
	})
}

// A run that stops asking gives back what it leased, soon.
func TestIdleRunGivesBack(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		idle, busy := openLedger(t, dir, rate), openLedger(t, dir, rate)
		take(t, idle)
		idle.Done(true)
		if n := takeAll(t, busy); n != 200-rate.Quota/blocks {
			t.Errorf("%d tokens beside a run that has just leased; want %d", n, 200-rate.Quota/blocks)
		}
		time.Sleep(4*flushAfter + 10*time.Millisecond)
		if n := takeAll(t, busy); n != rate.Quota/blocks-1 {
			t.Errorf("%d tokens given back by an idle run; want %d", n, rate.Quota/blocks-1)
		}
	})
}

func TestUnsentGoesBack(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := openLedger(t, dir, rate)
		n := takeAll(t, l)
		l.Done(false)
		if again := takeAll(t, l); n != 200 || again != 1 {
			t.Errorf("took %d, then %d after one was not sent; want 200 and 1", n, again)
		}
	})
}

// Runs with different limits see the same requests.
func TestDifferentRates(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		long := openLedger(t, dir, pace.Rate{Quota: 100, Window: time.Hour})
		short := openLedger(t, dir, pace.Rate{Quota: 10, Window: time.Second})
		for range 3 {
			if n := takeAll(t, short); n != 10 {
				t.Fatalf("%d tokens in a second; want 10", n)
			}
			for range 10 {
				short.Done(true)
			}
			time.Sleep(1100 * time.Millisecond)
		}
		if n := takeAll(t, long); n != 70 {
			t.Errorf("%d tokens in the hour after 30 requests of another run; want 70", n)
		}
	})
}

// A smooth pace is divided among the runs.
func TestPaceIsDivided(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := pace.Rate{Pace: 20}
		start := time.Now()
		var wg sync.WaitGroup
		var took [2]time.Duration
		ledgers := []*Ledger{openLedger(t, dir, r), openLedger(t, dir, r)}
		for i, n := range []int{100, 300} {
			l := ledgers[i]
			p := pace.NewPacer(r, pace.PacerOptions{Ledger: l})
			wg.Go(func() {
				send(t, p, n, 4)
				took[i] = time.Since(start)
				l.Close()
			})
		}
		wg.Wait()
		// 10/s each for 10 s; then the other has 20/s for the 200 that it has left. They
		// may take a second to see each other.
		if took[0] < 8500*time.Millisecond || took[0] > 11*time.Second || took[1] < 19*time.Second || took[1] > 22*time.Second {
			t.Errorf("100 and 300 requests at 20/s took %v; want about 10 s and 20 s", took)
		}
	})
}

// A ledger that fails is done without, and the pacer says so.
func TestLedgerFails(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir, rate)
	var unshared error
	p := pace.NewPacer(rate, pace.PacerOptions{Ledger: l, Unshared: func(err error) { unshared = err }})
	if err := os.RemoveAll(folder(l)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(folder(l), nil, 0o600); err != nil { // a file where the directory was
		t.Fatal(err)
	}
	l.book.(*file).lock.Unlock()
	bought, err := p.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.Done(bought, nil)
	if s := p.State(); unshared == nil || s.Used != 1 {
		t.Errorf("state with a broken ledger: %+v, %v", s, unshared)
	}
}

// Messages say what happened: nobody holds the lock of a folder that is gone.
func TestMessages(t *testing.T) {
	dir := t.TempDir()
	gone := openLedger(t, dir, rate)
	if err := os.RemoveAll(folder(gone)); err != nil {
		t.Fatal(err)
	}
	if err := gone.Close(); !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "another process") {
		t.Errorf("closing a ledger whose folder is gone: %v", err)
	}
	synctest.Test(t, func(t *testing.T) {
		l := openLedger(t, dir, rate)
		other := flock.New(l.book.(*file).lock.Path())
		if ok, err := other.TryLock(); err != nil || !ok {
			t.Fatal(ok, err)
		}
		defer other.Unlock()
		if err := l.Close(); err == nil || !strings.Contains(err.Error(), l.book.(*file).lock.Path()+" has been locked by another process for 5s") {
			t.Errorf("closing a ledger that is locked: %v", err)
		}
	})
}

// A lock that another process holds and does nothing with is not waited for: the run
// goes on unshared, and is told so once.
func TestLockedForEver(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := openLedger(t, dir, rate)
		stuck := flock.New(filepath.Join(folder(l), "ledger.lock"))
		if ok, err := stuck.TryLock(); err != nil || !ok {
			t.Fatal(ok, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var told []error
		p := pace.NewPacer(rate, pace.PacerOptions{Ledger: l, Unshared: func(err error) { told = append(told, err) }})
		began := time.Now()
		for range 2 {
			if _, err := p.Wait(ctx); err != nil {
				t.Errorf("Wait: %v", err)
			}
		}
		if d := time.Since(began); d < patience || d > patience+time.Second {
			t.Errorf("waited %v for the lock", d)
		}
		if len(told) != 1 || !strings.Contains(told[0].Error(), "locked by another process") {
			t.Errorf("told %v", told)
		}
		stuck.Unlock()
	})
}

// A file that cannot be understood counts as a quota used up when it was written.
func TestInvalidFile(t *testing.T) {
	for name, content := range map[string]string{
		"empty":     "",
		"half":      `{"spent":[[946684800000000,12`,
		"negative":  `{"spent":[[946684800000000,-12]]}`,
		"no object": `17`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				l := openLedger(t, dir, rate)
				if err := os.WriteFile(l.book.(*file).page(), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Chtimes(l.book.(*file).page(), time.Time{}, time.Now()); err != nil {
					t.Fatal(err)
				}
				if n := takeAll(t, l); n != 0 {
					t.Errorf("%d tokens beside an invalid file; want none", n)
				}
				time.Sleep(rate.Window + 50*time.Millisecond)
				if n := takeAll(t, l); n != 200 {
					t.Errorf("%d tokens one window after; want 200", n)
				}
			})
		})
	}
}

// A clock that was set back does not close the window for longer than a window.
func TestTimesInTheFuture(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := openLedger(t, dir, rate)
		p := page{Spent: []spent{{time.Now().Add(24 * time.Hour), 150}}, Keep: 48 * time.Hour}
		if err := writePage(l.book.(*file).page(), p); err != nil {
			t.Fatal(err)
		}
		if n := takeAll(t, l); n != 50 {
			t.Errorf("%d tokens; want 50", n)
		}
		for range 50 {
			l.Done(true)
		}
		time.Sleep(rate.Window + 50*time.Millisecond)
		if n := takeAll(t, l); n != 200 {
			t.Errorf("%d tokens one window later; want 200", n)
		}
	})
}

func TestFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "importer", "quota")
	l, err := OpenIn(dir, api+"/", rate)
	if err != nil {
		t.Fatal(err)
	}
	same := openLedger(t, dir, rate)
	other, err := OpenIn(dir, "https://api-eu.example.com", rate)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if folder(l) != folder(same) || folder(l) == folder(other) {
		t.Errorf("directories %s, %s (the same API), %s (another)", folder(l), folder(same), folder(other))
	}
	if strings.Contains(folder(l), "example") {
		t.Errorf("the directory %s names the API", folder(l))
	}
	take(t, l)
	for name, want := range map[string]os.FileMode{dir: 0o700, folder(l): 0o700, l.book.(*file).page(): 0o600, l.book.(*file).lock.Path(): 0o600, l.book.(*file).alive.Path(): 0o600} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s: mode %o; want %o", name, info.Mode().Perm(), want)
		}
	}
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	if _, err := os.Stat(l.book.(*file).alive.Path()); !os.IsNotExist(err) {
		t.Errorf("%s is still there after Close", l.book.(*file).alive.Path())
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 { // root may write everywhere
		if _, err := OpenIn(dir, "https://third.example.com", rate); err == nil || !strings.Contains(err.Error(), "rate_shared: false") {
			t.Errorf("a directory that cannot be written: %v; want an error with the way out", err)
		}
	}
	os.Chmod(dir, 0o700)
}

// However many requests a window holds, the file stays small.
func TestLedgerStaysSmall(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := pace.Rate{Quota: 100_000, Window: time.Minute}
		l := openLedger(t, dir, r)
		for range 1000 {
			if take(t, l) == 0 {
				l.Done(true)
			}
			time.Sleep(70 * time.Millisecond)
		}
		info, err := os.Stat(l.book.(*file).page())
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > 32<<10 {
			t.Errorf("the ledger has grown to %d bytes", info.Size())
		}
	})
}

func BenchmarkTake(b *testing.B) {
	l, err := OpenIn(b.TempDir(), api, pace.Rate{Quota: 1_000_000, Window: time.Second})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	for b.Loop() {
		if d, err := l.Take(1); d == 0 && err == nil {
			l.Done(true)
		}
	}
}

// Runs of other versions read the page.
func TestPage(t *testing.T) {
	now := time.UnixMicro(1_700_000_000_200_000)
	p := page{Spent: []spent{{time.UnixMicro(1_700_000_000_123_456), 3}}, Leases: map[string]int{"b": 2, "a<": 1}, Keep: 5 * time.Minute}
	of := p
	of.Terms = map[string]term{"b": {Until: 1_700_000_030_200_000, Lasts: 30_000_000, Turn: 7}}
	for _, test := range []struct {
		page page
		want string
	}{
		{p, `{"spent":[[1700000000123456,3]],"leases":{"a\u003c":1,"b":2},"keep":300000000000}`},
		{of, `{"spent":[[1700000000123456,3]],"leases":{"a\u003c":1,"b":2},"keep":300000000000,"terms":{"b":{"until":1700000030200000,"lasts":30000000,"turn":7}}}`},
	} {
		b, err := test.page.encode()
		if err != nil || string(b) != test.want {
			t.Errorf("got %s, %v; want %s", b, err, test.want)
		}
		if got := parsePage(View{Page: b, Now: now}, pace.Rate{}); !reflect.DeepEqual(got, test.page) {
			t.Errorf("read as %+v; want %+v", got, test.page)
		}
	}
}

// Two runs that each want two tokens of a small quota do not keep the last ones from
// each other.
func TestPairsOfTwoRuns(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		small := pace.Rate{Quota: 2, Window: time.Second}
		var wg sync.WaitGroup
		start := time.Now()
		for range 2 {
			l := openLedger(t, dir, small)
			p := pace.NewPacer(small, pace.PacerOptions{Ledger: l, Unshared: func(err error) { t.Error(err) }})
			wg.Go(func() {
				for range 5 {
					bought, got, err := p.WaitFor(t.Context(), 2)
					if err != nil || got != 2 {
						t.Errorf("%d tokens, %v", got, err)
						return
					}
					p.Done(bought, nil)
					p.Done(bought, nil)
				}
			})
		}
		wg.Wait()
		if took := time.Since(start); took < 9*time.Second || took > 15*time.Second {
			t.Errorf("ten pairs at 2/1s took %v", took)
		}
	})
}
