package cognigy

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"importer/importer/contact"
)

// A proxied request reaches the API through the proxy, and no other way.
func TestThroughProxy(t *testing.T) {
	var seen atomic.Value
	proxy, _ := rawServer(t, func(_ int, c net.Conn) {
		req, _, err := readRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		seen.Store(req.RequestURI)
		io.WriteString(c, httpAnswer(201, anyAnswer))
	})
	c, err := New(Options{BaseURL: "http://api.example", APIKey: testKey, ProjectID: testProject, InsecureHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	c.transport = newTransport(http.Header{}, Trust{}, 1, func(*http.Request) (*url.URL, error) { return url.Parse(proxy) }, false)
	t.Cleanup(c.Close)
	if result, err := c.Create(context.Background(), ada); err != nil || result.ID != profileID {
		t.Fatalf("%+v, %v", result, err)
	}
	if got := seen.Load(); got != "http://api.example/new/v2.0/profiles" {
		t.Errorf("the proxy was asked for %v", got)
	}
}

// Over TLS a proxy sees where the connection goes, and nothing of the request.
func TestThroughProxyOverTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, anyAnswer)
	}))
	t.Cleanup(s.Close)
	var passed bytes.Buffer
	ended := make(chan struct{})
	once := sync.OnceFunc(func() { close(ended) })
	proxy, accepted := rawServer(t, func(_ int, c net.Conn) {
		defer once()
		r := bufio.NewReader(c)
		req, _, err := readRequest(r)
		if err != nil || req.Method != http.MethodConnect || req.Host != "api.example:443" || req.Header.Get("X-Api-Key") != "" {
			t.Errorf("%+v, %v", req, err)
			return
		}
		api, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		defer api.Close()
		io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		go io.Copy(c, api) // until either is closed
		io.Copy(io.MultiWriter(api, &passed), r)
	})
	c, err := New(Options{BaseURL: "https://api.example", APIKey: testKey, ProjectID: testProject})
	if err != nil {
		t.Fatal(err)
	}
	trust := s.Client().Transport.(*http.Transport).TLSClientConfig
	c.transport = newTransport(c.transport.header, Trust{Roots: trust.RootCAs}, 1, func(*http.Request) (*url.URL, error) { return url.Parse(proxy) }, false)
	c.transport.http.TLSClientConfig.ServerName = "example.com" // of the test's certificate
	for range 2 {
		if result, err := c.Create(context.Background(), ada); err != nil || result.ID != profileID {
			t.Fatalf("%+v, %v", result, err)
		}
	}
	c.Close()
	<-ended
	if accepted.Load() != 1 || passed.Len() == 0 || bytes.Contains(passed.Bytes(), []byte(testKey)) {
		t.Errorf("%d connections, %d bytes", accepted.Load(), passed.Len())
	}
}

