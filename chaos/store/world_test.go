package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"importer/internal/sandbox"
)

// A world is a sandbox, which takes a contact twice, and what is imported into it: one
// import after the other, each of rows of its own and under a name of its own, by one
// process after the other. In front of the sandbox it is noted which process sent what: each
// has an API key of its own.
type world struct {
	*testing.T
	*rig
	name    string
	random  *rand.Rand
	sandbox *sandbox.Sandbox
	front   *httptest.Server
	options
	dir string

	number    int      // of the import under way, from 1
	contacts  []string // of its rows
	processes []*process
	whole     figures // of the imports that are over

	slow atomic.Int64 // nanoseconds before a request reaches the sandbox

	mu   sync.Mutex
	keys map[string]*process
}

// A process is one run of the command.
type process struct {
	*exec.Cmd
	w              *world
	number         int
	began          time.Time
	stdout, stderr bytes.Buffer
	ended          chan struct{} // closed when it has,
	at             time.Time     // at that time
	shot           bool          // a test killed it

	mu       sync.Mutex
	requests []request
	inFlight int
}

// A request is one that arrived as a whole.
type request struct {
	at     time.Time
	create bool
}

// newWorld makes a world whose API loses answers, and whose reads lag.
func newWorld(t *testing.T, r *rig, o options, name string) *world {
	t.Helper()
	w := &world{T: t, rig: r, name: name, options: o, dir: t.TempDir(), keys: make(map[string]*process),
		random: rand.New(rand.NewPCG(o.seed, uint64(crc32.ChecksumIEEE([]byte(name)))))}
	so := sandbox.Options{OnDuplicate: sandbox.DuplicateAllow, Seed: w.random.Uint64(), Latency: o.latency}
	for _, spec := range []string{"drop-after:0.01", "500-after:0.01", "500:0.01", "drop-before:0.01", "read-lag:" + o.lag.String()} {
		f, err := sandbox.ParseFault(spec)
		if err != nil {
			t.Fatal(err)
		}
		so.Faults = append(so.Faults, f)
	}
	var err error
	if w.sandbox, err = sandbox.New(so); err != nil {
		t.Fatal(err)
	}
	w.front = httptest.NewServer(w)
	t.Cleanup(func() {
		w.front.Close()
		if err := w.sandbox.Close(); err != nil {
			t.Error(err)
		}
	})
	w.next()
	return w
}

// next begins another import.
func (w *world) next() {
	w.number++
	w.contacts, w.processes = nil, nil
	for n := range w.rows {
		w.contacts = append(w.contacts, fmt.Sprintf("c%05d@import-%d.example.com", n, w.number))
	}
}

// source is the name of the import's source, and of its report.
func (w *world) source() string { return fmt.Sprintf("%s-%d.csv", w.name, w.number) }

func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	arrived := time.Now()
	w.mu.Lock()
	p := w.keys[r.Header.Get("X-API-Key")]
	w.mu.Unlock()
	if err != nil || p == nil { // it broke off in the middle, and is none
		panic(http.ErrAbortHandler)
	}
	p.mu.Lock()
	p.requests = append(p.requests, request{arrived, r.Method == http.MethodPost})
	p.inFlight++
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.inFlight--
	}()
	time.Sleep(time.Duration(w.slow.Load()))
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.Header.Set("X-API-Key", w.sandbox.APIKey())
	w.sandbox.ServeHTTP(rw, r)
}

// launch starts a process in an empty folder, which reaches the store at an address.
func (w *world) launch(store string) *process {
	w.Helper()
	p := &process{w: w, number: len(w.processes), began: time.Now(), ended: make(chan struct{})}
	key := fmt.Sprintf("key-%d-%d", w.number, p.number)
	w.mu.Lock()
	w.keys[key] = p
	w.mu.Unlock()
	dir := filepath.Join(w.dir, strings.TrimPrefix(key, "key-"))
	text := "email,first name\n" + strings.Join(w.contacts, ",Ada\n") + ",Ada\n"
	if err := os.Mkdir(dir, 0o700); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, w.source()), []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
	p.Cmd = exec.Command(command, append([]string{"--source", w.source(), "--store", store, "--lease", w.lease.String(), "--settle", (w.lag + time.Second).String(),
		"--existing", "ignore", "--progress", "none", "--json", "--log-format", "json"}, w.flags...)...)
	p.Dir, p.Stdout, p.Stderr = dir, &p.stdout, &p.stderr
	p.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "COGNIGY_BASE_URL=" + w.front.URL, "COGNIGY_API_KEY=" + key, "COGNIGY_PROJECT_ID=" + w.sandbox.ProjectID()}
	if err := p.Start(); err != nil {
		w.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.Wait() // its state tells
		p.at = time.Now()
	}()
	w.Cleanup(func() {
		_ = p.Process.Kill() // it may have ended
		<-p.ended
	})
	w.processes = append(w.processes, p)
	return p
}

// sent tells how many requests of the process arrived.
func (p *process) sent() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.requests)
}

// endsWithin tells whether the process ends within a time; with none, whether it has ended.
func (p *process) endsWithin(d time.Duration) bool {
	select {
	case <-p.ended:
		return true
	default:
	}
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-p.ended:
		return true
	case <-over.C:
		return false
	}
}

