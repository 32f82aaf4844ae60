package change

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"importer/importer/contact"
)

// Wanted is what has to be sent so that a profile is as a row says, and whether
// that is anything. Fields and contact ids that the row does not name stay:
// whether an update merges or replaces them is not documented, so where one
// changes all are sent. Revive activates a profile again that a mirror had
// deactivated.
func Wanted(f contact.Found, row contact.Profile, revive bool) (want contact.Profile, differs bool) {
	for _, id := range row.ContactIDs {
		if !slices.Contains(f.ContactIDs, id) {
			if want.ContactIDs == nil {
				want.ContactIDs = slices.Clone(f.ContactIDs)
			}
			want.ContactIDs = append(want.ContactIDs, id)
		}
	}
	active := row.Active
	if active == nil && revive {
		yes := true
		active = &yes
	}
	if active != nil && *active != f.Active {
		want.Active = active
	}
	fields := make(map[string]contact.Field, len(f.Fields)+len(row.Fields))
	for _, field := range f.Fields {
		fields[field.Name] = field
	}
	changed := false
	for _, field := range row.Fields {
		if was, ok := fields[field.Name]; !ok || !sameValue(was.Value, field.Value) {
			fields[field.Name], changed = field, true
		}
	}
	if changed {
		for _, field := range fields {
			want.Fields = append(want.Fields, field)
		}
		contact.SortFields(want.Fields)
	}
	return want, changed || want.ContactIDs != nil || want.Active != nil
}

// sameValue tells whether two JSON values are the same, however they are written.
func sameValue(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, y := jsontext.Value(bytes.Clone(a)), jsontext.Value(bytes.Clone(b))
	return x.Canonicalize() == nil && y.Canonicalize() == nil && bytes.Equal(x, y)
}

// PreviousOf is what an update takes away: the values that it changes, as they
// were. A field that was not there is null.
func PreviousOf(f contact.Found, want contact.Profile) *contact.Profile {
	p := &contact.Profile{}
	if want.ContactIDs != nil {
		p.ContactIDs = f.ContactIDs
	}
	if want.Active != nil {
		p.Active = &f.Active
	}
	for _, field := range want.Fields {
		was := f.Field(field.Name)
		switch {
		case was == nil:
			p.Fields = append(p.Fields, contact.Field{Name: field.Name, Value: []byte("null")})
		case !sameValue(was, field.Value):
			p.Fields = append(p.Fields, contact.Field{Name: field.Name, Value: was})
		}
	}
	return p
}
