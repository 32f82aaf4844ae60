package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"importer/internal/sandbox"
)

// A past is a mirror after some nights, of which the first was a week ago: what is in
// its folder then and now.
type past struct {
	*job
	week, now map[string][]byte // by name: the state, and the reports
}

// Contact 0 said A a week ago, B since, and says A again tonight. Contact 1 was there, is
// gone since, and is back tonight as it was. Contact 2 came in between. A state of last
// week that is believed would do nothing about the first two.
func (p *past) source(night int) {
	p.contacts(12)
	name := []string{"A", "B", "C", "A"}[night]
	p.rows[0] = contactRow(0, name)
	gone := func(i int) {
		p.rows = slices.DeleteFunc(p.rows, func(row string) bool { return strings.HasPrefix(row, fmt.Sprintf("c%06d@", i)) })
	}
	if night == 0 {
		gone(2)
	}
	if night == 1 || night == 2 {
		gone(1)
	}
}

const mirrorAll = "sync:\n  missing: delete\n  guard: {max: 100, percent: 100}\n"

func newPast(t *testing.T) *past {
	t.Helper()
	p := &past{job: newJob(t, "mirror", sandbox.Options{ProjectID: "65f0000000000000000000bb"})}
	if err := os.WriteFile(p.path("m.yaml"), []byte(mirrorAll), 0o600); err != nil {
		t.Fatal(err)
	}
	p.args = append(p.args, "--config", p.path("m.yaml"))
	for night := range 3 {
		p.source(night)
		p.must()
		if night == 0 {
			p.week = p.kept()
		}
	}
	p.now = p.kept()
	return p
}

// kept are the files in the folder that a run leaves.
func (p *past) kept() map[string][]byte {
	p.t.Helper()
	files := map[string][]byte{}
	for _, pattern := range []string{"s.db*", "r.report.ndjson*"} {
		names, err := filepath.Glob(p.path(pattern))
		if err != nil {
			p.t.Fatal(err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				p.t.Fatal(err)
			}
			files[filepath.Base(name)] = b
		}
	}
	return files
}

// restore puts the files of a time in the place of those that begin with a name; of no
// time, none.
func (p *past) restore(name string, from map[string][]byte) {
	p.t.Helper()
	for old := range p.kept() {
		if strings.HasPrefix(old, name) {
			if err := os.Remove(p.path(old)); err != nil {
				p.t.Fatal(err)
			}
		}
	}
	for file, content := range from {
		if strings.HasPrefix(file, name) {
			if err := os.WriteFile(p.path(file), content, 0o600); err != nil {
				p.t.Fatal(err)
			}
		}
	}
}

// tonight runs the fourth night, and wants it refused, with a way out that is right, or
// right at once.
func (p *past) tonight(refused string) {
	p.t.Helper()
	p.source(3)
	r := p.run()
	if refused == "" && r.code != exitOK || refused != "" && (r.code != exitUsage || !strings.Contains(r.stderr, refused) || r.all() != 0) {
		p.t.Fatalf("want refused %q, got %s", refused, r)
	}
	if refused != "" {
		if err := os.Rename(p.path("s.db"), p.path("s.db.old")); err != nil {
			p.t.Fatal(err)
		}
		p.must("--restart")
	}
	got := p.profiles()
	if len(got) != 12 {
		p.t.Errorf("%d profiles", len(got))
	}
	for i := range 12 {
		name := fmt.Sprint("Name ", i)
		if i == 0 {
			name = "A"
		}
		if profile, ok := got[fmt.Sprintf("c%06d@example.com", i)]; !ok || profile.Profile["firstname"] != name {
			p.t.Errorf("contact %d: %v", i, profile)
		}
	}
	if r := p.must(); r.writes() != 0 {
		p.t.Errorf("the night after: %s", r)
	}
}

