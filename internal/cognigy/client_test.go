package cognigy

import (
	"bufio"
	"bytes"
	"compress/gzip"
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
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"importer/importer/contact"
)

const testProject = "65f0000000000000000000aa"

var ada = contact.Profile{
	ContactIDs: []string{"ada@example.com"},
	Fields:     []contact.Field{{Name: "firstname", Value: contact.StringValue("Ada")}},
}

// anyAnswer is a success in the form of every operation.
const anyAnswer = `{"_id":"` + profileID + `","contactIds":["ada@example.com"],"profile":{},"items":[],"total":0,"schema":{}}`

// httpAnswer is an answer as it stands on the wire.
func httpAnswer(status int, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
}

// newClient returns a client of the server at base.
func newClient(t *testing.T, base string) *Client {
	t.Helper()
	c, err := New(Options{BaseURL: base, APIKey: testKey, ProjectID: testProject, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
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

func apiError(t *testing.T, err error, class contact.Class) *contact.APIError {
	t.Helper()
	var e *contact.APIError
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want an APIError", err)
	}
	if e.Class != class {
		t.Fatalf("class %v, want %v: %v", e.Class, class, err)
	}
	assertNoKey(t, err)
	return e
}

func apiClass(err error) contact.Class {
	if e := new(contact.APIError); errors.As(err, &e) {
		return e.Class
	}
	return 99
}

func TestBrokenConnections(t *testing.T) {
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
		"half an error":          {func(c net.Conn) { io.WriteString(c, cut(httpAnswer(500, `{"detail":"oops"}`))) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			base, accepted := rawServer(t, func(_ int, c net.Conn) {
				if tt.read {
					readRequest(bufio.NewReader(c))
				}
				tt.conn(c)
			})
			_, err := newClient(t, base).Create(context.Background(), ada)
			if class := apiClass(err); class != contact.Ambiguous && (tt.read || class != contact.Transient) {
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
			io.WriteString(c, cut(httpAnswer(201, anyAnswer)))
		})
		result, err := newClient(t, base).Create(context.Background(), ada)
		if e := apiError(t, err, contact.Ambiguous); result.ID != "" || e.Author != contact.NoAnswer || e.HTTP != 201 {
			t.Errorf("%+v, %v from %v: what broke off is no word", result, err, e.Author)
		}
	})
	t.Run("half a page", func(t *testing.T) {
		base, _ := rawServer(t, func(_ int, c net.Conn) {
			readRequest(bufio.NewReader(c))
			io.WriteString(c, cut(httpAnswer(200, `{"items":[],"total":0}`)))
		})
		_, err := newClient(t, base).List(context.Background(), contact.ListQuery{})
		apiError(t, err, contact.Transient)
	})
}

// net/http repeats requests of its own accord in some cases. Once a request was
// written it must not, on a connection used before neither: it would repeat a GET
// then.
func TestNeverSendsTwice(t *testing.T) {
	for name, call := range map[string]func(c *Client) error{
		"create": func(c *Client) error { _, err := c.Create(context.Background(), ada); return err },
		"list":   func(c *Client) error { _, err := c.List(context.Background(), contact.ListQuery{}); return err },
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
						io.WriteString(c, httpAnswer(200, anyAnswer))
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
		io.WriteString(c, httpAnswer(201, anyAnswer))
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
		apiError(t, err, contact.Ambiguous)
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
	if e := apiError(t, err, contact.Transient); !strings.Contains(e.Detail, "nobody listens") {
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
	_, err := c.Create(context.Background(), ada)
	e := apiError(t, err, contact.Ambiguous)
	if e.Detail != "no answer within 50ms" || !strings.Contains(e.Hint, "--timeout") || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, hint %q", err, e.Hint)
	}

	c.timeout = time.Minute
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err = c.Create(ctx, ada)
	apiError(t, err, contact.Ambiguous)

	// A request that is cancelled before it begins is certainly not sent.
	_, err = c.Create(ctx, ada)
	apiError(t, err, contact.Transient)

	// A handshake that gets no answer: nothing of the request was sent.
	c = newClient(t, strings.Replace(base, "http:", "https:", 1))
	c.timeout = 50 * time.Millisecond
	_, err = c.Create(context.Background(), ada)
	apiError(t, err, contact.Transient)
}

func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"_id":"%s","contactIds":["%d"]}`, profileID, r.ProtoMajor)
	}))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	_, err := newClient(t, s.URL).Create(context.Background(), ada)
	if e := apiError(t, err, contact.Transient); !strings.Contains(e.Hint, "certificate") || !e.Hopeless {
		t.Error(e.Hopeless, e.Hint)
	}

	c := newClient(t, s.URL)
	c.transport.http.TLSClientConfig.RootCAs = s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	result, err := c.Create(context.Background(), ada)
	if err != nil || result.ContactIDs[0] != "1" {
		t.Errorf("%+v, %v; want HTTP/1", result, err)
	}

	c = newClient(t, s.URL)
	c.transport.http.TLSClientConfig.RootCAs = x509.NewCertPool()
	_, err = c.Create(context.Background(), ada)
	if e := apiError(t, err, contact.Transient); !e.Hopeless {
		t.Error(e)
	}

	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	_, err = newClient(t, strings.Replace(plain.URL, "http:", "https:", 1)).Create(context.Background(), ada)
	if e := apiError(t, err, contact.Transient); !strings.Contains(e.Hint, "scheme") || !e.Hopeless {
		t.Error(e.Hopeless, e.Hint)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	var requests atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	t.Cleanup(other.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, status) })
		_, err := c.Create(context.Background(), ada)
		if e := apiError(t, err, contact.Ambiguous); !strings.Contains(e.Detail, "redirects to 127.0.0.1,") || e.HTTP != status || e.Author != contact.Way {
			t.Error(e.Author, e)
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
	c.transport = newTransport(http.Header{"X-Api-Key": {testKey}}, Trust{}, 1, func(r *http.Request) (*url.URL, error) { return r.URL.Parse(proxy.URL) }, false)
	_, err := c.Create(context.Background(), ada)
	if e := apiError(t, err, contact.Transient); !strings.Contains(e.Hint, "$HTTPS_PROXY") || !e.Hopeless {
		t.Error(e.Hopeless, e.Hint)
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
		c.List(context.Background(), contact.ListQuery{})
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

// An answer that was compressed on the way, without being asked for, is read; no more
// of it than of any other.
func TestCompressedAnswer(t *testing.T) {
	zip := func(body string) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		io.WriteString(z, body)
		z.Close()
		return b.Bytes()
	}
	var encoding string
	var body []byte
	status := 200
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "" {
			t.Error("compression was asked for")
		}
		w.Header().Set("Content-Encoding", encoding)
		w.WriteHeader(status)
		w.Write(body)
	})
	ctx := context.Background()
	for _, encoding = range []string{"gzip", "x-gzip", "GZIP"} {
		body = zip(anyAnswer)
		if result, err := c.Create(ctx, ada); err != nil || result.ID != profileID {
			t.Errorf("%s: %+v, %v", encoding, result, err)
		}
	}
	if body = nil; c.Delete(ctx, profileID) != nil {
		t.Error("nothing, compressed")
	}
	body = zip(anyAnswer)[:40]
	_, err := c.Create(ctx, ada)
	apiError(t, err, contact.Ambiguous)
	body = zip(strings.Repeat(" ", 2*maxAnswerBytes) + anyAnswer)
	_, err = c.List(ctx, contact.ListQuery{})
	if apiError(t, err, contact.Permanent); !errors.Is(err, contact.ErrTooLarge) {
		t.Error(err)
	}
	body, encoding = []byte("\x1b\x03\x00\xf8\x45"), "br"
	_, err = c.List(ctx, contact.ListQuery{})
	if e := apiError(t, err, contact.Transient); e.Author != contact.Way {
		t.Error(e)
	}
	status, encoding, body = 404, "gzip", zip(`{"code":1002,"title":"Not Found","detail":"no such profile"}`)
	_, err = c.Get(ctx, profileID)
	if e := apiError(t, err, contact.Permanent); e.Detail != "no such profile" {
		t.Error(e)
	}
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
		_, err = c.List(context.Background(), contact.ListQuery{Filter: "x"})
		assertNoKey(t, err)
		if s := fmt.Sprintf("%v %+v", c, *c.profiles); strings.Contains(s, testKey) {
			t.Error("the key is in the client as it prints")
		}
	}
}

func TestOnAnswer(t *testing.T) {
	status := 201
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
	})
	var got []Answer
	c, err := New(Options{BaseURL: "http://" + s.profiles.Host, APIKey: testKey, ProjectID: testProject, OnAnswer: func(a Answer) {
		if a.Duration <= 0 || a.Duration > time.Minute {
			t.Errorf("duration %v", a.Duration)
		}
		a.Duration = 0
		got = append(got, a)
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := context.Background()
	c.Create(ctx, ada)
	status = 500
	c.Delete(ctx, profileID)
	c.Delete(ctx, "no id") // not sent
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	c.GetSchema(cancelled)
	want := []Answer{{Operation: "create", Status: 201}, {Operation: "delete", Status: 500}, {Operation: "get_schema"}}
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %+v, want %+v", got[i], want[i])
		}
	}
}
