package cognigy

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"importer/importer/contact"
)

// An exchange is what is known of a request: the answer, or the transport's error
// where status is 0.
type exchange struct {
	op operation
	id string // in the path of the operation
	// sent: the request may have reached the server, if only in part.
	sent bool
	err  error

	status     int
	body       []byte // as far as it was read
	broken     error  // what ended the reading of it early
	media      string // the headers Content-Type,
	date       string // and those of these names
	retryAfter string
	location   string
	now        time.Time

	key string // to be kept out of all texts that come from outside
}

// Sentences for people, who know their settings and not HTTP.
const (
	hintBaseURL       = "look at --base-url: it must name the API, such as https://api-trial.cognigy.ai, and not the user interface"
	hintKey           = "look at $COGNIGY_API_KEY or api.api_key_file: the key may be wrong or revoked, and a key belongs to one environment, so it must come from the one that --base-url names"
	hintPlan          = "the plan's quota is used up: free some or ask the vendor to raise it, then run the same command again"
	hintRole          = "the key's user needs the role contact_profile_admin in the project of --project-id"
	hintProject       = "look at --project-id: the project must exist in the environment that --base-url names, and the key's user must be a member of it"
	hintSize          = "shorten the row's longest values: the API takes bodies of about 60 kB (HTTP_JSON_BODY_LIMIT on own installations)"
	hintExists        = "a profile with one of these contact ids is there already"
	hintWait          = "somebody else behind the same IP address may use the quota too: lower --rate"
	hintServer        = "the server failed; give the trace id to the vendor's support if it goes on"
	hintNetwork       = "look at --base-url, the network and the proxy settings ($HTTPS_PROXY, $NO_PROXY)"
	hintGateway       = "a server failed, or something on the way that cannot reach it or keeps it closed: look at the API's state, then at --base-url and the proxy settings ($HTTPS_PROXY, $NO_PROXY)"
	hintProxy         = "look at the proxy in $HTTPS_PROXY, at its user name and password there, and at what it allows"
	hintTimeout       = "raise --timeout, or lower --workers, if the API is slow"
	hintCert          = "the server's certificate is not trusted: look at --base-url and this machine's clock; behind a proxy that opens TLS, or with a certificate authority of your own, point $SSL_CERT_FILE at its certificate"
	hintPlainHTTP     = "the server speaks http:// on this port: look at the scheme and the port of --base-url"
	hintPage          = "look at --base-url, which must name the API and not the user interface, and at the proxy settings ($HTTPS_PROXY, $NO_PROXY)"
	hintTLSPort       = "the server speaks https:// on this port: look at the scheme and the port of --base-url"
	hintTLS           = "look at the host and the port of --base-url, and at api.client_cert_file if the server wants to see a certificate"
	hintNoHTTP        = "something else than the API listens there: look at the host and the port of --base-url, and at the proxy settings ($HTTPS_PROXY, $NO_PROXY)"
	hintWay           = "something on the way answered, not the API, such as a proxy, firewall, gateway or cache"
	hintRow           = "correct the row and import it again"
	hintProxySettings = "correct $HTTPS_PROXY or $HTTP_PROXY: http://host:port, with user:password@ before the host where the proxy wants them"
	hintGone          = "the profile is not there: it may have expired or been deleted"
)

// classify says what a failed exchange means and what may be done about it. It
// is the only place that does. It is pure: the same exchange, the same error.
//
// A request that cannot be told to have had no effect is Ambiguous; a read has
// none, so that what would be Ambiguous is Transient there. That a request had none,
// or is refused for good, only the API can say.
func classify(x exchange) *contact.APIError {
	var e *contact.APIError
	switch author, _ := authorOf(x); {
	case x.status == 0:
		e = classifyTransport(x)
	case author == contact.API:
		e = classifyAnswer(x)
	case author == contact.Way:
		e = classifyWay(x)
	default:
		e = classifyBroken(x)
	}
	if e.Class == contact.Ambiguous && x.op.safe {
		e.Class = contact.Transient
	}
	e.HTTP, e.Detail = x.status, clean(e.Detail)
	return e
}

// A verdict is what a status means.
type verdict struct {
	class contact.Class // where the API gave it
	hint  string
	look  string // the hint where something on the way gave it; empty: hintNetwork
}

