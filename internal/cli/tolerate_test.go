package cli

import (
	"os"
	"slices"
	"strings"
	"testing"

	"importer/internal/sandbox"
)

func TestRefusedRowsAreTolerated(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(38)
	j.rows = append(j.rows, "@@,Bad,1", "@@,Worse,1")
	for _, c := range []struct {
		tolerate string
		code     int
	}{{"0", exitNotAllIn}, {"1", exitNotAllIn}, {"2", exitOK}, {"4.9%", exitNotAllIn}, {"5%", exitOK}, {"100%", exitOK}} {
		r := j.must0(c.code, "--tolerate", c.tolerate)
		if tolerated := r.Tolerated == 2; tolerated != (c.code == exitOK) || r.Invalid != 2 || r.Rejects == "" {
			t.Errorf("--tolerate %s: %d tolerated; %s", c.tolerate, r.Tolerated, r)
		}
		if p := j.plan(c.code, "--tolerate", c.tolerate); (p["tolerated"] == 2.0) != (c.code == exitOK) {
			t.Errorf("--tolerate %s, a check: %v", c.tolerate, p)
		}
	}
	for _, wrong := range []string{"-1", "101%", "some", "", "1.5", "NaN%"} {
		if r, _ := j.command(append(slices.Clone(j.args), "--tolerate", wrong)...); r.code != exitUsage || !strings.Contains(r.stderr, "--tolerate") {
			t.Errorf("--tolerate %q: %d, %s", wrong, r.code, r.stderr)
		}
	}
}

// What is tolerated is told all the same: in the summary, which --quiet prints too.
func TestWhatIsToleratedIsTold(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(8)
	j.rows = append(j.rows, "@@,Bad,1")
	j.write()
	args := slices.DeleteFunc(slices.Clone(j.args), func(s string) bool { return s == "--json" })
	for _, quiet := range []string{"--quiet", "--quiet=false"} {
		r, stdout := j.command(append(args, "--tolerate", "1", quiet, "--metrics-textfile", j.path("m.prom"))...)
		if r.code != exitOK || !strings.Contains(stdout, "1 row is not in, which --tolerate (tolerate) allows.") || !strings.Contains(stdout, "1 row was refused.") {
			t.Errorf("%s: %s\n%s", quiet, r, stdout)
		}
		if m := j.text("m.prom"); !strings.Contains(m, "\nimporter_last_success_timestamp_seconds 1") {
			t.Errorf("the metrics count no success:\n%s", m)
		}
		if r, stdout := j.command(append(args, "--dry-run", "--tolerate", "1", quiet)...); r.code != exitOK || !strings.Contains(stdout, "allows 1 refused row") {
			t.Errorf("a check, %s: %s\n%s", quiet, r, stdout)
		}
		if err := os.Remove(j.path("m.prom")); err != nil {
			t.Fatal(err)
		}
	}
}

// Rows that failed are never tolerated, nor is a run that --max-errors stops.
func TestWhatIsNotTolerated(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{Faults: []sandbox.Fault{{Kind: sandbox.FaultStatus, Code: 503, Probability: 0.3}}})
	j.contacts(30)
	j.rows = append(j.rows, "@@,Bad,1")
	if r := j.must0(exitNotAllIn, "--tolerate", "100%", "--retries", "0"); r.Failed == 0 || r.Tolerated != 0 {
		t.Errorf("failed rows: %s", r)
	}

	j = newJob(t, "create", sandbox.Options{})
	j.contacts(3)
	j.rows = append(j.rows, "@@,Bad,1", "@@,Worse,1")
	if r := j.must0(exitStopped, "--tolerate", "100%", "--max-errors", "1"); r.Tolerated != 0 {
		t.Errorf("--max-errors: %s", r)
	}
}
