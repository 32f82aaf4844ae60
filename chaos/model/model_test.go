// Package model holds the program against an idea of it that is a few hundred lines
// long and shares nothing with it. People correct a mapping, repair the source, kill a
// run, put a backup back, and run once more: the model says who must be in the project
// with which values, and what the exit code is. Nobody is lost, nobody is there twice,
// and no value that is out of date goes unmentioned.
//
//	sheet    the source and its mapping: what each row asks for
//	world    a folder, an API on which two projects are, and runs that end or are ended
//	desk     what the runs leave behind, as far as the model knows
//	play     one sequence, as rapid makes it up: edit, backup, reject and night are its parts
//	judge    what a run did, held against what it had to do
//	follow   what it left behind
//
// The variables are those of package chaos:
//
//	CHAOS_SEED       repeats a sequence: a test that failed says which
//	CHAOS_SEQUENCES  how many are tried; CHAOS=full tries 10,000
//
// Without any of them the same sequences are tried each time.
package model

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestMain(m *testing.M) {
	flag.Parse()
	seed := os.Getenv("CHAOS_SEED")
	given := os.Getenv("CHAOS") != "" || os.Getenv("CHAOS_SEQUENCES") != "" || flag.Lookup("rapid.seed").Value.String() != "0"
	if seed == "" && !given {
		seed = "1"
	}
	if seed != "" {
		if err := flag.Set("rapid.seed", seed); err != nil {
			fmt.Fprintln(os.Stderr, "CHAOS_SEED:", err)
			os.Exit(1)
		}
	}
	var err error
	if built, err = os.MkdirTemp("", "importer-model-built-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(built)
	os.Exit(code)
}

// sequences is how many are tried.
func sequences(t *testing.T, short, full int) int {
	t.Helper()
	text := os.Getenv("CHAOS_SEQUENCES")
	if text == "" {
		if os.Getenv("CHAOS") == "full" {
			return full
		}
		return short
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("CHAOS_SEQUENCES is %q; want a number from 1", text)
	}
	return n
}

// The engine runs in this process. A run that is killed leaves the files as they were at
// that moment.
func TestSequences(t *testing.T) { check(t, false, sequences(t, 200, 10_000)) }

// Here each run is a process, and kill -9 is one.
func TestSequencesOfProcesses(t *testing.T) { check(t, true, sequences(t, 30, 300)) }

// A trial is many sequences.
type trial struct {
	test      *testing.T
	processes bool           // each run is one
	ends      map[string]int // how runs ended
	failed    bool           // one of them did
}

func check(t *testing.T, processes bool, sequences int) {
	must(t, flag.Set("rapid.checks", strconv.Itoa(sequences)))
	must(t, flag.Set("rapid.nofailfile", "true"))
	of := &trial{test: t, processes: processes, ends: map[string]int{}}
	began := time.Now()
	rapid.Check(t, func(t *rapid.T) { play(t, of) })
	runs := 0
	for _, n := range of.ends {
		runs += n
	}
	t.Logf("%d runs, %s each: %v", runs, time.Since(began)/time.Duration(runs), of.ends)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
