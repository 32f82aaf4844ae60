package cognigy

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/textproto"
	"net/url"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	connectTimeout = 10 * time.Second // of dialing, and then of the handshake of TLS
	// maxHeadBytes bounds the head of an answer. Node.js takes as much.
	maxHeadBytes = 16 << 10
	// maxInterim bounds the 1xx answers before the one that counts.
	maxInterim = 5
	// maxBroken is how many connections may break in a row when they are used again:
	// fewer than a row has attempts with --retries 2.
	maxBroken = 2
)

// Trust is what TLS is told besides the usual. The zero value is the usual: the
// roots of the system, and no certificate of our own.
type Trust struct {
	Roots       *x509.CertPool   // that a server's certificate has to lead to; nil: those of the system
	Certificate *tls.Certificate // shown where a server asks for one; nil: none
}

// TLS is a configuration with that trust, of the caller's own.
func (t Trust) TLS() *tls.Config {
	c := &tls.Config{RootCAs: t.Roots}
	if t.Certificate != nil {
		c.Certificates = []tls.Certificate{*t.Certificate}
	}
	return c
}

// A transport is net/http's, direct or by a proxy, with an account of what was
// written.
type transport struct {
	http   *http.Transport
	fresh  atomic.Pointer[http.Transport] // in its place where connections cannot be used again; nil: they can
	broken atomic.Int32                   // connections that broke when they were used again, in a row
	// The headers are the same for every request, and never written to.
	header     http.Header
	bodyHeader http.Header // with Content-Type
	bareHeader http.Header // without Accept
}

// newTransport makes a transport; here: no connection of it leaves this machine.
func newTransport(header http.Header, trust Trust, maxConns int, proxy func(*http.Request) (*url.URL, error), here bool) *transport {
	dialer := &net.Dialer{Timeout: connectTimeout}
	if here {
		proxy, dialer.Control = nil, hereOnly
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	t := &transport{header: header, bodyHeader: header.Clone(), bareHeader: header.Clone(), http: &http.Transport{
		Proxy:                  proxy,
		DialContext:            wired(dialer.DialContext),
		TLSClientConfig:        trust.TLS(),
		TLSHandshakeTimeout:    connectTimeout,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    maxConns,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeadBytes,
		Protocols:              protocols,
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
			if resp.StatusCode != http.StatusOK {
				return &proxyError{resp.StatusCode}
			}
			return nil
		},
	}}
	t.bodyHeader.Set("Content-Type", "application/json")
	t.bareHeader.Del("Accept")
	return t
}

// roundTrip sends a request and brings the head of its answer back. It stands
// under ctx, and so does reading the body, which the caller closes. Where there
// is no answer, sent tells whether a byte of the request may have left. Nobody may
// write to its body any more, whatever becomes of it.
//
// net/http sends a request again by itself when a connection that was idle turns
// out to be closed: any request as far as it knows that no byte was written, and
// a GET after that, too. Each time it asks for the body anew, and is refused it
// once a byte may have left. So a GET has a body for it to ask for, an empty one.
func (t *transport) roundTrip(ctx context.Context, method string, u *url.URL, body []byte, noAccept bool) (resp *http.Response, sent bool, err error) {
	var a account
	trace := &httptrace.ClientTrace{GotConn: a.given, GotFirstResponseByte: a.answered, Got1xxResponse: a.interim}
	req := (&http.Request{
		Method: method,
		URL:    u,
		Host:   u.Host,
		Header: t.bodyHeader,
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		ContentLength: int64(len(body)),
		GetBody: func() (io.ReadCloser, error) {
			if a.mayHaveLeft() {
				return nil, errNotAgain
			}
			return io.NopCloser(bytes.NewReader(body)), nil
		},
	}).WithContext(httptrace.WithClientTrace(ctx, trace))
	req.Body, _ = req.GetBody() // nothing has left yet
	if body == nil {
		req.Header = t.header
		if noAccept {
			req.Header = t.bareHeader
		}
		req.TransferEncoding = []string{"identity"} // else net/http looks for up to 200 ms whether there is a body
	}
	roundTripper := t.http
	if fresh := t.fresh.Load(); fresh != nil {
		roundTripper = fresh
	}
	resp, err = roundTripper.RoundTrip(req)
	t.learn(&a, err)
	if err != nil {
		return nil, a.mayHaveLeft(), err
	}
	if resp.StatusCode < 200 { // a switch of protocols: what follows is no body
		err = resp.Body.Close()
		resp.Body = http.NoBody
	}
	return resp, true, err
}

