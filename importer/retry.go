package importer

import "importer/importer/contact"

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
func nextStep(c contact.Class, failures, retries int) step {
	switch c {
	case contact.Permanent:
		return stepReject
	case contact.Fatal:
		return stepStop
	case contact.Throttled:
		return stepAgain
	case contact.Transient:
		if failures > retries {
			return stepGiveUp
		}
		return stepRetry
	}
	// Conflict and Ambiguous, and whatever is not known: sending blindly is never
	// right.
	return stepLookUp
}
