package contact

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// FailureGroups gathers failures that are alike, for people: a hundred thousand
// rows with the same fault are one line to read. Its size is bounded; what fits
// into no group any more is counted in one of its own. The zero value is ready.
// It has one owner at a time.
type FailureGroups struct {
	groups []FailureGroup
	byKey  map[failureKey]int
}

// A FailureGroup is one of them.
type FailureGroup struct {
	Status   Status // of the rows; 0 in the group of all that fit nowhere else
	HTTP     int    // as in Failure
	Code     int
	Field    string
	Hint     string
	Count    int64
	Examples []FailureExample // the first few
}

// A FailureExample is one row of a group.
type FailureExample struct {
	Place      Place
	ContactIDs []string
	Detail     string
	TraceID    string
}

const (
	maxGroups   = 100
	maxExamples = 3
)

type failureKey struct {
	status     Status
	http, code int
	field      string
	detail     string // without what differs from row to row
}

// ofOneRow are the parts of a detail that differ from row to row: quoted values
// and numbers.
var ofOneRow = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[0-9A-Fa-f]*[0-9][0-9A-Fa-f]*`)

// WithoutValues is a detail without what differs from row to row.
func WithoutValues(detail string) string { return ofOneRow.ReplaceAllString(detail, "#") }

// Add counts a row that is not in, and returns the number of its group, for
// Remove.
func (g *FailureGroups) Add(o *Outcome) int {
	f := o.Failure
	if f == nil {
		f = &Failure{}
	}
	detail := f.Detail
	if len(detail) > 200 {
		detail = detail[:200]
	}
	key := failureKey{status: o.Status, http: f.HTTP, code: f.Code, field: f.Field, detail: WithoutValues(detail)}
	n, ok := g.byKey[key]
	if !ok && len(g.groups) >= maxGroups {
		key = failureKey{}
		n, ok = g.byKey[key]
	}
	if !ok {
		if g.byKey == nil {
			g.byKey = make(map[failureKey]int)
		}
		n = len(g.groups)
		g.byKey[key] = n
		group := FailureGroup{}
		if key != (failureKey{}) {
			group = FailureGroup{Status: o.Status, HTTP: f.HTTP, Code: f.Code, Field: f.Field, Hint: f.Hint}
		}
		g.groups = append(g.groups, group)
	}
	group := &g.groups[n]
	group.Count++
	if len(group.Examples) < maxExamples {
		ids := slices.Clone(o.Row.Profile.ContactIDs)
		for i, id := range ids {
			ids[i] = strings.Clone(id) // and not the row that it stands in
		}
		group.Examples = append(group.Examples, FailureExample{
			Place:      Place{Source: o.Row.Source, Line: o.Row.Line},
			ContactIDs: ids, Detail: f.Detail, TraceID: f.TraceID,
		})
	}
	return n
}

// First tells whether the group of that number holds one row.
func (g *FailureGroups) First(group int) bool { return g.groups[group].Count == 1 }

// Remove takes back one row of the group of that number: a later run settled it.
func (g *FailureGroups) Remove(group int) { g.groups[group].Count-- }

// List returns the groups that count anything, the largest first.
func (g *FailureGroups) List() []FailureGroup {
	var list []FailureGroup
	for _, group := range g.groups {
		if group.Count > 0 {
			list = append(list, group)
		}
	}
	slices.SortStableFunc(list, func(a, b FailureGroup) int { return int(b.Count - a.Count) })
	return list
}

// WriteFailures writes the first groups for people: how many rows, what is wrong
// with them, an example and what to do. The text of an example may quote values
// of the source; without details it names places only.
func WriteFailures(w *strings.Builder, groups []FailureGroup, most int, details bool) {
	for i, g := range groups {
		if i == most {
			var rest int64
			for _, g := range groups[i:] {
				rest += g.Count
			}
			fmt.Fprintf(w, "  and %d rows for %d other reasons\n", rest, len(groups)-i)
			return
		}
		fmt.Fprintf(w, "  %7d  %s\n", g.Count, g.Title())
		for _, e := range g.Examples[:min(1, len(g.Examples))] {
			fmt.Fprintf(w, "           %s", Printable(e.Place.String()))
			if details && e.Detail != "" {
				fmt.Fprintf(w, ": %s", Printable(e.Detail))
			}
			w.WriteByte('\n')
		}
		if g.Hint != "" && details {
			fmt.Fprintf(w, "           → %s\n", Printable(g.Hint))
		}
	}
}

// Title names a group, such as "rejected: field age, HTTP 400, code 1005".
func (g *FailureGroup) Title() string {
	if g.Status == 0 {
		return "for other reasons"
	}
	var parts []string
	if g.Field != "" {
		parts = append(parts, "field "+Printable(g.Field))
	}
	if g.HTTP != 0 {
		parts = append(parts, fmt.Sprintf("HTTP %d", g.HTTP))
	}
	if g.Code != 0 {
		parts = append(parts, fmt.Sprintf("code %d", g.Code))
	}
	if parts == nil {
		return g.Status.String()
	}
	return g.Status.String() + ": " + strings.Join(parts, ", ")
}
