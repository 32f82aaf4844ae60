package chaos

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"importer/internal/sandbox"
)

// A way leads from an importer to a sandbox. A gate that stands on it may answer
// in place of the API, or change what the API answers.
//
//	importer ─► gate ─► sandbox
//	         ◄─ reply ◄─┘
type way struct {
	*sandbox.Sandbox
	server *httptest.Server
	ahead  atomic.Int64        // how far the sandbox's clock is ahead of the gateway's, in ns
	form   func(string) string // in which the API keeps contact ids

	mu       sync.Mutex
	standing gate              // nil: everything passes
	seen     map[string]int    // requests since the gate was put up, by operation
	times    map[string]int    // by operation, contact and query
	holder   map[string]string // contact ids by profile id, of every profile that ever was
	cached   map[string]stored // what a gate has kept for later, by a name of its own
}

// A gate decides about a request: it says how it is answered, or returns nil
// to let it pass.
type gate func(x *crossing) reply

// A reply answers a request.
type reply func(x *crossing)

// A crossing is a request on its way.
type crossing struct {
	*way
	rw      http.ResponseWriter
	r       *http.Request
	body    []byte
	op      string // list, look-up, create, get, update, delete, schema
	contact string // that it is about; empty for a list
	nth     int    // of its operation since the gate was put up, from 1
	time    int    // how often this very request was made since then, from 1
}

// newWay makes a sandbox and the way to it.
func newWay(o sandbox.Options, form func(string) string) (*way, error) {
	w := &way{form: form, seen: map[string]int{}, times: map[string]int{}, holder: map[string]string{}, cached: map[string]stored{}}
	o.Clock = func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }
	var err error
	if w.Sandbox, err = sandbox.New(o); err != nil {
		return nil, err
	}
	w.server = httptest.NewServer(w)
	return w, nil
}

func (w *way) close() error {
	w.server.CloseClientConnections()
	w.server.Close()
	return w.Sandbox.Close()
}

// put puts a gate up; nil takes it down.
func (w *way) put(g gate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.standing = g
	clear(w.seen)
	clear(w.times)
}

func (w *way) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	x := &crossing{way: w, rw: rw, r: r, body: w.normal(r, body)}
	x.op, x.contact = w.about(r, x.body)
	w.mu.Lock()
	w.seen[x.op]++
	w.times[x.op+x.contact+r.URL.RawQuery]++
	x.nth, x.time = w.seen[x.op], w.times[x.op+x.contact+r.URL.RawQuery]
	standing := w.standing
	w.mu.Unlock()
	answer := reply(passed)
	if standing != nil {
		if other := standing(x); other != nil {
			answer = other
		}
	}
	answer(x)
}

// about tells the operation of a request, and the contact that it is about.
func (w *way) about(r *http.Request, body []byte) (op, contact string) {
	segments := strings.Split(strings.TrimPrefix(r.URL.Path, "/new/v2.0/profiles"), "/")
	switch {
	case len(segments) > 1 && segments[1] == "schema":
		return "schema", ""
	case len(segments) > 1:
		op = map[string]string{"GET": "get", "PATCH": "update", "DELETE": "delete", "POST": "merge"}[r.Method]
		w.learn()
		w.mu.Lock()
		defer w.mu.Unlock()
		return op, w.holder[segments[1]]
	case r.Method == http.MethodPost:
		var p struct{ ContactIDs []string }
		if json.Unmarshal(body, &p) == nil && len(p.ContactIDs) > 0 {
			contact = p.ContactIDs[0]
		}
		return "create", contact
	}
	q := r.URL.Query()
	if q.Has("filter") {
		return "look-up", q.Get("filter")
	}
	if q.Has("contactIds") {
		return "look-up", q.Get("contactIds")
	}
	return "list", ""
}

// learn notes whose the profiles are: who is deleted is not known to the sandbox
// any more.
func (w *way) learn() {
	profiles := w.Profiles()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range profiles {
		w.holder[p.ID] = p.ContactIDs[0]
	}
}

// normal brings the contact ids in a request into the form in which the API keeps
// them.
func (w *way) normal(r *http.Request, body []byte) []byte {
	if w.form == nil {
		return body
	}
	q := r.URL.Query()
	for _, name := range []string{"filter", "contactIds"} {
		if q.Has(name) {
			q.Set(name, w.form(q.Get(name)))
		}
	}
	r.URL.RawQuery = q.Encode()
	var members map[string]json.RawMessage
	var ids []string
	if json.Unmarshal(body, &members) != nil || json.Unmarshal(members["contactIds"], &ids) != nil {
		return body
	}
	for i := range ids {
		ids[i] = w.form(ids[i])
	}
	slices.Sort(ids)
	members["contactIds"] = must(json.Marshal(slices.Compact(ids)))
	return must(json.Marshal(members))
}

