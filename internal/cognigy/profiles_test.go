package cognigy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"importer/importer/contact"
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
		Others: []byte(`{"createdBy":"000000000000000000000000"}`),
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

func TestGetFails(t *testing.T) {
	for _, body := range []string{
		``, `{"_id":"x","profile":`, `{}`, `[]`, `<html>`,
		`{"_id":"65f1000000000000000000cc","profile":{},"contactIds":["a"]}`, // of a cache that mixes answers
		`{"_id":"` + profileID + `","contactIds":["a"]}`,                     // what an update would build on is missing
		`{"_id":"` + profileID + `","profile":{}}`,
		`{"_id":"` + profileID + `","profile":[],"contactIds":["a"]}`,
	} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, body) })
		_, err := c.Get(context.Background(), profileID)
		if e := apiError(t, err, contact.Transient); e.Author != contact.Way {
			t.Errorf("%s: author %v", body, e.Author)
		}
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
		_, update := c.Update(ctx, id, ada)
		for _, err := range []error{get, merge, update, c.Delete(ctx, id)} {
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
		defer io.WriteString(w, anyAnswer)
		b, _ := io.ReadAll(r.Body)
		method, uri, body, contentType = r.Method, r.RequestURI, string(b), r.Header.Get("Content-Type")
		if r.Header.Get("Accept") != "application/json" || r.Header.Get("X-API-Key") != testKey || len(r.TransferEncoding) > 0 {
			t.Errorf("headers %v", r.Header)
		}
	})
	ctx, active := context.Background(), false
	update := func(p contact.Profile) error {
		_, err := c.Update(ctx, profileID, p)
		return err
	}
	const at = "/new/v2.0/profiles/" + profileID
	tests := []struct {
		call        func() error
		method, uri string
		body        string
	}{
		{func() error { return update(contact.Profile{Active: &active, Fields: ada.Fields}) }, "PATCH", at,
			`{"active":false,"profile":{"firstname":"Ada"}}`},
		{func() error { return update(contact.Profile{ContactIDs: []string{"a"}}) }, "PATCH", at, `{"contactIds":["a"]}`},
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
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, anyAnswer) })
	if id, err := c.Merge(context.Background(), "65f1000000000000000000cc", "a"); id != profileID || err != nil {
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
		io.WriteString(c, httpAnswer(201, anyAnswer))
	})
	c := newClient(t, base+"/openapi")
	result, err := c.Create(context.Background(), ada)
	if err != nil || result.ID != profileID {
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
	for _, status := range []int{200, 201} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, "\xef\xbb\xbf"+` {"profile":{"_id":"x","a":"\"}{"},"createdAt":1700000000,"contactIds":["Ada@example.com"],"_id":"`+profileID+`"}`+"\n")
		})
		got, err := c.Create(context.Background(), ada)
		want := contact.CreateResult{ID: profileID, ContactIDs: []string{"Ada@example.com"}, CreatedAt: time.Unix(1700000000, 0).UTC()}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
}

