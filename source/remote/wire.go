package remote

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// A wire is a connection that brings one answer. It counts what comes, because net/http
// leaves unread what a server sends behind the length that it states.
type wire struct {
	net.Conn
	closed chan struct{} // closed by Close
	once   sync.Once

	mu    sync.Mutex
	came  int64  // bytes
	start []byte // of them, until the head of the answer is over
	head  int64  // bytes of the head, and of the interim ones before it; 0: it is not over
}

// linger is how long the end of a connection is awaited whose answer is complete: the
// server was asked to close it.
const linger = 250 * time.Millisecond

func newWire(c net.Conn) *wire { return &wire{Conn: c, closed: make(chan struct{})} }

// Read implements net.Conn.
func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.came += int64(n)
	if w.head == 0 && len(w.start) < 2*maxHead {
		w.start = append(w.start, b[:n]...)
		w.findHead()
	}
	return n, err
}

// findHead looks for the empty line behind the head of the answer.
func (w *wire) findHead() {
	for at := 0; ; {
		rest := w.start[at:]
		crlf, lf := bytes.Index(rest, []byte("\n\r\n")), bytes.Index(rest, []byte("\n\n"))
		end := crlf + 3
		if crlf < 0 || lf >= 0 && lf < crlf {
			end = lf + 2
		}
		if crlf < 0 && lf < 0 {
			return
		}
		at += end
		if interim := len(rest) > 9 && rest[9] == '1'; !interim { // HTTP/1.1 100 Continue
			w.head, w.start = int64(at), nil
			return
		}
	}
}

// Close implements net.Conn. It looks first at what comes behind the answer.
func (w *wire) Close() error {
	w.once.Do(func() {
		if w.SetReadDeadline(time.Now().Add(linger)) == nil {
			var b [1]byte
			_, _ = w.Read(b[:]) // the end, or a byte too many, which is counted
		}
		close(w.closed)
	})
	return w.Conn.Close()
}

// excess tells whether more came than an answer of that length is long.
func (w *wire) excess(length int64) bool {
	select {
	case <-w.closed:
	case <-time.After(2 * linger): // net/http closes it when the answer is read
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.head > 0 && w.came > w.head+length
}

// dial makes wires of connections without TLS.
func dial(d *net.Dialer) func(ctx context.Context, network, to string) (net.Conn, error) {
	return func(ctx context.Context, network, to string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, to)
		if err != nil {
			return nil, err
		}
		return newWire(c), nil
	}
}

// dialTLS makes wires of connections with TLS that no proxy is in between of.
func dialTLS(d *net.Dialer, config *tls.Config) func(ctx context.Context, network, to string) (net.Conn, error) {
	return func(ctx context.Context, network, to string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, to)
		if err != nil {
			return nil, err
		}
		own := config.Clone()
		if own.ServerName, _, err = net.SplitHostPort(to); err != nil {
			c.Close()
			return nil, err
		}
		t := tls.Client(c, own)
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		if err := t.HandshakeContext(ctx); err != nil {
			c.Close()
			return nil, err
		}
		return newWire(t), nil
	}
}

// onWire has a request tell which wire it goes over; of a connection by a proxy there is
// none.
func onWire(ctx context.Context) (context.Context, func() *wire) {
	var mu sync.Mutex
	var got *wire
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		mu.Lock()
		defer mu.Unlock()
		got, _ = info.Conn.(*wire)
	}})
	return ctx, func() *wire {
		mu.Lock()
		defer mu.Unlock()
		return got
	}
}

// bounded bounds the answers that are not objects, which are read into memory.
type bounded struct{ http.RoundTripper }

// maxListing is how many bytes a page of a list of keys has at most: 1,000 keys of 1 KiB
// each, and what is told of them.
const maxListing = 8 << 20

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	if q.Has("list-type") || q.Has("location") || resp.StatusCode/100 != 2 {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxListing), resp.Body}
	}
	return resp, nil
}
