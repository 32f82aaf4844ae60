package cognigy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"importer/importer/contact"
)

const testKey = "0123secret4567"

func TestClassifyAnswers(t *testing.T) {
	const nginx = "<html>\r\n<head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"
	api := func(status, code, detail string) string {
		return `{"type":"about:blank","title":"Error","status":` + status + `,"detail":"` + detail + `","code":` + code + `,"traceId":"api-trace-1"}`
	}
	tests := []struct {
		name   string
		op     operation
		status int
		after  string
		body   string
		class  contact.Class
		want   contact.Failure // Hint: a part of it
	}{
		{"refused field", opCreate, 400, "", api("400", "1005", "field 'x' is not allowed"), contact.Permanent,
			contact.Failure{Code: 1005, Field: "x", Detail: "field 'x' is not allowed", TraceID: "api-trace-1", Hint: `"x"`}},
		{"code as a string", opCreate, 400, "", api("400", `"1000"`, "Missing argument"), contact.Permanent,
			contact.Failure{Code: 1000, Detail: "Missing argument", TraceID: "api-trace-1", Hint: "correct the row"}},
		{"code that is no number", opCreate, 400, "", api("400", `"E_BAD"`, "no"), contact.Permanent,
			contact.Failure{Detail: "no", TraceID: "api-trace-1"}},
		{"field in details", opCreate, 400, "", `{"detail":"invalid","code":1005,"details":{"errors":[{"message":"no","path":"profile.age"}]}}`, contact.Permanent,
			contact.Failure{Code: 1005, Field: "age", Detail: "invalid"}},
		{"JSON pointer in details", opCreate, 400, "", `{"detail":"invalid","code":1005,"details":[{"instancePath":"/profile/tasks/0"}]}`, contact.Permanent,
			contact.Failure{Code: 1005, Field: "tasks.0", Detail: "invalid"}},
		{"rule in detail", opCreate, 400, "", api("400", "1005", "data.contactIds[0] should be string"), contact.Permanent,
			contact.Failure{Code: 1005, Field: "contactIds", Detail: "data.contactIds[0] should be string", TraceID: "api-trace-1"}},
		{"title alone", opCreate, 400, "", `{"title":"Bad Request","code":400}`, contact.Permanent, contact.Failure{Code: 400, Detail: "Bad Request"}},
		{"title, and no code", opCreate, 400, "", `{"title":"Bad Request"}`, contact.Ambiguous,
			contact.Failure{Detail: "Bad Request, not from the API: Bad Request", Hint: "on the way"}},
		{"framework's message", opCreate, 400, "", `{"statusCode":400,"message":"Unexpected token"}`, contact.Ambiguous,
			contact.Failure{Detail: "Bad Request, not from the API: Unexpected token", Hint: "on the way"}},
		{"truncated problem", opCreate, 400, "", `{"code":1005,"detail":"too old","traceId":"abc`, contact.Permanent,
			contact.Failure{Code: 1005, Detail: "too old"}},
		{"problem of another shape", opCreate, 400, "", `["no"]`, contact.Ambiguous, contact.Failure{Detail: `Bad Request, not from the API: ["no"]`}},
		{"too large", opCreate, 413, "", api("413", "413", "request entity too large"), contact.Permanent,
			contact.Failure{Code: 413, Detail: "request entity too large", TraceID: "api-trace-1", Hint: "60 kB"}},
		{"too large for a proxy", opCreate, 413, "", "<title>413 Request Entity Too Large</title>", contact.Ambiguous,
			contact.Failure{Detail: `Request Entity Too Large, not from the API: a page titled "413 Request Entity Too Large"`, Hint: "60 kB"}},

		{"unknown project", opCreate, 404, "", api("404", "1002", "Project not found"), contact.Fatal,
			contact.Failure{Code: 1002, Detail: "Project not found", TraceID: "api-trace-1", Hint: "--project-id"}},
		{"unknown project, with its id", opCreate, 400, "", api("400", "1005", "The project with id '65f0000000000000000000aa' does not exist."), contact.Fatal,
			contact.Failure{Code: 1005, Detail: "The project with id '65f0000000000000000000aa' does not exist.", TraceID: "api-trace-1", Hint: "--project-id"}},
		{"malformed project id", opList, 400, "", api("400", "1005", "Invalid project id"), contact.Fatal,
			contact.Failure{Code: 1005, Detail: "Invalid project id", TraceID: "api-trace-1", Hint: "--project-id"}},
		{"project id in details", opCreate, 400, "", `{"detail":"invalid","code":1005,"details":{"field":"projectId"}}`, contact.Fatal,
			contact.Failure{Code: 1005, Field: "projectId", Detail: "invalid", Hint: "--project-id"}},
		{"project id against a rule", opCreate, 400, "", api("400", "1005", `'projectId' should match pattern`), contact.Fatal,
			contact.Failure{Code: 1005, Field: "projectId", Detail: "'projectId' should match pattern", TraceID: "api-trace-1", Hint: "--project-id"}},
		{"a row's own field of that name", opCreate, 400, "", api("400", "1005", "field 'projectId' is not allowed"), contact.Permanent,
			contact.Failure{Code: 1005, Field: "projectId", Detail: "field 'projectId' is not allowed", TraceID: "api-trace-1"}},
		{"a row's own field, by its path", opCreate, 400, "", `{"detail":"invalid","code":1005,"details":{"path":"profile.projectId"}}`, contact.Permanent,
			contact.Failure{Code: 1005, Field: "projectId", Detail: "invalid"}},
		{"a row that speaks of projects", opCreate, 400, "", api("400", "1005", "profile.memories: 'the project was not found' should be shorter"), contact.Permanent,
			contact.Failure{Code: 1005, Detail: "profile.memories: 'the project was not found' should be shorter", TraceID: "api-trace-1"}},
		{"a row's project as a value", opCreate, 400, "", api("400", "1005", "'Project X' is not a valid gender"), contact.Permanent,
			contact.Failure{Code: 1005, Detail: "'Project X' is not a valid gender", TraceID: "api-trace-1"}},
		{"a contact of the project", opCreate, 404, "", api("404", "1002", "Contact not found in project 65f0000000000000000000aa"), contact.Permanent,
			contact.Failure{Code: 1002, Detail: "Contact not found in project 65f0000000000000000000aa", TraceID: "api-trace-1"}},

		{"create, not found", opCreate, 404, "", api("404", "1002", "Not found"), contact.Permanent,
			contact.Failure{Code: 1002, Detail: "Not found", TraceID: "api-trace-1"}},
		{"create, no such path", opCreate, 404, "", "<pre>Cannot POST /new/v2.0/profiles</pre>", contact.Ambiguous,
			contact.Failure{Detail: "Not Found, not from the API: a page: Cannot POST /new/v2.0/profiles", Hint: "--base-url"}},
		{"get, not found", opGet, 404, "", api("404", "1002", "Not found"), contact.Permanent,
			contact.Failure{Code: 1002, Detail: "Not found", TraceID: "api-trace-1", Hint: "expired"}},
		{"get, nothing found", opGet, 404, "", "", contact.Transient, contact.Failure{Detail: "Not Found, without a reason", Hint: "on the way"}},
		{"get, no such path", opGet, 404, "", "<pre>Cannot GET /v2.0/profiles/x</pre>", contact.Transient,
			contact.Failure{Detail: "Not Found, not from the API: a page: Cannot GET /v2.0/profiles/x", Hint: "--base-url"}},
		{"method not allowed", opCreate, 405, "", api("405", "1013", "no"), contact.Fatal,
			contact.Failure{Code: 1013, Detail: "no", TraceID: "api-trace-1", Hint: "--base-url"}},

		{"wrong key", opCreate, 401, "", api("401", "401", "Unauthorized"), contact.Fatal,
			contact.Failure{Code: 401, Detail: "Unauthorized", TraceID: "api-trace-1", Hint: "$COGNIGY_API_KEY or api.api_key_file"}},
		{"plan", opCreate, 402, "", api("402", "402", "used up"), contact.Fatal,
			contact.Failure{Code: 402, Detail: "used up", TraceID: "api-trace-1", Hint: "plan"}},
		{"role", opCreate, 403, "", api("403", "403", "Forbidden"), contact.Fatal,
			contact.Failure{Code: 403, Detail: "Forbidden", TraceID: "api-trace-1", Hint: "contact_profile_admin"}},
		{"firewall", opCreate, 403, "", "<title>Blocked</title>", contact.Ambiguous,
			contact.Failure{Detail: `Forbidden, not from the API: a page titled "Blocked"`, Hint: "firewall"}},
		{"proxy", opCreate, 407, "", "", contact.Ambiguous, contact.Failure{Detail: "Proxy Authentication Required, without a reason", Hint: "$HTTPS_PROXY"}},
		{"redirect", opCreate, 302, "", "<a href=x>Found</a>", contact.Ambiguous,
			contact.Failure{Detail: "the server redirects, which is not followed", Hint: "--base-url"}},

		{"conflict", opCreate, 409, "", api("409", "1004", "exists"), contact.Conflict,
			contact.Failure{Code: 1004, Detail: "exists", TraceID: "api-trace-1", Hint: "already"}},
		{"throttled", opCreate, 429, "7", api("429", "429", "slow down"), contact.Throttled,
			contact.Failure{Code: 429, Detail: "slow down", TraceID: "api-trace-1", Hint: "--rate"}},
		{"request timeout", opCreate, 408, "", "", contact.Ambiguous, contact.Failure{Detail: "Request Timeout, without a reason"}},

		{"unavailable, and until when", opCreate, 503, "7", "", contact.Transient, contact.Failure{Detail: "Service Unavailable, without a reason"}},
		{"unavailable", opCreate, 503, "", "", contact.Ambiguous, contact.Failure{Detail: "Service Unavailable, without a reason"}},
		{"unavailable, and garbage", opCreate, 503, "soon", "", contact.Ambiguous, contact.Failure{Detail: "Service Unavailable, without a reason"}},
		{"server error", opCreate, 500, "", api("500", "1008", "oops"), contact.Ambiguous,
			contact.Failure{Code: 1008, Detail: "oops", TraceID: "api-trace-1", Hint: "support"}},
		{"server error, empty", opCreate, 500, "", "", contact.Ambiguous, contact.Failure{Detail: "Internal Server Error, without a reason"}},
		{"gateway", opCreate, 502, "", nginx, contact.Ambiguous,
			contact.Failure{Detail: `Bad Gateway, not from the API: a page titled "502 Bad Gateway"`}},
		{"gateway timeout", opCreate, 504, "", "", contact.Ambiguous, contact.Failure{Detail: "Gateway Timeout, without a reason"}},
		{"gateway timeout of a read", opList, 504, "", "", contact.Transient, contact.Failure{Detail: "Gateway Timeout, without a reason"}},
		{"not implemented", opCreate, 501, "", "", contact.Ambiguous, contact.Failure{Detail: "Not Implemented, without a reason"}},
		{"a status nobody knows", opCreate, 599, "", "", contact.Ambiguous, contact.Failure{Detail: "an unknown status, without a reason"}},
		{"a switch of protocols", opCreate, 101, "", "", contact.Ambiguous, contact.Failure{Detail: "Switching Protocols, without a reason"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := classify(exchange{op: tt.op, sent: true, status: tt.status, retryAfter: tt.after, body: []byte(tt.body), key: testKey})
			if e.Class != tt.class {
				t.Errorf("class %v, want %v", e.Class, tt.class)
			}
			if !strings.Contains(e.Hint, tt.want.Hint) || e.Hint == "" {
				t.Errorf("hint %q does not contain %q", e.Hint, tt.want.Hint)
			}
			tt.want.Hint, tt.want.HTTP = e.Hint, tt.status
			if e.Failure != tt.want {
				t.Errorf("got  %+v\nwant %+v", e.Failure, tt.want)
			}
			if want := map[string]time.Duration{"7": 7 * time.Second}[tt.after]; e.RetryAfter != want {
				t.Errorf("retry after %v, want %v", e.RetryAfter, want)
			}
		})
	}
}

