package cognigy

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"importer/importer"
)

const testProject = "65f0000000000000000000aa"

var ada = importer.Profile{
	ContactIDs: []string{"ada@example.com"},
	Fields:     []importer.Field{{Name: "firstname", Value: importer.StringValue("Ada")}},
}

// newClient returns a client of the server at base.
func newClient(t *testing.T, base string) *Client {
	t.Helper()
	c, err := New(Options{BaseURL: base, APIKey: testKey, ProjectID: testProject, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if overNetHTTP {
		c.transport = newProxied(http.Header{"Accept": {"application/json"}, "X-Api-Key": {testKey}}, DefaultMaxConns, func(*http.Request) (*url.URL, error) { return nil, nil })
	}
	return c
}

// serve starts a server and returns a client of it.
func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return newClient(t, s.URL)
}

// rawServer answers each connection by hand: conn is called for every one that
// is accepted, from 0.
func rawServer(t *testing.T, conn func(n int, c net.Conn)) (base string, accepted *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted = new(atomic.Int64)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n := int(accepted.Add(1)) - 1
			wg.Go(func() {
				defer c.Close()
				conn(n, c)
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return "http://" + l.Addr().String(), accepted
}

// readRequest reads one whole request.
func readRequest(r *bufio.Reader) (*http.Request, string, error) {
	req, err := http.ReadRequest(r)
	if err != nil {
		return nil, "", err
	}
	body, err := io.ReadAll(req.Body)
	return req, string(body), err
}

func apiError(t *testing.T, err error, class importer.Class) *importer.APIError {
	t.Helper()
	var e *importer.APIError
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want an APIError", err)
	}
	if e.Class != class {
		t.Fatalf("class %v, want %v: %v", e.Class, class, err)
	}
	assertNoKey(t, err)
	return e
}

func apiClass(err error) importer.Class {
	if e := new(importer.APIError); errors.As(err, &e) {
		return e.Class
	}
	return 99
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
	for want, q := range map[string]importer.ListQuery{
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
	want := importer.Found{
		ID: "65f1000000000000000000bb", ContactIDs: []string{"a", "b"}, LastChanged: time.Unix(1700000000, 0).UTC(),
		Fields: []importer.Field{{Name: "age", Value: []byte(`4e1`)}, {Name: "firstname", Value: []byte(`"A` + "\ufffd" + ` é"`)},
			{Name: "lastname", Value: []byte(`"L"`)}, {Name: "privacy_policy", Value: []byte(`{"b":1,"a":[]}`)}},
	}
	for body, next := range map[string]string{
		`{"items":[` + item + `],"total":17,"nextCursor":"n1","previousCursor":null}`: "n1",
		`{"items":[` + item + `],"total":17,"next":"n2","previous":null}`:             "n2",
		`{"items":[` + item + `],"total":17,"nextCursor":null,"next":null}`:           "",
	} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, body) })
		page, err := c.List(context.Background(), importer.ListQuery{})
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
	for body, class := range map[string]importer.Class{
		``:                                     importer.Transient,
		`{"items":[`:                           importer.Transient,
		`{}`:                                   importer.Permanent,
		`[]`:                                   importer.Permanent,
		`null`:                                 importer.Fatal,
		`{"items":null}`:                       importer.Permanent,
		`{"items":{}}`:                         importer.Permanent,
		`{"items":[{"contactIds":["a"]}]}`:     importer.Permanent,
		`{"items":[{"_id":"x","profile":[]}]}`: importer.Permanent,
		`{"_embedded":{"profiles":[]},"total":0}`:                        importer.Permanent,
		`<!DOCTYPE html><title>Cognigy.AI</title>`:                       importer.Fatal,
		`{"items":[],"x":"` + strings.Repeat("x", maxAnswerBytes) + `"}`: importer.Permanent,
	} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, body) })
		_, err := c.List(context.Background(), importer.ListQuery{})
		if e := apiError(t, err, class); e.Detail == "" {
			t.Errorf("%.40s: no detail", body)
		}
	}
}

