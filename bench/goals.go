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
		fmt.Printf("| binary | < 30 MiB | %.1f MiB |\n", float64(info.Size())/(1<<20))
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
	fmt.Printf("| 10⁶ rows: peak memory | < 48.8 MiB (24 MiB and 26 bytes a row) | %.1f MiB |\n| 10⁶ rows: lost, twice | 0, 0 | %d, %d |\n", s.memory, s.lost, s.twice)

	var reads, resumes []float64
	resumed := sample{}
	for range 3 {
		d, err := b.time(b.on(1, exec.Command(b.self, "read", "-source", b.sources[million])))
		if err != nil {
			return err
		}
		reads = append(reads, d)
		if resumed, _, err = b.measure(t, b.importerOn(t, report, million), million, false); err != nil {
			return err
		}
		resumes = append(resumes, float64(million)/resumed.rate)
	}
	slices.Sort(reads)
	slices.Sort(resumes)
	fmt.Printf("| bare gocsv read of 10⁶ rows | | %.2f s |\n", reads[1])
	fmt.Printf("| resuming a finished report of 10⁶ rows | ≤ 1.5 s more than reading the file (%.2f s) | %.2f s, %d requests, %.1f MiB |\n",
		reads[1], resumes[1], million-resumed.lost, resumed.memory)
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
		fmt.Printf("| %s: peak memory | < 272 MiB (24 MiB and 26 bytes a row) | %.1f MiB, %.0f rows/s |\n", what, s.memory, s.rate)
	}
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
