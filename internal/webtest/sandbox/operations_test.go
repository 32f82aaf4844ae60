package sandbox_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"importer/internal/sandbox"
)

func TestCreateAndGet(t *testing.T) {
	c := newClock()
	s := start(t, sandbox.Options{Clock: c.Now, Defaults: sandbox.DefaultsSent})
	body := `{"projectId":"` + s.ProjectID() + `","contactIds":["jane@example.com","+49 30 1234"],"active":false,
		"profile":{"firstname":"Jané","age":41,"accepted_gdpr":true,"privacy_policy":{"accepted":true,"meta":{"v1":{"timestamp":1700000000}}},
		"tasks":["call"],"memories":[{"id":"1","timestamp":"2026-01-02T03:04:05Z","text":"likes tea"}]}}`
	created := s.want(201, "POST", "", body)
	got := s.want(200, "GET", "/"+created.id(), "")
	if string(got.Body) != string(created.Body) {
		t.Errorf("get %s, create %s", got.Body, created.Body)
	}
	var want, profile map[string]any
	json.Unmarshal([]byte(body), &want)
	profile = got.json()
	if !reflect.DeepEqual(profile["profile"], want["profile"]) || !reflect.DeepEqual(profile["contactIds"], want["contactIds"]) || profile["active"] != false {
		t.Errorf("stored %s, want %s", got.Body, body)
	}
	if at := float64(c.Now().Unix()); profile["createdAt"] != at || profile["lastChanged"] != at {
		t.Errorf("createdAt %v, lastChanged %v, want %v", profile["createdAt"], profile["lastChanged"], at)
	}
	if h := got.Header; h.Get("Access-Control-Allow-Origin") != "" || h.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", h)
	}
}

// A HEAD is a GET without its body.
func TestHead(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.router = nil // OpenAPI documents name HEAD or leave it out; ours leaves it out
	id := s.create("a")
	get, head := s.want(200, "GET", "/"+id, ""), s.want(200, "HEAD", "/"+id, "")
	if len(head.Body) != 0 || head.Header.Get("Content-Length") != fmt.Sprint(len(get.Body)) {
		t.Errorf("HEAD: %v %s", head.Header, head.Body)
	}
	if r := s.want(404, "HEAD", "/"+strings.Repeat("0", 24), ""); len(r.Body) != 0 {
		t.Errorf("HEAD: %s", r.Body)
	}
}

// defaults are the default fields of a profile to which nobody gave a value.
func defaults() map[string]any {
	return map[string]any{"firstname": "", "lastname": "", "email": "", "age": 0.0, "birthday": "", "gender": "", "location": "", "profilepic": "",
		"prevent_data_collection": false, "accepted_gdpr": false, "privacy_policy": map[string]any{"accepted": false}, "tasks": []any{}}
}

// A profile shows every default field wherever it is shown, or only what was sent; it
// is active, or not, where a create does not say.
func TestDefaults(t *testing.T) {
	for _, tt := range []struct{ mode, active string }{{"", ""}, {sandbox.DefaultsAll, sandbox.ActiveTrue}, {sandbox.DefaultsSent, sandbox.ActiveFalse}} {
		s := start(t, sandbox.Options{Defaults: tt.mode, DefaultActive: tt.active, Patch: sandbox.PatchReplace})
		want := map[string]any{}
		if tt.mode != sandbox.DefaultsSent {
			want = defaults()
		}
		created := s.want(201, "POST", "", s.createBody([]string{"a", "b", "a"}, nil))
		if r := created.json(); r["active"] != (tt.active != sandbox.ActiveFalse) || fmt.Sprint(r["contactIds"]) != "[a b]" {
			t.Errorf("%s: created %v", tt.mode, r)
		}
		shown := func(when string) {
			t.Helper()
			for from, p := range map[string]any{
				"get":    s.want(200, "GET", "/"+created.id(), "").json()["profile"],
				"list":   s.want(200, "GET", "?filter=a", "").json()["items"].([]any)[0].(map[string]any)["profile"],
				"export": s.want(200, "POST", "/"+created.id()+"/data/export", "").json()["profile"],
			} {
				if !reflect.DeepEqual(p, want) {
					t.Errorf("%s: %s shows %v %s, want %v", tt.mode, from, p, when, want)
				}
			}
		}
		if p := created.json()["profile"]; !reflect.DeepEqual(p, want) {
			t.Errorf("%s: create answers %v, want %v", tt.mode, p, want)
		}
		shown("after the create")
		want["lastname"], want["tasks"] = "Roe", []any{"call"}
		s.want(204, "PATCH", "/"+created.id(), `{"profile":{"lastname":"Roe","tasks":["call"]}}`)
		shown("after an update that replaces")
	}
}