func TestBrokenConnections(t *testing.T) {
	answer := func(status int, body string) string {
		return fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
	}
	cut := func(s string) string { return s[:len(s)-5] }
	for name, tt := range map[string]struct {
		conn func(c net.Conn)
		read bool // the request is read first
	}{
		"dropped before reading": {func(c net.Conn) {}, false},
		"dropped after reading":  {func(c net.Conn) {}, true},
		"reset after reading":    {func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }, true},
		"half a status line":     {func(c net.Conn) { io.WriteString(c, "HTTP/1.1 20") }, true},
		"half the headers":       {func(c net.Conn) { io.WriteString(c, "HTTP/1.1 201 Created\r\nContent-Le") }, true},
		"not HTTP":               {func(c net.Conn) { io.WriteString(c, "X-API-Key: "+testKey+"\r\n\r\n") }, true},
		"half an error":          {func(c net.Conn) { io.WriteString(c, cut(answer(500, `{"detail":"oops"}`))) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			base, accepted := rawServer(t, func(_ int, c net.Conn) {
				if tt.read {
					readRequest(bufio.NewReader(c))
				}
				tt.conn(c)
			})
			_, err := newClient(t, base).Create(context.Background(), ada)
			if class := apiClass(err); class != importer.Ambiguous && (tt.read || class != importer.Transient) {
				t.Errorf("class %v: %v", class, err)
			}
			assertNoKey(t, err)
			if n := accepted.Load(); n != 1 {
				t.Errorf("%d connections, want 1", n)
			}
		})
	}
	t.Run("half a success", func(t *testing.T) {
		base, _ := rawServer(t, func(_ int, c net.Conn) {
			readRequest(bufio.NewReader(c))
			io.WriteString(c, cut(answer(201, `{"_id":"65f1","profile":{}}`)))
		})
		result, err := newClient(t, base).Create(context.Background(), ada)
		if err != nil || result.ID != "65f1" {
			t.Errorf("%+v, %v: the create succeeded, and its id was there", result, err)
		}
	})
	t.Run("half a page", func(t *testing.T) {
		base, _ := rawServer(t, func(_ int, c net.Conn) {
			readRequest(bufio.NewReader(c))
			io.WriteString(c, cut(answer(200, `{"items":[],"total":0}`)))
		})
		_, err := newClient(t, base).List(context.Background(), importer.ListQuery{})
		apiError(t, err, importer.Transient)
	})
}

// The transport repeats requests of its own accord in some cases. Once a request
// was written it must not, on a connection used before neither: net/http would
// repeat a GET then.
func TestNeverSendsTwice(t *testing.T) {
	for name, call := range map[string]func(c *Client) error{
		"create": func(c *Client) error { _, err := c.Create(context.Background(), ada); return err },
		"list":   func(c *Client) error { _, err := c.List(context.Background(), importer.ListQuery{}); return err },
	} {
		for _, end := range []string{"closed", "reset"} {
			t.Run(name+" "+end, func(t *testing.T) {
				var requests atomic.Int64
				base, accepted := rawServer(t, func(_ int, c net.Conn) {
					r := bufio.NewReader(c)
					for n := 0; ; n++ {
						if _, _, err := readRequest(r); err != nil {
							return
						}
						requests.Add(1)
						if n == 1 {
							if end == "reset" {
								c.(*net.TCPConn).SetLinger(0)
							}
							return
						}
						io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n"+`{"items":[]}`)
					}
				})
				c := newClient(t, base)
				if err := call(c); err != nil {
					t.Fatal(err)
				}
				if err := call(c); err == nil {
					t.Fatal("no error though the connection was closed")
				}
				if requests.Load() != 2 || accepted.Load() != 1 {
					t.Errorf("%d requests on %d connections, want 2 on 1", requests.Load(), accepted.Load())
				}
			})
		}
	}
}

// A connection that the server closed while it was idle costs no request.
func TestClosedWhileIdle(t *testing.T) {
	closed := make(chan struct{})
	var requests atomic.Int64
	base, accepted := rawServer(t, func(n int, c net.Conn) {
		if _, _, err := readRequest(bufio.NewReader(c)); err != nil {
			return
		}
		requests.Add(1)
		io.WriteString(c, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
		if n == 0 {
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
			close(closed)
		}
	})
	c := newClient(t, base)
	if _, err := c.Create(context.Background(), ada); err != nil {
		t.Fatal(err)
	}
	<-closed
	if _, err := c.Create(context.Background(), ada); err != nil {
		// The reset may be noticed after the request was written: then the row is
		// in doubt, and that must be said.
		apiError(t, err, importer.Ambiguous)
		return
	}
	if requests.Load() != 2 || accepted.Load() != 2 {
		t.Errorf("%d requests on %d connections, want 2 on 2", requests.Load(), accepted.Load())
	}
}

func TestNothingListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + l.Addr().String()
	l.Close()
	_, err = newClient(t, base).Create(context.Background(), ada)
	if e := apiError(t, err, importer.Transient); !strings.Contains(e.Detail, "nobody listens") {
		t.Error(e.Detail)
	}
}

