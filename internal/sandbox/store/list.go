package store

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// A Query is which profiles are listed, in which order, and which page of them. A
// cursor is the id of the last profile of a page or, going back, of the first.
type Query struct {
	ContactIDs     []string              // of which a profile has one; nil: any
	Filter         func(string) bool     // holds for one of its contact ids; nil: any
	Where          []func(*Profile) bool // all of them hold
	Sort           []SortKey             // behind the last key by id, which is the order of creation
	Limit, Skip    int                   // of profiles on the page, and before the first page
	Next, Previous string                // cursors from which the page goes on or back; at most one
}

// A SortKey is a member of the items of a list, by which they are sorted.
type SortKey struct {
	Member     string // _id, profile, active, contactIds, lastChanged; others sort nothing
	Descending bool
}

// A Page is a part of what was listed.
type Page struct {
	Profiles       []*Profile
	Total          int    // of all pages
	Next, Previous string // cursors of the pages beside it; empty where there is none
}

// List is a page of the profiles, as reads see them. It does not count as a read of
// them. It fails where a cursor is no longer valid.
func (s *Store) List(q Query, now time.Time) (Page, error) {
	s.expire(now)
	matches := s.matches(q, now)
	from, to, err := q.window(matches)
	if err != nil {
		return Page{}, err
	}
	page := Page{Total: len(matches), Profiles: make([]*Profile, 0, to-from)}
	for _, e := range matches[from:to] {
		page.Profiles = append(page.Profiles, e.visible(now, s.listLag))
	}
	if from > 0 && from < len(matches) {
		page.Previous = matches[from].id
	}
	if to < len(matches) && to > 0 {
		page.Next = matches[to-1].id
	}
	return page, nil
}

// matches are all profiles that a query is about, in the order it asks for. The
// slice may be the store's own: do not change it.
func (s *Store) matches(q Query, now time.Time) []*entry {
	candidates := s.order
	if s.lag() == 0 && q.ContactIDs == nil && q.Filter == nil && len(q.Where) == 0 && len(q.Sort) == 0 {
		return candidates
	}
	if s.listLag == 0 && q.ContactIDs != nil {
		// The index knows what writes see, which is what reads see without a lag.
		candidates = nil
		for _, c := range q.ContactIDs {
			candidates = append(candidates, s.byContact[c]...)
		}
		slices.SortFunc(candidates, func(a, b *entry) int { return cmp.Compare(a.id, b.id) })
		candidates = slices.Compact(candidates)
	}
	var found []*entry
	for _, e := range candidates {
		if p := e.visible(now, s.listLag); p != nil && q.matches(p) {
			found = append(found, e)
		}
	}
	if len(q.Sort) > 0 {
		slices.SortFunc(found, func(a, b *entry) int { return q.compare(a.visible(now, s.listLag), b.visible(now, s.listLag)) })
	}
	return found
}

func (q *Query) matches(p *Profile) bool {
	if q.ContactIDs != nil && !slices.ContainsFunc(p.ContactIDs, func(c string) bool { return slices.Contains(q.ContactIDs, c) }) {
		return false
	}
	if q.Filter != nil && !slices.ContainsFunc(p.ContactIDs, q.Filter) {
		return false
	}
	for _, holds := range q.Where {
		if !holds(p) {
			return false
		}
	}
	return true
}

func (q *Query) compare(a, b *Profile) int {
	for _, k := range q.Sort {
		var n int
		switch k.Member {
		case "_id":
			n = cmp.Compare(a.ID, b.ID)
		case "active":
			n = cmp.Compare(strconv.FormatBool(a.Active), strconv.FormatBool(b.Active))
		case "contactIds":
			n = slices.Compare(a.ContactIDs, b.ContactIDs)
		case "lastChanged":
			n = cmp.Compare(a.LastChanged, b.LastChanged)
		case "profile":
			n = bytes.Compare(a.Fields.Value(), b.Fields.Value())
		}
		if k.Descending {
			n = -n
		}
		if n != 0 {
			return n
		}
	}
	return cmp.Compare(a.ID, b.ID)
}

// window is which of the matches are on the page.
func (q *Query) window(matches []*entry) (from, to int, err error) {
	n := len(matches)
	cursor := cmp.Or(q.Next, q.Previous)
	if cursor == "" {
		from = min(q.Skip, n)
		return from, min(from+q.Limit, n), nil
	}
	i, found := 0, false
	if len(q.Sort) == 0 {
		// In the order of the ids a cursor holds even if its profile is gone.
		i, found = slices.BinarySearchFunc(matches, cursor, compareID)
	} else if i = slices.IndexFunc(matches, func(e *entry) bool { return e.id == cursor }); i < 0 {
		return 0, 0, fmt.Errorf("the cursor '%s' is no longer valid: its profile is gone or no longer matches; list from the start", cursor)
	} else {
		found = true
	}
	if q.Previous != "" {
		return max(i-q.Limit, 0), i, nil
	}
	if found {
		i++
	}
	return i, min(i+q.Limit, n), nil
}
