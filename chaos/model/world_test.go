package model

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"importer/internal/cli"
	"importer/internal/sandbox"
)

// A world is what one sequence happens in: a folder, and an API with some projects.
type world struct {
	dir      string
	projects []*sandbox.Sandbox
	front    *httptest.Server
	ahead    atomic.Int64 // of the API's clock, in ns

	// Of the run that is going on.
	pass     sync.RWMutex // held for reading by requests on their way, and for writing by what ends a run
	dead     bool         // nothing of this run reaches the API any more
	mu       sync.Mutex   // over what follows
	number   int          // of the run that is going on
	ending   *ending
	requests int
	creates  int
	changes  int
}

// An ending is what befalls a run on its way.
type ending struct {
	at    int            // which request it comes with; 0: none
	after bool           // the request has been processed by then
	kill  func()         // nil: stop
	early time.Duration  // of a process that is killed before its first request: when; 0: it is not
	stop  func()         // as SIGTERM does
	lost  map[int]string // faults of creates, by their number
	fails map[int]string // faults of changes, by their number
}

type runKey struct{}

func newWorld(dir string, patch string, lag time.Duration) (*world, error) {
	w := &world{dir: dir}
	var faults []sandbox.Fault
	if lag > 0 {
		faults = append(faults, sandbox.Fault{Kind: sandbox.FaultReadLag, Lag: lag})
	}
	for n := range 2 {
		s, err := sandbox.New(sandbox.Options{
			APIKey: fmt.Sprint("key-", n), ProjectID: fmt.Sprintf("65f0000000000000000000b%d", n), OnDuplicate: sandbox.DuplicateAllow, Patch: patch, Faults: faults, Defaults: sandbox.DefaultsSent,
			Clock: func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) },
		})
		if err != nil {
			return nil, errors.Join(err, w.close())
		}
		w.projects = append(w.projects, s)
	}
	for _, folder := range []string{"work", "home"} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
			return nil, errors.Join(err, w.close())
		}
	}
	w.front = httptest.NewUnstartedServer(w)
	// A request that a killed process has left on its way is not for the next run.
	w.front.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, runKey{}, w.running())
	}
	w.front.Start()
	return w, nil
}

func (w *world) close() error {
	if w.front != nil {
		w.front.Close()
	}
	var errs []error
	for _, s := range w.projects {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// path is that of a file in the folder that the runs work in.
func (w *world) path(name string) string { return filepath.Join(w.dir, "work", name) }

// ServeHTTP passes a request on to the project of its API key, or does to it what has
// to befall it.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	end, fault, ok := w.arrive(r)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	if end != nil && !end.after {
		w.end(end)
	}
	answer := w.process(r, body, fault)
	if end != nil && end.after {
		w.end(end)
	}
	switch {
	case answer == nil || fault == "drop-before" || fault == "drop-after":
		panic(http.ErrAbortHandler)
	case fault == "500-after":
		answer = problem(500, 1000, "spoilt by the test")
	}
	maps.Copy(rw.Header(), answer.Header())
	rw.WriteHeader(answer.Code)
	rw.Write(answer.Body.Bytes())
}

// arrive counts a request, and says whether the run ends with it, and which fault
// befalls it. It is not ok where it is of an earlier run.
func (w *world) arrive(r *http.Request) (end *ending, fault string, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Context().Value(runKey{}) != w.number || w.ending == nil {
		return nil, "", false
	}
	w.requests++
	switch r.Method {
	case http.MethodPost:
		w.creates++
		fault = w.ending.lost[w.creates]
	case http.MethodPatch, http.MethodDelete:
		w.changes++
		fault = w.ending.fails[w.changes]
	}
	if w.requests == w.ending.at {
		end = w.ending
	}
	return end, fault, true
}

// process has a request processed; nil where it is not.
func (w *world) process(r *http.Request, body []byte, fault string) *httptest.ResponseRecorder {
	w.pass.RLock()
	defer w.pass.RUnlock()
	if w.dead || r.Context().Value(runKey{}) != w.number || fault == "drop-before" {
		return nil
	}
	if r.Method != http.MethodGet && bytes.Contains(body, []byte(refusal)) {
		return problem(400, 1005, "this name is not liked")
	}
	answer := httptest.NewRecorder()
	for _, s := range w.projects {
		if s.APIKey() == r.Header.Get("X-API-Key") {
			s.ServeHTTP(answer, r)
		}
	}
	return answer
}

// end ends the run: nothing of it is on its way to the API any more when it is killed.
func (w *world) end(e *ending) {
	if e.kill != nil {
		w.pass.Lock()
		defer w.pass.Unlock()
		w.dead = true
		e.kill()
	}
	e.stop()
}

