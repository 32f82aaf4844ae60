package cognigy

import (
	"bytes"
	"errors"
	"fmt"
	"importer/importer/contact"
	"io"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A wireProfile is a profile in an answer. An item of a list has no createdAt.
type wireProfile struct {
	ID          string         `json:"_id"`
	ContactIDs  []string       `json:"contactIds"`
	Profile     jsontext.Value `json:"profile"`
	Active      *bool          `json:"active"`
	CreatedAt   int64          `json:"createdAt"`
	LastChanged int64          `json:"lastChanged"`
}

func (w *wireProfile) found() (contact.Found, error) {
	if w.ID == "" {
		return contact.Found{}, errors.New("a profile has no _id")
	}
	fields, err := decodeFields(w.Profile)
	if err != nil {
		return contact.Found{}, fmt.Errorf("the fields of profile %s: %w", w.ID, err)
	}
	return contact.Found{
		ID: w.ID, ContactIDs: w.ContactIDs, Fields: fields, Active: w.Active == nil || *w.Active,
		CreatedAt: unixSeconds(w.CreatedAt), LastChanged: unixSeconds(w.LastChanged),
	}, nil
}

// decodeProfile reads the answer to a get.
func decodeProfile(b []byte) (contact.Found, error) {
	var wire wireProfile
	if err := unmarshal(b, &wire); err != nil {
		return contact.Found{}, err
	}
	return wire.found()
}

// decodePage reads the answer to a list. The cursor of the next page stands in
// nextCursor, or in next: the sources contradict each other.
func decodePage(b []byte) (contact.ListPage, error) {
	var wire struct {
		Items      *[]wireProfile `json:"items"`
		Total      int            `json:"total"`
		NextCursor string         `json:"nextCursor"`
		Next       string         `json:"next"`
	}
	if err := unmarshal(b, &wire); err != nil {
		return contact.ListPage{}, err
	}
	if wire.Items == nil {
		return contact.ListPage{}, errors.New(`there is no "items" in it`)
	}
	page := contact.ListPage{Total: wire.Total, Next: wire.NextCursor}
	if page.Next == "" {
		page.Next = wire.Next
	}
	page.Profiles = make([]contact.Found, len(*wire.Items))
	for i := range *wire.Items {
		var err error
		if page.Profiles[i], err = (*wire.Items)[i].found(); err != nil {
			return contact.ListPage{}, fmt.Errorf("item %d: %w", i+1, err)
		}
	}
	return page, nil
}

// decodeFields takes the members of a profile apart. None where there is no
// profile.
func decodeFields(profile jsontext.Value) ([]contact.Field, error) {
	if len(profile) == 0 || profile.Kind() == 'n' {
		return nil, nil
	}
	d := jsontext.NewDecoder(bytes.NewReader(profile), lenient)
	if tok, err := d.ReadToken(); err != nil || tok.Kind() != '{' {
		return nil, errors.New("not an object")
	}
	var fields []contact.Field
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		field := contact.Field{Name: name.String()}
		value, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		value = value.Clone()
		if err := value.Format(lenient); err != nil {
			return nil, err
		}
		field.Value = []byte(value)
		fields = append(fields, field)
	}
	contact.SortFields(fields)
	return fields, nil
}

// lenient takes text that was cut within a character: one such profile must not
// make a whole page unreadable.
var lenient = jsontext.AllowInvalidUTF8(true)

func unmarshal(b []byte, v any) error { return json.Unmarshal(b, v, lenient) }

// unixSeconds is a time as the API tells it; 0 and below are no time.
func unixSeconds(s int64) time.Time {
	if s <= 0 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}

// maxIDBytes bounds an id. The documented ones have 24.
const maxIDBytes = 128

// idOf is the "_id" of the profile in an answer to a create or a merge; empty
// where there is none that is a plain string. It is there in an answer that broke
// off behind it, too.
func idOf(answer []byte) string {
	var wire struct {
		ID string `json:"_id"`
	}
	_ = unmarshal(answer, &wire) // the error is about what stands behind the id, or there is none
	if !validID(wire.ID) {
		return ""
	}
	return wire.ID
}

// validID tells whether an id can stand in a path as it is. The documented ones
// are 24 characters, a-z and 0-9.
func validID(id string) bool {
	for i := range len(id) {
		c := id[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c == '-' || c == '_') {
			return false
		}
	}
	return len(id) > 0 && len(id) <= maxIDBytes
}

// unreadable is the error of a success whose body is of no use. Only reads end
// here: they can be made again.
func (c *Client) unreadable(body []byte, broken, err error) *contact.APIError {
	var syntax *jsontext.SyntacticError
	isSyntax := errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &syntax)
	broken, err = redactError(broken, c.key), redactError(err, c.key)
	e := &contact.APIError{Class: contact.Permanent, Err: err}
	text := bytes.TrimSpace(body)
	switch {
	case errors.Is(broken, errTooLarge):
		e.Detail = fmt.Sprintf("the answer is larger than %d MiB", maxAnswerBytes>>20)
		e.Hint = "ask for fewer profiles a page"
		e.Err = broken
	case broken != nil:
		e.Class, e.Err = contact.Transient, broken
		e.Detail = "the answer broke off: " + broken.Error()
	case len(text) > 0 && text[0] != '{' && text[0] != '[':
		e.Class = contact.Fatal
		e.Detail = "the answer is not the API's: " + redact(htmlText(text), c.key)
		e.Hint = hintBaseURL
	case isSyntax:
		e.Class = contact.Transient
		e.Detail = "the answer is not whole: " + err.Error()
	default:
		e.Detail = "the answer does not have the documented form: " + err.Error()
		e.Hint = "this client reads the Contact Profiles API v2.0; look at --base-url and the version of the installation"
	}
	e.Detail = clean(e.Detail)
	return e
}
