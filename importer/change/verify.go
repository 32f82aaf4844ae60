package change

import (
	"slices"
	"strconv"

	"importer/importer/contact"
)

// A Verdict is what a verification found about one profile.
type Verdict string

const (
	VerdictSame    Verdict = "same"
	VerdictDiffers Verdict = "differs"
	VerdictMissing Verdict = "missing"
	// VerdictThere is a profile that is there and that nothing could be compared
	// with: the source does not hold its row any more, or holds another version.
	VerdictThere Verdict = "there"
	// VerdictUnverifiable is a row of which it cannot be told: its profile cannot be
	// read, its profile id is not known and no look-up finds it, or the report does
	// not know whether it is in.
	VerdictUnverifiable Verdict = "unverifiable"
)

// A Difference is one member of a profile that is not as it was sent.
type Difference struct {
	Field    string `json:"field"`    // of the profile, or contactIds, or active
	Expected string `json:"expected"` // JSON
	Found    string `json:"found"`    // JSON; empty where there is none
}

// Verify compares a profile with what was sent for its row: every contact id and
// field of the row, and active where the row names it. What else the profile
// holds is nobody's business.
func Verify(f contact.Found, row contact.Profile) (Verdict, []Difference) {
	var all []Difference
	for _, id := range row.ContactIDs {
		if !slices.Contains(f.ContactIDs, id) {
			all = append(all, Difference{"contactIds", string(contact.StringValue(id)), string(contact.AppendStrings(nil, f.ContactIDs))})
		}
	}
	if row.Active != nil && *row.Active != f.Active {
		all = append(all, Difference{"active", strconv.FormatBool(*row.Active), strconv.FormatBool(f.Active)})
	}
	for _, field := range row.Fields {
		if found := f.Field(field.Name); found == nil || !sameValue(found, field.Value) {
			all = append(all, Difference{field.Name, string(field.Value), string(found)})
		}
	}
	if len(all) > 0 {
		return VerdictDiffers, all
	}
	return VerdictSame, nil
}
