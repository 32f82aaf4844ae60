package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"importer/importer/contact"
	"importer/internal/sandbox"
)

// mirrorConfig writes a configuration with that sync section.
func (j *job) mirrorConfig(missing, guard string) string {
	j.t.Helper()
	path := j.path("mirror-" + missing + ".yaml")
	if err := os.WriteFile(path, []byte("sync:\n  missing: "+missing+"\n  guard: "+guard+"\n"), 0o600); err != nil {
		j.t.Fatal(err)
	}
	return path
}

func TestAMirrorRemovesWhatIsMissing(t *testing.T) {
	for _, missing := range []string{"keep", "deactivate", "delete"} {
		j := newJob(t, "mirror", sandbox.Options{})
		config := j.mirrorConfig(missing, "{max: 100, percent: 5}")
		// Not ours, and never touched.
		if _, err := j.client().Create(t.Context(), contact.Profile{ContactIDs: []string{"stranger"}}); err != nil {
			t.Fatal(err)
		}
		j.contacts(100)
		j.must("--config", config)
		j.rows = slices.Delete(j.rows, 10, 13)
		r := j.must("--config", config)
		got := j.profiles()
		gone := got["c000011@example.com"]
		switch missing {
		case "keep":
			if r.all() != 0 || len(got) != 101 || !gone.Active {
				t.Errorf("keep: %s", r)
			}
			continue
		case "deactivate":
			if r.Deactivated != 3 || r.of("update") != 3 || r.all() != 3 || len(got) != 101 || gone.ID == "" || gone.Active || gone.Profile["firstname"] != "Name 11" {
				t.Errorf("deactivate: %s\n%+v", r, gone)
			}
		case "delete":
			if r.Deleted != 3 || r.of("delete") != 3 || r.all() != 3 || len(got) != 98 || gone.ID != "" {
				t.Errorf("delete: %s", r)
			}
		}
		if r.Unchanged != 97 || r.Read != 97 || !got["stranger"].Active {
			t.Errorf("%s: %s", missing, r)
		}
		if r := j.must("--config", config); r.all() != 0 {
			t.Errorf("%s, the night after: %s", missing, r)
		}
		// Back in the source, back in the project.
		j.contacts(100)
		r = j.must("--config", config)
		if back := j.profiles()["c000011@example.com"]; !back.Active || back.Profile["firstname"] != "Name 11" || r.Updated+r.Created != 3 {
			t.Errorf("%s, back again: %+v, %s", missing, back, r)
		}
	}
}

func TestTheGuardLetsNothingBeRemovedByASourceThatWasCutShort(t *testing.T) {
	n := size(t)
	j := newJob(t, "mirror", sandbox.Options{})
	config := j.mirrorConfig("delete", "{max: 100, percent: 5}")
	j.contacts(n)
	j.must("--config", config)
	all := slices.Clone(j.rows)

	stopped := func(what string, says ...string) {
		t.Helper()
		r := j.run("--config", config)
		if r.code != exitStopped || r.Deleted != 0 || r.of("delete") != 0 || len(j.profiles()) != n {
			t.Errorf("%s: %s", what, r)
		}
		for _, s := range says {
			if !strings.Contains(r.stderr, s) {
				t.Errorf("%s: the message lacks %q: %s", what, s, r.stderr)
			}
		}
	}
	j.rows = []string{contactRow(0, "Changed")}
	stopped("cut to one row", fmt.Sprintf("%d of %d", n-1, n), "--allow-removals", "sync.guard")
	if got := j.profiles()["c000000@example.com"].Profile["firstname"]; got != "Changed" {
		t.Errorf("the rest was not applied: the first name is %v", got)
	}
	j.rows = nil
	stopped("no rows", "no rows", "--allow-removals")

	// A row that does not tell whose it is may be anybody's.
	j.rows = append(slices.Clone(all[:n-1]), ",Nobody,42")
	if r := j.run("--config", config); r.code != exitStopped || r.of("delete") != 0 || !strings.Contains(r.stderr, "may be anybody") {
		t.Errorf("a row without identity: %s", r)
	}
	// One that does is not missing, however invalid.
	j.rows = append(slices.Clone(all[:n-1]), fmt.Sprintf("c%06d@example.com,Somebody,old", n-1))
	if r := j.run("--config", config); r.code != exitNotAllIn || r.Deleted != 0 || r.Invalid != 1 || len(j.profiles()) != n {
		t.Errorf("an invalid row: %s", r)
	}

	j.rows = all[:1]
	if r := j.must("--config", config, "--allow-removals"); r.Deleted != int64(n-1) || len(j.profiles()) != 1 {
		t.Errorf("allowed: %s", r)
	}
}

