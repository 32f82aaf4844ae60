package cli

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"importer/importer/contact"
	"importer/internal/sandbox"
)

// saidIn are the failures that a command printed.
func saidIn(t *testing.T, stdout string) []contact.FailureLine {
	t.Helper()
	if strings.Contains(stdout, "null") {
		t.Errorf("there is a null in %s", stdout)
	}
	var said struct {
		Failures []contact.FailureLine `json:"failures"`
	}
	if err := json.Unmarshal([]byte(stdout), &said); err != nil || said.Failures == nil {
		t.Fatalf("%v in %q", err, stdout)
	}
	return said.Failures
}

func TestASummarySaysWhyRowsAreNotIn(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(3)
	j.write()
	_, stdout := j.command(j.args...)
	if f := saidIn(t, stdout); len(f) != 0 {
		t.Errorf("all is in: %v", f)
	}
	j.rows = append(j.rows, "@@,Bad,1", "@,Worse,1", contactRow(7, "Old")+"x")
	j.write()
	for _, more := range [][]string{nil, {"--dry-run"}} {
		_, stdout := j.command(append(slices.Clone(j.args), more...)...)
		f := saidIn(t, stdout)
		if len(f) != 2 || f[0].Status != "invalid" || f[0].Field != "email" || f[0].Count != 2 || !strings.Contains(f[0].Example, `c.csv:5: "@@" is not`) || f[0].Hint == "" || f[1].Field != "age" {
			t.Errorf("%q: %+v", more, f)
		}
		_, stdout = j.command(append(slices.Clone(j.args), append(more, "--config", j.config("report: {redact: true}\n"))...)...)
		if f := saidIn(t, stdout); len(f) != 2 || strings.Contains(f[0].Example, "@@") || !strings.HasSuffix(f[0].Example, "c.csv:5") {
			t.Errorf("redacted, %q: %+v", more, f)
		}
	}
	if end := j.report(); strings.Contains(end, `"failures"`) {
		t.Errorf("the report quotes the source in a summary: %s", end)
	}
	for _, args := range [][]string{{"--bogus", "--json"}, {"--source", "nowhere.csv", "--sandbox", "--json"}, {"check", "--rate", "x", "--json"}, {"verify", "nowhere", "--json"}, {"undo", "nowhere", "--json"}, {"delete", "--json"}} {
		r, stdout := j.command(args...)
		if f := saidIn(t, stdout); len(f) != 0 || !strings.Contains(stdout, `"status":"stopped"`) {
			t.Errorf("%q: %s, %s", args, stdout, r)
		}
	}
}

func TestVerifyAndUndoSayWhatIsNotAsItShouldBe(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(5)
	j.must()
	report := j.path("r.report.ndjson")
	back := func(command string, more ...string) (*ran, string) {
		return j.command(append([]string{command, report, "--json", "--rate", "unlimited", "--settle", "0s", "--progress", "none"}, more...)...)
	}
	r, stdout := back("verify")
	if f := saidIn(t, stdout); r.code != exitOK || len(f) != 0 {
		t.Errorf("%v, %s", f, r)
	}
	all := j.profiles()
	for _, id := range []string{"c000001@example.com", "c000002@example.com"} {
		j.edit(all[id].ID, contact.Profile{Fields: []contact.Field{{Name: "firstname", Value: []byte(`"Edited"`)}}})
	}
	if err := j.client().Delete(t.Context(), all["c000003@example.com"].ID); err != nil {
		t.Fatal(err)
	}
	r, stdout = back("verify")
	f := saidIn(t, stdout)
	if r.code != exitNotAllIn || len(f) != 2 || f[0].Status != "differs" || f[0].Field != "firstname" || f[0].Count != 2 || !strings.Contains(f[0].Example, `", found "Edited"`) || f[1].Status != "missing" || f[1].Count != 1 {
		t.Errorf("%+v, %s", f, r)
	}
	r, stdout = back("undo", "--yes")
	if f := saidIn(t, stdout); r.code != exitNotAllIn && len(f) != 0 || r.code == exitNotAllIn && (len(f) != 1 || f[0].Status != "kept" || f[0].Count != 2) {
		t.Errorf("%+v, %s", f, r)
	}
}
