package model

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// command builds the program, once.
var command = sync.OnceValues(func() (string, error) {
	path := filepath.Join(built, "importer")
	build := exec.Command("go", "build", "-o", path, "importer")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the importer: %w\n%s", err, out)
	}
	return path, nil
})

// built is a folder for the program.
var built string

// start runs a command as a process of its own. What ends it on its way is a signal.
func (w *world) start(project int, e ending, args ...string) (*ran, error) {
	path, err := command()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, args...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = w.path(""), &stdout, &stderr
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	for name, value := range w.env(project) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	kills := e.kill != nil
	started := make(chan struct{}) // closed below
	signal := func(s syscall.Signal) func() {
		return func() {
			<-started
			_ = cmd.Process.Signal(s) // it may have ended
		}
	}
	e.stop = signal(syscall.SIGTERM)
	if kills {
		e.kill, e.stop = signal(syscall.SIGKILL), func() {}
	}
	w.begin(&e)
	defer w.begin(nil)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	close(started)
	if e.early > 0 {
		defer time.AfterFunc(e.early, func() { w.end(&e) }).Stop()
	}
	defer time.AfterFunc(within, signal(syscall.SIGKILL)).Stop()
	err = cmd.Wait()
	r := &ran{requests: w.asked(), code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
	if r.killed = !cmd.ProcessState.Exited(); r.killed && kills {
		return r, nil
	} else if r.killed {
		return r, fmt.Errorf("%w: %v", err, r)
	}
	return r, r.read()
}
