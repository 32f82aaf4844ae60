package pace

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"importer/importer/contact"
)

func refusal(retryAfter time.Duration) error {
	return &contact.APIError{Class: contact.Throttled, Failure: contact.Failure{HTTP: 429}, RetryAfter: retryAfter}
}

// gateAfter sends one request that the server answers with err, and returns how
// long the next one waits.
func gateAfter(t *testing.T, p *Pacer, err error) time.Duration {
	t.Helper()
	bought, werr := p.Wait(t.Context())
	if werr != nil {
		t.Fatal(werr)
	}
	p.Done(bought, err)
	return untilFree(t, p)
}

// untilFree waits for a token, gives it back, and returns how long that took.
func untilFree(t *testing.T, p *Pacer) time.Duration {
	t.Helper()
	start := time.Now()
	bought, err := p.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.Done(bought, context.Canceled)
	return time.Since(start)
}

func TestGate(t *testing.T) {
	const jitter = 2 // back-off lies between 1/jitter and (1+1/jitter) of its schedule
	for _, c := range []struct {
		name        string
		err         error
		opt         PacerOptions
		least, most time.Duration
	}{
		{"seven seconds", refusal(7 * time.Second), PacerOptions{}, 7 * time.Second, 7 * time.Second},
		{"three days", refusal(72 * time.Hour), PacerOptions{}, 10 * time.Minute, 10 * time.Minute},
		{"three days, bounded", refusal(72 * time.Hour), PacerOptions{MaxRetryAfter: time.Minute}, time.Minute, time.Minute},
		{"none", refusal(0), PacerOptions{}, time.Second / jitter, time.Second * 3 / 2},
		{"negative", refusal(-time.Second), PacerOptions{}, time.Second / jitter, time.Second * 3 / 2},
		{"503 with Retry-After", &contact.APIError{Class: contact.Transient, Failure: contact.Failure{HTTP: 503}, RetryAfter: 3 * time.Second}, PacerOptions{}, 3 * time.Second, 3 * time.Second},
		{"503 without", &contact.APIError{Class: contact.Transient, Failure: contact.Failure{HTTP: 503}}, PacerOptions{}, 0, 0},
		{"500", &contact.APIError{Class: contact.Ambiguous, Failure: contact.Failure{HTTP: 500}}, PacerOptions{}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if d := gateAfter(t, NewPacer(Rate{}, c.opt), c.err); d < c.least || d > c.most {
					t.Errorf("the gate was closed for %v; want %v to %v", d, c.least, c.most)
				}
			})
		})
	}
}

// A server that refuses again and again is asked less and less often, at least
// every 90 s; an accepted request ends that.
func TestGateBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPacer(Rate{}, PacerOptions{})
		for i := range 12 {
			want := min(time.Minute, time.Second<<i)
			if d := gateAfter(t, p, refusal(0)); d < want/2 || d > want*3/2 {
				t.Errorf("refusal %d closed the gate for %v; want about %v", i+1, d, want)
			}
		}
		// Retry-After is a lower bound for a server that refuses when it said it would not.
		if d := gateAfter(t, p, refusal(time.Second)); d < 30*time.Second {
			t.Errorf("after 12 refusals in a row a Retry-After of 1 s closed the gate for %v", d)
		}
		if d := gateAfter(t, p, nil); d != 0 {
			t.Errorf("an accepted request left the gate closed for %v", d)
		}
		if d := gateAfter(t, p, refusal(0)); d > 1500*time.Millisecond {
			t.Errorf("the first refusal after a success closed the gate for %v", d)
		}
	})
}

// Refusals that were in flight together close the gate once; then one request
// goes alone, and the others follow when it is accepted.
func TestGateBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPacer(Rate{}, PacerOptions{})
		start := time.Now()
		var (
			mu       sync.Mutex
			arrivals []time.Duration
		)
		drive(t, p, 64, 32, func() error {
			mu.Lock()
			at := time.Since(start)
			arrivals = append(arrivals, at)
			n := len(arrivals)
			mu.Unlock()
			time.Sleep(time.Duration(n) * time.Millisecond)
			if at < 5*time.Second {
				return refusal(5 * time.Second)
			}
			return nil
		})
		// 32 refused at once, the last after 32 ms; at 5.032 s one goes alone.
		if len(arrivals) != 64+32 {
			t.Fatalf("%d requests; want 64 and 32 refused", len(arrivals))
		}
		probe, next := arrivals[32], arrivals[33]
		if probe != 5032*time.Millisecond {
			t.Errorf("the first request behind the gate went at %v; want 5.032 s", probe)
		}
		if next != probe+33*time.Millisecond || arrivals[63] != next {
			t.Errorf("the next went at %v and %v; want all when the first is answered at %v", next, arrivals[63], probe+33*time.Millisecond)
		}
	})
}

// A request behind the gate that gets no answer, or was never sent, does not
// keep the others waiting for ever.
func TestGateProbeLost(t *testing.T) {
	for name, err := range map[string]error{
		"lost":   &contact.APIError{Class: contact.Ambiguous},
		"unsent": &contact.APIError{Class: contact.Transient},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := NewPacer(Rate{}, PacerOptions{})
				gateAfter(t, p, refusal(time.Second))
				if d := gateAfter(t, p, err); d != 0 {
					t.Errorf("waited %v behind a request that was %s", d, name)
				}
				if s := p.State(); s.Throttled {
					t.Errorf("state: %+v", s)
				}
			})
		})
	}
}