// must is for what cannot fail.
func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// A stored answer is one of the API's, before it goes back.
type stored struct {
	status int
	header http.Header
	body   []byte
}

// ask has the API answer a request: that of the crossing, or another one.
func (x *crossing) ask(method, target string, body []byte) stored {
	r := httptest.NewRequest(method, target, bytes.NewReader(body))
	r.Header = x.r.Header.Clone()
	answer := httptest.NewRecorder()
	x.Sandbox.ServeHTTP(answer, r)
	return stored{answer.Code, answer.Header(), answer.Body.Bytes()}
}

// process has the API do what the request asks for.
func (x *crossing) process() stored { return x.ask(x.r.Method, x.r.URL.RequestURI(), x.body) }

// send answers.
func (x *crossing) send(s stored) {
	maps.Copy(x.rw.Header(), s.header)
	x.rw.WriteHeader(s.status)
	_, _ = x.rw.Write(s.body) // a client that has gone is its own affair
}

// wire takes the connection over, writes these bytes, and closes it.
func (x *crossing) wire(b []byte) {
	conn, _, err := x.rw.(http.Hijacker).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_, _ = conn.Write(b)
	_ = conn.Close()
}

// head is an answer as it stands on the wire, up to its body.
func (s stored) head(protocol, newline string, more ...string) []byte {
	lines := []string{fmt.Sprintf("%s %d %s", protocol, s.status, http.StatusText(s.status)), "Date: " + time.Now().UTC().Format(http.TimeFormat)}
	if t := s.header.Get("Content-Type"); t != "" {
		lines = append(lines, "Content-Type: "+t)
	}
	return []byte(strings.Join(append(lines, more...), newline) + newline + newline)
}

// Which requests.

// A matcher tells whether a gate is about a request.
type matcher func(x *crossing) bool

func of(ops ...string) matcher {
	return func(x *crossing) bool { return slices.Contains(ops, x.op) }
}

var (
	creates    = of("create")
	updates    = of("update")
	deletes    = of("delete")
	gets       = of("get")
	lookUps    = of("look-up")
	lists      = of("list", "look-up")
	writes     = of("create", "update", "delete")
	everything = matcher(func(*crossing) bool { return true })
)

// looks are the reads by which a row in doubt is looked up: a list of the whole
// project counts once creates were sent.
func looks(x *crossing) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.op == "look-up" || x.op == "list" && x.seen["create"] > 0
}

func (a matcher) and(b matcher) matcher { return func(x *crossing) bool { return a(x) && b(x) } }

// numberOf is the number of the row that a contact id is of; -1 where it is of none.
func numberOf(contact string) int {
	digits := strings.TrimFunc(contact, func(r rune) bool { return r < '0' || r > '9' })
	if n, err := strconv.Atoi(digits); err == nil && !strings.HasPrefix(strings.ToLower(contact), "stranger") {
		return n % 100_000
	}
	return -1
}

// isFew and isSome are the rows that few and some are about.
func isFew(n int) bool  { return n == 15 || n == 33 }
func isSome(n int) bool { return n >= 0 && n%3 == 0 }

// few are the requests about one or two rows, some those about each third; once
// are those that are made for the first time.
func (a matcher) few() matcher {
	return a.and(func(x *crossing) bool { return isFew(numberOf(x.contact)) })
}
func (a matcher) some() matcher {
	return a.and(func(x *crossing) bool { return isSome(numberOf(x.contact)) })
}
func (a matcher) once() matcher { return a.and(func(x *crossing) bool { return x.time == 1 }) }

// late are all from the moment on at which a part of the work is done.
func (a matcher) late() matcher { return a.and(func(x *crossing) bool { return x.nth > 8 }) }

// there are those about contacts that were in the project before.
func (a matcher) there() matcher {
	return a.and(func(x *crossing) bool { n := numberOf(x.contact); return n >= 0 && n < wayThere })
}

// on answers some requests.
func on(which matcher, answer reply) gate {
	return func(x *crossing) reply {
		if which(x) {
			return answer
		}
		return nil
	}
}

