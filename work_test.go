package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"importer/internal/pgtest"
	"importer/internal/sandbox"
)

// A crew is workers of one store and one sandbox, each a process with a folder of its own.
type crew struct {
	t      *testing.T
	pg     *pgtest.Server
	store  string
	api    *sandbox.Server
	folder string // of the sources and the job files
}

func newCrew(t *testing.T, pg *pgtest.Server, database string, o sandbox.Options) *crew {
	t.Helper()
	c := &crew{t: t, pg: pg, store: pg.Database(database), folder: t.TempDir()}
	var err error
	if c.api, err = sandbox.Listen("127.0.0.1:0", o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.api.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// job writes a job of so many contacts, and returns its file.
func (c *crew) job(name string, contacts int, more string) string {
	c.t.Helper()
	var rows strings.Builder
	rows.WriteString("email,first name\n")
	for i := range contacts {
		fmt.Fprintf(&rows, "%s%d@example.com,Name %d\n", name, i, i)
	}
	source := filepath.Join(c.folder, name+".csv")
	settings := fmt.Sprintf("job: {name: %s%s}\nsource: {paths: [%s]}\napi: {base_url: %q, project_id: %s}\nrate: unlimited\nworkers: 4\nin_doubt: {settle: 1s}\nexisting: ignore\n",
		name, more, source, c.api.URL, c.api.ProjectID())
	file := filepath.Join(c.folder, name+".yaml")
	if err := errors.Join(os.WriteFile(source, []byte(rows.String()), 0o600), os.WriteFile(file, []byte(settings), 0o600)); err != nil {
		c.t.Fatal(err)
	}
	return file
}

func (c *crew) command(args ...string) *exec.Cmd {
	cmd := exec.Command("importer", args...)
	cmd.Dir = c.t.TempDir()
	cmd.Env = append(os.Environ(), "IMPORTER_STORE="+c.store, "COGNIGY_API_KEY="+c.api.APIKey(), "XDG_CACHE_HOME="+cmd.Dir, "XDG_STATE_HOME="+cmd.Dir)
	return cmd
}

// run runs a command to its end, and returns what it printed.
func (c *crew) run(want int, args ...string) string {
	c.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := c.command(args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if _ = cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != want {
		c.t.Fatalf("importer %s: %v, want exit %d\n%s%s", strings.Join(args, " "), cmd.ProcessState, want, &stdout, &stderr)
	}
	return stdout.String()
}

// A hand is a worker.
type hand struct {
	*exec.Cmd
	out shared
}

// What a process says can be read while it says more.
type shared struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *shared) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (c *crew) worker(more ...string) *hand {
	c.t.Helper()
	h := &hand{Cmd: c.command(append([]string{"work", "--lease", "2s", "--allow-folder", c.folder}, more...)...)}
	h.Stdout, h.Stderr = &h.out, &h.out
	if err := h.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if h.ProcessState == nil {
			_ = h.Process.Kill()
			_ = h.Wait()
		}
		if c.t.Failed() {
			c.t.Logf("worker %d:\n%s", h.Process.Pid, &h.out)
		}
	})
	return h
}

// ends waits for a worker, and wants its exit code; -1 of one that was killed.
func (c *crew) ends(h *hand, want int) {
	c.t.Helper()
	_ = h.Wait()
	if got := h.ProcessState.ExitCode(); got != want {
		c.t.Errorf("the worker %d ended with %d; want %d", h.Process.Pid, got, want)
	}
}

// A listed job is one line of importer jobs --json.
type listed struct {
	Name, Schedule, Next string
	RunningOn            string `json:"running_on"`
	LastStatus           string `json:"last_status"`
	LastSummary          struct {
		Read, Created int
		DoneBefore    int `json:"done_before"`
	} `json:"last_summary"`
}

func (c *crew) jobs() map[string]listed {
	c.t.Helper()
	all := map[string]listed{}
	for line := range strings.Lines(c.run(0, "jobs", "--json")) {
		var l listed
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			c.t.Fatalf("%v: %s", err, line)
		}
		all[l.Name] = l
	}
	return all
}

// await waits until something holds.
func (c *crew) await(what string, holds func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("not within a minute: %s", what)
		}
	}
}

func (c *crew) requests(n int) {
	c.t.Helper()
	c.await(fmt.Sprint(n, " requests"), func() bool { return len(c.api.Requests()) >= n })
}

// all wants so many contacts to be in, each once.
func (c *crew) all(want int) {
	c.t.Helper()
	seen := map[string]bool{}
	for _, p := range c.api.Profiles() {
		for _, id := range p.ContactIDs {
			if seen[id] {
				c.t.Errorf("%s is in twice", id)
			}
			seen[id] = true
		}
	}
	if len(seen) != want {
		c.t.Errorf("%d contacts are in; want %d", len(seen), want)
	}
}

// lastly are the statuses of the last runs.
func (c *crew) lastly() string {
	return strings.TrimSpace(c.pg.ExecIn(c.database(), "select coalesce(string_agg(name || ' ' || last_status || ' ' || last_exit, ', ' order by name), '') from importer_job where ended > 0"))
}

func (c *crew) database() string {
	_, name, _ := strings.Cut(strings.TrimPrefix(c.store, "postgres://"), "/")
	name, _, _ = strings.Cut(name, "?")
	return name
}

