package sandbox_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"importer/internal/sandbox"
)

// Never more than the quota in any window, and never less than it.
func TestQuota(t *testing.T) {
	c := newClock()
	s := start(t, sandbox.Options{Rate: sandbox.Rate{Requests: 3, Window: 10 * time.Second}, Clock: c.Now})
	take := func(want int) *reply {
		t.Helper()
		return s.want(want, "GET", "", "")
	}
	take(200)
	c.Advance(4 * time.Second)
	take(200)
	take(200)
	r := take(429)
	if after := r.Header.Get("Retry-After"); after != "6" {
		t.Errorf("Retry-After %s, want 6", after)
	}
	s.wantProblem(429, 429, "GET", "", "")
	s.wantProblem(429, 429, "GET", "", "", "X-API-Key", "wrong") // the quota is of the address, not of the key
	c.Advance(6*time.Second - 1)
	if after := take(429).Header.Get("Retry-After"); after != "1" {
		t.Errorf("Retry-After %s, want it rounded up to 1", after)
	}
	c.Advance(1)
	take(200)
	take(429) // a refused request costs nothing, and gives nothing
	c.Advance(4 * time.Second)
	take(200)
	take(200)
	take(429)
	if n := s.Counts().Throttled; n != 6 {
		t.Errorf("throttled %d, want 6", n)
	}
}

func TestRetryAfter(t *testing.T) {
	c := newClock()
	for mode, want := range map[string]string{
		sandbox.RetryAfterSeconds: "300",
		sandbox.RetryAfterDate:    c.Now().Add(301 * time.Second).Format(http.TimeFormat),
		sandbox.RetryAfterNone:    "",
	} {
		s := start(t, sandbox.Options{Rate: sandbox.Rate{Requests: 1, Window: 5 * time.Minute}, RetryAfter: mode, Clock: c.Now})
		s.want(200, "GET", "", "")
		if got := s.want(429, "GET", "", "").Header.Get("Retry-After"); got != want {
			t.Errorf("%s: Retry-After %q, want %q", mode, got, want)
		}
	}
}

func TestParseRate(t *testing.T) {
	for spec, want := range map[string]sandbox.Rate{"off": {}, "1000/5m": {Requests: 1000, Window: 5 * time.Minute}, "1/1s": {Requests: 1, Window: time.Second}, "9/1h": {Requests: 9, Window: time.Hour}, "9/1h0m1s": {Requests: 9, Window: time.Hour + time.Second}} {
		if got, err := sandbox.ParseRate(spec); err != nil || got != want {
			t.Errorf("%s: %v, %v", spec, got, err)
		} else if got.String() != spec {
			t.Errorf("%s is written as %s", spec, got)
		}
	}
	for _, spec := range []string{"", "1000", "1000/", "/5m", "0/5m", "-1/5m", "1000/0s", "1000/5", "x/5m", "1000/-5m", "1000001/5m"} {
		if got, err := sandbox.ParseRate(spec); err == nil {
			t.Errorf("%q: %v, want an error", spec, got)
		}
	}
}

// A profile lives for 30 days after its last read or change.
func TestTTL(t *testing.T) {
	const day = 24 * time.Hour
	reads := map[string]func(s *tenant, id string){
		"get":    func(s *tenant, id string) { s.want(200, "GET", "/"+id, "") },
		"export": func(s *tenant, id string) { s.want(200, "POST", "/"+id+"/data/export", "") },
		"update": func(s *tenant, id string) { s.want(204, "PATCH", "/"+id, `{"active":true}`) },
		"remove": func(s *tenant, id string) { s.want(204, "POST", "/"+id+"/data/remove", "") },
	}
	for name, read := range reads {
		c := newClock()
		s := start(t, sandbox.Options{Clock: c.Now})
		id := s.create("a")
		c.Advance(30*day - time.Second)
		read(s, id)
		c.Advance(30*day - time.Second)
		if s.Counts().Profiles != 1 {
			t.Errorf("%s does not prolong the life of a profile", name)
		}
		c.Advance(time.Second)
		s.wantProblem(404, 1002, "GET", "/"+id, "")
		if s.Counts().Profiles != 0 {
			t.Errorf("%s: there after its time", name)
		}
		s.create("a") // the contact id is free
	}
}

// A list is no read: it prolongs nothing.
func TestTTLOfAList(t *testing.T) {
	c := newClock()
	s := start(t, sandbox.Options{Clock: c.Now, TTL: time.Hour})
	s.create("a")
	c.Advance(40 * time.Minute)
	s.create("b")
	if got := s.want(200, "GET", "", "").contacts(); len(got) != 2 {
		t.Errorf("listed %v", got)
	}
	c.Advance(20 * time.Minute)
	if got := s.want(200, "GET", "", ""); fmt.Sprint(got.contacts()) != "[b]" || got.json()["total"] != 1.0 {
		t.Errorf("listed %s, want b alone", got.Body)
	}
	s = start(t, sandbox.Options{Clock: c.Now, TTL: -1})
	s.create("a")
	c.Advance(10000 * time.Hour)
	if got := s.want(200, "GET", "", "").contacts(); len(got) != 1 {
		t.Errorf("without a life time: %v", got)
	}
}

