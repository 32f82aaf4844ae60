// Package lease is the lease of this process on what it holds in a store: until when it
// may send requests, and the gate that each of them passes.
//
//	sent at     +0   the statement that renews leaves; its answer comes later
//	nine tenths      nothing new passes the gate; what is in flight is awaited, and when
//	                 nothing is, the kernel's timer is off, until a renewal arms it and opens
//	                 the gate
//	95%              what is in flight is cut, the gate is closed for good, and the
//	                 process ends by itself, with an error
//	deadline         the kernel kills the process, unless nothing was behind the gate
//	                 any more
//
// Time is the clock of the machine that runs while it is suspended, too. A process that
// is stopped, or a machine that sleeps, past the deadline is dead before it can send
// anything: the kernel's timer needs nothing of the process. See Fenced for where there
// is none.
package lease

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// ErrEnded is why the gate is closed where the lease was not renewed in time.
var ErrEnded = errors.New("the store did not renew the lease in time, so that another machine may take this run over; when the store answers, run the same command again: it resumes")

// errNotRenewed is why requests wait at the gate.
var errNotRenewed = errors.New("the lease is about to end, and the store has not renewed it")

// ErrClosed is why it is closed after Close.
var ErrClosed = errors.New("the lease was given back")

// ErrNoClaim is what Wait returns while this process holds nothing.
var ErrNoClaim = errors.New("nothing is held in the store: nothing may be sent")

// Options are what a lease is made of.
type Options struct {
	Length time.Duration // from the statement that renews to the deadline; more than 0
	// Clock is for tests: how long the machine is up. With a clock that is not the
	// machine's there is no timer of the kernel.
	Clock func() time.Duration
	// Away is told since when requests wait at the gate and why, and with a zero time that
	// they wait no longer; nil: nobody is told. It must be quick and not call the lease.
	Away func(since time.Time, err error)
}

// A Lease is what this process may do for how long, whatever number of claims it has in
// the store. Its methods are safe for concurrent use.
type Lease struct {
	length time.Duration
	clock  func() time.Duration
	killer killer // nil: there is none, see unfenced
	// unfenced is why the kernel does not kill this process in time; nil: it does.
	unfenced error
	away     func(since time.Time, err error) // may be nil

	shut   atomic.Int64 // when the gate lets nothing new pass, by the clock; 0: it is shut
	behind atomic.Int64 // how many are behind the gate
	// ctx is done when the gate is closed for good; its cause says why.
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	claims  map[*Claim]struct{}
	armed   bool          // the kernel's timer is
	told    bool          // that requests wait
	changed chan struct{} // closed, and made anew, when who waits at the gate should look again
	watch   *time.Timer   // looks at the clock when the gate shuts, and when what is in flight is to be cut
	quiet   chan struct{} // closed when the gate is closed for good and nobody is behind it
}

// A killer ends this process at a time of the clock, whatever the process does.
type killer interface {
	arm(at time.Duration) error // in place of what it was armed to before
	disarm() error
	remove() error // disarms it for good
}

// New returns a lease without a claim.
func New(o Options) (*Lease, error) {
	if o.Length <= 0 {
		return nil, fmt.Errorf("a lease of %s", o.Length)
	}
	if o.Clock != nil {
		return newLease(o, nil, errors.New("the lease's clock is not the machine's")), nil
	}
	if _, err := now(); err != nil {
		return nil, fmt.Errorf("the clock of the machine: %w", err)
	}
	o.Clock = mustNow
	k, err := newKiller()
	return newLease(o, k, err), nil
}

func newLease(o Options, k killer, unfenced error) *Lease {
	l := &Lease{length: o.Length, clock: o.Clock, killer: k, unfenced: unfenced, away: o.Away, claims: map[*Claim]struct{}{}, changed: make(chan struct{}), quiet: make(chan struct{})}
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	return l
}

// mustNow is the clock of a machine of which it is known that it has one.
func mustNow() time.Duration {
	t, err := now()
	if err != nil {
		return 1<<63 - 1 // everything has ended
	}
	return t
}

// Fenced is nil where the kernel kills this process at its deadline even if it is
// stopped. Else it says why not: then a process that is stopped past its deadline and
// goes on may send what had passed the gate.
func (l *Lease) Fenced() error { return l.unfenced }

// Length is how long the lease is.
func (l *Lease) Length() time.Duration { return l.length }

// Now is the time by the clock of leases. It is read before a statement that claims or
// renews is sent, and handed to Claim or Renewed when the answer is there.
func (l *Lease) Now() time.Duration { return l.clock() }

// Left is how long it is to the deadline; the whole length without a claim, and 0 when
// the gate is closed for good.
func (l *Lease) Left() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	deadline, held := l.deadline()
	switch {
	case l.ctx.Err() != nil:
		return 0
	case !held:
		return l.length
	}
	return max(0, deadline-l.clock())
}

// Context is done when the gate is closed for good, and cuts what is in flight;
// context.Cause says why: ErrEnded, ErrClosed, or what Lost was given.
func (l *Lease) Context() context.Context { return l.ctx }

// A Claim is one thing that is held in the store, such as a run.
type Claim struct {
	lease    *Lease
	deadline time.Duration // by the clock; guarded by the lease's mutex
}