// both are two fronts, one behind the other: the first that answers, answers.
func both(a, b gate) gate {
	return func(x *crossing) reply {
		if r := a(x); r != nil {
			return r
		}
		return b(x)
	}
}

// How they are answered.

// passed passes a request on, and the answer back.
func passed(x *crossing) { x.send(x.process()) }

// says answers in place of the API, and does not pass the request on.
func says(status int, media, body string, header ...string) reply {
	h := http.Header{}
	if media != "" {
		h.Set("Content-Type", media)
	}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return func(x *crossing) { x.send(stored{status, h, []byte(body)}) }
}

// after passes the request on, and then loses the answer to another one.
func after(answer reply) reply {
	return func(x *crossing) {
		x.process()
		answer(x)
	}
}

// edited passes the request on, and changes the object in a successful answer.
func edited(edit func(x *crossing, o map[string]any)) reply {
	return func(x *crossing) {
		s := x.process()
		var o map[string]any
		if s.status/100 == 2 && json.Unmarshal(s.body, &o) == nil {
			edit(x, o)
			s.body = must(json.Marshal(o))
			s.header.Del("Content-Length")
		}
		x.send(s)
	}
}

// itemsOf edits each item of a list.
func itemsOf(edit func(item map[string]any)) reply {
	return edited(func(_ *crossing, o map[string]any) {
		items, _ := o["items"].([]any)
		for _, item := range items {
			edit(item.(map[string]any))
		}
	})
}

// rendered passes the request on, and writes the answer in another way.
func rendered(render func(x *crossing, s stored)) reply {
	return func(x *crossing) { render(x, x.process()) }
}

const (
	html = "text/html; charset=utf-8"
	js   = "application/json"
)

func page(title string) string {
	return "<!DOCTYPE html>\n<html><head><title>" + title + "</title></head><body><h1>" + title + "</h1><form action=\"/login\" method=\"post\"><input name=\"user\"></form></body></html>\n"
}

// problem is an error of the API.
func problem(status, code int, detail string) string {
	return fmt.Sprintf(`{"type":"about:blank","title":%q,"status":%d,"detail":%q,"instance":"/v2.0/profiles","code":%d,"traceId":"t-17"}`,
		http.StatusText(status), status, detail, code)
}

// What stands on the way and says that all is well.
var (
	loginPage    = says(200, html, page("Sign in"))
	emptyOK      = says(200, "", "")
	emptyCreated = says(201, js, "")
	noContent    = says(204, "", "")
	blankPage    = says(200, html, "\n")
	plainOK      = says(200, "text/plain", "OK")
	successFalse = says(200, js, `{"success":false}`)
	errorObject  = says(200, js, `{"error":{"code":"E1017","message":"session expired"}}`)
	problemOK    = says(200, "application/problem+json", `{"type":"about:blank","title":"Forbidden","status":403,"detail":"no session"}`)
	queued       = says(202, js, `{"status":"queued","jobId":"17"}`)
	queuedWithID = says(202, js, `{"_id":"65f00000000000000000dead","status":"queued"}`)
	emptyList    = says(200, js, `{"items":[],"total":0,"nextCursor":null,"previousCursor":null}`)
	portal       = says(200, js, `{"authenticated":false,"login_url":"https://portal.example.com/login"}`)
	health       = says(200, js, `{"status":"ok","version":"1.2.3"}`)
	emptyObject  = says(200, js, `{}`)
	emptyArray   = says(200, js, `[]`)
	null         = says(200, js, `null`)
	notJSON      = says(200, js, `{"_id`)
	anXML        = says(200, "application/xml", `<?xml version="1.0"?><response><status>ok</status></response>`)
	noProfileID  = says(201, js, `{"_id":null,"profile":{},"contactIds":[],"active":true}`)
	numberID     = says(201, js, `{"_id":4711,"active":true}`)
	emptyID      = says(201, js, `{"_id":"","active":true}`)
	wordsAsID    = says(201, js, `{"_id":"not yet assigned","active":true}`)
	zeroDeleted  = says(200, js, `{"acknowledged":true,"deletedCount":0}`)
)

