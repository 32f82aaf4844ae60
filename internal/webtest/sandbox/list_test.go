package sandbox_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"importer/internal/sandbox"
)

func TestListPages(t *testing.T) {
	s := start(t, sandbox.Options{})
	var all []string
	for i := range 60 {
		all = append(all, fmt.Sprintf("c%02d", i))
		s.create(all[i])
	}
	for query, want := range map[string][]string{
		"":                                all[:25],
		"?projectId=" + s.ProjectID():     all[:25],
		"?limit=1":                        all[:1],
		"?limit=100":                      all,
		"?limit=10&skip=55":               all[55:],
		"?skip=60":                        {},
		"?skip=1000":                      {},
		"?filter=c1":                      all[10:20],
		"?filter=c1&limit=3&skip=2":       all[12:15],
		"?filter=1&limit=100":             {"c01", "c10", "c11", "c12", "c13", "c14", "c15", "c16", "c17", "c18", "c19", "c21", "c31", "c41", "c51"},
		"?filter=nobody":                  {},
		"?next&previous&filter=&limit=2":  all[:2], // bare names are null, as the vendor's client sends them
		"?limit=":                         all[:25],
		"?sort=contactIds:desc&limit=2":   {"c59", "c58"},
		"?sort=contactIds%3Adesc&limit=2": {"c59", "c58"},
	} {
		r := s.want(200, "GET", query, "")
		if got := r.contacts(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
		total := 60.0
		if strings.Contains(query, "filter=c1") {
			total = 10
		} else if strings.Contains(query, "filter=1") {
			total = 15
		} else if strings.Contains(query, "filter=n") {
			total = 0
		}
		if r.json()["total"] != total {
			t.Errorf("%s: total %v, want %v", query, r.json()["total"], total)
		}
	}
}

// Following nextCursor to the end and previousCursor back to the start passes
// every profile once each way, in every order.
func TestListCursors(t *testing.T) {
	c := newClock()
	s := start(t, sandbox.Options{Clock: c.Now})
	for i := range 23 {
		s.create(fmt.Sprintf("c%02d", i))
		if i%3 == 0 {
			c.Advance(time.Second) // so that some share their lastChanged
		}
	}
	for _, query := range []string{"limit=5", "limit=5&sort=lastChanged:desc", "limit=5&sort=contactIds:desc", "limit=5&sort=active:asc,contactIds:asc", "limit=5&filter=c"} {
		var forth, back []string
		cursor, last := "", 0.0
		for pages := 0; ; pages++ {
			r := s.want(200, "GET", "?"+query+"&next="+cursor, "")
			forth = append(forth, r.contacts()...)
			last = r.json()["total"].(float64)
			if pages == 0 && r.json()["previousCursor"] != nil {
				t.Errorf("%s: the first page has a previousCursor", query)
			}
			next := r.json()["nextCursor"]
			if next == nil {
				cursor, _ = r.json()["previousCursor"].(string)
				back = append(r.contacts(), back...)
				break
			}
			cursor = next.(string)
		}
		for cursor != "" {
			r := s.want(200, "GET", "?"+query+"&previous="+cursor, "")
			back = append(r.contacts(), back...)
			cursor, _ = r.json()["previousCursor"].(string)
		}
		if len(forth) != 23 || !slices.Equal(forth, back) || last != 23 {
			t.Errorf("%s: forth %v, back %v, total %v", query, forth, back, last)
		}
		if slices.Sort(forth); len(slices.Compact(forth)) != 23 {
			t.Errorf("%s: some came twice: %v", query, forth)
		}
	}
}

// In the order of creation a cursor holds even when its profile is deleted, and
// profiles that are added do not disturb it.
func TestListCursorsHold(t *testing.T) {
	s := start(t, sandbox.Options{})
	ids := map[string]string{}
	for i := range 6 {
		c := fmt.Sprintf("c%d", i)
		ids[c] = s.create(c)
	}
	next := s.want(200, "GET", "?limit=3", "").json()["nextCursor"].(string)
	s.want(204, "DELETE", "/"+ids["c2"], "")
	s.create("c6")
	if got := s.want(200, "GET", "?limit=3&next="+next, "").contacts(); !slices.Equal(got, []string{"c3", "c4", "c5"}) {
		t.Errorf("after a deletion the next page is %v", got)
	}
	next = s.want(200, "GET", "?limit=1&sort=contactIds:asc", "").json()["nextCursor"].(string)
	s.want(204, "DELETE", "/"+ids["c0"], "")
	s.wantProblem(400, 1005, "GET", "?limit=1&sort=contactIds:asc&next="+next, "")
}

func TestListMemberQueries(t *testing.T) {
	c := newClock()
	s := start(t, sandbox.Options{Clock: c.Now})
	t0 := c.Now().Unix()
	a := s.create("a", "aa")
	c.Advance(10 * time.Second)
	b := s.create("b")
	s.want(204, "PATCH", "/"+b, `{"active":false}`)
	c.Advance(10 * time.Second)
	s.create("a+b@example.com")
	for query, want := range map[string][]string{
		"contactIds=a":                                     {"a"},
		"contactIds=aa":                                    {"a"},
		"contactIds=a,b":                                   {"a", "b"},
		"contactIds=a,aa":                                  {"a"},
		"contactIds[]=a":                                   {"a"},
		"contactIds[]=a&contactIds[]=b":                    {"a", "b"},
		"contactIds.0=a&contactIds.1=b":                    {"a", "b"},
		"contactIds[0]=a&contactIds=b":                     {"a", "b"},
		"contactIds=" + url.QueryEscape("a+b@example.com"): {"a+b@example.com"},
		"contactIds=nobody":                                {},
		"contactIds":                                       {},
		"active=true":                                      {"a", "a+b@example.com"},
		"active=false":                                     {"b"},
		"_id=" + a:                                         {"a"},
		"_id=" + a + "," + b:                               {"a", "b"},
		fmt.Sprintf("lastChanged=%d", t0+10):               {"b"},
		fmt.Sprintf("lastChanged=[%d,%d]", t0, t0+10):      {"a", "b"},
		fmt.Sprintf("lastChanged=%d,%d&active=true", t0, t0+20): {"a", "a+b@example.com"},
		"filter=" + url.QueryEscape("+b"):                       {"a+b@example.com"},
		"filter=.":                                              {"a+b@example.com"}, // no pattern
	} {
		r := s.want(200, "GET", "?"+query, "")
		if got := r.contacts(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
		if r.json()["total"] != float64(len(want)) {
			t.Errorf("%s: total %v", query, r.json()["total"])
		}
	}
}

func TestListRefusesWhatItDoesNotKnow(t *testing.T) {
	s := start(t, sandbox.Options{})
	for _, query := range []string{"limit=0", "limit=-1", "limit=ten", "limit=1.5", "skip=-1", "skip=x", "sort=firstname:asc", "sort=_id:up",
		"next=x", "previous=x", "next=" + strings.Repeat("a", 24) + "&previous=" + strings.Repeat("a", 24), "firstname=Jane", "active=yes",
		"lastChanged=now", "lastChanged=[1,x]", "projectId=short", "a=%zz",
		"sort=_id:asc,_id:asc,_id:asc,_id:asc,_id:asc,_id:asc,_id:asc"} {
		s.wantProblem(400, 1005, "GET", "?"+query, "")
	}
}

// What a filter has to be of a contact id.
func TestFilter(t *testing.T) {
	ids := []string{"Jane@example.com", "+49 30 1", "49 30 12", "a.c", "abc"}
	type filters map[string][]string // nil: refused
	for _, tt := range []struct {
		o    sandbox.Options
		want filters
	}{
		{sandbox.Options{}, filters{"jane": {}, "Jane": {ids[0]}, "+49 30": {ids[1]}, "49 30 1": {ids[1], ids[2]}, "a.c": {"a.c"}, "": ids}},
		{sandbox.Options{FilterCase: sandbox.CaseIgnore}, filters{"jANE": {ids[0]}, "+49 30": {ids[1]}, "A.C": {"a.c"}, "": ids}},
		{sandbox.Options{Filter: sandbox.FilterWhole}, filters{"Jane": {}, ids[0]: {ids[0]}, "jane@example.com": {}, "+49 30 1": {ids[1]}, "49 30 1": {}, "": ids}},
		{sandbox.Options{Filter: sandbox.FilterWhole, FilterCase: sandbox.CaseIgnore}, filters{"JANE@example.com": {ids[0]}, "JANE": {}}},
		{sandbox.Options{Filter: sandbox.FilterPattern}, filters{"+49": nil, "jane": {}, "^49": {ids[2]}, "a.c": {"a.c", "abc"}, "(": nil, "": ids}},
		{sandbox.Options{Filter: sandbox.FilterPattern, FilterCase: sandbox.CaseIgnore}, filters{"A.C": {"a.c", "abc"}, "jane|12$": {ids[0], ids[2]}}},
	} {
		s := start(t, tt.o)
		for _, id := range ids {
			s.create(id)
		}
		for filter, want := range tt.want {
			query := "?filter=" + url.QueryEscape(filter)
			if want == nil {
				s.wantProblem(400, 1005, "GET", query, "")
			} else if got := s.want(200, "GET", query, "").contacts(); !slices.Equal(got, want) {
				t.Errorf("%s, %s: %q finds %v, want %v", tt.o.Filter, tt.o.FilterCase, filter, got, want)
			}
		}
	}
}

// What becomes of contactIds as a query.
func TestContactIDsQuery(t *testing.T) {
	for mode, want := range map[string][]string{"": {"b"}, sandbox.QueryMatch: {"b"}, sandbox.QueryIgnore: {"a", "b"}, sandbox.QueryReject: nil} {
		s := start(t, sandbox.Options{ContactIDsQuery: mode})
		s.create("a")
		s.create("b")
		for _, query := range []string{"?contactIds=b", "?contactIds[]=b"} {
			if want == nil {
				s.wantProblem(400, 1005, "GET", query, "")
			} else if got := s.want(200, "GET", query, "").contacts(); !slices.Equal(got, want) {
				t.Errorf("%q: %s finds %v, want %v", mode, query, got, want)
			}
		}
	}
}

func TestLimitAbove100(t *testing.T) {
	for _, mode := range []string{"", sandbox.LimitClamp, sandbox.LimitReject} {
		s := start(t, sandbox.Options{LimitAbove: mode})
		for i := range 101 {
			s.create(fmt.Sprint(i))
		}
		if mode == sandbox.LimitReject {
			s.wantProblem(400, 1005, "GET", "?limit=101", "")
		} else if n := len(s.want(200, "GET", "?limit=101", "").contacts()); n != 100 {
			t.Errorf("%q: %d items, want 100", mode, n)
		}
	}
}
