package contact

import (
	"errors"
	"time"
)

// A CreateResult is the answer to a create. The API documents a whole Profile
// in it, and no status code: every 2xx is success.
type CreateResult struct {
	ID string // empty where the answer carried none: look the contact id up
}

// A ListQuery asks for one page of the project's profiles.
type ListQuery struct {
	Filter    string // free text; may match more than was meant, or fail on special characters
	ContactID string // the member query contactIds=…; a server may ignore it
	Limit     int    // 1 … 100; 0 leaves it out, and the server takes 25
	Cursor    string // Next of the page before; opaque
}

// A ListPage is one page of a list.
type ListPage struct {
	Profiles []Found
	Total    int    // all matches, not just this page
	Next     string // cursor of the next page; empty on the last
}

// A Found profile is one that the API holds.
type Found struct {
	ID          string
	ContactIDs  []string
	Fields      []Field // sorted by name
	Active      bool
	CreatedAt   time.Time // whole seconds of the server's clock; zero in a list
	LastChanged time.Time // whole seconds of the server's clock
}

// A Class says what may be done about an error of the API. The zero value never
// retries.
type Class uint8

const (
	Ambiguous Class = iota // may have been processed: look the contact up before it is sent again
	Permanent              // refused for good: this row only
	Conflict               // refused because the contact is there already
	Throttled              // not processed; everybody waits
	Transient              // certainly not processed; may be tried again
	Fatal                  // no later row can succeed: the run stops
)

func (c Class) String() string {
	return [...]string{"ambiguous", "permanent", "conflict", "throttled", "transient", "fatal"}[c]
}

// An APIError is a request that did not succeed. Made by cognigy alone, which
// classifies it.
type APIError struct {
	Failure
	Class Class
	// RetryAfter is how long the server asked to wait; 0 where it did not say.
	RetryAfter time.Duration
	// Err is the error of the transport, where there was no answer.
	Err error
}

// Error is what happened and what to do about it: whoever passes the error on
// passes the hint on, too.
func (e *APIError) Error() string {
	if e.Hint == "" {
		return e.Reason()
	}
	return e.Reason() + "; " + e.Hint
}

func (e *APIError) Unwrap() error { return e.Err }

// AsAPIError is the APIError that err is. An error of any other kind tells
// nothing of what the API did, which is what the zero Class says.
func AsAPIError(err error) *APIError {
	var problem *APIError
	if errors.As(err, &problem) {
		return problem
	}
	return &APIError{Failure: Failure{Detail: err.Error()}, Err: err}
}

// Field returns the value of the field of that name, or nil.
func (f Found) Field(name string) []byte { return Profile{Fields: f.Fields}.Field(name) }
