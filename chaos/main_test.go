// Package chaos proves the first promise from outside: no row is lost and no
// profile is created twice, whatever happens to the process, its connections and
// its disk. Its tests run the command against sandboxes that outlive it.
//
// They come in a short form, and in full with CHAOS=full. Further variables:
//
//	CHAOS_SEED   repeats the choices of a run, which logs its seed
//	CHAOS_KILLS  how often the importer is killed
//	CHAOS_ROWS   how many rows it imports meanwhile
package chaos

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// full is the long form of the tests.
var full = os.Getenv("CHAOS") == "full"

// command is the path of the importer, as a release builds it.
var command string

// cache is the folder that stands for the user's cache.
var cache string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		for _, variable := range os.Environ() { // what a person has set for the program is no part of a test
			name, _, _ := strings.Cut(variable, "=")
			if strings.HasPrefix(name, "COGNIGY_") || strings.HasPrefix(name, "IMPORTER_") {
				os.Unsetenv(name)
			}
		}
		dir, err := os.MkdirTemp("", "importer-chaos-")
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
		cache = filepath.Join(dir, "cache")
		os.Setenv("XDG_CACHE_HOME", cache) // for what runs inside this process
		os.Setenv("HOME", dir)
		return m.Run()
	}())
}

// number is an environment variable that holds one, or the short or the long
// form's value.
func number(t *testing.T, name string, short, long int) int {
	t.Helper()
	s := os.Getenv(name)
	switch {
	case s == "" && full:
		return long
	case s == "":
		return short
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q; want a number from 1", name, s)
	}
	return n
}

// An api is where an import goes: a sandbox, or something in front of it.
type api struct{ url, key, project string }

func (a api) env() []string {
	return []string{"COGNIGY_BASE_URL=" + a.url, "COGNIGY_API_KEY=" + a.key, "COGNIGY_PROJECT_ID=" + a.project}
}

// A process is one run of the command.
type process struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
	ended          chan struct{} // closed when it has
	err            error         // of Wait; to be read when it has ended
}

// start starts the command in dir. It is killed at the end of the test, if it
// lives that long.
func start(t *testing.T, dir string, to api, args ...string) *process {
	t.Helper()
	return launch(t, exec.Command(command, args...), dir, to)
}

func launch(t *testing.T, cmd *exec.Cmd, dir string, to api) *process {
	t.Helper()
	p := &process{Cmd: cmd, ended: make(chan struct{})}
	p.Dir, p.Stdout, p.Stderr = dir, &p.stdout, &p.stderr
	p.Env = append(to.env(), "PATH="+os.Getenv("PATH"), "HOME="+dir, "XDG_CACHE_HOME="+cache)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		p.err = p.Wait()
	}()
	t.Cleanup(func() {
		p.Process.Kill()
		<-p.ended
	})
	return p
}

// within is the longest that a test waits for anything.
const within = 2 * time.Minute

// end waits for the end of the process, and returns its exit code.
func (p *process) end(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(within):
		t.Fatalf("%v does not end; stderr: %s", p.Args, p.stderr.String())
	}
	return p.ProcessState.ExitCode()
}

// exit waits for the end of the process, and wants that exit code.
func (p *process) exit(t *testing.T, code int) {
	t.Helper()
	if got := p.end(t); got != code {
		t.Fatalf("%v: exit code %d, want %d; stdout: %s; stderr: %s", p.Args, got, code, p.stdout.String(), p.stderr.String())
	}
}

// kill ends the process as kill -9 does. It tells whether it was still running.
func (p *process) kill(t *testing.T) bool {
	t.Helper()
	if err := p.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	<-p.ended
	return !p.ProcessState.Exited()
}

// run runs the command with --json to its end, wants that exit code, and returns
// its summary.
func run(t *testing.T, dir string, to api, code int, args ...string) (summary, *process) {
	t.Helper()
	p := start(t, dir, to, append(args, "--json")...)
	p.exit(t, code)
	return p.summary(t), p
}

func (p *process) summary(t *testing.T) summary {
	t.Helper()
	var s summary
	if err := json.Unmarshal(p.stdout.Bytes(), &s); err != nil {
		t.Fatalf("the summary: %v: %s; stderr: %s", err, p.stdout.String(), p.stderr.String())
	}
	return s
}

// await waits until something holds that this process does not do by itself.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for: %s", within, what)
		}
	}
}

// contactID is the contact id of the row of that number.
func contactID(n int) string { return fmt.Sprintf("contact-%05d@example.com", n) }

// writeContacts writes a CSV file of rows with these numbers.
func writeContacts(t *testing.T, path string, rows int) {
	t.Helper()
	records := [][]string{{"email", "first name", "age"}}
	for n := range rows {
		records = append(records, []string{contactID(n), fmt.Sprint("Name ", n), strconv.Itoa(18 + n%70)})
	}
	writeCSV(t, path, records)
}

func writeCSV(t *testing.T, path string, records [][]string) {
	t.Helper()
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(records); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, b.String())
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
