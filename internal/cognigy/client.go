// Package cognigy is a client of the Cognigy.AI Contact Profiles API v2.0, and
// the one place that decides who answered and what.
//
// One call is one HTTP request. Nothing is sent a second time behind the
// caller's back: an answer that was lost is an error of class Ambiguous, and the
// engine decides. All policy is in two pure functions: authorOf, which tells the
// word of the API from that of a proxy, a gateway or a page, and classify, which
// says what an error means. do gathers what they need to know.
package cognigy

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"importer/importer/contact"
	"importer/internal/names"
)

const (
	defaultTimeout  = 30 * time.Second
	defaultMaxConns = 16

	// idleTimeout is how long a connection is kept unused. A request that is
	// written while the server closes its connection is in doubt, and costs a
	// look-up. Node.js closes after 5 seconds, proxies after 60 or 75: whoever
	// closes first is never surprised.
	idleTimeout = 4 * time.Second

	maxAnswerBytes  = 8 << 20  // of a success: a page of 100 profiles of 65 kB, and more
	maxProblemBytes = 64 << 10 // of an error
	maxDrainBytes   = 256 << 10

	profilesPath = "/new/v2.0/profiles" // behind the base URL
)

// Options say how to reach the API. BaseURL, APIKey and ProjectID are needed.
type Options struct {
	BaseURL   string        // in any form that NormalizeBaseURL takes
	APIKey    string        // sent in X-API-Key; shown nowhere
	ProjectID string        // 24 characters, a-z and 0-9
	Timeout   time.Duration // of one request, with dialing and reading the answer; 0: 30 s
	UserAgent string        // such as "importer/1.2"; empty: "importer"
	// MaxConns is how many connections are kept for the next request: as many as
	// there are workers; 0: 16. More requests at once open more connections.
	MaxConns int
	// InsecureHTTP allows http:// to a host that is not this machine. The key and
	// the contacts then cross the network readable.
	InsecureHTTP bool
	// Redact keeps the words of the API, which may quote a contact, out of the texts of
	// errors. They are in the Detail.
	Redact bool
	Trust  Trust
	// OnAnswer, where set, is told of every request that was made, before its call
	// returns and in the caller's goroutine: it must not block.
	OnAnswer func(Answer)
}

// An Answer is what became of one request, for pacing and metrics.
type Answer struct {
	Operation string        // such as "create" or "get_schema"
	Status    int           // 0 where there was none
	Duration  time.Duration // from before the connection was taken to the end of the answer
}

// A Client sends requests to one project of one API. Its methods are safe for
// concurrent use.
type Client struct {
	key       string
	projectID string
	timeout   time.Duration
	profiles  *url.URL // of create and list; all others begin with it
	transport *transport
	onAnswer  func(Answer) // nil: nobody asks
	redact    bool
	clock     skew
}

// New checks the options and returns a client. It sends nothing.
//
// Proxies are taken from the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY); see
// CheckProxies. Without encryption no connection leaves this machine but InsecureHTTP;
// certificates are verified against the system's roots, redirects are not
// followed, compressed answers are not asked for, but read. HTTP/1.1 only: a broken
// connection then leaves one request in doubt, not all that share it.
func New(o Options) (*Client, error) {
	base, err := NormalizeBaseURL(o.BaseURL)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(base + profilesPath)
	if err != nil {
		return nil, fmt.Errorf("base URL: %w", err)
	}
	key := strings.TrimSpace(o.APIKey)
	switch {
	case u.Scheme == "http" && !o.InsecureHTTP && !names.StaysHere(u.Hostname()):
		return nil, fmt.Errorf("the base URL %s is not encrypted, and would send the API key and the contacts readable across the network: write https://, or allow it with --insecure-http", base)
	case key == "":
		return nil, errors.New("the API key is empty: set $COGNIGY_API_KEY, or api.api_key_file in the configuration")
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, errors.New("the API key holds a space, a line break or a character outside ASCII: look at $COGNIGY_API_KEY or the file named by api.api_key_file, which must hold the key alone")
	case !names.IsProject(o.ProjectID):
		return nil, fmt.Errorf("the project id %q is not one: it has 24 characters, a-z and 0-9; look at --project-id", o.ProjectID)
	case o.Timeout < 0 || o.MaxConns < 0:
		return nil, errors.New("a negative timeout or number of connections")
	case strings.ContainsFunc(o.UserAgent, unicode.IsControl):
		return nil, errors.New("the user agent holds a control character")
	}
	header := http.Header{
		"Accept":     {"application/json"},
		"User-Agent": {cmp.Or(o.UserAgent, "importer")},
		"X-Api-Key":  {key},
	}
	return &Client{
		key:       key,
		projectID: o.ProjectID,
		timeout:   cmp.Or(o.Timeout, defaultTimeout),
		profiles:  u,
		transport: newTransport(header, o.Trust, cmp.Or(o.MaxConns, defaultMaxConns), proxyFromEnvironment, u.Scheme == "http" && !o.InsecureHTTP),
		onAnswer:  o.OnAnswer,
		redact:    o.Redact,
	}, nil
}

