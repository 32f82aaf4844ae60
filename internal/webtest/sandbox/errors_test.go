package sandbox_test

import (
	"fmt"
	"strings"
	"testing"

	"importer/internal/sandbox"
)

func TestKey(t *testing.T) {
	s := start(t, sandbox.Options{APIKey: "k-1"})
	s.want(200, "GET", "", "")
	s.want(200, "GET", "?api_key=k-1", "", "X-API-Key", "")
	s.want(200, "GET", "", "", "X-API-Key", "", "x-api-key", "k-1")
	for _, headers := range [][]string{{"X-API-Key", ""}, {"X-API-Key", "k-2"}, {"X-API-Key", "k"}, {"X-API-Key", "", "Authorization", "Bearer k-1"}} {
		s.wantProblem(401, 401, "GET", "", "", headers...)
	}
	s.wantProblem(401, 401, "GET", "?api_key=k-2", "", "X-API-Key", "")
	s.wantProblem(401, 401, "POST", "", s.createBody([]string{"a"}, nil), "X-API-Key", "")
	if s.Counts().Profiles != 0 {
		t.Error("created without the key")
	}
}

func TestRefusedRequests(t *testing.T) {
	s := start(t, sandbox.Options{})
	id, project := s.create("a"), s.ProjectID()
	none, foreign := strings.Repeat("f", 24), strings.Repeat("e", 24)
	for _, tt := range []struct {
		status, code         int
		method, target, body string
	}{
		{400, 1000, "POST", "", `{}`},
		{400, 1000, "POST", "", `{"contactIds":["x"]}`},
		{400, 1000, "POST", "", `{"projectId":"` + project + `"}`},
		{400, 1005, "POST", "", ``},
		{400, 1005, "POST", "", `not json`},
		{400, 1005, "POST", "", `[]`},
		{400, 1005, "POST", "", `{} {}`},
		{400, 1005, "POST", "", `{"projectId":"` + project + `","projectId":"` + project + `","contactIds":["x"]}`},
		{400, 1005, "POST", "", "{\"projectId\":\"" + project + "\",\"contactIds\":[\"\xff\"]}"},
		{400, 1005, "POST", "", `{"projectId":"short","contactIds":["x"]}`},
		{400, 1005, "POST", "", `{"projectId":1,"contactIds":["x"]}`},
		{400, 1005, "POST", "", `{"projectId":"` + project + `","contactIds":[]}`},
		{400, 1005, "POST", "", `{"projectId":"` + project + `","contactIds":[1]}`},
		{400, 1005, "POST", "", `{"projectId":"` + project + `","contactIds":[""]}`},
		{400, 1005, "POST", "", `{"projectId":"` + project + `","contactIds":"x"}`},
		{400, 1005, "POST", "", `{"projectId":"` + project + `","contactIds":["` + strings.Repeat("x", 1025) + `"]}`},
		{400, 1005, "POST", "", `{"projectId":"` + project + `","contactIds":["x"],"active":"yes"}`},
		{400, 1005, "POST", "", `{"projectId":"` + project + `","contactIds":["x"],"profile":[]}`},
		{400, 1005, "POST", "", `{"projectId":"` + project + `","contactIds":["x"],"profile":{"age":1,"age":2}}`},
		{400, 1005, "POST", "", `{"projectId":"` + project + `","contactIds":["x"],"profile":{"deep":` + strings.Repeat("[", 101) + strings.Repeat("]", 101) + `}}`},
		{403, 403, "POST", "", `{"projectId":"` + foreign + `","contactIds":["x"]}`},
		{403, 403, "GET", "?projectId=" + foreign, ``},
		{403, 403, "GET", "/schema/" + foreign, ``},
		{403, 403, "PUT", "/schema/" + foreign, `{"details":[]}`},
		{403, 403, "POST", "/" + id + "/merge", `{"contactId":"a","projectId":"` + foreign + `"}`},
		{404, 1002, "GET", "/" + none, ``},
		{404, 1002, "PATCH", "/" + none, `{}`},
		{404, 1002, "DELETE", "/" + none, ``},
		{404, 1002, "POST", "/" + none + "/merge", `{"contactId":"a","projectId":"` + project + `"}`},
		{404, 1002, "POST", "/" + none + "/unmerge", `{"contactId":"a"}`},
		{404, 1002, "POST", "/" + none + "/contactids/remove", `{"contactId":"a"}`},
		{404, 1002, "POST", "/" + none + "/data/export", ``},
		{404, 1002, "POST", "/" + none + "/data/remove", ``},
		{404, 1002, "GET", "/" + id + "/nothing", ``},
		{404, 1002, "GET", "/v2.0/nothing", ``},
		{404, 1002, "GET", "/new/v2.0/profilesandmore", ``},
		{400, 1005, "GET", "/short", ``},
		{400, 1005, "GET", "/" + strings.ToUpper(none), ``},
		{400, 1005, "DELETE", "/" + none + "0", ``},
		{400, 1005, "GET", "/schema/short", ``},
		{400, 1005, "PATCH", "/" + id, ``},
		{400, 1005, "PATCH", "/" + id, `{"projectId":"` + project + `"}`},
		{400, 1000, "POST", "/" + id + "/merge", `{"contactId":"a"}`},
		{400, 1000, "POST", "/" + id + "/merge", `{"projectId":"` + project + `"}`},
		{400, 1000, "POST", "/" + id + "/unmerge", `{}`},
		{400, 1005, "POST", "/" + id + "/unmerge", `{"contactId":1}`},
		{400, 1000, "POST", "/" + id + "/contactids/remove", `{}`},
		{405, 1013, "PUT", "", `{}`},
		{405, 1013, "POST", "/" + id, `{}`},
		{405, 1013, "GET", "/" + id + "/merge", ``},
		{405, 1013, "POST", "/schema/" + project, `{}`},
		{403, 403, "GET", "/" + id, `{}`}, // a body on GET
	} {
		r := s.wantProblem(tt.status, tt.code, tt.method, tt.target, tt.body)
		if tt.status == 405 && r.Header.Get("Allow") == "" {
			t.Errorf("%s %s: no header Allow", tt.method, tt.target)
		}
	}
	if p := s.Profiles(); len(p) != 1 || len(p[0].ContactIDs) != 1 {
		t.Errorf("a refused request changed something: %+v", p)
	}
	s.wantProblem(400, 1005, "POST", "", s.createBody([]string{"x"}, nil), "Content-Type", "text/plain")
	s.want(201, "POST", "", s.createBody([]string{"x"}, nil), "Content-Type", "application/json; charset=utf-8")
}

