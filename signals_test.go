//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"importer/internal/cli"
	"importer/internal/sandbox"
)

// A second signal counts from one second after the first on, whichever signals they are.
func TestObey(t *testing.T) {
	for name, after := range map[string][]time.Duration{
		"once more later":   {time.Second},
		"the group as well": {0, time.Second},
		"impatient":         {time.Millisecond, 500 * time.Millisecond, 999 * time.Millisecond, 1001 * time.Millisecond},
		"very late":         {time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			signals := make(chan os.Signal)
			ctx, cancel := context.WithCancelCause(t.Context())
			began := time.Now()
			go func() {
				signals <- syscall.SIGTERM
				for _, d := range after {
					time.Sleep(time.Until(began.Add(d)))
					signals <- syscall.SIGINT
				}
			}()
			second := obey(signals, cancel)
			if took := time.Since(began); took != after[len(after)-1] || second.Signal != syscall.SIGINT {
				t.Errorf("%s: %v counted after %v", name, second.Signal, took)
			}
			if first, ok := errors.AsType[*cli.Interrupt](context.Cause(ctx)); !ok || first.Signal != syscall.SIGTERM {
				t.Errorf("%s: cancelled because of %v", name, context.Cause(ctx))
			}
		})
	}
}

// A process is an import that runs, in a process group of its own, with more to send
// than any test waits for.
type process struct {
	*exec.Cmd
	t      *testing.T
	dir    string
	server *sandbox.Server
	stdout bytes.Buffer
	stderr notifying
}

// notifying keeps what is written to it, and says when it holds a text.
type notifying struct {
	mu   sync.Mutex
	text bytes.Buffer
	want string
	come chan struct{}
}

func (n *notifying) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	before := strings.Contains(n.text.String(), n.want)
	n.text.Write(p)
	if !before && strings.Contains(n.text.String(), n.want) {
		close(n.come)
	}
	return len(p), nil
}

func (n *notifying) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

// rowsToSend take 100 seconds at the pace of prepare.
const rowsToSend = 5000

// prepare makes an import of a sandbox that takes so long for an answer, run by the
// words before it.
func prepare(t *testing.T, latency time.Duration, before ...string) *process {
	t.Helper()
	server, err := sandbox.Listen("127.0.0.1:0", sandbox.Options{APIKey: testKey, Latency: latency})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	dir := t.TempDir()
	var rows strings.Builder
	rows.WriteString("email\n")
	for i := range rowsToSend {
		fmt.Fprintf(&rows, "c%06d@example.com\n", i)
	}
	if err := os.WriteFile(filepath.Join(dir, "c.csv"), []byte(rows.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	words := append(before, "importer", "--source", "c.csv", "--existing", "ignore", "--rate", "50/s", "--base-url", server.URL, "--project-id", server.ProjectID())
	p := &process{Cmd: exec.Command(words[0], words[1:]...), t: t, dir: dir, server: server, stderr: notifying{want: "importer: stopping", come: make(chan struct{})}}
	p.Dir, p.Stdout, p.Stderr = dir, &p.stdout, &p.stderr
	p.Env = append(os.Environ(), "COGNIGY_API_KEY="+testKey, "XDG_CACHE_HOME="+dir, "HOME="+dir)
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return p
}

// sending starts the process, and waits until it sends.
func (p *process) sending() {
	p.t.Helper()
	if err := p.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = syscall.Kill(-p.Process.Pid, syscall.SIGKILL) })
	for deadline := time.Now().Add(time.Minute); len(p.server.Requests()) < 5; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("nothing was sent within a minute:\n%s", p.stderr.String())
		}
	}
}

// stopping waits until the process has met the first signal.
func (p *process) stopping() {
	p.t.Helper()
	select {
	case <-p.stderr.come:
	case <-time.After(time.Minute):
		p.t.Errorf("no signal was met within a minute:\n%s", p.stderr.String())
	}
}

// kill signals the process, or with group all of its group.
func (p *process) kill(group bool, s syscall.Signal) {
	p.t.Helper()
	pid := p.Process.Pid
	if group {
		pid = -pid
	}
	if err := syscall.Kill(pid, s); err != nil {
		p.t.Error(err)
	}
}

// code waits for the end of the process.
func (p *process) code() int {
	p.t.Helper()
	err := p.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return p.ProcessState.ExitCode()
}

// ended wants an import that awaited what was in flight, recorded it and said so.
func (p *process) ended(code int) {
	p.t.Helper()
	if got := p.code(); got != code {
		p.t.Errorf("exit code %d, want %d\n%s", got, code, p.stderr.String())
	}
	if out := p.stdout.String(); !strings.HasPrefix(out, "Interrupted after") || strings.Count(out, "\n  - ") != 1 {
		p.t.Errorf("it printed:\n%s", out)
	}
	p.recorded()
}

