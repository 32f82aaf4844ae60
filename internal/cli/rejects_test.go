package cli

import (
	"os"
	"slices"
	"testing"

	"importer/importer/contact"
	"importer/internal/sandbox"
)

// A run that does not complete leaves the reject file of the run before alone, with
// the corrections that somebody has begun to make in it.
func TestARunThatDoesNotCompleteKeepsTheRejectFile(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(3)
	j.rows[1] = contactRow(1, "Ann") + "x" // no age
	rejects := j.path("r.rejects.csv")
	if r := j.run(); r.code != exitNotAllIn || r.Rejects != rejects {
		t.Fatal(r)
	}
	const corrected = "corrections"
	if err := os.WriteFile(rejects, []byte(corrected), 0o600); err != nil {
		t.Fatal(err)
	}
	kept := func(what string) {
		t.Helper()
		if b, err := os.ReadFile(rejects); err != nil || string(b) != corrected {
			t.Errorf("%s: the reject file is %q, %v", what, b, err)
		}
	}

	// It refused nothing, because its input broke off.
	broken := j.path("c.ndjson")
	if err := os.WriteFile(broken, []byte(`[{"email":"new@example.com"},`), 0o600); err != nil {
		t.Fatal(err)
	}
	args := slices.Clone(j.args)
	j.args[slices.Index(j.args, j.path("c.csv"))] = broken
	if r := j.run(); r.code != exitStopped || r.Status != contact.Stopped || r.Rejects != "" {
		t.Errorf("%s", r)
	}
	kept("nothing refused")

	// It refused something.
	j.args = args
	r := j.run("--max-errors", "0")
	if r.code != exitStopped || r.Rejects != rejects+".tmp" {
		t.Errorf("%s %s", r, r.Rejects)
	}
	kept("a row refused")
	if _, err := os.Stat(r.Rejects); err != nil {
		t.Error(err)
	}

	// The next one that completes replaces it.
	if r := j.run(); r.code != exitNotAllIn || r.Rejects != rejects {
		t.Errorf("%s", r)
	}
	if b, err := os.ReadFile(rejects); err != nil || string(b) == corrected {
		t.Errorf("the reject file is %q, %v", b, err)
	}
	if _, err := os.Stat(rejects + ".tmp"); !os.IsNotExist(err) {
		t.Errorf("the temporary file: %v", err)
	}
}
