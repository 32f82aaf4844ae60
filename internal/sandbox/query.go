package sandbox

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A query is which profiles are listed, in which order, and which page of them. A
// cursor is the id of the last profile of a page or, going back, of the first.
type query struct {
	contactIDs     []string              // of which a profile has one; nil: any
	filter         string                // a part of one of its contact ids; empty: any
	where          []func(*profile) bool // all of them hold
	sort           []sortKey             // behind the last key by id, which is the order of creation
	limit, skip    int                   // of profiles on the page, and before the first page
	next, previous string                // cursors from which the page goes on or back; at most one
}

// A sortKey is a member of the items of a list, by which they are sorted.
type sortKey struct {
	member     string // _id, profile, active, contactIds, lastChanged; others sort nothing
	descending bool
}

// A result is a page of what was listed.
type result struct {
	profiles       []*profile
	total          int    // of all pages
	next, previous string // cursors of the pages beside it; empty where there is none
}

// list is a page of the profiles, as reads see them. It does not count as a read of
// them. It fails where a cursor is no longer valid.
func (s *store) list(q query, now time.Time) (result, error) {
	s.expire(now)
	matches := s.matches(q, now)
	from, to, err := q.window(matches)
	if err != nil {
		return result{}, err
	}
	r := result{total: len(matches), profiles: make([]*profile, 0, to-from)}
	for _, e := range matches[from:to] {
		r.profiles = append(r.profiles, e.visible(now))
	}
	if from > 0 && from < len(matches) {
		r.previous = matches[from].id
	}
	if to < len(matches) && to > 0 {
		r.next = matches[to-1].id
	}
	return r, nil
}

// matches are all profiles that a query is about, in the order it asks for. The
// slice may be the store's own: do not change it.
func (s *store) matches(q query, now time.Time) []*entry {
	candidates := s.order
	if s.readLag == 0 && q.contactIDs == nil && q.filter == "" && len(q.where) == 0 && len(q.sort) == 0 {
		return candidates
	}
	if s.readLag == 0 && q.contactIDs != nil {
		// The index knows what writes see, which is what reads see without a lag.
		candidates = nil
		for _, c := range q.contactIDs {
			candidates = append(candidates, s.byContact[c]...)
		}
		slices.SortFunc(candidates, func(a, b *entry) int { return cmp.Compare(a.id, b.id) })
		candidates = slices.Compact(candidates)
	}
	var found []*entry
	for _, e := range candidates {
		if p := e.visible(now); p != nil && q.matches(p) {
			found = append(found, e)
		}
	}
	if len(q.sort) > 0 {
		slices.SortFunc(found, func(a, b *entry) int { return q.compare(a.visible(now), b.visible(now)) })
	}
	return found
}

func (q *query) matches(p *profile) bool {
	if q.contactIDs != nil && !slices.ContainsFunc(p.contactIDs, func(c string) bool { return slices.Contains(q.contactIDs, c) }) {
		return false
	}
	if q.filter != "" && !slices.ContainsFunc(p.contactIDs, func(c string) bool { return strings.Contains(c, q.filter) }) {
		return false
	}
	for _, holds := range q.where {
		if !holds(p) {
			return false
		}
	}
	return true
}

func (q *query) compare(a, b *profile) int {
	for _, k := range q.sort {
		var n int
		switch k.member {
		case "_id":
			n = cmp.Compare(a.id, b.id)
		case "active":
			n = cmp.Compare(strconv.FormatBool(a.active), strconv.FormatBool(b.active))
		case "contactIds":
			n = slices.Compare(a.contactIDs, b.contactIDs)
		case "lastChanged":
			n = cmp.Compare(a.lastChanged, b.lastChanged)
		case "profile":
			n = bytes.Compare(a.fields.Value(), b.fields.Value())
		}
		if k.descending {
			n = -n
		}
		if n != 0 {
			return n
		}
	}
	return cmp.Compare(a.id, b.id)
}

// window is which of the matches are on the page.
func (q *query) window(matches []*entry) (from, to int, err error) {
	n := len(matches)
	cursor := cmp.Or(q.next, q.previous)
	if cursor == "" {
		from = min(q.skip, n)
		return from, min(from+q.limit, n), nil
	}
	i, found := 0, false
	if len(q.sort) == 0 {
		// In the order of the ids a cursor holds even if its profile is gone.
		i, found = slices.BinarySearchFunc(matches, cursor, byID)
	} else if i = slices.IndexFunc(matches, func(e *entry) bool { return e.id == cursor }); i < 0 {
		return 0, 0, fmt.Errorf("the cursor '%s' is no longer valid: its profile is gone or no longer matches; list from the start", cursor)
	} else {
		found = true
	}
	if q.previous != "" {
		return max(i-q.limit, 0), i, nil
	}
	if found {
		i++
	}
	return i, min(i+q.limit, n), nil
}