func TestBothPrefixes(t *testing.T) {
	s := start(t, sandbox.Options{})
	id := s.want(201, "POST", "/v2.0/profiles", s.createBody([]string{"a"}, nil)).id()
	for _, path := range []string{"/new/v2.0/profiles/" + id, "/v2.0/profiles/" + id} {
		s.want(200, "GET", path, "")
	}
}

func TestCreateStatus(t *testing.T) {
	for _, status := range []int{200, 201} {
		s := start(t, sandbox.Options{CreateStatus: status})
		s.want(status, "POST", "", s.createBody([]string{"a"}, nil))
	}
}

func TestOnDuplicate(t *testing.T) {
	for _, tt := range []struct {
		mode     string
		profiles int
	}{{"", 1}, {sandbox.DuplicateConflict, 1}, {sandbox.DuplicateConflictSameSet, 2}, {sandbox.DuplicateAllow, 2}, {sandbox.DuplicateReturn, 1}} {
		s := start(t, sandbox.Options{OnDuplicate: tt.mode})
		id := s.create("a", "b")
		body := s.createBody([]string{"b", "c"}, map[string]any{"firstname": "New"})
		switch tt.mode {
		case "", sandbox.DuplicateConflict:
			s.wantProblem(409, 1004, "POST", "", body)
		case sandbox.DuplicateAllow, sandbox.DuplicateConflictSameSet:
			if s.want(201, "POST", "", body).id() == id {
				t.Errorf("%s: the same profile again", tt.mode)
			}
		case sandbox.DuplicateReturn:
			if r := s.want(201, "POST", "", body); r.id() != id || strings.Contains(string(r.Body), "New") {
				t.Errorf("return: %s, want the profile %s as it was", r.Body, id)
			}
		}
		if n := s.Counts().Profiles; n != tt.profiles {
			t.Errorf("%q: %d profiles, want %d", tt.mode, n, tt.profiles)
		}
	}
}

// Of two profiles with the same set of contact ids the second is refused, whatever the
// order; one that overlaps, or is a part, is not.
func TestConflictOfSets(t *testing.T) {
	s := start(t, sandbox.Options{OnDuplicate: sandbox.DuplicateConflictSameSet})
	create := func(ids ...string) string { return s.createBody(ids, nil) }
	s.create("a", "b")
	s.wantProblem(409, 1004, "POST", "", create("b", "a"))
	s.wantProblem(409, 1004, "POST", "", create("a", "b", "a"))
	s.create("a")
	s.create("b", "c")
	id := s.create("a", "b", "c")
	s.wantProblem(409, 1004, "PATCH", "/"+id, `{"contactIds":["c","b"]}`)
	s.wantProblem(409, 1004, "PATCH", "/"+id, `{"contactIds":["a"]}`)
	s.want(204, "PATCH", "/"+id, `{"contactIds":["c","b","a"]}`) // its own
	s.want(204, "PATCH", "/"+id, `{"contactIds":["c","a"]}`)
	s.create("c", "b", "a") // is free again
}

// What becomes of the contact ids that an update does not name.
func TestPatchIDs(t *testing.T) {
	for mode, want := range map[string]string{"": "[b c]", sandbox.PatchIDsReplace: "[b c]", sandbox.PatchIDsAdd: "[a b c]"} {
		s := start(t, sandbox.Options{PatchIDs: mode})
		id := s.create("a", "b")
		s.create("d")
		s.want(204, "PATCH", "/"+id, `{"contactIds":["b","c"]}`)
		if got := s.want(200, "GET", "/"+id, "").json(); fmt.Sprint(got["contactIds"]) != want {
			t.Errorf("%q: contact ids %v, want %s", mode, got["contactIds"], want)
		}
		s.wantProblem(409, 1004, "PATCH", "/"+id, `{"contactIds":["d"]}`)
	}
	s := start(t, sandbox.Options{PatchIDs: sandbox.PatchIDsAdd, MaxBody: 1_000_000})
	ids := make([]string, 1000)
	for i := range ids {
		ids[i] = fmt.Sprint(i)
	}
	id := s.create(ids...)
	s.want(204, "PATCH", "/"+id, `{"contactIds":["7"]}`)
	s.wantProblem(400, 1005, "PATCH", "/"+id, `{"contactIds":["one more"]}`)
}