// What a server sends behind an answer is never taken for the answer to the next
// request: the id of one contact would be written down as that of another.
func TestAnswerThatNobodyAskedFor(t *testing.T) {
	log.SetOutput(io.Discard) // net/http tells of each
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	base, _ := rawServer(t, func(_ int, c net.Conn) {
		r := bufio.NewReader(c)
		for {
			if _, _, err := readRequest(r); err != nil {
				return
			}
			io.WriteString(c, httpAnswer(201, anyAnswer)+httpAnswer(201, strings.Replace(anyAnswer, profileID, "65f1000000000000000fa4e0", 1)))
		}
	})
	c := newClient(t, base)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				if result, err := c.Create(context.Background(), ada); err != nil || result.ID != profileID {
					t.Errorf("%+v, %v", result, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// The head of an answer in every form that HTTP/1 allows, and some it does not.
func TestHeads(t *testing.T) {
	body := anyAnswer
	whole := httpAnswer(201, body)
	length := fmt.Sprintf("Content-Length: %d\r\n", len(body))
	for name, tt := range map[string]struct {
		answer string
		conns  int64 // for two requests
		doubt  bool
	}{
		"length":             {whole, 1, false},
		"bare LF":            {strings.ReplaceAll(whole, "\r\n", "\n"), 1, false},
		"interim":            {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + whole, 1, false},
		"chunked":            {"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n" + body[:5] + fmt.Sprintf("\r\n%x\r\n", len(body)-5) + body[5:] + "\r\n0\r\nTrailer: x\r\n\r\n", 1, false},
		"close":              {"HTTP/1.1 201 Created\r\nConnection: close\r\n" + length + "\r\n" + body, 2, false},
		"HTTP/1.0":           {"HTTP/1.0 201 Created\r\n" + length + "\r\n" + body, 2, false},
		"more than asked":    {whole + whole, 2, false},
		"204":                {"HTTP/1.1 204 No Content\r\n\r\n", 1, true},
		"101":                {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", 2, true},
		"endless interim":    {strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", maxInterim), 2, true},
		"large head":         {"HTTP/1.1 201 Created\r\nX: " + strings.Repeat("x", maxHeadBytes/2) + "\r\n" + length + "\r\n" + body, 1, false},
		"too large a head":   {"HTTP/1.1 201 Created\r\nX: " + strings.Repeat("x", maxHeadBytes+8<<10) + "\r\n" + length + "\r\n" + body, 2, true},
		"two lengths":        {"HTTP/1.1 201 Created\r\n" + length + "Content-Length: 13\r\n\r\n" + body, 2, true},
		"a negative length":  {"HTTP/1.1 201 Created\r\nContent-Length: -1\r\n\r\n", 2, true},
		"a malformed header": {"HTTP/1.1 201 Created\r\nX\r\n\r\n", 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			base, accepted := rawServer(t, func(_ int, c net.Conn) {
				r := bufio.NewReader(c)
				for {
					if _, _, err := readRequest(r); err != nil {
						return
					}
					io.WriteString(c, tt.answer)
				}
			})
			c := newClient(t, base)
			for range 2 {
				result, err := c.Create(context.Background(), ada)
				if tt.doubt {
					apiError(t, err, contact.Ambiguous)
					if errors.Is(err, context.DeadlineExceeded) {
						t.Error("it took the whole timeout")
					}
				} else if err != nil || result.ID != profileID {
					t.Fatalf("%+v, %v", result, err)
				}
			}
			if accepted.Load() != tt.conns {
				t.Errorf("%d connections, want %d", accepted.Load(), tt.conns)
			}
			c.Close()
		})
	}
}

// below makes the connections of a client go through wrap, below the account of
// what was written.
func below(c *Client, wrap func(net.Conn) net.Conn) {
	c.transport.http.DialContext = wired(func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return wrap(conn), nil
	})
}

// A closeConn tells when it is closed.
type closeConn struct {
	net.Conn
	closed func()
}

func (c closeConn) Close() error {
	err := c.Conn.Close()
	c.closed()
	return err
}

// A connection that the server has closed while it was idle is not written to.
func TestIdleConnectionIsLookedAt(t *testing.T) {
	for _, end := range []string{"closed", "reset", "speaks"} {
		t.Run(end, func(t *testing.T) {
			var requests atomic.Int64
			base, accepted := rawServer(t, func(n int, c net.Conn) {
				r := bufio.NewReader(c)
				for {
					if _, _, err := readRequest(r); err != nil {
						return
					}
					requests.Add(1)
					io.WriteString(c, httpAnswer(201, anyAnswer))
					if n > 0 {
						continue
					}
					switch end {
					case "reset":
						c.(*net.TCPConn).SetLinger(0)
						c.Close()
					case "closed":
						c.(*net.TCPConn).CloseWrite()
					case "speaks":
						io.WriteString(c, "HTTP/1.1 408 Request Timeout\r\n\r\n")
					}
				}
			})
			c := newClient(t, base)
			ended := make(chan struct{})
			once := sync.OnceFunc(func() { close(ended) })
			below(c, func(c net.Conn) net.Conn { return closeConn{c, once} })
			if _, err := c.Create(context.Background(), ada); err != nil {
				t.Fatal(err)
			}
			<-ended // without being asked for anything
			if _, err := c.Create(context.Background(), ada); err != nil {
				t.Fatal(err)
			}
			if requests.Load() != 2 || accepted.Load() != 2 {
				t.Errorf("%d requests on %d connections, want 2 on 2", requests.Load(), accepted.Load())
			}
		})
	}
}

// A failingConn takes so many bytes of the first request after it was armed, and
// then no more. Where it hangs, it fails only when it is closed.
type failingConn struct {
	net.Conn
	fail    *atomic.Bool
	takes   int
	broken  atomic.Bool
	hangs   chan struct{} // closed by Close; nil: it does not hang
	hanging func()        // told when it has taken what it takes, and hangs
	close   sync.Once
}

func (c *failingConn) Write(b []byte) (int, error) {
	const applicationData = 23 // of a TLS 1.2 record; no request begins with it
	switch {
	case c.broken.Load():
		return 0, syscall.EPIPE
	case !c.fail.Load() || b[0] >= 20 && b[0] < applicationData:
		return c.Conn.Write(b)
	}
	c.broken.Store(true)
	n, err := c.Conn.Write(b[:c.takes])
	if c.hangs != nil {
		c.hanging()
		<-c.hangs
	}
	return n, errors.Join(syscall.EPIPE, err)
}

func (c *failingConn) Close() error {
	if c.hangs != nil {
		c.close.Do(func() { close(c.hangs) })
	}
	return c.Conn.Close()
}

// A request is unsent if and only if the network took no byte of it. An unsent
// one goes over another connection where its own was used before. Over TLS, a
// part of a record is a part of the request, though no byte of the request itself
// counts as written. A request that hangs is given up while it does, and not before its
// connection is there: then it is unsent, whatever the network takes.
func TestWhatMayHaveLeft(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		for _, used := range []bool{false, true} {
			for _, hangs := range []bool{false, true} {
				for _, takes := range []int{0, 1, 30} {
					t.Run(fmt.Sprintf("%s used=%v hangs=%v takes=%d", scheme, used, hangs, takes), func(t *testing.T) {
						testWhatMayHaveLeft(t, scheme, used, hangs, takes)
					})
				}
			}
		}
	}
}

func testWhatMayHaveLeft(t *testing.T, scheme string, used, hangs bool, takes int) {
	var requests atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		io.WriteString(w, anyAnswer)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{MaxVersion: tls.VersionTLS12}
	if scheme == "https" {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	for name, call := range map[string]func(*Client, context.Context) error{
		"create": func(c *Client, ctx context.Context) error { _, err := c.Create(ctx, ada); return err },
		"delete": func(c *Client, ctx context.Context) error { return c.Delete(ctx, profileID) },
		"list":   func(c *Client, ctx context.Context) error { _, err := c.List(ctx, contact.ListQuery{}); return err },
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, s.URL)
			if scheme == "https" {
				c.transport.http.TLSClientConfig.RootCAs = s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
			}
			var fail atomic.Bool
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			first := true
			below(c, func(conn net.Conn) net.Conn {
				if !first {
					return conn
				}
				first = false
				broken := &failingConn{Conn: conn, fail: &fail, takes: takes}
				if hangs {
					broken.hangs, broken.hanging = make(chan struct{}), cancel
				}
				return broken
			})
			if used {
				if err := call(c, context.Background()); err != nil {
					t.Fatal(err)
				}
			}
			requests.Store(0)
			fail.Store(true)
			err := call(c, ctx)
			switch {
			case takes == 0 && used && !hangs:
				if err != nil || requests.Load() != 1 {
					t.Fatalf("%v after %d requests, want it sent over another connection", err, requests.Load())
				}
			case takes == 0 || name == "list": // a read is never in doubt
				apiError(t, err, contact.Transient)
			default:
				apiError(t, err, contact.Ambiguous)
			}
			if err != nil && requests.Load() != 0 {
				t.Errorf("%d requests arrived", requests.Load())
			}
		})
	}
}

