package sandbox

import (
	"bytes"
	"cmp"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"importer/internal/sandbox/jsonvalue"
)

// A page is what list answers.
type page struct {
	items          []jsonvalue.Object
	total          int    // all matches
	next, previous string // cursors; empty where there is no such page
}

// listQuery is what list is asked for.
type listQuery struct {
	limit, skip    int
	next, previous string // ids, from which a page goes on or back
	filter         string
	sort           []sortKey
	where          []condition
	contactIDs     []string // of the condition on contactIds, where there is one
}

type sortKey struct {
	member     string
	descending bool
}

// A condition is an exact query on a member of an item.
type condition func(id string, v *version) bool

const (
	defaultLimit = 25
	maxLimit     = 100
)

// itemMembers are the members of an item, by which a list can be sorted.
var itemMembers = []string{"_id", "profile", "active", "contactIds", "lastChanged", "projectId"}

// list reads one page of the profiles. It does not count as a read of them.
func (s *Sandbox) list(c *call) answer {
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return failure(invalid("the query cannot be read: %v", err))
	}
	if id := query.Get("projectId"); id != "" && id != s.options.ProjectID {
		if !id24.MatchString(id) {
			return failure(invalid("query parameter 'projectId' should be 24 characters of a-z and 0-9"))
		}
		return failure(foreignProject(id))
	}
	q, p := s.parseListQuery(query)
	if p != nil {
		return failure(p)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	s.profiles.expire(c.at)
	matches := s.profiles.matches(q, c.at)
	from, to, p := q.window(matches)
	if p != nil {
		return failure(p)
	}
	pg := &page{total: len(matches), items: make([]jsonvalue.Object, 0, to-from)}
	for _, e := range matches[from:to] {
		pg.items = append(pg.items, e.visible(c.at).item(e.id, s.options.ProjectID))
	}
	if from > 0 && from < len(matches) {
		pg.previous = matches[from].id
	}
	if to < len(matches) && to > 0 {
		pg.next = matches[to-1].id
	}
	return answer{status: 200, list: pg}
}

// arrayName is the name of a parameter, and behind it what marks an item of an
// array: the vendor's clients write name[]=a&name[]=b or name.0=a&name.1=b.
var arrayName = regexp.MustCompile(`^(.+?)(\[[0-9]*\]|\.[0-9]+)$`)

// parseListQuery reads the parameters. An array may also be written as name=a,b.
// A bare name is null, which for most is as good as left out.
func (s *Sandbox) parseListQuery(query url.Values) (listQuery, *problem) {
	q := listQuery{limit: defaultLimit}
	arrays := make(map[string][]string)
	for _, key := range slices.Sorted(maps.Keys(query)) {
		name := key
		if m := arrayName.FindStringSubmatch(key); m != nil {
			name = m[1]
		}
		arrays[name] = append(arrays[name], query[key]...)
	}
	for name, values := range arrays {
		value := values[0]
		var p *problem
		switch name {
		case "limit":
			q.limit, p = parseInt(name, value, defaultLimit, 1)
			if q.limit > maxLimit {
				if s.options.LimitAbove == LimitReject {
					return q, invalid("query parameter 'limit' should be at most %d", maxLimit)
				}
				q.limit = maxLimit
			}
		case "skip":
			q.skip, p = parseInt(name, value, 0, 0)
		case "next", "previous":
			if value != "" && !id24.MatchString(value) {
				return q, invalid("query parameter '%s' should be a cursor of an earlier answer", name)
			}
			if name == "next" {
				q.next = value
			} else {
				q.previous = value
			}
		case "filter":
			q.filter = value
		case "sort":
			q.sort, p = parseSort(strings.Join(values, ","))
		case "projectId", "api_key":
		case "_id", "active", "contactIds", "lastChanged":
			var c condition
			c, p = q.condition(name, values)
			q.where = append(q.where, c)
		default:
			return q, invalid("query parameter '%s' is not allowed", name)
		}
		if p != nil {
			return q, p
		}
	}
	if q.next != "" && q.previous != "" {
		return q, invalid("query parameters 'next' and 'previous' do not go together")
	}
	return q, nil
}

