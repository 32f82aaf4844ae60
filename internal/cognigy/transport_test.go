package cognigy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"importer/importer/contact"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// overNetHTTP makes newClient use the transport for proxies.
var overNetHTTP bool

// Behind a proxy the same promises hold.
func TestOverNetHTTP(t *testing.T) {
	overNetHTTP = true
	t.Cleanup(func() { overNetHTTP = false })
	t.Run("succeeds", TestCreateSucceeds)
	t.Run("broken", TestBrokenConnections)
	t.Run("twice", TestNeverSendsTwice)
	t.Run("idle", TestClosedWhileIdle)
	t.Run("nobody", TestNothingListens)
	t.Run("timeouts", TestTimeouts)
	t.Run("redirect", TestRedirectIsNotFollowed)
	t.Run("reused", TestConnectionsAreReused)
	t.Run("compressed", TestCompressedAnswer)
	t.Run("key", TestKeyIsNowhere)
}

func TestWhichTransport(t *testing.T) {
	proxy := func(via string, err error) func(*http.Request) (*url.URL, error) {
		return func(r *http.Request) (*url.URL, error) {
			if via == "" || r.URL.Hostname() == "direct.example" {
				return nil, err
			}
			return url.Parse(via)
		}
	}
	for _, tt := range []struct {
		base   string
		proxy  func(*http.Request) (*url.URL, error)
		direct bool
	}{
		{"https://api.example", proxy("", nil), true},
		{"https://[::1]:8443", proxy("", nil), true},
		{"https://direct.example", proxy("http://proxy:3128", nil), true},
		{"https://api.example", proxy("http://proxy:3128", nil), false},
		{"https://api.example", proxy("", errors.New("an unreadable $HTTPS_PROXY")), false},
		{"https://bücher.example", proxy("", nil), false},
		{"http://[fe80::1%25eth0]", proxy("", nil), false},
	} {
		u, err := url.Parse(tt.base)
		if err != nil {
			t.Fatal(err)
		}
		if _, direct := newTransport(u, http.Header{}, 1, tt.proxy).(*direct); direct != tt.direct {
			t.Errorf("%s: direct %v, want %v", tt.base, direct, tt.direct)
		}
	}
}

// A proxied request reaches the API through the proxy, and no other way.
func TestThroughProxy(t *testing.T) {
	var seen atomic.Value
	proxy, _ := rawServer(t, func(_ int, c net.Conn) {
		req, _, err := readRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		seen.Store(req.RequestURI)
		io.WriteString(c, "HTTP/1.1 201 Created\r\nContent-Length: 12\r\n\r\n"+`{"_id":"p1"}`)
	})
	c, err := New(Options{BaseURL: "http://api.example", APIKey: testKey, ProjectID: testProject, InsecureHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	c.transport = newTransport(c.profiles, http.Header{}, 1, func(*http.Request) (*url.URL, error) { return url.Parse(proxy) })
	t.Cleanup(c.Close)
	if result, err := c.Create(context.Background(), ada); err != nil || result.ID != "p1" {
		t.Fatalf("%+v, %v", result, err)
	}
	if got := seen.Load(); got != "http://api.example/new/v2.0/profiles" {
		t.Errorf("the proxy was asked for %v", got)
	}
}

// The head of an answer in every form that HTTP/1 allows, and some it does not.
func TestHeads(t *testing.T) {
	const id = `{"_id":"x1"}`
	whole := fmt.Sprintf("HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s", len(id), id)
	for name, tt := range map[string]struct {
		answer string
		id     string
		conns  int64 // for two requests
		doubt  bool
	}{
		"length":             {whole, "x1", 1, false},
		"interim":            {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + whole, "x1", 1, false},
		"chunked":            {"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n" + id[:5] + "\r\n7\r\n" + id[5:] + "\r\n0\r\nTrailer: x\r\n\r\n", "x1", 1, false},
		"close":              {"HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: 12\r\n\r\n" + id, "x1", 2, false},
		"HTTP/1.0":           {"HTTP/1.0 201 Created\r\nContent-Length: 12\r\n\r\n" + id, "x1", 2, false},
		"more than asked":    {whole + whole, "x1", 2, false},
		"204":                {"HTTP/1.1 204 No Content\r\n\r\n", "", 1, false},
		"101":                {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "", 2, true},
		"endless interim":    {strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", maxInterim), "", 2, true},
		"large head":         {"HTTP/1.1 201 Created\r\nX: " + strings.Repeat("x", maxHeadBytes/2) + "\r\nContent-Length: 12\r\n\r\n" + id, "x1", 1, false},
		"too large a head":   {"HTTP/1.1 201 Created\r\nX: " + strings.Repeat("x", maxHeadBytes+8<<10) + "\r\nContent-Length: 12\r\n\r\n" + id, "", 2, true},
		"two lengths":        {"HTTP/1.1 201 Created\r\nContent-Length: 12\r\nContent-Length: 13\r\n\r\n" + id, "", 2, true},
		"a negative length":  {"HTTP/1.1 201 Created\r\nContent-Length: -1\r\n\r\n", "", 2, true},
		"a malformed header": {"HTTP/1.1 201 Created\r\nX\r\n\r\n", "", 2, true},
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
				} else if err != nil || result.ID != tt.id {
					t.Fatalf("%+v, %v; want id %q", result, err, tt.id)
				}
			}
			if accepted.Load() != tt.conns {
				t.Errorf("%d connections, want %d", accepted.Load(), tt.conns)
			}
			c.Close()
		})
	}
}

