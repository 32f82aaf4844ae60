package remote

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"importer/internal/address"
	"importer/internal/names"
	"importer/internal/plain"
)

// maxRedirects is how often an address may lead on.
const maxRedirects = 5

// newTransport makes a transport; here: no connection of it leaves this machine.
func newTransport(o Options, here bool) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout}
	proxy := http.ProxyFromEnvironment
	if here {
		proxy, dialer.Control = nil, hereOnly
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy: proxy, DialContext: dial(dialer), DialTLSContext: dialTLS(dialer, o.tlsConfig()), TLSClientConfig: o.tlsConfig(), TLSHandshakeTimeout: dialTimeout,
		DisableCompression: true, DisableKeepAlives: true, MaxResponseHeaderBytes: maxHead, Protocols: protocols,
	}
}

var errLeaves = errors.New("what is read would cross the network unencrypted: write https://, or allow it with --insecure-http")

// hereOnly refuses a connection that leaves this machine.
func hereOnly(_, to string, _ syscall.RawConn) error {
	if at, err := netip.ParseAddrPort(to); err != nil || !at.Addr().Unmap().IsLoopback() {
		return errLeaves
	}
	return nil
}

// variable matches a variable of the environment in the value of a header.
var variable = regexp.MustCompile(`\$(?:\{(\w+)\}|(\w+))`)

// expand puts the variables into headers.
func expand(header map[string]string, getenv func(string) string) (http.Header, error) {
	h := make(http.Header, len(header))
	for name, value := range header {
		var missing string
		value = variable.ReplaceAllStringFunc(value, func(v string) string {
			m := variable.FindStringSubmatch(v)
			text := strings.TrimSpace(getenv(m[1] + m[2]))
			if text == "" {
				missing = m[1] + m[2]
			}
			return text
		})
		switch {
		case missing != "":
			return nil, fmt.Errorf("source.headers: %w: $%s, which %s takes its value from, is not set", ErrUnusable, missing, plain.Line(name))
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }):
			return nil, fmt.Errorf("source.headers: %w: the value of %s is no single line of printable ASCII", ErrUnusable, plain.Line(name))
		}
		h.Set(name, value)
	}
	return h, nil
}

// webObject is the object of an address. No error repeats any of it.
func (c *Client) webObject(source string) (*Object, error) {
	u, err := url.Parse(source)
	switch {
	case err != nil || u.Hostname() == "":
		return nil, fmt.Errorf("%w: it is no address: write https://host/path, with each of @ : / in a user or password as %%40 %%3A %%2F", ErrUnusable)
	case strings.EqualFold(u.Scheme, "http") && !c.o.InsecureHTTP && !names.StaysHere(u.Hostname()):
		return nil, fmt.Errorf("%w: %w", ErrUnusable, errLeaves)
	}
	u.Scheme, u.Fragment, u.RawFragment = strings.ToLower(u.Scheme), "", ""
	if len(c.header) > 0 {
		if c.host != "" && c.host != origin(u) {
			return nil, fmt.Errorf("%w: source.headers would go to two hosts: import the sources of each by themselves", ErrUnusable)
		}
		c.host = origin(u)
	}
	o := &Object{Name: address.Shown(source), client: c, was: version{length: -1}}
	o.fetch = func(ctx context.Context, from int64) (*part, error) { return c.fetchWeb(ctx, u, o, from) }
	return o, nil
}

// origin is where a request goes, and with it what is meant for that host alone.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// fetchWeb asks for an object from an offset on, where the server can tell that it is still
// the same; else for all of it.
func (c *Client) fetchWeb(ctx context.Context, u *url.URL, o *Object, from int64) (*part, error) {
	h := http.Header{"Accept": {"*/*"}, "Accept-Encoding": {"identity"}, "User-Agent": {c.o.UserAgent}}
	if condition := o.was.ifRange(); from > 0 && condition != "" {
		h.Set("Range", "bytes="+strconv.FormatInt(from, 10)+"-")
		h.Set("If-Range", condition)
	}
	ctx, wire := onWire(ctx)
	resp, via, err := c.get(ctx, u, h)
	if err != nil {
		return nil, err
	}
	p, err := partOf(resp, h.Get("Range") != "", from)
	if err != nil {
		resp.Body.Close()
		return nil, err
	}
	p.via, p.wire, p.length = via, wire(), resp.ContentLength
	return p, nil
}