// What stands on the way and says that the API is not there, or not willing.
var (
	gateway404      = says(404, html, page("404 Not Found"))
	gateway404Empty = says(404, "", "")
	gateway404JSON  = says(404, js, `{"message":"no Route matched with those values"}`)
	spring404       = says(404, js, `{"timestamp":"2026-03-01T00:00:00Z","status":404,"error":"Not Found","path":"/new/v2.0/profiles"}`)
	problem404      = says(404, "application/problem+json", `{"type":"about:blank","title":"Not Found","status":404}`)
	api404          = says(404, js, problem(404, 1002, "there is no such profile"))

	page409 = says(409, html, page("Conflict"))
	api409  = says(409, js, problem(409, 1004, "a contact id belongs to another profile already"))

	maintenance = says(503, html, page("Scheduled maintenance"), "Retry-After", "1")
	api503      = says(503, js, problem(503, 503, "unavailable"), "Retry-After", "1")
	page429     = says(429, html, page("Too many requests"), "Retry-After", "1")
	plain429    = says(429, html, page("Too many requests"))
	api429      = says(429, js, problem(429, 429, "monthly quota used up"), "Retry-After", "1")
	hour429     = says(429, js, problem(429, 429, "monthly quota used up"), "Retry-After", "3600")
	empty429    = says(429, "", "", "Retry-After", "1")
	badGateway  = says(502, html, page("Bad gateway"))
	timeout504  = says(504, html, page("Gateway time-out"))
	page500     = says(500, html, page("Internal error"))
	page408     = says(408, html, page("Request time-out"))

	api401     = says(401, js, problem(401, 401, "the API key is wrong or was revoked"))
	api402     = says(402, js, problem(402, 402, "the plan's quota is used up"))
	api403     = says(403, js, problem(403, 403, "not allowed"))
	waf403     = says(403, html, page("Request blocked"))
	waf403JSON = says(403, js, `{"blocked":true,"rule":"941100"}`)
	redirect   = says(302, html, "", "Location", "https://login.example.com/?next=%2F")
)

// blocked is a page with a status that is not the API's.
func blocked(status int) reply { return says(status, html, page("Blocked")) }

// dropped closes the connection.
func dropped(*crossing) { panic(http.ErrAbortHandler) }

// hangs answers nothing until the client has gone.
func hangs(x *crossing) {
	<-x.r.Context().Done()
	panic(http.ErrAbortHandler)
}

// asList turns the request into a GET, as a proxy does that follows a redirect.
func asList(x *crossing) {
	x.send(x.ask("GET", "/new/v2.0/profiles?projectId="+x.ProjectID()+"&limit=100", nil))
}

// firstAnswer is a cache that takes all answers of an operation for the same: the
// first is the API's, and all others get it too.
func firstAnswer(x *crossing) {
	x.mu.Lock()
	kept, ok := x.cached[x.op]
	if !ok { // for as long as the API takes
		kept = x.process()
		x.cached[x.op] = kept
	}
	x.mu.Unlock()
	x.send(kept)
}

// ofStranger answers with a profile that was there before, and is nobody's of the
// source; ofFirst with that of the first row.
func ofStranger(x *crossing) { x.profileOf("stranger-00001@example.com") }
func ofFirst(x *crossing)    { x.profileOf(contactID(0)) }

func (x *crossing) profileOf(contact string) {
	for _, p := range x.Profiles() {
		if slices.Contains(p.ContactIDs, contact) {
			x.send(stored{200, http.Header{"Content-Type": {js}}, p.Body})
			return
		}
	}
	x.send(stored{status: 204})
}

// ofProject is a profile of another project, made a moment ago.
func ofProject(x *crossing) {
	now := time.Now().Unix()
	x.send(stored{201, http.Header{"Content-Type": {js}}, fmt.Appendf(nil,
		`{"_id":"65f0000000000000000%05d","profile":{"firstname":"Else"},"contactIds":["else-%d@example.com"],"active":true,"createdAt":%d,"lastChanged":%d,"createdBy":"65f0000000000000000000bb","lastChangedBy":"65f0000000000000000000bb"}`,
		x.nth, x.nth, now, now)})
}

// mixed answers a read of one profile with another one, as a cache does that leaves
// the path out of its key.
func mixed(x *crossing) {
	profiles := x.Profiles()
	i := slices.IndexFunc(profiles, func(p sandbox.Profile) bool { return strings.HasSuffix(x.r.URL.Path, p.ID) })
	if i < 0 || len(profiles) < 2 {
		passed(x)
		return
	}
	x.send(stored{200, http.Header{"Content-Type": {js}}, profiles[(i+1)%len(profiles)].Body})
}

