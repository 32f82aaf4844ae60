package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// Whoever can write to the store gets neither files, variables nor keys of a worker, sends
// nothing from it, and stops nobody else's jobs.
func hostileJobs(t *testing.T, c *crew) {
	var called atomic.Int64
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { called.Add(1) }))
	t.Cleanup(evil.Close)
	home := t.TempDir()
	for name, text := range map[string]string{"secret.csv": "email,first name\nsecret-of-a-file@example.com,A\n", "cognigy.key": "secret-of-a-key\n"} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(home, "secret.csv"), filepath.Join(c.folder, "linked.csv")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.folder, "cognigy.key"), []byte("secret-of-a-key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.run(0, "submit", c.job("good", 5, ""))
	source, api := filepath.Join(c.folder, "good.csv"), fmt.Sprintf("base_url: %q, project_id: %s", c.api.URL, c.api.ProjectID())
	settings := func(source, api, more string) string {
		return fmt.Sprintf("job: {name: NAME}\nsource: {paths: [%q]}\napi: {%s}\n%s\n", source, api, more)
	}
	for n, text := range []string{
		settings(filepath.Join(home, "secret.csv"), api, ""), settings(filepath.Join(c.folder, "linked.csv"), api, ""), settings(c.folder+"/*", api, ""),
		settings(filepath.Join(c.folder, "cognigy.key"), api, ""), settings("/proc/self/environ", api, ""), settings(evil.URL+"/a.csv", api, ""),
		settings(source, strings.Replace(api, c.api.URL, evil.URL, 1), ""), settings(source, api+", api_key_env: WORKER_SECRET", ""), settings(source, api+", api_key_env: PGPASSWORD", ""),
		settings(source, api+", api_key_file: "+filepath.Join(home, "cognigy.key"), ""), settings(source, api+", ca_file: "+filepath.Join(home, "cognigy.key"), ""),
		settings(source, api, "notify: {url: '"+evil.URL+"'}"), settings(source, api, "metrics: {textfile: '"+filepath.Join(home, "x.prom")+"'}"), settings(source, api, "report: {path: '"+filepath.Join(home, "x")+"'}"),
		settings(source, api, "store: postgres://"+evil.Listener.Addr().String()+"/x"), settings(source, api, "nonsense: 1"), "job: {name: good}\nsource: {paths: [" + source + "]}\napi: {" + api + "}\n",
		"", "a: &a [b, b]\nb: &b [*a, *a]\n", strings.Repeat("[", 100000), strings.Repeat("x", 3<<20), "\x1b[2J",
	} {
		name := fmt.Sprintf("evil%02d", n)
		c.pg.ExecIn(c.database(), fmt.Sprintf("insert into importer_job (name, settings, next_at) values ('%s', '%s', '2000-01-01')", name, strings.ReplaceAll(strings.ReplaceAll(text, "NAME", name), "'", "''")))
	}
	h := c.command("work", "--once", "--allow-folder", c.folder, "--allow-host", strings.TrimPrefix(c.api.URL, "http://"), "--jobs", "8")
	h.Env = append(h.Env, "WORKER_SECRET=secret-of-a-variable", "PGPASSWORD=secret-of-a-variable")
	out, _ := h.CombinedOutput()
	if code := h.ProcessState.ExitCode(); code != 1 {
		t.Errorf("the worker ended with %d", code)
	}
	if last := c.pg.ExecIn(c.database(), "select name from importer_job where last_exit <> 2"); strings.TrimSpace(last) != "good" {
		t.Errorf("not refused: %s", last)
	}
	if n := called.Load(); n > 0 {
		t.Errorf("%d requests went elsewhere", n)
	}
	c.all(5)
	dump := c.pg.ExecIn(c.database(), "select * from importer_job; select * from importer_run; select convert_from(lines, 'utf8') from importer_journal; select * from river_job")
	for _, text := range []string{dump, string(out), c.run(0, "jobs"), c.run(0, "jobs", "--json")} {
		if i := strings.Index(text, "secret-of-"); i >= 0 {
			t.Errorf("told: …%.200s", text[i:])
		}
	}
	if _, err := os.Stat(filepath.Join(home, "x.prom")); err == nil {
		t.Error("a file was written where a job said")
	}
}

// A worker says over HTTP how the jobs and its runs stand, and whether it is well.
func pagesOfJobs(t *testing.T, c *crew) {
	c.run(0, "submit", c.job("acme", 2000, ""))
	c.pg.ExecIn(c.database(), `insert into importer_job (name, settings, last_status, last_exit, last_ended, last_reason, paused) values ('<script>alert(1)</script>', '', 'stopped', 1, now(), 'about nobody@example.com', true)`)
	worker := c.worker("--listen", "127.0.0.1:0")
	address := ""
	c.await("it serves", func() bool {
		_, rest, ok := strings.Cut(worker.out.String(), `"url":"`)
		address, _, _ = strings.Cut(rest, `"`)
		return ok && strings.Contains(rest, `"`)
	})
	base, token, _ := strings.Cut(address, "/?")
	get := func(path string) (int, string) {
		resp, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	c.requests(50)
	c.await("it is ready", func() bool { code, _ := get("/readyz"); return code == 200 })
	for path, want := range map[string][]string{
		"/healthz": {"ok"}, "/": {"acme", "&lt;script&gt;", "fails: stopped (1)", "paused"}, "/?" + token: {`href="/run/acme?token=`}, "/run/acme?" + token: {"The run is going on"}, "/run/acme": {"The run is going on"},
		"/metrics": {`importer_job_running{job="acme"} 1`, `importer_job_last_exit_code{job="<script>alert(1)</script>"} 1`, "importer_jobs_without_metrics 0"},
	} {
		code, text := get(path)
		for _, w := range want {
			if code != 200 || !strings.Contains(text, w) {
				t.Errorf("%s: %d, and no %s in %s", path, code, w, text)
			}
		}
		if strings.Contains(text, "<script>alert") && path != "/metrics" || strings.Contains(text, "nobody@example.com") {
			t.Errorf("%s: %s", path, text)
		}
	}
	if code, _ := get("/run/nobody"); code != 404 {
		t.Errorf("a run that is not there: %d", code)
	}
	if err := worker.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	c.ends(worker, 143)
}