// An update answers with nothing, or with the profile as it is now.
func TestUpdateStatus(t *testing.T) {
	s := start(t, sandbox.Options{UpdateStatus: 200})
	id := s.create("a")
	r := s.want(200, "PATCH", "/"+id, `{"profile":{"firstname":"Jane"}}`)
	if got := s.want(200, "GET", "/"+id, ""); string(got.Body) != string(r.Body) || !strings.Contains(string(r.Body), `"firstname":"Jane"`) {
		t.Errorf("update %s, get %s", r.Body, got.Body)
	}
}

func TestUpdate(t *testing.T) {
	for _, tt := range []struct {
		mode, want string
	}{
		{"", `{"firstname":"Jane","lastname":"Roe","age":2}`},
		{sandbox.PatchMerge, `{"firstname":"Jane","lastname":"Roe","age":2}`},
		{sandbox.PatchReplace, `{"lastname":"Roe","age":2}`},
	} {
		c := newClock()
		s := start(t, sandbox.Options{Patch: tt.mode, Clock: c.Now, Defaults: sandbox.DefaultsSent})
		id := s.want(201, "POST", "", s.createBody([]string{"a", "b"}, map[string]any{"firstname": "Jane", "age": 1})).id()
		c.Advance(time.Minute)
		if r := s.want(204, "PATCH", "/"+id, `{"profile":{"lastname":"Roe","age":2}}`); len(r.Body) != 0 {
			t.Errorf("answer %s, want none", r.Body)
		}
		got := s.want(200, "GET", "/"+id, "").json()
		var want any
		json.Unmarshal([]byte(tt.want), &want)
		if !reflect.DeepEqual(got["profile"], want) || got["active"] != true || fmt.Sprint(got["contactIds"]) != "[a b]" {
			t.Errorf("%s: %v, want the profile %s and the rest as it was", tt.mode, got, tt.want)
		}
		if got["lastChanged"].(float64)-got["createdAt"].(float64) != 60 {
			t.Errorf("changed a minute later: createdAt %v, lastChanged %v", got["createdAt"], got["lastChanged"])
		}
		// contactIds takes the place of the list there was, whatever the mode.
		s.want(204, "PATCH", "/"+id, `{"contactIds":["c"],"active":false}`)
		got = s.want(200, "GET", "/"+id, "").json()
		if fmt.Sprint(got["contactIds"]) != "[c]" || got["active"] != false || !reflect.DeepEqual(got["profile"], want) {
			t.Errorf("%s: after another update %v", tt.mode, got)
		}
		s.create("a") // is free again
	}
}

func TestUpdateToATakenContactID(t *testing.T) {
	s := start(t, sandbox.Options{})
	id := s.create("a")
	s.create("b")
	s.wantProblem(409, 1004, "PATCH", "/"+id, `{"contactIds":["a","b"]}`)
	s.want(204, "PATCH", "/"+id, `{"contactIds":["a"]}`) // its own
	s = start(t, sandbox.Options{OnDuplicate: sandbox.DuplicateAllow})
	id = s.create("a")
	s.create("b")
	s.want(204, "PATCH", "/"+id, `{"contactIds":["a","b"]}`)
}

func TestDelete(t *testing.T) {
	s := start(t, sandbox.Options{})
	id := s.create("a")
	if r := s.want(204, "DELETE", "/"+id, ""); len(r.Body) != 0 {
		t.Errorf("answer %s, want none", r.Body)
	}
	s.wantProblem(404, 1002, "GET", "/"+id, "")
	s.wantProblem(404, 1002, "DELETE", "/"+id, "")
	if again := s.create("a"); again == id {
		t.Error("the id was given again")
	}
	s = start(t, sandbox.Options{DeleteTwice: sandbox.TwiceAccept})
	id = s.create("a")
	s.want(204, "DELETE", "/"+id, "")
	s.want(204, "DELETE", "/"+id, "")
	s.wantProblem(400, 1005, "DELETE", "/short", "")
}

