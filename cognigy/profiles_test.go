package cognigy

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"importer/importer"
)

const profileID = "65f1000000000000000000bb"

func TestGet(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "GET" || r.RequestURI != "/new/v2.0/profiles/"+profileID {
			t.Errorf("%s %s", r.Method, r.RequestURI)
		}
		io.WriteString(w, `{"_id":"`+profileID+`","profile":{"lastname":"L"},"contactIds":["a"],"active":true,
			"createdAt":1700000000,"lastChanged":1700000060,"createdBy":"000000000000000000000000"}`)
	})
	got, err := c.Get(context.Background(), profileID)
	want := importer.Found{
		ID: profileID, ContactIDs: []string{"a"}, Active: true, Fields: []importer.Field{{Name: "lastname", Value: []byte(`"L"`)}},
		CreatedAt: time.Unix(1700000000, 0).UTC(), LastChanged: time.Unix(1700000060, 0).UTC(),
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

func TestGetFails(t *testing.T) {
	for body, class := range map[string]importer.Class{
		``:                      importer.Transient,
		`{"_id":"x","profile":`: importer.Transient,
		`{}`:                    importer.Permanent,
		`[]`:                    importer.Permanent,
		`<html>`:                importer.Fatal,
	} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, body) })
		_, err := c.Get(context.Background(), profileID)
		apiError(t, err, class)
	}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(404)
		io.WriteString(w, `{"code":1002,"detail":"Profile not found"}`)
	})
	_, err := c.Get(context.Background(), profileID)
	if e := apiError(t, err, importer.Permanent); e.HTTP != 404 || e.Code != 1002 {
		t.Error(e)
	}
}

// What is no id never reaches the server: an empty one would address all
// profiles.
func TestBadIDsAreNotSent(t *testing.T) {
	var requests atomic.Int64
	c := serve(t, func(http.ResponseWriter, *http.Request) { requests.Add(1) })
	ctx := context.Background()
	for _, id := range []string{"", ".", "..", "a/b", "a?b", "a b", "%2e%2e", "schema/x", "é", string(make([]byte, 200))} {
		_, get := c.Get(ctx, id)
		_, merge := c.Merge(ctx, id, "a")
		for _, err := range []error{
			get, merge, c.Update(ctx, id, ada), c.Delete(ctx, id), c.Unmerge(ctx, id, "a"), c.RemoveContactID(ctx, id, "a"),
		} {
			apiError(t, err, importer.Permanent)
		}
	}
	if requests.Load() != 0 {
		t.Errorf("%d requests were sent", requests.Load())
	}
}

func TestChangesOnTheWire(t *testing.T) {
	var method, uri, body, contentType string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		method, uri, body, contentType = r.Method, r.RequestURI, string(b), r.Header.Get("Content-Type")
		if r.Header.Get("Accept") != "application/json" || r.Header.Get("X-API-Key") != testKey || len(r.TransferEncoding) > 0 {
			t.Errorf("headers %v", r.Header)
		}
		w.WriteHeader(204)
	})
	ctx, active := context.Background(), false
	const at = "/new/v2.0/profiles/" + profileID
	tests := []struct {
		call        func() error
		method, uri string
		body        string
	}{
		{func() error { return c.Update(ctx, profileID, importer.Profile{Active: &active, Fields: ada.Fields}) }, "PATCH", at,
			`{"active":false,"profile":{"firstname":"Ada"}}`},
		{func() error { return c.Update(ctx, profileID, importer.Profile{ContactIDs: []string{"a"}}) }, "PATCH", at, `{"contactIds":["a"]}`},
		{func() error { return c.Delete(ctx, profileID) }, "DELETE", at, ""},
		{func() error { _, err := c.Merge(ctx, profileID, `a"b`); return err }, "POST", at + "/merge",
			`{"contactId":"a\"b","projectId":"` + testProject + `"}`},
		{func() error { return c.Unmerge(ctx, profileID, "名前") }, "POST", at + "/unmerge", `{"contactId":"名前"}`},
		{func() error { return c.RemoveContactID(ctx, profileID, "a\nb") }, "POST", at + "/contactids/remove", `{"contactId":"a\nb"}`},
		{func() error {
			return c.SetSchema(ctx, Schema{Details: []SchemaField{}}, []SchemaField{{"A b", "a_b", "string"}})
		}, "PUT",
			"/new/v2.0/profiles/schema/" + testProject, `{"details":[{"field":"A b","internal":"a_b","type":"string"}]}`},
	}
	for _, tt := range tests {
		if err := tt.call(); err != nil {
			t.Error(err)
		}
		wantType := ""
		if tt.body != "" {
			wantType = "application/json"
		}
		if method != tt.method || uri != tt.uri || body != tt.body || contentType != wantType {
			t.Errorf("got  %s %s %q %s\nwant %s %s %q %s", method, uri, contentType, body, tt.method, tt.uri, wantType, tt.body)
		}
	}
}

func TestMergeReturnsTheSurvivor(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, `{"_id":"`+profileID+`"}`) })
	if id, err := c.Merge(context.Background(), "other", "a"); id != profileID || err != nil {
		t.Error(id, err)
	}
}

func TestBaseURLWithAnEscapedPath(t *testing.T) {
	var uri string
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { uri = r.RequestURI })
	c := newClient(t, "http://"+s.profiles.Host+"/a%2Fb/new/")
	if err := c.Delete(context.Background(), profileID); err != nil || uri != "/a%2Fb/new/v2.0/profiles/"+profileID {
		t.Error(uri, err)
	}
}
