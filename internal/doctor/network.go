package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"time"

	"importer/importer/contact"
	"importer/internal/cognigy"
)

// A Route is the way to the API.
type Route struct {
	base  *url.URL
	proxy *url.URL // nil: none
	trust cognigy.Trust
}

// NewRoute is the way to a base URL in its normal form, by the proxy that the
// environment names for it.
func NewRoute(baseURL string, trust cognigy.Trust) (Route, error) {
	base, err := url.Parse(baseURL)
	if err != nil {
		return Route{}, err
	}
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: base})
	if err != nil { // which is not shown: a password may stand in it
		return Route{}, errors.New("the address of the proxy cannot be read: correct $HTTPS_PROXY or $HTTP_PROXY, as in http://host:port")
	}
	return Route{base, proxy, trust}, nil
}

// Encrypted tells whether there is TLS to look at.
func (r Route) Encrypted() bool { return r.base.Scheme == "https" }

// Host is the name of the API's machine.
func (r Route) Host() string { return r.base.Hostname() }

// next is whom this machine connects to: the proxy, or the API. about says so where it
// is the proxy.
func (r Route) next() (u *url.URL, about string) {
	if r.proxy != nil {
		return r.proxy, ", the proxy on the way to " + r.base.Host
	}
	return r.base, ""
}

// hint is what to look at where there is no way.
func (r Route) hint() string {
	if r.proxy != nil {
		return "look at $HTTPS_PROXY, $HTTP_PROXY and $NO_PROXY"
	}
	return "look at the host and the port of --base-url"
}

var ports = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}

func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = ports[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// DNS looks up the name that this machine connects to.
func (r Route) DNS(ctx context.Context) Check {
	ctx, cancel := Limited(ctx)
	defer cancel()
	u, about := r.next()
	host := u.Hostname()
	if net.ParseIP(host) != nil {
		return ok("dns", "%s%s is an address, and needs no name server", host, about)
	}
	found, err := net.DefaultResolver.LookupHost(ctx, host)
	if err == nil {
		shown := found[:min(len(found), 3)]
		return ok("dns", "%s%s is %s", host, about, strings.Join(shown, ", "))
	}
	c := Check{"dns", Fail, fmt.Sprintf("the host %s%s cannot be looked up: %v", host, about, err), r.hint() + "; behind a proxy, set $HTTPS_PROXY"}
	if dns, is := errors.AsType[*net.DNSError](err); is {
		c.Detail = fmt.Sprintf("the host %s%s cannot be looked up: %s", host, about, dns.Err)
		if !dns.IsNotFound {
			c.Hint = "look at this machine's name server and network; behind a proxy, set $HTTPS_PROXY"
		}
	}
	return c
}

// Connect connects, and says nothing.
func (r Route) Connect(ctx context.Context) Check {
	ctx, cancel := Limited(ctx)
	defer cancel()
	u, about := r.next()
	began := time.Now()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address(u))
	switch {
	case err == nil:
		took := time.Since(began)
		_ = conn.Close() // nothing was said
		return ok("connect", "%s%s takes connections (%v)", address(u), about, took.Round(100*time.Microsecond))
	case errors.Is(err, syscall.ECONNREFUSED):
		return Check{"connect", Fail, fmt.Sprintf("nobody listens at %s%s", address(u), about), r.hint()}
	case ctx.Err() != nil:
		return Check{"connect", Fail, fmt.Sprintf("%s%s does not take a connection within %v", address(u), about, Limit),
			r.hint() + ", and at firewalls; where the network has a proxy, set $HTTPS_PROXY"}
	}
	return Check{"connect", Fail, fmt.Sprintf("no connection to %s%s: %v", address(u), about, err), r.hint()}
}

// errLooked ends a handshake of TLS that has come as far as it is looked at.
var errLooked = errors.New("the certificate was looked at")

// A proxyRefusal is the status with which a proxy does not connect to the API.
type proxyRefusal int

func (p proxyRefusal) Error() string {
	return fmt.Sprintf("the proxy does not connect to the API: it says %d %s", int(p), http.StatusText(int(p)))
}

