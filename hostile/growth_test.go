//go:build linux

package hostile

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestGrowth has four times as much of everything that a file, or a folder, has many of,
// and holds the processor time to what n log n allows.
func TestGrowth(t *testing.T) {
	check := []string{"check", "--source", "a.csv"}
	checkObjects := []string{"check", "--source", "a.ndjson"}
	wide := strings.Repeat(",", 1999) + "\n"
	for _, grows := range []struct {
		name  string
		n     int // of the smaller one
		args  []string
		write func(t *testing.T, dir string, n int)
	}{
		{"columns", 500, check, of("a.csv", "mapping: {unnamed: custom}\n", func(w *bufio.Writer, n int) {
			w.WriteString("email")
			number(w, n-1, ",c%d")
			for i := range 400 {
				fmt.Fprintf(w, "\na%d@example.com%s", i, strings.Repeat(",x", n-1))
			}
		})},
		{"fields of a row", 500_000, check, of("a.csv", "", func(w *bufio.Writer, n int) {
			w.WriteString("email,age\n" + someone)
			repeat(w, n, ",x")
		})},
		{"empty fields of a row", 1_000_000, check, of("a.csv", "", func(w *bufio.Writer, n int) {
			w.WriteString("email,age\n" + someone)
			repeat(w, n, ",")
		})},
		{"wide rows", 250, check, of("a.csv", "", func(w *bufio.Writer, n int) {
			w.WriteString("email")
			number(w, 1999, ",c%d")
			repeat(w, n, "\nx"+wide)
		})},
		{"list items", 100_000, check, of("a.csv", "", func(w *bufio.Writer, n int) {
			w.WriteString("email,tasks\n" + someone + ",")
			number(w, n, "t%d;")
		})},
		{"ids in a cell", 200_000, check, of("a.csv", "", func(w *bufio.Writer, n int) {
			w.WriteString("contactIds,age\n")
			number(w, n, "i%d;")
		})},
		{"ids in a list", 100_000, checkObjects, of("a.ndjson", "", func(w *bufio.Writer, n int) {
			w.WriteString(`{"contactIds":[`)
			number(w, n, `"i%d",`)
			w.WriteString("\"x\"]}\n")
		})},
		{"ids in a mapped list", 100_000, check, of("a.csv", "mapping: {contact_ids: [{column: ids, type: list, separator: ' '}]}\n", func(w *bufio.Writer, n int) {
			w.WriteString("ids,age\n")
			number(w, n, "? i%d ")
		})},
		{"members", 50_000, checkObjects, of("a.ndjson", "mapping: {unnamed: custom}\n", func(w *bufio.Writer, n int) {
			w.WriteString(`{"email":"` + someone + `"`)
			number(w, n, `,"m%d":1`)
			w.WriteString("}\n")
		})},
		{"members of many objects", 5000, checkObjects, of("a.ndjson", "mapping: {unnamed: custom}\n", func(w *bufio.Writer, n int) {
			for i := range n {
				fmt.Fprintf(w, "{\"email\":\"a%d@example.com\",\"m%[1]d\":1}\n", i)
			}
		})},
		{"members that are guessed", 50_000, []string{"init", "a.ndjson", "-o", "-"}, of("a.ndjson", "", func(w *bufio.Writer, n int) {
			w.WriteString(`{"email":"` + someone + `"`)
			number(w, n, `,"m%d":{"a":{"b":1}}`)
			w.WriteString("}\n")
		})},
		{"mapping entries", 500, check, of("a.csv", "", func(w *bufio.Writer, n int) {
			w.WriteString("email\n" + someone + "\n")
		}, func(w *bufio.Writer, n int) {
			w.WriteString("mapping:\n  fields:\n")
			number(w, n, "    f%d: {column: email, type: text, lower: true}\n")
		})},
		{"null values", 2000, check, of("a.csv", "", func(w *bufio.Writer, n int) {
			w.WriteString("email\n" + someone + "\n")
		}, func(w *bufio.Writer, n int) {
			w.WriteString("source:\n  null_values:\n")
			number(w, n, "    - n%d\n")
		})},
		{"blank lines", 4_000_000, check, of("a.csv", "", func(w *bufio.Writer, n int) {
			w.WriteString("email,age\n" + someone + ",\"\n")
			repeat(w, n, "\n")
			w.WriteString("b@example.com,1\n")
		})},
		{"blank lines with space", 250_000, check, of("a.csv", "", func(w *bufio.Writer, n int) {
			w.WriteString("email,age\n" + someone + ",\"\n")
			repeat(w, n, " \n")
			w.WriteString("b@example.com,1\n")
		})},
		{"quotes", 50_000, check, of("a.csv", "", func(w *bufio.Writer, n int) {
			w.WriteString("email,age\n")
			repeat(w, n, someone+",\"x\"y\"\n")
		})},
		{"sources", 200, []string{"check", "--source", "s*.csv"}, sources(func(i int) string { return "email,age\nno,x\n" })},
		{"empty sources", 400, []string{"check", "--source", "s*.csv"}, sources(func(i int) string { return "email,age\n" })},
		{"headers", 40, []string{"check", "--source", "s*.csv"}, sources(func(i int) string {
			return fmt.Sprintf("email,c%d,d%[1]d,e%[1]d,f%[1]d,g%[1]d,h%[1]d,i%[1]d,j%[1]d\nno,x,x,x,x,x,x,x,x\n", i)
		})},
		{"globs", 200, []string{"check"}, func(t *testing.T, dir string, n int) {
			config := "source:\n  paths:\n"
			for i := range n { // each in a folder of its own: a glob looks at all files of its folder
				folder := filepath.Join(dir, fmt.Sprintf("d%d", i))
				if err := os.Mkdir(folder, 0o700); err != nil {
					t.Fatal(err)
				}
				sources(func(i int) string { return "email,age\nno,x\n" })(t, folder, 1)
				config += fmt.Sprintf("  - d%d/s*.csv\n", i)
			}
			(&input{file: "x", config: config, fill: func(*bufio.Writer, int) {}}).write(t, dir, 0)
		}},
		{"report lines", 5000, reportText, ofReport(createdLines)},
		{"report lines as CSV", 5000, reportCSV, ofReport(createdLines)},
		{"reasons", 10_000, reportHTML, ofReport(func(w *bufio.Writer, n int) { number(w, n, invalidLine) })},
		{"runs", 2000, reportHTML, ofReport(func(w *bufio.Writer, n int) { number(w, n, runLine) })},
	} {
		if !only.MatchString(grows.name) || !full && slices.Contains(longForm, grows.name) {
			continue
		}
		t.Run(grows.name, func(t *testing.T) {
			t.Parallel()
			if !full && grows.n >= 1000 {
				grows.n /= 4
			}
			one, four := t.TempDir(), t.TempDir()
			grows.write(t, one, grows.n)
			grows.write(t, four, 4*grows.n)
			took := func(dir string) time.Duration {
				u := run(t, dir, time.Minute, grows.args...)
				if u.code < 0 || u.code > 3 {
					t.Fatalf("ended with %d: %s", u.code, first(u.out))
				}
				for _, left := range []string{"*.report.ndjson*", "*.rejects.*", "*.check.*"} {
					files, _ := filepath.Glob(filepath.Join(dir, left))
					for _, f := range files {
						if f != filepath.Join(dir, "a.report.ndjson") {
							os.Remove(f)
						}
					}
				}
				return u.time
			}
			start := run(t, one, time.Minute, "version").time
			n, fourN := took(one), took(four)
			// Six times, with what is too little to be measured: n log n is hardly more than
			// four times, and the square of n sixteen times as much.
			for try := 0; fourN-start > 6*max(n-start, 20*time.Millisecond) && try < 4; try++ {
				n, fourN = min(n, took(one)), min(fourN, took(four))
			}
			t.Logf("%d: %s, %d: %s", grows.n, n, 4*grows.n, fourN)
			if fourN-start > 6*max(n-start, 20*time.Millisecond) {
				t.Errorf("%d take %s, and four times as many %s", grows.n, n, fourN)
			}
		})
	}
}

// longForm is what only the full form doubles.
var longForm = []string{"empty fields of a row", "wide rows", "ids in a list", "members of many objects", "null values", "blank lines with space", "quotes",
	"empty sources", "report lines as CSV", "reasons", "runs"}

// of makes a source, with a configuration beside it.
func of(name, config string, fill func(w *bufio.Writer, n int), settings ...func(w *bufio.Writer, n int)) func(t *testing.T, dir string, n int) {
	return func(t *testing.T, dir string, n int) {
		for _, s := range settings {
			(&input{file: "config.yaml", fill: s}).write(t, dir, n)
		}
		(&input{file: name, config: config, fill: fill}).write(t, dir, n)
	}
}

// sources makes so many files.
func sources(text func(i int) string) func(t *testing.T, dir string, n int) {
	return func(t *testing.T, dir string, n int) {
		for i := range n {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("s%d.csv", i)), []byte(text(i)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func ofReport(fill func(w *bufio.Writer, n int)) func(t *testing.T, dir string, n int) {
	return func(t *testing.T, dir string, n int) {
		in := report("", 1, nil, fill)
		in.write(t, dir, n)
	}
}
