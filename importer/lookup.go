package importer

import (
	"errors"
	"slices"
	"strings"
	"time"

	"importer/importer/change"
	"importer/importer/contact"
)

// clockMargin is how much older than its announcement a profile may seem and
// still be ours: its creation time is cut to whole seconds, and so is what is
// known of the server's clock.
const clockMargin = 2 * time.Second

// look looks a row in doubt up, by its first contact id: a create that succeeded
// would have stored all of them.
func (e *engine) look(t *task) answer {
	if t.Doubt == "" {
		e.Progress.LookedUp.Add(1)
	}
	t.Doubt = t.doubt.String()
	readsCaughtUp := !time.Now().Before(t.since.Add(e.Settle))
	answer := nobody
	err := e.ask(e.Retries, func() (err error) {
		answer, err = e.lookUp(t)
		return err
	})
	switch {
	case errors.Is(err, errNotSent):
		return stopped
	case err != nil:
		t.problem = contact.AsAPIError(err)
		return refused
	case answer == nobody && !readsCaughtUp:
		t.looks++
		return nobodyYet
	}
	return answer
}

// lookUp tells whether somebody, and who, is the contact of a row in doubt. Where
// the API said that it is there already, it is not ours, unless an earlier answer
// was lost.
func (e *engine) lookUp(t *task) (answer, error) {
	found, err := e.findExactly(t.Row.Profile.ContactIDs[0])
	if err != nil || len(found) == 0 {
		return nobody, err
	}
	if len(found) > 1 {
		e.Log.Warn().Str("source", t.Row.Source).Int("line", t.Row.Line).Int("profiles", len(found)).
			Msg("several profiles hold the contact id of this row")
	}
	slices.SortFunc(found, func(a, b contact.Found) int { return a.LastChanged.Compare(b.LastChanged) })
	for _, f := range found {
		mine, err := e.isOurs(t, f)
		if err != nil {
			return nobody, err
		}
		if mine {
			t.adopt(f)
			if t.made = t.doubt != conflicted; t.made {
				return ours, nil
			}
			return somebody, nil
		}
	}
	t.adopt(found[0])
	return somebody, nil
}

// isOurs tells whether a profile that holds the row's contact was made by a run of
// this report: by its stamp where there is one, else because it holds all of the
// row's contact ids and is no older than the announcement.
func (e *engine) isOurs(t *task, f contact.Found) (bool, error) {
	if e.StampField != "" {
		return string(f.Field(e.StampField)) == string(contact.StringValue(t.Row.Key.String())), nil
	}
	for _, id := range t.Row.Profile.ContactIDs {
		if !slices.Contains(f.ContactIDs, id) {
			return false, nil
		}
	}
	oldest := t.announced.Add(-clockMargin)
	if skew, ok := e.API.ClockSkew(); ok {
		oldest = oldest.Add(skew)
	}
	if f.CreatedAt.IsZero() {
		if f.LastChanged.Before(oldest) {
			return false, nil
		}
		// A list does not tell when a profile was created.
		whole, err := e.get(f.ID)
		if err != nil {
			return false, err
		}
		f.CreatedAt = whole.CreatedAt
	}
	return !f.CreatedAt.Before(oldest), nil
}

// findExactly returns all profiles that hold exactly this contact id.
//
// The API has no look-up. Its filter is free text, which may be read as a
// substring or as a regular expression; special characters may find nothing or
// fail. So only an exact comparison on our side counts, and "nothing" is
// believed for plain ids only: for others the member query is asked, then the
// filter with the longest plain part of the id. Where the API refuses to filter
// at all, the whole list is read.
func (e *engine) findExactly(contactID string) ([]contact.Found, error) {
	plain := longestPlain(contactID)
	queries := []contact.ListQuery{{Filter: contactID}}
	if plain != contactID {
		queries = append(queries, contact.ListQuery{ContactID: contactID})
		if len(plain) >= shortestFilter {
			queries = append(queries, contact.ListQuery{Filter: plain})
		}
	}
	answered := false
	for _, q := range queries {
		found, err := e.listAll(q, contactID)
		if len(found) > 0 {
			return found, nil
		}
		if err == nil {
			answered = true
			continue
		}
		if !refusesQuery(err, plain == contactID) {
			return nil, err
		}
	}
	if answered && (plain == contactID || len(plain) >= shortestFilter) {
		return nil, nil
	}
	return e.listAll(contact.ListQuery{}, contactID)
}

// shortestFilter is the least plain part of a contact id that is worth a
// filter: with less nearly everything matches.
const shortestFilter = 4

// refusesQuery tells an error that is about the query from one that a repeat may
// fix. Filters that crashed the server are known of older versions, but not
// plain ones.
func refusesQuery(err error, plain bool) bool {
	var problem *contact.APIError
	return errors.As(err, &problem) && (problem.Class == contact.Permanent || problem.Class == contact.Conflict || problem.HTTP == 500 && !plain)
}

// longestPlain is the longest part of a contact id that means the same as a
// substring and as a regular expression, as far as it matches the id at all.
func longestPlain(contactID string) string {
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

// listAll follows the pages of a query and keeps what holds the contact id. A
// profile that shows up on two pages counts once.
func (e *engine) listAll(q contact.ListQuery, contactID string) ([]contact.Found, error) {
	var found []contact.Found
	for page, err := range change.Pages(e.list, q) {
		if err != nil {
			return found, err
		}
		for _, f := range page.Profiles {
			if slices.Contains(f.ContactIDs, contactID) &&
				!slices.ContainsFunc(found, func(o contact.Found) bool { return o.ID == f.ID }) {
				found = append(found, f)
			}
		}
	}
	return found, nil
}
