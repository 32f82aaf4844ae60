package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// asProcessOne runs this program once more, as a child, where it is process 1 of a
// container; false where it is not, or cannot. The kernel lets process 1 ignore signals
// that it does not ask for, those of its own timers as well: the one that ends a run of a
// store with its lease would be lost. The child gets the arguments, the streams and the
// signals, and its exit code is the code; 128 and the signal where one killed it, as for
// a shell.
func asProcessOne(stderr io.Writer) (code int, done bool) {
	if os.Getpid() != 1 {
		return 0, false
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
	child := exec.Command("/proc/self/exe")
	child.Args = os.Args
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	if child.Start() != nil { // such as without /proc: it works as process 1, too
		signal.Reset()
		return 0, false
	}
	go func() {
		for s := range signals {
			_ = child.Process.Signal(s) // it may have ended
		}
	}()
	_ = child.Wait() // its state says all
	status, _ := child.ProcessState.Sys().(syscall.WaitStatus)
	if !status.Signaled() {
		return status.ExitStatus(), true
	}
	if status.Signal() == syscall.SIGKILL {
		fmt.Fprintln(stderr, "importer: killed, as a run is that outlives its lease on a store, or its memory; run the same command again: it resumes")
	}
	return 128 + int(status.Signal()), true
}
