package change

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"importer/importer/contact"
)

// An Update is what a row asks of the profile of its contact: those of its values that
// were not sent before. What a run sent and others changed since stays as they left it,
// until the row says something new about it; a field that is not there any more comes
// back.
type Update struct {
	Row contact.Profile
	// Sent are the values that were sent last. Where they are not known, all are wanted.
	Sent Marks
	// SameIDs: the profile was given the row's contact ids by an earlier run, and
	// whatever became of them since is not this run's business.
	SameIDs bool
	Revive  bool // activate a profile again that a mirror had deactivated
	API     contact.Behaviour
}

// UpdateOf is the update of a row that the state knows.
func UpdateOf(e Entry, row *contact.Row, api contact.Behaviour) Update {
	return Update{Row: row.Profile, Sent: e.Sent, SameIDs: e.Key == contact.KeyOf(row.Profile.ContactIDs), Revive: e.Inactive, API: api}
}

// Unread is what is to be sent without reading the profile; false where it has to be
// read first, because the API is not known to merge fields or because it is not known
// what was sent last. Nothing is to be sent where it has no members.
func (u Update) Unread() (want contact.Profile, ok bool) {
	if u.API.Patch != contact.PatchMerges || !u.Sent.Known() || !u.SameIDs {
		return want, false
	}
	return contact.Profile{Active: u.active(), Fields: u.fields(nil)}, true
}

// Requests is how many requests the update takes, where the profile is there and
// differs. Where what an update takes away is to be kept, the profile is read for that.
func (u Update) Requests(keepPrevious bool) int64 {
	want, unread := u.Unread()
	switch {
	case !unread || keepPrevious:
		return 2
	case want.IsEmpty():
		return 0
	}
	return 1
}

// touchRequests is what it takes to touch a profile: it is read, and updated with a
// member as it is.
const touchRequests = 2

// Of is what is to be sent so that a profile that was just read is as the row says, and
// whether that is anything. Where the API merges, these are the fields that differ;
// else they are all fields of the profile, because what is left out may be lost. The
// same goes for contact ids.
func (u Update) Of(f contact.Found) (want contact.Profile, differs bool) {
	if !u.SameIDs {
		want.ContactIDs = u.contactIDs(f)
	}
	if active := u.active(); active != nil && *active != f.Active {
		want.Active = active
	}
	for _, field := range u.fields(&f) {
		if was := f.Field(field.Name); was == nil || !sameValue(was, field.Value) {
			want.Fields = append(want.Fields, field)
		}
	}
	differs = !want.IsEmpty()
	if want.Fields != nil {
		want.Fields = whole(f, want.Fields, u.API)
	}
	return want, differs
}

// fields are those of the row that are to be as it says: the new ones, and those that
// the profile lacks, where that was read.
func (u Update) fields(f *contact.Found) (fields []contact.Field) {
	sent := u.Sent.set()
	for _, field := range u.Row.Fields {
		lacks := f != nil && f.Field(field.Name) == nil
		if (lacks || !sent[markOf(field.Name, field.Value)]) && !contact.OfServer(field.Name) {
			fields = append(fields, field)
		}
	}
	return fields
}

// active is what the profile's member is to be; nil: as it is.
func (u Update) active() *bool {
	yes := true
	switch active := u.Row.Active; {
	case active == nil && u.Revive:
		return &yes
	case active == nil || !u.Revive && u.Sent.set()[activeMark(*active)]:
		return nil
	default:
		return active
	}
}

// contactIDs are those to be sent for a row some of whose ids the profile lacks; nil
// where it has all.
func (u Update) contactIDs(f contact.Found) (send []string) {
	for _, id := range u.Row.ContactIDs {
		if slices.Contains(f.ContactIDs, id) {
			continue
		}
		if send == nil && u.API.PatchIDs != contact.PatchMerges {
			send = slices.Clone(f.ContactIDs)
		}
		send = append(send, id)
	}
	return send
}

// whole are the fields to be sent so that these change: they alone where the API is
// known to merge, else all of the profile with these over them, but for what is the
// server's own.
func whole(f contact.Found, changed []contact.Field, api contact.Behaviour) []contact.Field {
	if api.Patch == contact.PatchMerges {
		return changed
	}
	all, over := slices.Clone(changed), contact.Profile{Fields: changed}
	for _, field := range f.Fields {
		if !ofServer(f, field) && over.Field(field.Name) == nil {
			all = append(all, field)
		}
	}
	contact.SortFields(all)
	return all
}

// ofServer tells whether a field of a profile that was read is only shown there. Names
// that a custom field may have as well are the server's where they hold what stands in
// the server's own member.
func ofServer(f contact.Found, field contact.Field) bool {
	switch field.Name {
	case "createdAt":
		return string(field.Value) == strconv.FormatInt(f.CreatedAt.Unix(), 10)
	case "lastChanged":
		return string(field.Value) == strconv.FormatInt(f.LastChanged.Unix(), 10)
	}
	return contact.OfServer(field.Name)
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

// Raced tells whether a profile shows after an update that somebody else changed it
// since it was read: something that the update left as it was is not.
func Raced(before, after contact.Found, sent contact.Profile) bool {
	if sent.Active == nil && before.Active != after.Active {
		return true
	}
	ours := slices.Concat(before.ContactIDs, sent.ContactIDs)
	for _, id := range slices.Concat(before.ContactIDs, after.ContactIDs) {
		if !slices.Contains(after.ContactIDs, id) || !slices.Contains(ours, id) {
			return true
		}
	}
	for _, f := range []contact.Found{before, after} {
		for _, field := range f.Fields {
			was := before.Field(field.Name)
			to := sent.Field(field.Name)
			if changed := to != nil && !sameValue(was, to); !changed && !ofServer(f, field) && !sameValue(was, after.Field(field.Name)) {
				return true
			}
		}
	}
	return false
}
