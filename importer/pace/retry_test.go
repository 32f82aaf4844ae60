package pace

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"importer/importer/contact"
)

func TestDelaysGrowWithFullJitter(t *testing.T) {
	const draws = 2000
	for attempt := range 8 {
		interval := min(firstRetryDelay<<attempt, maxRetryDelay)
		var least, most time.Duration = time.Hour, 0
		for range draws {
			delays := newDelays(firstRetryDelay, maxRetryDelay)
			for range attempt {
				delays.NextBackOff()
			}
			d := delays.NextBackOff()
			least, most = min(least, d), max(most, d)
		}
		if least < 0 || most > 2*interval {
			t.Errorf("pause %d lies within %s … %s, want within 0 … %s", attempt, least, most, 2*interval)
		}
		if least > interval/10 || most < 19*interval/10 {
			t.Errorf("pause %d lies within %s … %s: no full jitter over 0 … %s", attempt, least, most, 2*interval)
		}
	}
}

// A request outside of a run is given up when nobody has answered for a while, or the
// quota was used up for a while, and at once where the server asks to wait for longer
// than what is left of that; with an answer the attempts count.
func TestPatience(t *testing.T) {
	refused := &contact.APIError{Class: contact.Transient}
	gateway := &contact.APIError{Class: contact.Transient, Author: contact.Way, Failure: contact.Failure{HTTP: 502}}
	throttled := &contact.APIError{Class: contact.Throttled, Author: contact.API, RetryAfter: 7 * time.Minute, Failure: contact.Failure{HTTP: 429}}
	patient := &contact.APIError{Class: contact.Throttled, Author: contact.API, Failure: contact.Failure{HTTP: 429}}
	failing := &contact.APIError{Class: contact.Transient, Author: contact.API, Failure: contact.Failure{HTTP: 500}}
	for _, c := range []struct {
		name      string
		problem   *contact.APIError
		patience  Patience
		from, til time.Duration
	}{
		{"refused", refused, Patience{Retries: 1, Unreached: 10 * time.Second}, 10 * time.Second, 10 * time.Second},
		{"refused, later", refused, Patience{Retries: 1}, 0, time.Second},
		{"a gateway", gateway, Patience{Retries: 100, Unreached: 10 * time.Second}, 10 * time.Second, 10 * time.Second},
		{"throttled", patient, Patience{Throttled: 10 * time.Minute, Unreached: time.Second}, 10 * time.Minute, 10 * time.Minute},
		{"throttled, twice for 7 of 10 minutes", throttled, Patience{Throttled: 10 * time.Minute, Unreached: time.Second}, 7 * time.Minute, 7 * time.Minute},
		{"throttled, for 7 of 5 minutes", throttled, Patience{Throttled: 5 * time.Minute, Unreached: time.Second}, 0, 0},
		{"the API fails", failing, Patience{Retries: 1, Unreached: time.Hour}, 0, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				err := Request(t.Context(), NewPacer(Rate{}, PacerOptions{}), new(contact.Progress), c.patience, func(context.Context) error { return c.problem })
				took := time.Since(began)
				if got := contact.AsAPIError(err); got.Class != c.problem.Class || got.HTTP != c.problem.HTTP || took < c.from || took > c.til {
					t.Errorf("after %v: %v", took, err)
				}
				if c.problem == throttled && !strings.Contains(err.Error(), "until "+time.Now().Add(7*time.Minute).Format(time.RFC3339)) {
					t.Errorf("it does not say until when it was to wait: %v", err)
				}
			})
		})
	}
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		class    contact.Class
		failures int // this one included
		retries  int
		want     Verdict
	}{
		{contact.Permanent, 1, 5, Final},
		{contact.Fatal, 1, 5, Final},
		{contact.Throttled, 0, 0, AtOnce},
		{contact.Throttled, 99, 5, AtOnce}, // throttling is nobody's failure
		{contact.Transient, 1, 5, Later},
		{contact.Transient, 5, 5, Later},
		{contact.Transient, 6, 5, Exhausted},
		{contact.Transient, 1, 0, Exhausted},
		{contact.Conflict, 1, 5, Final},
		{contact.Ambiguous, 1, 5, Final},
		{contact.Ambiguous, 99, 0, Final}, // even the last attempt may have been processed
		{contact.Class(0), 1, 5, Final},   // the zero value never retries
	} {
		r := Retry{Max: c.retries}
		var got Verdict
		for range max(1, c.failures) {
			got = r.After(c.class, true)
		}
		if got != c.want {
			t.Errorf("after %d failures of %d, %s: %d, want %d", c.failures, c.retries, c.class, got, c.want)
		}
	}
	r := Retry{Max: 0}
	for range 10 {
		if got := r.After(contact.Transient, false); got != Later {
			t.Fatalf("a failure that does not count: %d, want %d", got, Later)
		}
	}
}
