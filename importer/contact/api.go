package contact

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// A CreateResult is the answer to a create: the profile as the API shows it.
type CreateResult struct {
	ID         string
	CreatedAt  time.Time // whole seconds of the server's clock; zero where the answer did not say
	ContactIDs []string  // as the API spells them; nil where the answer did not say
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

// An Author is who answered a request. Only the API's word counts: what something
// on the way to it says, such as a proxy, a firewall, a gateway or a cache, is no
// answer to a read and leaves a write in doubt.
type Author uint8

const (
	NoAnswer Author = iota // nobody, or it cannot be told
	API
	Way // something on the way
)

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
	Author Author
	Class  Class
	// Hopeless: with these settings and surroundings no request can succeed, as with
	// a host that does not exist.
	Hopeless bool
	// RetryAfter is how long the server asked to wait; 0 where it did not say.
	RetryAfter time.Duration
	// Err is the error of the transport, where there was no answer.
	Err error
}

func (e *APIError) Error() string {
	var b strings.Builder
	if e.HTTP != 0 {
		fmt.Fprintf(&b, "HTTP %d", e.HTTP)
		if e.Code != 0 && e.Code != e.HTTP {
			fmt.Fprintf(&b, ", code %d", e.Code)
		}
		b.WriteString(": ")
	}
	b.WriteString(e.Detail)
	if e.TraceID != "" {
		fmt.Fprintf(&b, " (trace id %s)", e.TraceID)
	}
	return b.String()
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

// ErrTooLarge is an answer that is too large to be taken, such as a page of large
// profiles. An APIError wraps it.
var ErrTooLarge = errors.New("the answer is too large")

// Field returns the value of the field of that name, or nil.
func (f Found) Field(name string) []byte { return Profile{Fields: f.Fields}.Field(name) }
