package importer

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// API is what the engine needs of the Contact Profiles API. Implemented by
// cognigy.Client.
//
// Each call is exactly one HTTP request, for each request costs quota. No call
// retries. Every error is an *APIError. The calls are safe for concurrent use.
// The caller bounds a call by its context.
type API interface {
	// Create creates a profile.
	Create(ctx context.Context, p Profile) (CreateResult, error)
	// List reads one page of the project's profiles.
	List(ctx context.Context, q ListQuery) (ListPage, error)
	// Get reads one profile. Unlike a list, it tells when the profile was created.
	Get(ctx context.Context, id string) (Found, error)
	// Update changes the members of a profile that are not nil in p. Whether the
	// fields of p are merged into those of the profile or replace them is not known.
	Update(ctx context.Context, id string, p Profile) error
	// Delete deletes a profile.
	Delete(ctx context.Context, id string) error
	// Merge merges the profile that holds a contact id into another, and returns the
	// id of the one that is left; empty where the answer did not tell.
	Merge(ctx context.Context, id, contactID string) (string, error)
	// ClockSkew is how far the server's clock is ahead of ours, to within a
	// second, as its answers tell; false before the first answer that does. It
	// sends nothing.
	ClockSkew() (time.Duration, bool)
}

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
