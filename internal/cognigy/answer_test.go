package cognigy

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"importer/importer/contact"
)

// apiProblem is an error as the API documents it.
func apiProblem(status int, detail string) string {
	b, err := json.Marshal(map[string]any{
		"type": "about:blank", "title": "Error", "status": status, "detail": detail, "instance": "/v2.0/profiles", "code": 1000, "traceId": "t-1",
	})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// notTheAPIs are bodies of errors that something else than the API sends.
var notTheAPIs = map[string]struct{ media, body string }{
	"a page":                      {"text/html; charset=utf-8", "<!DOCTYPE html><html><head><title>Blocked</title></head></html>"},
	"a page without a type":       {"", "\n<html>"},
	"XML":                         {"application/xml", `<?xml version="1.0"?><error><code>1002</code></error>`},
	"text":                        {"text/plain", "404 page not found\n"},
	"nothing, as HTML":            {"text/html", ""},
	"Kong, AWS":                   {"application/json", `{"message":"no Route matched with those values"}`},
	"Tyk":                         {"application/json", `{"error":"Not found"}`},
	"Azure":                       {"application/json", `{"statusCode":404,"message":"Resource not found"}`},
	"Spring":                      {"application/json", `{"timestamp":"2026-03-01T00:00:00Z","status":404,"error":"Not Found","path":"/new/v2.0/profiles"}`},
	"Google":                      {"application/json", `{"code":5,"message":"Method does not exist.","details":[]}`},
	"WSO2":                        {"application/json", `{"code":"404","type":"Status report","message":"Runtime Error","description":"No matching resource found"}`},
	"Apigee":                      {"application/json", `{"fault":{"faultstring":"Unable to identify proxy","detail":{"errorcode":"messaging.adaptors.http"}}}`},
	"FastAPI":                     {"application/json", `{"detail":"Not Found"}`},
	"ASP.NET":                     {"application/problem+json", `{"type":"https://tools.ietf.org/html/rfc9110#section-15.5.5","title":"Not Found","status":404,"traceId":"00-17"}`},
	"Cloudflare":                  {"application/problem+json", `{"type":"https://example.com/1020","title":"Error 1020","status":403,"detail":"Access denied","instance":"17","error_code":1020}`},
	"a firewall":                  {"application/json", `{"blocked":true,"rule":"941100"}`},
	"code within":                 {"application/json", `{"error":{"code":1002,"title":"Not Found","detail":"x"}}`},
	"code without a value":        {"application/json", `{"code":null,"title":"Not Found","detail":"x"}`},
	"an empty object":             {"application/json", `{}`},
	"null":                        {"application/json", `null`},
	"a list":                      {"application/json", `{"items":[],"total":0}`},
	"an array":                    {"application/json", `[]`},
	"a profile":                   {"application/json", anyAnswer},
	"half a problem":              {"application/json", `{"title":"Not Found","status":404,"co`},
	"of another status":           {"application/json", apiProblem(599, "x")},
	"the API's problem, as HTML":  {"text/html", apiProblem(0, "x")},
	"the API's problem, as image": {"image/png", apiProblem(0, "x")},
}

// What each status of the API comes to. From the way none of them says anything.
func TestVerdicts(t *testing.T) {
	const (
		ambiguous, permanent, conflict, throttled, transient, fatal = contact.Ambiguous, contact.Permanent, contact.Conflict, contact.Throttled, contact.Transient, contact.Fatal
	)
	for _, tt := range []struct {
		status int
		class  contact.Class // of the API's own, for a write
		never  bool          // it is never the API's
	}{
		{101, 0, true}, {300, 0, true}, {301, 0, true}, {302, 0, true}, {304, 0, true}, {307, 0, true},
		{400, permanent, false}, {401, fatal, false}, {402, fatal, false}, {403, fatal, false}, {404, permanent, false}, {405, fatal, false},
		{406, permanent, false}, {407, 0, true}, {408, ambiguous, false}, {409, conflict, false}, {410, permanent, false}, {411, permanent, false},
		{413, permanent, false}, {414, permanent, false}, {415, permanent, false}, {418, permanent, false}, {421, permanent, false},
		{422, permanent, false}, {423, permanent, false}, {425, permanent, false}, {429, throttled, false}, {431, permanent, false},
		{451, permanent, false}, {495, permanent, false}, {499, permanent, false},
		{500, ambiguous, false}, {501, ambiguous, false}, {502, ambiguous, false}, {503, transient, false}, {504, ambiguous, false},
		{511, ambiguous, false}, {520, ambiguous, false}, {599, ambiguous, false},
	} {
		for _, op := range []operation{opCreate, opList, opGet, opUpdate, opDelete, opMerge, opGetSchema, opSetSchema} {
			x := exchange{op: op, id: profileID, sent: true, status: tt.status, retryAfter: "7"}
			way := ambiguous
			if op.safe {
				way = transient
			}
			check := func(name, media, body string, author contact.Author, class contact.Class) {
				t.Helper()
				x.media, x.body = media, []byte(body)
				e := classify(x)
				if e.Author != author || e.Class != class || e.HTTP != tt.status || e.Detail == "" || e.Hint == "" {
					t.Errorf("%s, %d, %s: %v from %v, want %v from %v: %+v", op.name, tt.status, name, e.Class, e.Author, class, author, e)
				}
				if e.RetryAfter.Seconds() != 7 {
					t.Errorf("%s, %d, %s: it is to be waited %v", op.name, tt.status, name, e.RetryAfter)
				}
				if author == contact.Way && !strings.Contains(e.Hint, "on the way") {
					t.Errorf("%s, %d, %s: hint %q", op.name, tt.status, name, e.Hint)
				}
			}
			own, author := tt.class, contact.API
			if own == ambiguous && op.safe {
				own = transient
			}
			if tt.never {
				own, author = way, contact.Way
			}
			for _, media := range []string{"application/json; charset=utf-8", "application/problem+json", "application/hal+json", "text/json", "text/plain", ""} {
				check(media, media, apiProblem(tt.status, "no"), author, own)
			}
			check("code as a string", "application/json", `{"title":"Error","code":"1000"}`, author, own)
			check("BOM", "application/json", "\xef\xbb\xbf"+apiProblem(tt.status, "no"), author, own)
			switch tt.status {
			case 429, 503: // of the limiter before the API
				check("empty", "", "", contact.API, own)
			default:
				check("empty", "", "", contact.Way, way)
			}
			for name, other := range notTheAPIs {
				if name == "nothing, as HTML" && (tt.status == 429 || tt.status == 503) || name == "of another status" && tt.status == 599 {
					continue
				}
				check(name, other.media, other.body, contact.Way, way)
			}
		}
	}
}

func TestUnavailableWithoutATime(t *testing.T) {
	for _, after := range []string{"", "soon"} {
		e := classify(exchange{op: opCreate, status: 503, retryAfter: after})
		if e.Class != contact.Ambiguous || e.Author != contact.Way {
			t.Errorf("%q: %v from %v", after, e.Class, e.Author)
		}
	}
}

// What the server gave as reason is shown, whoever it was.
func TestReasonIsShown(t *testing.T) {
	for body, want := range map[string]string{
		apiProblem(429, "monthly quota used up"):                         "monthly quota used up",
		`{"message":"monthly quota used up"}`:                            "Too Many Requests, not from the API: monthly quota used up",
		`{"error":{"message":"monthly quota used up"}}`:                  "Too Many Requests, not from the API: monthly quota used up",
		`{"title":"Too Many Requests","detail":"monthly quota used up"}`: "Too Many Requests, not from the API: monthly quota used up",
		`<html><title>Monthly quota &amp; more used up</title>`:          `Too Many Requests, not from the API: a page titled "Monthly quota & more used up"`,
		`<html><style>x</style><h1>Monthly quota</h1><p>used up`:         `Too Many Requests, not from the API: a page: Monthly quota used up`,
		`<html></html>`:          `Too Many Requests, not from the API: a page: nothing on it`,
		"Monthly quota\nused up": "Too Many Requests, not from the API: Monthly quota used up",
		`{"a":1}`:                `Too Many Requests, not from the API: {"a":1}`,
		`[{"_id":"x","contactIds":["ada@example.com"]}]`:                         "Too Many Requests, not from the API: profiles, which are not shown",
		strings.Repeat("quota ", 100):                                            "Too Many Requests, not from the API: " + strings.Repeat("quota ", 33) + "qu …",
		strings.Repeat("é", 150):                                                 "Too Many Requests, not from the API: " + strings.Repeat("é", 100) + " …",
		`{"type":"about:blank","title":"about:blank","code":429,"x":"é` + "\xff": "Too Many Requests, without a reason",
	} {
		e := classify(exchange{op: opCreate, status: 429, body: []byte(body)})
		if e.Detail != want {
			t.Errorf("%s:\ngot  %s\nwant %s", body, e.Detail, want)
		}
	}
}

// Servers say in words that they want TLS.
func TestPlainHTTPToTLS(t *testing.T) {
	for _, body := range []string{
		"Client sent an HTTP request to an HTTPS server.\n",
		"<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>",
		"<p>Reason: You're speaking plain HTTP to an SSL-enabled server port.</p>",
	} {
		e := classify(exchange{op: opCreate, status: 400, body: []byte(body)})
		if !e.Hopeless || !strings.Contains(e.Hint, "https://") || e.Author != contact.Way {
			t.Errorf("%s: %+v", body, e)
		}
	}
}

func FuzzAuthorOf(f *testing.F) {
	ops := []operation{opCreate, opList, opGet, opUpdate, opDelete, opMerge, opGetSchema, opSetSchema}
	for i := range ops {
		f.Add(i, 200, "application/json", anyAnswer, "")
		f.Add(i, 202, "application/json", anyAnswer, "")
		f.Add(i, 204, "", "", "")
		f.Add(i, 404, "application/problem+json", apiProblem(404, "no such profile"), "")
		f.Add(i, 503, "", "", "1767225600")
	}
	for _, other := range notTheAPIs {
		f.Add(0, 403, other.media, other.body, "7")
		f.Add(3, 200, other.media, other.body, "")
	}
	f.Fuzz(func(t *testing.T, i, status int, media, body, retryAfter string) {
		if i < 0 || i >= len(ops) || status < 100 || status > 999 {
			t.Skip()
		}
		x := exchange{op: ops[i], id: profileID, sent: true, status: status, media: media, body: []byte(body), retryAfter: retryAfter}
		author, got := authorOf(x)
		success := status/100 == 2
		page := strings.HasPrefix(media, "text/html") && body != "" || strings.HasPrefix(body, "<")
		switch {
		case author == contact.NoAnswer:
			t.Error("an answer came")
		case author == contact.API && page && status != 204:
			t.Error("a page is the API's")
		case author == contact.API && success:
			checkSuccess(t, x, got)
		default:
			checkFailure(t, x, author)
		}
		if x.body = []byte(apiProblem(status, body)); !success && status/100 >= 4 && status/100 <= 5 && status != 407 {
			x.media = "application/json"
			if author, _ := authorOf(x); author != contact.API {
				t.Errorf("%s is not the API's", x.body)
			}
		}
	})
}

func checkSuccess(t *testing.T, x exchange, got content) {
	switch x.op.name {
	case "create", "merge":
		if !validID(got.ID) || got.ContactIDs == nil || x.status == 202 {
			t.Errorf("success without a profile: %+v", got)
		}
	case "get":
		if got.found[0].ID != x.id || got.found[0].ContactIDs == nil {
			t.Errorf("another profile: %+v", got)
		}
	case "update", "delete":
		if got.ID != x.id && x.status != 204 && strings.TrimSpace(strings.TrimPrefix(string(x.body), "\xef\xbb\xbf")) != "" {
			t.Errorf("done, it says: %s", x.body)
		}
	case "list":
		for _, p := range got.page().Profiles {
			if !validID(p.ID) || p.ContactIDs == nil {
				t.Errorf("an item without id or contact ids: %+v", p)
			}
		}
	}
}

func checkFailure(t *testing.T, x exchange, author contact.Author) {
	e := classify(x)
	if e.Author != author || e.HTTP != x.status || e.Detail == "" || e.Hint == "" || !utf8.ValidString(e.Detail) || len(e.Detail) > maxDetailBytes+10 {
		t.Errorf("%+v", e)
	}
	if want := map[bool]contact.Class{false: contact.Ambiguous, true: contact.Transient}[x.op.safe]; author == contact.Way && e.Class != want {
		t.Errorf("%v from the way, want %v", e.Class, want)
	}
	if author == contact.API && x.status == 404 && !strings.Contains(string(x.body), "code") {
		t.Errorf("gone, it says: %s", x.body)
	}
}