func TestMissingContactIDs(t *testing.T) {
	body := `{"projectId":"` + sandbox.DefaultProjectID + `","profile":{"firstname":"Jane"}}`
	s := start(t, sandbox.Options{})
	s.wantProblem(400, 1000, "POST", "", body)
	s = start(t, sandbox.Options{MissingContactIDs: sandbox.MissingAccept, DataFile: filepath.Join(t.TempDir(), "sandbox.db")})
	s.router = nil // the OpenAPI document has the other side of the switch
	id := s.want(201, "POST", "", body).id()
	if s.want(201, "POST", "", body).id() == id {
		t.Error("two contacts without contact ids are one profile")
	}
	if got := s.want(200, "GET", "/"+id, "").json(); fmt.Sprint(got["contactIds"]) != "[]" {
		t.Errorf("stored %v", got)
	}
	s.wantProblem(400, 1005, "POST", "", strings.Replace(body, `"profile"`, `"contactIds":[],"profile"`, 1))
}

func TestMerge(t *testing.T) {
	s := start(t, sandbox.Options{Defaults: sandbox.DefaultsSent})
	id := s.want(201, "POST", "", s.createBody([]string{"a"}, map[string]any{"firstname": "Stays"})).id()
	other := s.want(201, "POST", "", s.createBody([]string{"b", "c"}, map[string]any{"firstname": "Goes", "lastname": "Comes"})).id()
	s.AddSession(other, jsontext.Value(`{"text":"hello"}`))
	body := `{"contactId":"c","projectId":"` + s.ProjectID() + `"}`
	r := s.want(200, "POST", "/"+id+"/merge", body)
	got := r.json()
	if r.id() != id || fmt.Sprint(got["contactIds"]) != "[a b c]" || fmt.Sprint(got["profile"]) != "map[firstname:Stays lastname:Comes]" {
		t.Errorf("merged %s", r.Body)
	}
	s.wantProblem(404, 1002, "GET", "/"+other, "")
	if e := s.want(200, "POST", "/"+id+"/data/export", "").json(); fmt.Sprint(e["sessions"]) != "[map[text:hello]]" {
		t.Errorf("sessions %v, want those of the other profile", e["sessions"])
	}
	s.want(200, "POST", "/"+id+"/merge", body) // with itself: nothing to do
	s.wantProblem(404, 1002, "POST", "/"+id+"/merge", `{"contactId":"nobody","projectId":"`+s.ProjectID()+`"}`)
}

func TestUnmerge(t *testing.T) {
	s := start(t, sandbox.Options{Defaults: sandbox.DefaultsSent})
	id := s.want(201, "POST", "", s.createBody([]string{"a", "b"}, map[string]any{"firstname": "Jane"})).id()
	if r := s.want(204, "POST", "/"+id+"/unmerge", `{"contactId":"b"}`); len(r.Body) != 0 {
		t.Errorf("answer %s, want none", r.Body)
	}
	profiles := s.Profiles()
	if len(profiles) != 2 || fmt.Sprint(profiles[0].ContactIDs) != "[a]" || fmt.Sprint(profiles[1].ContactIDs) != "[b]" {
		t.Fatalf("profiles %+v", profiles)
	}
	if p := s.want(200, "GET", "/"+profiles[1].ID, "").json()["profile"]; len(p.(map[string]any)) != 0 {
		t.Errorf("the new profile has fields: %v", p)
	}
	s.wantProblem(404, 1002, "POST", "/"+id+"/unmerge", `{"contactId":"b"}`)
	s.wantProblem(400, 1005, "POST", "/"+id+"/unmerge", `{"contactId":"a"}`)
}

func TestRemoveContactID(t *testing.T) {
	s := start(t, sandbox.Options{})
	id := s.create("a", "b")
	if r := s.want(204, "POST", "/"+id+"/contactids/remove", `{"contactId":"a"}`); len(r.Body) != 0 {
		t.Errorf("answer %s, want none", r.Body)
	}
	if got := s.want(200, "GET", "/"+id, "").json(); fmt.Sprint(got["contactIds"]) != "[b]" {
		t.Errorf("contact ids %v", got["contactIds"])
	}
	s.wantProblem(404, 1002, "POST", "/"+id+"/contactids/remove", `{"contactId":"a"}`)
	s.wantProblem(400, 1005, "POST", "/"+id+"/contactids/remove", `{"contactId":"b"}`) // the last one
	s.create("a")                                                                      // is free again
}

