package importer

import (
	"time"

	"github.com/cenkalti/backoff/v5"
)

// A step is what the engine does next about a row whose create request did not
// succeed.
type step uint8

const (
	stepLookUp step = iota // it may have been processed: find out before anything else
	stepReject             // it was refused for good
	stepRetry              // it was certainly not processed: again, after a pause
	stepAgain              // it was throttled: again, as soon as the pacer allows
	stepGiveUp             // it was tried often enough
	stepStop               // no row can succeed
)

// nextStep is the retry policy. Failures counts the attempts of the row that
// failed and may be repeated, this one included; retries is how many attempts
// after the first are allowed. A throttled attempt is nobody's failure and does
// not count.
func nextStep(c Class, failures, retries int) step {
	switch c {
	case Permanent:
		return stepReject
	case Fatal:
		return stepStop
	case Throttled:
		return stepAgain
	case Transient:
		if failures > retries {
			return stepGiveUp
		}
		return stepRetry
	}
	// Conflict and Ambiguous, and whatever is not known: sending blindly is never
	// right.
	return stepLookUp
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
	mostRetryDelay  = 15 * time.Second
	firstProbeDelay = 500 * time.Millisecond
	mostProbeDelay  = 30 * time.Second
)
