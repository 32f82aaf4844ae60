package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"importer/internal/sandbox"
)

// A tenant is a sandbox that listens, and somebody who talks to it. Every answer
// is held against the OpenAPI document, and so is every request that was not
// refused.
type tenant struct {
	*sandbox.Server
	t      *testing.T
	client *http.Client
	router routers.Router // nil: nothing is held against the document
}

func start(t *testing.T, o sandbox.Options) *tenant {
	t.Helper()
	server, err := sandbox.Listen("127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return &tenant{Server: server, t: t, client: client, router: document(t).router}
}

// A reply is an answer that arrived.
type reply struct {
	t      *testing.T
	Status int
	Header http.Header
	Body   []byte
}

// json decodes the body.
func (r *reply) json() map[string]any {
	r.t.Helper()
	var m map[string]any
	if err := json.Unmarshal(r.Body, &m); err != nil {
		r.t.Fatalf("%v in %s", err, r.Body)
	}
	return m
}

func (r *reply) id() string {
	r.t.Helper()
	id, _ := r.json()["_id"].(string)
	if id == "" {
		r.t.Fatalf("no _id in %s", r.Body)
	}
	return id
}

// contacts are the first contact ids of the items of a list.
func (r *reply) contacts() []string {
	r.t.Helper()
	list := []string{}
	for _, item := range r.json()["items"].([]any) {
		list = append(list, item.(map[string]any)["contactIds"].([]any)[0].(string))
	}
	return list
}

// send sends a request to the API with the key, and wants an answer. target is
// what comes behind /new/v2.0/profiles, or a whole path that begins with /new or
// /v2.0. Headers are name and value in turn; an empty value takes one away.
func (s *tenant) send(method, target, body string, headers ...string) *reply {
	s.t.Helper()
	r, err := s.try(method, target, body, headers...)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, target, err)
	}
	return r
}

// want is send, and wants a status.
func (s *tenant) want(status int, method, target, body string, headers ...string) *reply {
	s.t.Helper()
	r := s.send(method, target, body, headers...)
	if r.Status != status {
		s.t.Fatalf("%s %s %s: %d %s, want %d", method, target, body, r.Status, r.Body, status)
	}
	return r
}

// wantProblem is send, and wants an error in the shape of the API.
func (s *tenant) wantProblem(status, code int, method, target, body string, headers ...string) *reply {
	s.t.Helper()
	r := s.want(status, method, target, body, headers...)
	p := r.json()
	if int(p["code"].(float64)) != code || int(p["status"].(float64)) != status || p["detail"] == "" || p["traceId"] == "" ||
		p["title"] != http.StatusText(status) || p["type"] == "" || !strings.HasPrefix(p["instance"].(string), "/v2.0/") {
		s.t.Errorf("%s %s: %s, want the code %d", method, target, r.Body, code)
	}
	return r
}

func (s *tenant) try(method, target, body string, headers ...string) (*reply, error) {
	s.t.Helper()
	if !strings.HasPrefix(target, "/new/") && !strings.HasPrefix(target, "/v2.0/") {
		target = "/new/v2.0/profiles" + target
	}
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequest(method, s.URL+target, reader)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("X-API-Key", s.APIKey())
	r.Header.Set("Accept", "application/json")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Del(headers[i])
		if headers[i+1] != "" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	resp, err := s.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	s.validate(r, []byte(body), resp, data)
	return &reply{s.t, resp.StatusCode, resp.Header, data}, nil
}

// validate holds a request and its answer against the OpenAPI document.
func (s *tenant) validate(r *http.Request, body []byte, resp *http.Response, data []byte) {
	s.t.Helper()
	if s.router == nil {
		return
	}
	copied := r.Clone(context.Background())
	copied.URL.Path = strings.TrimPrefix(copied.URL.Path, "/new")
	copied.URL.Host, copied.URL.Scheme, copied.Host = "", "", ""
	copied.Body = io.NopCloser(bytes.NewReader(body))
	route, params, err := s.router.FindRoute(copied)
	if err != nil {
		if resp.StatusCode < 400 {
			s.t.Errorf("%s %s: %v in the OpenAPI document", r.Method, r.URL, err)
		}
		return
	}
	input := &openapi3filter.RequestValidationInput{Request: copied, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true}}
	if resp.StatusCode < 400 {
		if err := openapi3filter.ValidateRequest(context.Background(), input); err != nil {
			s.t.Errorf("%s %s %s was not refused, and is not as the OpenAPI document has it: %v", r.Method, r.URL, body, err)
		}
	}
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: resp.StatusCode, Header: resp.Header, Body: io.NopCloser(bytes.NewReader(data)), Options: input.Options})
	if err != nil {
		s.t.Errorf("%s %s: the answer %d %s is not as the OpenAPI document has it: %v", r.Method, r.URL, resp.StatusCode, data, err)
	}
}

// create creates a profile and returns its id.
func (s *tenant) create(contactIDs ...string) string {
	s.t.Helper()
	return s.want(201, "POST", "", s.createBody(contactIDs, nil)).id()
}

func (s *tenant) createBody(contactIDs []string, profile map[string]any) string {
	s.t.Helper()
	m := map[string]any{"projectId": s.ProjectID(), "contactIds": contactIDs}
	if profile != nil {
		m["profile"] = profile
	}
	data, err := json.Marshal(m)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data)
}

// A clock is moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

type openAPIDocument struct {
	doc    *openapi3.T
	router routers.Router
}

var loadDocument = sync.OnceValues(func() (openAPIDocument, error) {
	for _, t := range []string{"application/xml", "text/xml", "text/csv"} { // strings to the document
		openapi3filter.RegisterBodyDecoder(t, func(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
			data, err := io.ReadAll(body)
			return string(data), err
		})
	}
	data, err := os.ReadFile("../../sandbox/openapi.json")
	if err != nil {
		return openAPIDocument{}, err
	}
	doc, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		return openAPIDocument{}, err
	}
	if err := doc.Validate(context.Background(), openapi3.IsOpenAPI31OrLater()); err != nil {
		return openAPIDocument{}, err
	}
	doc.Servers = nil // requests are looked up by their path alone
	router, err := gorillamux.NewRouter(doc)
	return openAPIDocument{doc, router}, err
})

func document(t *testing.T) openAPIDocument {
	t.Helper()
	d, err := loadDocument()
	if err != nil {
		t.Fatal(err)
	}
	return d
}
