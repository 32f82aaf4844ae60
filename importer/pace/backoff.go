package pace

import (
	"time"

	"github.com/cenkalti/backoff/v5"
)

// retryBackOff is the schedule of pauses between the attempts of one request.
func RetryBackOff() *backoff.ExponentialBackOff { return newDelays(firstRetryDelay, mostRetryDelay) }

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
	mostRetryDelay  = 15 * time.Second
	firstProbeDelay = 500 * time.Millisecond
	mostProbeDelay  = 30 * time.Second
)

// sleep waits, or returns the context's error as soon as it is done.
func Sleep(done <-chan struct{}, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return false
	case <-t.C:
		return true
	}
}