// Claim counts a claim that was got with a statement sent at that time of Now. Its error
// is why the gate is closed for good, or ErrEnded where the answer came too late: then
// nothing is held.
func (l *Lease) Claim(sentAt time.Duration) (*Claim, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &Claim{lease: l, deadline: sentAt + l.length}
	if err := context.Cause(l.ctx); err != nil {
		return nil, err
	}
	if l.clock() >= l.cutAt(c.deadline) {
		return nil, ErrEnded
	}
	l.claims[c] = struct{}{}
	l.update()
	if err := context.Cause(l.ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// Renewed says that a claim was renewed with a statement sent at that time of Now. After
// the gate was closed for good it changes nothing.
func (c *Claim) Renewed(sentAt time.Duration) {
	c.lease.mu.Lock()
	defer c.lease.mu.Unlock()
	if _, held := c.lease.claims[c]; !held || sentAt+c.lease.length <= c.deadline { // an answer that was overtaken
		return
	}
	c.deadline = sentAt + c.lease.length
	c.lease.update()
}

// Release says that a claim is about to be given back: nothing more is sent for it, and
// all that was has ended. It counts no more, and the others go on. It may be called more
// than once.
func (c *Claim) Release() {
	c.lease.mu.Lock()
	defer c.lease.mu.Unlock()
	if _, held := c.lease.claims[c]; held {
		delete(c.lease.claims, c)
		c.lease.update()
	}
}

// Lost closes the gate for good and cuts what is in flight, because what was held is
// held by somebody else, or may be.
func (l *Lease) Lost(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.close(err)
}

// Close closes the gate for good, cuts what is in flight, and waits until nobody is
// behind it. Only then may what is held be given back: its error is that of ctx. It may be called more than once.
func (l *Lease) Close(ctx context.Context) error {
	l.Lost(ErrClosed)
	select {
	case <-l.quiet:
		return nil
	case <-ctx.Done():
		if l.behind.Load() == 0 {
			return nil
		}
		return fmt.Errorf("%d requests are still in flight: %w", l.behind.Load(), ctx.Err())
	}
}

// deadline is the earliest of the claims'; false without one.
func (l *Lease) deadline() (earliest time.Duration, held bool) {
	for c := range l.claims {
		if !held || c.deadline < earliest {
			earliest, held = c.deadline, true
		}
	}
	return earliest, held
}

// shutAt is when nothing new passes any more, before a deadline, and cutAt when what is in
// flight is cut.
func (l *Lease) shutAt(deadline time.Duration) time.Duration { return deadline - l.length/10 }
func (l *Lease) cutAt(deadline time.Duration) time.Duration  { return deadline - l.length/20 }

// update has everything follow the claims. The caller holds the mutex.
func (l *Lease) update() {
	if l.ctx.Err() != nil {
		return
	}
	deadline, held := l.deadline()
	if !held {
		l.shut.Store(0)
		l.settle()
	} else {
		if err := l.arm(deadline); err != nil {
			l.close(err)
			return
		}
		l.shut.Store(int64(l.shutAt(deadline)))
		l.watchUntil(l.shutAt(deadline))
	}
	close(l.changed)
	l.changed = make(chan struct{})
	if l.told && !l.isShut() {
		if l.told = false; l.away != nil {
			l.away(time.Time{}, nil)
		}
	}
}

// watchUntil has the clock looked at when it is that late.
func (l *Lease) watchUntil(at time.Duration) {
	left := at - l.clock()
	if l.watch == nil {
		l.watch = time.AfterFunc(left, l.look)
		return
	}
	l.watch.Reset(left)
}

// look shuts the gate, or closes it for good, if it is time.
func (l *Lease) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.check()
}

// check shuts the gate or closes it for good if it is time, and returns why it is closed.
// A gate that was shut opens with a renewal, and not because the clock is looked at: a
// process that is stopped then and wakes up late sends nothing, also without the kernel's
// timer. The caller holds the mutex.
func (l *Lease) check() error {
	if deadline, held := l.deadline(); held && l.ctx.Err() == nil {
		switch now := l.clock(); {
		case now >= l.cutAt(deadline):
			l.close(ErrEnded)
		case now >= l.shutAt(deadline):
			l.shut.Store(0)
			l.settle()
			l.watchUntil(l.cutAt(deadline))
		default:
			l.watchUntil(l.shutAt(deadline))
		}
	}
	return context.Cause(l.ctx)
}

// close closes the gate for good. The first reason holds. The caller holds the mutex.
func (l *Lease) close(err error) {
	if l.ctx.Err() != nil {
		return
	}
	l.shut.Store(0)
	l.cancel(err)
	if l.watch != nil {
		l.watch.Stop()
	}
	l.settle()
}

// arm has the kernel kill this process at the deadline. The caller holds the mutex.
func (l *Lease) arm(deadline time.Duration) error {
	if l.killer == nil {
		return nil
	}
	if err := l.killer.arm(deadline); err != nil {
		return fmt.Errorf("the kernel's timer that ends this process with its lease: %w", err)
	}
	l.armed = true
	return nil
}

// settle disarms the kernel's timer where the gate is shut, not to open by itself, and
// nobody is behind it. The caller holds the mutex.
func (l *Lease) settle() {
	if l.shut.Load() != 0 || l.behind.Load() != 0 {
		return
	}
	// A timer that cannot be disarmed ends the process at its deadline.
	if l.ctx.Err() == nil {
		if l.armed && l.killer.disarm() == nil {
			l.armed = false
		}
		return
	}
	select {
	case <-l.quiet:
	default:
		if l.killer != nil {
			_ = l.killer.remove()
		}
		close(l.quiet)
	}
}