// Of a connection that is not counted the worst is assumed.
func TestUncountedConnection(t *testing.T) {
	base, _ := rawServer(t, func(int, net.Conn) {})
	c := newClient(t, base)
	c.transport.http.DialContext = new(net.Dialer).DialContext
	_, err := c.Create(context.Background(), ada)
	apiError(t, err, contact.Ambiguous)
}

// Connections that are not used end by themselves, before a server closes them.
func TestIdleConnectionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, "http://127.0.0.1")
		var open atomic.Int64
		c.transport.http.DialContext = wired(func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			open.Add(1)
			go func() {
				defer server.Close()
				for r := bufio.NewReader(server); ; {
					if _, _, err := readRequest(r); err != nil {
						return
					}
					io.WriteString(server, httpAnswer(201, anyAnswer))
				}
			}()
			return closeConn{client, func() { open.Add(-1) }}, nil
		})
		create := func() {
			t.Helper()
			if _, err := c.Create(context.Background(), ada); err != nil {
				t.Fatal(err)
			}
		}
		create()
		time.Sleep(idleTimeout - 1)
		if synctest.Wait(); open.Load() != 1 {
			t.Error("closed too early")
		}
		time.Sleep(time.Nanosecond)
		if synctest.Wait(); open.Load() != 0 {
			t.Errorf("still open after %v", idleTimeout)
		}
		create()
		c.Close()
		if synctest.Wait(); open.Load() != 0 {
			t.Error("still open after Close")
		}
	})
}

