//go:build linux

package hostile

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// commands are what a person may do with a source.
var commands = [][]string{
	{"import", "--sandbox", "--progress", "none"},
	{"check"},
	{"init", "-o", "-"},
	{"preview", "--row", "1"},
	{"doctor", "--base-url", "http://127.0.0.1:1"},
}

// manyContacts are inputs that nothing is wrong with but how many they are. They are not
// imported, because the sandbox of such an import holds its profiles in memory, about 1 KB each.
var manyContacts = []string{"csv: many rows", "csv: a number with an exponent", "csv: short rows under a wide header", "ndjson: other members in each line",
	"ndjson: other ignored members in each line", "json: array in one line", "json: one object behind the other", "zst: rows", "xz: rows"}

// arguments are those of a command for a source.
func arguments(command []string, file string) []string {
	switch command[0] {
	case "import":
		return append([]string{"--source", file}, command[1:]...)
	case "init":
		return append([]string{"init", file}, command[1:]...)
	}
	return append(slices.Clone(command), "--source", file)
}

// TestBounds runs the commands on every input, and logs what each takes, the largest first.
func TestBounds(t *testing.T) {
	size := 200_000
	if full {
		size = 10_000_000
	}
	if s := os.Getenv("HOSTILE_SIZE"); s != "" {
		var err error
		if size, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	var table []row
	for _, in := range slices.Concat(texts, books, packed, configurations, reports) {
		if !only.MatchString(in.name) || !full && !in.short {
			continue
		}
		t.Run(in.name, func(t *testing.T) {
			dir := t.TempDir()
			unpacked := in.write(t, dir, cmp.Or(in.size, size)/in.each)
			tiny(t, dir)
			info, err := os.Stat(filepath.Join(dir, in.file))
			if err != nil {
				t.Fatal(err)
			}
			most := time.Second + time.Duration(float64(unpacked)/1e6*float64(maxTimePerMB))
			each := [][]string{in.args}
			if in.args == nil {
				each = each[:0]
				for _, c := range commands {
					if c[0] == "import" && slices.Contains(manyContacts, in.name) {
						continue
					}
					if full || c[0] == "check" && !strings.HasPrefix(in.name, "gz") || c[0] == "import" && strings.HasPrefix(in.name, "gz") {
						each = append(each, arguments(c, in.file))
					}
				}
			}
			for _, args := range each {
				u := run(t, dir, 4*most, args...)
				table = append(table, row{in.name, args, info.Size(), unpacked, u})
				if u.memory > maxMemory || u.time > most {
					t.Errorf("%q: %d bytes, unpacked %d: took %d MiB and %s; %s", args, info.Size(), unpacked, u.memory>>20, u.time, first(u.out))
				}
				if u.code < 0 || u.code > 3 {
					t.Errorf("%q ended with %d: %s", args, u.code, first(u.out))
				}
			}
		})
	}
	slices.SortStableFunc(table, func(a, b row) int { return cmp.Compare(b.memory, a.memory) })
	for _, r := range table {
		t.Log(r)
	}
}

// tiny makes a source that is not hostile.
func tiny(t *testing.T, dir string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "tiny.csv"), []byte("email,firstname\n"+someone+",Ada\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A row is a line of the table.
type row struct {
	name           string
	args           []string
	size, unpacked int64
	usage
}

func (r row) String() string {
	return fmt.Sprintf("%5d MiB %7.2f s %7.2f MB (%8.2f MB)  exit %d  %s: %.60q  %s", r.memory>>20, r.time.Seconds(), float64(r.size)/1e6, float64(r.unpacked)/1e6, r.code, r.name, r.args, first(r.out))
}
