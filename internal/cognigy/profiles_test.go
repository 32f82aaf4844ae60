package cognigy

import (
	"bufio"
	"context"
	"fmt"
	"importer/importer/contact"
	"io"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
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
	want := contact.Found{
		ID: profileID, ContactIDs: []string{"a"}, Active: true, Fields: []contact.Field{{Name: "lastname", Value: []byte(`"L"`)}},
		CreatedAt: time.Unix(1700000000, 0).UTC(), LastChanged: time.Unix(1700000060, 0).UTC(),
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

func TestGetFails(t *testing.T) {
	for body, class := range map[string]contact.Class{
		``:                      contact.Transient,
		`{"_id":"x","profile":`: contact.Transient,
		`{}`:                    contact.Permanent,
		`[]`:                    contact.Permanent,
		`<html>`:                contact.Fatal,
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
	if e := apiError(t, err, contact.Permanent); e.HTTP != 404 || e.Code != 1002 {
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
		for _, err := range []error{get, merge, c.Update(ctx, id, ada), c.Delete(ctx, id)} {
			apiError(t, err, contact.Permanent)
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
		{func() error { return c.Update(ctx, profileID, contact.Profile{Active: &active, Fields: ada.Fields}) }, "PATCH", at,
			`{"active":false,"profile":{"firstname":"Ada"}}`},
		{func() error { return c.Update(ctx, profileID, contact.Profile{ContactIDs: []string{"a"}}) }, "PATCH", at, `{"contactIds":["a"]}`},
		{func() error { return c.Delete(ctx, profileID) }, "DELETE", at, ""},
		{func() error { _, err := c.Merge(ctx, profileID, `a"b`); return err }, "POST", at + "/merge",
			`{"contactId":"a\"b","projectId":"` + testProject + `"}`},
		{func() error { _, err := c.Merge(ctx, profileID, "名\n前"); return err }, "POST", at + "/merge",
			`{"contactId":"名\n前","projectId":"` + testProject + `"}`},
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

func TestCreateOnTheWire(t *testing.T) {
	var got *http.Request
	var body string
	base, _ := rawServer(t, func(_ int, c net.Conn) {
		got, body, _ = readRequest(bufio.NewReader(c))
		io.WriteString(c, "HTTP/1.1 201 Created\r\nContent-Length: 14\r\n\r\n"+`{"_id":"65f1"}`)
	})
	c := newClient(t, base+"/openapi")
	result, err := c.Create(context.Background(), ada)
	if err != nil || result.ID != "65f1" {
		t.Fatalf("%+v, %v", result, err)
	}
	if got.Method != "POST" || got.RequestURI != "/new/v2.0/profiles" {
		t.Errorf("%s %s", got.Method, got.RequestURI)
	}
	want := http.Header{
		"Accept": {"application/json"}, "Content-Type": {"application/json"}, "User-Agent": {"importer"}, "X-Api-Key": {testKey},
		"Content-Length": {fmt.Sprint(len(body))},
	}
	if fmt.Sprint(got.Header) != fmt.Sprint(want) {
		t.Errorf("headers %v, want %v", got.Header, want)
	}
	if want := `{"projectId":"65f0000000000000000000aa","contactIds":["ada@example.com"],"profile":{"firstname":"Ada"}}`; body != want {
		t.Errorf("body %s, want %s", body, want)
	}
}

func TestCreateSucceeds(t *testing.T) {
	const id = "65f1000000000000000000bb"
	for name, tt := range map[string]struct {
		status int
		body   string
		id     string
	}{
		"201":             {201, `{"_id":"` + id + `","profile":{}}`, id},
		"200":             {200, `{"profile":{"_id":"x","a":"\"}{"},"_id":"` + id + `"}`, id},
		"204":             {204, ``, ""},
		"202 empty":       {202, ``, ""},
		"no id":           {201, `{"profile":{"_id":"` + id + `"}}`, ""},
		"id of a number":  {201, `{"_id":17}`, ""},
		"not an object":   {201, `["` + id + `"]`, ""},
		"not JSON":        {200, `<html>"_id":"x"</html>`, ""},
		"huge, id first":  {201, `{"_id":"` + id + `","x":"` + strings.Repeat("x", maxAnswerBytes) + `"}`, id},
		"huge, id behind": {201, `{"x":"` + strings.Repeat("x", maxAnswerBytes) + `","_id":"` + id + `"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.body)
			})
			result, err := c.Create(context.Background(), ada)
			if err != nil || result.ID != tt.id {
				t.Errorf("%+v, %v; want id %q", result, err, tt.id)
			}
		})
	}
}

func TestListOnTheWire(t *testing.T) {
	base, _ := rawServer(t, func(_ int, c net.Conn) {
		r := bufio.NewReader(c)
		for {
			var head []string
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if line == "\r\n" {
					break
				}
				head = append(head, strings.ToLower(strings.TrimSpace(line)))
			}
			if slices.ContainsFunc(head, func(s string) bool {
				return strings.HasPrefix(s, "content-") || strings.HasPrefix(s, "transfer-encoding") || strings.HasPrefix(s, "accept-encoding")
			}) {
				fmt.Fprintf(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nX: %q\r\n\r\n", head)
				return
			}
			body := fmt.Sprintf(`{"items":[],"total":0,"nextCursor":%q}`, head[0])
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		}
	})
	c := newClient(t, base)
	for want, q := range map[string]contact.ListQuery{
		"get /new/v2.0/profiles?projectid=65f0000000000000000000aa http/1.1":                                                      {},
		"get /new/v2.0/profiles?filter=%2b49+%28a%29%26b%3d%23&limit=100&projectid=65f0000000000000000000aa http/1.1":             {Filter: "+49 (a)&b=#", Limit: 100},
		"get /new/v2.0/profiles?contactids=a%2fb%40example.com&next=65f1000000000000&projectid=65f0000000000000000000aa http/1.1": {ContactID: "a/b@example.com", Cursor: "65f1000000000000"},
		"get /new/v2.0/profiles?contactids=%e5%90%8d%e5%89%8d&limit=1&projectid=65f0000000000000000000aa http/1.1":                {ContactID: "名前", Limit: 1},
		"get /new/v2.0/profiles?filter=a%0d%0ax%3a+y&projectid=65f0000000000000000000aa http/1.1":                                 {Filter: "a\r\nx: y"},
		"get /new/v2.0/profiles?contactids=%2525&filter=%25&limit=7&next=%3d%3d&projectid=65f0000000000000000000aa http/1.1":      {ContactID: "%25", Filter: "%", Cursor: "==", Limit: 7},
	} {
		page, err := c.List(context.Background(), q)
		if err != nil || page.Next != want {
			t.Errorf("%+v: got %q, %v; want %q", q, page.Next, err, want)
		}
	}
}

func TestListDecodes(t *testing.T) {
	item := `{"_id":"65f1000000000000000000bb","profile":{"lastname":"L","age": 4e1 ,"firstname":"A\ud83d \u00e9","privacy_policy":{"b": 1, "a":[ ]}},` +
		`"active":false,"contactIds":["a","b"],"lastChanged":1700000000,"projectId":"x","new":{}}`
	want := contact.Found{
		ID: "65f1000000000000000000bb", ContactIDs: []string{"a", "b"}, LastChanged: time.Unix(1700000000, 0).UTC(),
		Fields: []contact.Field{{Name: "age", Value: []byte(`4e1`)}, {Name: "firstname", Value: []byte(`"A` + "\ufffd" + ` é"`)},
			{Name: "lastname", Value: []byte(`"L"`)}, {Name: "privacy_policy", Value: []byte(`{"b":1,"a":[]}`)}},
	}
	for body, next := range map[string]string{
		`{"items":[` + item + `],"total":17,"nextCursor":"n1","previousCursor":null}`: "n1",
		`{"items":[` + item + `],"total":17,"next":"n2","previous":null}`:             "n2",
		`{"items":[` + item + `],"total":17,"nextCursor":null,"next":null}`:           "",
	} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, body) })
		page, err := c.List(context.Background(), contact.ListQuery{})
		if err != nil {
			t.Fatal(err)
		}
		if page.Total != 17 || page.Next != next || len(page.Profiles) != 1 {
			t.Fatalf("%+v, want next %q", page, next)
		}
		if got := page.Profiles[0]; !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
}

// An unreadable page must never look like an empty one: a contact that is there
// would be created again.
func TestListNeverTakesAnErrorForNoHit(t *testing.T) {
	for body, class := range map[string]contact.Class{
		``:                                     contact.Transient,
		`{"items":[`:                           contact.Transient,
		`{}`:                                   contact.Permanent,
		`[]`:                                   contact.Permanent,
		`null`:                                 contact.Fatal,
		`{"items":null}`:                       contact.Permanent,
		`{"items":{}}`:                         contact.Permanent,
		`{"items":[{"contactIds":["a"]}]}`:     contact.Permanent,
		`{"items":[{"_id":"x","profile":[]}]}`: contact.Permanent,
		`{"_embedded":{"profiles":[]},"total":0}`:                        contact.Permanent,
		`<!DOCTYPE html><title>Cognigy.AI</title>`:                       contact.Fatal,
		`{"items":[],"x":"` + strings.Repeat("x", maxAnswerBytes) + `"}`: contact.Permanent,
	} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, body) })
		_, err := c.List(context.Background(), contact.ListQuery{})
		if e := apiError(t, err, class); e.Detail == "" {
			t.Errorf("%.40s: no detail", body)
		}
	}
}
