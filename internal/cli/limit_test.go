package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"importer/internal/sandbox"
)

func TestALimitedRunTakesTheFirstRowsThatNeedARequest(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(30)
	j.rows[1] = "@@,Bad,1"
	j.rows[2] = j.rows[0]
	r := j.must0(exitNotAllIn, "--limit", "5")
	if !r.Limited || r.Created != 5 || r.Invalid != 1 || r.Duplicate != 1 || r.Read != 7 || r.Pending != 0 || len(j.profiles()) != 5 {
		t.Errorf("the first rows: %s", r)
	}
	j.rows[1] = contactRow(1, "Good")
	r = j.must("--limit", "5")
	if !r.Limited || r.Created != 5 || r.DoneBefore != 5 || r.Duplicate != 1 || r.Read != 11 {
		t.Errorf("the next ones: %s", r)
	}
	if r = j.must("--limit", "19"); r.Limited || r.Created != 19 || r.Read != 30 {
		t.Errorf("exactly the rest: %s", r)
	}
	if r = j.must("--limit", "1"); r.Limited || r.DoneBefore != 29 || r.of("create") != 0 {
		t.Errorf("nothing left: %s", r)
	}
}

// must0 is must of a run that ends with another code.
func (j *job) must0(code int, more ...string) *ran {
	j.t.Helper()
	r := j.run(more...)
	if r.code != code {
		j.t.Fatalf("exit code %d, want %d: %s", r.code, code, r)
	}
	return r
}

func TestALimitedRunSaysSoAndHowToGoOn(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(30)
	j.write()
	args := slices.DeleteFunc(slices.Clone(j.args), func(s string) bool { return s == "--json" })
	r, stdout := j.command(append(args, "--limit", "5")...)
	_, goOn, ok := strings.Cut(stdout, "This goes on with it:\n")
	if r.code != exitOK || !ok || !strings.Contains(stdout, "the rest of the source was not read") || strings.Contains(goOn, "--limit") || strings.Contains(goOn, "limit:") {
		t.Errorf("exit code %d: %s", r.code, stdout)
	}
	for _, wrong := range []string{"0", "-3", "many", "1.5", "10%"} {
		if r, _ := j.command(append(args, "--limit", wrong)...); r.code != exitUsage || !strings.Contains(r.stderr, "--limit") {
			t.Errorf("--limit %s: %d, %s", wrong, r.code, r.stderr)
		}
	}
	r, stdout = j.command(append(args, "--config", j.config("limit: 5\n"))...)
	if r.code != exitOK || !strings.Contains(stdout, "Take limit out of the configuration") {
		t.Errorf("exit code %d: %s", r.code, stdout)
	}
}

// What was not read is not missing, and what stands in the reject file of a run before stays
// there.
func TestALimitedRunTakesNothingAway(t *testing.T) {
	j := newJob(t, "mirror", sandbox.Options{})
	config := j.mirrorConfig("delete", "{max: 100, percent: 100}")
	j.contacts(20)
	j.rows[15] = contactRow(15, "Bad") + "x" // no number
	j.must0(exitNotAllIn, "--config", config)
	before := j.text("r.rejects.csv")
	for i := range 4 {
		j.rows[i] = contactRow(i, "New")
	}
	j.rows = slices.Delete(j.rows, 10, 12)
	j.write()
	for range 2 {
		if p := j.plan(exitOK, "--config", config, "--limit", "2"); p["limited"] != true || p["updated"] != 2.0 || p["deleted"] != 0.0 || p["requests"] != 4.0 {
			t.Errorf("a check: %v", p)
		}
		r := j.must("--config", config, "--limit", "2")
		if !r.Limited || r.Updated != 2 || r.Deleted != 0 || len(j.profiles()) != 19 || !strings.Contains(r.stderr, "removes nobody") {
			t.Errorf("limited: %s", r)
		}
		if after := j.text("r.rejects.csv"); after != before {
			t.Errorf("the reject file was\n%s\nand is\n%s", before, after)
		}
	}
	// One that reads all of the source removes nobody all the same.
	r := j.must0(exitNotAllIn, "--config", config, "--limit", "2")
	if r.Limited || r.Deleted != 0 || len(j.profiles()) != 19 {
		t.Errorf("all is read: %s", r)
	}
	r = j.must0(exitNotAllIn, "--config", config)
	if r.Limited || r.Deleted != 2 || r.Updated != 0 || len(j.profiles()) != 17 {
		t.Errorf("without a limit: %s", r)
	}
}

// A limited run and the one that goes on are one import: they have one report.
func TestALimitedSyncGoesOnInItsReport(t *testing.T) {
	j := newJob(t, "upsert", sandbox.Options{})
	j.contacts(20)
	j.must("--limit", "5")
	r := j.must()
	if r.Created != 15 || r.DoneBefore != 5 || r.of("update") != 0 {
		t.Errorf("without a limit: %s", r)
	}
	if _, err := os.Stat(j.path("r.report.ndjson.1")); !os.IsNotExist(err) {
		t.Errorf("the report of the first rows was set aside: %v", err)
	}
}

// What follows the limit is not read, whatever is wrong with it; and where the last of
// several rows goes in, it counts, not those before it.
func TestALimitCountsWhatGoesIn(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(6)
	j.rows[1] = contactRow(0, "Last")
	config := j.config("duplicates: last\n")
	r := j.must("--limit", "2", "--config", config)
	if got := j.profiles()["c000000@example.com"]; !r.Limited || r.Created != 2 || r.Duplicate != 1 || r.Read != 3 || got.Profile["firstname"] != "Last" {
		t.Errorf("%s: %+v", r, got)
	}

	j = newJob(t, "create", sandbox.Options{})
	path := j.path("c.ndjson")
	lines := ""
	for i := range 500 {
		lines += fmt.Sprintf("{\"contactIds\":[\"c%d\"]}\n", i)
	}
	if err := os.WriteFile(path, []byte(lines+"{\"contactIds\":[\"broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := j.of(path, "--limit", "3"); r.code != exitOK || !r.Limited || r.Created != 3 {
		t.Errorf("%s", r)
	}
}
