package cognigy

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	// maxHeadBytes bounds the head of an answer. Node.js takes as much.
	maxHeadBytes = 16 << 10
	// maxInterim bounds the 1xx answers before the one that counts.
	maxInterim = 5
	// idleCheck is how long a connection may have been unused and is still taken
	// for open without a look at it.
	idleCheck = time.Millisecond
)

// A direct transport speaks HTTP/1.1 to one host, one request at a time on each
// connection, in the goroutine of the caller: it writes head and body at once,
// and reads the answer with the standard library's parser. So it always knows
// how far a request came, and costs half of what net/http's transport does, which
// has two goroutines a connection. docs/performance.md has the figures.
type direct struct {
	addr     string
	host     string      // of the Host header
	tls      *tls.Config // nil: plain HTTP
	head     string      // header lines of every request
	maxConns int

	mu    sync.Mutex
	idle  []*conn     // the one used last stands last
	timer *time.Timer // closes what was idle for too long; made with the first
	armed bool
}

func newDirect(u *url.URL, header http.Header, maxConns int) *direct {
	d := &direct{addr: u.Host, host: u.Host, maxConns: maxConns}
	if u.Port() == "" {
		d.addr = net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	if u.Scheme == "https" {
		d.tls = &tls.Config{ServerName: u.Hostname(), NextProtos: []string{"http/1.1"}}
	}
	for name, values := range header {
		d.head += name + ": " + values[0] + "\r\n"
	}
	return d
}

// A conn is a connection. It is also the body of the answer that is being read
// from it: closed, it goes back to the idle ones, if the answer was read whole.
type conn struct {
	net.Conn
	transport *direct
	in        io.LimitedReader // of Conn; bounds the head of an answer
	r         *bufio.Reader    // of in
	out       []byte           // the request, reused
	usedAt    time.Time        // when it became idle

	// Of the request on it.
	ctx      context.Context
	unwatch  func() bool // stops watching ctx; nil where ctx never ends
	timedOut error
	body     io.Reader // of an answer that net/http's parser read; nil: the next left bytes of r
	left     int64
	whole    bool // the answer was read to its end
	last     bool // it is the last one on this connection

	// The head of a plain answer, reused.
	plain http.Response
	date  [1]string
}

// roundTrip implements transport. A connection that the server has closed while
// it was idle costs no request: that is noticed before a byte is written, or by a
// write that took none, and another one is used.
func (d *direct) roundTrip(ctx context.Context, r request) (*http.Response, bool, error) {
	if ctx.Err() != nil {
		return nil, false, context.Cause(ctx)
	}
	deadline := r.began.Add(r.timeout)
	for {
		c := d.takeIdle(r.began)
		fresh := c == nil
		if fresh {
			var err error
			if c, err = d.dial(ctx, deadline, r.timedOut); err != nil {
				return nil, false, err
			}
		}
		c.begin(ctx, deadline, r.timedOut)
		if written, err := c.write(r); err != nil {
			err = c.end(err)
			if !written && !fresh && ctx.Err() == nil && time.Now().Before(deadline) {
				continue
			}
			return nil, written, err
		}
		// An answer takes longer than what others have to do meanwhile: a read that
		// comes too early would be one for nothing, and a wait for the next.
		runtime.Gosched()
		resp, err := c.readHead()
		if err != nil {
			return nil, true, c.end(err)
		}
		return resp, true, nil
	}
}

// dial opens a connection. Nothing of a request is sent by it.
func (d *direct) dial(ctx context.Context, deadline time.Time, timedOut error) (*conn, error) {
	ctx, cancel := context.WithDeadlineCause(ctx, deadline, timedOut)
	defer cancel()
	raw, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", d.addr)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, transport: d}
	if d.tls != nil {
		ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
		defer cancel()
		secure := tls.Client(raw, d.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("TLS handshake with %s: %w", d.host, err), ignoreClosed(raw.Close()))
		}
		c.Conn = secure
	}
	c.in.R = c.Conn
	c.r = bufio.NewReaderSize(&c.in, 2<<10)
	return c, nil
}

// begin makes the connection obey the context and the deadline of a request.
func (c *conn) begin(ctx context.Context, deadline time.Time, timedOut error) {
	c.ctx, c.timedOut, c.unwatch, c.whole, c.last = ctx, timedOut, nil, false, false
	// Where the connection is broken the write says so.
	_ = c.SetDeadline(deadline)
	if ctx.Done() != nil {
		c.unwatch = context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	}
}

