package importer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"importer/importer/contact"
)

// A kind of request. Something on the way may let one kind through and not
// another.
type kind uint8

const (
	kindRead kind = iota
	kindCreate
	kindChange
	kinds
)

var kindNames = [kinds]string{"read", "create", "change"}

const (
	// maxForeign is how many answers in a row may come from something on the way
	// before the run ends, and maxForeignAtStart how many where the API has not
	// answered a request of that kind yet.
	maxForeign        = 16
	maxForeignAtStart = 3
	// minFailures is how many requests must have failed in a row before a run is
	// over, however far apart they were.
	minFailures = 3
	// maxReasons bounds how many different reasons are logged.
	maxReasons = 50
)

// A health is what the answers so far say about the way to the API: whether
// anything works, since when nothing does, and why. It ends a run in which nothing
// will.
type health struct {
	stop          func(error)
	log           func(*contact.APIError)
	giveUpAtStart time.Duration
	giveUp        time.Duration
	mu            sync.Mutex
	worked        bool             // the API has answered
	heard         [kinds]bool      // and to a request of this kind
	foreign       [kinds]int       // answers in a row that were not the API's
	succeeded     [kinds]time.Time // the last request of this kind that succeeded was sent then
	failures      int              // since the API answered last
	throttled     bool             // all of them were refused because of the quota
	since, failed time.Time        // the first of them and the last were sent then
	last          *contact.APIError
	timer         *time.Timer     // ends the run when since is too long ago
	reasons       map[string]bool // that were logged
}

// answer takes what became of a request that was sent at a time.
func (h *health) answer(k kind, sent time.Time, problem *contact.APIError) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if problem == nil || definite(problem) {
		h.worked, h.heard[k] = true, true
		h.foreign[k] = 0
		// What was sent before the last failure says nothing of the time after it.
		if h.failures > 0 && sent.After(h.failed) {
			h.failures = 0
			h.timer.Stop()
		}
		if problem == nil && sent.After(h.succeeded[k]) {
			h.succeeded[k] = sent
		}
		return
	}
	h.logOnce(problem)
	// A gateway's 5xx says that the API is not there, like a connection that is
	// refused.
	if problem.Author == contact.Way && problem.HTTP < http.StatusInternalServerError {
		h.foreign[k]++
		most := maxForeign
		if !h.heard[k] {
			most = maxForeignAtStart
		}
		if h.foreign[k] >= most {
			h.stop(fmt.Errorf("%d answers in a row did not come from the API but from something on the way to it, the last with: %w", h.foreign[k], problem))
		}
		return
	}
	h.fail(sent, problem)
}

// definite tells whether an error is the API's verdict about one request: the way
// to it works.
func definite(problem *contact.APIError) bool {
	if problem.Author == contact.Way {
		return false
	}
	switch problem.Class {
	case contact.Permanent, contact.Conflict, contact.Fatal:
		return true
	}
	return false
}

// fail notes a request that nobody has answered, or that was refused like all
// others. The caller holds mu.
func (h *health) fail(sent time.Time, problem *contact.APIError) {
	quota := problem.Class == contact.Throttled
	if h.failures == 0 {
		h.since, h.throttled = sent, true
	}
	h.failures++
	h.failed = sent
	h.throttled = h.throttled && quota
	h.last = problem
	if problem.Hopeless && !h.worked {
		h.stop(fmt.Errorf("the API cannot be reached: %w", problem))
		return
	}
	left := time.Until(h.since.Add(h.patience()))
	switch {
	case left <= 0 && h.failures >= minFailures:
		h.giveUpNow()
	case h.timer == nil:
		h.timer = time.AfterFunc(max(0, left), h.expired)
	default:
		h.timer.Reset(max(0, left))
	}
}

// patience is how long nothing may work: less where nothing has yet, but for a
// quota that somebody else has used up.
func (h *health) patience() time.Duration {
	if !h.worked && !h.throttled {
		return min(h.giveUpAtStart, h.giveUp)
	}
	return h.giveUp
}

// expired is called by the timer.
func (h *health) expired() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failures >= minFailures || h.failures > 0 && h.throttled {
		h.giveUpNow()
	}
}

func (h *health) giveUpNow() {
	down := time.Since(h.since).Round(time.Second)
	h.stop(fmt.Errorf("nothing has worked for %s, the last request with: %w; then run the same command again: it resumes", down, h.last))
}

// succeededSince tells whether a request of a kind succeeded that was sent after
// a time.
func (h *health) succeededSince(k kind, t time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.succeeded[k].After(t)
}

// close stops the clock.
func (h *health) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.timer != nil {
		h.timer.Stop()
	}
}

// logOnce logs each reason once, at the moment it is first seen. The caller holds
// mu.
func (h *health) logOnce(problem *contact.APIError) {
	reason := fmt.Sprint(problem.Author, problem.Class, problem.HTTP, contact.WithoutValues(problem.Detail))
	if h.reasons[reason] || len(h.reasons) >= maxReasons {
		return
	}
	if h.reasons == nil {
		h.reasons = make(map[string]bool)
	}
	h.reasons[reason] = true
	h.log(problem)
}

// isBarred tells whether something on the way refused a request, as a firewall
// does that dislikes its text.
func isBarred(problem *contact.APIError) bool {
	if problem.Author != contact.Way {
		return false
	}
	switch problem.HTTP {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge:
		return true
	}
	return problem.HTTP/100 == 3
}

// isGone tells whether the API says that a profile is not there.
func isGone(err error) bool {
	problem, ok := errors.AsType[*contact.APIError](err)
	return ok && problem.Author == contact.API && problem.Class == contact.Permanent && problem.HTTP == http.StatusNotFound
}

// reportHealth logs why a request failed.
func (e *engine) reportHealth(problem *contact.APIError) {
	e.Log.Warn().Err(problem).Msg("a request failed; each reason is told once")
}

// contextOf is what a request of a kind runs under: a write once sent is worth its
// answer, a read is not.
func (e *engine) contextOf(k kind) context.Context {
	if k == kindRead {
		return e.ctx
	}
	return e.sendCtx
}
