package cli

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"importer/internal/pgtest"
	"importer/internal/sandbox"
)

// refusing has the API refuse whoever is named so with a status, in words that quote the
// profile.
func (j *job) refusing(name string, status int) {
	j.t.Helper()
	to, err := url.Parse(j.server.URL)
	if err != nil {
		j.t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), name) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"type":"x","title":"x","status":`+strconv.Itoa(status)+`,"detail":"firstName `+name+` is not allowed","code":1005,"traceId":"t"}`)
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		proxy.ServeHTTP(w, r)
	}))
	j.t.Cleanup(server.Close)
	j.args[slices.Index(j.args, j.server.URL)] = server.URL
}

// With report.redact no value of the source is in what a run or a command says, nor in the
// store, but for the reject file, which is made of them. No password is anywhere.
func redactedInStore(t *testing.T, s *pgtest.Server) {
	j := inStore(t, s, "redacted", "create", sandbox.Options{})
	j.refusing("Xaver", http.StatusBadRequest)
	var posted string
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		posted = string(b)
	}))
	t.Cleanup(hook.Close)
	u, err := url.Parse(j.address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(u.User.Username(), storePassword)
	t.Setenv("PGPASSWORD", "")
	config := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(config, []byte("store: "+u.String()+"\nreport: {redact: true}\nnotify: {url: "+hook.URL+"/"+storePassword+"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	j.args = slices.DeleteFunc(j.args, func(arg string) bool { return arg == "--store" || arg == j.address })
	j.args = append(j.args, "--config", config)
	j.contacts(3)
	j.rows = append(j.rows, contactRow(3, "Xaver"), "yolanda@example.com,N,Zacharias", "wilhelmina,N,30", contactRow(1, "Otherwise"))
	j.write()
	values := []string{"Xaver", "yolanda", "Zacharias", "wilhelmina", "Otherwise", "@example.com", storePassword}
	plain := slices.DeleteFunc(slices.Clone(j.args), func(arg string) bool { return arg == "--json" })
	about := []string{"--config", config, "--base-url", j.args[slices.Index(j.args, "--base-url")+1], "--project-id", j.server.ProjectID()}
	look := func(how, text string) {
		t.Helper()
		for _, value := range values {
			if strings.Contains(text, value) {
				t.Errorf("%s: %s is in\n%s", how, value, text)
			}
		}
	}
	for _, args := range [][]string{
		append(slices.Clone(j.args), "--log-level", "trace"), append(plain, "--retry-rejected", "--log-level", "trace", "--metrics-textfile", "m.prom"),
		append([]string{"check"}, j.args...), append([]string{"check", "--verbose"}, plain...),
		append([]string{"report", "r"}, about...), append([]string{"report", "r", "--json"}, about...), append([]string{"report", "r", "--format", "html"}, about...),
		append([]string{"report", "r", "--format", "csv"}, about...), append([]string{"report", "r", "--format", "ndjson"}, about...), append([]string{"report", "x"}, about...),
		append([]string{"report", "r", "--rejects", "-o", "got.csv"}, about...),
		append([]string{"verify", "r", "--rate", "unlimited", "--settle", "0s", "--log-level", "trace"}, about...), append([]string{"verify", "r", "--json", "--rate", "unlimited", "--settle", "0s"}, about...),
		append([]string{"undo", "r", "--rate", "unlimited", "--settle", "0s"}, about...), append([]string{"undo", "r", "--yes", "--json", "--rate", "unlimited", "--settle", "0s", "--log-level", "trace"}, about...),
		append([]string{"report", "r", "--purge"}, about...), append([]string{"report", "--purge", "--contact", "nobody"}, about...),
	} {
		r, stdout := j.command(args...)
		look(strings.Join(args, " "), stdout+r.stderr)
		if stdout+r.stderr == "" && !slices.Contains(args, "-o") {
			t.Errorf("%v: nothing was said", args)
		}
		if r.code == exitStopped {
			t.Errorf("%v: %s", args, r)
		}
	}
	look("posted", posted)
	if !strings.Contains(posted, `"rejected":1`) || !strings.Contains(posted, `"invalid":2`) {
		t.Errorf("posted: %s", posted)
	}
	look("in the database", s.ExecIn("redacted", "select convert_from(lines, 'UTF8') from importer_journal")+s.ExecIn("redacted", "select r::text from importer_run r"))
	for _, name := range j.files() {
		if text, err := os.ReadFile(name); err != nil || !strings.HasSuffix(name, ".csv") {
			look(name, string(text))
		}
	}
}

// Why a run was stopped, or nothing works, quotes no value either.
func TestRedactedReason(t *testing.T) {
	for status, want := range map[int]int{http.StatusUnauthorized: exitStopped, http.StatusForbidden: exitStopped, http.StatusInternalServerError: exitNotAllIn, http.StatusTooManyRequests: exitStopped, http.StatusNotFound: exitNotAllIn} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			j := newJob(t, "create", sandbox.Options{})
			j.refusing("Xaver", status)
			j.file("c.yaml", "report: {redact: true}\ngive_up_after: 1s\ngive_up_at_start: 1s\n")
			j.contacts(1)
			j.rows = append(j.rows, contactRow(3, "Xaver"))
			j.write()
			for _, args := range [][]string{j.args, slices.DeleteFunc(slices.Clone(j.args), func(arg string) bool { return arg == "--json" })} {
				r, stdout := j.command(append(slices.Clone(args), "--config", j.path("c.yaml"), "--retries", "1", "--log-level", "trace", "--progress", "plain")...)
				text := stdout + r.stderr + j.text("r.report.ndjson")
				if r.code != want || strings.Contains(text, "Xaver") || strings.Contains(text, "c000003@") {
					t.Errorf("exit code %d: %s", r.code, text)
				}
			}
		})
	}
}
