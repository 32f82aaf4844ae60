package lease

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A testKiller remembers to when it is armed; 0: it is not.
type testKiller struct {
	mu  sync.Mutex
	at  time.Duration
	err error
}

func (k *testKiller) arm(at time.Duration) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return k.err
	}
	k.at = at
	return nil
}

func (k *testKiller) disarm() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.at = 0
	return k.err
}

func (k *testKiller) remove() error { return k.disarm() }

// armed is when it ends the process; 0: it does not.
func (k *testKiller) armed() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.at
}

// fail has it refuse to be armed.
func (k *testKiller) fail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = err
}

const length = 100 * time.Second

// newTestLease is a lease of 100 s by the clock of a bubble, which begins at 1 h.
func newTestLease() (*Lease, *testKiller) {
	k, start := &testKiller{}, time.Now()
	o := Options{Length: length, Clock: func() time.Duration { return time.Hour + time.Since(start) }}
	return newLease(o, k, nil), k
}

func mustClaim(t *testing.T, l *Lease) *Claim {
	t.Helper()
	c, err := l.Claim(l.Now())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pass has a request pass the gate, which must be open.
func pass(t *testing.T, l *Lease) {
	t.Helper()
	if !l.Pass() {
		t.Fatal("the gate is shut")
	}
}

// From nine tenths on nothing new passes, at 95% what is in flight is cut and the gate
// is closed for good, and the kernel's timer is disarmed when the last has left.
func TestALeaseThatIsNotRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, k := newTestLease()
		sentAt := l.Now()
		time.Sleep(10 * time.Second) // the answer takes its time, and the lease runs
		if _, err := l.Claim(sentAt); err != nil {
			t.Fatal(err)
		}
		if k.armed() != sentAt+length || l.Left() != 90*time.Second {
			t.Fatalf("armed to %s, %s left", k.armed(), l.Left())
		}
		time.Sleep(80*time.Second - time.Millisecond)
		pass(t, l)
		time.Sleep(time.Millisecond)
		if l.Pass() {
			t.Error("at nine tenths the gate is open")
		}
		err := l.Wait(t.Context())
		if at := l.Now() - sentAt; !errors.Is(err, ErrEnded) || at != 95*time.Second {
			t.Errorf("at %s: %v", at, err)
		}
		if cause := context.Cause(l.Context()); !errors.Is(cause, ErrEnded) {
			t.Errorf("what was in flight was cut because of %v", cause)
		}
		if k.armed() != sentAt+length {
			t.Errorf("with one behind the gate the timer is armed to %s", k.armed())
		}
		l.Done()
		if k.armed() != 0 {
			t.Error("with nobody behind the gate the timer is armed")
		}
		if err := l.Close(t.Context()); err != nil || !errors.Is(context.Cause(l.Context()), ErrEnded) {
			t.Errorf("closed: %v, because of %v", err, context.Cause(l.Context()))
		}
	})
}

// A renewal lets those pass who wait, and what is in flight goes on.
// Where nobody is behind the gate when it shuts, the kernel ends nobody: a process that comes
// too late to end by itself still can. A renewal arms the timer before it opens the gate.
func TestNobodyBehindTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, k := newTestLease()
		c := mustClaim(t, l)
		time.Sleep(90 * time.Second)
		synctest.Wait()
		if k.armed() != 0 || l.Pass() {
			t.Errorf("with nobody behind the gate the timer is armed to %s", k.armed())
		}
		time.Sleep(time.Second)
		sentAt := l.Now()
		c.Renewed(sentAt)
		if k.armed() != sentAt+length {
			t.Errorf("renewed, and armed to %s", k.armed())
		}
		pass(t, l)
		time.Sleep(91 * time.Second)
		synctest.Wait()
		if k.armed() != sentAt+length {
			t.Errorf("with one behind the gate the timer is armed to %s", k.armed())
		}
		l.Done()
		if k.armed() != 0 || context.Cause(l.Context()) != nil {
			t.Errorf("the last one is back, and the timer is armed to %s; closed because of %v", k.armed(), context.Cause(l.Context()))
		}
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if cause := context.Cause(l.Context()); !errors.Is(cause, ErrEnded) || k.armed() != 0 {
			t.Errorf("at 95%%: closed because of %v, armed to %s", cause, k.armed())
		}
	})
}

func TestARenewalOpensTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, k := newTestLease()
		var told []bool
		l.away = func(since time.Time, err error) {
			if !since.IsZero() && (!since.Equal(time.Now()) || err == nil) {
				t.Errorf("away since %s: %v", since, err)
			}
			told = append(told, !since.IsZero())
		}
		c := mustClaim(t, l)
		pass(t, l)
		defer l.Done()
		time.Sleep(91 * time.Second)
		sentAt := l.Now()
		go func() {
			time.Sleep(2 * time.Second)
			c.Renewed(sentAt)
		}()
		began := time.Now()
		var waiting sync.WaitGroup
		for range 3 {
			waiting.Go(func() {
				if err := l.Wait(t.Context()); err != nil || time.Since(began) != 2*time.Second {
					t.Errorf("after %s: %v", time.Since(began), err)
				}
			})
		}
		waiting.Wait()
		synctest.Wait() // for the renewal, which tells it
		if !slices.Equal(told, []bool{true, false}) {
			t.Errorf("told that requests wait: %v", told)
		}
		if err := l.Wait(t.Context()); err != nil {
			t.Errorf("at an open gate: %v", err)
		}
		if k.armed() != sentAt+length {
			t.Errorf("armed to %s", k.armed())
		}
		c.Renewed(sentAt - time.Second) // an answer that was overtaken
		if k.armed() != sentAt+length {
			t.Errorf("armed to %s by an older answer", k.armed())
		}
		time.Sleep(sentAt + 89*time.Second - l.Now())
		pass(t, l)
		l.Done()
		if l.Context().Err() != nil {
			t.Error("what was in flight was cut")
		}
	})
}

// The earliest deadline of the claims counts; one that is given back holds nobody up.
func TestSeveralClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, k := newTestLease()
		if err := l.Wait(t.Context()); !errors.Is(err, ErrNoClaim) {
			t.Errorf("without a claim: %v", err)
		}
		a := mustClaim(t, l)
		first := k.armed()
		time.Sleep(60 * time.Second)
		b := mustClaim(t, l)
		if k.armed() != first {
			t.Errorf("armed to %s, and the first claim ends at %s", k.armed(), first)
		}
		time.Sleep(31 * time.Second)
		if l.Pass() {
			t.Error("the gate is open at nine tenths of the first claim")
		}
		a.Release()
		a.Release()
		a.Renewed(l.Now())
		if k.armed() != first+60*time.Second {
			t.Errorf("armed to %s", k.armed())
		}
		pass(t, l)
		b.Release()
		if k.armed() == 0 {
			t.Error("the timer is disarmed with one behind the gate")
		}
		l.Done()
		if k.armed() != 0 {
			t.Error("the timer is armed with no claim and nobody behind the gate")
		}
		mustClaim(t, l)
		pass(t, l)
		l.Done()
		if k.armed() != l.Now()+length {
			t.Errorf("a claim after the last was given back: armed to %s", k.armed())
		}
	})
}

// A claim whose answer came too late is none, and a timer that cannot be armed lets
// nothing pass.
func TestWhatIsNoClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, k := newTestLease()
		if _, err := l.Claim(l.Now() - 95*time.Second); !errors.Is(err, ErrEnded) || k.armed() != 0 {
			t.Errorf("an answer at 95%%: %v, armed to %s", err, k.armed())
		}
		c := mustClaim(t, l)
		pass(t, l)
		noTimer := errors.New("no timer")
		k.fail(noTimer)
		time.Sleep(time.Second)
		c.Renewed(l.Now())
		if err := l.Wait(t.Context()); !errors.Is(err, noTimer) {
			t.Errorf("a timer that is not armed: %v", err)
		}
		if _, err := l.Claim(l.Now()); !errors.Is(err, noTimer) {
			t.Errorf("a claim after that: %v", err)
		}
		l.Done()
	})
}

// A lease that is lost, or given back, cuts what is in flight at once; and what is held
// may be given back when all of that has ended.
func TestLostAndClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := errors.New("somebody else has it")
		for _, want := range []error{lost, ErrClosed} {
			l, k := newTestLease()
			c := mustClaim(t, l)
			pass(t, l)
			if want == lost {
				l.Lost(lost)
			}
			short, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := l.Close(short); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("closed with one in flight: %v", err)
			}
			cancel()
			if cause := context.Cause(l.Context()); cause != want || l.Left() != 0 {
				t.Errorf("cut because of %v, %s left", cause, l.Left())
			}
			c.Renewed(l.Now())
			if err := l.Wait(t.Context()); err != want {
				t.Errorf("at the gate: %v", err)
			}
			var closing sync.WaitGroup
			closing.Go(func() {
				if err := l.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
			l.Done()
			closing.Wait()
			if k.armed() != 0 {
				t.Error("the timer is armed")
			}
		}
	})
}

// Who waits at the gate goes when its run is stopped.
func TestStoppedAtTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := newTestLease()
		mustClaim(t, l)
		time.Sleep(92 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}
