package cognigy

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// A transport takes a request to the API and brings the answer's head back. It
// sends nothing a second time once a byte of it may have left.
type transport interface {
	// roundTrip sends r. Where there is no answer, sent tells whether the request
	// may have reached the server. Reading the body of the answer stands under the
	// same ctx and timeout; the caller closes it.
	roundTrip(ctx context.Context, r request) (resp *http.Response, sent bool, err error)
	// close closes the connections that are not in use.
	close()
}

// A request is one on its way to the wire.
type request struct {
	method   string
	url      *url.URL
	body     []byte // nil: none; the transport keeps it no longer than roundTrip lasts
	began    time.Time
	timeout  time.Duration // from then on
	timedOut error         // that the timeout ends it with
}

const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
)

// newTransport returns the transport to the host of u: direct, or by net/http
// where a proxy stands between, or where the host needs translation before it
// can stand in a header.
func newTransport(u *url.URL, header http.Header, maxConns int, proxy func(*http.Request) (*url.URL, error)) transport {
	via, err := proxy(&http.Request{URL: u})
	if via != nil || err != nil || strings.ContainsFunc(u.Host, func(r rune) bool { return r > '~' || r == '%' }) {
		return newProxied(header, maxConns, proxy)
	}
	return newDirect(u, header, maxConns)
}

// A proxied transport is that of net/http.
type proxied struct {
	http *http.Transport
	// The headers are the same for every request, and never written to.
	header     http.Header
	bodyHeader http.Header // with Content-Type
}

func newProxied(header http.Header, maxConns int, proxy func(*http.Request) (*url.URL, error)) *proxied {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	p := &proxied{header: header, bodyHeader: header.Clone(), http: &http.Transport{
		Proxy:               proxy,
		DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout: handshakeTimeout,
		DisableCompression:  true,
		MaxIdleConnsPerHost: maxConns,
		IdleConnTimeout:     idleTimeout,
		Protocols:           protocols,
	}}
	p.bodyHeader.Set("Content-Type", "application/json")
	return p
}

func (p *proxied) close() { p.http.CloseIdleConnections() }

func (p *proxied) roundTrip(ctx context.Context, r request) (*http.Response, bool, error) {
	ctx, cancel := context.WithDeadlineCause(ctx, r.began.Add(r.timeout), r.timedOut)
	var s sent
	req := (&http.Request{
		Method: r.method,
		URL:    r.url,
		Host:   r.url.Host,
		Header: p.header,
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(httptrace.WithClientTrace(ctx, s.trace()))
	if r.body != nil {
		req.Header = p.bodyHeader
		req.ContentLength = int64(len(r.body))
		// With GetBody the transport sends a request again after an idle connection
		// turned out to be closed before a byte was written. It takes a request for
		// safe to repeat after that only if its method is, or if it has an
		// Idempotency-Key header: there must never be one.
		body := bytes.Clone(r.body) // net/http may still read it when the answer is there
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		req.Body, _ = req.GetBody()
	} else {
		// A body that is empty but there keeps the transport from sending a GET
		// again after it was written: every request costs quota. None is sent.
		req.Body = io.NopCloser(strings.NewReader(""))
	}
	resp, err := p.http.RoundTrip(req)
	if err != nil {
		cancel()
		return nil, s.wrote.Load(), err
	}
	resp.Body = &cancelBody{resp.Body, cancel}
	return resp, true, nil
}

// A cancelBody ends the context of its request when it is closed.
type cancelBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b *cancelBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

// A sent tells whether a request may have reached the server.
type sent struct{ wrote atomic.Bool }

// trace watches one request. The transport sends a request again by itself only
// where it wrote no byte of it; GetConn marks the new beginning.
func (s *sent) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:      func(string) { s.wrote.Store(false) },
		WroteHeaders: func() { s.wrote.Store(true) },
	}
}
