package cognigy

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"importer/importer/contact"
)

// A wireProfile is a profile in an answer. An item of a list has no createdAt.
type wireProfile struct {
	ID          string         `json:"_id"`
	ContactIDs  []string       `json:"contactIds"` // nil where there is none, not where it is empty
	Profile     jsontext.Value `json:"profile"`
	Active      *bool          `json:"active"`
	CreatedAt   int64          `json:"createdAt"`
	LastChanged int64          `json:"lastChanged"`
}

var errNoID = errors.New(`there is no valid "_id" in it`)

// complete says what a profile lacks: without contact ids nobody would be found in
// it. What it lacks is not nothing: its own answer would tell.
func (w *wireProfile) complete() error {
	switch {
	case !validID(w.ID):
		return errNoID
	case w.ContactIDs == nil:
		return errors.New(`there is no "contactIds" in it`)
	}
	return nil
}

// show adds a profile to those that are found.
func (b *content) show(w *wireProfile) error {
	fields, err := decodeFields(w.Profile)
	if err != nil {
		return fmt.Errorf(`its "profile" is no object: %w`, err)
	}
	b.found = append(b.found, contact.Found{
		ID: w.ID, ContactIDs: w.ContactIDs, Fields: fields, Active: w.Active == nil || *w.Active,
		CreatedAt: unixSeconds(w.CreatedAt), LastChanged: unixSeconds(w.LastChanged),
	})
	return nil
}

// page is the answer to a list. The cursor of the next page stands in nextCursor,
// or in next: the sources contradict each other.
func (b *content) page() contact.ListPage {
	page := contact.ListPage{Profiles: b.found, Next: cmp.Or(b.NextCursor, b.Next)}
	var err error
	if page.Total, err = strconv.Atoi(text(b.Total)); err != nil || page.Total < 0 {
		page.Total = -1
	}
	return page
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

// validID tells whether an id is one of a profile, and can stand in a path as it is:
// 24 characters, a-z and 0-9, as the API documents it.
func validID(id string) bool {
	for i := range len(id) {
		if c := id[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9') {
			return false
		}
	}
	return len(id) == 24
}