// A row that skip_if leaves out is in the source: its contact stays.
func TestAMirrorKeepsWhatSkipIfLeavesOut(t *testing.T) {
	j := newJob(t, "mirror", sandbox.Options{})
	config := j.path("mirror.yaml")
	if err := os.WriteFile(config, []byte(`sync: {missing: delete, guard: {max: 100, percent: 100}}
mapping:
  contact_ids: [{column: email, type: email}, age]
  skip_if: row["first name"] == "skip" || row["first name"] == "skip too"
`), 0o600); err != nil {
		t.Fatal(err)
	}
	j.contacts(10)
	j.must("--config", config)
	j.rows[3] = "c000003@example.com,skip," // known by one of its two ids
	j.rows[4] = contactRow(4, "skip too")
	j.rows = append(j.rows[:9], contactRow(5, "skip"), ",skip,42") // a contact that has another row, and nobody
	j.write()
	plan, text := j.command(append([]string{"check", "--config", config}, j.args...)...)
	if plan.code != exitOK || !strings.Contains(text, `"read":7,`) || !strings.Contains(text, `"deleted":1,`) {
		t.Errorf("%s %s", plan, text)
	}
	r := j.must("--config", config)
	got := j.profiles()
	if r.Read != 7 || r.Unchanged != 7 || r.Deleted != 1 || r.of("delete") != 1 || r.all() != 1 || len(got) != 2*9 {
		t.Errorf("%s\n%d contact ids", r, len(got))
	}
	for _, id := range []string{"c000003@example.com", "c000004@example.com", "c000005@example.com"} {
		if got[id].ID == "" {
			t.Errorf("%s was removed", id)
		}
	}
}

// An input that breaks off removes nobody, whatever is allowed.
func TestAnInputThatEndsInAnErrorRemovesNothing(t *testing.T) {
	j := newJob(t, "mirror", sandbox.Options{})
	config := j.mirrorConfig("delete", "{max: 1000, percent: 100}")
	j.contacts(10)
	j.must("--config", config)
	var text strings.Builder
	text.WriteString(`[{"email":"c000000@example.com","first name":"Name 0","age":18},`) // and no end
	if err := os.WriteFile(j.path("c.json"), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	j.args[3] = j.path("c.json")
	r := j.run("--config", config, "--format", "ndjson", "--allow-removals")
	if r.code != exitStopped || r.of("delete") != 0 || len(j.profiles()) != 10 {
		t.Errorf("%s", r)
	}
}

// A contact whose ids change keeps its profile: it is not removed under its old
// key.
func TestAContactThatGetsAnotherIDIsTheSameContact(t *testing.T) {
	j := newJob(t, "mirror", sandbox.Options{})
	config := j.mirrorConfig("delete", "{max: 100, percent: 100}")
	source := func(ids string) {
		text := `{"contactIds":[` + ids + `],"profile":{"firstname":"One"}}` + "\n" + `{"contactIds":["b"],"profile":{}}` + "\n"
		if err := os.WriteFile(j.path("c.ndjson"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	j.args[3] = j.path("c.ndjson")
	source(`"a"`)
	j.must("--config", config)
	was := j.profiles()["a"].ID
	source(`"a","+49 30 1234"`)
	r := j.must("--config", config)
	if got := j.profiles(); r.Updated != 1 || r.Deleted != 0 || got["+49 30 1234"].ID != was || len(got) != 3 {
		t.Errorf("%s\n%v", r, got)
	}
	if r := j.must("--config", config); r.all() != 0 {
		t.Errorf("the night after: %s", r)
	}
}
