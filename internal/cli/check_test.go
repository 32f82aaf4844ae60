package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"importer/internal/sandbox"
)

// plan is what --dry-run says.
func (j *job) plan(code int, more ...string) map[string]any {
	j.t.Helper()
	r, stdout := j.command(append(append(slices.Clone(j.args), "--dry-run"), more...)...)
	if r.code != code {
		j.t.Fatalf("exit code %d, want %d: %s", r.code, code, r)
	}
	if r.of("list") != 1 || r.of("getSchema") != 1 || r.all() != 2 { // it looks at the project, and at nobody in it
		j.t.Errorf("a dry run sent requests: %v", r.requests)
	}
	var p map[string]any
	if err := json.Unmarshal([]byte(stdout), &p); err != nil {
		j.t.Fatalf("%v in %q", err, stdout)
	}
	return p
}

func want(t *testing.T, p map[string]any, numbers map[string]int) {
	t.Helper()
	for name, n := range numbers {
		if p[name] != float64(n) {
			t.Errorf("%s is %v, want %d, in %v", name, p[name], n, p)
		}
	}
}

func TestADryRunSaysWhatARunDoes(t *testing.T) {
	j := newJob(t, "mirror", sandbox.Options{})
	j.contacts(200)
	j.write()
	want(t, j.plan(exitOK), map[string]int{"read": 200, "created": 200, "requests": 200, "unchanged": 0})
	if _, err := os.Stat(j.path("s.db")); !os.IsNotExist(err) {
		t.Errorf("a dry run left a state: %v", err)
	}
	if r := j.must(); r.Created != 200 {
		t.Fatal(r)
	}
	want(t, j.plan(exitOK), map[string]int{"read": 200, "created": 0, "requests": 0, "unchanged": 200})

	j.rows[7] = contactRow(7, "Changed")
	j.rows = append(slices.Delete(j.rows, 20, 22), contactRow(300, "New"), contactRow(300, "New"), contactRow(301, "Bad")+"x")
	j.write()
	want(t, j.plan(exitNotAllIn), map[string]int{
		"read": 201, "created": 1, "updated": 1, "touched": 0, "deactivated": 2, "duplicate": 1, "invalid": 1, "unchanged": 197, "requests": 5,
		"largest_body": len(`{"projectId":"65f0000000000000000000aa","contactIds":["c000100@example.com"],` +
			`"profile":{"age":48,"email":"c000100@example.com","firstname":"Name 100"}}`),
	})
	r, text := j.command(append(slices.DeleteFunc(slices.Clone(j.args), func(a string) bool { return a == "--json" }), "--dry-run", "--verbose")...)
	for _, line := range []string{
		`c.csv:9: "c000007@example.com": updated: firstname: "Name 7" → "Changed"`,
		`"c000300@example.com": created`,
		`not in the source: "c000020@example.com": deactivated`,
		`"c000301@example.com": invalid: `,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("there is no line %q in %s", line, text)
		}
	}
	if r.writes() != 0 || r.of("get") != 1 || r.all() != 3 {
		t.Errorf("%s", r)
	}
	if r := j.run(); r.Created != 1 || r.Updated != 1 || r.Deactivated != 2 || r.Unchanged != 197 {
		t.Errorf("the run: %s", r)
	}

	j.rows = j.rows[:20]
	j.write()
	p := j.plan(exitNotAllIn)
	want(t, p, map[string]int{"deactivated": 0, "unchanged": 20})
	if s := fmt.Sprint(p["blocked"]); !strings.Contains(s, "--allow-removals") {
		t.Errorf("blocked: %q", s)
	}
	want(t, j.plan(exitOK, "--allow-removals"), map[string]int{"deactivated": 179})
}

// In the mode create it needs nothing but a file, and compares with the report
// where there is one.
func TestCheckOfAFile(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(10)
	j.write()
	r, text := j.command("check", "--source", j.path("c.csv"), "--report", j.path("r.report.ndjson"), "--rate", "5/1h")
	if r.code != exitOK || r.all() != 0 || !strings.Contains(text, "created              10") || !strings.Contains(text, "1h0m") {
		t.Errorf("%s\n%s", r, text)
	}
	j.must()
	r, text = j.command("check", "--source", j.path("c.csv"), "--report", j.path("r.report.ndjson"))
	if r.code != exitOK || !strings.Contains(text, "done before          10") {
		t.Errorf("%s\n%s", r, text)
	}
	j.rows[3] = ",nobody,1"
	j.rows[4] = ",nobody,1"
	j.write()
	r, text = j.command("check", "--source", j.path("c.csv"), "--report", j.path("other.report.ndjson"))
	if r.code != exitNotAllIn || !strings.Contains(text, "invalid               2") || !strings.Contains(text, "What would be refused") || !strings.Contains(text, "c.csv:5") {
		t.Errorf("%s\n%s", r, text)
	}
}
