package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// goals measures what is no comparison with another tool.
func (b *bench) goals(large bool) error {
	fmt.Print("\n### Goals by themselves\n\n| goal | wanted | measured |\n|---|---|---|\n")
	t, err := b.start(nil)
	if err != nil {
		return err
	}
	defer t.stop()
	if info, err := os.Stat(filepath.Join(b.bin, "importer")); err == nil {
		fmt.Printf("| binary | ≤ 40 MiB | %.1f MiB |\n", float64(info.Size())/(1<<20))
	}
	if err := b.coldStart(t); err != nil {
		return err
	}
	if !large {
		return nil
	}
	const million = 1_000_000
	if err := b.contacts(million); err != nil {
		return err
	}
	report := filepath.Join(b.dir, "million.report.ndjson")
	s, _, err := b.measure(t, b.importerOn(t, report, million), million, false)
	if err != nil {
		return err
	}
	fmt.Printf("| 10⁶ rows: peak memory | < 128 MiB | %.1f MiB |\n| 10⁶ rows: lost, twice | 0, 0 | %d, %d |\n", s.memory, s.lost, s.twice)

	if err := b.readers(t, report, million); err != nil {
		return err
	}
	if err := os.Remove(report); err != nil {
		return err
	}

	const tenMillion = 10 * million
	if err := b.contacts(tenMillion); err != nil {
		return err
	}
	report = filepath.Join(b.dir, "ten.report.ndjson")
	for _, what := range []string{"10⁷ rows", "10⁷ rows, resumed"} {
		if s, _, err = b.measure(t, b.importerOn(t, report, tenMillion), tenMillion, false); err != nil {
			return err
		}
		fmt.Printf("| %s: peak memory | – | %.1f MiB, %.0f rows/s |\n", what, s.memory, s.rate)
	}
	return nil
}

// readers compares what sends nothing with a bare read of the file, in turn. No
// server works beside it: each has all cores.
func (b *bench) readers(t *targetProcess, report string, rows int) error {
	pin := b.pin
	b.pin = false
	defer func() { b.pin = pin }()

	state := filepath.Join(b.dir, "sync.state")
	upsert := func() *exec.Cmd {
		cmd := b.importerOn(t, filepath.Join(b.dir, "sync.report.ndjson"), rows)
		cmd.Args = append(cmd.Args, "--mode", "upsert", "--state", state)
		return cmd
	}
	check := func() *exec.Cmd {
		cmd := b.importerOn(t, filepath.Join(b.dir, "none.report.ndjson"), rows)
		cmd.Args = append(cmd.Args, "--dry-run")
		return cmd
	}
	read := func() *exec.Cmd { return exec.Command(b.self, "read", "-source", b.sources[rows]) }
	resume := func() *exec.Cmd { return b.importerOn(t, report, rows) }
	if _, _, err := b.measure(t, upsert(), rows, false); err != nil { // makes the state
		return err
	}
	var all [4][]sample
	requests := [4]int{}
	for range b.rounds {
		for i, command := range []func() *exec.Cmd{read, check, resume, upsert} {
			s, _, err := b.measure(t, command(), rows, false)
			if err != nil {
				return err
			}
			all[i] = append(all[i], s)
			requests[i] += rows - s.lost
		}
	}
	seconds := func(i int) float64 {
		return median(all[i], func(s sample) float64 { return float64(rows) / s.rate })
	}
	memory := func(i int) float64 { return median(all[i], func(s sample) float64 { return s.memory }) }
	bare := seconds(0)
	fmt.Printf("| bare gocsv read of %d rows | | %.2f s |\n", rows, bare)
	fmt.Printf("| check | ≥ 0.4 of a bare read's speed | %.2f: %.2f s, %.1f MiB |\n", bare/seconds(1), seconds(1), memory(1))
	fmt.Printf("| resuming a finished report | ≤ 1.5 s more than a bare read | %.2f s more: %.2f s, %d creates, %.1f MiB |\n",
		seconds(2)-bare, seconds(2), requests[2], memory(2))
	fmt.Printf("| upsert, all unchanged | ≤ 4 times a bare read, 0 requests | %.1f times: %.2f s, %d creates, %.1f MiB |\n",
		seconds(3)/bare, seconds(3), requests[3], memory(3))
	return nil
}

// coldStart is the time from the start of the process to its first create.
func (b *bench) coldStart(t *targetProcess) error {
	const tries = 11
	if err := b.contacts(1); err != nil {
		return err
	}
	var all []float64
	for range tries {
		if err := t.reset(); err != nil {
			return err
		}
		cmd := b.importer(t, 1)
		began := time.Now()
		if _, err := b.time(cmd); err != nil {
			return err
		}
		stats, err := t.stats()
		if err != nil {
			return err
		}
		all = append(all, time.Unix(0, stats.First).Sub(began).Seconds()*1000)
	}
	slices.Sort(all)
	fmt.Printf("| cold start to the first create | < 30 ms | %.1f ms (%.1f to %.1f) |\n", all[tries/2], all[0], all[tries-1])
	return nil
}

func (b *bench) time(cmd *exec.Cmd) (float64, error) {
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", cmd.Args[0], err, out[:min(len(out), 300)])
	}
	return time.Since(began).Seconds(), err
}

// insecureLoopback is for the questions to the target itself, which go to this
// machine and hold nothing.
func insecureLoopback() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }
