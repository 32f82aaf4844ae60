package main

import (
	"os"
	"syscall"
	"testing"
	"time"
)

// In a container the import is process 1, to which a signal means nothing that it does
// not ask for. This is what docker stop does.
func TestContainer(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may make a process namespace")
	}
	p := prepare(t, 50*time.Millisecond)
	p.SysProcAttr.Cloneflags = syscall.CLONE_NEWPID
	p.sending()
	p.kill(false, syscall.SIGTERM)
	p.ended(143)
}