// verdicts are those of single statuses, and by their first digit of all others.
var verdicts = map[int]verdict{
	2:                                {look: hintPage},
	3:                                {look: hintPage},
	4:                                {class: contact.Permanent, hint: hintRow},
	5:                                {class: contact.Ambiguous, hint: hintServer},
	http.StatusUnauthorized:          {contact.Fatal, hintKey, hintKey},
	http.StatusPaymentRequired:       {contact.Fatal, hintPlan, hintPlan},
	http.StatusForbidden:             {class: contact.Fatal, hint: hintRole},
	http.StatusNotFound:              {contact.Permanent, hintRow, hintPage},
	http.StatusMethodNotAllowed:      {contact.Fatal, hintBaseURL, hintPage},
	http.StatusProxyAuthRequired:     {look: hintProxy}, // never the API's
	http.StatusConflict:              {class: contact.Conflict, hint: hintExists},
	http.StatusRequestEntityTooLarge: {contact.Permanent, hintSize, hintSize},
	http.StatusTooManyRequests:       {contact.Throttled, hintWait, hintWait},
	// Said of a request that did not arrive whole, and by some servers of one that
	// took them too long.
	http.StatusRequestTimeout: {contact.Ambiguous, hintTimeout, hintTimeout},
}

func verdictOf(status int) verdict {
	if v, ok := verdicts[status]; ok {
		return v
	}
	return verdicts[status/100]
}

// classifyAnswer is about an error that the API itself answered.
func classifyAnswer(x exchange) *contact.APIError {
	p, v := parseProblem(x.body), verdictOf(x.status)
	wait, told := parseRetryAfter(x.retryAfter, x.date, x.now)
	// A title of "about:blank" is RFC 7807's for a type that says nothing.
	said := x.redact(cmp.Or(p.detail, strings.TrimPrefix(p.title, "about:blank")))
	e := &contact.APIError{Author: contact.API, Class: v.class, RetryAfter: wait, Failure: contact.Failure{
		Code: p.code, Field: clean(x.redact(fieldOf(p.path))), TraceID: clean(x.redact(p.traceID)),
		Detail: cmp.Or(said, statusName(x.status)+", without a reason"), Hint: v.hint,
	}}
	switch status := x.status; {
	case (status == http.StatusBadRequest || status == http.StatusNotFound || status == http.StatusUnprocessableEntity) &&
		!x.op.onProfile() && p.blamesProject():
		e.Class, e.Hint = contact.Fatal, hintProject
	case status == http.StatusNotFound && x.op.onProfile():
		e.Hint = hintGone
	case status == http.StatusServiceUnavailable && told:
		e.Class = contact.Transient
	case e.Hint == hintRow && e.Field != "":
		e.Hint = "correct the column that is mapped to " + strconv.Quote(e.Field) + ", and import the row again; a custom field must be in the project's schema"
	}
	return e
}

func statusName(status int) string { return cmp.Or(http.StatusText(status), "an unknown status") }

// plainHTTP is how servers say that they want TLS.
var plainHTTP = regexp.MustCompile(`(?i)HTTP request (?:was sent )?to (?:an )?HTTPS|speaking plain HTTP`)

// classifyWay is about what something on the way answered in place of the API: it
// says nothing of what became of the request.
func classifyWay(x exchange) *contact.APIError {
	e := &contact.APIError{Author: contact.Way, Class: contact.Ambiguous, Failure: contact.Failure{Detail: describeWay(x)}}
	e.RetryAfter, _ = parseRetryAfter(x.retryAfter, x.date, x.now)
	look := cmp.Or(verdictOf(x.status).look, hintNetwork)
	switch status := x.status; {
	case status/100 == 3:
		e.Detail = "the server redirects, which is not followed"
		if to, err := url.Parse(x.location); err == nil && to.Hostname() != "" {
			e.Detail = "the server redirects to " + x.redact(to.Hostname()) + ", which is not followed"
		}
	case status == http.StatusBadRequest && plainHTTP.Match(x.body):
		look, e.Hopeless = hintTLSPort, true
	case status == http.StatusProxyAuthRequired:
		e.Hopeless = true
	case status/100 == 5:
		e.Hint = hintGateway // it may be the API, which did not get to say so in its own form
		return e
	}
	e.Hint = hintWay + "; " + look
	return e
}

