package importer

import (
	"context"
	"errors"
	"net/http"
	"time"

	"importer/importer/contact"
	"importer/importer/pace"
)

// errNotSent is a request that was certainly not sent, because the run is
// stopping.
var errNotSent = errors.New("not sent: the run is stopping")

// A permit lets requests leave that follow each other: the breaker was asked, and a
// place in flight and the tokens were waited for, when it was given. Whoever asks for
// one gives it back.
type permit struct {
	e        *engine
	pass     pace.Pass // of the first request; the others need none, because that one was answered
	bought   time.Time
	tokens   int           // not used yet
	latency  time.Duration // of the last request; 0: none was sent
	answered bool          // it was, as it should be
}

// permit waits until requests may leave, so many or at least the first of them: see
// pace.Pacer.WaitFor. The only error is errNotSent.
func (e *engine) permit(requests int) (*permit, error) {
	pass, err := e.breaker.Wait(e.ctx)
	if err != nil {
		return nil, errNotSent
	}
	p := &permit{e: e, pass: pass}
	if err := e.limit.Acquire(e.ctx); err != nil {
		e.breaker.Unused(pass)
		return nil, errNotSent
	}
	if p.bought, p.tokens, err = e.Pacer.WaitFor(e.ctx, requests); err != nil {
		p.giveBack()
		return nil, errNotSent
	}
	return p, nil
}

// giveBack gives back what was not used.
func (p *permit) giveBack() {
	for range p.tokens {
		p.e.Pacer.Done(p.bought, context.Canceled)
	}
	p.tokens = 0
	p.e.breaker.Unused(p.pass)
	p.e.limit.Release(p.latency, p.answered)
}

// send sends one request through the gate, after a last word to the journal where before
// is not nil; an error of either stops the run. It returns errNotSent where the run stopped
// before the request, or while a read was waiting for its answer; a write is cut short by
// the gate alone. Every other error is an *APIError.
func (p *permit) send(k pace.Kind, before func(now time.Time) error, request func(context.Context) error) error {
	e := p.e
	if e.stopping() {
		return errNotSent
	}
	if err := pace.Through(e.ctx, e.Gate, p.bought, before); err != nil {
		e.stop(err)
		return errNotSent
	}
	defer e.Gate.Done()
	if e.stopping() {
		return errNotSent
	}
	p.tokens--
	pass := p.pass
	p.pass = pace.Pass{}
	e.Progress.Requests.Add(1)
	e.Progress.InFlight.Add(1)
	sent := time.Now()
	ctx := e.contextOf(k)
	err := request(ctx)
	e.Progress.InFlight.Add(-1)
	p.latency, p.answered = e.Pacer.Done(p.bought, err).Sub(sent), false
	if err != nil && ctx.Err() != nil {
		e.breaker.Unused(pass)
		if k == pace.Read {
			return errNotSent
		}
		return contact.AsAPIError(err)
	}
	p.answered, err = e.judgeWay(k, pass, sent, err)
	return err
}

// call sends one request as soon as it may leave: see permit.
func (e *engine) call(k pace.Kind, before func(now time.Time) error, request func(context.Context) error) error {
	p, err := e.permit(1)
	if err != nil {
		return err
	}
	defer p.giveBack()
	return p.send(k, before, request)
}

// callFor sends a request about a row, by the permit that the row has already, or by
// one for it and those that follow it, so many in all.
func (e *engine) callFor(t *task, requests int, k pace.Kind, request func(context.Context) error) (err error) {
	if t.permit == nil || t.permit.tokens == 0 {
		t.giveBack()
		if t.permit, err = e.permit(requests); err != nil {
			return err
		}
	}
	return t.permit.send(k, nil, request)
}

// giveBack gives back the permit of a row, if it has one.
func (t *task) giveBack() {
	if t.permit != nil {
		t.permit.giveBack()
		t.permit = nil
	}
}

// judgeWay tells the breaker and the health of the run how a request ended. It
// returns whether the server answered as it should, and the error as an *APIError.
func (e *engine) judgeWay(k pace.Kind, pass pace.Pass, sent time.Time, err error) (answered bool, _ error) {
	if err == nil {
		e.breaker.Done(pass, true)
		e.Progress.Work()
		e.health.Answer(k, sent, nil)
		return true, nil
	}
	problem := contact.AsAPIError(err)
	switch {
	case problem.Class == contact.Throttled:
		e.Progress.Throttled.Add(1)
		e.breaker.Unused(pass)
		answered = true
	case problem.Author == contact.Way && problem.HTTP < http.StatusInternalServerError: // too many of them end the run by themselves
		e.breaker.Unused(pass)
	default:
		answered = problem.IsDefinite()
		e.breaker.Done(pass, answered)
	}
	if problem.IsDefinite() {
		e.Progress.Work()
	} else {
		e.Progress.Fail(problem)
	}
	e.health.Answer(k, sent, problem)
	return answered, problem
}

// ask makes a read, or several that belong together, until they succeed or so many
// retries are used up. Its error is then that of the last, or errNotSent. A fatal
// one stops the run.
func (e *engine) ask(retries int, request func() error) error {
	retry := pace.Retry{Max: retries, Patient: true}
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

// list reads one page. One that takes too long is too large, too: a gateway gives up
// while the API still gathers it.
func (e *engine) list(q contact.ListQuery) (contact.ListPage, error) {
	var page contact.ListPage
	err := e.call(pace.Read, nil, func(ctx context.Context) (err error) {
		page, err = e.API.List(ctx, q)
		return err
	})
	problem, failed := err.(*contact.APIError)
	if failed && q.Limit > minLimit && (problem.HTTP == http.StatusGatewayTimeout || errors.Is(problem, context.DeadlineExceeded)) {
		smaller := *problem
		smaller.Class, smaller.Err = contact.Permanent, contact.ErrTooLarge
		return page, &smaller
	}
	return page, err
}

// minLimit is the page that is never too large.
const minLimit = 10

func (e *engine) get(id string) (contact.Found, error) {
	var f contact.Found
	err := e.call(pace.Read, nil, func(ctx context.Context) (err error) {
		f, err = e.API.Get(ctx, id)
		return err
	})
	return f, err
}

// logFailure logs why a request failed.
func (e *engine) logFailure(problem *contact.APIError) {
	e.Log.Warn().Err(problem).Msg("a request failed; each reason is logged once")
}

// contextOf is what a request of a kind runs under: a write once sent is worth its
// answer until the gate closes, a read is not.
func (e *engine) contextOf(k pace.Kind) context.Context {
	if k == pace.Read {
		return e.ctx
	}
	return e.sendCtx
}
