package pace

import (
	"context"
	"errors"
	"iter"
	"math"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"importer/importer/contact"
)

// A Pacer says when a request may be sent. Every request buys one token with
// Wait and reports its end with Done: creates, updates, pages, look-ups and
// retries alike. A read and the write that may follow it buy both tokens at once
// with WaitFor, so that no wait lies between them. Its methods may be called from many goroutines; it has no
// goroutine of its own.
//
// # The quota
//
// What must hold is that no window of the server's holds more than the quota.
// The server counts a request when it arrives, which is some time between Wait
// and Done, and nobody here knows when: a first request that opens a connection
// arrives a tenth of a second late, a later one at once. So the pacer counts a
// request
//
//   - from Wait until Done as in the window, however long that takes, and
//   - from Done for one more window and the margin, less the shortest time that
//     an answer ever took (no later request can overtake by more than that).
//
// Where all requests take the same time, that is the moment of sending, and
// nothing is lost. The margin is for clocks that run differently and for timers
// and networks that jitter; see Rate.Margin.
//
// # The gate
//
// An answer 429, or 503 with Retry-After, closes one gate for everybody. See
// throttle. Refusals that come again and again cut quota and pace. See learner.
type Pacer struct {
	rate    Rate
	started time.Time // origin of the times in sent

	// turn lets one caller at a time wait for a token, in their order, so that none
	// starves.
	turn *semaphore.Weighted

	mu       sync.Mutex
	waiting  int           // callers inside Wait that found no token at once
	changed  chan struct{} // closed to let sleepers look again; nil: nobody sleeps
	blind    bool          // a sleeper waits for an answer, not for a time
	inFlight int           // tokens bought and not done
	sent     times         // when requests were done, oldest first, as far as they still count
	fastest  time.Duration // shortest time from Wait to an answer; 0: no answer yet
	pace     *rate.Limiter // nil: no pace
	throttle throttle
	learned  learner // of the quota
	tempo    learner // of the pace, over ten seconds, or twenty requests

	ledger   Ledger // nil: not shared
	unshared func(error)
	askAgain time.Time // when the ledger may have a token
	counted  time.Time // when the runs that share the pace were counted
}

// A Ledger shares the limits with other runs that leave from the same address.
// Implemented by ledger.Ledger. Its methods may be called from many goroutines, and most calls
// are cheap; without a quota only Runs is called.
type Ledger interface {
	// Take takes so many tokens of the shared quota, or none, and then returns how long
	// to wait before asking again. It does not wait itself. After an error nothing can be
	// shared any more.
	Take(n int) (wait time.Duration, err error)
	// Done ends what Take began for one token: its request was answered now, or never
	// sent.
	Done(sent bool)
	// Available returns how many tokens could be taken from now until within has
	// passed, if no other run took any.
	Available(within time.Duration) int
	// Runs returns how many live runs share the limits, this one included.
	Runs() int
}

// PacerOptions are what a Pacer may be told besides its rate. The zero value
// holds good defaults.
type PacerOptions struct {
	// MaxRetryAfter bounds what a server may ask for with Retry-After. 0: 10 minutes.
	MaxRetryAfter time.Duration
	// Ledger shares the limits with other runs; nil: they are this run's alone. A
	// quota is shared token by token, a smooth pace in equal parts. If the ledger
	// fails, the pacer goes on without. The caller closes it.
	Ledger Ledger
	// Unshared is called with the error of a ledger that failed, once; may be nil. It
	// must not call the pacer.
	Unshared func(error)
}

// NewPacer returns a pacer that has sent nothing yet.
func NewPacer(r Rate, opt PacerOptions) *Pacer {
	p := &Pacer{
		rate:     r,
		started:  time.Now(),
		turn:     semaphore.NewWeighted(1),
		throttle: newThrottle(r, opt.MaxRetryAfter),
		ledger:   opt.Ledger,
		unshared: opt.Unshared,
	}
	if r.Quota > 0 {
		p.learned = newLearner(r.Quota, r.Window)
	}
	if r.Pace > 0 {
		// A timer cannot serve thousands of wake-ups a second evenly; 10 ms worth of
		// requests may go at once. Up to 100/s that is one.
		p.pace = rate.NewLimiter(rate.Limit(r.Pace), max(1, int(r.Pace/100)))
		window := max(10*time.Second, time.Duration(20/r.Pace*float64(time.Second)))
		p.tempo = newLearner(int(math.Ceil(r.Pace*window.Seconds())), window)
	}
	return p
}

// Unlimited tells whether neither a quota nor a pace limits the requests.
func (p *Pacer) Unlimited() bool { return p.rate.Unlimited() }

