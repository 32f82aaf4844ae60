package live

import (
	"context"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"importer/importer/contact"
	"importer/importer/pace"
	"importer/internal/report"
	"importer/sink/journal"
)

func TestNotify(t *testing.T) {
	s := contact.Summary{Run: "01J", Status: contact.Stopped, Reason: `row 7: "ann@example.com" is wrong`, Counts: contact.Counts{Read: 3, Created: 2, Invalid: 1}}
	var calls atomic.Int32
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) < 3 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		body, _ = io.ReadAll(r.Body)
	}))
	defer server.Close()
	to, err := notifyURL(server.URL+"/hook/s3cret", false)
	if err != nil {
		t.Fatal(err)
	}
	if err := notify(t.Context(), to, "importer/1", s); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(body, &got); err != nil || got["run"] != "01J" || got["created"] != 2.0 || got["text"] != "importer: stopped, 3 rows read, 2 created, 1 not in" {
		t.Errorf("posted %s, %v", body, err)
	}
	if calls.Load() != 3 || strings.Contains(string(body), "ann@") {
		t.Errorf("%d calls, the last with %s", calls.Load(), body)
	}
}

// What is refused for good is not tried again, a redirect is not followed, and
// the URL, which is a password, is in no error.
func TestNotifyFails(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	to, _ := url.Parse(server.URL + "/s3cret")
	err := notify(t.Context(), to, "importer/1", contact.Summary{})
	if err == nil || calls.Load() != 1 || elsewhere.Load() != 0 || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v after %d calls, %d elsewhere", err, calls.Load(), elsewhere.Load())
	}
	server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := notify(ctx, to, "importer/1", contact.Summary{}); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("nobody there: %v", err)
	}
	for _, bad := range []string{"http://chat.example.com/x", "ftp://127.0.0.1/x", "s3cret", "https://"} {
		if _, err := notifyURL(bad, false); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for _, good := range []string{"http://localhost:1/x", "http://[::1]:1/x", "https://chat.example.com/x"} {
		if _, err := notifyURL(good, false); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

func TestListen(t *testing.T) {
	text := func(s string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) })
	}
	var logged strings.Builder
	stop, err := listen(":0", "t0ken", text("page"), text("metrics"), zerolog.New(&logged))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(logged.String(), "warn") {
		t.Errorf("an address without a host is not this machine's own: %s", logged.String())
	}
	var at struct{ URL string }
	if err := json.Unmarshal([]byte(logged.String()), &at); err != nil || !strings.HasPrefix(at.URL, "http://127.0.0.1:") || !strings.HasSuffix(at.URL, "/?token=t0ken") {
		t.Fatalf("logged %s, %v", logged.String(), err)
	}
	at.URL = strings.TrimSuffix(at.URL, "?token=t0ken")
	for path, want := range map[string]string{"": "page", "metrics": "metrics", "healthz": "ok\n", "other": "404 page not found\n"} {
		resp, err := http.Get(at.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(body) != want {
			t.Errorf("/%s says %q, want %q", path, body, want)
		}
	}
	// A stranger's page whose name leads to this machine.
	req, _ := http.NewRequest("GET", at.URL, nil)
	req.Host = "evil.example:80"
	if resp, err := http.DefaultClient.Do(req); err != nil || resp.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("another host's name: %v, %v", resp.Status, err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, err := http.Get(at.URL); err == nil {
		t.Error("it still serves after close")
	}
	logged.Reset()
	stop, err = listen("0.0.0.0:0", "t0ken", text("page"), text("metrics"), zerolog.New(&logged))
	if err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil || !strings.Contains(logged.String(), `"level":"warn"`) {
		t.Errorf("no warning that others can reach it: %s, %v", logged.String(), err)
	}
}

func TestFit(t *testing.T) {
	parts := []part{{"10 created", green}, {"2 rejected", red}}
	plain, colored := &Display{}, &Display{colored: true}
	if got := plain.fit(parts, 80); got != " 10 created · 2 rejected" {
		t.Errorf("got %q", got)
	}
	if got := plain.fit(parts, 20); got != " 10 created" {
		t.Errorf("in 20 columns: %q", got)
	}
	if got := plain.fit(parts[:1], 10); got != " 10 crea…" {
		t.Errorf("one part in 10 columns: %q", got)
	}
	if got := colored.fit(parts, 80); got != " \x1b[32m10 created\x1b[0m · \x1b[31m2 rejected\x1b[0m" {
		t.Errorf("in colour: %q", got)
	}
}

// shown is the plain line and the page of a run.
func shown(t *testing.T, v View) (line, page string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "r.ndjson")
	if err := os.WriteFile(path, []byte(`{"kind":"run","run":"01J","at":"2026-01-01T00:00:00.000Z","version":"1","mode":"create","sources":["c.csv"],"base_url":"x","project_id":"y"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	live := report.NewLive(journal.Files{}, path, "t0ken", v.now)
	defer live.Close()
	w := httptest.NewRecorder()
	live.ServeHTTP(w, httptest.NewRequest("GET", "/?token=t0ken", nil))
	return v.line(), html.UnescapeString(w.Body.String())
}

// While nothing works the plain line and the page say why, and a source that is to be
// kept out is.
func TestTroubleIsShown(t *testing.T) {
	var progress contact.Progress
	v := View{Progress: &progress, Pacer: pace.NewPacer(pace.Rate{}, pace.PacerOptions{}), Input: noInput{}}
	const said = `nobody listens for "ann@example.com"`
	if line, page := shown(t, v); strings.Contains(line+page, "othing works") {
		t.Errorf("without trouble: %s\n%s", line, page)
	}
	progress.Fail(&contact.APIError{Failure: contact.Failure{Detail: said, Hint: "look"}})
	if line, page := shown(t, v); !strings.HasSuffix(line, "; nothing works: "+said+"; look") || !strings.Contains(page, "<b>Nothing works:</b> "+said+"; look") {
		t.Errorf("%s\n%s", line, page)
	}
	v.Redact = true
	if line, page := shown(t, v); strings.Contains(line+page, "ann@") || !strings.Contains(line+page, "nobody listens") {
		t.Errorf("redacted: %s\n%s", line, page)
	}
	progress.Work()
	if line, page := shown(t, v); strings.Contains(line+page, "othing works") {
		t.Errorf("after the trouble: %s\n%s", line, page)
	}
}

type noInput struct{}

func (noInput) Size() int64        { return 0 }
func (noInput) BytesRead() int64   { return 0 }
func (noInput) Rows() contact.Rows { return func(func(contact.Row, error) bool) {} }

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 1400 * time.Millisecond: "1s", 61 * time.Second: "1m 1s", 3*time.Hour + 5*time.Minute + time.Second: "3h 5m", 50 * time.Hour: "2d 2h",
	} {
		if got := duration(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

// Of a failure that is told one by one, each kind is told once and five at most.
func TestFewFailuresAreLogged(t *testing.T) {
	var logged strings.Builder
	w := &Watch{log: zerolog.New(&logged).Level(zerolog.InfoLevel)}
	for i := range 100 {
		w.Failed(&contact.Outcome{Status: contact.Rejected, Failure: &contact.Failure{Field: string(rune('a' + i%10)), Detail: "ann@example.com"}})
	}
	if n := strings.Count(logged.String(), "\n"); n != maxLogged || strings.Contains(logged.String(), "ann@") {
		t.Errorf("%d lines: %s", n, logged.String())
	}
	if list := w.Failures.List(); len(list) != 10 || list[0].Count != 10 {
		t.Errorf("groups %+v", list)
	}
}
