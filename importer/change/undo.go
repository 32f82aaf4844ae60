package change

import (
	"time"

	"importer/importer/contact"
)

// A WrittenRow is what a report says of a key that is in, or may be.
type WrittenRow struct {
	Key        contact.Key
	ID         string         // empty where the report does not know it
	Digest     contact.Digest // of the row that was sent last
	Status     contact.Status // the last one
	Created    bool           // by a run of this report
	Touched    bool           // it was never changed but by being touched
	At         time.Time
	Previous   *contact.Profile // what updates took away; nil where that was not kept
	ContactIDs []string
	Place      contact.Place // zero where it is missing from the source
	Doubt      bool          // the report does not know whether it is as it says
	Seen       bool          // it was dealt with
}

// An Undo is how what was written for a key is undone.
type Undo uint8

const (
	UndoNothing    Undo = iota // nothing was changed
	UndoNameless               // it was written, and its profile is not known
	UndoImpossible             // what was there before is not known
	UndoDelete                 // it was created
	UndoRestore                // it was updated
	UndoActivate               // it was deactivated
)

// Undo is how the row is undone.
func (r *WrittenRow) Undo() Undo {
	switch {
	case r.ID == "" && (r.Status == contact.Created || r.Status == contact.Updated):
		return UndoNameless
	case r.ID == "":
		return UndoNothing
	case r.Status == contact.Deleted && r.Created:
		return UndoNothing
	case r.Status == contact.Deleted:
		return UndoImpossible
	case r.Created:
		return UndoDelete
	case r.Previous != nil:
		return UndoRestore
	case r.Status == contact.Deactivated:
		return UndoActivate
	case r.Touched:
		return UndoNothing
	}
	return UndoImpossible
}

// Undone counts what an undo did.
type Undone struct {
	Deleted  int64 `json:"deleted"`
	Restored int64 `json:"restored"`
	Kept     int64 `json:"kept"`   // changed since, and kept
	Gone     int64 `json:"gone"`   // was not there any more
	Failed   int64 `json:"failed"` // by the API; the next undo tries it again
	Left     int64 `json:"left"`   // not tried, because the undo was stopped
}

// Restored is what has to be sent so that a profile is again as it was before
// updates. A field that was not there before is left out: a server that replaces
// fields drops it so, and how to take one away from a server that merges them is
// not documented.
func Restored(f contact.Found, r WrittenRow) (want contact.Profile, differs bool) {
	was := r.Previous
	want.ContactIDs, want.Active = was.ContactIDs, was.Active
	if r.Status == contact.Deactivated && want.Active == nil {
		yes := true
		want.Active = &yes
	}
	changed := false
	for _, field := range f.Fields {
		switch old := was.Field(field.Name); {
		case old == nil:
			want.Fields = append(want.Fields, field)
		case string(old) == "null":
			changed = true
		default:
			changed = changed || !sameValue(old, field.Value)
			want.Fields = append(want.Fields, contact.Field{Name: field.Name, Value: old})
		}
	}
	for _, field := range was.Fields {
		if f.Field(field.Name) == nil && string(field.Value) != "null" {
			want.Fields, changed = append(want.Fields, field), true
		}
	}
	contact.SortFields(want.Fields)
	if !changed {
		want.Fields = nil
	} else if want.Fields == nil {
		want.Fields = []contact.Field{}
	}
	return want, changed || want.ContactIDs != nil || want.Active != nil && *want.Active != f.Active
}