// Preload counts requests that were sent before this pacer was made, by an
// earlier run, as far as the window still holds them: times, and how many were
// sent then. The times are those of their answers, or later; times in the future
// count as now. To be called before the first Wait.
func (p *Pacer) Preload(answered iter.Seq2[time.Time, int]) {
	if p.rate.Quota == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for t, n := range answered {
		// Times read from a file carry no monotonic clock, so that Sub takes the wall
		// clock. They may be cut to milliseconds.
		age := max(0, now.Sub(t)-time.Millisecond)
		if age < p.hold() {
			p.sent = append(p.sent, slices.Repeat([]time.Duration{now.Sub(p.started) - age}, n)...)
		}
	}
	slices.Sort(p.sent)
}

// Wait blocks until one request may be sent, and buys its token. It returns the
// moment of that, for Done. The only error is that of ctx, and then nothing was
// bought.
//
// The context should end with the run, not with the request: give the request
// its own timeout after Wait.
func (p *Pacer) Wait(ctx context.Context) (time.Time, error) {
	bought, _, err := p.WaitFor(ctx, 1)
	return bought, err
}

// WaitFor is Wait for n requests that follow each other without another wait. It buys
// all of their tokens at once, or as many as the quota ever gives, which it returns: at
// least 1. Each of them needs its own Done. A smooth pace lets them go together and
// makes the next caller wait for as long as they should have taken.
func (p *Pacer) WaitFor(ctx context.Context, n int) (bought time.Time, got int, err error) {
	if err := ctx.Err(); err != nil {
		return time.Time{}, 0, err
	}
	p.mu.Lock()
	if now := time.Now(); p.waiting == 0 {
		if got, wait := p.tryBuy(now, n); wait == 0 {
			p.mu.Unlock()
			return now, got, nil
		}
	}
	p.waiting++
	p.mu.Unlock()

	if err = p.turn.Acquire(ctx, 1); err == nil {
		err = p.sleep(ctx, func(now time.Time) (wait time.Duration) {
			bought = now
			got, wait = p.tryBuy(now, n)
			return wait
		})
		p.turn.Release(1)
	}
	p.mu.Lock()
	p.waiting--
	p.mu.Unlock()
	return bought, got, err
}