// String names the API, so that a client that is logged shows no key.
func (c *Client) String() string { return "client of " + c.profiles.Host }

// Close closes the connections that are not in use.
func (c *Client) Close() { c.transport.http.CloseIdleConnections() }

// ClockSkew is how far the server's clock is ahead of this machine's, at least and at
// most, learned from the Date headers of the answers so far: these are a second apart,
// mostly less, and more where all answers took longer. False where no answer carried one.
func (c *Client) ClockSkew() (least, most time.Duration, known bool) { return c.clock.bounds() }

// do sends one request, and returns what the API answered to it: nothing where there
// is an error, which is an *contact.APIError. An id that would change the path is
// refused: an empty one would turn a request about one profile into one about all.
func (c *Client) do(ctx context.Context, op operation, id string, query url.Values, body []byte) (content, error) {
	return c.send(ctx, op, id, query, body, nil)
}

// send is do, and shows the answer to raw as it came; nil: nobody wants to see it.
func (c *Client) send(ctx context.Context, op operation, id string, query url.Values, body []byte, raw *rawCall) (content, error) {
	x := exchange{op: op, id: id, key: c.key}
	if strings.Contains(op.path, "ID") && !validID(id) {
		return content{}, &contact.APIError{Class: contact.Permanent, Failure: contact.Failure{
			Detail: "not sent: " + strconv.Quote(clean(x.redact(id))) + " is not the id of a profile", Hint: hintRow,
		}}
	}
	u := *c.profiles
	if op.atRoot {
		u.Path, u.RawPath = strings.TrimSuffix(u.Path, profilesPath), strings.TrimSuffix(u.RawPath, profilesPath)
	}
	path := strings.Replace(op.path, "ID", id, 1) // which needs no escaping
	u.Path += path
	if u.RawPath != "" { // of a base URL with an escaped path
		u.RawPath += path
	}
	u.RawQuery = query.Encode()
	buf := buffers.Get().(*bytes.Buffer)
	defer func() {
		if buf.Cap() <= 1<<20 { // an answer larger than that is rare, and its memory not kept
			buf.Reset()
			buffers.Put(buf)
		}
	}()
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, &timeoutError{c.timeout})
	defer cancel()
	resp, sent, err := c.transport.roundTrip(ctx, op.method, &u, body, raw != nil && raw.noAccept)
	x.sent, x.err = sent, err
	if err == nil {
		x.take(resp, buf)
		raw.see(resp.Header, x)
	}
	x.now = time.Now()
	c.clock.learn(x.date, began, x.now)
	if c.onAnswer != nil {
		c.onAnswer(Answer{Operation: op.name, Status: x.status, Duration: x.now.Sub(began)})
	}
	if author, got := authorOf(x); author == contact.API && x.status/100 == 2 {
		return got, nil
	}
	problem := classify(x)
	problem.Private = c.redact && problem.Author == contact.API
	return content{}, problem
}

// take reads an answer, its body into buf, and closes it.
func (x *exchange) take(resp *http.Response, buf *bytes.Buffer) {
	limit := int64(maxProblemBytes)
	if resp.StatusCode/100 == 2 {
		limit = maxAnswerBytes
	}
	x.broken = readUpTo(buf, resp, limit)
	_ = resp.Body.Close() // what was to be read is read
	x.status, x.body = resp.StatusCode, buf.Bytes()
	x.media, x.date = resp.Header.Get("Content-Type"), resp.Header.Get("Date")
	x.retryAfter, x.location = resp.Header.Get("Retry-After"), resp.Header.Get("Location")
}

// readUpTo reads the body of an answer whole, so that its connection can be used
// again. What is beyond the limit is dropped, and the error is contact.ErrTooLarge.
func readUpTo(buf *bytes.Buffer, resp *http.Response, limit int64) error {
	body := io.Reader(resp.Body)
	if encoding := resp.Header.Get("Content-Encoding"); strings.EqualFold(encoding, "gzip") || strings.EqualFold(encoding, "x-gzip") {
		// It was not asked for, but by something on the way.
		unzipped, err := gzip.NewReader(resp.Body)
		switch {
		case err == io.EOF: // it compressed nothing
			return nil
		case err != nil:
			return err
		}
		body = unzipped
	}
	_, err := buf.ReadFrom(io.LimitReader(body, limit))
	if err != nil || int64(buf.Len()) < limit {
		return err
	}
	if n, _ := io.CopyN(io.Discard, body, maxDrainBytes); n > 0 {
		return contact.ErrTooLarge
	}
	return nil
}

// buffers are what answers are read into.
var buffers = sync.Pool{New: func() any { return bytes.NewBuffer(make([]byte, 0, 1024)) }}

// A timeoutError is the end of Options.Timeout.
type timeoutError struct{ after time.Duration }

func (e *timeoutError) Error() string { return fmt.Sprintf("no answer within %v", e.after) }
func (e *timeoutError) Timeout() bool { return true }
func (e *timeoutError) Unwrap() error { return context.DeadlineExceeded }
