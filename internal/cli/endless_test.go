package cli

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"importer/internal/sandbox"
)

// throttles answers 429 in the API's place to the requests of a method, or to all, from
// one of them on; retryAfter may be empty.
func (j *job) throttles(method, retryAfter string, from int64) {
	var asked atomic.Int64
	j.front().Transport = through(func(r *http.Request) (*http.Response, error) {
		if method != "" && r.Method != method || asked.Add(1) < from {
			return http.DefaultTransport.RoundTrip(r)
		}
		header := http.Header{}
		if retryAfter != "" {
			header.Set("Retry-After", retryAfter)
		}
		return &http.Response{StatusCode: 429, Header: header, Body: io.NopCloser(strings.NewReader("")), Request: r, ProtoMajor: 1, ProtoMinor: 1}, nil
	})
}

// A quota that is used up for ever, or for longer than give_up_after allows for, ends
// every command that asks the API.
func TestAQuotaThatIsUsedUpForEverEndsTheRun(t *testing.T) {
	short := func(j *job) string {
		path := j.path("short.yaml")
		if err := os.WriteFile(path, []byte("give_up_after: 1s\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		name    string
		mode    string
		command string
		method  string // that is refused; empty: all
		after   string // Retry-After
		from    int64
		want    string
	}{
		{"an import", "create", "", "", "", 5, "nothing has worked for"},
		{"an import that is to wait an hour", "create", "", "", "3600", 5, "wait for 1h0m0s, until 20"},
		{"an import, from the first request on", "create", "", "", "3600", 1, "wait for 1h0m0s, until 20"},
		{"updates, whose reads work", "upsert", "", http.MethodPatch, "", 1, "HTTP 429"},
		{"verify", "create", "verify", "", "", 1, "nothing has worked for"},
		{"verify that is to wait an hour", "create", "verify", "", "3600", 1, "wait for 1h0m0s, until 20"},
		{"undo", "create", "undo", http.MethodDelete, "", 1, "HTTP 429"},
		{"undo that is to wait an hour", "create", "undo", "", "3600", 1, "wait for 1h0m0s, until 20"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, c.mode, sandbox.Options{})
			j.contacts(8)
			if c.mode == "upsert" {
				j.must()
				for i := range j.rows {
					j.rows[i] = contactRow(i, "New")
				}
			}
			began := time.Now()
			if c.command == "" {
				j.throttles(c.method, c.after, c.from)
				r := j.run("--config", short(j))
				if r.code != exitStopped || !strings.Contains(r.Reason, c.want) || r.Throttled == 0 {
					t.Errorf("it says %q, want %q: %s", r.Reason, c.want, r)
				}
			} else {
				j.must("--mode", "create")
				// The report is of the address that the requests go to.
				text, err := os.ReadFile(j.path("r.report.ndjson"))
				if err != nil {
					t.Fatal(err)
				}
				before := j.server.URL
				j.throttles(c.method, c.after, c.from)
				text = []byte(strings.ReplaceAll(string(text), before, j.getenv("COGNIGY_BASE_URL")))
				if err := os.WriteFile(j.path("r.report.ndjson"), text, 0o600); err != nil {
					t.Fatal(err)
				}
				args := []string{c.command, j.path("r.report.ndjson"), "--config", short(j), "--rate", "unlimited", "--settle", "0s"}
				if c.command == "undo" {
					args = append(args, "--yes", "--state", j.path("s.db"))
				}
				if r, stdout := j.command(args...); r.code != exitStopped || !strings.Contains(r.stderr, c.want) {
					t.Errorf("want %q: %s%s", c.want, r, stdout)
				}
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// A list that has no end is left where its first total says that it must be over.
func TestAListWithoutEndIsLeftAtItsTotal(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(5)
	var pages atomic.Int64
	j.front().Transport = through(func(r *http.Request) (*http.Response, error) {
		query := r.URL.Query()
		if r.Method != http.MethodGet || r.URL.Path != "/new/v2.0/profiles" || query.Get("contactIds") != "" || query.Get("filter") != "" {
			return http.DefaultTransport.RoundTrip(r)
		}
		n := pages.Add(1)
		var items []string
		for i := range 100 {
			items = append(items, fmt.Sprintf(`{"_id":"%024d","contactIds":["x%d@example.com"]}`, 1000*n+int64(i), 1000*n+int64(i)))
		}
		body := fmt.Sprintf(`{"items":[%s],"total":%d,"nextCursor":"c%d"}`, strings.Join(items, ","), 400+100*n, n)
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}, "Content-Length": {strconv.Itoa(len(body))}},
			Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r, ProtoMajor: 1, ProtoMinor: 1}, nil
	})
	r := j.run("--existing", "list")
	if r.code != exitStopped || !strings.Contains(r.Reason, "does not end") || !strings.Contains(r.Reason, "--existing lookup") {
		t.Error(r)
	}
	if n := pages.Load(); n < 10 || n > 20 {
		t.Errorf("%d pages were asked for, of a list that says it holds 500", n)
	}
}
