package lease

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// With this variable the test binary is a process that holds a lease, and does what the
// variable says.
const childVariable = "IMPORTER_TEST_LEASE"

func TestMain(m *testing.M) {
	if child := children[os.Getenv(childVariable)]; child != nil {
		if err := child(os.Getenv("SERVER")); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// children are what a process with a lease may do; each gets the address of a server. Its
// error is the end of the process, with 1.
var children = map[string]func(server string) error{
	"renews until it is stopped": func(server string) error {
		return sends(server, time.Second, time.Hour, time.Hour)
	},
	"renews for a while": func(server string) error {
		return sends(server, 1500*time.Millisecond, time.Hour, 2500*time.Millisecond)
	},
	"renews no more": func(server string) error {
		return sends(server, 3*time.Second, 100*time.Millisecond, time.Hour)
	},
	"gives back": func(string) error {
		const length = 300 * time.Millisecond
		for _, giveBack := range []func(l *Lease, c *Claim) error{
			func(_ *Lease, c *Claim) error { c.Release(); return nil },
			func(l *Lease, _ *Claim) error { return l.Close(context.Background()) },
		} {
			l, c, err := begin(length)
			if err != nil {
				return err
			}
			if !l.Pass() {
				return errors.New("the gate is shut")
			}
			l.Done()
			if err := giveBack(l, c); err != nil {
				return err
			}
		}
		time.Sleep(2 * length)
		return nil
	},
	"has one in flight for ever": func(string) error {
		l, _, err := begin(300 * time.Millisecond)
		if err != nil {
			return err
		}
		if !l.Pass() {
			return errors.New("the gate is shut")
		}
		time.Sleep(5 * time.Second)
		return nil
	},
	"says whether it is fenced": func(string) error {
		l, err := New(Options{Length: time.Minute})
		if err != nil {
			return err
		}
		return l.Fenced()
	},
}

func begin(length time.Duration) (*Lease, *Claim, error) {
	l, err := New(Options{Length: length})
	if err != nil {
		return nil, nil, err
	}
	c, err := l.Claim(l.Now())
	return l, c, errors.Join(err, l.Fenced())
}

// sends sends requests to the server, one of which is never answered, and renews its
// lease for some time. It ends with the lease, or after the time that it lasts.
func sends(server string, length, renews, lasts time.Duration) error {
	l, c, err := begin(length)
	if err != nil {
		return err
	}
	began := time.Now()
	go func() {
		for time.Since(began) < renews {
			time.Sleep(length / 8)
			c.Renewed(l.Now())
		}
	}()
	ctx, cancel := context.WithTimeout(l.Context(), lasts)
	defer cancel()
	send := func(path string) {
		defer l.Done()
		req, _ := http.NewRequestWithContext(ctx, "POST", server+path, strings.NewReader("{}"))
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	}
	var senders sync.WaitGroup
	for i := range 4 {
		senders.Go(func() {
			for ctx.Err() == nil {
				switch {
				case !l.Pass():
					_ = l.Wait(ctx) // whose end ends the loop
				case i == 0:
					send("/never")
				default:
					send("/")
					time.Sleep(time.Millisecond) // the machine has others to serve
				}
			}
		})
	}
	senders.Wait()
	err = context.Cause(l.Context())
	return errors.Join(err, l.Close(context.Background()))
}

// A child is a process with a lease, and the requests that its server got.
type child struct {
	*exec.Cmd
	out      *bytes.Buffer
	requests *atomic.Int64
}

func start(t *testing.T, does string, attributes *syscall.SysProcAttr) child {
	t.Helper()
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/never" {
			<-r.Context().Done()
		}
	}))
	t.Cleanup(server.Close)
	cmd, out := exec.Command(os.Args[0]), new(bytes.Buffer)
	cmd.Env = append(os.Environ(), childVariable+"="+does, "SERVER="+server.URL)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = out, out, attributes
	if err := cmd.Start(); err != nil {
		if attributes != nil {
			t.Skipf("no process in a namespace of its own: %v", err)
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return child{cmd, out, &requests}
}

// end waits for the end of a child: its exit code, or the signal that killed it.
func (c child) end() (code int, signal syscall.Signal) {
	_ = c.Wait() // its state says all
	status := c.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return -1, status.Signal()
	}
	return status.ExitStatus(), 0
}

// A process that is stopped, and goes on when its lease is over, sends nothing: it is dead.
func TestAStoppedProcessIsFenced(t *testing.T) {
	t.Parallel()
	c := start(t, "renews until it is stopped", nil)
	for began := time.Now(); c.requests.Load() < 20; time.Sleep(time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			t.Fatalf("%d requests in 10 s", c.requests.Load())
		}
	}
	if err := c.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond) // for what was on its way
	before := c.requests.Load()
	time.Sleep(1800 * time.Millisecond)
	if err := c.Process.Signal(syscall.SIGCONT); err != nil { // nobody has waited for it yet
		t.Fatal(err)
	}
	if code, signal := c.end(); signal != syscall.SIGKILL {
		t.Errorf("it ended with %d, by signal %v: %s", code, signal, c.out)
	}
	if late := c.requests.Load() - before; late > 0 {
		t.Errorf("it sent %d requests after it was stopped", late)
	}
}

func TestProcessesWithALease(t *testing.T) {
	t.Parallel()
	for does, want := range map[string]struct {
		code   int
		signal syscall.Signal
		says   string
	}{
		"renews for a while":         {code: 0},
		"renews no more":             {code: 1, says: ErrEnded.Error()},
		"gives back":                 {code: 0},
		"has one in flight for ever": {code: -1, signal: syscall.SIGKILL},
		"says whether it is fenced":  {code: 0},
	} {
		t.Run(does, func(t *testing.T) {
			t.Parallel()
			c := start(t, does, nil)
			code, signal := c.end()
			if said := strings.TrimSpace(c.out.String()); code != want.code || signal != want.signal || said != want.says {
				t.Errorf("it ended with %d, by signal %v: %s", code, signal, said)
			}
			if strings.HasPrefix(does, "renews") && c.requests.Load() < 10 {
				t.Errorf("the server got %d requests", c.requests.Load())
			}
		})
	}
}

// As process 1 of a container nothing kills a process but what is outside of it, and it
// says so.
func TestProcessOneIsNotFenced(t *testing.T) {
	t.Parallel()
	attributes := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWUSER}
	c := start(t, "says whether it is fenced", attributes)
	if code, _ := c.end(); code != 1 || !strings.Contains(c.out.String(), "process 1 of its container") || !strings.Contains(c.out.String(), "docker run --init") {
		t.Errorf("it ended with %d: %s", code, c.out)
	}
}
