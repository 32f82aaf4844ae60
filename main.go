// Importer gets contact profiles from files into Cognigy.AI.
//
// This file wires the process to package cli: arguments, environment, streams,
// signals and exit codes. Nothing else exits the process.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"importer/internal/cli"
	"importer/internal/plain"
)

// version is set by the build of a release.
var version string

func main() {
	if code, done := asProcessOne(os.Stderr); done {
		os.Exit(code)
	}
	// net/http writes there what a server sends without being asked: contacts, too.
	log.SetOutput(io.Discard)
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		code, _ := cli.ExitCode(obey(signals, cancel))
		os.Exit(code)
	}()
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

// oneSignal is how long after the first signal another one is taken for the same:
// timeout(1), make and npm signal a process and then its whole group, and people press
// Ctrl-C twice.
const oneSignal = time.Second

// obey has the run end with the first signal, and returns the one that does not wait
// for it.
func obey(signals <-chan os.Signal, cancel context.CancelCauseFunc) *cli.Interrupt {
	first := <-signals
	// What reads the output, such as tee, may have been ended by the same Ctrl-C. Its
	// pipe must not end this process before what is in flight is recorded.
	signal.Ignore(syscall.SIGPIPE)
	again := time.Now().Add(oneSignal)
	cancel(&cli.Interrupt{Signal: first})
	for {
		if s := <-signals; !time.Now().Before(again) {
			return &cli.Interrupt{Signal: s}
		}
	}
}

// run is the whole program but for the process around it. It returns the exit
// code.
func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	err := cli.Execute(ctx, args, cli.Env{Getenv: getenv, Stdin: stdin, Stdout: stdout, Stderr: stderr, Version: buildVersion(), Program: os.Args[0]})
	code, print := cli.ExitCode(err)
	if print {
		fmt.Fprintln(stderr, "importer:", plain.Message(err))
	}
	return code
}

// buildVersion is the version that the build set, else what the toolchain knows.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