// recorded wants a report that ends with the end of an interrupted run, and says of
// each profile in the sandbox that it was created, and of nothing that it may be in.
func (p *process) recorded() {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, "c.csv.report.ndjson"))
	if err != nil {
		p.t.Fatal(err)
	}
	var last struct {
		Kind, Status string
		Summary      struct{ Created, Unknown int }
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	if err := json.Unmarshal(lines[len(lines)-1], &last); err != nil {
		p.t.Fatal(err)
	}
	if last.Kind != "end" || last.Status != "interrupted" || last.Summary.Unknown != 0 || last.Summary.Created != len(p.server.Profiles()) || last.Summary.Created == 0 {
		p.t.Errorf("%d profiles, and the report ends with %s", len(p.server.Profiles()), lines[len(lines)-1])
	}
}

// Everybody who stops an import gets its summary, however many signals that takes them:
// the second within a second is the first once more.
func TestEachWayToStopAnImport(t *testing.T) {
	for name, c := range map[string]struct {
		signal func(p *process)
		code   int
	}{
		"kill":   {func(p *process) { p.kill(false, syscall.SIGTERM) }, 143},
		"Ctrl-C": {func(p *process) { p.kill(true, syscall.SIGINT) }, 130},
		"Ctrl-C twice": {func(p *process) {
			p.kill(true, syscall.SIGINT)
			p.stopping()
			p.kill(true, syscall.SIGINT)
		}, 130},
		"a parent that passes Ctrl-C on, as make and npm do": {func(p *process) {
			p.kill(true, syscall.SIGINT)
			p.stopping()
			p.kill(false, syscall.SIGTERM)
			p.kill(false, syscall.SIGINT)
		}, 130},
		"systemd: all of the control group, and awake": {func(p *process) {
			p.kill(true, syscall.SIGTERM)
			p.kill(true, syscall.SIGCONT)
			p.stopping()
			p.kill(false, syscall.SIGTERM)
		}, 143},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := prepare(t, 50*time.Millisecond)
			p.sending()
			c.signal(p)
			p.ended(c.code)
		})
	}
}

// timeout(1) signals the process and its group, which is why half of such runs ended
// without a summary once.
func TestTimeout(t *testing.T) {
	if _, err := exec.LookPath("timeout"); err != nil {
		t.Skip(err)
	}
	for name, c := range map[string]struct {
		args []string
		code int
	}{
		"by default": {[]string{"timeout", "2"}, 124},
		"-s INT":     {[]string{"timeout", "--preserve-status", "-s", "INT", "2"}, 130},
		"-s TERM":    {[]string{"timeout", "--preserve-status", "-s", "TERM", "2"}, 143},
		"-k":         {[]string{"timeout", "--preserve-status", "-k", "30", "2"}, 143},
		"foreground": {[]string{"timeout", "--preserve-status", "--foreground", "2"}, 143},
		"in a shell": {[]string{"sh", "-c", `timeout --preserve-status 2 "$@"; exit $?`, "sh"}, 143},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := prepare(t, 50*time.Millisecond, c.args...)
			p.sending()
			p.ended(c.code)
		})
	}
}

// Who presses Ctrl-C once more after a second does not want to wait.
func TestSecondSignal(t *testing.T) {
	p := prepare(t, 4*time.Second)
	p.sending()
	p.kill(true, syscall.SIGINT)
	p.stopping()
	<-time.After(oneSignal + 100*time.Millisecond)
	p.kill(true, syscall.SIGTERM)
	if got := p.code(); got != 143 || p.stdout.Len() > 0 {
		t.Errorf("exit code %d, and it printed:\n%s", got, p.stdout.String())
	}
}

// What is in flight takes longer than docker stop waits: the next run looks up what the
// first has left in doubt.
func TestStoppedAndKilled(t *testing.T) {
	p := prepare(t, 0)
	p.sending()
	p.kill(false, syscall.SIGTERM)
	p.kill(false, syscall.SIGKILL)
	if got := p.code(); got != -1 {
		t.Fatalf("exit code %d", got)
	}
	again := exec.Command("importer", append(p.Args[1:], "--rate", "unlimited", "--settle", "0s", "--progress", "none")...)
	again.Dir, again.Env = p.Dir, p.Env
	if out, err := again.CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	seen := map[string]bool{}
	for _, profile := range p.server.Profiles() {
		seen[profile.ContactIDs[0]] = true
	}
	if n := len(p.server.Profiles()); n != rowsToSend || len(seen) != n {
		t.Errorf("%d profiles of %d contacts", n, len(seen))
	}
}

// Ctrl-C ends what reads the output as well, such as tee. The run is recorded all the
// same.
func TestInterruptedWithItsReader(t *testing.T) {
	p := prepare(t, 50*time.Millisecond)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.Stdout = write
	p.Stderr = write
	p.sending()
	write.Close()
	if _, err := io.ReadAtLeast(read, make([]byte, 1), 1); err != nil { // it has something to say
		t.Fatal(err)
	}
	p.kill(true, syscall.SIGINT)
	read.Close()
	if got := p.code(); got != 130 {
		t.Errorf("exit code %d", got)
	}
	p.recorded()
}
