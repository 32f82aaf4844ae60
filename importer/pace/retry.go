package pace

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"importer/importer/contact"
)

// A Verdict is what may be done after a request failed.
type Verdict uint8

const (
	Final     Verdict = iota // the same request is not made again
	AtOnce                   // again, as soon as the pacer allows: it was throttled, which is nobody's failure
	Later                    // again, after a pause: it was certainly not processed
	Exhausted                // it could be made again, and was made often enough
)

// A Retry is the policy by which requests are made again, and what it has seen so
// far of one row or one request. It has one owner at a time.
type Retry struct {
	Max int // attempts after the first; 0 is none
	// Patient makes requests again also where their error is Hopeless, because others
	// have worked, and somebody else ends what never will.
	Patient  bool
	failures int       // that count against Max
	until    time.Time // zero, or when it is too late: failures do not count then
	delays   *backoff.ExponentialBackOff
}

// After notes that an attempt failed, and says what may be done. Whatever may have
// been processed, and whatever is not known, is never made again blindly. A failure
// that does not count is nobody's fault: nothing works at the moment.
func (r *Retry) After(c contact.Class, counts bool) Verdict {
	again := c == contact.Throttled || c == contact.Transient
	if again && !r.until.IsZero() {
		if !time.Now().Before(r.until) {
			return Exhausted
		}
	} else if c != contact.Throttled && counts {
		r.failures++
	}
	switch {
	case c == contact.Throttled:
		return AtOnce
	case c != contact.Transient:
		return Final
	case r.Spent():
		return Exhausted
	}
	return Later
}

// Spent tells whether no attempt is left.
func (r *Retry) Spent() bool { return r.failures > r.Max }

// Wait pauses before the next attempt: exponential back-off with full jitter. It
// is false where ctx ended first.
func (r *Retry) Wait(ctx context.Context) bool {
	if r.delays == nil {
		r.delays = newDelays(firstRetryDelay, maxRetryDelay)
	}
	d := r.delays.NextBackOff()
	if !r.until.IsZero() {
		d = min(d, time.Until(r.until))
	}
	return Sleep(ctx.Done(), d)
}

// Do makes a request until it succeeds, fails for good, or has failed too often;
// the error is then that of the last attempt. Where ctx ends during a pause it is
// that of ctx, joined to the last one. Any error that is no *APIError ends it at
// once. counts says whether a failure counts, nil that each does; again is called
// before an attempt that follows a pause.
func (r *Retry) Do(ctx context.Context, counts func() bool, again func(), request func() error) error {
	for {
		err := request()
		problem, failed := errors.AsType[*contact.APIError](err)
		switch {
		case !failed:
			return err
		case problem.Hopeless && !r.Patient:
			return problem
		}
		switch r.After(problem.Class, counts == nil || counts()) {
		case AtOnce:
			continue
		case Later:
			if !r.Wait(ctx) {
				return errors.Join(problem, context.Cause(ctx))
			}
		default:
			return problem
		}
		again()
	}
}

// Patience says how often a request outside of a run is made again.
type Patience struct {
	Retries   int           // attempts after the first, for what may be tried again
	Unreached time.Duration // or how long nobody may answer; 0: Retries say
	Throttled time.Duration // how long the quota may be used up; 0: for ever
}

// of is how long requests may fail like this one; 0: their number says.
func (p Patience) of(problem *contact.APIError) time.Duration {
	switch {
	case problem.Class == contact.Throttled:
		return p.Throttled
	case problem.Unreached():
		return p.Unreached
	}
	return 0
}

// Request makes one request outside of a run: it buys a token for each attempt,
// counts it, and tries again what was certainly not processed. An error of the API is
// an *APIError; the only other error is that of ctx. The request itself is not cut
// short by ctx.
func Request(ctx context.Context, pacer *Pacer, progress *contact.Progress, p Patience, request func(context.Context) error) error {
	retry := Retry{Max: p.Retries}
	var problem *contact.APIError // the last one
	var patience time.Duration    // with that
	return retry.Do(ctx, nil, func() { progress.Retries.Add(1) }, func() error {
		waiting, cancel := ctx, context.CancelFunc(func() {})
		if !retry.until.IsZero() {
			waiting, cancel = context.WithDeadline(ctx, retry.until)
		}
		bought, err := pacer.Wait(waiting)
		cancel()
		if err != nil && ctx.Err() == nil {
			return problem
		}
		if err != nil {
			return err
		}
		progress.Requests.Add(1)
		err = request(context.WithoutCancel(ctx))
		pacer.Done(bought, err)
		if err == nil {
			return nil
		}
		problem = contact.AsAPIError(err)
		if problem.Class == contact.Throttled {
			progress.Throttled.Add(1)
		}
		switch now := p.of(problem); now {
		case patience: // it goes on
		case 0:
			patience, retry.until = 0, time.Time{}
		default:
			patience, retry.until = now, bought.Add(now)
		}
		if late := tooLate(problem, time.Until(retry.until)); late != nil && !retry.until.IsZero() {
			problem, retry.until = late, time.Now()
		}
		return problem
	})
}

// tooLate is a refusal that asks to wait for longer than anybody does, and says so with
// the time; nil where left is enough.
func tooLate(problem *contact.APIError, left time.Duration) *contact.APIError {
	if problem.RetryAfter <= max(left, 0) || left <= 0 {
		return nil
	}
	late := *problem
	late.Hint = fmt.Sprintf("it asks to wait for %v, until %s, and give_up_after ends that in %v: run the same command again then, or raise give_up_after",
		problem.RetryAfter.Round(time.Second), time.Now().Add(problem.RetryAfter).Format(time.RFC3339), left.Round(time.Second))
	return &late
}

// newDelays returns a schedule of pauses between attempts: exponential back-off
// with full jitter, so that rows which failed together do not come back
// together. Each pause lies between 0 and twice the interval of its turn.
func newDelays(first, most time.Duration) *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval:     first,
		RandomizationFactor: 1,
		Multiplier:          2,
		MaxInterval:         most,
	}
}

const (
	firstRetryDelay = 250 * time.Millisecond
	maxRetryDelay   = 15 * time.Second
	firstProbeDelay = 500 * time.Millisecond
	maxProbeDelay   = 30 * time.Second
)

// Sleep waits. It is false where done was closed first.
func Sleep(done <-chan struct{}, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	select {
	case <-done:
		return false
	case <-time.After(d):
		return true
	}
}
