package whose

import (
	"errors"
	"slices"
	"strings"

	"importer/importer/contact"
)

// MinFilter is the least plain part of a contact id that is worth a
// filter: with less nearly everything matches.
const MinFilter = 4

// RefusesQuery tells an error that is about the query from one that a repeat may
// fix. Filters that crashed the server are known of older versions, but not
// plain ones.
func RefusesQuery(err error, plain bool) bool {
	var problem *contact.APIError
	return errors.As(err, &problem) && (problem.Class == contact.Permanent || problem.Class == contact.Conflict || problem.HTTP == 500 && !plain)
}

// LongestPlain is the longest part of a contact id that means the same as a
// substring and as a regular expression, as far as it matches the id at all.
func LongestPlain(contactID string) string {
	longest := ""
	for part := range strings.FieldsFuncSeq(contactID, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@._-", r))
	}) {
		if len(part) > len(longest) {
			longest = part
		}
	}
	return longest
}

// IsMatch tells whether a query can have found a profile. Which fields a filter
// looks at is not documented.
func IsMatch(f contact.Found, q contact.ListQuery) bool {
	text := strings.ToLower(q.Filter + q.ContactID)
	holds := func(s string) bool { return strings.Contains(strings.ToLower(s), text) }
	return slices.ContainsFunc(f.ContactIDs, holds) ||
		slices.ContainsFunc(f.Fields, func(field contact.Field) bool { return holds(string(field.Value)) })
}

// LookUpCost is how many requests it takes to find nobody with a contact id.
func LookUpCost(contactID string) int64 {
	plain := LongestPlain(contactID)
	switch {
	case plain == contactID:
		return 1
	case len(plain) >= MinFilter:
		return 3
	}
	return 2
}
