package importer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"importer/importer/contact"
	"importer/importer/pace"
)

// errNotSent is a request that was certainly not sent, because the run is
// stopping.
var errNotSent = errors.New("not sent: the run is stopping")

// call sends one request as soon as the breaker, the limit of requests in flight
// and the pacer allow it, after a last word to the journal where before is not
// nil; an error of that stops the run. It returns errNotSent where the run stopped
// before the request; the request itself is not cut short by a stop. Every other
// error is an *APIError.
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
	answered, err = e.passOn(pass, err)
	return err
}

// passOn tells the breaker how a request ended. It returns whether the server
// answered as it should, and the error as an *APIError.
func (e *engine) passOn(pass pace.Pass, err error) (answered bool, _ error) {
	if err == nil {
		e.breaker.Done(pass, true)
		return true, nil
	}
	problem := contact.AsAPIError(err)
	switch problem.Class {
	case contact.Throttled:
		e.Progress.Throttled.Add(1)
		e.breaker.Unused(pass)
	case contact.Ambiguous, contact.Transient:
		if down := e.breaker.Done(pass, false); down > 0 {
			e.stop(fmt.Errorf("nothing has worked for %s, the last request with: %w; look at the network and at the API's state, then run the same command again: it resumes", down.Round(time.Second), problem))
		}
		return false, problem
	default:
		e.breaker.Done(pass, true)
	}
	return true, problem
}

// ask makes a read, or several that belong together, until they succeed or so many
// retries are used up. Its error is then that of the last, or errNotSent. A fatal
// one stops the run.
func (e *engine) ask(retries int, request func() error) error {
	retry := pace.Retry{Max: retries}
	err := retry.Do(e.ctx, func() bool { return !e.breaker.IsOpen() }, func() { e.Progress.Retries.Add(1) }, request)
	if err == nil {
		return nil
	}
	problem, failed := err.(*contact.APIError)
	if !failed { // the run is stopping, perhaps in a pause
		return errNotSent
	}
	if problem.Class == contact.Fatal {
		e.stop(problem)
		return errNotSent
	}
	return problem
}

func (e *engine) list(q contact.ListQuery) (contact.ListPage, error) {
	var page contact.ListPage
	err := e.call(nil, func(ctx context.Context) (err error) {
		page, err = e.API.List(ctx, q)
		return err
	})
	return page, err
}

func (e *engine) get(id string) (contact.Found, error) {
	var f contact.Found
	err := e.call(nil, func(ctx context.Context) (err error) {
		f, err = e.API.Get(ctx, id)
		return err
	})
	return f, err
}
