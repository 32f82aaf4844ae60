package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"importer/internal/pgtest"
	"importer/internal/sandbox"
)

// Workers are killed at random moments, the connections of all of them are, and so is
// PostgreSQL, over and over: every contact is in once in the end, and no job is left behind. CHAOS=full does it
// for longer.
func TestWorkersKilledAllTheTime(t *testing.T) {
	kills, tenants, rows := 2, 6, 60
	if os.Getenv("CHAOS") == "full" {
		kills, tenants, rows = 25, 100, 200
	} else if testing.Short() {
		t.Skip("it takes a while")
	}
	c := newCrew(t, pgtest.Start(t), "chaos", sandbox.Options{Latency: 20 * time.Millisecond, OnDuplicate: "allow"})
	var files, want []string
	for n := range tenants {
		name := fmt.Sprintf("tenant%03d", n)
		files, want = append(files, c.job(name, rows, "")), append(want, name+" complete 0")
	}
	c.run(0, append([]string{"submit"}, files...)...)
	crew := []*hand{c.worker(), c.worker(), c.worker()}
	random := rand.New(rand.NewPCG(1, 2))
	for n := range kills {
		c.requests(len(c.api.Requests()) + 1 + random.IntN(40))
		switch {
		case n%8 == 7:
			c.pg.Kill()
			c.pg.Start()
		case n%4 == 3:
			c.pg.Exec("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'")
		}
		i := random.IntN(len(crew))
		if err := crew[i].Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if _ = crew[i].Wait(); crew[i].ProcessState.ExitCode() > 1 { // 1: the store went away while it started
			t.Errorf("the worker %d ended with %s", crew[i].Process.Pid, crew[i].ProcessState)
		}
		crew[i] = c.worker()
	}
	limit := time.Now().Add(5 * time.Minute)
	for c.lastly() != strings.Join(want, ", ") {
		if time.Sleep(200 * time.Millisecond); time.Now().After(limit) {
			t.Fatalf("left behind: %s", c.lastly())
		}
	}
	c.all(tenants * rows)
}