func TestClassifyTransportErrors(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	tests := []struct {
		name   string
		op     operation
		sent   bool
		err    error
		class  contact.Class
		detail string
		hint   string

		hopeless bool
	}{
		{"refused", opCreate, false, dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), contact.Transient, "nobody listens", "--base-url", false},
		{"no such host", opCreate, false, dial(&net.DNSError{Err: "no such host", Name: "api.invalid", IsNotFound: true}), contact.Transient, "api.invalid cannot be looked up: no such host", "--base-url", true},
		{"name server that fails", opCreate, false, dial(&net.DNSError{Err: "server misbehaving", Name: "api.example", IsTemporary: true}), contact.Transient, "server misbehaving", "--base-url", false},
		{"TLS that fails for a moment", opCreate, false, &net.OpError{Op: "remote error", Err: tls.AlertError(80)}, contact.Transient, "internal error", "network", false},
		{"network unreachable", opCreate, false, dial(os.NewSyscallError("connect", syscall.ENETUNREACH)), contact.Transient, "unreachable", "network", false},
		{"proxy that is busy", opCreate, false, &proxyError{429}, contact.Transient, "429", "$HTTPS_PROXY", false},
		{"proxy settings", opCreate, false, errProxySettings, contact.Transient, "cannot be read", "$HTTPS_PROXY", true},
		{"certificate wanted", opCreate, true, &net.OpError{Op: "remote error", Err: tls.AlertError(116)}, contact.Ambiguous, "certificate required", "client_cert_file", true},
		{"not HTTP", opCreate, true, errors.New(`net/http: HTTP/1.x transport connection broken: malformed HTTP response "SSH-2.0"`), contact.Ambiguous, "no HTTP", "port", true},
		{"dial timeout", opCreate, false, dial(os.ErrDeadlineExceeded), contact.Transient, "no connection in time", "network", false},
		{"handshake", opCreate, false, &net.OpError{Op: "remote error", Err: tls.AlertError(40)}, contact.Transient, "handshake failure", "api.client_cert_file", true},
		{"certificate", opCreate, false, &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, contact.Transient, "unknown authority", "certificate", true},
		{"not TLS", opCreate, false, tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, contact.Transient, "TLS", "scheme", true},
		{"proxy wants a password", opCreate, false, &proxyError{407}, contact.Transient, "407 Proxy", "$HTTPS_PROXY", true},
		{"cancelled before", opCreate, false, context.Canceled, contact.Transient, "cancelled", "", false},
		{"cancelled after", opCreate, true, context.Canceled, contact.Ambiguous, "cancelled", "", false},
		{"timeout before", opCreate, false, &timeoutError{time.Second}, contact.Transient, "no connection in time", "network", false},
		{"timeout after", opCreate, true, &timeoutError{time.Second}, contact.Ambiguous, "no answer within 1s", "--timeout", false},
		{"end of file", opCreate, true, io.EOF, contact.Ambiguous, "broke", "network", false},
		{"reset", opCreate, true, os.NewSyscallError("read", syscall.ECONNRESET), contact.Ambiguous, "reset", "network", false},
		{"reset of a read", opList, true, os.NewSyscallError("read", syscall.ECONNRESET), contact.Transient, "reset", "network", false},
		{"unknown before", opCreate, false, errors.New("?"), contact.Transient, "?", "network", false},
		{"unknown after", opCreate, true, errors.New("?"), contact.Ambiguous, "?", "network", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := classify(exchange{op: tt.op, sent: tt.sent, err: tt.err, key: testKey})
			if e.Class != tt.class {
				t.Errorf("class %v, want %v", e.Class, tt.class)
			}
			if !strings.Contains(e.Detail, tt.detail) || !strings.Contains(e.Hint, tt.hint) {
				t.Errorf("detail %q, hint %q", e.Detail, e.Hint)
			}
			if !errors.Is(e, tt.err) && !errors.As(e, new(tls.RecordHeaderError)) {
				t.Errorf("%v does not wrap %v", e, tt.err)
			}
			if e.HTTP != 0 || e.Author != contact.NoAnswer {
				t.Errorf("HTTP status %d from %v without an answer", e.HTTP, e.Author)
			}
			if e.Hopeless != tt.hopeless {
				t.Errorf("hopeless: %v", e.Hopeless)
			}
			if e.NoConnection != (tt.detail == "no connection in time") {
				t.Errorf("no connection: %v", e.NoConnection)
			}
		})
	}
}

