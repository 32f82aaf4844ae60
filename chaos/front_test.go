package chaos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"importer/internal/sandbox"
)

// A front stands before sandboxes and spoils chosen requests, where a sandbox
// spoils random ones. Which sandbox a request is for, its API key says: so the
// sandboxes share one base URL, as the runs of one report have to.
type front struct {
	*httptest.Server
	mu     sync.Mutex
	worlds map[string]*world // by API key
}

// A world is a sandbox behind a front.
type world struct {
	api
	*sandbox.Sandbox
	rule func(r asked) what // nil: pass all

	mu      sync.Mutex
	creates []string // the first contact id of each create request, in order of arrival
}

// asked is a request that a rule decides about.
type asked struct {
	create    bool
	contactID string // of a create; of a list, its filter
	firstName string // of a create
}

// what is done about a request.
type what struct {
	status int    // answer with this one, and do nothing; 0: pass it on
	header string // Retry-After of that answer
	drop   bool   // close the connection in place of an answer
	before bool   // without having passed the request on
}

var (
	pass       = what{}
	dropBefore = what{drop: true, before: true}
	dropAfter  = what{drop: true}
)

func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{worlds: make(map[string]*world)}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

// add puts a sandbox behind the front.
func (f *front) add(t *testing.T, o sandbox.Options, rule func(asked) what) *world {
	t.Helper()
	f.mu.Lock()
	o.APIKey = fmt.Sprintf("key-%d", len(f.worlds))
	f.worlds[o.APIKey] = nil
	f.mu.Unlock()
	s, err := sandbox.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	w := &world{api: api{f.URL, o.APIKey, s.ProjectID()}, Sandbox: s, rule: rule}
	f.mu.Lock()
	f.worlds[o.APIKey] = w
	f.mu.Unlock()
	return w
}

// alone is a world behind a front of its own.
func alone(t *testing.T, o sandbox.Options, rule func(asked) what) *world {
	t.Helper()
	return newFront(t).add(t, o, rule)
}

func (f *front) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	w := f.worlds[r.Header.Get("X-API-Key")]
	f.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	a := asked{create: r.Method == http.MethodPost, contactID: r.URL.Query().Get("filter")}
	if a.create {
		var p struct {
			ContactIDs []string
			Profile    struct{ Firstname string }
		}
		if json.Unmarshal(body, &p) == nil && len(p.ContactIDs) > 0 {
			a.contactID, a.firstName = p.ContactIDs[0], p.Profile.Firstname
		}
	}
	w.mu.Lock()
	rule := w.rule
	if a.create {
		w.creates = append(w.creates, a.contactID)
	}
	w.mu.Unlock()
	do := pass
	if rule != nil {
		do = rule(a)
	}
	switch {
	case do.status != 0:
		if do.header != "" {
			rw.Header().Set("Retry-After", do.header)
		}
		rw.Header().Set("Content-Type", "application/problem+json")
		rw.WriteHeader(do.status)
		fmt.Fprintf(rw, `{"title":"spoilt","status":%d,"detail":"spoilt by the test","code":%[1]d,"traceId":"t-1"}`, do.status)
	case do.drop && do.before:
		panic(http.ErrAbortHandler)
	case do.drop:
		w.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	default:
		w.ServeHTTP(rw, r)
	}
}

// obey replaces the rule.
func (w *world) obey(rule func(asked) what) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rule = rule
}

// takeCreates returns the create requests since it was last called.
func (w *world) takeCreates() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.creates
	w.creates = nil
	return taken
}

// addProfile makes a profile, as another client of the API would, and returns its id.
func (w *world) addProfile(t *testing.T, contactID string) string {
	t.Helper()
	body := fmt.Sprintf(`{"projectId":%q,"contactIds":[%q]}`, w.project, contactID)
	var made struct {
		ID string `json:"_id"`
	}
	answer := w.ask(http.MethodPost, "/new/v2.0/profiles", body)
	if err := json.Unmarshal(answer.Body.Bytes(), &made); err != nil || made.ID == "" {
		t.Fatalf("making a profile: %d %s", answer.Code, answer.Body)
	}
	return made.ID
}

// ask asks the sandbox itself, past the front.
func (w *world) ask(method, path, body string) *httptest.ResponseRecorder {
	return askSandbox(w.Sandbox, method, path, body)
}

// askSandbox sends a request without a connection; where a fault would close
// that, the answer is empty.
func askSandbox(s *sandbox.Sandbox, method, path, body string) (answer *httptest.ResponseRecorder) {
	r := httptest.NewRequest(method, path, bytes.NewReader([]byte(body)))
	r.Header.Set("X-API-Key", s.APIKey())
	r.Header.Set("Content-Type", "application/json")
	answer = httptest.NewRecorder()
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			panic(p)
		}
	}()
	s.ServeHTTP(answer, r)
	return answer
}
