package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"importer/importer/contact"
	"importer/internal/sandbox"
)

// delete runs the command in the folder of the job; it has to end with that code.
func (j *job) delete(code int, more ...string) (*ran, string) {
	j.t.Helper()
	args := append([]string{"delete"}, j.at()[:6]...)
	r, stdout := j.command(append(args, more...)...)
	if r.code != code {
		j.t.Fatalf("delete %q: %s\n%s", more, r, stdout)
	}
	return r, stdout
}

func TestOneContactIsDeleted(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	t.Chdir(j.path(""))
	j.create(rich...)
	j.create(`{"contactIds":["xada@example.com"]}`, `{"contactIds":["ada@example.co"]}`)
	var ada string
	for _, p := range j.server.Profiles() {
		if p.ContactIDs[0] == "ada@example.com" {
			ada = p.ID
		}
	}
	for range 2 {
		if there, err := j.server.AddSession(ada, []byte(`{"sessionId":"s"}`)); !there || err != nil {
			t.Fatal(there, err)
		}
	}
	for _, code := range []int{exitUsage} { // nobody is asked, and nothing is done
		r, _ := j.delete(code, "--contact", "+447700900123")
		for _, part := range []string{ada, `"ada@example.com", "+447700900123", "shop 17"`, "age            41", "2 conversations", "--yes"} {
			if !strings.Contains(r.stderr, part) {
				t.Errorf("%q is not in %s", part, r.stderr)
			}
		}
	}
	if n := len(j.server.Profiles()); n != 5 {
		t.Fatalf("%d profiles", n)
	}
	_, stdout := j.delete(exitOK, "--contact", "+447700900123", "--yes")
	for _, part := range []string{ada + " is deleted", "2 conversations", "create.report.ndjson (report)\nThis takes the contact out of them:\n  importer report create.report.ndjson --purge --contact +447700900123\n"} {
		if !strings.Contains(stdout, part) {
			t.Errorf("%q is not in %s", part, stdout)
		}
	}
	if all := j.profiles(); len(j.server.Profiles()) != 4 || all["ada@example.com"].ID != "" || all["xada@example.com"].ID == "" {
		t.Errorf("left: %v", all)
	}
	// The commands that were named leave no trace.
	if r, _ := j.command("report", "create.report.ndjson", "--purge", "--contact", "+447700900123"); r.code != exitOK {
		t.Fatal(r)
	}
	_, stdout = j.delete(exitNotAllIn, "--contact", "ada@example.com", "--yes")
	if !strings.Contains(stdout, "nothing was deleted") || !strings.Contains(stdout, "No report, reject file or state") {
		t.Error(stdout)
	}
	var said deleted
	_, stdout = j.delete(exitOK, "--contact", "bob@example.com", "--yes", "--json")
	if err := json.Unmarshal([]byte(stdout), &said); err != nil || !said.Deleted || said.Conversations != 0 || len(said.ID) != 24 || said.Traces == nil {
		t.Errorf("%v in %s", err, stdout)
	}
	for _, wrong := range [][]string{{}, {"--contact", ""}, {"--contact", "a", "b"}} {
		if r, _ := j.delete(exitUsage, wrong...); r.all() != 0 {
			t.Error(r)
		}
	}
}

// Where it is not certain whose a contact id is, nobody is deleted.
func TestSeveralProfilesOfAContactIDAreNotDeleted(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{OnDuplicate: sandbox.DuplicateAllow})
	for i := range 2 {
		if _, err := j.client().Create(t.Context(), contact.Profile{ContactIDs: []string{"twin@example.com", fmt.Sprint("own-", i)}}); err != nil {
			t.Fatal(err)
		}
	}
	r, _ := j.delete(exitStopped, "--contact", "twin@example.com", "--yes")
	if n := len(j.server.Profiles()); n != 2 || !strings.Contains(r.stderr, "2 profiles hold the contact id twin@example.com") || !strings.Contains(r.stderr, "own-1") {
		t.Errorf("%d profiles, %s", n, r)
	}
	j.delete(exitOK, "--contact", "own-1", "--yes")
}

// A lost answer, and reads that lag behind, are no reason to believe that it is gone or not.
func TestADeleteIsLookedAfter(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{Faults: []sandbox.Fault{{Kind: sandbox.FaultReadLag, Lag: 300 * time.Millisecond}}})
	j.contacts(2)
	j.must()
	for shown := 0; shown < 2; { // until reads have caught up
		page, err := j.client().List(t.Context(), contact.ListQuery{})
		if err != nil {
			t.Fatal(err)
		}
		shown = len(page.Profiles)
	}
	answers := 0
	j.front().Transport = through(func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if r.Method == http.MethodDelete && err == nil {
			if answers++; answers == 1 { // it is done, and a page says otherwise
				resp.Body.Close()
				return &http.Response{StatusCode: 502, Header: http.Header{"Content-Type": {"text/html"}}, Body: http.NoBody, Request: r, ProtoMajor: 1, ProtoMinor: 1}, nil
			}
		}
		return resp, err
	})
	if _, stdout := j.delete(exitOK, "--contact", "c000001@example.com", "--yes", "--settle", "10s"); !strings.Contains(stdout, "is deleted") || answers != 2 {
		t.Errorf("%d answers: %s", answers, stdout)
	}
	if n := len(j.server.Profiles()); n != 1 {
		t.Errorf("%d profiles", n)
	}
	r, stdout := j.delete(exitStopped, "--contact", "c000000@example.com", "--yes", "--settle", "0s")
	if !strings.Contains(r.stderr, "shows it still after 0s") || stdout != "" {
		t.Errorf("%s, %s", stdout, r)
	}
}

// What the state and other files of a run hold is named as well.
func TestADeleteNamesWhatIsLeft(t *testing.T) {
	j := newJob(t, "upsert", sandbox.Options{})
	t.Chdir(j.path(""))
	j.contacts(3)
	j.rows = append(j.rows, contactRow(9, "Bad")+"x")
	j.must0(exitNotAllIn)
	if _, err := j.client().Create(t.Context(), contact.Profile{ContactIDs: []string{"c000009@example.com"}}); err != nil {
		t.Fatal(err)
	}
	_, stdout := j.delete(exitOK, "--contact", "c000009@example.com", "--yes", "--state", "s.db")
	if !strings.Contains(stdout, "r.rejects.csv (reject file)\n") || !strings.Contains(stdout, "\n  importer report r.report.ndjson --purge --contact c000009@example.com --state s.db\n") || strings.Contains(stdout, "(state)") {
		t.Error(stdout)
	}
	_, stdout = j.delete(exitOK, "--contact", "c000001@example.com", "--yes", "--state", "s.db")
	for _, part := range []string{"s.db (state)\n", "r.report.ndjson (report)\n"} {
		if !strings.Contains(stdout, part) {
			t.Errorf("%q is not in %s", part, stdout)
		}
	}
	// What was told to do leaves nothing, and a sync that works.
	for _, id := range []string{"c000001@example.com", "c000009@example.com"} {
		if r, stdout := j.command("report", "r.report.ndjson", "--purge", "--contact", id, "--state", "s.db"); r.code != exitOK {
			t.Errorf("%s, %s", stdout, r)
		}
		if _, stdout = j.delete(exitNotAllIn, "--contact", id, "--yes", "--state", "s.db"); !strings.Contains(stdout, "No report, reject file or state") {
			t.Error(stdout)
		}
	}
	j.rows = []string{contactRow(0, "Name"), contactRow(2, "Name")}
	if r := j.run(); r.code != exitOK || len(j.server.Profiles()) != 2 {
		t.Error(r)
	}
}
