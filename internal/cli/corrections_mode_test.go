package cli

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"importer/internal/sandbox"
)

// An update that goes on with the report of an import has a reject file of its own mode:
// it is imported by the command that the summary names, and without --mode.
func TestCorrectionsOfAnUpdateOfAnImport(t *testing.T) {
	for _, way := range []string{"as told", "without --mode"} {
		j := newJob(t, "create", sandbox.Options{OnDuplicate: sandbox.DuplicateAllow})
		j.contacts(2)
		if r := j.must(); r.Created != 2 {
			t.Fatal(r)
		}
		j.rows[0] = strings.Replace(j.rows[0], ",18", ",unknown", 1)
		update := append([]string{"--mode", "update"}, withoutMode(j.args)...)
		j.write()
		told := j.printed(update)
		replaceIn(t, j.path("r.rejects.csv"), "unknown", "64")
		if way != "as told" {
			at := slices.Index(told, "--mode")
			told = slices.Delete(told, at, at+2)
		}
		r, stdout := j.command(told...)
		if r.code != exitOK || r.of("update") != 1 {
			t.Errorf("%s: %s %s", way, r, stdout)
		}
		if r, stdout := j.command(update...); r.code != exitOK || r.writes() != 0 {
			t.Errorf("%s, the night after: %s %s", way, r, stdout)
		}
		updated := 0
		for _, p := range j.profiles() {
			if p.Profile["age"] == 64.0 {
				updated++
			}
		}
		if updated != 1 {
			t.Errorf("%s: %v", way, j.profiles())
		}
	}
}

// Rows that runs of two modes refused are imported by themselves, or some of them would
// count as in although nothing was sent.
func TestCorrectionsOfTwoModes(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(1)
	j.must()
	j.rows = append(j.rows, "bob@example.com,Bob,unknown")
	if r := j.run(); r.code != exitNotAllIn {
		t.Fatal(r)
	}
	created := j.text("r.rejects.csv")
	j.rows[0] = strings.Replace(j.rows[0], ",18", ",unknown", 1)
	j.write()
	if r, _ := j.command(append([]string{"--mode", "update"}, withoutMode(j.args)...)...); r.code != exitNotAllIn {
		t.Fatal(r)
	}
	_, rows, _ := strings.Cut(created, "\n")
	both := j.file("both.csv", j.text("r.rejects.csv")+rows)
	for _, mode := range []string{"create", "update"} {
		args := append([]string{"--mode", mode, "--source", both}, j.args[4:]...)
		if r, _ := j.command(args...); r.code != exitUsage || r.all() != 0 || !strings.Contains(r.stderr, "by themselves") {
			t.Errorf("%s: %s", mode, r)
		}
	}
}

// refuses has the API refuse for good what holds a text.
func (j *job) refuses(text string) {
	j.t.Helper()
	j.front().Transport = through(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodGet {
			return http.DefaultTransport.RoundTrip(r)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if bytes.Contains(body, []byte(text)) {
			const problem = `{"title":"Bad Request","status":400,"detail":"this name is not liked","code":1005,"traceId":"t-1"}`
			return &http.Response{StatusCode: http.StatusBadRequest, Header: http.Header{"Content-Type": {"application/problem+json"}},
				Body: io.NopCloser(strings.NewReader(problem)), Request: r, ProtoMajor: 1, ProtoMinor: 1}, nil
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		return http.DefaultTransport.RoundTrip(r)
	})
}

// A row that the API refuses again, because another mapping sends it otherwise, is settled
// once more by the same correction.
func TestTheSameCorrectionAfterAnotherMapping(t *testing.T) {
	j := newJob(t, "upsert", sandbox.Options{})
	j.refuses("wrong")
	j.contacts(1)
	j.rows = append(j.rows, "bob@example.com,wrong,31")
	config := j.path("c.yaml")
	with := func(fields string) { j.file("c.yaml", "mapping: {unnamed: ignore, fields: {"+fields+"}}\n") }
	with("email: email, firstname: first name, age: age")
	for range 2 { // the second time the contact is as it should be, so that nothing is sent
		if r := j.run("--config", config); r.code != exitNotAllIn || r.Rejected != 1 {
			t.Fatal(r)
		}
		with("email: email, firstname: first name")
		replaceIn(t, j.path("r.rejects.csv"), "wrong", "Bob")
		if r := j.of(j.path("r.rejects.csv"), "--config", config); r.code != exitOK {
			t.Fatal(r)
		}
	}
	for range 2 {
		if r := j.run("--config", config); r.code != exitOK || r.Rejected != 0 || r.writes() != 0 {
			t.Error(r)
		}
	}
}
