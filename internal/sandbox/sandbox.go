// Package sandbox is the Contact Profiles API v2.0 on this machine: an
// http.Handler that does what the API is known to do, plays either side where
// its behaviour is unknown, and goes wrong on purpose when it is told to.
//
//	request ─► origin ─► quota ─► key ─► route ─► others? ─► fault? ─► operation ─► commit ─► fault? ─► answer
//	                                                 │                     │            │
//	                                                 └─────────────────► store  ────► file
//	                                                                   (in memory)   (SQLite)
//
// It shares no types with the client, so that a wrong name cannot pass on both sides.
package sandbox

import (
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"importer/internal/sandbox/jsonvalue"
	"importer/internal/sandbox/store"
)

// A Sandbox is one project of the API. It is safe for concurrent use.
//
// ServeHTTP closes connections by panicking with http.ErrAbortHandler, which
// net/http's server understands: serve a Sandbox through Listen, or through an
// http.Server of your own.
type Sandbox struct {
	options Options

	told sync.Once // what others wrote

	mu      sync.Mutex // guards what follows, but for the store's Wait and Close
	store   *store.Store
	quotas  *quotas
	dice    *dice  // of faults that befall a request
	writers *dice  // of others who write before it
	lastGot string // id of the profile that a get showed last
	foreign foreign
	record  *record
}

// New makes a sandbox. With a data file it has to be closed; it fails where the
// file is in use, is of another project or is no sandbox's. It does not listen:
// see Listen.
func New(options Options) (*Sandbox, error) {
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	o.Faults = slices.Clone(o.Faults)
	kept, err := store.Open(store.Options{File: o.DataFile, ProjectID: o.ProjectID, TTL: o.TTL,
		ReadLag: longestLag(o.Faults, FaultReadLag, FaultGetLag), ListLag: longestLag(o.Faults, FaultReadLag, FaultListLag), Seed: o.Seed})
	if err != nil {
		return nil, err
	}
	return &Sandbox{options: o, store: kept, quotas: newQuotas(o.Rate), record: newRecord(),
		dice: newDice(o.Seed, o.Faults, Fault.befalls), writers: newDice(^o.Seed, o.Faults, Fault.writes)}, nil
}

// APIKey and ProjectID are those that the sandbox accepts.
func (s *Sandbox) APIKey() string    { return s.options.APIKey }
func (s *Sandbox) ProjectID() string { return s.options.ProjectID }

// Close writes what is not on disk yet and closes the data file, and logs what became
// of what others wrote. Requests after that fail where they need the file.
func (s *Sandbox) Close() error {
	s.told.Do(s.logForeign)
	return s.store.Close()
}

// A call is a request on its way through the sandbox.
type call struct {
	r         *http.Request
	path      string // without /new
	operation *operation
	id        string // {profileId} or {projectId}
	body      []byte
	at        time.Time // when it arrived
	handled   time.Time // when its operation began; zero until then
}

// An answer is what an operation answers, or something on the way in its place.
// At most one of problem, entity, list and html is there; none is an empty body.
type answer struct {
	status  int
	problem *problem
	entity  jsonvalue.Object
	list    *page
	html    string // of something on the way
	// id and contactIDs are of the profile that the call was about.
	id         string
	contactIDs []string
}

// begin locks the mutex for the operation of a call: nothing that others write comes
// between.
func (s *Sandbox) begin(c *call) {
	s.mu.Lock()
	c.handled = s.options.Clock()
}

func failure(p *problem) answer { return answer{status: p.status(), problem: p} }

// ServeHTTP serves the API under /new/v2.0 and /v2.0, its OpenAPI document under
// /openapi/openapi-viewer.json, and a page for people under /.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if status, why := s.options.allowed.Admit(w.Header(), r); status != 0 {
		s.options.Log.Debug().Str("origin", r.Header.Get("Origin")).Str("host", r.Host).Int("status", status).Msg("refused")
		http.Error(w, why, status)
		return
	}
	switch path := r.URL.Path; {
	case path == "/":
		s.servePage(w, r)
		return
	case path == openAPIPath && s.options.OpenAPI == OpenAPIServe:
		s.serveOpenAPI(w, r)
		return
	}
	c := &call{r: r, path: strings.TrimPrefix(r.URL.Path, "/new"), at: s.options.Clock()}
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	if r.Method == http.MethodOptions {
		header.Set("Access-Control-Allow-Methods", "GET, POST, PATCH, PUT, DELETE")
		header.Set("Access-Control-Allow-Headers", "Accept, Content-Type, X-API-Key")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if !s.delay(r) {
		panic(http.ErrAbortHandler)
	}
	a, fault := s.answer(c)
	shown, fault := s.spoil(c, a, fault)
	s.remember(c, a, shown.status, fault)
	if fault != nil && (fault.Kind == FaultDropBefore || fault.Kind == FaultDropAfter) {
		panic(http.ErrAbortHandler)
	}
	s.write(w, c, shown)
}