// describeWay says what came in place of an answer of the API. Contacts of an answer
// that is not believed are not repeated.
func describeWay(x exchange) string {
	name, why, shown := statusName(x.status), "", ""
	if x.status/100 == 2 {
		_, err := decode(x)
		why = err.Error() // there is one, or it would be the API's
	}
	body := bare(x.body)
	body = body[:min(len(body), maxProblemBytes)]
	isPage := strings.Contains(mediaType(x.media), "html") || bytes.HasPrefix(body, []byte("<"))
	read, isTitle := htmlText(body)
	switch p := parseProblem(body); {
	case len(body) == 0:
	case isPage && isTitle:
		why, shown = "", "a page titled "+strconv.Quote(x.excerpt(read))
	case isPage:
		why, shown = "", "a page: "+cmp.Or(x.excerpt(read), "nothing on it")
	case bytes.Contains(x.body, []byte(`"contactIds"`)):
		shown = "profiles, which are not shown"
	default:
		shown = x.excerpt(cmp.Or(p.detail, p.message, p.title, read))
	}
	switch {
	case why == "" && shown == "":
		return name + ", without a reason"
	case why != "" && shown != "":
		why += ": "
	}
	return name + ", not from the API: " + why + shown
}

// classifyBroken is about a success that was not read to its end.
func classifyBroken(x exchange) *contact.APIError {
	err := x.redactError(x.broken)
	e := &contact.APIError{Class: contact.Ambiguous, Err: err}
	e.Detail, e.Hint = "the answer broke off: "+err.Error(), hintNetwork
	if errors.Is(err, contact.ErrTooLarge) {
		e.Detail, e.Hint = fmt.Sprintf("the answer is larger than %d MiB", maxAnswerBytes>>20), "ask for fewer profiles a page"
		if x.op.safe {
			e.Class = contact.Permanent
		}
	}
	return e
}

// classifyTransport is about a request without an answer.
func classifyTransport(x exchange) *contact.APIError {
	e := &contact.APIError{Class: contact.Transient, Err: x.redactError(x.err), NoConnection: !x.sent && isTimeout(x.err)}
	if x.sent {
		e.Class = contact.Ambiguous
	}
	text := e.Err.Error()
	e.Detail, e.Hint = text, hintNetwork
	dns, isDNS := errors.AsType[*net.DNSError](x.err)
	proxy, isProxy := errors.AsType[*proxyError](x.err)
	switch msg := x.err.Error(); {
	case errors.Is(x.err, errProxySettings):
		e.Hopeless, e.Hint = true, hintProxySettings
	case isProxy:
		e.Hopeless, e.Hint = proxy.refuses(), hintProxy
	case is[*tls.CertificateVerificationError](x.err), is[x509.SystemRootsError](x.err):
		e.Hopeless, e.Hint = true, hintCert
	case !x.sent && (is[tls.RecordHeaderError](x.err) || strings.Contains(msg, "server gave HTTP response to HTTPS client")):
		e.Hopeless, e.Hint = true, hintPlainHTTP
	case strings.Contains(msg, unasked):
		e.Hopeless, e.Detail, e.Hint = true, "the answer is no HTTP: the server sends something before it is asked", hintNoHTTP
	case strings.Contains(msg, "malformed HTTP "):
		e.Hopeless, e.Detail, e.Hint = true, "the answer is no HTTP: "+text, hintNoHTTP
	case isRefusedTLS(msg):
		e.Hopeless, e.Detail, e.Hint = true, "no TLS connection: "+text, hintTLS
	case is[*net.AddrError](x.err):
		e.Hopeless, e.Hint = true, hintBaseURL
	case isDNS:
		e.Hopeless = dns.IsNotFound
		e.Detail = fmt.Sprintf("the host %s cannot be looked up: %s", x.redact(dns.Name), x.redact(dns.Err))
	case errors.Is(x.err, syscall.ECONNREFUSED):
		e.Detail = "nobody listens: " + text
	case errors.Is(x.err, context.Canceled):
		e.Detail, e.Hint = "the request was cancelled", ""
	case isTimeout(x.err) && x.sent:
		e.Hint = hintTimeout
	case e.NoConnection:
		e.Detail = "no connection in time: " + text
	case x.sent:
		e.Detail = "the connection broke before the answer was there: " + text
	}
	return e
}

// is tells whether an error of type E is in err's chain.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && timeout.Timeout()
}

// unasked is how net/http says that it received something before it sent a request.
const unasked = "readLoopPeekFailLocked: %!w(<nil>)"

// isRefusedTLS tells whether one of the two sides refuses the other for its TLS: for
// a version, a name, or a certificate that is wanted. Under TLS 1.3 a server says so
// only after the request was sent. What is told of a moment's failure is no refusal.
func isRefusedTLS(msg string) bool {
	return strings.Contains(msg, "tls: ") && !strings.Contains(msg, "internal error") && !strings.Contains(msg, "user canceled") &&
		!strings.Contains(msg, "bad record MAC")
}
