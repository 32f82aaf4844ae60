package importer

import (
	"context"
	"errors"
	"fmt"
	"importer/importer/contact"
	"slices"
	"strings"
	"time"
)

// A match is what a look-up found for a row.
type match struct {
	id    string
	ours  bool // this report's runs made it
	found contact.Found
}

// clockMargin is how much older than its announcement a profile may seem and
// still be ours: its creation time is cut to whole seconds, and so is what is
// known of the server's clock.
const clockMargin = 2 * time.Second

// lookUp looks for the contact of a row in the API. It returns nil where nobody
// has its first contact id: a create that succeeded would have stored all of
// them.
func (e *engine) lookUp(t *task) (*match, error) {
	ids := t.Row.Profile.ContactIDs
	found, err := e.find(ids[0])
	if err != nil || len(found) == 0 {
		return nil, err
	}
	if len(found) > 1 {
		e.Log.Warn().Str("source", t.Row.Source).Int("line", t.Row.Line).Int("profiles", len(found)).
			Msg("several profiles hold the contact id of this row")
	}
	slices.SortFunc(found, func(a, b contact.Found) int { return a.LastChanged.Compare(b.LastChanged) })
	for _, f := range found {
		ours, err := e.ours(t, f)
		if err != nil {
			return nil, err
		}
		if ours {
			return &match{id: f.ID, ours: true, found: f}, nil
		}
	}
	return &match{id: found[0].ID, found: found[0]}, nil
}

// ours tells whether a profile that holds the row's contact was made by a run of
// this report: by its stamp where there is one, else because it holds all of the
// row's contact ids and is no older than the announcement.
func (e *engine) ours(t *task, f contact.Found) (bool, error) {
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

// find returns all profiles that hold exactly this contact id.
//
// The API has no look-up. Its filter is free text, which may be read as a
// substring or as a regular expression; special characters may find nothing or
// fail. So only an exact comparison on our side counts, and "nothing" is
// believed for plain ids only: for others the member query is asked, then the
// filter with the longest plain part of the id. Where the API refuses to filter
// at all, the whole list is read.
func (e *engine) find(contactID string) ([]contact.Found, error) {
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
// mend. Filters that crashed the server are known of older versions, but not
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
	q.Limit = pageSize
	var found []contact.Found
	for pages := 0; ; pages++ {
		page, err := e.list(q)
		if err != nil {
			return found, err
		}
		for _, f := range page.Profiles {
			if slices.Contains(f.ContactIDs, contactID) &&
				!slices.ContainsFunc(found, func(o contact.Found) bool { return o.ID == f.ID }) {
				found = append(found, f)
			}
		}
		if page.Next == "" || len(page.Profiles) == 0 {
			return found, nil
		}
		if page.Next == q.Cursor || pages > mostPages {
			return found, &contact.APIError{Class: contact.Permanent, Failure: contact.Failure{
				Detail: fmt.Sprintf("the list of profiles does not end: page %d points to itself or beyond %d pages", pages+1, mostPages)}}
		}
		q.Cursor = page.Next
	}
}

const (
	pageSize  = 100     // the most that the API gives in one page
	mostPages = 100_000 // ten million profiles: beyond that the cursor goes in a circle
)

func (e *engine) list(q contact.ListQuery) (contact.ListPage, error) {
	var page contact.ListPage
	err := e.call(nil, func(ctx context.Context) (err error) {
		page, err = e.API.List(ctx, q)
		return err
	})
	return page, err
}

func (e *engine) get(id string) (contact.Found, error) {
	var f contact.Found
	err := e.call(nil, func(ctx context.Context) (err error) {
		f, err = e.API.Get(ctx, id)
		return err
	})
	return f, err
}