// A worker that is killed loses nothing: another goes on within seconds of the lease's end,
// and each contact is in once. One that is stopped hands back what it has.
func TestWorkers(t *testing.T) {
	pg := pgtest.Start(t)
	for _, try := range []struct {
		name    string
		latency time.Duration
		run     func(*testing.T, *crew)
	}{
		{"killed", 5 * time.Millisecond, killedAtWork}, {"stopped", 5 * time.Millisecond, stoppedAtWork}, {"turns", 10 * time.Millisecond, workInTurns},
		{"changed", 0, changedJobs}, {"hostile", 0, hostileJobs}, {"pages", 20 * time.Millisecond, pagesOfJobs},
	} {
		t.Run(try.name, func(t *testing.T) {
			t.Parallel()
			try.run(t, newCrew(t, pg, try.name, sandbox.Options{Latency: try.latency}))
		})
	}
}

func killedAtWork(t *testing.T, c *crew) {
	c.run(0, "submit", c.job("acme", 400, ""), c.job("globex", 400, ""), c.job("initech", 400, ""))
	first := c.worker()
	c.requests(200)
	second := c.worker()
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	c.ends(first, -1)
	sent := len(c.api.Requests())
	c.requests(sent + 50)
	if took := time.Since(killed); took > 12*time.Second {
		t.Errorf("another worker went on after %s, with a lease of 2s", took)
	}
	c.await("all three have ended", func() bool { return c.lastly() == "acme complete 0, globex complete 0, initech complete 0" })
	c.all(1200)
	for name, job := range c.jobs() {
		if job.LastSummary.Read != 400 || job.RunningOn != "" || job.Next != "" {
			t.Errorf("%s: %+v", name, job)
		}
	}
	if text := c.run(0, "report", "globex", "--format", "json"); !strings.Contains(text, `"created": 400`) {
		t.Errorf("%s", text)
	}
	if err := second.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	c.ends(second, 143)
	c.run(0, "work", "--once")
}

func stoppedAtWork(t *testing.T, c *crew) {
	c.run(0, "submit", c.job("acme", 1500, ""))
	first := c.worker()
	c.requests(200)
	stopped := time.Now()
	if err := first.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	c.ends(first, 143)
	if took := time.Since(stopped); took > 10*time.Second {
		t.Errorf("it took %s to stop", took)
	}
	sent := len(c.api.Requests())
	if job := c.jobs()["acme"]; job.RunningOn != "" || job.LastStatus != "" {
		t.Errorf("handed back: %+v", job)
	}
	if text := c.run(0, "jobs"); !strings.Contains(text, "waits for a worker") {
		t.Errorf("%s", text)
	}
	second := c.worker("--once")
	c.requests(sent + 1)
	c.ends(second, 0)
	c.all(1500)
	if job := c.jobs()["acme"]; job.LastStatus != "complete" || job.LastSummary.DoneBefore == 0 {
		t.Errorf("%+v", job)
	}
}

// A large import gives way to small ones, and is gone on with.
func workInTurns(t *testing.T, c *crew) {
	c.run(0, "submit", c.job("large", 60000, ", tags: [big]"))
	worker := c.worker("--jobs", "1")
	c.requests(100)
	c.run(0, "submit", c.job("small", 50, ""), c.job("tiny", 20, ", tags: [b, a, b]"))
	c.await("the small ones have ended", func() bool { return c.lastly() == "small complete 0, tiny complete 0" })
	if err := worker.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	c.ends(worker, 143)
	c.run(0, "jobs", "pause", "large")
	c.run(0, "submit", c.job("chosen", 10, ", tags: [c, a]"), c.job("left", 10, ", tags: [c]"))
	c.run(0, "work", "--once", "--select", "a", "--allow-folder", c.folder)
	if last := c.lastly(); last != "chosen complete 0, small complete 0, tiny complete 0" {
		t.Errorf("ended: %s", last)
	}
}

// Jobs are paused while they run, run when they are asked to, fail by themselves alone, and
// are removed.
func changedJobs(t *testing.T, c *crew) {
	nightly := c.job("nightly", 10, `, schedule: "0 3 1 1 *", time_zone: Europe/Berlin`)
	bad := c.job("bad", 10, "")
	if err := os.WriteFile(filepath.Join(c.folder, "bad.csv"), []byte("email,first name\nnobody,A\nb@example.com,B\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := c.job("missing", 10, "")
	if err := os.Remove(filepath.Join(c.folder, "missing.csv")); err != nil {
		t.Fatal(err)
	}
	out := c.run(0, "submit", nightly, bad, missing)
	if !strings.Contains(out, "nightly: submitted; runs next at ") || !strings.Contains(out, "bad: submitted; runs once") {
		t.Errorf("%s", out)
	}
	c.run(1, "work", "--once", "--allow-folder", c.folder)
	if last := c.lastly(); last != "bad complete 3, missing stopped 2" {
		t.Errorf("ended: %s", last)
	}
	c.run(0, "work", "--once", "--allow-folder", c.folder) // nothing is tried again by itself
	if text := c.run(0, "jobs", "missing"); !strings.Contains(text, "missing.csv, which is not there on this worker") {
		t.Errorf("%s", text)
	}
	c.run(0, "jobs", "run", "nightly")
	c.run(0, "work", "--once", "--allow-folder", c.folder)
	if job := c.jobs()["nightly"]; job.LastSummary.Created != 10 || !strings.HasSuffix(job.Next, "T02:00:00Z") {
		t.Errorf("%+v", job)
	}
	if out := c.run(0, "jobs", "remove", "nightly"); !strings.Contains(out, "removed, with 1 report") {
		t.Errorf("%s", out)
	}
	c.run(2, "report", "nightly")
	c.run(1, "jobs", "remove", "nightly")
	c.run(1, "jobs", "nightly")
	c.run(2, "jobs", "pause")
	c.run(2, "jobs", "one", "two")
}
