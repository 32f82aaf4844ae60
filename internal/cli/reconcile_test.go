package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"importer/internal/sandbox"
)

// A past is a sync after some nights, of which the first was a week ago: what is in its
// folder then and now.
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

func newPast(t *testing.T, mode, config string) *past {
	t.Helper()
	p := &past{job: newJob(t, mode, sandbox.Options{ProjectID: "65f0000000000000000000bb"})}
	if err := os.WriteFile(p.path("m.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p.args = append(p.args, "--config", p.path("m.yaml"))
	if mode == "update" { // which creates nobody
		p.contacts(12)
		p.must("--mode", "create", "--report", p.path("created.report.ndjson"))
	}
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

// What a night with a state and a report of different times is wanted to be.
const (
	right      = ""
	told       = "TOLD " // and right as far as the rest of it says why not
	unknown    = "UNKNOWN "
	older      = "they came back from an older copy"
	between    = "which lies between them, is not here"
	apart      = "both went on after they were copied"
	otherState = "it was written beside another state"
)

// tonight runs the fourth night, and wants it refused, with --restart as a way out that is
// right, or right at once. Of what nobody can know it wants that it is told.
func (p *past) tonight(want string) {
	p.t.Helper()
	p.source(3)
	r := p.run("--log-level", "info")
	say, isTold := strings.CutPrefix(want, told)
	notKnown, isUnknown := strings.CutPrefix(want, unknown)
	switch {
	case isUnknown:
		if r.code != exitOK || !strings.Contains(r.stderr, notKnown) {
			p.t.Fatalf("want it told that %q, got %s", notKnown, r)
		}
		return
	case isTold, want == right:
		if r.code != exitOK || !strings.Contains(r.stderr, say) {
			p.t.Fatalf("want it right, and told %q, got %s", say, r)
		}
	default:
		if r.code != exitUsage || !strings.Contains(r.stderr, want) || !strings.Contains(r.stderr, "--restart") || r.all() != 0 {
			p.t.Fatalf("want refused %q, got %s", want, r)
		}
		if c, _ := p.command(append(slices.Clone(p.args), "--dry-run")...); c.code != exitUsage || !strings.Contains(c.stderr, want) {
			p.t.Errorf("check: %s", c)
		}
		p.must("--restart")
	}
	p.isRight()
	if r := p.must(); r.writes() != 0 {
		p.t.Errorf("the night after: %s", r)
	}
}

// isRight wants the project to hold what the source says, each contact once.
func (p *past) isRight() {
	p.t.Helper()
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
}

// The table of docs/operations.md: the state and the report of today, of last week, or
// none, on the machine that made them and on one that knows nothing.
func TestStateAndReportOfDifferentTimes(t *testing.T) {
	const (
		alone   = "the report that goes with this state is not here"
		unseen  = "this machine has not seen this state before"
		reports = "the state is made anew from the reports"
	)
	for _, mode := range []string{"mirror", "upsert", "update"} {
		for _, c := range []struct {
			state, report  string
			here, anywhere string
		}{
			{"now", "now", right, told + unseen},
			{"now", "week", right, told + unseen},
			{"now", "none", right, told + alone},
			{"week", "now", right, told + unseen}, // the reports that were set aside say what lies between
			{"week", "last", between, between},
			{"week", "week", older, unknown + unseen},
			{"week", "none", older, unknown + alone},
			{"none", "now", right, told + reports},
			{"none", "last", right, told + reports},
			{"none", "week", told + "they end before the last run", unknown + reports},
			{"none", "none", right, right},
		} {
			if mode != "mirror" && c.state != "week" && c.report != "week" { // the same code, and no less of the risk
				continue
			}
			for where, want := range map[string]string{"here": c.here, "another machine": c.anywhere} {
				if mode != "mirror" && where != "here" {
					continue
				}
				t.Run(mode+", "+c.state+" state, "+c.report+" report, "+where, func(t *testing.T) {
					p := newPast(t, mode, mirrorAll)
					if where != "here" {
						p.home = t.TempDir()
					}
					times := map[string]map[string][]byte{"now": p.now, "week": p.week, "last": {"r.report.ndjson": p.now["r.report.ndjson"]}}
					p.restore("s.db", times[c.state])
					p.restore("r.report", times[c.report])
					p.tonight(want)
				})
			}
		}
	}
}

// Where a state is refused, --restart sets it aside, and the summary says so. When it is
// found again and put back, it is refused again.
func TestStateThatIsRefusedIsSetAside(t *testing.T) {
	p := newPast(t, "mirror", mirrorAll)
	p.restore("", p.week)
	p.source(3)
	p.write()
	args := slices.DeleteFunc(slices.Clone(p.args), func(arg string) bool { return arg == "--json" })
	r, stdout := p.command(append(args, "--restart")...)
	if r.code != exitOK || !strings.Contains(stdout, p.path("s.db.1")) {
		t.Errorf("%s\n%s", stdout, r)
	}
	p.isRight()
	p.restore("s.db", p.week)
	p.restore("r.report", nil)
	p.tonight(older)
}

// The way out creates nobody twice, whatever the settings say of who is there and
// whatever the API takes.
func TestRestartOfAnOldStateLooksWhoIsThere(t *testing.T) {
	p := &past{job: newJob(t, "upsert", sandbox.Options{ProjectID: "65f0000000000000000000bb", OnDuplicate: sandbox.DuplicateAllow})}
	for night := range 3 {
		p.source(night)
		p.must()
		if night == 0 {
			p.week = p.kept()
		}
	}
	p.restore("", p.week)
	p.source(3)
	if r := p.run("--existing", "ignore"); r.code != exitUsage || !strings.Contains(r.stderr, older) {
		t.Error(r)
	}
	// It is stopped at its first row, and goes on without the flag.
	whole := p.rows
	p.rows = slices.Insert(slices.Clone(whole), 1, "nobody,Nobody,1")
	if r := p.run("--existing", "ignore", "--restart", "--max-errors", "0"); r.code != exitStopped {
		t.Error(r)
	}
	p.rows = whole
	p.must("--existing", "ignore")
	p.isRight()
	if r := p.must("--existing", "ignore"); r.all() != 0 {
		t.Errorf("the night after: %s", r)
	}
	if n := len(p.server.Profiles()); n != 12 {
		t.Errorf("%d profiles", n)
	}
	p.restore("s.db", nil)
	p.restore("r.report", p.week)
	if r := p.must("--existing", "ignore"); r.Created != 0 || len(p.server.Profiles()) != 12 {
		t.Error(r)
	}
}

// Two machines that both went on with a copy: neither's state goes with the other's
// report, whichever was first.
func TestStateAndReportOfTwoMachines(t *testing.T) {
	for _, first := range []bool{true, false} {
		a := newPast(t, "mirror", mirrorAll)
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
		a.tonight(apart)
	}
}

// move has the job go on in another folder, with what is there.
func (p *past) move(dir string) {
	p.t.Helper()
	for i, arg := range p.args {
		p.args[i] = strings.Replace(arg, p.dir, dir, 1)
	}
	p.dir = dir
	if err := os.WriteFile(p.path("m.yaml"), []byte(mirrorAll), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// The state and the report go to another folder together, of this machine or another one.
func TestStateAndReportMoveTogether(t *testing.T) {
	for _, home := range []bool{true, false} {
		p := newPast(t, "mirror", mirrorAll)
		p.move(t.TempDir())
		want := right
		if !home {
			p.home, want = t.TempDir(), told+"this machine has not seen this state before"
		}
		p.restore("", p.now)
		p.tonight(want)
	}
}

// Both were copied to another folder of this machine, and both copies are used: the one
// that did not have the last run is refused, in its own folder.
func TestBothCopiesAreUsed(t *testing.T) {
	p := newPast(t, "mirror", mirrorAll)
	first := p.dir
	p.move(t.TempDir())
	p.restore("", p.now)
	p.source(1)
	p.must()
	p.move(first)
	p.tonight("or the other copy went on")
}

// A state that is used with the report of another import, and the other way round.
func TestStateAndReportOfAnother(t *testing.T) {
	p := newPast(t, "mirror", mirrorAll)
	own := p.now
	p.restore("", nil)
	p.rows = []string{"other@example.com,Other,44"}
	p.must("--mode", "upsert")
	p.rows[0] = "other@example.com,Other,45"
	p.must("--mode", "upsert")
	other := p.kept()

	p.restore("s.db", own)
	p.rows = []string{"other@example.com,Other,46"}
	for _, mode := range []string{"upsert", "update", "mirror"} {
		if r := p.run("--mode", mode); r.code != exitUsage || !strings.Contains(r.stderr, otherState) || r.all() != 0 {
			t.Errorf("%s: %s", mode, r)
		}
	}
	p.restore("", nil)
	p.restore("s.db", other)
	p.restore("r.report", own)
	if r := p.run("--mode", "upsert"); r.code != exitUsage || !strings.Contains(r.stderr, otherState) {
		t.Error(r)
	}
	if r := p.must("--mode", "upsert", "--restart"); r.Updated != 1 || len(p.profiles()) != 12 {
		t.Errorf("the state is as it was: %s", r)
	}
	if _, err := os.Stat(p.path("s.db.1")); err == nil {
		t.Error("the state was set aside, and the report was another's")
	}
}

// A report that was purged holds the same lines: what a kill left in it is taken from it
// all the same.
func TestReportIsPurgedBetweenNights(t *testing.T) {
	for _, config := range []string{mirrorAll, mirrorAll + "report: {redact: true}\n"} {
		p := newPast(t, "upsert", config)
		for name := range p.now {
			if strings.HasPrefix(name, "r.report") {
				if r, out := p.command("report", p.path(name), "--purge"); r.code != exitOK {
					t.Fatal(out, r)
				}
			}
		}
		for _, state := range []map[string][]byte{p.now, p.week, nil} {
			p.restore("s.db", state)
			p.source(2)
			if r := p.must(); r.writes() != 0 {
				t.Errorf("%s", r)
			}
			p.now["s.db"] = p.kept()["s.db"]
		}
		p.tonight(right)
	}
}

// The state was committed in the middle of a run, and the report, which was purged
// since, says how that went on.
func TestReportIsPurgedAfterAKill(t *testing.T) {
	p := newPast(t, "upsert", mirrorAll)
	report := p.now["r.report.ndjson"]
	lines := bytes.SplitAfter(report, []byte{'\n'})
	// As a kill leaves it before the outcomes are in the state.
	p.restore("", nil)
	p.restore("", p.week)
	for name, b := range p.now {
		if strings.HasPrefix(name, "r.report") {
			if err := os.WriteFile(p.path(name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.WriteFile(p.path("r.report.ndjson"), bytes.Join(lines[:len(lines)-2], nil), 0o600); err != nil {
		t.Fatal(err)
	}
	p.source(2)
	if r := p.run("--listen", "999.0.0.1:1"); r.code == exitOK { // catches up, and ends
		t.Fatal(r)
	}
	if r, out := p.command("report", p.path("r.report.ndjson"), "--purge"); r.code != exitOK {
		t.Fatal(out, r)
	}
	p.tonight(right)
}

// The report that came back is one of the middle of the first night, with everybody in
// doubt. The state knows what became of them.
func TestReportOfTheMiddleOfARun(t *testing.T) {
	for _, known := range []bool{true, false} {
		p := newPast(t, "upsert", mirrorAll)
		if !known { // the state does not remember it either, because it was so long ago
			p.args[slices.Index(p.args, p.path("r.report.ndjson"))] = p.path("other.report.ndjson")
			for night := range 70 {
				p.source(night % 3)
				p.must("--restart")
			}
			p.args[slices.Index(p.args, p.path("other.report.ndjson"))] = p.path("r.report.ndjson")
		}
		var doubtful []byte
		for line := range bytes.Lines(p.week["r.report.ndjson"]) {
			if bytes.Contains(line, []byte(`"kind":"run"`)) || bytes.Contains(line, []byte(`"kind":"sending"`)) {
				doubtful = append(doubtful, line...)
			}
		}
		p.restore("r.report", map[string][]byte{"r.report.ndjson": doubtful})
		p.tonight(right)
	}
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

// A report of another name every night, with the old ones deleted, is a good run, whether
// the machine remembers or not.
func TestReportOfAnotherNameEveryNight(t *testing.T) {
	for _, forgetful := range []bool{false, true} {
		j := newJob(t, "upsert", sandbox.Options{})
		for night := range 4 {
			if forgetful {
				j.home = t.TempDir()
			}
			j.rows = []string{fmt.Sprintf("a@example.com,Night %d,20", night)}
			report := j.path(fmt.Sprintf("night-%d.report.ndjson", night))
			if r := j.must("--report", report); r.Created+r.Updated != 1 {
				t.Errorf("night %d: %s", night, r)
			}
			if err := os.Remove(report); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// What the machine remembers is a help: where its file is damaged, where there is no
// folder for it, and with any number of states, a good run goes on.
func TestWhatTheMachineRemembersIsAHelp(t *testing.T) {
	p := newPast(t, "mirror", mirrorAll)
	folder := filepath.Join(p.home, "importer", "runs")
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	file := filepath.Join(folder, files[0].Name())
	for night, damage := range []func() error{
		func() error { return os.WriteFile(file, []byte("?"), 0o600) },
		func() error { return os.WriteFile(file, bytes.Repeat([]byte{'Z'}, 1000), 0o600) },
		func() error { return os.Chmod(file, 0) },
		func() error { return os.RemoveAll(folder) },
		func() error { return errors.Join(os.RemoveAll(folder), os.WriteFile(folder, nil, 0o600)) },
	} {
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
		p.source(night % 3)
		p.must()
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		p.source((night + 1) % 3)
		p.must()
	}
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	// A thousand other states, of which some were not used for years.
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		name := filepath.Join(folder, fmt.Sprint(i))
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if i < 10 {
			long := time.Now().AddDate(-3, 0, 0)
			if err := os.Chtimes(name, long, long); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.source(2)
	p.must()
	p.tonight(right)
	if files, err = os.ReadDir(folder); err != nil || len(files) != 991 {
		t.Errorf("%d files, %v", len(files), err)
	}
}

// A run that ends before its first row, after the report of the night before was set
// aside, is none: the next one goes on.
func TestRunThatDidNotBegin(t *testing.T) {
	p := newPast(t, "mirror", mirrorAll)
	p.source(3)
	if r := p.run("--listen", "999.0.0.1:1", "--rate", "1000/5m"); r.code == exitOK {
		t.Fatalf("%s", r)
	}
	p.home = t.TempDir()
	p.tonight(right)
}

// What undo did is known: a state of before it does not go unnoticed.
func TestStateOfBeforeAnUndo(t *testing.T) {
	p := newPast(t, "upsert", mirrorAll)
	before := p.kept()
	if r, out := p.command("undo", p.path("r.report.ndjson.1"), "--yes", "--state", p.path("s.db"), "--rate", "unlimited"); r.code != exitOK && r.code != exitNotAllIn {
		t.Fatal(out, r)
	}
	after := p.kept()
	p.restore("", before)
	p.tonight(older)
	p.restore("", after)
	p.home = t.TempDir() // the nights since are forgotten, and there are none
	p.source(3)
	p.must()
}

// An import in the mode create has a report and no state. One of last week, of another
// import, or none: whoever is not in it is looked up, and nobody is created twice.
func TestReportOfLastWeek(t *testing.T) {
	for _, back := range []string{"now", "week", "none", "another", "purged"} {
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
		if r, _ := j.command("report", j.path("r.report.ndjson"), "--purge"); r.code != exitOK {
			t.Fatal(r)
		}
		keep("purged")
		if err := os.Remove(j.path("r.report.ndjson")); err != nil {
			t.Fatal(err)
		}
		j.rows = []string{contactRow(8, "Name 8")}
		j.must()
		keep("another")
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