// The table of docs/operations.md: the state and the report of today, of last week, or
// none, on the machine that made them and on another one.
func TestStateAndReportOfDifferentTimes(t *testing.T) {
	const (
		older   = "they came back from an older copy"
		between = "the report is later than the state, and the report "
		alone   = "which is not here"
	)
	for _, c := range []struct {
		state, report  string
		here, anywhere string // why it is refused on this machine, and on another one
	}{
		{"now", "now", "", ""},
		{"now", "week", "", alone},
		{"now", "none", "", alone},
		{"week", "now", "", ""}, // the reports that were set aside say what lies between
		{"week", "last", between, between},
		{"week", "week", older, ""}, // nothing on another machine can tell; see below
		{"week", "none", older, alone},
		{"none", "now", "", ""},
		{"none", "last", "", ""},
		{"none", "week", "", ""},
		{"none", "none", "", ""},
	} {
		for where, refused := range map[string]string{"here": c.here, "another machine": c.anywhere} {
			if where != "here" && c.report == "week" && c.state != "now" {
				continue // as if the nights in between had never been
			}
			t.Run(c.state+" state, "+c.report+" report, "+where, func(t *testing.T) {
				p := newPast(t)
				if where != "here" {
					p.home = t.TempDir()
				}
				times := map[string]map[string][]byte{"now": p.now, "week": p.week, "last": {"r.report.ndjson": p.now["r.report.ndjson"]}}
				p.restore("s.db", times[c.state])
				p.restore("r.report", times[c.report])
				p.tonight(refused)
			})
		}
	}
}

// Two machines that both went on with a copy: neither's state goes with the other's
// report, whichever was first.
func TestStateAndReportOfTwoMachines(t *testing.T) {
	for _, first := range []bool{true, false} {
		a := newPast(t)
		var ends [2]map[string][]byte
		for i := range ends {
			a.restore("", a.now)
			a.source(1 + i)
			if i == 1 {
				a.home = t.TempDir()
			}
			a.must()
			ends[i] = a.kept()
		}
		mine, other := ends[0], ends[1]
		if !first {
			mine, other = other, mine
		}
		a.restore("s.db", mine)
		a.restore("r.report", other)
		a.home = t.TempDir()
		a.tonight("does not go with the report")
	}
}

// The state and the report go to another folder of another machine together, with
// whatever the last run had left open.
func TestStateAndReportMoveTogether(t *testing.T) {
	p := newPast(t)
	dir := p.dir
	p.dir, p.home = t.TempDir(), t.TempDir()
	for i, arg := range p.args {
		p.args[i] = strings.Replace(arg, dir, p.dir, 1)
	}
	if err := os.WriteFile(p.path("m.yaml"), []byte(mirrorAll), 0o600); err != nil {
		t.Fatal(err)
	}
	p.restore("", p.now)
	p.tonight("")
}

// Two sources are synchronized in turn, with a report each and one state, on a machine
// that remembers nothing.
func TestTwoSourcesWithOneState(t *testing.T) {
	j := newJob(t, "upsert", sandbox.Options{})
	for night := range 4 {
		for _, source := range []string{"a", "b"} {
			j.home = t.TempDir()
			j.rows = []string{fmt.Sprintf("%s@example.com,Night %d,20", source, night)}
			if r := j.must("--report", j.path(source+".report.ndjson")); r.Created+r.Updated != 1 {
				t.Errorf("night %d of %s: %s", night, source, r)
			}
		}
	}
	if got := j.profiles(); len(got) != 2 || got["a@example.com"].Profile["firstname"] != "Night 3" {
		t.Errorf("%v", got)
	}
}

// A run that ends before its first row, after the report of the night before was set
// aside, is none: the next one goes on.
func TestRunThatDidNotBegin(t *testing.T) {
	p := newPast(t)
	p.source(3)
	p.write()
	if r, _ := p.command(append(slices.Clone(p.args), "--listen", "999.0.0.1:1", "--rate", "1000/5m")...); r.code == exitOK {
		t.Fatalf("%s", r)
	}
	p.home = t.TempDir()
	p.tonight("")
}

// An import in the mode create has a report and no state. One of last week, or none:
// whoever is not in it is looked up, and nobody is created twice.
func TestReportOfLastWeek(t *testing.T) {
	for _, back := range []string{"now", "week", "none"} {
		j := newJob(t, "create", sandbox.Options{OnDuplicate: sandbox.DuplicateAllow})
		reports := map[string][]byte{}
		keep := func(name string) {
			t.Helper()
			b, err := os.ReadFile(j.path("r.report.ndjson"))
			if err != nil {
				t.Fatal(err)
			}
			reports[name] = b
		}
		j.contacts(5)
		j.must()
		keep("week")
		j.contacts(9)
		j.must()
		keep("now")
		if err := os.Remove(j.path("r.report.ndjson")); err != nil {
			t.Fatal(err)
		}
		if text, ok := reports[back]; ok {
			if err := os.WriteFile(j.path("r.report.ndjson"), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		j.contacts(10)
		if r := j.must(); r.Created != 1 || len(j.profiles()) != 10 || len(j.server.Profiles()) != 10 {
			t.Errorf("%s: %s", back, r)
		}
	}
}
