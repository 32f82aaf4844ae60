package change

import (
	"slices"
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
	UndoGone                   // it was deleted, which no operation takes back
	UndoImpossible             // it was updated, and what was there before is not known
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
		return UndoGone
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
	// Partly are profiles among those that keep a field or contact id that was not there
	// before, because the API merges.
	Partly int64 `json:"partly"`
	Kept   int64 `json:"kept"`   // changed since, and kept
	Gone   int64 `json:"gone"`   // was not there any more
	Failed int64 `json:"failed"` // by the API; the next undo tries it again
	Left   int64 `json:"left"`   // not tried, because the undo was stopped
}

// Restored is what has to be sent so that a profile is again as it was before
// updates. A field or contact id that was not there before is left out: an API that
// replaces drops it so. On one that is known to merge it stays, which left tells.
func Restored(f contact.Found, r WrittenRow, api contact.Behaviour) (want contact.Profile, differs, left bool) {
	was := r.Previous
	if ids := withoutAdded(f, r); ids != nil && api.PatchIDs == contact.PatchMerges {
		left = true
	} else {
		want.ContactIDs = ids
	}
	active := was.Active
	if r.Status == contact.Deactivated && active == nil {
		yes := true
		active = &yes
	}
	if active != nil && *active != f.Active {
		want.Active = active
	}
	dropped := false
	var changed []contact.Field
	for _, field := range was.Fields {
		switch is := f.Field(field.Name); {
		case string(field.Value) != "null":
			if is == nil || !sameValue(is, field.Value) {
				changed = append(changed, field)
			}
		case is == nil || string(is) == "null":
		case api.Patch == contact.PatchMerges:
			left = true
		default:
			dropped = true
			f.Fields = slices.DeleteFunc(slices.Clone(f.Fields), func(other contact.Field) bool { return other.Name == field.Name })
		}
	}
	if changed != nil || dropped {
		if want.Fields = whole(f, changed, api); want.Fields == nil {
			want.Fields = []contact.Field{}
		}
	}
	return want, !want.IsEmpty(), left
}

// withoutAdded are the contact ids of a profile without those that an update added; nil
// where that changes nothing.
func withoutAdded(f contact.Found, r WrittenRow) []string {
	if r.Previous.ContactIDs == nil {
		return nil
	}
	ids := slices.DeleteFunc(slices.Clone(f.ContactIDs), func(id string) bool {
		return slices.Contains(r.ContactIDs, id) && !slices.Contains(r.Previous.ContactIDs, id)
	})
	if len(ids) == len(f.ContactIDs) || len(ids) == 0 {
		return nil
	}
	return ids
}
