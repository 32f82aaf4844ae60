package sandbox

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"importer/internal/sandbox/jsonvalue"
	"importer/internal/sandbox/store"
)

// A page is what list answers.
type page struct {
	items          []jsonvalue.Object
	total          int    // all matches
	next, previous string // cursors; empty where there is no such page
}

const (
	defaultLimit = 25
	maxLimit     = 100
)

// itemMembers are the members of an item, by which a list can be sorted.
var itemMembers = []string{"_id", "profile", "active", "contactIds", "lastChanged", "projectId"}

// list reads one page of the profiles. It does not count as a read of them.
func (s *Sandbox) list(c *call) answer {
	parameters, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return failure(invalid("the query cannot be read: %v", err))
	}
	if id := parameters.Get("projectId"); id != "" && id != s.options.ProjectID {
		if !id24.MatchString(id) {
			return failure(invalid("query parameter 'projectId' should be 24 characters of a-z and 0-9"))
		}
		return failure(foreignProject(id))
	}
	q, p := s.parseListQuery(parameters)
	if p != nil {
		return failure(p)
	}

	s.begin(c)
	defer s.mu.Unlock()
	found, err := s.store.List(q, c.at)
	if err != nil {
		return failure(invalid("%v", err))
	}
	list := &page{items: make([]jsonvalue.Object, len(found.Profiles)), total: found.Total, next: found.Next, previous: found.Previous}
	for i, p := range found.Profiles {
		list.items[i] = s.item(p)
	}
	return answer{status: 200, list: list}
}

// arrayName is the name of a parameter, and behind it what marks an item of an
// array: the vendor's clients write name[]=a&name[]=b or name.0=a&name.1=b.
var arrayName = regexp.MustCompile(`^(.+?)(\[[0-9]*\]|\.[0-9]+)$`)

// parseListQuery reads the parameters. An array may also be written as name=a,b.
// A bare name is null, which for most is as good as left out.
func (s *Sandbox) parseListQuery(parameters url.Values) (store.Query, *problem) {
	q := store.Query{Limit: defaultLimit}
	arrays := make(map[string][]string)
	for _, key := range slices.Sorted(maps.Keys(parameters)) {
		name := key
		if m := arrayName.FindStringSubmatch(key); m != nil {
			name = m[1]
		}
		arrays[name] = append(arrays[name], parameters[key]...)
	}
	for name, values := range arrays {
		value := values[0]
		var p *problem
		switch name {
		case "limit":
			q.Limit, p = parseInt(name, value, defaultLimit, 1)
			if q.Limit > maxLimit {
				if s.options.LimitAbove == LimitReject {
					return q, invalid("query parameter 'limit' should be at most %d", maxLimit)
				}
				q.Limit = maxLimit
			}
		case "skip":
			q.Skip, p = parseInt(name, value, 0, 0)
		case "next", "previous":
			if value != "" && !id24.MatchString(value) {
				return q, invalid("query parameter '%s' should be a cursor of an earlier answer", name)
			}
			if name == "next" {
				q.Next = value
			} else {
				q.Previous = value
			}
		case "filter":
			q.Filter, p = s.parseFilter(value)
		case "sort":
			q.Sort, p = parseSort(strings.Join(values, ","))
		case "projectId", "api_key":
		case "contactIds":
			switch s.options.ContactIDsQuery {
			case QueryIgnore:
				continue
			case QueryReject:
				return q, invalid("query parameter 'contactIds' is not allowed")
			}
			q.ContactIDs = strings.Split(strings.Join(values, ","), ",")
		case "_id", "active", "lastChanged":
			var holds func(*store.Profile) bool
			holds, p = parseCondition(name, strings.Join(values, ","))
			q.Where = append(q.Where, holds)
		default:
			return q, invalid("query parameter '%s' is not allowed", name)
		}
		if p != nil {
			return q, p
		}
	}
	if q.Next != "" && q.Previous != "" {
		return q, invalid("query parameters 'next' and 'previous' do not go together")
	}
	return q, nil
}

// parseFilter is what a filter holds for; nil where it is empty.
func (s *Sandbox) parseFilter(text string) (func(contactID string) bool, *problem) {
	ignoreCase := s.options.FilterCase == CaseIgnore
	pattern := regexp.QuoteMeta(text)
	switch s.options.Filter {
	case FilterWhole:
		pattern = "^(?:" + pattern + ")$"
	case FilterPattern:
		pattern = text
	}
	switch {
	case text == "":
		return nil, nil
	case s.options.Filter == FilterPart && !ignoreCase:
		return func(c string) bool { return strings.Contains(c, text) }, nil
	case ignoreCase:
		pattern = "(?i)" + pattern
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, invalid("query parameter 'filter' should be a pattern: %v", err)
	}
	return re.MatchString, nil
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

func parseSort(value string) ([]store.SortKey, *problem) {
	var keys []store.SortKey
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
		keys = append(keys, store.SortKey{Member: name, Descending: direction == "desc"})
	}
	return keys, nil
}

// parseCondition reads the exact query on a member: any of several values, or of a
// number a range [from,to]. An empty value is null, which no item has.
func parseCondition(name, text string) (func(*store.Profile) bool, *problem) {
	list := strings.Split(text, ",")
	switch name {
	case "_id":
		return func(p *store.Profile) bool { return slices.Contains(list, p.ID) }, nil
	case "active":
		for _, v := range list {
			if v != "true" && v != "false" && v != "" {
				return nil, invalid("query parameter 'active' should be true or false")
			}
		}
		return func(p *store.Profile) bool { return slices.Contains(list, strconv.FormatBool(p.Active)) }, nil
	}
	if from, to, ok := parseRange(text); ok {
		return func(p *store.Profile) bool { return p.LastChanged >= from && p.LastChanged <= to }, nil
	}
	for _, v := range list {
		if _, err := strconv.ParseInt(v, 10, 64); err != nil && v != "" {
			return nil, invalid("query parameter 'lastChanged' should be a whole number or a range [from,to]")
		}
	}
	return func(p *store.Profile) bool { return slices.Contains(list, strconv.FormatInt(p.LastChanged, 10)) }, nil
}

func parseRange(text string) (from, to int64, ok bool) {
	inner, open := strings.CutPrefix(text, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	a, b, comma := strings.Cut(inner, ",")
	from, err := strconv.ParseInt(a, 10, 64)
	to, err2 := strconv.ParseInt(b, 10, 64)
	return from, to, open && closed && comma && err == nil && err2 == nil
}
