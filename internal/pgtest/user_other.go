//go:build !linux

package pgtest

import (
	"os"
	"os/exec"
	"syscall"
)

// The tests of other systems than Linux do not run as root.
func unprivileged(*exec.Cmd) {}

func give(string) error { return nil }

func bindToThread(*exec.Cmd) (release func()) { return func() {} }

func sendSignal(pid int, signal syscall.Signal) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Signal(signal)
	}
}

// killFamily kills a server; its children notice and end.
func killFamily(parent int) { sendSignal(parent, syscall.SIGKILL) }
