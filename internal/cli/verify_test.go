package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"importer/importer/change"
	"importer/importer/contact"
	"importer/internal/sandbox"
	"importer/internal/verify"
)

type verified struct {
	Status, Reason                                              string
	Same, Differs, Missing, There, Unverifiable, Left, Requests int64
	Examples                                                    []verify.Line
}

func (j *job) verify(code int, more ...string) (verified, *ran) {
	j.t.Helper()
	r, stdout := j.command(append([]string{"verify", j.path("r.report.ndjson"), "--rate", "unlimited", "--json"}, more...)...)
	if r.code != code {
		j.t.Fatalf("exit code %d, want %d: %s%s", r.code, code, r, stdout)
	}
	var v verified
	if err := json.Unmarshal([]byte(stdout), &v); err != nil {
		j.t.Fatalf("%v in %q", err, stdout)
	}
	return v, r
}

func TestVerifyFindsWhatDiffersAndWhatIsMissing(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(250)
	j.must()
	if v, r := j.verify(exitOK); v.Same != 250 || v.Differs+v.Missing+v.There != 0 || r.all() != 3 || r.of("list") != 3 {
		t.Errorf("all is well: %+v, %s", v, r)
	}
	profiles := j.profiles()
	j.edit(profiles["c000007@example.com"].ID, contact.Profile{Fields: []contact.Field{{Name: "firstname", Value: []byte(`"Else"`)}, {Name: "location", Value: []byte(`"Köln"`)}}})
	j.edit(profiles["c000008@example.com"].ID, contact.Profile{Fields: []contact.Field{{Name: "location", Value: []byte(`"Köln"`)}}}) // nobody's business
	if err := j.client().Delete(t.Context(), profiles["c000009@example.com"].ID); err != nil {
		t.Fatal(err)
	}
	j.rows[20] = contactRow(20, "Changed since")
	j.write()
	v, _ := j.verify(exitNotAllIn)
	if v.Same != 247 || v.Differs != 1 || v.Missing != 1 || v.There != 1 || len(v.Examples) != 2 {
		t.Errorf("%+v", v)
	}
	for _, l := range v.Examples {
		want := change.Difference{Field: "firstname", Expected: `"Name 7"`, Found: `"Else"`}
		if l.Verdict == change.VerdictDiffers && (l.ID != profiles["c000007@example.com"].ID || l.Line != 9 || len(l.Differences) != 1 || l.Differences[0] != want) {
			t.Errorf("%+v", l)
		}
		if l.Verdict == change.VerdictMissing && l.ID != profiles["c000009@example.com"].ID {
			t.Errorf("%+v", l)
		}
	}
	r, text := j.command("verify", j.path("r.report.ndjson"), "--rate", "unlimited")
	if r.code != exitNotAllIn || !strings.Contains(text, `firstname differs: expected "Name 7", found "Else"`) || !strings.Contains(text, "missing") {
		t.Errorf("%s\n%s", r, text)
	}
}

