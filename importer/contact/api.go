package contact

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// A CreateResult is the profile in the answer to a create. That it is there does
// not say that this request made it: a server may return a profile that it had, and
// a cache one of another request. Then it is older than the request, by the server's
// clock, or holds other contact ids.
type CreateResult struct {
	ID         string    // 24 characters, never empty
	CreatedAt  time.Time // whole seconds of the server's clock; zero where the answer did not tell
	ContactIDs []string  // as the API keeps them; nil where the answer did not tell
}

// A ListQuery asks for one page of the project's profiles.
type ListQuery struct {
	Filter    string // free text; may match more than was meant, or fail on special characters
	ContactID string // the member query contactIds=…; a server may ignore it
	Limit     int    // 1 … 100; 0 leaves it out, and the server takes 25
	Cursor    string // Next of the page before; opaque
	Sort      string // such as lastChanged:desc; a server may ignore it
}

// A ListPage is one page of a list.
type ListPage struct {
	Profiles []Found
	Total    int    // all matches, not just this page; -1 where the server did not tell
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
	// Others are the members that the API shows besides these, as one JSON object; nil:
	// none.
	Others jsontext.Value
}

// An Author is who gave an answer. Only what the API says is believed.
type Author uint8

const (
	NoAnswer Author = iota // none came, or not enough of it to tell
	API                    // the API itself, or the limiter before it
	Way                    // something on the way: a proxy, firewall, gateway, cache or page
)

func (a Author) String() string { return [...]string{"no answer", "api", "way"}[a] }

// ErrTooLarge is wrapped by the error of a read whose answer is larger than a client
// takes: ask for less at once.
var ErrTooLarge = errors.New("the answer is too large")

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

// An APIError is a request that did not succeed. Package cognigy makes and
// classifies it; the engine makes one where an answer cannot be true of its row.
//
// What something on the way answered is Ambiguous for a write and Transient for a
// read, whatever its status: its HTTP tells what kind of refusal it was.
type APIError struct {
	Failure
	Author Author
	Class  Class
	// Hopeless: with these settings and this network no request can succeed, such as
	// to a host that does not exist. Where others did succeed, it may pass.
	Hopeless bool
	// NoConnection: none came about in the time that it may take.
	NoConnection bool
	// RetryAfter is how long the server asked to wait; 0 where it did not say.
	RetryAfter time.Duration
	// Private: the Detail may quote a contact, and Error leaves it out.
	Private bool
	// Err is the error of the transport, where there was no answer.
	Err error
}

// Error is what happened and what to do about it: whoever passes the error on
// passes the hint on, too.
func (e *APIError) Error() string {
	f := e.Failure
	if e.Private {
		f.Detail = "its words are left out (report.redact)"
	}
	if e.Hint == "" {
		return f.Reason()
	}
	return f.Reason() + "; " + e.Hint
}

// Unreached tells whether the request did not get as far as the API: nobody answered,
// or a gateway that found nobody behind it.
func (e *APIError) Unreached() bool { return e.Author != API && (e.HTTP == 0 || e.HTTP >= 500) }

func (e *APIError) Unwrap() error { return e.Err }

// IsDefinite tells whether it is the API's verdict about one request: the way to it
// works.
func (e *APIError) IsDefinite() bool {
	return e.Author != Way && (e.Class == Permanent || e.Class == Conflict || e.Class == Fatal)
}

// IsBarred tells whether something on the way refused a request, as a firewall does
// that dislikes its text.
func (e *APIError) IsBarred() bool {
	if e.Author != Way {
		return false
	}
	switch e.HTTP {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge:
		return true
	}
	return e.HTTP/100 == 3
}

// IsGone tells whether an error is the API's word that a profile is not there.
func IsGone(err error) bool {
	problem, ok := errors.AsType[*APIError](err)
	return ok && problem.Author == API && problem.Class == Permanent && problem.HTTP == http.StatusNotFound
}

// ListedAndGone is the error of a profile that the API says is not there, and that
// it lists.
func ListedAndGone(id string) *APIError {
	return &APIError{Author: Way, Class: Transient, Failure: Failure{
		HTTP:   http.StatusNotFound,
		Detail: fmt.Sprintf("the profile %s is not there when it is asked for, and stands in the list", id),
		Hint:   "a cache on the way to the API may be behind; the next run tries it again",
	}}
}

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
