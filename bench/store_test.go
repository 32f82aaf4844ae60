package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"importer/internal/pgtest"
)

// A place is where a run keeps its report and its state.
type place struct {
	name string
	url  string // of a store; empty: in files
}

// A rig runs importer with what it keeps in files and in stores, in turn.
type rig struct {
	*bench
	places []place
	n      int // of runs so far, for their names
}

// TestStore compares a run with its report in a file and one in a store, as the rest of
// this program compares tools. $BENCH says for how many rows without latency; without it
// there are few, and it is a test that the comparison works.
func TestStore(t *testing.T) {
	rows, many, rounds := 2000, 2000, 1
	if n := os.Getenv("BENCH"); n != "" {
		var err error
		if rows, err = strconv.Atoi(n); err != nil {
			t.Fatal("$BENCH is no number of rows: ", err)
		}
		many, rounds = 1_000_000, 5
	}
	bin, err := filepath.Abs("../bin")
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"importer", "bench"} {
		if _, err := os.Stat(filepath.Join(bin, program)); err != nil {
			t.Skip("make bench-short builds what this runs: ", err)
		}
	}
	r := &rig{bench: &bench{dir: t.TempDir(), bin: bin, self: filepath.Join(bin, "bench"), workers: 64, rounds: rounds, sources: map[int]string{}}}
	pg, overTLS := pgtest.Start(t, pgtest.Durable()), pgtest.Start(t, pgtest.Durable(), pgtest.TLS())
	r.places = []place{{name: "file"}, {"store", pg.URL()}, {"store, TLS", overTLS.URL()}}
	t.Logf("%d workers, medians of %d rounds in turn; %s", r.workers, r.rounds, cpuName())
	t.Run("Fast", func(t *testing.T) { r.compare(t, "no latency", nil, rows) })
	t.Run("Slow", func(t *testing.T) { r.compare(t, "20 ms latency", []string{"-latency", "20ms"}, rows/5) })
	t.Run("Nights", func(t *testing.T) { r.nights(t, pg, many) })
}

// command is an import that keeps what it keeps in a place, under a name.
func (r *rig) command(t *targetProcess, p place, name string, rows int) *exec.Cmd {
	cmd := r.importerOn(t, filepath.Join(r.dir, name+".report.ndjson"), rows)
	if p.url != "" {
		cmd.Args = append(cmd.Args, "--store", p.url)
	}
	return cmd
}

// run measures one command, which has to send each row once.
func (r *rig) run(t *testing.T, target *targetProcess, cmd *exec.Cmd, rows int) sample {
	t.Helper()
	s, _, err := r.measure(target, cmd, rows, false)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// target starts the server that takes the rows of a file.
func (r *rig) target(t *testing.T, serve []string, rows int) *targetProcess {
	t.Helper()
	target, err := r.start(serve)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(target.stop)
	if err := r.contacts(rows); err != nil {
		t.Fatal(err)
	}
	return target
}

// compare runs an import at each place in turn, and prints each beside the file.
func (r *rig) compare(t *testing.T, name string, serve []string, rows int) {
	target := r.target(t, serve, rows)
	all := make([][]sample, len(r.places))
	for range r.rounds {
		for i, p := range r.places {
			r.n++
			s := r.run(t, target, r.command(target, p, "run"+strconv.Itoa(r.n), rows), rows)
			if s.lost != 0 || s.twice != 0 {
				t.Errorf("%s, %s: %d rows were lost and %d sent twice", name, p.name, s.lost, s.twice)
			}
			all[i] = append(all[i], s)
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "\n### %s, %d rows\n\n| report in | rows/s | CPU µs a row | peak MiB | rows/s to the file's | CPU to the file's |\n|---|---|---|---|---|---|\n", name, rows)
	rate, cpu := func(s sample) float64 { return s.rate }, func(s sample) float64 { return s.cpu }
	for i, p := range r.places {
		fmt.Fprintf(&text, "| %s | %.0f | %.1f | %.1f | %s | %s |\n", p.name, median(all[i], rate), median(all[i], cpu),
			median(all[i], func(s sample) float64 { return s.memory }), ratio(all[i], all[0], rate), ratio(all[i], all[0], cpu))
	}
	t.Log(text.String())
}

// ratio is the median of the ratios within a round, with the lowest and the highest.
func ratio(ours, others []sample, of func(sample) float64) string {
	var all []float64
	for i := range ours {
		all = append(all, of(ours[i])/of(others[i]))
	}
	slices.Sort(all)
	return fmt.Sprintf("%.2f (%.2f to %.2f)", all[len(all)/2], all[0], all[len(all)-1])
}

// nights is what an upsert takes, and the one of the night after it, in which nothing has
// changed: time, memory, room in the database.
func (r *rig) nights(t *testing.T, pg *pgtest.Server, rows int) {
	target := r.target(t, nil, rows)
	var text strings.Builder
	fmt.Fprintf(&text, "\n### Two nights, %d rows\n\n| kept in | first night: rows/s | peak MiB | second night: s | peak MiB |\n|---|---|---|---|---|\n", rows)
	for _, p := range []place{{name: "file"}, {"store", pg.Database("nights")}} {
		night := func(n int) sample {
			cmd := r.command(target, p, fmt.Sprintf("night%d", n), rows)
			cmd.Args = append(cmd.Args, "--mode", "upsert", "--state", filepath.Join(r.dir, "sync.state"))
			return r.run(t, target, cmd, rows)
		}
		first, second := night(1), night(2)
		fmt.Fprintf(&text, "| %s | %.0f | %.1f | %.2f | %.1f |\n", p.name, first.rate, first.memory, float64(rows)/second.rate, second.memory)
	}
	t.Log(text.String())
	for _, table := range []string{"importer_journal", "importer_state"} {
		t.Logf("%s takes %s kB", table, pg.ExecIn("nights", "select pg_total_relation_size('"+table+"') / 1000"))
	}
}