// Without the profile that it made a create is in doubt, with any 2xx.
func TestCreateInDoubt(t *testing.T) {
	const id, ids = `"_id":"` + profileID + `"`, `"contactIds":["ada@example.com"]`
	for name, tt := range map[string]struct {
		status int
		body   string
		says   string
	}{
		"204":            {204, ``, "nothing in it"},
		"202 empty":      {202, ``, "taken for later"},
		"202":            {202, `{` + id + `,` + ids + `}`, "taken for later"},
		"id alone":       {201, `{` + id + `,"status":"queued"}`, `no "contactIds"`},
		"no id":          {201, `{"profile":{` + id + `},` + ids + `}`, `no valid "_id"`},
		"short id":       {201, `{"_id":"65f1",` + ids + `}`, `no valid "_id"`},
		"id in words":    {201, `{"_id":"not assigned to anybody!",` + ids + `}`, `no valid "_id"`},
		"two ids":        {201, `{` + id + `,` + id + `,` + ids + `}`, "not valid JSON"},
		"id of a number": {201, `{"_id":17,` + ids + `}`, `its "_id" has another type`},
		"not an object":  {201, `[{` + id + `,` + ids + `}]`, "no JSON object"},
		"half":           {201, `{` + id + `,` + ids, "not valid JSON"},
		"and a script":   {201, `{` + id + `,` + ids + `}<script></script>`, "not valid JSON"},
		"a list":         {200, `{"items":[{` + id + `,` + ids + `}],"total":1}`, `no valid "_id"`},
		"a problem":      {200, `{"title":"Forbidden","status":403,"detail":"no session"}`, "no session"},
		"success false":  {200, `{"success":false}`, `{"success":false}`},
		"error":          {200, `{"error":{"code":"E1017","message":"session expired"}}`, "session expired"},
		"a page":         {200, `<!DOCTYPE html><title>Sign in</title>`, `a page titled "Sign in"`},
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.body)
			})
			result, err := c.Create(context.Background(), ada)
			e := apiError(t, err, contact.Ambiguous)
			if e.Author != contact.Way || e.HTTP != tt.status || result.ID != "" || !strings.Contains(e.Detail, tt.says) || !strings.Contains(e.Hint, "on the way") {
				t.Errorf("%+v, %v from %v, want it to say %q", result, e, e.Author, tt.says)
			}
			if strings.Contains(e.Detail, "ada@example.com") {
				t.Errorf("a contact is shown: %s", e.Detail)
			}
		})
	}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{`+id+`,`+ids+`,"x":"`+strings.Repeat("x", maxAnswerBytes)+`"}`)
	})
	_, err := c.Create(context.Background(), ada)
	if e := apiError(t, err, contact.Ambiguous); e.Author != contact.NoAnswer || !errors.Is(err, contact.ErrTooLarge) {
		t.Errorf("%v from %v", e, e.Author)
	}
}

// An update and a delete are done where the answer is empty, or about that profile.
func TestChangesInDoubt(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		media  string
		body   string
		done   bool
	}{
		"204":                  {204, "", "", true},
		"204 as HTML":          {204, "text/html", "", true},
		"200 empty":            {200, "", "", true},
		"200 empty, JSON":      {200, "application/json", "\r\n", true},
		"the profile":          {200, "application/json", anyAnswer, true},
		"its id":               {200, "application/json", `{"_id":"` + profileID + `"}`, true},
		"another id":           {200, "application/json", `{"_id":"65f1000000000000000000cc"}`, false},
		"202":                  {202, "", "", false},
		"a blank page":         {200, "text/html", "\n", false},
		"a page":               {200, "text/html", "<html>", false},
		"the profile, as HTML": {200, "text/html", anyAnswer, false},
		"XML":                  {200, "application/xml", "<ok/>", false},
		"OK":                   {200, "text/plain", "OK", false},
		"nothing deleted":      {200, "application/json", `{"acknowledged":true,"deletedCount":0}`, false},
		"success false":        {200, "application/json", `{"success":false}`, false},
		"an empty object":      {200, "application/json", `{}`, false},
		"null":                 {200, "application/json", `null`, false},
		"half":                 {200, "application/json", `{"_id":"` + profileID + `"`, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", tt.media)
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.body)
			})
			shown, update := c.Update(context.Background(), profileID, ada)
			if shows := tt.done && tt.body == anyAnswer; shows != (shown.ID == profileID) {
				t.Errorf("the answer is taken for %+v", shown)
			}
			for _, err := range []error{update, c.Delete(context.Background(), profileID)} {
				if tt.done {
					if err != nil {
						t.Error(err)
					}
				} else if e := apiError(t, err, contact.Ambiguous); e.Author != contact.Way || e.HTTP != tt.status {
					t.Errorf("%v from %v", e, e.Author)
				}
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

func TestConversations(t *testing.T) {
	for members, want := range map[string]int{`,"sessions":[{"a":1},{}]`: 2, `,"sessions":[]`: 0, `,"sessions":{"a":1}`: -1, `,"sessions":null`: -1, ``: -1} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != "POST" || r.RequestURI != "/new/v2.0/profiles/"+profileID+"/data/export" || r.ContentLength > 0 {
				t.Errorf("%s %s, %d bytes", r.Method, r.RequestURI, r.ContentLength)
			}
			io.WriteString(w, `{"_id":"`+profileID+`","profile":{},"contactIds":["a"]`+members+`}`)
		})
		if n, err := c.Conversations(context.Background(), profileID); err != nil || n != want {
			t.Errorf("%s: %d, %v; want %d", members, n, err, want)
		}
	}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(404)
		io.WriteString(w, `{"type":"about:blank","title":"Not Found","status":404,"detail":"no","code":1002,"traceId":"x"}`)
	})
	if n, err := c.Conversations(context.Background(), profileID); !contact.IsGone(err) || n != -1 {
		t.Errorf("%d, %v", n, err)
	}
}

func TestListDecodes(t *testing.T) {
	item := `{"_id":"65f1000000000000000000bb","profile":{"lastname":"L","age": 4e1 ,"firstname":"A\ud83d \u00e9","privacy_policy":{"b": 1, "a":[ ]}},` +
		`"active":false,"contactIds":["a","b"],"lastChanged":1700000000,"projectId":"x","new":{}}`
	want := contact.Found{
		ID: "65f1000000000000000000bb", ContactIDs: []string{"a", "b"}, LastChanged: time.Unix(1700000000, 0).UTC(),
		Fields: []contact.Field{{Name: "age", Value: []byte(`4e1`)}, {Name: "firstname", Value: []byte(`"A` + "\ufffd" + ` é"`)},
			{Name: "lastname", Value: []byte(`"L"`)}, {Name: "privacy_policy", Value: []byte(`{"b":1,"a":[]}`)}},
		Others: []byte(`{"projectId":"x","new":{}}`),
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
	const item = `"contactIds":["a"],"profile":{}`
	for _, body := range []string{
		``, `{"items":[`, `{}`, `[]`, `null`, `{"items":null}`, `{"items":{}}`, `{"total":0}`,
		`{"items":[{` + item + `}]}`, `{"items":[{"_id":"x",` + item + `}]}`,
		`{"items":[{"_id":"` + profileID + `","profile":{}}]}`,
		`{"items":[{"_id":"` + profileID + `","contactIds":null}]}`,
		`{"items":[{"_id":"` + profileID + `","contactIds":["a"],"profile":[]}]}`,
		`{"items":[{"_id":"` + profileID + `",` + item + `},{}]}`,
		`{"_embedded":{"profiles":[]},"total":0}`,
		`<!DOCTYPE html><title>Cognigy.AI</title>`,
	} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, body) })
		_, err := c.List(context.Background(), contact.ListQuery{})
		if e := apiError(t, err, contact.Transient); e.Detail == "" || e.Author != contact.Way {
			t.Errorf("%.40s: %v from %v", body, e, e.Author)
		}
	}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"items":[],"x":"`+strings.Repeat("x", maxAnswerBytes)+`"}`)
	})
	_, err := c.List(context.Background(), contact.ListQuery{})
	if apiError(t, err, contact.Permanent); !errors.Is(err, contact.ErrTooLarge) {
		t.Error(err)
	}
}

func TestTotal(t *testing.T) {
	for total, want := range map[string]int{
		`,"total":17`: 17, `,"total":0`: 0, `,"total":"17"`: 17, ``: -1, `,"total":null`: -1, `,"total":-3`: -1, `,"total":1.5`: -1, `,"total":{}`: -1,
	} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, `{"items":[]`+total+`}`) })
		page, err := c.List(context.Background(), contact.ListQuery{})
		if err != nil || page.Total != want {
			t.Errorf("%q: %d, %v; want %d", total, page.Total, err, want)
		}
	}
}