// mixedLookUp answers a look-up with what another one has found.
func mixedLookUp(x *crossing) {
	x.send(x.ask("GET", "/new/v2.0/profiles?projectId="+x.ProjectID()+"&limit=100&filter=stranger-00001", nil))
}

// Lists that are not whole.

// pagesOf has the API give no more than so many items at once.
func (x *crossing) pagesOf(n int) stored {
	q := x.r.URL.Query()
	q.Set("limit", strconv.Itoa(n))
	return x.ask("GET", x.r.URL.Path+"?"+q.Encode(), nil)
}

// cut drops the items behind the first so many, and the pages behind them; the
// total stays what it is.
func cut(n int) reply {
	return edited(func(_ *crossing, o map[string]any) {
		items, _ := o["items"].([]any)
		o["items"], o["nextCursor"] = items[:min(n, len(items))], nil
	})
}

// paged gives pages of five.
func paged(x *crossing) { x.send(x.pagesOf(5)) }

// endsEarly gives pages of five, and no page behind the second.
func endsEarly(x *crossing) {
	s := x.pagesOf(5)
	var o map[string]any
	if x.r.URL.Query().Has("next") && json.Unmarshal(s.body, &o) == nil {
		o["nextCursor"] = nil
		s.body = must(json.Marshal(o))
	}
	x.send(s)
}

// hasHole gives pages of five, and leaves the second one out.
func hasHole(x *crossing) {
	s := x.pagesOf(5)
	var o, second map[string]any
	if !x.r.URL.Query().Has("next") && json.Unmarshal(s.body, &o) == nil {
		if next, _ := o["nextCursor"].(string); next != "" {
			skipped := x.ask("GET", x.r.URL.Path+"?projectId="+x.ProjectID()+"&limit=5&next="+next, nil)
			if json.Unmarshal(skipped.body, &second) == nil {
				o["nextCursor"] = second["nextCursor"]
				s.body = must(json.Marshal(o))
			}
		}
	}
	x.send(s)
}

// firstPage gives the first five items whatever page is asked for, and that cursor.
func (x *crossing) firstPage(next string) {
	first := x.ask("GET", x.r.URL.Path+"?projectId="+x.ProjectID()+"&limit=5", nil)
	var o map[string]any
	if json.Unmarshal(first.body, &o) == nil {
		o["nextCursor"] = next
		first.body = must(json.Marshal(o))
	}
	x.send(first)
}

// circles never ends, with another cursor each time; alternates has two of them.
func circles(x *crossing)    { x.firstPage(fmt.Sprintf("65f0000000000000000%05d", x.nth)) }
func alternates(x *crossing) { x.firstPage(fmt.Sprintf("65f00000000000000000000%d", x.nth%2)) }

// tooLarge cannot give more than ten items at once: the answer would be larger than
// a client takes.
func tooLarge(x *crossing) {
	if limit, err := strconv.Atoi(x.r.URL.Query().Get("limit")); err == nil && limit <= 10 {
		passed(x)
		return
	}
	s := x.process()
	s.body = slices.Concat(bytes.Repeat([]byte(" "), 9<<20), s.body)
	s.header.Del("Content-Length")
	x.send(s)
}

// tooSlow cannot give more than ten items at once before the gateway gives up.
func tooSlow(x *crossing) {
	if limit, err := strconv.Atoi(x.r.URL.Query().Get("limit")); err == nil && limit <= 10 {
		passed(x)
		return
	}
	timeout504(x)
}

// asHAL gives a list in the other media type.
var asHAL = edited(func(_ *crossing, o map[string]any) {
	o["_embedded"] = map[string]any{"profiles": o["items"]}
	delete(o, "items")
})

func total(n any) reply { return edited(func(_ *crossing, o map[string]any) { o["total"] = n }) }

var (
	withoutTotal      = edited(func(_ *crossing, o map[string]any) { delete(o, "total") })
	withoutContactIDs = itemsOf(func(i map[string]any) { delete(i, "contactIds") })
	nullContactIDs    = itemsOf(func(i map[string]any) { i["contactIds"] = nil })
	withoutFields     = itemsOf(func(i map[string]any) { delete(i, "profile") })
	onlyIDs           = edited(func(_ *crossing, o map[string]any) {
		for name := range o {
			if name != "_id" {
				delete(o, name)
			}
		}
	})
	noFields = edited(func(_ *crossing, o map[string]any) { delete(o, "profile") })
	noID     = edited(func(_ *crossing, o map[string]any) { delete(o, "_id") })
)

