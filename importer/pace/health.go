package pace

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"importer/importer/contact"
)

// A Kind of request. Something on the way may let one kind through and not another.
type Kind uint8

const (
	Read Kind = iota
	Create
	Change
	kinds
)

const (
	// MaxForeign is how many answers in a row may come from something on the way
	// before the run ends, and MaxForeignAtStart how many where the API has not
	// answered a request of that kind yet.
	MaxForeign        = 16
	MaxForeignAtStart = 3
	// minFailures is how many requests must have failed in a row before a run is
	// over, however far apart they were.
	minFailures = 3
	// maxReasons bounds how many different reasons are logged.
	maxReasons = 50
)

// A Health is what the answers so far say about the way to the API: whether
// anything works, since when nothing does, and why. It ends a run in which nothing
// will.
type Health struct {
	stop          func(error)
	log           func(*contact.APIError)
	giveUpAtStart time.Duration
	giveUp        time.Duration
	mu            sync.Mutex
	worked        bool             // the API has answered
	heard         [kinds]bool      // and to a request of this kind
	foreign       [kinds]int       // answers in a row that were not the API's
	succeeded     [kinds]time.Time // the last request of this kind that succeeded was sent then
	refused       [kinds]time.Time // since then each request of this kind was refused because of the quota; zero: they are not
	closed        time.Time        // when such a refusal came last: what had left by then tells nothing of the time after it
	failures      int              // since the API answered last
	throttled     bool             // all of them were refused because of the quota
	since, failed time.Time        // the first of them and the last were sent then
	last          *contact.APIError
	timer         *time.Timer     // ends the run when since is too long ago
	reasons       map[string]bool // that were logged
}

// NewHealth returns the health of a run that has sent nothing yet. It calls stop
// with what ends the run, and log with each reason why a request failed, the first
// time that it is met; both must not block. The caller closes it.
func NewHealth(stop func(error), log func(*contact.APIError), giveUpAtStart, giveUp time.Duration) *Health {
	return &Health{stop: stop, log: log, giveUpAtStart: giveUpAtStart, giveUp: giveUp}
}

// Answer takes what became of a request that was sent at a time.
func (h *Health) Answer(k Kind, sent time.Time, problem *contact.APIError) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if problem == nil || problem.IsDefinite() {
		h.worked, h.heard[k] = true, true
		h.foreign[k] = 0
		if sent.After(h.closed) {
			h.refused[k] = time.Time{}
		}
		// What was sent before the last failure says nothing of the time after it.
		if h.failures > 0 && sent.After(h.failed) && sent.After(h.closed) {
			h.failures = 0
			h.timer.Stop()
		}
		if problem == nil && sent.After(h.succeeded[k]) {
			h.succeeded[k] = sent
		}
		return
	}
	h.logOnce(problem)
	if problem.Class == contact.Throttled || problem.HTTP == http.StatusTooManyRequests { // whoever's word it is: the pacer waits
		h.refuse(k, sent, problem)
	}
	// A gateway's 5xx says that the API is not there, like a connection that is
	// refused.
	if problem.Author == contact.Way && problem.HTTP < http.StatusInternalServerError {
		h.foreign[k]++
		most := MaxForeign
		if !h.heard[k] {
			most = MaxForeignAtStart
		}
		if h.foreign[k] >= most {
			h.stop(fmt.Errorf("%d answers in a row did not come from the API but from something on the way to it, the last with: %w", h.foreign[k], problem))
		}
		return
	}
	h.fail(sent, problem)
}

// refuse notes a refusal because of the quota. It ends the run where the server asks to
// wait for too long, and where it takes other kinds of requests, and has refused this
// one for too long. The caller holds mu.
func (h *Health) refuse(k Kind, sent time.Time, problem *contact.APIError) {
	h.closed = time.Now()
	if h.refused[k].IsZero() {
		h.refused[k] = sent
	}
	left := time.Until(h.refused[k].Add(h.giveUp))
	if late := tooLate(problem, left); late != nil {
		h.stop(late)
	} else if left <= 0 {
		h.stop(fmt.Errorf("every %s has been refused for %s, the last with: %w; then run the same command again: it resumes",
			[...]string{"read", "create", "change"}[k], time.Since(h.refused[k]).Round(time.Second), problem))
	}
}

// fail notes a request that nobody has answered, or that was refused like all
// others. The caller holds mu.
func (h *Health) fail(sent time.Time, problem *contact.APIError) {
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
	if late := tooLate(problem, time.Until(h.since.Add(h.giveUp))); late != nil && problem.Author != contact.Way {
		h.stop(late)
		return
	}
	left := time.Until(h.since.Add(h.patience()))
	// One attempt to connect may take as long as a start.
	enough := h.failures >= minFailures || problem.NoConnection && !h.worked
	switch {
	case left <= 0 && enough:
		h.giveUpNow()
	case h.timer == nil:
		h.timer = time.AfterFunc(max(0, left), h.expired)
	default:
		h.timer.Reset(max(0, left))
	}
}

// patience is how long nothing may work: less where nothing has yet, but for a
// quota that somebody else has used up.
func (h *Health) patience() time.Duration {
	if !h.worked && !h.throttled {
		return min(h.giveUpAtStart, h.giveUp)
	}
	return h.giveUp
}

// expired is called by the timer.
func (h *Health) expired() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failures >= minFailures || h.failures > 0 && h.throttled {
		h.giveUpNow()
	}
}

func (h *Health) giveUpNow() {
	down := time.Since(h.since).Round(time.Second)
	h.stop(fmt.Errorf("nothing has worked for %s, the last request with: %w; then run the same command again: it resumes", down, h.last))
}

// SucceededSince tells whether a request of a kind succeeded that was sent after
// a time.
func (h *Health) SucceededSince(k Kind, t time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.succeeded[k].After(t)
}

// Close stops the clock.
func (h *Health) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.timer != nil {
		h.timer.Stop()
	}
}

// logOnce logs each reason once, at the moment it is first seen. The caller holds
// mu.
func (h *Health) logOnce(problem *contact.APIError) {
	reason := fmt.Sprint(problem.Author, problem.HTTP, contact.WithoutValues(problem.Detail))
	if h.reasons[reason] || len(h.reasons) >= maxReasons {
		return
	}
	if h.reasons == nil {
		h.reasons = make(map[string]bool)
	}
	h.reasons[reason] = true
	h.log(problem)
}