// delay holds a request for the latency. It tells whether the client is still
// there.
func (s *Sandbox) delay(r *http.Request) bool {
	if s.options.Latency == 0 {
		return true
	}
	t := time.NewTimer(s.options.Latency)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// answer takes a call through the steps, up to the answer that it should get,
// and the fault that befalls it. Where the fault comes before the operation, the
// answer is zero.
func (s *Sandbox) answer(c *call) (answer, *Fault) {
	c.operation, c.id = route(c.r.Method, c.path)
	s.mu.Lock()
	wait, ok := s.quotas.take(clientAddress(c.r), c.at)
	s.mu.Unlock()
	if !ok {
		return failure(&problem{code: 429, detail: "too many requests: the quota is " + s.options.Rate.String(), retryAfter: wait}), nil
	}
	if !s.hasKey(c.r) {
		return failure(wrongKey()), nil
	}
	if c.operation == nil {
		return failure(noRoute(c.path)), nil
	}
	var err error
	if c.body, err = io.ReadAll(http.MaxBytesReader(nil, c.r.Body, int64(s.options.MaxBody))); err != nil {
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			return failure(&problem{code: 413, detail: "request entity too large: the limit is " + strconv.Itoa(s.options.MaxBody) + " bytes"}), nil
		}
		return failure(&problem{code: 400, detail: "the body could not be read"}), nil
	}
	s.mu.Lock()
	s.disturb(c)
	fault, _ := s.dice.throw(s.store, c)
	s.mu.Unlock()
	if fault != nil && !fault.processed() {
		return answer{}, fault
	}
	a := s.operate(c)
	if err := s.store.Wait(); err != nil {
		s.options.Log.Error().Err(err).Str("file", s.options.DataFile).Msg("the data file cannot be written; nothing is stored any more")
		a = failure(&problem{code: codeDatabaseWrite, detail: "the data file of the sandbox cannot be written"})
	}
	return a, fault
}

// operate runs the operation of a call. Its changes are in memory when it
// returns, and not yet on disk.
func (s *Sandbox) operate(c *call) answer {
	if p := s.checkBody(c); p != nil {
		return failure(p)
	}
	if c.id != "" && !id24.MatchString(c.id) {
		return failure(invalid("id '%s' should be 24 characters of a-z and 0-9", c.id))
	}
	return c.operation.run(s, c)
}

// checkBody holds a body against what the operation takes, before it is parsed.
func (s *Sandbox) checkBody(c *call) *problem {
	if len(c.body) == 0 {
		return nil
	}
	if c.r.Method == http.MethodGet {
		return &problem{code: 403, detail: "a body is not allowed with GET"}
	}
	if t := c.r.Header.Get("Content-Type"); t != "" && t != "application/json" {
		if t, _, _ = mime.ParseMediaType(t); t != "application/json" {
			return invalid("Content-Type should be application/json")
		}
	}
	return nil
}

func (s *Sandbox) hasKey(r *http.Request) bool {
	if key := r.Header.Get("X-API-Key"); key != "" {
		return sameKey(key, s.options.APIKey)
	}
	return strings.Contains(r.URL.RawQuery, "api_key=") && sameKey(r.URL.Query().Get("api_key"), s.options.APIKey)
}

// clientAddress is whose quota a request costs.
func clientAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// remember records a call, and logs it. a is what the operation answered, and
// status that of the answer that the client gets.
func (s *Sandbox) remember(c *call, a answer, status int, fault *Fault) {
	q := Request{At: c.at, Handled: c.handled, Status: status, ProfileID: a.id}
	if c.operation != nil {
		q.Operation = c.operation.name
	}
	var i Injection
	if fault != nil {
		q.Fault = fault.name()
		i = Injection{At: c.at, Fault: q.Fault, Operation: q.Operation, Method: c.r.Method, Path: c.path,
			Processed: fault.processed(), Status: a.status, ProfileID: a.id, ContactIDs: slices.Clone(a.contactIDs)}
	}
	s.mu.Lock()
	s.record.request(q)
	if fault != nil {
		s.record.injection(i)
	}
	s.mu.Unlock()
	if fault != nil {
		e := s.options.Log.Info().Str("fault", i.Fault).Str("operation", i.Operation).Bool("processed", i.Processed)
		if i.Processed {
			e = e.Int("lost_status", i.Status).Str("profile_id", i.ProfileID)
		}
		e.Msg("fault injected")
	}
	s.options.Log.Debug().Str("operation", q.Operation).Str("method", c.r.Method).Str("path", c.path).Int("status", q.Status).Msg("request")
}
