package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// contained is an import that runs as in a container, with process 1.
func contained(t *testing.T) *process {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may make a process namespace")
	}
	p := prepare(t, 50*time.Millisecond)
	p.SysProcAttr.Cloneflags = syscall.CLONE_NEWPID
	p.sending()
	return p
}

// In a container the program is process 1, to which a signal means nothing that it does
// not ask for. This is what docker stop does.
func TestContainer(t *testing.T) {
	p := contained(t)
	p.kill(false, syscall.SIGTERM)
	p.ended(143)
}

// The import itself is not process 1, so that its lease on a store can kill it; then the
// container ends, too, and says why.
func TestContainerWhoseImportIsKilled(t *testing.T) {
	p := contained(t)
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", p.Process.Pid)) // one a thread
	if err != nil || len(lists) == 0 {
		t.Skip("the kernel does not tell the children of a process")
	}
	children := ""
	for _, list := range lists {
		more, _ := os.ReadFile(list) // of a thread that has ended there is none
		children += string(more)
	}
	child, err := strconv.Atoi(strings.TrimSpace(children))
	if err != nil {
		t.Fatalf("process 1 has the children %q", children)
	}
	if err := syscall.Kill(child, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait() // its state says all
	if code := p.ProcessState.ExitCode(); code != 137 || !strings.Contains(p.stderr.String(), "importer: killed, as a run is that outlives its lease") {
		t.Errorf("it ended with %d: %s", code, p.stderr.String())
	}
}
