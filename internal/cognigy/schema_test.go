package cognigy

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"importer/importer/contact"
)

func TestGetSchema(t *testing.T) {
	for body, want := range map[string]Schema{
		`{"schema":{"firstname":"string","Score":"number","odd":{}},"details":[{"field":"Score","internal":"score","type":"number"}]}`: {
			Types:   map[string]string{"firstname": "string", "Score": "number", "odd": ""},
			Details: []SchemaField{{"Score", "score", "number"}},
		},
		`{"schema":{},"details":[]}`: {Types: map[string]string{}, Details: []SchemaField{}},
		`{"schema":{"a":"string"}}`:  {Types: map[string]string{"a": "string"}},
	} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != "GET" || r.RequestURI != "/new/v2.0/profiles/schema/"+testProject {
				t.Errorf("%s %s", r.Method, r.RequestURI)
			}
			io.WriteString(w, body)
		})
		got, err := c.GetSchema(context.Background())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v; want %+v", body, got, err, want)
		}
	}
	for _, body := range []string{``, `{}`, `{"contactIds":[]}`, `{"schema":{},"details":"no"}`, `{"schema":{},"details":[{"field"`, `<html>`} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, body) })
		_, err := c.GetSchema(context.Background())
		if e := apiError(t, err, contact.Transient); e.Author != contact.Way {
			t.Errorf("%s: author %v", body, e.Author)
		}
	}
}

// A set of the schema is done where the answer is empty, or a schema.
func TestSetSchemaInDoubt(t *testing.T) {
	for body, done := range map[string]bool{``: true, `{"details":[]}`: true, `{"schema":{}}`: true, `{}`: false, `{"success":false}`: false, `<html>`: false} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, body) })
		err := c.SetSchema(context.Background(), Schema{Details: []SchemaField{}}, []SchemaField{{"New", "new", "string"}})
		if !done {
			apiError(t, err, contact.Ambiguous)
		} else if err != nil {
			t.Error(err)
		}
	}
}

func TestSchemaLookup(t *testing.T) {
	s := Schema{Types: map[string]string{"Score": "number"}, Details: []SchemaField{{"Club", "club", "boolean"}}}
	for name, want := range map[string]string{"Score": "number", "score": "number", "CLUB": "boolean", "x": ""} {
		if typ, ok := s.Lookup(name); typ != want || ok != (want != "") {
			t.Errorf("Lookup(%q) = %q, %v", name, typ, ok)
		}
	}
}

func TestDefaultField(t *testing.T) {
	for name, want := range map[string]string{"firstname": "firstname", "firstName": "firstname", "PROFILEID": "profileId", "first_name": "", "": ""} {
		if got := DefaultField(name); got != want {
			t.Errorf("DefaultField(%q) = %q, want %q", name, got, want)
		}
	}
}

// A field that is left out is deleted with its data in every profile.
func TestSetSchemaNeverDropsAField(t *testing.T) {
	var requests atomic.Int64
	var body string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		b, _ := io.ReadAll(r.Body)
		body = string(b)
	})
	ctx := context.Background()
	old := SchemaField{"Old", "old", "object"}
	add := []SchemaField{{"New", "new", "string"}}
	for why, read := range map[string]Schema{
		"did not tell":       {Types: map[string]string{"old": "object"}},
		"would be lost":      {Types: map[string]string{"other": "string"}, Details: []SchemaField{old}},
		"is there already":   {Details: []SchemaField{old, {"N", "NEW", "string"}}},
		"without name":       {Details: []SchemaField{{"Old", "old", ""}}},
		`"old"`:              {Types: map[string]string{"old": "object"}, Details: []SchemaField{}},
		"would delete those": {},
	} {
		err := c.SetSchema(ctx, read, add)
		if e := apiError(t, err, contact.Permanent); !strings.Contains(e.Detail, why) {
			t.Errorf("%v, want it to say %q", e, why)
		}
	}
	err := c.SetSchema(ctx, Schema{Details: []SchemaField{}}, []SchemaField{{"E-mail", "Email", "string"}})
	apiError(t, err, contact.Permanent)
	if requests.Load() != 0 {
		t.Fatalf("%d requests were sent", requests.Load())
	}

	read := Schema{Types: map[string]string{"firstname": "string", "old": "object", "tasks": ""}, Details: []SchemaField{old}}
	if err := c.SetSchema(ctx, read, add); err != nil {
		t.Fatal(err)
	}
	if want := `{"details":[{"field":"Old","internal":"old","type":"object"},{"field":"New","internal":"new","type":"string"}]}`; body != want {
		t.Errorf("got %s, want %s", body, want)
	}
}