func TestExportAndDeleteData(t *testing.T) {
	s := start(t, sandbox.Options{Defaults: sandbox.DefaultsSent})
	id := s.want(201, "POST", "", s.createBody([]string{"a"}, map[string]any{"firstname": "Jane"})).id()
	if ok, err := s.AddSession(id, jsontext.Value(`{"text":"hello"}`)); !ok || err != nil {
		t.Fatal(ok, err)
	}
	e := s.want(200, "POST", "/"+id+"/data/export", "").json()
	if fmt.Sprint(e["sessions"]) != "[map[text:hello]]" || e["_id"] != id || fmt.Sprint(e["profile"]) != "map[firstname:Jane]" {
		t.Errorf("exported %v", e)
	}
	if r := s.want(204, "POST", "/"+id+"/data/remove", ""); len(r.Body) != 0 {
		t.Errorf("answer %s, want none", r.Body)
	}
	e = s.want(200, "POST", "/"+id+"/data/export", "{}").json()
	if len(e["sessions"].([]any)) != 0 || fmt.Sprint(e["profile"]) != "map[firstname:Jane]" {
		t.Errorf("after the data was deleted: %v", e)
	}
	s.wantProblem(400, 1005, "POST", "/"+id+"/data/remove", `{"a":1}`)
}

// The schema lists the types of the default fields, too; its details are the custom
// fields alone.
func TestSchema(t *testing.T) {
	s := start(t, sandbox.Options{Defaults: sandbox.DefaultsSent})
	const types = `"firstname":"string","lastname":"string","email":"string","age":"number","birthday":"string","gender":"string","location":"string",` +
		`"profilepic":"string","prevent_data_collection":"boolean","accepted_gdpr":"boolean","privacy_policy":"object","tasks":"object"`
	path := "/schema/" + s.ProjectID()
	if r := s.want(200, "GET", path, ""); string(r.Body) != `{"schema":{`+types+`},"details":[]}` {
		t.Errorf("at first %s", r.Body)
	}
	tier, points := `{"field":"Tier","internal":"Tier","type":"string"}`, `{"field":"Points","internal":"points","type":"number"}`
	if r := s.want(204, "PUT", path, `{"details":[`+tier+`,`+points+`]}`); len(r.Body) != 0 {
		t.Errorf("answer %s, want none", r.Body)
	}
	if r := s.want(200, "GET", path, ""); string(r.Body) != `{"schema":{`+types+`,"Tier":"string","points":"number"},"details":[`+tier+`,`+points+`]}` {
		t.Errorf("then %s", r.Body)
	}
	// Names of custom fields are compared without case, and kept as in the schema.
	id := s.want(201, "POST", "", s.createBody([]string{"a"}, map[string]any{"tier": "gold", "points": 3, "firstname": "Jane"})).id()
	if got := s.want(200, "GET", "/"+id, "").json()["profile"]; fmt.Sprint(got) != "map[Tier:gold firstname:Jane points:3]" {
		t.Errorf("stored %v", got)
	}
	// A field that is left out is deleted with its data; what stays, stays.
	s.want(204, "PUT", path, `{"details":[`+points+`]}`)
	if got := s.want(200, "GET", "/"+id, "").json()["profile"]; fmt.Sprint(got) != "map[firstname:Jane points:3]" {
		t.Errorf("after a field was deleted: %v", got)
	}
}

func TestSchemaIsChecked(t *testing.T) {
	s := start(t, sandbox.Options{})
	path := "/schema/" + s.ProjectID()
	s.want(204, "PUT", path, `{"details":[{"field":"Tier","internal":"tier","type":"string"}]}`)
	for _, details := range []string{
		`[{"field":"","internal":"a","type":"string"}]`,
		`[{"field":"A","internal":"a b","type":"string"}]`,
		`[{"field":"A","internal":"","type":"string"}]`,
		`[{"field":"A","internal":"a","type":"text"}]`,
		`[{"field":"A","internal":"a","type":"string"},{"field":"B","internal":"A","type":"string"}]`,
		`[{"field":"A","internal":"FirstName","type":"string"}]`, // a default field
		`[{"field":"Tier","internal":"tier","type":"number"}]`,   // another type
		`[{"field":"A","internal":"a","type":"string","x":1}]`,
		`[{"field":1,"internal":"a","type":"string"}]`,
		`["tier"]`, `{}`, `null`,
	} {
		s.wantProblem(400, 1005, "PUT", path, `{"details":`+details+`}`)
	}
	s.wantProblem(400, 1000, "PUT", path, `{}`)
	s.wantProblem(400, 1000, "PUT", path, `{"details":[{"internal":"a","type":"string"}]}`)
	if r := s.want(200, "GET", path, ""); !strings.Contains(string(r.Body), `"tier":"string"`) {
		t.Errorf("a refused schema changed something: %s", r.Body)
	}
}

