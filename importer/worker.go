package importer

import (
	"context"
	"errors"
	"fmt"
	"importer/importer/change"
	"importer/importer/contact"
	"importer/importer/pace"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// A task is a row on its way to the API.
type task struct {
	// What is known of its outcome, which settle completes and hands on: nobody
	// else touches the task from then on.
	contact.Outcome
	announced time.Time // when the report first said that it may be sent: nothing of ours is older
	failures  int       // of its attempts, what counts against the retries
	lost      bool      // an answer to one of them was lost
	lookFirst bool      // the contact may be in the project: look it up before it is created

	// Of a row whose profile is there.
	op       operation
	touched  time.Time          // when it was changed last, as far as is known
	revive   bool               // a mirror had deactivated it
	doubtful bool               // it was found after a create that was in doubt
	merge    []string           // contact ids whose profiles are to be merged into it first
	gone     string             // id of the profile that it had, and that is not there any more
	written  *change.WrittenRow // of an undo
	delays   *backoff.ExponentialBackOff
}

// errNotSent is a request that was certainly not sent, for the run is stopping.
var errNotSent = errors.New("not sent: the run is stopping")

// sendRows is one worker: it sends rows until there are no more.
func (e *engine) sendRows() {
	for t := range e.work {
		if d := e.process(t); d != nil {
			e.doubts <- d
		}
	}
}

// process does what a row needs, until it is settled or has to be looked up.
func (e *engine) process(t *task) *doubt {
	if t.lookFirst {
		t.lookFirst = false
		if e.lookUpFirst(t) {
			return nil
		}
	}
	if t.op == opCreate {
		return e.send(t)
	}
	return e.changeRow(t)
}

// send tries a row until it is settled, or until it has to be looked up: then it
// returns the doubt, and the caller passes it on.
func (e *engine) send(t *task) *doubt {
	for {
		created, err := e.create(t)
		if err == nil {
			if created.ID == "" {
				return &doubt{task: t, why: answerWithoutID, since: time.Now()}
			}
			e.settle(t, contact.Created, created.ID, false, nil)
			return nil
		}
		if errors.Is(err, errNotSent) {
			e.notSent(t)
			return nil
		}
		problem := contact.AsAPIError(err)
		if problem.Class != contact.Throttled && !e.breaker.IsOpen() {
			t.failures++
		}
		switch nextStep(problem.Class, t.failures, e.Retries) {
		case stepLookUp:
			if problem.Class == contact.Conflict {
				return &doubt{task: t, why: conflict, since: time.Now(), cause: problem}
			}
			t.lost = true
			return &doubt{task: t, why: answerLost, since: time.Now(), cause: problem}
		case stepReject:
			e.settle(t, contact.Rejected, "", false, &problem.Failure)
			return nil
		case stepGiveUp:
			e.settle(t, contact.Failed, "", false, gaveUp(problem, t.Attempts))
			return nil
		case stepStop:
			e.stop(withHint(problem))
			e.notSent(t)
			return nil
		case stepRetry:
			if !e.pause(t) {
				e.notSent(t)
				return nil
			}
		case stepAgain:
		}
	}
}

// pause waits before the next attempt; false when the run is stopping.
func (e *engine) pause(t *task) bool {
	if t.delays == nil {
		t.delays = pace.RetryBackOff()
	}
	return pace.Sleep(e.ctx.Done(), t.delays.NextBackOff())
}

// create sends one create request.
func (e *engine) create(t *task) (contact.CreateResult, error) {
	var created contact.CreateResult
	alive := func(now time.Time) error { return e.stillAlive(t.Row.Key, now) }
	err := e.call(alive, func(ctx context.Context) (err error) {
		t.Attempts++
		if t.Attempts > 1 {
			e.Progress.Retries.Add(1)
		}
		created, err = e.API.Create(ctx, t.Row.Profile)
		return err
	})
	return created, err
}

// call sends one request as soon as the breaker, the limit of requests in flight
// and the pacer allow it, after a last word to the report where before is not nil; an
// error of that stops the run. It returns errNotSent where the run stopped before
// the request; the request itself is not cut short by a stop.
func (e *engine) call(before func(now time.Time) error, request func(context.Context) error) error {
	pass, err := e.breaker.Wait(e.ctx)
	if err != nil {
		return errNotSent
	}
	if err := e.limit.Acquire(e.ctx); err != nil {
		e.breaker.Unused(pass)
		return errNotSent
	}
	var latency time.Duration // 0: not sent
	answered := false
	defer func() { e.limit.Release(latency, answered) }()
	bought, err := e.Pacer.Wait(e.ctx)
	if err != nil {
		e.breaker.Unused(pass)
		return errNotSent
	}
	if before != nil && !e.stopping() {
		if err := before(bought); err != nil {
			e.stop(err)
		}
	}
	if e.stopping() {
		e.Pacer.Done(bought, context.Canceled)
		e.breaker.Unused(pass)
		return errNotSent
	}

	e.Progress.Requests.Add(1)
	e.Progress.InFlight.Add(1)
	sent := time.Now()
	err = request(e.sendCtx)
	e.Progress.InFlight.Add(-1)
	latency = e.Pacer.Done(bought, err).Sub(sent)
	if err == nil {
		answered = true
		e.breaker.Done(pass, true)
		return nil
	}
	problem := contact.AsAPIError(err)
	switch problem.Class {
	case contact.Throttled:
		answered = true
		e.Progress.Throttled.Add(1)
		e.breaker.Unused(pass)
	case contact.Ambiguous, contact.Transient:
		if down := e.breaker.Done(pass, false); down > 0 {
			e.stop(fmt.Errorf("nothing has worked for %s, the last request with: %w; look at the network and at the API's state, then run the same command again: it resumes", down.Round(time.Second), problem))
		}
	default:
		answered = true
		e.breaker.Done(pass, true)
	}
	return problem
}

// settle reports what became of a row that was sent.
func (e *engine) settle(t *task, s contact.Status, id string, found bool, why *contact.Failure) {
	o := &t.Outcome
	o.Status, o.ID, o.Found, o.Failure = s, id, found, why
	o.Touched, o.At = t.op == opTouch && s == contact.Updated, time.Now()
	e.report(o)
}

// notSent reports a row that the stop of the run overtook. No request that was
// sent for it can have been processed.
func (e *engine) notSent(t *task) {
	if t.doubtful {
		e.settle(t, contact.Unknown, t.ID, true, &contact.Failure{
			Detail: "the profile was found, and the run was stopped before it could be compared with the row",
			Hint:   "the next run of the same command looks it up again",
		})
		return
	}
	e.results <- result{kind: announcedOnly, outcome: &t.Outcome}
}

// withHint is an error that ends the run, with what to do about it.
func withHint(problem *contact.APIError) error {
	if problem.Hint == "" {
		return problem
	}
	return fmt.Errorf("%w; %s", problem, problem.Hint)
}

func gaveUp(problem *contact.APIError, attempts int) *contact.Failure {
	f := problem.Failure
	f.Detail = fmt.Sprintf("gave up after %d attempts, the last with: %s", attempts, f.Detail)
	f.Hint = "the next run of the same command tries it again"
	return &f
}
