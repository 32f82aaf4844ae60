package cli

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"importer/internal/sandbox"
)

// A file that is named twice is one source: where the last of several rows wins, no
// contact is created twice, and the report can be resumed.
func TestTheLastRowOfAFileThatIsNamedTwice(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{OnDuplicate: sandbox.DuplicateAllow})
	j.contacts(20)
	j.rows = append(j.rows, contactRow(3, "Last"))
	j.write()
	config := j.path("last.yaml")
	err := errors.Join(os.WriteFile(config, []byte("duplicates: last\n"), 0o600), os.Symlink("c.csv", j.path("link.csv")), os.Link(j.path("c.csv"), j.path("hard.csv")))
	if err != nil {
		t.Fatal(err)
	}
	more := []string{"--config", config, "--source", j.path("*.csv"), "--source", j.path("./c.csv"), "--log-level", "info"}
	r := j.must(more...)
	if r.Read != 21 || r.Created != 20 || r.of("create") != 20 || r.Duplicate != 1 || !strings.Contains(r.stderr, "is the same file as") {
		t.Errorf("%s", r)
	}
	if got := j.profiles()["c000003@example.com"].Profile["firstname"]; got != "Last" {
		t.Errorf("the first name is %v", got)
	}
	if r := j.must(more...); r.DoneBefore != 20 || r.writes() != 0 {
		t.Errorf("again: %s", r)
	}
}

// A glob in the working folder is run night after night, beside what it leaves.
func TestAGlobOnTheSecondNight(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(5)
	j.rows = append(j.rows, "nobody,Nobody,42")
	t.Chdir(j.dir)
	i := slices.Index(j.args, "--report")
	j.args = slices.Delete(j.args, i, i+2)
	j.args[slices.Index(j.args, "--source")+1] = "*"
	for night := range 3 {
		r := j.run("--log-level", "info")
		if r.code != exitNotAllIn || r.Read != 6 || r.Invalid != 1 {
			t.Errorf("night %d: %s", night+1, r)
		}
		if told := strings.Contains(r.stderr, "c.csv.rejects.csv"); told != (night > 0) {
			t.Errorf("night %d: that the reject file is left out is said: %t\n%s", night+1, told, r.stderr)
		}
		if _, err := os.Stat("c.csv.rejects.csv"); err != nil {
			t.Error(err)
		}
	}
	// Named, it goes on with its report.
	j.args[slices.Index(j.args, "--source")+1] = "c.csv.rejects.csv"
	if r, _ := j.command(j.args...); r.code != exitNotAllIn || strings.Contains(r.stderr, "left out") {
		t.Errorf("the reject file itself, named: %s", r)
	}
}