func TestTimeouts(t *testing.T) {
	release := make(chan struct{})
	base, _ := rawServer(t, func(_ int, c net.Conn) {
		readRequest(bufio.NewReader(c))
		<-release
	})
	t.Cleanup(func() { close(release) })
	c := newClient(t, base)
	c.timeout = 50 * time.Millisecond
	c.timedOut = &timeoutError{c.timeout}
	_, err := c.Create(context.Background(), ada)
	e := apiError(t, err, importer.Ambiguous)
	if e.Detail != "no answer within 50ms" || !strings.Contains(e.Hint, "--timeout") || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, hint %q", err, e.Hint)
	}

	c.timeout = time.Minute
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err = c.Create(ctx, ada)
	apiError(t, err, importer.Ambiguous)

	// A request that is cancelled before it begins is certainly not sent.
	_, err = c.Create(ctx, ada)
	apiError(t, err, importer.Transient)

	// A handshake that gets no answer: nothing of the request was sent.
	c = newClient(t, strings.Replace(base, "http:", "https:", 1))
	c.timeout = 50 * time.Millisecond
	_, err = c.Create(context.Background(), ada)
	apiError(t, err, importer.Transient)
}

func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"_id":"%d"}`, r.ProtoMajor)
	}))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	_, err := newClient(t, s.URL).Create(context.Background(), ada)
	if e := apiError(t, err, importer.Fatal); !strings.Contains(e.Hint, "certificate") {
		t.Error(e.Hint)
	}

	c := newClient(t, s.URL)
	c.transport.(*direct).tls.RootCAs = s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	result, err := c.Create(context.Background(), ada)
	if err != nil || result.ID != "1" {
		t.Errorf("%+v, %v; want HTTP/1", result, err)
	}

	c = newClient(t, s.URL)
	c.transport.(*direct).tls.RootCAs = x509.NewCertPool()
	_, err = c.Create(context.Background(), ada)
	apiError(t, err, importer.Fatal)

	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	_, err = newClient(t, strings.Replace(plain.URL, "http:", "https:", 1)).Create(context.Background(), ada)
	if e := apiError(t, err, importer.Fatal); !strings.Contains(e.Hint, "scheme") {
		t.Error(e.Hint)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	var requests atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	t.Cleanup(other.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, status) })
		_, err := c.Create(context.Background(), ada)
		if e := apiError(t, err, importer.Fatal); !strings.Contains(e.Detail, "redirects to 127.0.0.1,") || e.HTTP != status {
			t.Error(e)
		}
	}
	if requests.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

func TestProxyFromEnvironment(t *testing.T) {
	c := newClient(t, "https://api.example.com")
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Header.Get("X-Api-Key") != "" {
			t.Errorf("%s with headers %v: the proxy must see a CONNECT without the key", r.Method, r.Header)
		}
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	t.Cleanup(proxy.Close)
	c.transport = newTransport(c.profiles, http.Header{"X-Api-Key": {testKey}}, 1, func(r *http.Request) (*url.URL, error) { return r.URL.Parse(proxy.URL) })
	_, err := c.Create(context.Background(), ada)
	if e := apiError(t, err, importer.Fatal); !strings.Contains(e.Hint, "$HTTPS_PROXY") {
		t.Error(e.Hint)
	}
}

// Answers of every kind leave the connection usable.
func TestConnectionsAreReused(t *testing.T) {
	page := `{"items":[]}`
	answers := []struct {
		status int
		body   string
	}{
		{201, `{"_id":"x"}`}, {204, ""}, {500, ""}, {429, `{"detail":"slow"}`}, {200, page},
		{400, `{"detail":"` + strings.Repeat("x", maxProblemBytes+1000) + `"}`}, {502, "<html>"}, {302, "moved"},
		{413, "no"}, {200, `{"x":"` + strings.Repeat("x", maxAnswerBytes+1000) + `"}`},
	}
	var n atomic.Int64
	var conns atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		i := int(n.Add(1) - 1)
		if i >= len(answers) {
			i %= len(answers) - 1 // the huge answer once
		}
		a := answers[i]
		w.WriteHeader(a.status)
		io.WriteString(w, a.body)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	c := newClient(t, s.URL)
	for range 2 * len(answers) {
		c.Create(context.Background(), ada)
		c.List(context.Background(), importer.ListQuery{})
	}
	if got := n.Load(); got != int64(4*len(answers)) {
		t.Errorf("%d requests for %d calls", got, 4*len(answers))
	}
	if conns.Load() != 1 {
		t.Errorf("%d connections for requests one after the other, want 1", conns.Load())
	}

	var wg sync.WaitGroup
	before := n.Load()
	for range 8 {
		wg.Go(func() {
			for range 50 {
				c.Create(context.Background(), ada)
			}
		})
	}
	wg.Wait()
	if got := n.Load() - before; got != 400 {
		t.Errorf("%d requests for 400 calls", got)
	}
	// A dial that was overtaken by a free connection is kept for later, so that
	// there may be a few more than requests at once.
	if conns.Load() > 24 {
		t.Errorf("%d connections for 8 workers", conns.Load())
	}
}

func TestCompressedAnswer(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "" {
			t.Error("compression was asked for")
		}
		w.Header().Set("Content-Encoding", "gzip")
		io.WriteString(w, "\x1f\x8b\x08\x00\x00")
	})
	if result, err := c.Create(context.Background(), ada); err != nil || result.ID != "" {
		t.Errorf("%+v, %v", result, err)
	}
	_, err := c.List(context.Background(), importer.ListQuery{})
	apiError(t, err, importer.Fatal)
}

func TestKeyIsNowhere(t *testing.T) {
	for _, status := range []int{301, 400, 401, 403, 404, 409, 429, 500, 503} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.String(), testKey) {
				t.Error("the key is in the URL")
			}
			key := r.Header.Get("X-API-Key")
			w.Header().Set("Location", "https://"+key+".example/?"+key)
			w.Header().Set("Retry-After", key)
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"detail":"no: %[1]s","traceId":"%[1]s","title":"%[1]s","details":{"field":"%[1]s"}}`, key)
		})
		_, err := c.Create(context.Background(), ada)
		assertNoKey(t, err)
		_, err = c.List(context.Background(), importer.ListQuery{Filter: "x"})
		assertNoKey(t, err)
		if s := fmt.Sprintf("%v %+v", c, *c.profiles); strings.Contains(s, testKey) {
			t.Error("the key is in the client as it prints")
		}
	}
}

