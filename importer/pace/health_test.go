package pace

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"importer/importer/contact"
)

// How long a run goes on that meets nothing but such answers, and what it says.
func TestHealthGivesUp(t *testing.T) {
	quota := func(after time.Duration) *contact.APIError {
		return &contact.APIError{Class: contact.Throttled, Author: contact.API, RetryAfter: after, Failure: contact.Failure{HTTP: http.StatusTooManyRequests}}
	}
	ofAPI := func(status int, after time.Duration) *contact.APIError {
		return &contact.APIError{Class: contact.Transient, Author: contact.API, RetryAfter: after, Failure: contact.Failure{HTTP: status}}
	}
	type answers func(n int) (Kind, *contact.APIError, time.Duration) // of request n, and how long until the next one is sent
	always := func(problem *contact.APIError, pause time.Duration) answers {
		return func(int) (Kind, *contact.APIError, time.Duration) { return Create, problem, pause }
	}
	for _, c := range []struct {
		name   string
		answer answers
		from   time.Duration
		til    time.Duration // 0: it goes on
		says   string
	}{
		{"a quota that is used up for ever", always(quota(0), time.Minute), 10 * time.Minute, 10 * time.Minute, "nothing has worked for 10m0s"},
		{"a quota, with times that are short", always(quota(2*time.Minute), 2*time.Minute), 8 * time.Minute, 10 * time.Minute, ""},
		{"a quota, for an hour", always(quota(time.Hour), time.Hour), 0, 0, "wait for 1h0m0s, until 2000-01-01T01:00:00Z"},
		{"a quota, for less than is left, and again", always(quota(6*time.Minute), 6*time.Minute), 6 * time.Minute, 6 * time.Minute, "wait for 6m0s, until 2000-01-01T00:12:00Z"},
		{"a 429 of something on the way, for an hour", always(&contact.APIError{Class: contact.Ambiguous, Author: contact.Way, RetryAfter: time.Hour,
			Failure: contact.Failure{HTTP: http.StatusTooManyRequests}}, time.Hour), 0, 0, "wait for 1h0m0s"},
		{"a 503 for a day", always(ofAPI(503, 24*time.Hour), 10*time.Minute), 0, 0, "wait for 24h0m0s"},
		// An update reads first, and that works.
		{"writes alone are refused", func(n int) (Kind, *contact.APIError, time.Duration) {
			if n%2 == 0 {
				return Read, nil, time.Second
			}
			return Change, quota(0), time.Minute
		}, 10 * time.Minute, 12 * time.Minute, "every change has been refused for 10m"},
		{"one of two writes is refused", func(n int) (Kind, *contact.APIError, time.Duration) {
			if n%2 == 0 {
				return Create, nil, time.Second
			}
			return Create, quota(0), time.Minute
		}, 0, -1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancelCause(t.Context())
				defer stop(nil)
				h := NewHealth(stop, func(*contact.APIError) {}, 10*time.Second, 10*time.Minute)
				defer h.Close()
				began := time.Now()
				h.Answer(Read, began, nil) // something has worked
				time.Sleep(time.Second)
				began = began.Add(time.Second)
				for n := 0; ctx.Err() == nil && time.Since(began) < 2*time.Hour; n++ {
					kind, problem, pause := c.answer(n)
					h.Answer(kind, time.Now(), problem)
					for left := pause; left > 0 && ctx.Err() == nil; left -= time.Second {
						time.Sleep(time.Second)
						synctest.Wait()
					}
				}
				took, ended := time.Since(began), context.Cause(ctx)
				switch {
				case c.til < 0 && ended != nil:
					t.Errorf("after %v: %v", took, ended)
				case c.til >= 0 && ended == nil, c.til >= 0 && (took < c.from || took > c.til+time.Second):
					t.Errorf("after %v: %v", took, ended)
				case c.says != "" && !says(ended, c.says):
					t.Errorf("it says %v, want %q", ended, c.says)
				}
			})
		})
	}
}

// says tells whether an error says a text; the clock of a test begins a second late.
func says(err error, text string) bool {
	return strings.Contains(strings.ReplaceAll(err.Error(), ":01Z", ":00Z"), text)
}

// A request that left before the quota was used up and succeeds after that says nothing
// of the time from then on.
func TestHealthTakesNoLateSuccessForAnEndOfTheQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancelCause(t.Context())
		defer stop(nil)
		h := NewHealth(stop, func(*contact.APIError) {}, 10*time.Second, 4*time.Second)
		defer h.Close()
		before := time.Now()
		time.Sleep(time.Second)
		h.Answer(Create, before, &contact.APIError{Class: contact.Throttled, Author: contact.API, Failure: contact.Failure{HTTP: http.StatusTooManyRequests}})
		h.Answer(Create, before.Add(time.Millisecond), nil)
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if ctx.Err() == nil {
			t.Error("it goes on, and nothing works")
		}
	})
}
