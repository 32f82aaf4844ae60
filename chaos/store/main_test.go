// Package store proves the promise of a store from outside: whatever happens to the
// processes, to PostgreSQL and to the network between them, no row is lost, no contact is
// created twice, and a process that was fenced sends nothing. Each process has an empty
// folder of its own, as on a machine of its own; all that they share is the store.
//
// Its tests come in a short form, and in full with CHAOS_STORE=full, which prints figures.
// CHAOS_SEED repeats the choices of a run, which logs its seed.
package store

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// full is the long form of the tests.
var full = os.Getenv("CHAOS_STORE") == "full"

// command is the path of the importer, as a release builds it.
var command string

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "64"); err != nil { // they wait most of the time
		panic(err)
	}
	os.Exit(func() int {
		for _, variable := range os.Environ() { // what a person has set for the program is no part of a test
			name, _, _ := strings.Cut(variable, "=")
			if strings.HasPrefix(name, "COGNIGY_") || strings.HasPrefix(name, "IMPORTER_") || strings.HasPrefix(name, "PG") {
				os.Unsetenv(name)
			}
		}
		dir, err := os.MkdirTemp("", "importer-chaos-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		command = filepath.Join(dir, "importer")
		build := exec.Command("go", "build", "-o", command, "importer")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building the importer: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// of is the short or the long form's value.
func of(short, long int) int {
	if full {
		return long
	}
	return short
}

// seed is that of a test's choices.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := uint64(time.Now().UnixNano())
	if s := os.Getenv("CHAOS_SEED"); s != "" {
		var err error
		if n, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("CHAOS_SEED: %v", err)
		}
	}
	t.Logf("CHAOS_SEED=%d repeats the choices of this run", n)
	return n
}

// between is a random time.
func between(random *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(random.Int64N(int64(most-least)))
}
