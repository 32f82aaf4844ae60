// Package away tries from outside what becomes of a run with a store when something goes away:
// its machine with everything on it, the database, the end of its journal, or one of those who
// share its quota. The processes, the PostgreSQL and the sandbox are real.
//
// Its tests come in a short form, and in full with CHAOS=full.
package away

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"importer/internal/sandbox"
)

// full is the long form of the tests.
var full = os.Getenv("CHAOS") == "full"

// command is the path of the importer.
var command string

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "10"); err != nil { // mostly they wait
		panic(err)
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "importer-away-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		command = filepath.Join(dir, "importer")
		build := exec.Command("go", "build", "-o", command, "importer")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building the importer: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// of is the short or the long form's value.
func of(short, long int) int {
	if full {
		return long
	}
	return short
}

// A world is an API that takes a contact twice, a store, and the rows of one import.
type world struct {
	*testing.T
	api   *sandbox.Server
	store string
	rows  []string
	flags []string
}

// newWorld makes a world of so many rows.
func newWorld(t *testing.T, store string, rows int, o sandbox.Options, flags ...string) *world {
	t.Helper()
	o.OnDuplicate = sandbox.DuplicateAllow
	api, err := sandbox.Listen("127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { api.Close() })
	w := &world{T: t, api: api, store: store, flags: append([]string{"--source", "contacts.csv", "--store", store, "--progress", "plain"}, flags...)}
	for n := range rows {
		w.rows = append(w.rows, fmt.Sprintf("c%05d@example.com", n))
	}
	return w
}

// A run is one process, in an empty folder but for the source.
type run struct {
	*exec.Cmd
	w     *world
	out   locked // both outputs
	ended chan struct{}
}

type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start starts a run elsewhere; before are commands that start it, such as timeout.
func (w *world) start(before ...string) *run {
	w.Helper()
	dir := w.TempDir()
	source := "email,first name\n"
	for n, row := range w.rows {
		source += fmt.Sprintf("%s,Name %d\n", row, n)
	}
	if err := os.WriteFile(filepath.Join(dir, "contacts.csv"), []byte(source), 0o600); err != nil {
		w.Fatal(err)
	}
	args := slices.Concat(before, []string{command}, w.flags)
	r := &run{Cmd: exec.Command(args[0], args[1:]...), w: w, ended: make(chan struct{})}
	r.Dir, r.Stdout, r.Stderr = dir, &r.out, &r.out
	r.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "COGNIGY_BASE_URL=" + w.api.URL, "COGNIGY_API_KEY=" + w.api.APIKey(), "COGNIGY_PROJECT_ID=" + w.api.ProjectID()}
	r.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.Start(); err != nil {
		w.Fatal(err)
	}
	go func() {
		defer close(r.ended)
		_ = r.Wait() // whose error is the exit code
	}()
	w.Cleanup(func() {
		_ = syscall.Kill(-r.Process.Pid, syscall.SIGKILL)
		<-r.ended
	})
	return r
}

// end waits for the run and returns its exit code; -1 where it was killed.
func (r *run) end(within time.Duration) int {
	r.w.Helper()
	select {
	case <-r.ended:
	case <-time.After(within):
		r.w.Fatalf("the run has not ended within %s:\n%s", within, r.out.String())
	}
	return r.ProcessState.ExitCode()
}

// ends wants the run to end with an exit code, and to have said all of that.
func (r *run) ends(within time.Duration, code int, said ...string) {
	r.w.Helper()
	if got := r.end(within); got != code {
		r.w.Fatalf("exit code %d; want %d:\n%s", got, code, r.out.String())
	}
	for _, s := range said {
		if !strings.Contains(r.out.String(), s) {
			r.w.Errorf("it does not say %q:\n%s", s, r.out.String())
		}
	}
}

// says waits until the run has said something.
func (r *run) says(what string) {
	r.w.Helper()
	for began := time.Now(); !strings.Contains(r.out.String(), what); time.Sleep(10 * time.Millisecond) {
		select {
		case <-r.ended:
			r.w.Fatalf("it has ended without saying %q:\n%s", what, r.out.String())
		default:
		}
		if time.Since(began) > 30*time.Second {
			r.w.Fatalf("it does not say %q:\n%s", what, r.out.String())
		}
	}
}

// sent waits until the API holds so many contacts.
func (w *world) sent(n int) {
	w.Helper()
	for began := time.Now(); len(w.api.Profiles()) < n; time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > 30*time.Second {
			w.Fatalf("only %d contacts are there of %d", len(w.api.Profiles()), n)
		}
	}
}

// goesOn runs the import elsewhere until it is complete, while the lease of the last one ends.
func (w *world) goesOn() {
	w.Helper()
	for began := time.Now(); time.Since(began) < 2*time.Minute; time.Sleep(200 * time.Millisecond) {
		r := w.start()
		if code := r.end(time.Minute); code == 0 {
			return
		} else if code != 4 {
			w.Fatalf("exit code %d:\n%s", code, r.out.String())
		}
	}
	w.Fatal("the lease of the last one does not end")
}

// once wants each row to be there once.
func (w *world) once() {
	w.Helper()
	times := make(map[string]int)
	for _, p := range w.api.Profiles() {
		for _, id := range p.ContactIDs {
			times[id]++
		}
	}
	lost, twice := 0, 0
	for _, row := range w.rows {
		switch times[row] {
		case 0:
			lost++
		case 1:
		default:
			twice++
		}
	}
	if lost+twice > 0 {
		w.Errorf("of %d rows %d are lost and %d are there twice", len(w.rows), lost, twice)
	}
}

func between(least, most time.Duration) time.Duration {
	return least + rand.N(most-least)
}
