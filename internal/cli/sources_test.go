package cli

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"importer/internal/sandbox"
	"importer/sink/journal"
)

// However many sources there are, the line with which a run begins holds a hundred names,
// and the number and a digest of all. The same run again finds nothing to do, verify knows
// whether it is given the same sources, and an undo says the same of them.
func TestTheRunLineOfManySources(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	t.Chdir(j.dir)
	var args, names []string
	for i := range 110 {
		name := fmt.Sprintf("%s-%04d.csv", strings.Repeat("n", 80), i)
		if err := os.WriteFile(name, []byte("email,first name\n"+fmt.Sprintf("c%06d@example.com,Name\n", i)), 0o600); err != nil {
			t.Fatal(err)
		}
		args, names = append(args, "--source", name), append(names, name)
	}
	runs := append(slices.Clone(j.args[4:]), "--report", j.path("r.report.ndjson"), "--existing", "ignore")
	runs = append(runs, args...)
	line := func() journal.Header {
		text, err := os.ReadFile(j.path("r.report.ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		var last []byte
		for l := range bytes.Lines(text) {
			if bytes.HasPrefix(l, []byte(`{"kind":"run"`)) {
				last = l
			}
		}
		if len(last) > 12<<10 {
			t.Errorf("the run line has %d bytes", len(last))
		}
		header, err := journal.ReadHeader(journal.Files{}, j.path("r.report.ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		return header
	}
	if r, out := j.command(runs...); r.code != exitOK {
		t.Fatalf("%s%.500s", r, out)
	}
	h := line()
	if h.SourceCount != 110 || len(h.Sources) != 100 || !h.Names(names) || h.Names(names[1:]) || h.Names(append(slices.Clone(names[1:]), names[0])) {
		t.Errorf("%d sources, %d names", h.SourceCount, len(h.Sources))
	}
	if r, out := j.command(runs...); r.code != exitOK || r.writes() != 0 {
		t.Fatalf("again: %s%.500s", r, out)
	}
	line()
	report := j.path("r.report.ndjson")
	if r, _ := j.command("verify", report, "--rate", "unlimited"); r.code != exitUsage || !strings.Contains(r.stderr, "names 100 of its 110 sources") || r.all() != 0 {
		t.Error(r)
	}
	config := "source:\n  paths:\n"
	for _, name := range names {
		config += "    - " + name + "\n"
	}
	if err := os.WriteFile("c.yaml", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, more := range [][]string{args, {"--config", "c.yaml"}, {"--source", strings.Repeat("n", 80) + "-*.csv"}} {
		if r, out := j.command(append([]string{"verify", report, "--rate", "unlimited"}, more...)...); r.code != exitOK || !strings.Contains(out, "110  as they were sent") {
			t.Errorf("%.60v: %s%.500s", more, r, out)
		}
	}
	if _, out := j.command("report", report); !strings.Contains(out, "and 10 more into project") {
		t.Errorf("the report does not say how many sources there were: %.1500s", out)
	}
	if r, out := j.command("undo", report, "--yes", "--rate", "unlimited", "--settle", "0s", "--state", j.path("s.db")); r.code != exitOK {
		t.Errorf("undo: %s%.500s", r, out)
	}
	if h := line(); h.SourceCount != 110 {
		t.Errorf("after the undo: %d sources", h.SourceCount)
	}
}