// write sends the request at once. Where it fails, written tells whether a part
// of it may have left.
func (c *conn) write(r request) (written bool, err error) {
	b := append(c.out[:0], r.method...)
	b = append(b, ' ')
	b = append(b, r.url.RequestURI()...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, c.transport.host...)
	b = append(b, "\r\n"...)
	b = append(b, c.transport.head...)
	if r.body != nil {
		b = append(b, "Content-Type: application/json\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(len(r.body)), 10)
		b = append(b, "\r\n"...)
	}
	b = append(b, "\r\n"...)
	b = append(b, r.body...)
	c.out = b
	n, err := c.Conn.Write(b)
	// With TLS, a part of a record may have left before it counts.
	return n > 0 || c.transport.tls != nil, err
}

// readHead reads an answer up to its body, which is c itself.
func (c *conn) readHead() (*http.Response, error) {
	c.in.N = maxHeadBytes
	for n := 1; n <= maxHeadBytes; n = c.r.Buffered() + 1 {
		if _, err := c.r.Peek(n); err != nil {
			break // it comes again
		}
		b, _ := c.r.Peek(c.r.Buffered())
		if h, size, ok := parsePlainHead(b); ok {
			return c.plainHead(h, size)
		} else if size > 0 || c.r.Size() == len(b) {
			break
		}
	}
	for range maxInterim {
		resp, err := http.ReadResponse(c.r, nil)
		if err != nil {
			if c.in.N <= 0 {
				err = fmt.Errorf("the head of the answer is larger than %d KiB", maxHeadBytes>>10)
			}
			return nil, err
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			c.in.N = 1<<63 - 1
			c.last = resp.Close || resp.StatusCode < 200
			c.body, resp.Body = resp.Body, c
			return resp, nil
		}
	}
	return nil, fmt.Errorf("%d interim answers and no other", maxInterim)
}

// plainHead makes the answer of a head that has just been parsed.
func (c *conn) plainHead(h head, size int) (*http.Response, error) {
	if c.plain.Header == nil {
		c.plain.Header = http.Header{"Date": nil}
	}
	c.plain.Header["Date"] = nil
	if h.date != nil {
		if c.date[0] != string(h.date) {
			c.date[0] = string(h.date)
		}
		c.plain.Header["Date"] = c.date[:]
	}
	c.plain.StatusCode, c.plain.ContentLength, c.plain.Body = h.status, h.length, c
	c.in.N = 1<<63 - 1
	c.body, c.left, c.whole = nil, h.length, h.length == 0
	_, err := c.r.Discard(size)
	return &c.plain, err
}

// Read reads the body of the answer.
func (c *conn) Read(p []byte) (n int, err error) {
	switch {
	case c.body != nil:
		n, err = c.body.Read(p)
	case c.left == 0:
		return 0, io.EOF
	default:
		n, err = c.r.Read(p[:min(int64(len(p)), c.left)])
		c.left -= int64(n)
		c.whole = c.left == 0
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
	}
	switch {
	case err == io.EOF:
		c.whole = true
	case err != nil:
		err = c.cause(err)
	}
	return n, err
}

// Close ends the request, and keeps the connection where it can take another.
func (c *conn) Close() error {
	watched := c.unwatch == nil || c.unwatch() // where it is false, the deadline may yet be set
	if !c.whole || c.last || !watched || c.r.Buffered() > 0 {
		return c.Conn.Close()
	}
	c.ctx, c.unwatch, c.body = nil, nil, nil
	if cap(c.out) > 16<<10 {
		c.out = nil
	}
	c.transport.keep(c)
	return nil
}

// end closes the connection of a request that failed, and returns why it did.
func (c *conn) end(err error) error {
	err = c.cause(err)
	c.whole = false
	_ = c.Close() // nothing waits to be sent any more
	return err
}

// cause is what ended a request, where that was its timeout or its context.
func (c *conn) cause(err error) error {
	switch {
	case c.ctx.Err() != nil:
		return context.Cause(c.ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return c.timedOut
	}
	return err
}

// takeIdle returns the connection that was used last and is still open, or nil.
func (d *direct) takeIdle(now time.Time) *conn {
	for {
		d.mu.Lock()
		n := len(d.idle)
		if n == 0 {
			d.mu.Unlock()
			return nil
		}
		c := d.idle[n-1]
		d.idle[n-1] = nil
		d.idle = d.idle[:n-1]
		d.mu.Unlock()

		unused := now.Sub(c.usedAt)
		if unused < idleCheck || unused < idleTimeout && isQuiet(c.Conn) {
			return c
		}
		_ = c.Conn.Close() // nothing was sent on it that is not answered
	}
}

// keep puts a connection to the idle ones.
func (d *direct) keep(c *conn) {
	c.usedAt = time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.idle) >= d.maxConns {
		_ = c.Conn.Close()
		return
	}
	d.idle = append(d.idle, c)
	d.arm()
}

// arm sees to it that idle connections are closed in time. The caller holds mu.
func (d *direct) arm() {
	if d.armed || len(d.idle) == 0 {
		return
	}
	d.armed = true
	wait := idleTimeout - time.Since(d.idle[0].usedAt)
	if d.timer == nil {
		d.timer = time.AfterFunc(wait, d.expire)
	} else {
		d.timer.Reset(wait)
	}
}

// expire closes the connections that were idle for too long.
func (d *direct) expire() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.armed = false
	old := 0
	for old < len(d.idle) && time.Since(d.idle[old].usedAt) >= idleTimeout {
		_ = d.idle[old].Conn.Close()
		old++
	}
	d.idle = slices.Delete(d.idle, 0, old)
	d.arm()
}

func (d *direct) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.idle {
		_ = c.Conn.Close()
	}
	d.idle = nil
	if d.timer != nil {
		d.timer.Stop()
		d.armed = false
	}
}

// ignoreClosed drops the error of closing what is closed already.
func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