// The API's own answer in another form.
var (
	compressed = rendered(func(x *crossing, s stored) {
		if len(s.body) > 0 {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			_, _ = z.Write(s.body)
			_ = z.Close()
			s.body = b.Bytes()
			s.header.Set("Content-Encoding", "gzip")
			s.header.Del("Content-Length")
		}
		x.send(s)
	})
	withBOM = rendered(func(x *crossing, s stored) {
		if len(s.body) > 0 {
			s.body = append([]byte("\xef\xbb\xbf"), s.body...)
			s.header.Del("Content-Length")
		}
		x.send(s)
	})
	withScript = rendered(func(x *crossing, s stored) {
		if len(s.body) > 0 {
			s.body = append(s.body, "\n<script src=\"https://proxy.example.com/t.js\"></script>"...)
			s.header.Del("Content-Length")
		}
		x.send(s)
	})
	inData = rendered(func(x *crossing, s stored) {
		if len(s.body) > 0 && s.status/100 == 2 {
			s.body = slices.Concat([]byte(`{"data":`), s.body, []byte("}"))
			s.header.Del("Content-Length")
		}
		x.send(s)
	})
	inArray = rendered(func(x *crossing, s stored) {
		if len(s.body) > 0 && s.status/100 == 2 {
			s.body = slices.Concat([]byte("["), s.body, []byte("]"))
			s.header.Del("Content-Length")
		}
		x.send(s)
	})
	asHTML = rendered(func(x *crossing, s stored) {
		s.header.Set("Content-Type", html)
		x.send(s)
	})
	halved = rendered(func(x *crossing, s stored) {
		s.body = s.body[:len(s.body)/2]
		s.header.Del("Content-Length")
		x.send(s)
	})
	withLimits = rendered(func(x *crossing, s stored) {
		for _, name := range []string{"X-RateLimit-Limit", "RateLimit-Limit"} {
			s.header.Set(name, "1")
		}
		for _, name := range []string{"X-RateLimit-Remaining", "RateLimit-Remaining", "X-Rate-Limit-Remaining"} {
			s.header.Set(name, "0")
		}
		s.header.Set("X-RateLimit-Reset", "4102444800")
		s.header.Set("RateLimit-Reset", "86400")
		s.header.Set("RateLimit", `"default";r=0;t=86400`)
		s.header.Set("Retry-After", "86400")
		x.send(s)
	})
)

// On the wire.
var (
	// The connection is closed behind each answer, and no header says so.
	silentClose = rendered(func(x *crossing, s stored) {
		length := []string{"Content-Length: " + strconv.Itoa(len(s.body))}
		if s.status == http.StatusNoContent {
			length = nil
		}
		x.wire(append(s.head("HTTP/1.1", "\r\n", length...), s.body...))
	})
	http10 = rendered(func(x *crossing, s stored) { x.wire(append(s.head("HTTP/1.0", "\r\n"), s.body...)) })
	bareLF = rendered(func(x *crossing, s stored) {
		x.wire(append(s.head("HTTP/1.1", "\n", "Connection: close", "Content-Length: "+strconv.Itoa(len(s.body))), s.body...))
	})
	// Chunks, and no last one.
	endless = rendered(func(x *crossing, s stored) {
		b := s.head("HTTP/1.1", "\r\n", "Transfer-Encoding: chunked")
		if len(s.body) > 0 {
			b = fmt.Appendf(b, "%x\r\n%s\r\n", len(s.body), s.body)
		}
		x.wire(b)
	})
	// Less than the length says.
	brokenOff = rendered(func(x *crossing, s stored) {
		x.wire(append(s.head("HTTP/1.1", "\r\n", "Content-Length: "+strconv.Itoa(len(s.body)+100)), s.body[:len(s.body)/2]...))
	})
	earlyHints = rendered(func(x *crossing, s stored) {
		x.wire(slices.Concat([]byte("HTTP/1.1 103 Early Hints\r\nLink: </x.css>; rel=preload\r\n\r\n"),
			s.head("HTTP/1.1", "\r\n", "Connection: close", "Content-Length: "+strconv.Itoa(len(s.body))), s.body))
	})
)

// anSSHServer is something that speaks another protocol.
func anSSHServer(x *crossing) { x.wire([]byte("SSH-2.0-OpenSSH_9.6\r\n")) }