func TestReadLag(t *testing.T) {
	c := newClock()
	s := start(t, sandbox.Options{Clock: c.Now, Faults: []sandbox.Fault{{Kind: sandbox.FaultReadLag, Lag: 5 * time.Second}}})
	body := s.createBody([]string{"a"}, map[string]any{"firstname": "Old"})
	id := s.want(201, "POST", "", body).id()
	see := func(want string) { // "" where the profile is not seen
		t.Helper()
		total := 1.0
		if want == "" {
			total = 0
			s.wantProblem(404, 1002, "GET", "/"+id, "")
		} else if got := s.want(200, "GET", "/"+id, "").json()["profile"].(map[string]any)["firstname"]; got != want {
			t.Errorf("get sees %v, want %s", got, want)
		}
		for _, query := range []string{"", "?filter=a", "?contactIds=a"} {
			r := s.want(200, "GET", query, "")
			if r.json()["total"] != total || len(r.contacts()) != int(total) {
				t.Errorf("list%s sees %s, want %v", query, r.Body, total)
			}
		}
	}
	see("")
	s.wantProblem(409, 1004, "POST", "", body) // writes know of it at once
	c.Advance(5*time.Second - 1)
	see("")
	c.Advance(1)
	see("Old")
	s.want(204, "PATCH", "/"+id, `{"profile":{"firstname":"New"}}`)
	see("Old")
	c.Advance(3 * time.Second)
	s.want(204, "PATCH", "/"+id, `{"profile":{"firstname":"Newer"}}`)
	c.Advance(2 * time.Second)
	see("New")
	c.Advance(3 * time.Second)
	see("Newer")
	s.want(204, "DELETE", "/"+id, "")
	s.wantProblem(404, 1002, "DELETE", "/"+id, "")
	see("Newer")
	c.Advance(5 * time.Second)
	see("")
	if s.Counts().Profiles != 0 {
		t.Error("the deleted profile is counted")
	}
}

// A list and a get may lag behind writes by times of their own.
func TestListAndGetLagApart(t *testing.T) {
	c := newClock()
	s := start(t, sandbox.Options{Clock: c.Now, Faults: faults(t, "list-lag:5s", "get-lag:2s")})
	id := s.create("a")
	see := func(get, list bool) {
		t.Helper()
		if r := s.send("GET", "/"+id, ""); (r.Status == 200) != get {
			t.Errorf("get answers %d, want it seen: %v", r.Status, get)
		}
		for _, query := range []string{"", "?filter=a", "?contactIds=a"} {
			if got := s.want(200, "GET", query, "").contacts(); (len(got) == 1) != list {
				t.Errorf("list%s sees %v, want it seen: %v", query, got, list)
			}
		}
	}
	see(false, false)
	c.Advance(2 * time.Second)
	see(true, false)
	c.Advance(3 * time.Second)
	see(true, true)
	s.want(204, "DELETE", "/"+id, "")
	see(true, true)
	c.Advance(2 * time.Second)
	see(false, true)
	c.Advance(3 * time.Second)
	see(false, false)
	s = start(t, sandbox.Options{Clock: c.Now, Faults: faults(t, "get-lag:2s")})
	id = s.create("a")
	see(false, true)
	s.want(204, "DELETE", "/"+id, "")
	see(false, false)
}

// A client is told of its quota in headers of either name, also when it is used up.
func TestRateHeaders(t *testing.T) {
	for mode, prefix := range map[string]string{"": "", sandbox.HeadersRateLimit: "RateLimit-", sandbox.HeadersXRateLimit: "X-RateLimit-"} {
		c := newClock()
		s := start(t, sandbox.Options{Clock: c.Now, Rate: sandbox.Rate{Requests: 2, Window: 10 * time.Second}, RateHeaders: mode})
		for _, want := range []struct{ after, status, left, reset int }{{0, 200, 1, 10}, {4, 200, 0, 6}, {1, 429, 0, 5}, {5, 200, 0, 4}, {4, 200, 0, 6}} {
			c.Advance(time.Duration(want.after) * time.Second)
			r := s.want(want.status, "GET", "", "")
			got := [3]string{r.Header.Get(prefix + "Limit"), r.Header.Get(prefix + "Remaining"), r.Header.Get(prefix + "Reset")}
			if mode == "" && (r.Header.Get("RateLimit-Limit") != "" || r.Header.Get("X-RateLimit-Limit") != "") {
				t.Errorf("headers that nobody asked for: %v", r.Header)
			} else if mode != "" && got != [3]string{"2", strconv.Itoa(want.left), strconv.Itoa(want.reset)} {
				t.Errorf("%s: %v, want 2, %d and %d", mode, got, want.left, want.reset)
			}
		}
	}
}