func problem(status, code int, detail string) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	answer.Header().Set("Content-Type", "application/problem+json")
	answer.WriteHeader(status)
	fmt.Fprintf(answer, `{"title":"%s","status":%d,"detail":"%[1]s","code":%d,"traceId":"t-1"}`, detail, status, code)
	return answer
}

// A ran is a run that has ended.
type ran struct {
	killed         bool
	requests       int
	code           int
	stdout, stderr string
	summary
}

// A summary is what --json prints.
type summary struct {
	Status, Reason, Rejects                                                              string
	Read, Created, Updated, Unchanged, Existing, Absent, Duplicate, Deactivated, Deleted int
	Invalid, Rejected, Failed, Unknown, Pending                                          int
	DoneBefore                                                                           int `json:"done_before"`
	ChangedSince                                                                         int `json:"changed_since"`
	DuplicatesDiffer                                                                     int `json:"duplicates_differ"`
	LookedUp                                                                             int `json:"looked_up"`
}

// within is the longest that a run may take.
const within = time.Minute

// env is the environment of a run.
func (w *world) env(project int) map[string]string {
	home := filepath.Join(w.dir, "home")
	return map[string]string{
		"COGNIGY_BASE_URL": w.front.URL, "COGNIGY_API_KEY": w.projects[project].APIKey(), "COGNIGY_PROJECT_ID": w.projects[project].ProjectID(),
		"HOME": home, "XDG_STATE_HOME": home, "XDG_CACHE_HOME": home, "XDG_CONFIG_HOME": home,
	}
}

// run runs a command in this process. A run that is killed leaves the folder as it was
// in that moment.
func (w *world) run(project int, e ending, args ...string) (*ran, error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	e.stop = func() { cancel(&cli.Interrupt{Signal: syscall.SIGTERM}) }
	var aside string
	var failed error
	if e.kill != nil {
		e.kill = func() { aside, failed = w.keep() }
	}
	w.begin(&e)
	defer w.begin(nil)
	tooLong := time.AfterFunc(within, e.stop)
	defer tooLong.Stop()
	var stdout, stderr bytes.Buffer
	env := w.env(project)
	err := cli.Execute(ctx, args, cli.Env{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Version: "test", Program: "importer", Getenv: func(name string) string { return env[name] }})
	r := &ran{killed: aside != "", requests: w.asked()}
	var print bool
	if r.code, print = cli.ExitCode(err); print {
		fmt.Fprintln(&stderr, err)
	}
	r.stdout, r.stderr = stdout.String(), stderr.String()
	if failed != nil {
		return r, failed
	}
	if r.killed {
		return r, w.bringBack(aside)
	}
	return r, r.read()
}

// read reads the summary.
func (r *ran) read() error {
	if err := json.Unmarshal([]byte(r.stdout), &r.summary); err != nil {
		return fmt.Errorf("the summary is %q: %w", r.stdout, err)
	}
	return nil
}

func (r *ran) String() string {
	if r.killed {
		return "killed"
	}
	return fmt.Sprintf("exit code %d; %s%s", r.code, r.stdout, r.stderr)
}

// begin has a run begin, or with nil be over.
func (w *world) begin(e *ending) {
	w.pass.Lock()
	defer w.pass.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead = false
	w.number++
	w.ending, w.requests, w.creates, w.changes = e, 0, 0, 0
}

func (w *world) running() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.number
}

// asked is how many requests of the run came.
func (w *world) asked() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.requests
}

// keep copies what the runs leave behind, as a kill finds it. The run may be writing: a
// database that changed meanwhile is copied again.
func (w *world) keep() (string, error) {
	aside, err := os.MkdirTemp(w.dir, "kept-")
	for try := 0; err == nil && try < 100; try++ {
		before := w.stamps()
		if err = copyAll(aside, filepath.Join(w.dir, "work")); err == nil && maps.Equal(before, w.stamps()) {
			return aside, nil
		}
	}
	return aside, errors.Join(err, errors.New("the files of a run change too fast to be copied"))
}

// stamps tell whether a database has changed.
func (w *world) stamps() map[string]string {
	all := map[string]string{}
	files, _ := filepath.Glob(w.path("*.db*"))
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			all[f] = fmt.Sprint(info.Size(), info.ModTime())
		}
	}
	return all
}

// bringBack replaces what the runs left behind.
func (w *world) bringBack(aside string) error {
	work := filepath.Join(w.dir, "work")
	if err := os.RemoveAll(work); err != nil {
		return err
	}
	return os.Rename(aside, work)
}

// copyAll makes a folder hold what another one does.
func copyAll(to, from string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return os.CopyFS(to, os.DirFS(from))
}
