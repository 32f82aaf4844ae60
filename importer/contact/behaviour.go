package contact

// A Behaviour is what is known of an API where no document tells how it behaves. The
// zero value knows nothing: then everything works either way, at the price of more
// requests.
type Behaviour struct {
	// Patch is what an update does with the fields that it does not name.
	Patch PatchKind `json:"patch,omitempty"`
	// PatchIDs is what an update does with the contact ids that it does not name.
	PatchIDs PatchKind `json:"patch_contact_ids,omitempty"`
}

// A PatchKind is what an update does with what it does not name; empty: not known.
type PatchKind string

const (
	PatchMerges   PatchKind = "merge"   // it stays
	PatchReplaces PatchKind = "replace" // it is gone
)