// learn gives connections up after one answer each where they break when they are
// used again: there are servers that close them without saying so, and each request
// that meets one is in doubt.
func (t *transport) learn(a *account, err error) {
	switch {
	case !a.reused:
	case err == nil || a.began.Load():
		t.broken.Store(0)
	case errors.Is(err, context.Canceled) || isTimeout(err):
	case t.broken.Add(1) == maxBroken:
		fresh := t.http.Clone()
		fresh.DisableKeepAlives = true
		t.fresh.Store(fresh)
		t.http.CloseIdleConnections()
	}
}

// errProxySettings is that the settings of the proxy cannot be read. They are not
// repeated: a password may stand in them.
var errProxySettings = errors.New("the address of the proxy cannot be read")

func proxyFromEnvironment(r *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(r)
	if err != nil {
		return nil, errProxySettings
	}
	return u, nil
}

// hereOnly refuses a connection that leaves this machine: a name may lead elsewhere than
// when it was looked at.
func hereOnly(_, address string, _ syscall.RawConn) error {
	if to, err := netip.ParseAddrPort(address); err != nil || !to.Addr().Unmap().IsLoopback() {
		return fmt.Errorf("it leads to %s and not to this machine, and what is sent is not encrypted: write https://, or allow it with --insecure-http", address)
	}
	return nil
}

// A proxyError is a proxy that does not connect to the server.
type proxyError struct{ status int }

func (e *proxyError) Error() string {
	return fmt.Sprintf("the proxy does not connect to the API: it says %d %s", e.status, statusName(e.status))
}

// refuses tells whether it will not do so later either.
func (e *proxyError) refuses() bool {
	return e.status/100 == 4 && e.status != http.StatusRequestTimeout && e.status != http.StatusTooManyRequests
}

var (
	errNotAgain = errors.New("the request may have left, and is not sent again")
	errInterim  = fmt.Errorf("%d interim answers and no other", maxInterim)
)

// A wire is a connection to the server, or to the proxy before it. It counts what
// is written. Under TLS these are records, so that a part of one counts too; after
// the handshake they hold requests, and an alert when the connection is closed.
type wire struct {
	net.Conn
	wrote atomic.Int64 // calls of Write that took a byte, or may yet
	used  bool         // it was given to a request; net/http calls one reused that waited for none

	mu      sync.Mutex
	changed sync.Cond // one of these
	reading bool      // a Read has begun and not returned
	closed  bool
}

type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// wired makes wires of what is dialed.
func wired(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		w := &wire{Conn: c}
		w.changed.L = &w.mu
		return w, nil
	}
}

func (w *wire) Write(b []byte) (int, error) {
	w.wrote.Add(1) // first: a request may be given up while it is being written
	n, err := w.Conn.Write(b)
	if n == 0 {
		w.wrote.Add(-1)
	}
	return n, err
}

func (w *wire) Read(b []byte) (int, error) {
	w.set(&w.reading, true)
	defer w.set(&w.reading, false)
	return w.Conn.Read(b)
}

func (w *wire) Close() error {
	defer w.set(&w.closed, true)
	return w.Conn.Close()
}

func (w *wire) set(what *bool, to bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*what = to
	w.changed.Broadcast()
}

// awaitReader waits until net/http is back at reading from a connection that is to
// take a request. It has nothing left then of what it read before, or it has closed
// the connection because of that. Were it slower than the request, it would take
// what a server sent behind an answer for the answer to the request.
func (w *wire) awaitReader() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.reading && !w.closed {
		w.changed.Wait()
	}
}

// An account tells whether one request may have left. It belongs to the goroutine
// of the request.
type account struct {
	wire     *wire // that the request goes over; nil: none yet
	wrote    int64 // its count before the request
	unknown  bool  // it goes over something else
	reused   bool  // an earlier request went over it, too
	interims atomic.Int32
	began    atomic.Bool // the answer
}

// given is told of the connection that the request goes over, before it is written.
func (a *account) given(info httptrace.GotConnInfo) {
	for c := info.Conn; ; {
		switch inner := c.(type) {
		case *tls.Conn:
			c = inner.NetConn()
		case *wire:
			inner.awaitReader()
			a.reused, inner.used = inner.used, true
			a.wire, a.wrote = inner, inner.wrote.Load()
			return
		default:
			a.unknown = true
			return
		}
	}
}

func (a *account) mayHaveLeft() bool {
	return a.unknown || a.wire != nil && a.wire.wrote.Load() != a.wrote
}

// answered is told of the first byte of an answer, by a goroutine of net/http's.
func (a *account) answered() { a.began.Store(true) }

// interim is told of each 1xx answer, by a goroutine of net/http's.
func (a *account) interim(int, textproto.MIMEHeader) error {
	if a.interims.Add(1) < maxInterim {
		return nil
	}
	return errInterim
}