// A cancelled context ends a request at every stage, and the connection with it.
func TestCancelled(t *testing.T) {
	for name, head := range map[string]string{"before the head": "", "within the body": "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			base, accepted := rawServer(t, func(n int, c net.Conn) {
				r := bufio.NewReader(c)
				if _, _, err := readRequest(r); err != nil {
					return
				}
				if n == 0 {
					io.WriteString(c, head)
					cancel()
				} else {
					io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n"+`{"items":[]}`)
				}
				readRequest(r)
			})
			c := newClient(t, base)
			_, err := c.List(ctx, contact.ListQuery{})
			if apiError(t, err, contact.Transient); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			if _, err := c.List(context.Background(), contact.ListQuery{}); err != nil {
				t.Error(err)
			}
			if accepted.Load() != 2 {
				t.Errorf("%d connections, want 2", accepted.Load())
			}
		})
	}
}

// A server that closes its connections without saying so costs a few answers, and
// not one of each two.
func TestConnectionsThatBreakAreNotReused(t *testing.T) {
	for name, tt := range map[string]struct {
		answers int // that a connection gives before it breaks
		lost    int // of 60 requests
		conns   int64
	}{
		"each":              {1, maxBroken, 60 - maxBroken},
		"each after two":    {2, 60 / 3, 20}, // a reuse that works starts the count anew
		"none that is used": {60, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			base, accepted := rawServer(t, func(_ int, c net.Conn) {
				r := bufio.NewReader(c)
				for n := 0; ; n++ {
					if _, _, err := readRequest(r); err != nil || n == tt.answers {
						return
					}
					io.WriteString(c, httpAnswer(201, anyAnswer))
				}
			})
			c := newClient(t, base)
			lost := 0
			for range 60 {
				if _, err := c.Create(context.Background(), ada); err != nil {
					apiError(t, err, contact.Ambiguous)
					lost++
				}
			}
			if lost != tt.lost || accepted.Load() != tt.conns {
				t.Errorf("%d of 60 answers lost on %d connections, want %d on %d", lost, accepted.Load(), tt.lost, tt.conns)
			}
		})
	}
}

// What is slow, or given up by us, is no broken connection.
func TestSlowConnectionsAreReused(t *testing.T) {
	base, accepted := rawServer(t, func(n int, c net.Conn) {
		for r := bufio.NewReader(c); ; {
			if _, _, err := readRequest(r); err != nil {
				return
			}
			if n < 2*maxBroken {
				io.WriteString(c, httpAnswer(201, anyAnswer))
				readRequest(r)
				readRequest(r) // until the client has gone
				return
			}
			io.WriteString(c, httpAnswer(201, anyAnswer))
		}
	})
	c := newClient(t, base)
	c.timeout = 30 * time.Millisecond
	for i := range 2 * maxBroken {
		if _, err := c.Create(context.Background(), ada); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		if i%2 == 0 {
			time.AfterFunc(5*time.Millisecond, cancel)
		}
		if _, err := c.List(ctx, contact.ListQuery{}); err == nil {
			t.Fatal("no error")
		}
		cancel()
	}
	c.timeout = 5 * time.Second
	for range 10 {
		if _, err := c.Create(context.Background(), ada); err != nil {
			t.Fatal(err)
		}
	}
	if got := accepted.Load(); got != 2*maxBroken+1 {
		t.Errorf("%d connections, want %d", got, 2*maxBroken+1)
	}
}