// ifRange is the condition under which a server may send a part: a strong ETag, else the
// time of the last change, where nothing can have been written in the same second since
// (RFC 9110, 8.8.2.2). It is empty where there is neither.
func (v version) ifRange() string {
	switch {
	case v.tag != "" && !strings.HasPrefix(v.tag, "W/"):
		return v.tag
	case v.settled:
		return v.modified
	}
	return ""
}

// get makes a request, and follows where it leads to. The answer is one that holds bytes;
// the caller closes it. What is meant for the first host alone goes to no other.
func (c *Client) get(ctx context.Context, u *url.URL, h http.Header) (resp *http.Response, via string, err error) {
	own := true
	for first, hops := u, 0; ; hops++ {
		req := (&http.Request{Method: http.MethodGet, URL: withoutUser(u), Host: u.Host, Header: h.Clone(), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(ctx)
		if own {
			if first.User != nil {
				pass, _ := first.User.Password()
				req.SetBasicAuth(first.User.Username(), pass)
			}
			for name, values := range c.header {
				req.Header[name] = values
			}
		}
		t := c.secure
		if u.Scheme == "http" {
			t = c.here
		}
		if resp, err = t.RoundTrip(req); err != nil {
			return nil, "", explain(err)
		}
		if !isRedirect(resp.StatusCode) {
			return resp, via, refusal(resp, via)
		}
		resp.Body.Close()
		next, err := u.Parse(resp.Header.Get("Location"))
		if err == nil {
			err = mayFollow(u, next, hops)
		}
		if err != nil || resp.Header.Get("Location") == "" {
			return nil, "", never(fmt.Errorf("%w: %s answers with a redirect (%d) that is not followed%s", ErrAway, u.Host, resp.StatusCode, because(err)))
		}
		own = own && origin(next) == origin(first)
		u, via = next, next.Host+plain.Cut(next.EscapedPath(), 100)
	}
}

func isRedirect(status int) bool {
	return slices.Contains([]int{301, 302, 303, 307, 308}, status)
}

func withoutUser(u *url.URL) *url.URL {
	bare := *u
	bare.User = nil
	return &bare
}

var errRedirect = errors.New("it leads to no address")

func because(err error) string {
	if _, isURL := errors.AsType[*url.Error](err); err == nil || isURL { // which repeats it
		err = errRedirect
	}
	return ": " + err.Error()
}

// mayFollow says why a redirect is not followed; nil where it is.
func mayFollow(from, to *url.URL, hops int) error {
	switch {
	case hops >= maxRedirects:
		return fmt.Errorf("it is the %dth in a row", hops+1)
	case to.Scheme != "https" && to.Scheme != "http" || to.Hostname() == "":
		return errRedirect
	case from.Scheme == "https" && to.Scheme == "http":
		return errors.New("it leads from https:// to http://")
	case names.IsLoopback(to.Hostname()) && !names.IsLoopback(from.Hostname()):
		return errors.New("it leads from another machine to this one")
	}
	return nil
}

// explain says why there is no answer. The address is not in it.
func explain(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, name := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case errors.Is(err, errLeaves):
		return never(fmt.Errorf("%w: %w", ErrUnusable, errLeaves))
	case unknown:
		return never(fmt.Errorf("%w: its certificate is of an authority that this machine does not know; name that in api.ca_file if it is your company's: %w", ErrAway, err))
	case name, invalid:
		return never(fmt.Errorf("%w: %w", ErrAway, err))
	case strings.Contains(err.Error(), "server response headers exceeded"):
		return never(fmt.Errorf("%w: the head of its answer is longer than %d KiB", ErrAway, maxHead>>10))
	}
	return err
}

// refusal is what an answer says that holds none of the object; nil of one that does.
func refusal(resp *http.Response, via string) error {
	status := resp.StatusCode
	said := fmt.Sprintf("the server answers %d %s", status, http.StatusText(status))
	if via != "" {
		said += " (redirected to " + via + ")"
	}
	var err error
	switch {
	case status == http.StatusOK, status == http.StatusPartialContent:
		return nil
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusProxyAuthRequired:
		err = never(fmt.Errorf("%w: %s: it asks for a sign-in, or the link has run out; source.headers gives a token from the environment", ErrNotThere, said))
	case status == http.StatusNotFound, status == http.StatusGone:
		err = never(fmt.Errorf("%w: %s: look at the address", ErrNotThere, said))
	case status == http.StatusRequestedRangeNotSatisfiable, status == http.StatusPreconditionFailed:
		err = fmt.Errorf("%w since it was opened: %s%s", ErrChanged, said, again)
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests:
		err = &fault{err: errors.New(said), waitFor: retryAfter(resp.Header)}
	default:
		err = never(fmt.Errorf("%w: %s", ErrAway, said))
	}
	resp.Body.Close()
	return err
}

func retryAfter(h http.Header) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.Atoi(text); err == nil && n >= 0 {
		return time.Duration(min(n, 3600)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return time.Until(at)
	}
	return 0
}

// partOf is what an answer holds. asked tells that a part from an offset on was asked for.
func partOf(resp *http.Response, asked bool, from int64) (*part, error) {
	h := resp.Header
	p := &part{body: resp.Body, is: version{tag: h.Get("ETag"), modified: h.Get("Last-Modified"), length: resp.ContentLength}}
	at, err1 := http.ParseTime(p.is.modified)
	now, err2 := http.ParseTime(h.Get("Date"))
	p.is.settled = err1 == nil && err2 == nil && now.Sub(at) >= 2*time.Second
	p.html = strings.Contains(strings.ToLower(h.Get("Content-Type")), "html")
	p.sure = resp.ContentLength >= 0 || slices.Contains(resp.TransferEncoding, "chunked")
	switch coding := strings.ToLower(strings.TrimSpace(h.Get("Content-Encoding"))); coding {
	case "", "identity", "gzip", "x-gzip", "zstd": // which are unpacked as a file is
	default:
		return nil, never(fmt.Errorf("%w: the answer is compressed in a way that was not asked for (%s)", ErrAway, plain.Line(coding)))
	}
	if resp.StatusCode == http.StatusOK {
		return p, nil
	}
	begin, length, ok := contentRange(h.Get("Content-Range"))
	if !asked || !ok || begin != from || resp.ContentLength >= 0 && length >= 0 && resp.ContentLength != length-from {
		return nil, never(fmt.Errorf("%w: the server answers with another part than was asked for", ErrAway))
	}
	p.from, p.is.length = begin, length
	return p, nil
}

// contentRange reads such as bytes 100-199/200. The length is -1 where it is not told.
func contentRange(text string) (begin, length int64, ok bool) {
	text, ok = strings.CutPrefix(strings.TrimSpace(text), "bytes ")
	span, total, _ := strings.Cut(text, "/")
	first, last, _ := strings.Cut(span, "-")
	begin, err := strconv.ParseInt(first, 10, 64)
	end, bad := strconv.ParseInt(last, 10, 64)
	length = -1
	if total != "*" {
		var wrong error
		if length, wrong = strconv.ParseInt(total, 10, 64); wrong != nil || end != length-1 {
			return 0, 0, false // of what was asked for, all of the rest
		}
	}
	return begin, length, ok && err == nil && bad == nil && end >= begin
}