func TestClockSkew(t *testing.T) {
	date := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	ahead := 3 * time.Hour
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Date", date(ahead)) })
	if _, ok := c.ClockSkew(); ok {
		t.Error("known before any answer")
	}
	if _, err := c.Create(context.Background(), ada); err != nil {
		t.Fatal(err)
	}
	got, ok := c.ClockSkew()
	if d := got - ahead; !ok || d < -time.Second || d > time.Second {
		t.Errorf("skew %v, %v; want %v within a second", got, ok, ahead)
	}
}

func TestSkewNarrows(t *testing.T) {
	var s skew
	start := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	const skewed = 1700 * time.Millisecond
	learn := func(after time.Duration, ahead time.Duration) {
		began := start.Add(after)
		at := began.Add(20 * time.Millisecond).Add(ahead)
		s.learn(at.Truncate(time.Second).Format(http.TimeFormat), began, began.Add(40*time.Millisecond))
	}
	for i := range 20 {
		learn(time.Duration(i)*1130*time.Millisecond, skewed)
	}
	if got, _ := s.estimate(); (got - skewed).Abs() > 200*time.Millisecond {
		t.Errorf("skew %v, want about %v", got, skewed)
	}
	learn(time.Minute, -time.Hour) // somebody set the clock
	if got, _ := s.estimate(); (got + time.Hour).Abs() > time.Second {
		t.Errorf("skew %v, want about -1h", got)
	}
	s.learn("yesterday", start.Add(2*time.Minute), start.Add(2*time.Minute))
	s.learn("", start.Add(3*time.Minute), start.Add(3*time.Minute))
	if got, ok := s.estimate(); !ok || (got+time.Hour).Abs() > time.Second {
		t.Errorf("skew %v, %v after garbage", got, ok)
	}
}