func TestFieldTypesAreChecked(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.want(204, "PUT", "/schema/"+s.ProjectID(), `{"details":[{"field":"T","internal":"text","type":"string"},
		{"field":"N","internal":"num","type":"number"},{"field":"B","internal":"bool","type":"boolean"},{"field":"O","internal":"obj","type":"object"}]}`)
	for _, tt := range []struct{ right, wrong string }{
		{`"firstname":"x"`, `"firstname":1`},
		{`"firstname":""`, `"firstname":null`},
		{`"email":"not checked"`, `"email":true`},
		{`"age":9007199254740991`, `"age":9007199254740992`},
		{`"age":-1.5`, `"age":"41"`},
		{`"accepted_gdpr":false`, `"accepted_gdpr":"false"`},
		{`"prevent_data_collection":true`, `"prevent_data_collection":1`},
		{`"privacy_policy":{}`, `"privacy_policy":{"x":1}`},
		{`"privacy_policy":{"accepted":false}`, `"privacy_policy":{"accepted":"no"}`},
		{`"privacy_policy":{"meta":{}}`, `"privacy_policy":{"meta":[]}`},
		{`"tasks":[]`, `"tasks":"call"`},
		{`"tasks":["call"]`, `"tasks":[1]`},
		{`"memories":[]`, `"memories":{}`},
		{`"memories":[{"text":"x"}]`, `"memories":[{"text":1}]`},
		{`"memories":[{"timestamp":"2026-01-02T03:04:05.678Z"}]`, `"memories":[{"timestamp":"yesterday"}]`},
		{`"memories":[{}]`, `"memories":[{"other":"x"}]`},
		{`"text":"x"`, `"text":1`},
		{`"num":0`, `"num":"0"`},
		{`"num":-9007199254740991`, `"num":1e300`},
		{`"bool":true`, `"bool":0`},
		{`"obj":{"a":[1]}`, `"obj":[1]`},
	} {
		id := s.want(201, "POST", "", `{"projectId":"`+s.ProjectID()+`","contactIds":["`+fmt.Sprint(s.Counts().Profiles)+`"],"profile":{`+tt.right+`}}`).id()
		s.want(204, "PATCH", "/"+id, `{"profile":{`+tt.right+`}}`)
		s.wantProblem(400, 1005, "PATCH", "/"+id, `{"profile":{`+tt.wrong+`}}`)
		s.wantProblem(400, 1005, "POST", "", `{"projectId":"`+s.ProjectID()+`","contactIds":["new"],"profile":{`+tt.wrong+`}}`)
	}
}

