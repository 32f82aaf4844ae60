// Package whose says whose a profile is: which of those that hold a contact id is a
// row's, whether it was there before, and what a look-up that found nothing proves.
package whose

import (
	"fmt"
	"slices"

	"importer/importer/contact"
)

// HolderOf picks the profile that a row with these contact ids is about, of
// those that hold at least one of them: the oldest that holds the first of them
// that anybody holds. The others are as of OthersOf.
func HolderOf(contactIDs []string, found []contact.Found) (holder contact.Found, others []contact.Found) {
	slices.SortStableFunc(found, func(a, b contact.Found) int { return a.LastChanged.Compare(b.LastChanged) })
	for _, id := range contactIDs {
		if i := slices.IndexFunc(found, func(f contact.Found) bool { return slices.Contains(f.ContactIDs, id) }); i >= 0 {
			return found[i], OthersOf(found[i], contactIDs, found)
		}
	}
	return holder, nil
}

// OthersOf are those of the profiles found that hold contact ids of a row which its own
// profile, the holder, does not hold: one for each of these ids.
func OthersOf(holder contact.Found, contactIDs []string, found []contact.Found) (others []contact.Found) {
	for _, id := range contactIDs {
		holds := func(f contact.Found) bool { return slices.Contains(f.ContactIDs, id) }
		if i := slices.IndexFunc(found, holds); i >= 0 && !holds(holder) && !slices.ContainsFunc(others, holds) {
			others = append(others, found[i])
		}
	}
	return others
}

// ToMerge names each of the other profiles by a contact id of the row.
func ToMerge(contactIDs []string, holder contact.Found, others []contact.Found) (merge []string) {
	for _, f := range others {
		i := slices.IndexFunc(contactIDs, func(id string) bool {
			return slices.Contains(f.ContactIDs, id) && !slices.Contains(holder.ContactIDs, id)
		})
		merge = append(merge, contactIDs[i])
	}
	return merge
}

// ConflictOf says that the contact ids of a row belong to several profiles.
func ConflictOf(holder contact.Found, others []contact.Found) contact.Failure {
	ids := holder.ID
	for _, f := range others {
		ids += ", " + f.ID
	}
	return contact.Failure{
		Field:  "contactIds",
		Detail: fmt.Sprintf("the contact ids of this row belong to %d profiles: %s", len(others)+1, ids),
		Hint:   "merge the profiles or take contact ids out of the row; on_conflict: first takes the profile with the first of them, merge (with --mode upsert or mirror) merges them",
	}
}
