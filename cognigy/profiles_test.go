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
	for _, id := range []string{"", ".", "..", "a/b", "a?b", "a b", "%2e%2e", "schema/x", "é", string(make([]byte, 200))} {
		_, err := c.Get(context.Background(), id)
		apiError(t, err, importer.Permanent)
	}
	if requests.Load() != 0 {
		t.Errorf("%d requests were sent", requests.Load())
	}
}
