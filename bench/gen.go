package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
)

var header = []string{"email", "firstname", "lastname", "age", "location", "gender", "accepted_gdpr"}

func gen(args []string) error {
	flags := flag.NewFlagSet("gen", flag.ExitOnError)
	n := flags.Int("n", 1000, "rows")
	seed := flags.Uint64("seed", 1, "of the values")
	out := flags.String("o", "", "file; standard output without it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *out == "" {
		return writeContacts(os.Stdout, *n, *seed)
	}
	f, err := os.Create(*out)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := writeContacts(f, *n, *seed); err != nil {
		return err
	}
	return f.Close()
}

// writeContacts writes n contacts as CSV, none twice.
func writeContacts(w io.Writer, n int, seed uint64) error {
	first := []string{"Ada", "Grace", "Jürgen", "Zoë", "Marie", "Chloé", "Łukasz", "Emmy", "Alan", "Linus", "Barbara", "Søren"}
	last := []string{"Lovelace", "Hopper", "Müller", "O'Neill", "Curie", "van der Berg", "Nowak", "Noether", "Turing", "Smith, Jr.", "Liskov", "Kierkegaard"}
	city := []string{"London", "New York", "Düsseldorf", "Kraków", "Paris", "København", "San José", ""}
	gender := []string{"female", "male", "diverse", ""}
	r := rand.New(rand.NewPCG(seed, 0))
	b := bufio.NewWriter(w)
	for i, name := range header {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(name)
	}
	b.WriteByte('\n')
	for i := range n {
		f, l := first[r.IntN(len(first))], last[r.IntN(len(last))]
		fmt.Fprintf(b, "contact%d.%x@example.com,%s,\"%s\",%d,%s,%s,%t\n", i, r.Uint32(), f, l, 18+r.IntN(70), city[r.IntN(len(city))], gender[r.IntN(len(gender))], r.IntN(2) == 0)
	}
	return b.Flush()
}