// Few profiles of a large project are read one by one, and an interrupted
// verification goes on where it stopped.
func TestVerifyGoesOnWhereItStopped(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(2000)
	j.must("--report", j.path("many.report.ndjson"))
	ctx, cancel := context.WithCancelCause(t.Context())
	var gets atomic.Int64
	j.front().Transport = through(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodGet && r.URL.Path != "/new/v2.0/profiles" && gets.Add(1) == 6 {
			cancel(fmt.Errorf("enough"))
			<-r.Context().Done() // the sandbox never hears of it, and cannot count it late
			return nil, r.Context().Err()
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	j.contacts(2015)
	j.rows = j.rows[2000:]
	j.write()
	if r := j.must(); r.Created != 15 {
		t.Fatal(r)
	}
	var out bytes.Buffer
	err := Execute(ctx, []string{"verify", j.path("r.report.ndjson"), "--rate", "unlimited", "--workers", "1"}, Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Getenv: j.getenv})
	if code, _ := ExitCode(err); code != exitStopped {
		t.Fatalf("%v, %s", err, out.String())
	}
	text, err := os.ReadFile(j.path("r.report.ndjson.verify"))
	if err != nil {
		t.Fatal(err)
	}
	before := strings.Count(string(text), "\n")
	v, r := j.verify(exitOK)
	if v.Same != 15 || before != 5 || r.of("get") != 10 {
		t.Errorf("%d before, then %+v, %s", before, v, r)
	}
	// And the next one begins anew.
	if v, r := j.verify(exitOK); v.Same != 15 || r.of("get") != 15 {
		t.Errorf("%+v, %s", v, r)
	}
}

// What a report is purged of may stand in the files beside it: they are named.
func TestPurgeNamesWhatElseHoldsContactData(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(3)
	j.must()
	j.verify(exitOK)
	_, stdout := j.command("report", j.path("r.report.ndjson"), "--purge")
	if want := j.path("r.report.ndjson.verify") + " still holds contact data"; !strings.Contains(stdout, want) {
		t.Errorf("there is no %q in\n%s", want, stdout)
	}
}

// Rows of which the report does not know the profile are looked up, and those of
// which it does not know whether they are in are told; those that were there before
// are looked for, too.
func TestVerifyLeavesOutNoRowOfTheReport(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	if _, err := j.client().Create(t.Context(), contact.Profile{ContactIDs: []string{"c000003@example.com"}}); err != nil {
		t.Fatal(err)
	}
	j.contacts(30)
	j.must()
	report, err := os.ReadFile(j.path("r.report.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	profiles := j.profiles()
	for _, n := range []int{5, 6} { // as of an API that does not tell the id
		report = bytes.Replace(report, fmt.Appendf(nil, `"_id":%q,`, profiles[fmt.Sprintf("c%06d@example.com", n)].ID), nil, 1)
	}
	report = bytes.Replace(report, fmt.Appendf(nil, `"status":"created","_id":%q,`, profiles["c000007@example.com"].ID), []byte(`"status":"unknown",`), 1)
	var kept []byte
	for line := range bytes.Lines(report) { // as of a run that was killed
		if !bytes.Contains(line, []byte("c000008@example.com")) {
			kept = append(kept, line...)
		}
	}
	if err := os.WriteFile(j.path("r.report.ndjson"), kept, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := j.client().Delete(t.Context(), profiles["c000006@example.com"].ID); err != nil {
		t.Fatal(err)
	}
	v, r := j.verify(exitNotAllIn)
	if v.Status != "complete" || v.Same != 26 || v.There != 1 || v.Unverifiable != 3 || v.Missing+v.Differs+v.Left != 0 {
		t.Errorf("%+v, %s", v, r)
	}
	for _, l := range v.Examples {
		if l.Line < 8 || l.Line > 10 || l.Reason == "" || len(l.ContactIDs) != 1 {
			t.Errorf("%+v", l)
		}
	}
	u, r := j.undo(exitNotAllIn, "--yes")
	if u.Deleted != 25 || len(j.profiles()) != 4 {
		t.Errorf("%+v, %d left, %s", u, len(j.profiles()), r)
	}
	r, ids := j.command("report", j.path("r.report.ndjson"), "--format", "csv")
	if !strings.Contains(ids, "\nc000005@example.com,,created,7\n") || !strings.Contains(ids, "\nc000007@example.com,,unknown,9\n") ||
		strings.Contains(ids, "c000008") || !strings.Contains(r.stderr, "1 row was announced") {
		t.Errorf("%s\n%s", ids, r.stderr)
	}
	j.rows = j.rows[9:] // and no run looks them up any more
	j.write()
	if r := j.must("--log-level", "warn"); !strings.Contains(r.stderr, "still in doubt about rows") {
		t.Error(r.stderr)
	}
	r, _ = j.command("undo", j.path("r.report.ndjson"), "--rate", "unlimited", "--state", j.path("s.db")) // it says what it is going to do
	if !strings.Contains(r.stderr, "2 rows may be in the API or not") || !strings.Contains(r.stderr, "2 rows were written") {
		t.Error(r)
	}
}

// However the command ends, it prints its object.
func TestVerifyPrintsItsObjectHoweverItEnds(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(3)
	j.must()
	for wrong, code := range map[string]int{"--base-url=http://127.0.0.1:1": exitUsage, "--rate=fast": exitUsage, "--source=" + j.path("not-there.csv"): exitUsage} {
		for _, command := range []string{"verify", "undo"} {
			if command == "undo" && strings.HasPrefix(wrong, "--source") {
				continue
			}
			r, stdout := j.command(command, j.path("r.report.ndjson"), "--json", wrong)
			var v verified
			if err := json.Unmarshal([]byte(stdout), &v); r.code != code || err != nil || v.Status != "stopped" || v.Reason == "" {
				t.Errorf("%s %s: %v in %q, %s", command, wrong, err, stdout, r)
			}
		}
	}
}

// A file of that name that holds something else is left as it is.
func TestVerifyOverwritesNoFileOfAnother(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(3)
	j.must()
	const other = `{"key":"value"}` + "\n" + `{"name":"value"}` + "\n"
	for _, text := range []string{other, strings.TrimPrefix(other, `{"key":"value"}`+"\n"), "text\n"} {
		if err := os.WriteFile(j.path("r.report.ndjson.verify"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r, _ := j.command("verify", j.path("r.report.ndjson"), "--rate", "unlimited")
		left, err := os.ReadFile(j.path("r.report.ndjson.verify"))
		if r.code != exitStopped || !strings.Contains(r.stderr, "remove the file") || string(left) != text || err != nil {
			t.Errorf("%q became %q, %v: %s", text, left, err, r)
		}
	}
}

// A list whose cursors never end, or go in a circle, costs no more than reading the
// profiles one by one, and what it did not tell is read so.
func TestVerifyDoesNotFollowAListWithoutEnd(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	pages := 0
	next := func() string { return "" }
	proxy := j.front()
	proxy.ModifyResponse = func(r *http.Response) error {
		cursor := next()
		if r.Request.Method != http.MethodGet || r.Request.URL.Path != "/new/v2.0/profiles" || cursor == "" {
			return nil
		}
		pages++
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		var page map[string]any
		if err := json.Unmarshal(b, &page); err != nil {
			return err
		}
		page["nextCursor"] = cursor
		if b, err = json.Marshal(page); err != nil {
			return err
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
		r.Header.Set("Content-Length", strconv.Itoa(len(b)))
		return nil
	}
	rewrite := proxy.Rewrite
	proxy.Rewrite = func(r *httputil.ProxyRequest) {
		rewrite(r)
		if next() != "" { // the sandbox knows only its own cursors
			r.Out.URL.RawQuery = "limit=100"
		}
	}
	j.contacts(120)
	j.must()
	for name, cursor := range map[string]func() string{
		"cursors without end": func() string { return fmt.Sprint("page-", pages) },
		"a circle of two":     func() string { return fmt.Sprint("page-", pages%2) },
		"one and the same":    func() string { return "page" },
	} {
		pages, next = 0, cursor
		if v, r := j.verify(exitOK); v.Same != 120 || pages > 120 || r.of("get") != 20 {
			t.Errorf("%s: %d pages, %+v, %s", name, pages, v, r)
		}
	}
}
