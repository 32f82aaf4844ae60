package sandbox_test

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"importer/internal/sandbox"
)

// Whatever a body is, it is created as it says, or refused with a problem.
func FuzzCreate(f *testing.F) {
	const prefix = `{"projectId":"` + sandbox.DefaultProjectID + `",`
	for _, seed := range []string{``, `{}`, `null`, `[]`, "\xff", prefix, prefix + `"contactIds":["a"]}`, prefix + `"contactIds":["a","\u0000","\ud800"],"profile":{"age":1e400}}`,
		prefix + `"contactIds":["ü"],"active":false,"profile":{"firstname":"<&>","x y":{"a":[null,1.0,"\u2028"]}}}`, prefix + `"contactIds":["a"]} x`,
		prefix + `"contactIds":["a"],"profile":{"x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := sandbox.New(sandbox.Options{Defaults: sandbox.DefaultsSent})
		if err != nil {
			t.Fatal(err)
		}
		for _, media := range []string{"text/csv", "application/xml", "application/hal+json", "application/json"} {
			r := httptest.NewRequest("POST", "/new/v2.0/profiles", bytes.NewReader(body))
			r.Header.Set("X-API-Key", s.APIKey())
			r.Header.Set("Accept", media)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != 201 && (w.Code < 400 || w.Code > 413) || w.Body.Len() == 0 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		}
		if profiles := s.Profiles(); len(profiles) == 1 {
			var sent, stored struct{ Profile map[string]any }
			if err := json.Unmarshal(body, &sent); err != nil {
				t.Fatalf("%v: %s was taken", err, body)
			}
			if err := json.Unmarshal(profiles[0].Body, &stored); err != nil {
				t.Fatal(err)
			}
			if len(sent.Profile)+len(stored.Profile) > 0 && !reflect.DeepEqual(sent, stored) {
				t.Fatalf("sent %s, stored %s", body, profiles[0].Body)
			}
		}
	})
}

// Whatever a query is, it is answered or refused.
func FuzzList(f *testing.F) {
	s, err := sandbox.New(sandbox.Options{})
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range []string{"a", "b", "a,b", "[1,2]"} {
		r := httptest.NewRequest("POST", "/v2.0/profiles", strings.NewReader(`{"projectId":"`+s.ProjectID()+`","contactIds":["`+c+`"]}`))
		r.Header.Set("X-API-Key", s.APIKey())
		s.ServeHTTP(httptest.NewRecorder(), r)
	}
	id := s.Profiles()[1].ID
	for _, seed := range []string{"", "limit=1&next=" + id, "limit=1&skip=3&previous=" + id, "sort=contactIds:desc,active:asc&next=" + id, "skip=99999999999999999999",
		"limit=9223372036854775807&skip=9223372036854775807", "lastChanged=[0,9223372036854775807]", "contactIds[]=a&contactIds=b", "filter=%00", "&&next&=;", "%zz"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest("GET", "/v2.0/profiles", nil)
		r.URL = &url.URL{Path: "/v2.0/profiles", RawQuery: query}
		r.Header.Set("X-API-Key", s.APIKey())
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != 200 && w.Code != 400 && w.Code != 403 || !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%q: %d %s", query, w.Code, w.Body)
		}
	})
}