func parseInt(name, value string, empty, least int) (int, *problem) {
	if value == "" {
		return empty, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < least {
		return 0, invalid("query parameter '%s' should be a whole number of at least %d", name, least)
	}
	return n, nil
}

func parseSort(value string) ([]sortKey, *problem) {
	var keys []sortKey
	for part := range strings.SplitSeq(value, ",") {
		if part == "" {
			continue
		}
		name, direction, _ := strings.Cut(part, ":")
		if !slices.Contains(itemMembers, name) || direction != "asc" && direction != "desc" && direction != "" {
			return nil, invalid("query parameter 'sort' should be field:asc or field:desc, with fields of %s", strings.Join(itemMembers, ", "))
		}
		if len(keys) == len(itemMembers) {
			return nil, invalid("query parameter 'sort' has too many fields")
		}
		keys = append(keys, sortKey{name, direction == "desc"})
	}
	return keys, nil
}

// condition makes the exact query on a member: any of several values, or of a
// number a range [from,to]. An empty value is null, which no item has.
func (q *listQuery) condition(name string, values []string) (condition, *problem) {
	text := strings.Join(values, ",")
	from, to, isRange := parseRange(text)
	list := strings.Split(text, ",")
	switch name {
	case "_id":
		return func(id string, _ *version) bool { return slices.Contains(list, id) }, nil
	case "contactIds":
		q.contactIDs = list
		return func(_ string, v *version) bool {
			return slices.ContainsFunc(v.contactIDs, func(c string) bool { return slices.Contains(list, c) })
		}, nil
	case "active":
		for _, v := range list {
			if v != "true" && v != "false" && v != "" {
				return nil, invalid("query parameter 'active' should be true or false")
			}
		}
		return func(_ string, v *version) bool { return slices.Contains(list, strconv.FormatBool(v.active)) }, nil
	}
	if isRange {
		return func(_ string, v *version) bool { return v.lastChanged >= from && v.lastChanged <= to }, nil
	}
	for _, v := range list {
		if _, err := strconv.ParseInt(v, 10, 64); err != nil && v != "" {
			return nil, invalid("query parameter 'lastChanged' should be a whole number or a range [from,to]")
		}
	}
	return func(_ string, v *version) bool { return slices.Contains(list, strconv.FormatInt(v.lastChanged, 10)) }, nil
}

func parseRange(text string) (from, to int64, ok bool) {
	inner, open := strings.CutPrefix(text, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	a, b, comma := strings.Cut(inner, ",")
	from, err := strconv.ParseInt(a, 10, 64)
	to, err2 := strconv.ParseInt(b, 10, 64)
	return from, to, open && closed && comma && err == nil && err2 == nil
}

// matches are all profiles that a query is about, in the order it asks for. The
// caller must not change the slice, nor keep it beyond the mutex.
func (t *profiles) matches(q listQuery, now time.Time) []*entry {
	candidates := t.order
	if t.lag == 0 && q.filter == "" && len(q.where) == 0 && len(q.sort) == 0 {
		return candidates
	}
	if q.contactIDs != nil && t.lag == 0 {
		// The index knows the last version only, which is what reads see when
		// there is no lag.
		candidates = nil
		for _, c := range q.contactIDs {
			candidates = append(candidates, t.byContact[c]...)
		}
		slices.SortFunc(candidates, func(a, b *entry) int { return cmp.Compare(a.id, b.id) })
		candidates = slices.Compact(candidates)
	}
	var found []*entry
	for _, e := range candidates {
		if v := e.visible(now); v != nil && q.matches(e.id, v) {
			found = append(found, e)
		}
	}
	if len(q.sort) > 0 {
		slices.SortFunc(found, func(a, b *entry) int { return q.compare(a, b, now) })
	}
	return found
}

func (q *listQuery) matches(id string, v *version) bool {
	if q.filter != "" && !slices.ContainsFunc(v.contactIDs, func(c string) bool { return strings.Contains(c, q.filter) }) {
		return false
	}
	for _, c := range q.where {
		if !c(id, v) {
			return false
		}
	}
	return true
}

func (q *listQuery) compare(a, b *entry, now time.Time) int {
	v, w := a.visible(now), b.visible(now)
	for _, k := range q.sort {
		var n int
		switch k.member {
		case "_id":
			n = cmp.Compare(a.id, b.id)
		case "active":
			n = cmp.Compare(strconv.FormatBool(v.active), strconv.FormatBool(w.active))
		case "contactIds":
			n = slices.Compare(v.contactIDs, w.contactIDs)
		case "lastChanged":
			n = cmp.Compare(v.lastChanged, w.lastChanged)
		case "profile":
			n = bytes.Compare(v.fields.Value(), w.fields.Value())
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

// window is which of the matches are on the page. A cursor is the id of the last
// profile of a page or, going back, of the first.
func (q *listQuery) window(matches []*entry) (from, to int, p *problem) {
	n := len(matches)
	cursor := cmp.Or(q.next, q.previous)
	if cursor == "" {
		from = min(q.skip, n)
		return from, min(from+q.limit, n), nil
	}
	i, found := 0, false
	if len(q.sort) == 0 {
		// In the order of the ids a cursor holds even if its profile is gone.
		i, found = slices.BinarySearchFunc(matches, cursor, func(e *entry, id string) int { return cmp.Compare(e.id, id) })
	} else if i = slices.IndexFunc(matches, func(e *entry) bool { return e.id == cursor }); i < 0 {
		return 0, 0, invalid("the cursor '%s' is no longer valid: its profile is gone or no longer matches; list from the start", cursor)
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
