package importer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"importer/importer/change"
	"importer/importer/contact"
)

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
	if got := e.lookFailed(t, err); got != ok {
		return got
	}
	if answer == nobody && !readsCaughtUp {
		t.looks++
		return nobodyYet
	}
	return answer
}

// lookFailed is the answer to a look-up that failed; ok where it did not.
func (e *engine) lookFailed(t *task, err error) answer {
	problem, failed := errors.AsType[*contact.APIError](err)
	switch {
	case err == nil:
		return ok
	case errors.Is(err, errNotSent):
		return stopped
	case failed:
		t.problem = problem
		return exhausted
	}
	e.stop(err)
	return stopped
}

// lookUp tells whether somebody, and who, is the contact of a row in doubt. Where
// the API said that it is there already, it is not ours, unless an earlier answer
// was lost.
func (e *engine) lookUp(t *task) (answer, error) {
	id := t.Row.KnownIDs()[0]
	found, alike, err := e.findExactly(id)
	if err != nil {
		return nobody, err
	}
	if len(found) == 0 {
		for _, f := range alike {
			if !e.clocks.isOlder(f.LastChanged, t.announced) {
				return resembling, nil
			}
		}
		return nobody, nil
	}
	if len(found) > 1 {
		e.Log.Warn().Str("source", t.Row.Source).Int("line", t.Row.Line).Int("profiles", len(found)).
			Msg("several profiles hold the contact id of this row")
	}
	slices.SortFunc(found, func(a, b contact.Found) int { return a.LastChanged.Compare(b.LastChanged) })
	for _, f := range found {
		f.ContactIDs = e.spelling.Respell(f.ContactIDs, t.Row.Profile.ContactIDs)
		mine, err := e.isOurs(t, f)
		if err != nil {
			return nobody, err
		}
		if mine {
			t.adopt(f)
			if t.made = t.doubt != conflicted; t.made {
				e.made.add(f.ID)
				return ours, nil
			}
			return somebody, nil
		}
	}
	t.adopt(found[0])
	return somebody, nil
}

// findExactly returns all profiles that hold exactly this contact id, in the
// spelling that the API was seen to give it, and those that hold it in another one.
//
// The API has no look-up. Its filter is free text, which may be read as a
// substring or as a regular expression; special characters may find nothing or
// fail. So only an exact comparison on our side counts, and "nothing" is
// believed for plain ids only: for others the member query is asked, then the
// filter with the longest plain part of the id. Where the API refuses to filter
// at all, the whole list is read.
func (e *engine) findExactly(contactID string) (found, alike []contact.Found, err error) {
	plain := longestPlain(contactID)
	queries := []contact.ListQuery{{Filter: contactID}}
	if plain != contactID {
		queries = append(queries, contact.ListQuery{ContactID: contactID})
		if len(plain) >= shortestFilter {
			queries = append(queries, contact.ListQuery{Filter: plain})
		}
	}
	if learned := e.spelling.As(contactID); learned != contactID {
		queries = append(queries, contact.ListQuery{Filter: learned})
	}
	answered := false
	for _, q := range queries {
		found, more, matches, err := e.listAll(q, contactID)
		if len(found) > 0 {
			return found, nil, nil
		}
		alike = append(alike, more...)
		if err == nil {
			answered = answered || matches
			continue
		}
		if !refusesQuery(err, plain == contactID) {
			return nil, nil, err
		}
	}
	if answered && (plain == contactID || len(plain) >= shortestFilter) {
		return nil, alike, nil
	}
	found, alike, _, err = e.listAll(contact.ListQuery{}, contactID)
	return found, alike, err
}

// lookUpEach returns the profiles that hold any of these contact ids, each once.
func (e *engine) lookUpEach(contactIDs []string) (found []contact.Found, err error) {
	for _, id := range contactIDs {
		if slices.ContainsFunc(found, func(f contact.Found) bool { return slices.Contains(f.ContactIDs, id) }) {
			continue
		}
		var more []contact.Found
		if err := e.ask(e.Retries, func() (err error) {
			more, _, err = e.findExactly(id)
			return err
		}); err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
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

// listAll follows the pages of a query and keeps what holds the contact id, and
// what holds it in another spelling. A profile that shows up on two pages counts
// once. Where something was listed and nothing of it matches the query, that was
// not answered: the server ignores it, or a cache gave the answer to another one.
func (e *engine) listAll(q contact.ListQuery, contactID string) (found, alike []contact.Found, matches bool, err error) {
	seen := func(all []contact.Found, f contact.Found) bool {
		return slices.ContainsFunc(all, func(o contact.Found) bool { return o.ID == f.ID })
	}
	matches = true
	listed, total := 0, 0
	for page, err := range change.Pages(e.list, q) {
		if err != nil {
			return found, alike, false, err
		}
		listed, total = listed+len(page.Profiles), page.Total
		if len(page.Profiles) > 0 {
			matches = slices.ContainsFunc(page.Profiles, func(f contact.Found) bool { return isMatch(f, q) })
		}
		for _, f := range page.Profiles {
			f.ContactIDs = e.spelling.Respell(f.ContactIDs, []string{contactID})
			switch {
			case slices.Contains(f.ContactIDs, contactID):
				if !seen(found, f) {
					found = append(found, f)
				}
			case f.Resembles(contactID) && !seen(alike, f):
				alike = append(alike, f)
			}
		}
	}
	if whole := q == (contact.ListQuery{}); len(found) == 0 && (listed < total || whole && listed < e.made.before(time.Now().Add(-e.Settle))) {
		return nil, nil, false, &contact.APIError{Author: contact.Way, Class: contact.Transient, Failure: contact.Failure{
			Detail: fmt.Sprintf("a list of %d profiles is not whole: it shows %d", total, listed),
			Hint:   "a cache on the way to the API may be behind; the next run looks again",
		}}
	}
	return found, alike, matches, nil
}

// isMatch tells whether a query can have found a profile. Which fields a filter
// looks at is not documented.
func isMatch(f contact.Found, q contact.ListQuery) bool {
	text := strings.ToLower(q.Filter + q.ContactID)
	holds := func(s string) bool { return strings.Contains(strings.ToLower(s), text) }
	return slices.ContainsFunc(f.ContactIDs, holds) ||
		slices.ContainsFunc(f.Fields, func(field contact.Field) bool { return holds(string(field.Value)) })
}
