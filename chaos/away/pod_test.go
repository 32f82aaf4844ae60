package away

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"importer/internal/pgtest"
	"importer/internal/sandbox"
)

// A pod is killed at a random moment and comes up elsewhere, without a disk, while reads lag
// behind writes.
func TestPodWithoutADisk(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Durable(), pgtest.Set("max_connections", "300"))
	lag, err := sandbox.ParseFault("read-lag:5s")
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"create", "upsert", "mirror"} {
		for n := range of(1, 20) {
			t.Run(fmt.Sprint(mode, n), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, pg.Database(fmt.Sprint(mode, n)), 200, sandbox.Options{Latency: 20 * time.Millisecond, Faults: []sandbox.Fault{lag}},
					"--mode", mode, "--rate", "200/s", "--lease", lease)
				r := w.start()
				time.Sleep(between(100*time.Millisecond, 1200*time.Millisecond))
				_ = r.Process.Signal(syscall.SIGKILL)
				<-r.ended
				w.goesOn()
				w.once()
				if mode == "mirror" { // the state is there too, and knows everybody
					r := w.start()
					r.ends(time.Minute, 0)
					if creates := strings.Count(r.out.String(), "created"); creates > 0 {
						t.Errorf("the next night creates: %s", r.out.String())
					}
				}
			})
		}
	}
}

// However many chunks of a journal are there, the run goes on without a loss and without
// sending anybody twice.
func TestEachPrefixOfChunks(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t)
	w := newWorld(t, pg.URL(), of(12, 60), sandbox.Options{}, "--rate", "20/s", "--workers", "1", "--settle", "0s", "--lease", lease, "--progress", "none")
	w.start().ends(time.Minute, 0)
	w.once()
	var chunks int
	fmt.Sscan(pg.Exec("select count(*) from importer_journal"), &chunks)
	if chunks < 5 {
		t.Fatalf("only %d chunks", chunks)
	}
	pg.Exec("create table whole as table importer_journal")
	for left := chunks - 1; left >= 0; left-- {
		pg.Exec(fmt.Sprintf("delete from importer_journal; insert into importer_journal select * from whole order by seq limit %d", left))
		r := w.start()
		r.ends(time.Minute, 0)
		w.once()
		if t.Failed() {
			t.Fatalf("with %d of %d chunks:\n%s", left, chunks, r.out.String())
		}
	}
}

// Three workers share one quota, and one of them is killed in the middle: nothing is refused.
func TestThreeWorkersOnOneQuota(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Durable())
	rate := sandbox.Rate{Requests: 100, Window: 3 * time.Second}
	w := newWorld(t, pg.URL(), 0, sandbox.Options{Rate: rate}, "--rate", "100/3s", "--lease", lease, "--report", "")
	workers := make([]*run, 3)
	for n := range workers {
		w.rows = nil
		for row := range of(60, 200) {
			w.rows = append(w.rows, fmt.Sprintf("c%d@worker-%d.example.com", row, n))
		}
		w.flags[len(w.flags)-1] = fmt.Sprint("worker-", n)
		workers[n] = w.start()
	}
	w.sent(40)
	_ = workers[0].Process.Signal(syscall.SIGKILL)
	for _, r := range workers[1:] {
		r.ends(2*time.Minute, 0)
	}
	if n := w.api.Counts().Throttled; n > 0 {
		t.Errorf("%d requests were refused", n)
	}
	w.once()
}
