package importer

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"importer/importer/change"
	"importer/importer/contact"
	"importer/importer/whose"
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
	if answer&(nobody|unproven) != 0 && !readsCaughtUp {
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
// was lost. Where the queries were answered with profiles that nobody asked for, the
// list of all may be such an answer as well: that it shows nobody proves nothing
// before the next run sees the same.
func (e *engine) lookUp(t *task) (answer, error) {
	var found, alike []contact.Found
	answered := true
	for _, ids := range t.Row.SentAs() {
		f, a, ok, err := e.findExactly(ids[0])
		if err != nil {
			return nobody, err
		}
		if found, alike, answered = f, append(alike, a...), answered && ok; len(found) > 0 {
			break
		}
	}
	if len(found) == 0 {
		for _, f := range alike {
			if !e.clocks.IsOlder(f.LastChanged, t.announced) {
				return resembling, nil
			}
		}
		if !answered && t.doubt != earlierRun {
			return unproven, nil
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
				e.made.Add(f.ID)
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
// at all, the whole list is read. So it is where the queries were not answered,
// because all that was listed are profiles that do not match: answered is false then.
func (e *engine) findExactly(contactID string) (found, alike []contact.Found, answered bool, err error) {
	plain := whose.LongestPlain(contactID)
	queries := []contact.ListQuery{{Filter: contactID}}
	if plain != contactID {
		queries = append(queries, contact.ListQuery{ContactID: contactID})
		if len(plain) >= whose.MinFilter {
			queries = append(queries, contact.ListQuery{Filter: plain})
		}
	}
	if learned := e.spelling.As(contactID); learned != contactID {
		queries = append(queries, contact.ListQuery{Filter: learned})
	}
	ignored := false
	for _, q := range queries {
		found, more, matches, err := e.listAll(q, contactID)
		switch {
		case len(found) > 0:
			return found, nil, true, nil
		case err == nil:
			answered, ignored = answered || matches, ignored || !matches
		case !whose.RefusesQuery(err, plain == contactID):
			return nil, nil, false, err
		}
		alike = append(alike, more...)
	}
	if answered && (plain == contactID || len(plain) >= whose.MinFilter) {
		return nil, alike, true, nil
	}
	found, alike, _, err = e.listAll(contact.ListQuery{}, contactID)
	return found, alike, answered || !ignored, err
}

// lookUpEach returns the profiles that hold any of these contact ids, each once.
func (e *engine) lookUpEach(contactIDs []string) (found []contact.Found, err error) {
	for _, id := range contactIDs {
		if slices.ContainsFunc(found, func(f contact.Found) bool { return slices.Contains(f.ContactIDs, id) }) {
			continue
		}
		var more []contact.Found
		if err := e.ask(e.Retries, func() (err error) {
			more, _, _, err = e.findExactly(id)
			return err
		}); err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
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
	listed, total, least := 0, 0, 0
	if q == (contact.ListQuery{}) {
		least = e.leastHeld()
	}
	for page, err := range change.Pages(e.list, q) {
		if err != nil {
			return found, alike, false, err
		}
		listed, total = listed+len(page.Profiles), page.Total
		if len(page.Profiles) > 0 {
			matches = matches && slices.ContainsFunc(page.Profiles, func(f contact.Found) bool { return whose.IsMatch(f, q) })
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
	if total = max(total, least); len(found) == 0 && listed < total {
		return nil, nil, false, &contact.APIError{Author: contact.Way, Class: contact.Transient, Failure: contact.Failure{
			Detail: fmt.Sprintf("a list of at least %d profiles is not whole: it shows %d", total, listed),
			Hint:   "a cache on the way to the API may be behind; the next run looks again",
		}}
	}
	return found, alike, matches, nil
}

// leastHeld is how many profiles a list of the whole project shows at least: nine
// tenths of those that it held before, because some expire or are deleted meanwhile,
// and all that this run made, as far as reads have caught up. With fewer it is no list
// of the project, but perhaps the answer to another query.
func (e *engine) leastHeld() int {
	held := int(e.presence.held.Load())
	return max(held-held/10, e.made.Before(time.Now().Add(-e.Settle)))
}

// isOurs tells whether a profile that holds the row's contact was made by a run of
// this journal: by its stamp where there is one, else because it holds all of the
// row's contact ids, is no older than the announcement, and is no other row's.
func (e *engine) isOurs(t *task, f contact.Found) (bool, error) {
	if e.StampField != "" {
		return string(f.Field(e.StampField)) == string(contact.StringValue(t.Row.Key.String())), nil
	}
	if !t.Row.IsSentAs(f.ContactIDs) || e.made.Has(f.ID) {
		return false, nil
	}
	if f.CreatedAt.IsZero() {
		if e.clocks.IsOlder(f.LastChanged, t.announced) {
			return false, nil
		}
		// A list does not tell when a profile was created.
		whole, err := e.get(f.ID)
		if err != nil {
			return false, err
		}
		f.CreatedAt = whole.CreatedAt
	}
	return !e.clocks.IsOlder(f.CreatedAt, t.announced), nil
}

// learnSpelling notes how the API shows the contact ids of a create.
func (e *engine) learnSpelling(sent, shown []string) {
	if shown != nil && e.spelling.Learn(sent, shown) {
		e.Log.Warn().Strs("sent", sent).Strs("shown", shown).Msg("the API shows contact ids in another spelling than they were sent in; they are compared in that spelling")
	}
}
