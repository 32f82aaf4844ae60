// Bench measures importer beside other ways of sending the rows of a file to the
// same server. docs/performance.md explains the table that it prints.
//
//	bench run          everything, in turn, and the table
//	bench serve        the frugal target server
//	bench gen          contacts, the same for the same seed
//	bench afternoon    a client on net/http as it is written in an afternoon
//	bench tuned        the same, tuned
//	bench bare         a loop over importer's own transport: no file, no report
//	bench read         a bare read of a file with gocsv
package main

import (
	"fmt"
	"os"
)

func main() {
	commands := map[string]func([]string) error{
		"run": run, "serve": serve, "gen": gen, "afternoon": afternoon, "tuned": tuned, "bare": bare, "read": read,
	}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: bench run|serve|gen|afternoon|tuned|bare|read [flags]")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