// What becomes of null, of an empty text and of a value of another type, in a create and
// in an update of {"lastname":"Roe","age":41}.
func TestValuesThatAreNone(t *testing.T) {
	const was = `{"lastname":"Roe","age":41,"custom":1}`
	for _, tt := range []struct {
		o                            sandbox.Options
		send, created, updated, what string // created empty: both are refused
	}{
		{sandbox.Options{}, `{"lastname":null}`, ``, ``, "null is refused"},
		{sandbox.Options{}, `{"custom":null}`, `{"custom":null}`, `{"lastname":"Roe","age":41,"custom":null}`, "null in a field outside the schema has no type"},
		{sandbox.Options{Null: sandbox.NullClear}, `{"lastname":null}`, `{}`, `{"age":41,"custom":1}`, "null clears"},
		{sandbox.Options{Null: sandbox.NullClear}, `{"gender":null}`, `{}`, was, "null clears what is not there"},
		{sandbox.Options{Null: sandbox.NullKeep}, `{"lastname":null}`, `{"lastname":null}`, `{"lastname":null,"age":41,"custom":1}`, "null is kept"},
		{sandbox.Options{Null: sandbox.NullDrop}, `{"lastname":null}`, `{}`, was, "null is left out"},
		{sandbox.Options{}, `{"lastname":""}`, `{"lastname":""}`, `{"lastname":"","age":41,"custom":1}`, "an empty text is a text"},
		{sandbox.Options{EmptyText: sandbox.EmptyDrop}, `{"lastname":"","age":42}`, `{"age":42}`, `{"lastname":"Roe","age":42,"custom":1}`, "an empty text is left out"},
		{sandbox.Options{}, `{"age":"42"}`, ``, ``, "another type is refused"},
		{sandbox.Options{WrongTypes: sandbox.TypesKeep}, `{"age":"42"}`, `{"age":"42"}`, `{"lastname":"Roe","age":"42","custom":1}`, "another type is kept"},
		{sandbox.Options{WrongTypes: sandbox.TypesDrop}, `{"age":"42"}`, `{}`, was, "another type is left out"},
		{sandbox.Options{WrongTypes: sandbox.TypesDrop}, `{"age":null}`, ``, ``, "null is not another type"},
	} {
		tt.o.Defaults = sandbox.DefaultsSent
		s := start(t, tt.o)
		s.router = nil // the OpenAPI document has no wrong types
		body := func(contact, fields string) string {
			return `{"projectId":"` + s.ProjectID() + `","contactIds":["` + contact + `"],"profile":` + fields + `}`
		}
		stored := func(r *reply, want string) {
			t.Helper()
			var fields any
			if err := json.Unmarshal([]byte(want), &fields); err != nil {
				t.Fatal(err)
			}
			if got := s.want(200, "GET", "/"+r.id(), "").json()["profile"]; !reflect.DeepEqual(got, fields) {
				t.Errorf("%s: %v is stored for %s, want %s", tt.what, got, tt.send, want)
			}
		}
		old := s.want(201, "POST", "", body("old", was))
		if tt.created == "" {
			s.wantProblem(400, 1005, "POST", "", body("new", tt.send))
			s.wantProblem(400, 1005, "PATCH", "/"+old.id(), `{"profile":`+tt.send+`}`)
			stored(old, was)
			continue
		}
		stored(s.want(201, "POST", "", body("new", tt.send)), tt.created)
		s.want(204, "PATCH", "/"+old.id(), `{"profile":`+tt.send+`}`)
		stored(old, tt.updated)
	}
}

func TestUnknownFields(t *testing.T) {
	for mode, want := range map[string]string{"": "map[age:1 shoe_size:43]", sandbox.FieldsKeep: "map[age:1 shoe_size:43]", sandbox.FieldsDrop: "map[age:1]", sandbox.FieldsReject: ""} {
		s := start(t, sandbox.Options{UnknownFields: mode, Defaults: sandbox.DefaultsSent})
		body := s.createBody([]string{"a"}, map[string]any{"shoe_size": 43, "age": 1})
		if mode == sandbox.FieldsReject {
			s.wantProblem(400, 1005, "POST", "", body)
			continue
		}
		if got := s.want(201, "POST", "", body).json()["profile"]; fmt.Sprint(got) != want {
			t.Errorf("%s: %v, want %s", mode, got, want)
		}
	}
}

func TestUnknownMembers(t *testing.T) {
	body := func(s *tenant) string {
		return `{"projectId":"` + s.ProjectID() + `","contactIds":["a"],"lastname":"Roe"}`
	}
	s := start(t, sandbox.Options{})
	r := s.wantProblem(400, 1005, "POST", "", body(s))
	if !strings.Contains(string(r.Body), "field 'lastname' is not allowed") {
		t.Errorf("the detail does not name the member: %s", r.Body)
	}
	s = start(t, sandbox.Options{UnknownMembers: sandbox.UnknownIgnore})
	s.router = nil // the OpenAPI document has the other side of the switch
	if got := s.want(201, "POST", "", body(s)).json(); got["lastname"] != nil {
		t.Errorf("stored: %v", got)
	}
}

func TestCounts(t *testing.T) {
	s := start(t, sandbox.Options{})
	id := s.create("a")
	s.want(200, "GET", "/"+id, "")
	s.want(200, "GET", "/"+id, "")
	s.want(404, "GET", "/nothing/at/all", "")
	counts := s.Counts()
	if !maps.Equal(counts.Requests, map[string]int{"create": 1, "get": 2, "": 1}) || counts.Profiles != 1 || counts.Throttled != 0 {
		t.Errorf("counts %+v", counts)
	}
	var statuses []int
	for _, r := range s.Requests() {
		statuses = append(statuses, r.Status)
	}
	if !slices.Equal(statuses, []int{201, 200, 200, 404}) {
		t.Errorf("requests %+v", s.Requests())
	}
}