// Exit codes.
const (
	exitDone    = 0
	exitStopped = 1 // by an error, such as a lease that ended
	exitHeld    = 4
	exitKilled  = -1 // a signal ended it: the kernel's, where the machine is too slow for it to end with 1
)

// lingering is how long a process may take to end after its lease: two seconds, and what a
// machine with much else to do takes for them.
const lingering = 6 * time.Second

// within is the longest that a test waits for the end of a process.
const within = 2 * time.Minute

// end waits for the end of the process, and returns its exit code.
func (p *process) end() int {
	p.w.Helper()
	if !p.endsWithin(within) {
		p.w.Fatalf("process %d of %s does not end; stderr: %s", p.number, p.w.source(), p.stderr.String())
	}
	return p.ProcessState.ExitCode()
}

// killed tells whether SIGKILL ended it.
func (p *process) killed() bool {
	status, ok := p.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// kill ends the process as kill -9 does. It tells whether it was still running.
func (p *process) kill() bool {
	_ = p.Process.Kill()
	<-p.ended
	p.shot = true
	return p.killed()
}

// held says that a process ended because another has the import, which it has to name.
func (p *process) held() bool {
	p.w.Helper()
	if p.end() != exitHeld {
		return false
	}
	host, err := os.Hostname()
	said := p.stderr.String()
	named := false
	for _, other := range p.w.processes {
		named = named || other != p && strings.Contains(said, strconv.Itoa(other.Process.Pid))
	}
	if err != nil || !named || !strings.Contains(said, host) {
		p.w.Errorf("process %d of %s ends with 4, and does not say which process on %s has it: %s", p.number, p.w.source(), host, said)
	}
	if p.sent() > 0 {
		p.w.Errorf("process %d of %s does not have it, and sends %d requests", p.number, p.w.source(), p.sent())
	}
	return true
}

// report asks for a report in the store.
func (w *world) report(args ...string) string {
	w.Helper()
	cmd := exec.Command(command, append([]string{"report", w.source(), "--store", w.URL()}, args...)...)
	cmd.Dir = w.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		w.Fatalf("%v: %v: %s", cmd.Args, err, stderr.String())
	}
	return string(out)
}

// check holds an import that is over against the sandbox, the store and its report, and
// counts.
func (w *world) check() {
	w.Helper()
	f := figures{imports: 1, rows: len(w.contacts), processes: len(w.processes)}
	mine := make(map[string][]string) // the profiles of each contact
	for _, c := range w.contacts {
		mine[c] = nil
	}
	for _, p := range w.sandbox.Profiles() {
		for _, c := range p.ContactIDs {
			if _, ok := mine[c]; ok {
				mine[c] = append(mine[c], p.ID)
			}
		}
	}
	for _, c := range w.contacts {
		switch len(mine[c]) {
		case 0:
			f.lost++
		case 1:
		default:
			f.twice++
		}
	}
	f.fenced, f.takeovers = w.fenced()
	for _, p := range w.processes {
		f.requests += p.sent()
		switch {
		case !p.endsWithin(0):
		case p.ProcessState.ExitCode() == exitStopped:
			f.stopped++
		case p.killed() && !p.shot:
			f.timed++
		}
	}
	if f.lost+f.twice+f.fenced > 0 {
		w.Errorf("%s: %d rows lost, %d twice, %d requests of a fenced process", w.source(), f.lost, f.twice, f.fenced)
	}
	w.checkReport(mine)
	w.whole.add(f)
}

// checkReport holds the account of each row against the sandbox.
func (w *world) checkReport(profiles map[string][]string) {
	w.Helper()
	var says struct {
		State    string
		Outcomes map[string]int
	}
	text := w.report("--format", "json")
	if err := json.Unmarshal([]byte(text), &says); err != nil {
		w.Fatalf("the report of %s: %v: %s", w.source(), err, text)
	}
	if n := says.Outcomes["created"]; says.State != "complete" || n != len(w.contacts) || says.Outcomes["in_doubt"] > 0 {
		w.Errorf("the report of %s with its %d rows says %q, %d created, %d in doubt", w.source(), len(w.contacts), says.State, n, says.Outcomes["in_doubt"])
	}
	told, wrong := make(map[string]bool), 0
	for n, line := range strings.Split(strings.TrimSuffix(w.report("--format", "csv"), "\n"), "\n") {
		fields := strings.Split(strings.TrimSuffix(line, "\r"), ",")
		if n == 0 || len(fields) != 4 {
			if n > 0 {
				w.Errorf("a line of the report of %s: %q", w.source(), line)
			}
			continue
		}
		contact, id, status := fields[0], fields[1], fields[2]
		if told[contact] || status != "created" || len(profiles[contact]) != 1 || profiles[contact][0] != id {
			if wrong++; wrong <= 3 {
				w.Errorf("the report of %s says that %s is %s on %s; it is on %v; lines of its journal:\n%s", w.source(), contact, status, id, profiles[contact], w.journal(contact))
			}
		}
		told[contact] = true
	}
	if wrong > 3 {
		w.Errorf("the report of %s is wrong about %d contacts", w.source(), wrong)
	}
	if len(told) != len(w.contacts) {
		w.Errorf("the report of %s tells of %d contacts, and its source has %d", w.source(), len(told), len(w.contacts))
	}
}