func TestClassifyKeepsTheKeyOut(t *testing.T) {
	bodies := []string{
		`{"detail":"key ` + testKey + ` is unknown","traceId":"` + testKey + `","details":{"field":"` + testKey + `"}}`,
		`{"title":"` + testKey + `"}`,
		`<title>` + testKey + `</title>`,
		`X-API-Key: ` + testKey,
		`{"detail":"` + strings.Repeat("x", maxDetailBytes-5) + testKey + `"}`,
	}
	for _, body := range bodies {
		for _, status := range []int{302, 400, 401, 403, 500} {
			e := classify(exchange{op: opCreate, status: status, body: []byte(body), location: "https://" + testKey + "/", key: testKey})
			assertNoKey(t, e)
		}
	}
	for _, err := range []error{
		errors.New(`malformed HTTP response "` + testKey + `"`), &net.DNSError{Name: testKey, Err: testKey},
		&tls.CertificateVerificationError{Err: errors.New(testKey)}, &url.Error{Err: syscall.ECONNREFUSED, URL: testKey},
	} {
		assertNoKey(t, classify(exchange{op: opCreate, sent: true, err: err, key: testKey}))
		assertNoKey(t, classify(exchange{op: opCreate, err: err, key: testKey}))
	}
	for _, op := range []operation{opCreate, opList, opGet} {
		for _, body := range []string{
			"<title>" + testKey, testKey, `{"` + testKey + `":tru}`, `{"items":[{"_id":"` + testKey + `","profile":[]}]}`,
			`{"message":"` + testKey + `"}`, `{"_id":"` + testKey + `","contactIds":[]}`,
		} {
			assertNoKey(t, classify(exchange{op: op, id: profileID, status: 200, body: []byte(body), key: testKey}))
			assertNoKey(t, classify(exchange{op: op, id: profileID, status: 200, body: []byte(body), media: "text/" + testKey, key: testKey}))
			assertNoKey(t, classify(exchange{op: op, id: profileID, status: 200, body: []byte(body), broken: errors.New(testKey), key: testKey}))
		}
	}
	c := newClient(t, "http://127.0.0.1")
	_, err := c.Get(context.Background(), "/"+testKey)
	assertNoKey(t, err)
}

// A key that is also a word of ours is kept out of what others say, and not out
// of our own sentences. One that is too short to be a key is kept out of nothing.
func TestOnlyTextFromOutsideIsRedacted(t *testing.T) {
	var exchanges []exchange
	for _, status := range []int{100, 302, 400, 401, 402, 403, 404, 405, 407, 408, 409, 413, 429, 500, 502, 503} {
		for _, body := range []string{"", `{"code":1,"title":"about:blank"}`} {
			if body != "" && (status == 100 || status == 407) {
				continue // not the API's, whatever it is: it is shown
			}
			for _, op := range []operation{opCreate, opGet} {
				exchanges = append(exchanges, exchange{op: op, status: status, body: []byte(body)})
			}
		}
	}
	for _, err := range []error{
		&timeoutError{time.Second}, errNotAgain, errInterim, context.Canceled, io.EOF, &net.DNSError{Name: "x", Err: "?"},
		&tls.CertificateVerificationError{Err: errors.New("?")}, os.NewSyscallError("x", syscall.ECONNREFUSED),
	} {
		exchanges = append(exchanges, exchange{op: opCreate, err: err}, exchange{op: opCreate, err: err, sent: true})
	}
	words := map[string]bool{}
	for _, x := range exchanges {
		e := classify(x)
		for _, word := range strings.Fields(e.Detail + " " + e.Hint) {
			words[word], words[strings.Trim(word, ",;:()")] = true, true
		}
	}
	for _, x := range exchanges {
		want := classify(x)
		for word := range words {
			if theirs := x.err != nil && !errors.As(x.err, new(*timeoutError)) && x.err != errNotAgain && x.err != errInterim; theirs &&
				strings.Contains(x.err.Error(), word) {
				continue
			}
			x.key = word
			if got := classify(x); got.Failure != want.Failure {
				t.Errorf("with the key %q: %+v, want %+v", word, got.Failure, want.Failure)
			}
		}
	}

	x := exchange{op: opCreate, err: errors.New("http: server gave HTTP response to HTTPS client"), key: "response"}
	if e := classify(x); !e.Hopeless || e.Hint != hintPlainHTTP || strings.Contains(e.Detail, "response") {
		t.Errorf("%v, %+v", e.Class, e.Failure)
	}
	x = exchange{op: opCreate, status: 401, body: []byte(`{"detail":"the environment is missing or wrong","code":401,"traceId":"environment"}`)}
	x.key = "environment"
	if e := classify(x); e.Detail != "the [API key] is missing or wrong" || e.TraceID != "[API key]" || e.Hint != hintKey {
		t.Errorf("%+v", e.Failure)
	}
	x.key = "wrong"
	if e := classify(x); e.Detail != "the environment is missing or wrong" || e.Hint != hintKey {
		t.Errorf("%+v", e.Failure)
	}
}

func assertNoKey(t *testing.T, err error) {
	t.Helper()
	var e *contact.APIError
	if !errors.As(err, &e) {
		t.Fatalf("%v is no APIError", err)
	}
	texts := []string{err.Error(), e.Detail, e.Field, e.TraceID, e.Hint}
	for inner := e.Err; inner != nil; inner = errors.Unwrap(inner) {
		texts = append(texts, inner.Error())
	}
	for _, s := range texts {
		if strings.Contains(s, "secret") {
			t.Errorf("the key is in %q", s)
		}
	}
}

func TestCleanDetails(t *testing.T) {
	tests := []struct{ in, want string }{
		{" a\r\n\tb\x00c\x1b[31m ", "a b c [31m"},
		{"evil\u202egnp.exe", "evilgnp.exe"},
		{"caf\xe9 Zoë 名前", "caf\ufffd Zoë 名前"},
		{strings.Repeat("é", 400), strings.Repeat("é", 250) + " …"},
	}
	for _, tt := range tests {
		if got := clean(tt.in); got != tt.want {
			t.Errorf("clean(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}