// sleep blocks until check, called under the lock, returns 0.
func (p *Pacer) sleep(ctx context.Context, check func(now time.Time) time.Duration) error {
	for {
		p.mu.Lock()
		d := check(time.Now())
		if d == 0 {
			p.mu.Unlock()
			return nil
		}
		if p.changed == nil {
			p.changed = make(chan struct{})
		}
		changed := p.changed
		p.blind = p.blind || d == unknown
		p.mu.Unlock()

		select {
		case <-time.After(d):
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Done reports the end of the request whose token Wait returned at bought, and
// returns the moment of that. err is what the API said of it: nil, or an
// *APIError. Each Wait that succeeded needs exactly one Done: until then the
// request counts as in the window.
//
// A request that certainly never left (a Transient error without an answer, or
// context.Canceled as such, for a caller that did not send at all) gives its
// token back.
func (p *Pacer) Done(bought time.Time, err error) (now time.Time) {
	end, retryAfter := endOf(err)
	p.mu.Lock()
	defer p.mu.Unlock()
	now = time.Now()
	p.inFlight--
	if p.ledger != nil && p.rate.Quota > 0 {
		p.ledger.Done(end != unsent)
	}
	if end == unsent {
		if p.pace != nil && err == context.Canceled { // nobody was called, so that nobody was called too soon
			p.pace.ReserveN(now, -1)
		}
		p.throttle.unsure(bought)
		p.wake()
		return now
	}
	if p.rate.Quota > 0 {
		p.expire(now)
		p.sent.push(now.Sub(p.started))
	}
	if latency := now.Sub(bought); end != lost && (p.fastest == 0 || latency < p.fastest) {
		p.fastest = max(1, latency)
	}
	switch end {
	case throttled:
		burst := p.throttle.refused(now, bought, retryAfter)
		p.learned.refuse(now.Sub(p.started), burst)
		p.tempo.refuse(now.Sub(p.started), burst)
		p.setPace(now)
	case answered:
		p.throttle.accepted(bought)
		p.learned.accept(now.Sub(p.started))
		p.tempo.accept(now.Sub(p.started))
	case lost:
		p.throttle.unsure(bought)
	}
	if p.blind {
		p.wake()
	}
	return now
}

// ends of a request, as far as the quota is concerned
type end uint8

const (
	answered  end = iota
	lost          // may have arrived
	throttled     // answered 429, or 503 with Retry-After
	unsent        // certainly did not arrive
)

func endOf(err error) (end, time.Duration) {
	e, ofAPI := errors.AsType[*contact.APIError](err)
	switch {
	case err == nil:
		return answered, 0
	case !ofAPI && errors.Is(err, context.Canceled):
		return unsent, 0
	case !ofAPI:
		return lost, 0
	case e.Class == contact.Throttled, e.HTTP == http.StatusTooManyRequests, e.Class == contact.Transient && e.RetryAfter > 0 && e.Author != contact.Way:
		return throttled, e.RetryAfter
	case e.Class == contact.Transient && e.HTTP == 0:
		return unsent, 0
	case e.HTTP == 0:
		return lost, 0
	}
	return answered, 0
}

// unknown is how long the pacer lets a caller sleep that waits for an event, not
// for a time. The event wakes it.
const unknown = time.Hour

// until returns how long it takes until n tokens can be bought; 0: now. It changes
// nothing: see adapt.
func (p *Pacer) until(now time.Time, n int) time.Duration {
	d := p.throttle.until(now)
	if p.rate.Quota > 0 {
		d = max(d, p.untilQuota(now, n))
	}
	if short := p.short(now); short > 0 {
		d = max(d, 1+time.Duration(short/float64(p.pace.Limit())*float64(time.Second)))
	}
	return d
}

// short is how much of a token the pace is short of; 0 or less where it allows a
// request, or there is none.
func (p *Pacer) short(now time.Time) float64 {
	if p.pace == nil {
		return 0
	}
	return 1 - p.pace.TokensAt(now)
}

// adapt forgets what has left the window, and changes the limits where it is time
// for that: a request that has to wait for one lets it grow.
func (p *Pacer) adapt(now time.Time, n int) {
	if p.rate.Quota > 0 {
		p.expire(now)
		if p.mustLeave(n) > 0 {
			p.learned.grow(now.Sub(p.started))
		}
	}
	if p.ledger != nil && now.Sub(p.counted) >= time.Second {
		p.counted = now
		p.setPace(now)
	}
	if p.short(now) > 0 && p.tempo.grow(now.Sub(p.started)) {
		p.setPace(now)
	}
}

func (p *Pacer) setPace(now time.Time) {
	if p.pace == nil {
		return
	}
	pace := min(p.rate.Pace, float64(p.tempo.limit)/p.tempo.window.Seconds())
	if p.ledger != nil {
		pace = min(pace, p.rate.Pace/float64(p.ledger.Runs()))
	}
	p.pace.SetLimitAt(now, rate.Limit(pace))
}

// mustLeave is how many requests must leave the window before the next n.
func (p *Pacer) mustLeave(n int) int { return len(p.sent) + p.inFlight + n - p.learned.limit }

func (p *Pacer) untilQuota(now time.Time, n int) time.Duration {
	must := p.mustLeave(n)
	switch {
	case must <= 0:
		return 0
	case must > len(p.sent):
		return unknown // some that are in flight must be answered first
	}
	return p.sent[must-1] + p.hold() - now.Sub(p.started)
}

// hold is how long a request stays in the window after its answer.
func (p *Pacer) hold() time.Duration {
	return max(1, p.rate.Window+p.rate.Margin()-p.fastest)
}

func (p *Pacer) expire(now time.Time) { p.sent = p.sent[p.left(now):] }

// left is how many of the requests in sent have left the window.
func (p *Pacer) left(now time.Time) int { return p.sent.before(now.Sub(p.started) - p.hold()) }

// tryBuy buys n tokens, or as many as the quota ever gives, and returns how many; or it
// buys none, and returns how long to wait.
func (p *Pacer) tryBuy(now time.Time, n int) (got int, wait time.Duration) {
	if p.rate.Quota > 0 {
		n = min(n, p.learned.limit)
	}
	p.adapt(now, n)
	if d := p.until(now, n); d > 0 {
		return 0, d
	}
	if p.ledger != nil && p.rate.Quota > 0 {
		d, err := p.ledger.Take(n)
		if err != nil {
			if p.ledger = nil; p.unshared != nil {
				p.unshared(err)
			}
		} else if d > 0 {
			p.askAgain = now.Add(d)
			return 0, d
		}
	}
	p.inFlight += n
	for range n {
		if p.pace != nil {
			p.pace.ReserveN(now, 1) // of the second one on, a debt
		}
	}
	p.throttle.bought()
	return n, 0
}

func (p *Pacer) wake() {
	if p.changed != nil {
		close(p.changed)
		p.changed, p.blind = nil, false
	}
}