// instance is the path without /new and without the query, where the key may be.
func TestProblemNamesItsPath(t *testing.T) {
	s := start(t, sandbox.Options{})
	for _, prefix := range []string{"/new", ""} {
		path := "/v2.0/profiles/" + strings.Repeat("f", 24)
		p := s.want(404, "GET", prefix+path+"?api_key=sandbox", "").json()
		if p["instance"] != path {
			t.Errorf("instance %v, want %s", p["instance"], path)
		}
	}
}

func TestBodyLimit(t *testing.T) {
	fill := func(s *tenant, size int) string {
		empty := s.createBody([]string{"a"}, map[string]any{"firstname": ""})
		return s.createBody([]string{"a"}, map[string]any{"firstname": strings.Repeat("x", size-len(empty))})
	}
	s := start(t, sandbox.Options{})
	s.wantProblem(413, 413, "POST", "", fill(s, 60_001))
	s.want(201, "POST", "", fill(s, 60_000))
	s = start(t, sandbox.Options{MaxBody: 61_440})
	s.want(201, "POST", "", fill(s, 61_440))
	s.wantProblem(413, 413, "POST", "", fill(s, 61_441))
}

// A profile that grows by many updates is refused once it is too large.
func TestProfileLimit(t *testing.T) {
	s := start(t, sandbox.Options{MaxBody: 600_000})
	id := s.create("a")
	for i, status := range []int{204, 204, 413} {
		s.want(status, "PATCH", "/"+id, fmt.Sprintf(`{"profile":{"f%d":%q}}`, i, strings.Repeat("x", 590_000)))
	}
	s.want(200, "GET", "/"+id, "")
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []sandbox.Options{
		{ProjectID: "short"}, {OnDuplicate: "ignore"}, {Patch: "x"}, {CreateStatus: 202}, {UnknownMembers: "x"}, {UnknownFields: "x"},
		{LimitAbove: "x"}, {DefaultMedia: "xml"}, {RetryAfter: "x"}, {MaxBody: -1}, {Latency: -1}, {Rate: sandbox.Rate{Requests: -1}},
		{Rate: sandbox.Rate{Requests: 1}}, {Faults: []sandbox.Fault{{Kind: "x"}}}, {Faults: []sandbox.Fault{{Kind: sandbox.FaultWrite}}},
		{UpdateStatus: 201}, {RateHeaders: sandbox.HeadersRateLimit}, {Defaults: "none"}, {PatchIDs: "merge"}, {DefaultActive: "yes"}, {Null: "ignore"},
	} {
		if _, err := sandbox.New(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}
