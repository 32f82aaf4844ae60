package ledger

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"importer/importer/pace"
)

// TestMain plays a run of its own when a test has started it as a process.
func TestMain(m *testing.M) {
	if dir := os.Getenv("QUOTA_TEST_DIR"); dir != "" {
		if err := playRun(dir, os.Getenv("QUOTA_TEST_REQUESTS"), os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var processRate = pace.Rate{Quota: 100, Window: 500 * time.Millisecond}

// playRun sends requests one after the other and prints when, in µs since 1970.
func playRun(dir, requests string, out io.Writer) error {
	n, err := strconv.Atoi(requests)
	if err != nil {
		return err
	}
	l, err := OpenIn(dir, api, processRate)
	if err != nil {
		return err
	}
	var unshared error
	p := pace.NewPacer(processRate, pace.PacerOptions{Ledger: l, Unshared: func(err error) { unshared = err }})
	for range n {
		bought, err := p.Wait(context.Background())
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, time.Now().UnixMicro()); err != nil {
			return err
		}
		p.Done(bought, nil)
	}
	return errors.Join(unshared, l.Close())
}

func startRun(t *testing.T, dir string, requests int) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "QUOTA_TEST_DIR="+dir, "QUOTA_TEST_REQUESTS="+strconv.Itoa(requests))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd, bufio.NewScanner(out)
}

func readTimes(t *testing.T, in *bufio.Scanner, most int) []time.Time {
	t.Helper()
	var times []time.Time
	for len(times) < most && in.Scan() {
		micros, err := strconv.ParseInt(in.Text(), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, time.UnixMicro(micros))
	}
	return times
}

// Three processes share one quota; one is killed in the middle of a window, and
// one starts after that. No window of all of them together is over the quota,
// and what the killed one did not use is not lost for longer than a window.
func TestProcesses(t *testing.T) {
	dir := t.TempDir()
	first, firstOut := startRun(t, dir, 1_000_000)
	_, secondOut := startRun(t, dir, 150)

	times := readTimes(t, firstOut, 80)
	if err := first.Process.Kill(); err != nil { // SIGKILL
		t.Fatal(err)
	}
	times = append(times, readTimes(t, firstOut, 1_000_000)...) // what it had written
	_, thirdOut := startRun(t, dir, 100)
	second := readTimes(t, secondOut, 1000)
	third := readTimes(t, thirdOut, 1000)
	if len(second) != 150 || len(third) != 100 {
		t.Fatalf("the second and third run sent %d and %d requests; want 150 and 100", len(second), len(third))
	}

	times = slices.Concat(times, second, third)
	if n := busiest(times, processRate.Window); n > processRate.Quota || n < processRate.Quota*9/10 {
		t.Errorf("the busiest window of all processes holds %d; want %d", n, processRate.Quota)
	}
	least := time.Duration(len(times)/processRate.Quota-1) * processRate.Window
	if took := times[len(times)-1].Sub(times[0]); took < least || took > 2*least+2*time.Second {
		t.Errorf("%d requests took %v; want a little more than %v", len(times), took, least)
	}
}
