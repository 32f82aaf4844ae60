package contact

// A Behaviour is what is known of an API where no document tells how it behaves. The
// zero value knows nothing: then everything works either way, at the price of more
// requests.
type Behaviour struct {
	// Patch is what an update does with the fields that it does not name.
	Patch PatchKind `json:"patch,omitempty"`
	// PatchIDs is what an update does with the contact ids that it does not name.
	PatchIDs PatchKind `json:"patch_contact_ids,omitempty"`
	// ReadLag is how long reads were seen to lag behind writes; 0: they do not, or
	// nobody looked.
	ReadLag Seconds `json:"read_lag_s,omitzero"`
}

// A PatchKind is what an update does with what it does not name; empty: not known.
type PatchKind string

const (
	PatchMerges   PatchKind = "merge"   // it stays
	PatchReplaces PatchKind = "replace" // it is gone
)

// Valid tells whether b holds nothing but values that there are.
func (b Behaviour) Valid() bool {
	return b.Patch.valid() && b.PatchIDs.valid() && b.ReadLag >= 0
}

func (k PatchKind) valid() bool { return k == "" || k == PatchMerges || k == PatchReplaces }