// What can never work says so, and what to look at.
func TestHopeless(t *testing.T) {
	tlsServer := func(config *tls.Config) string {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, anyAnswer) }))
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.TLS = config
		s.StartTLS()
		t.Cleanup(s.Close)
		return s.URL
	}
	speaks := func(s string) string {
		base, _ := rawServer(t, func(_ int, c net.Conn) {
			io.WriteString(c, s)
			readRequest(bufio.NewReader(c))
		})
		return base
	}
	proxy := func(status string) func(*http.Request) (*url.URL, error) {
		base, _ := rawServer(t, func(_ int, c net.Conn) {
			readRequest(bufio.NewReader(c))
			io.WriteString(c, "HTTP/1.1 "+status+"\r\nContent-Length: 0\r\n\r\n")
		})
		return func(*http.Request) (*url.URL, error) { return url.Parse(base) }
	}
	none := func(*http.Request) (*url.URL, error) { return nil, nil }
	unreadable := func(*http.Request) (*url.URL, error) { return nil, errProxySettings }
	refused := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return "http://" + l.Addr().String()
	}
	for name, tt := range map[string]struct {
		base     string
		proxy    func(*http.Request) (*url.URL, error)
		hopeless bool
		detail   string
		hint     string
	}{
		"no such port":             {"http://127.0.0.1:99999", none, true, "invalid port", "--base-url"},
		"TLS to a plain server":    {strings.Replace(speaks("HTTP/1.1 400 Bad Request\r\n\r\n"), "http:", "https:", 1), none, true, "TLS", "scheme"},
		"TLS to an SSH server":     {strings.Replace(speaks("SSH-2.0-OpenSSH_9.6\r\n"), "http:", "https:", 1), none, true, "TLS", "scheme"},
		"old TLS":                  {tlsServer(&tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}), none, true, "protocol version", "--base-url"},
		"a certificate is wanted":  {tlsServer(&tls.Config{ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}), none, true, "no TLS connection: ", "api.client_cert_file"},
		"and told after the start": {tlsServer(&tls.Config{ClientAuth: tls.RequireAnyClientCert}), none, true, "certificate required", "api.client_cert_file"},
		"SSH":                      {speaks("SSH-2.0-OpenSSH_9.6\r\n"), none, true, "no HTTP", "the host and the port of --base-url"},
		"HTTP/2":                   {speaks("\x00\x00\x12\x04\x00\x00\x00\x00\x00\r\n"), none, true, "no HTTP", "the host and the port of --base-url"},
		"TLS over a plain request": {speaks("\x15\x03\x01\x00\x02\x02\x16\r\n"), none, true, "no HTTP", "the host and the port of --base-url"},
		"nobody listens":           {refused(), none, false, "nobody listens", "--base-url"},
		"proxy 403":                {"https://api.example", proxy("403 Not by our rules"), true, "403 Forbidden", "$HTTPS_PROXY"},
		"proxy 407":                {"https://api.example", proxy("407"), true, "407 Proxy Authentication Required", "$HTTPS_PROXY"},
		"proxy 502":                {"https://api.example", proxy("502 Bad Gateway"), false, "502 Bad Gateway", "$HTTPS_PROXY"},
		"proxy settings":           {"https://api.example", unreadable, true, "the address of the proxy cannot be read", "$HTTPS_PROXY"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, tt.base)
			c.transport.http.TLSClientConfig.InsecureSkipVerify = true
			c.transport.http.Proxy = tt.proxy
			_, err := c.Create(context.Background(), ada)
			var e *contact.APIError
			if !errors.As(err, &e) {
				t.Fatal(err)
			}
			if e.Hopeless != tt.hopeless || e.Author != contact.NoAnswer || e.HTTP != 0 || !strings.Contains(e.Detail, tt.detail) || !strings.Contains(e.Hint, tt.hint) {
				t.Errorf("hopeless %v, from %v: %v", e.Hopeless, e.Author, e)
			}
			if e.Class != contact.Transient && e.Class != contact.Ambiguous {
				t.Errorf("class %v: where something has worked, it may pass", e.Class)
			}
		})
	}
}

// The settings of a proxy are read from the environment; a password in what cannot be
// read is not repeated.
func TestUnreadableProxySettings(t *testing.T) {
	if os.Getenv("TEST_PROXY_SETTINGS") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestUnreadableProxySettings$")
		cmd.Env = append(os.Environ(), "TEST_PROXY_SETTINGS=1", "HTTPS_PROXY=http://ann:s3cret@[::1", "NO_PROXY=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	_, err := newClient(t, "https://api.example").Create(context.Background(), ada)
	if e := apiError(t, err, contact.Transient); !e.Hopeless || strings.Contains(fmt.Sprintf("%v %v", e, e.Err), "s3cret") {
		t.Errorf("%v, %v", e, e.Err)
	}
}

// A read ends with its context at every stage, and not with its timeout.
func TestReadsEndWithTheirContext(t *testing.T) {
	for name, scheme := range map[string]string{"connected": "http", "within the handshake": "https"} {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			ctx, cancel := context.WithCancel(context.Background())
			base, _ := rawServer(t, func(_ int, c net.Conn) {
				io.ReadFull(c, make([]byte, 1))
				cancel()
				<-release
			})
			t.Cleanup(func() { close(release) })
			c := newClient(t, strings.Replace(base, "http:", scheme+":", 1))
			c.timeout = time.Hour
			began := time.Now()
			_, list := c.List(ctx, contact.ListQuery{})
			_, get := c.Get(ctx, profileID)
			_, schema := c.GetSchema(ctx)
			for _, err := range []error{list, get, schema} {
				if apiError(t, err, contact.Transient); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}
