package cli

import (
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"

	"importer/importer/contact"
	"importer/internal/sandbox"
)

// A row that is in by a correction is not made a second person by another one: that is
// refused in words, while the other rows of its file go in.
func TestARowCorrectedTwice(t *testing.T) {
	for _, mode := range []string{"create", "upsert", "mirror"} {
		j := newJob(t, mode, sandbox.Options{OnDuplicate: sandbox.DuplicateAllow})
		j.rows = []string{"ann@example.com,Ann,30", "broken@@,Bob,40", "broken2@@,Cem,50"}
		j.write()
		source, rejects := j.path("c.csv"), j.path("r.rejects.csv")
		if r := j.of(source); r.Invalid != 2 {
			t.Fatal(r)
		}
		original := j.text("r.rejects.csv")
		replaceIn(t, rejects, "\nbroken@@", "\nbob@example.com")
		if r := j.of(rejects); r.Created != 1 || r.Invalid != 1 {
			t.Fatal(r)
		}
		other := j.file("again.csv", original)
		replaceIn(t, other, "\nbroken@@", "\nbob.miller@example.com", "\nbroken2@@", "\ncem@example.com")
		if r := j.of(other); r.code != exitNotAllIn || r.Created != 1 || r.Invalid != 1 || !strings.Contains(j.text("r.rejects.csv"), "an earlier correction of the same row is in") {
			t.Errorf("%s: %s", mode, r)
		}
		replaceIn(t, other, "bob.miller@", "bob@")
		for _, file := range []string{other, source} {
			if r := j.of(file); r.code != exitOK || r.Created != 0 || len(j.server.Profiles()) != 3 {
				t.Errorf("%s: %s", mode, r)
			}
		}
	}
}

// A value that the source does not give any more is told once: the update leaves it, as it
// leaves every field that a row says nothing of.
func TestAnEmptiedCellIsToldOnce(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.rows = []string{"a@example.com,Ann,30", "b@example.com,Bob,31"}
	j.must()
	j.rows[0] = "a@example.com,Ann,"
	if r := j.must(); r.ChangedSince != 1 {
		t.Error(r)
	}
	args := append(withoutMode(j.args), "--mode", "update")
	if r, _ := j.command(args...); r.code != exitOK || r.of("update") != 0 {
		t.Error(r)
	}
	if r := j.must(); r.ChangedSince != 0 || r.DoneBefore != 2 {
		t.Error(r)
	}
}

// A mirror removes nobody where its source was written to behind what was read of it.
func TestASourceThatGrowsBeforeRemovals(t *testing.T) {
	j := newJob(t, "mirror", sandbox.Options{})
	proxy, updates := j.front(), 0
	j.contacts(20)
	j.must()
	more := j.rows[19]
	for i := range j.rows {
		j.rows[i] = strings.Replace(j.rows[i], "Name", "Renamed", 1)
	}
	j.rows = j.rows[:19]
	rewrite := proxy.Rewrite
	proxy.Rewrite = func(r *httputil.ProxyRequest) { // one at a time
		if r.In.Method == http.MethodPatch {
			if updates++; updates == 15 { // when all was read
				replaceIn(t, j.path("c.csv"), j.rows[18]+"\n", j.rows[18]+"\n"+more+"\n")
			}
		}
		rewrite(r)
	}
	if r := j.run("--workers", "1"); r.code != exitStopped || r.Status != contact.Stopped || r.Updated != 19 || r.Deactivated != 0 || !strings.Contains(r.stderr, "nothing was removed") {
		t.Error(r)
	}
	j.rows = append(j.rows, more)
	if r := j.must(); r.Deactivated != 0 || r.Unchanged+r.DoneBefore != 20 {
		t.Error(r)
	}
}