// A connection that the server has closed while it was idle is not written to.
func TestIdleConnectionIsLookedAt(t *testing.T) {
	for _, end := range []string{"closed", "reset", "speaks"} {
		t.Run(end, func(t *testing.T) {
			ended := make(chan struct{})
			var requests atomic.Int64
			base, accepted := rawServer(t, func(n int, c net.Conn) {
				r := bufio.NewReader(c)
				for {
					if _, _, err := readRequest(r); err != nil {
						return
					}
					requests.Add(1)
					io.WriteString(c, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
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
					close(ended)
				}
			})
			c := newClient(t, base)
			if _, err := c.Create(context.Background(), ada); err != nil {
				t.Fatal(err)
			}
			<-ended
			if d := c.transport.(*direct); len(d.idle) == 1 {
				d.idle[0].usedAt = d.idle[0].usedAt.Add(-time.Second)
			}
			if _, err := c.Create(context.Background(), ada); err != nil {
				t.Fatal(err)
			}
			if requests.Load() != 2 || accepted.Load() != 2 {
				t.Errorf("%d requests on %d connections, want 2 on 2", requests.Load(), accepted.Load())
			}
		})
	}
}

// A write that took no byte is certainly not sent, and is made on another
// connection.
func TestWriteThatTookNothing(t *testing.T) {
	base, accepted := rawServer(t, func(n int, c net.Conn) {
		r := bufio.NewReader(c)
		for {
			if _, _, err := readRequest(r); err != nil {
				return
			}
			io.WriteString(c, "HTTP/1.1 201 Created\r\nContent-Length: 12\r\n\r\n"+`{"_id":"x1"}`)
		}
	})
	c := newClient(t, base)
	for want := int64(1); want <= 2; want++ {
		if result, err := c.Create(context.Background(), ada); err != nil || result.ID != "x1" {
			t.Fatal(result, err)
		}
		if accepted.Load() != want {
			t.Fatalf("%d connections, want %d", accepted.Load(), want)
		}
		d := c.transport.(*direct)
		d.idle[0].Conn.(*net.TCPConn).CloseWrite()
		d.idle[0].usedAt = time.Now()
	}
}

func TestIdleConnectionsEnd(t *testing.T) {
	closed := make(chan struct{}, 1)
	base, _ := rawServer(t, func(_ int, c net.Conn) {
		r := bufio.NewReader(c)
		for {
			if _, _, err := readRequest(r); err != nil {
				closed <- struct{}{}
				return
			}
			io.WriteString(c, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
		}
	})
	c := newClient(t, base)
	for _, end := range []func(d *direct){
		func(d *direct) {
			d.mu.Lock()
			d.idle[0].usedAt = time.Now().Add(-idleTimeout)
			d.mu.Unlock()
			d.expire()
		},
		func(d *direct) { d.close() },
	} {
		if _, err := c.Create(context.Background(), ada); err != nil {
			t.Fatal(err)
		}
		end(c.transport.(*direct))
		<-closed
	}
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