// TLS looks at the certificate that the API shows, and at whether it is the API's. No
// request is sent: the handshake is as far as it goes.
func (r Route) TLS(ctx context.Context) Check {
	if !r.Encrypted() {
		return Check{"tls", Warn, r.base.Host + " is not encrypted: everybody on the way can read the API key and the contacts", "write https:// in --base-url"}
	}
	ctx, cancel := Limited(ctx)
	defer cancel()
	var seen tls.ConnectionState
	config := r.trust.TLS()
	config.VerifyConnection = func(s tls.ConnectionState) error {
		if r.proxy != nil && r.proxy.Scheme == "https" && seen.PeerCertificates == nil && s.ServerName == r.proxy.Hostname() && s.ServerName != r.Host() {
			return nil // of the proxy
		}
		seen = s
		return errLooked
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	transport := &http.Transport{
		Proxy: http.ProxyURL(r.proxy), TLSClientConfig: config, Protocols: protocols, DisableKeepAlives: true,
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
			if resp.StatusCode != http.StatusOK {
				return proxyRefusal(resp.StatusCode)
			}
			return nil
		},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base.String(), nil)
	if err != nil {
		return Check{"tls", Fail, err.Error(), r.hint()}
	}
	resp, err := transport.RoundTrip(req)
	if err == nil { // there was no handshake: not with https
		_ = resp.Body.Close()
		return Check{"tls", Fail, "there was no handshake of TLS", r.hint()}
	}
	if errors.Is(err, errLooked) {
		return r.judge(seen, time.Now())
	}
	return r.noTLS(ctx, err)
}

// expiresSoon is how long before the end of a certificate somebody should look.
const expiresSoon = 14 * 24 * time.Hour

// interceptor are makers of what opens TLS on its way out of a company.
var interceptor = regexp.MustCompile(`(?i)zscaler|netskope|forti(?:net|gate)|palo ?alto|blue ?coat|forcepoint|sophos|check ?point|umbrella|sonicwall|barracuda|mitmproxy|squid|kaspersky|eset ssl|web ?gateway|ssl inspection`)

// judge is about a certificate that this machine trusts.
func (r Route) judge(s tls.ConnectionState, now time.Time) Check {
	leaf := s.PeerCertificates[0]
	ends := leaf.NotAfter
	if len(s.VerifiedChains) > 0 {
		for _, c := range s.VerifiedChains[0] {
			if c.NotAfter.Before(ends) {
				ends = c.NotAfter
			}
		}
	}
	issuer := contact.Printable(leaf.Issuer.String())
	c := ok("tls", "the certificate of %s is valid until %s, made by %s", r.base.Host, ends.UTC().Format(time.DateOnly), issuer)
	switch {
	case ends.Sub(now) < expiresSoon:
		c.Status, c.Hint = Warn, fmt.Sprintf("it expires in %v: tell whoever runs the API", ends.Sub(now).Round(time.Hour))
	case interceptor.MatchString(issuer):
		c.Status, c.Hint = Warn, "something on the way opens TLS, and reads the API key and the contacts: have this host excepted if that is not wanted"
	}
	return c
}

// noTLS is about a handshake that failed.
func (r Route) noTLS(ctx context.Context, err error) Check {
	c := Check{"tls", Fail, "no TLS with " + r.base.Host + ": " + contact.Printable(err.Error()), r.hint()}
	refused, isRefusal := errors.AsType[proxyRefusal](err)
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	foreign, isForeign := errors.AsType[x509.HostnameError](err)
	unknown, isUnknown := errors.AsType[x509.UnknownAuthorityError](err)
	switch {
	case isRefusal:
		c.Detail, c.Hint = refused.Error(), "look at the proxy in $HTTPS_PROXY, at its user name and password there, and at what it allows"
	case isInvalid && invalid.Reason == x509.Expired && invalid.Cert != nil:
		c.Detail = fmt.Sprintf("the certificate of %s is valid from %s to %s, and this machine's clock says %s",
			r.base.Host, invalid.Cert.NotBefore.UTC().Format(time.DateOnly), invalid.Cert.NotAfter.UTC().Format(time.DateOnly), time.Now().UTC().Format(time.DateOnly))
		c.Hint = "tell whoever runs the API, unless it is this machine's clock that is wrong"
	case isForeign:
		c.Detail = fmt.Sprintf("%s shows the certificate of another host: %s", r.base.Host, contact.Printable(foreign.Error()))
		c.Hint = "look at the host of --base-url: it must be the name that the certificate is for"
	case isUnknown && unknown.Cert != nil:
		issuer := contact.Printable(unknown.Cert.Issuer.String())
		c.Detail = fmt.Sprintf("nobody whom this machine trusts made the certificate of %s: %s did", r.base.Host, issuer)
		c.Hint = "where a proxy opens TLS, or the company has an authority of its own, name its certificate in api.ca_file or $SSL_CERT_FILE"
		if interceptor.MatchString(issuer) {
			c.Hint = "a proxy on the way opens TLS: name its certificate in api.ca_file or $SSL_CERT_FILE, or have this host excepted"
		}
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"), strings.Contains(err.Error(), "first record does not look like a TLS handshake"):
		c.Detail, c.Hint = r.base.Host+" speaks http:// on this port", "look at the scheme and the port of --base-url"
	case ctx.Err() != nil:
		c.Detail = fmt.Sprintf("%s begins no TLS within %v", r.base.Host, Limit)
	case strings.Contains(err.Error(), "remote error: tls:"):
		c.Hint = "look at the host of --base-url, and at api.client_cert_file if the server wants to see a certificate"
	}
	return c
}
