package cli

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"importer/internal/pgtest"
	"importer/internal/sandbox"
)

// A shelf serves texts by path. It cuts connections, and changes what it holds, as it is
// told to.
type shelf struct {
	mu       sync.Mutex
	texts    map[string]string
	tag      string
	cut      int // bytes after which each answer is cut; 0: none is
	requests int
	before   func(request int, r *http.Request) // of each
	refuses  func(r *http.Request) bool
}

func newShelf(t *testing.T) (*shelf, string) {
	s := &shelf{texts: map[string]string{}, tag: `"one"`}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	if s.before != nil {
		s.before(s.requests, r)
	}
	text, ok := s.texts[r.URL.Path]
	switch {
	case s.refuses != nil && s.refuses(r):
		w.WriteHeader(http.StatusUnauthorized)
		return
	case !ok:
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("ETag", s.tag)
	var from int
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err == nil && r.Header.Get("If-Range") == s.tag {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(text)-1, len(text)))
		text = text[from:]
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	if from > 0 {
		w.WriteHeader(http.StatusPartialContent)
	}
	if s.cut > 0 && s.cut < len(text) {
		io.WriteString(w, text[:s.cut])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	io.WriteString(w, text)
}

// table is the source of a job as a text.
func (j *job) table() string {
	return "email,first name,age\n" + strings.Join(j.rows, "\n") + "\n"
}

// workbook is one that holds contacts, as the bytes of its file.
func (j *job) workbook() string {
	j.t.Helper()
	b, err := os.ReadFile("../../testdata/cases/14-xlsx-dates.xlsx")
	if err != nil {
		j.t.Fatal(err)
	}
	return string(b)
}

// without runs the job with another source, whose report it finds by its name.
func (j *job) without(source string, more ...string) *ran {
	j.t.Helper()
	i := slices.Index(j.args, "--report")
	args := slices.Delete(slices.Clone(j.args), i, i+2)
	args[slices.Index(args, j.path("c.csv"))] = source
	r, stdout := j.command(append(args, more...)...)
	j.decode(r, stdout)
	return r
}

// All rows go in from a server that cuts each answer, compressed or not, and from a
// workbook; the report has the name of the file, and the same command has nothing left.
func TestImportOverHTTP(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	workbook := j.workbook()
	t.Chdir(j.dir)
	t.Setenv("TMPDIR", t.TempDir())
	j.contacts(500)
	s, url := newShelf(t)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	io.WriteString(z, j.table())
	z.Close()
	s.texts = map[string]string{"/x/contacts.csv": j.table(), "/x/contacts.csv.gz": packed.String(), "/book": workbook}
	s.cut = 9000
	for _, name := range []string{"contacts.csv", "contacts.csv.gz"} {
		r := j.without(url+"/x/"+name+"?sig=1", "--restart")
		if r.code != exitOK || r.Read != 500 || r.Report != name+".report.ndjson" {
			t.Fatal(r)
		}
		if r := j.without(url + "/x/" + name + "?sig=2"); r.code != exitOK || r.DoneBefore != 500 || r.writes() != 0 {
			t.Errorf("again: %s", r)
		}
	}
	if n := len(j.profiles()); n != 500 {
		t.Errorf("%d profiles", n)
	}
	if r := j.without(url + "/book"); r.code != exitOK || r.Read == 0 || r.Report != "book.report.ndjson" {
		t.Error(r)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// What changes while a run lasts ends it as an error, also between two readings; a mirror
// removes nobody then.
func TestASourceThatChangesUnderneath(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(300)
	s, url := newShelf(t)
	s.texts["/c.csv"] = j.table()
	last := j.config("duplicates: last\n")
	s.before = func(n int, _ *http.Request) { // found, read for the last rows, read
		if n == 3 {
			j.contacts(200)
			s.texts["/c.csv"], s.tag = j.table(), `"two"`
		}
	}
	if r := j.of(url+"/c.csv", "--config", last); r.code != exitStopped || r.Status == "complete" || !strings.Contains(r.Reason, "ETag") && !strings.Contains(r.Reason, "bytes") {
		t.Error(r, r.Reason)
	}
	s.before = nil
	if r := j.of(url+"/c.csv", "--config", last); r.code != exitOK || r.Read != 200 {
		t.Error(r)
	}

	j = newJob(t, "mirror", sandbox.Options{})
	j.contacts(300)
	s.texts["/c.csv"], s.requests = j.table(), 0
	if r := j.of(url + "/c.csv"); r.code != exitOK || r.Created != 300 {
		t.Fatal(r)
	}
	j.contacts(298)
	s.texts["/c.csv"], s.tag = j.table(), `"three"`
	readings := s.requests
	s.requests = 0
	s.before = func(n int, _ *http.Request) {
		if n == readings {
			s.tag = `"four"`
		}
	}
	if r := j.of(url + "/c.csv"); r.code != exitStopped || r.Deactivated != 0 || !strings.Contains(r.Reason, "changed") {
		t.Error(r, r.Reason)
	}
	s.before = nil
	if r := j.of(url + "/c.csv"); r.code != exitOK || r.Deactivated != 2 {
		t.Error(r)
	}
}

// A server that never sends all of a file ends the run as an error that says so, and so
// does a page that asks to sign in.
func TestASourceThatIsNotWhole(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	s, url := newShelf(t)
	j.contacts(300)
	s.texts = map[string]string{"/c.csv": j.table(), "/login.csv": "<!DOCTYPE html><html><body>Sign in</body></html>"}
	for _, c := range []struct {
		path, says string
		code       int
	}{
		{"/none.csv", "404", exitUsage},
		{"/login.csv", "asks to sign in", exitUsage},
	} {
		if r := j.of(url + c.path); r.code != c.code || !strings.Contains(r.stderr, c.says) {
			t.Error(r)
		}
	}
	whole := s.texts["/c.csv"]
	s.before = func(n int, r *http.Request) {
		s.cut = len(whole) / 2
		if r.Header.Get("Range") != "" {
			s.cut = 1 // all that comes of the rest
			if n > 6 {
				s.tag = ""
				s.refuses = func(*http.Request) bool { return true }
			}
		}
	}
	if r := j.of(url + "/c.csv"); r.code == exitOK || !strings.Contains(r.stderr, "401") {
		t.Error(r)
	}
}

// Nothing that a person sees or keeps holds a password, a token or a signature of a source.
func TestSecretsOfSourcesAreNotShown(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	t.Chdir(j.dir)
	j.contacts(20)
	j.rows = append(j.rows, "nobody,Nobody,42")
	s, url := newShelf(t)
	s.texts["/x/c.csv"] = j.table()
	s.refuses = func(r *http.Request) bool {
		return r.Header.Get("X-Token") != "t0ken-s3cret" || r.URL.Query().Get("sig") != "s1g-s3cret"
	}
	source := strings.Replace(url, "//", "//user-s3cret:pass-s3cret@", 1) + "/x/c.csv?sig=s1g-s3cret"
	config := j.config("source:\n  paths: ['" + source + "']\n  headers: {X-Token: $EXPORT_TOKEN}\n")
	broken := j.config("source:\n  paths: ['" + source + "']\n  headers: {X-Token: $EXPORT_TOKEN}\n  nonsense: 1\n")
	literal := j.config("source:\n  paths: ['" + source + "']\n  headers: {X-Token: t0ken-s3cret}\n")
	var seen strings.Builder
	run := func(code int, args ...string) {
		t.Helper()
		var out bytes.Buffer
		err := Execute(t.Context(), args, Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Version: "test", Getenv: func(name string) string {
			if name == "EXPORT_TOKEN" {
				return "t0ken-s3cret"
			}
			return j.getenv(name)
		}})
		got, _ := ExitCode(err)
		fmt.Fprintf(&seen, "%v\n%s\n%v\n", args[0], out.String(), err)
		if got != code {
			t.Errorf("%s: exit code %d, want %d: %v\n%s", args, got, code, err, out.String())
		}
	}
	api := []string{"--rate", "unlimited", "--settle", "0s"}
	with := func(words ...string) []string { return slices.Concat(words, []string{"--config", config}) }
	run(exitUsage, "--config", broken)
	run(exitUsage, "--config", literal)
	run(exitUsage, "init", source) // without its token
	run(exitOK, with("preview")...)
	run(exitNotAllIn, with("check")...)
	run(exitNotAllIn, append(with("--source", source), api...)...)
	run(exitNotAllIn, append(with("--json", "--log-level", "debug", "--log-format", "json"), api...)...)
	run(exitNotAllIn, append(with("check", "--verbose", source, "--mode", "upsert"), api...)...)
	for _, format := range []string{"text", "json", "csv", "html"} {
		run(exitOK, "report", "c.csv.report.ndjson", "--format", format)
	}
	run(exitOK, append(with("verify", "c.csv.report.ndjson"), "--rate", "unlimited")...)
	run(exitUsage, "verify", "c.csv.report.ndjson", "--rate", "unlimited", "--config", os.DevNull)
	run(exitOK, with("doctor")...)
	s.texts = nil
	run(exitUsage, append(with("--json"), api...)...)
	if strings.Contains(seen.String(), "s3cret") {
		for line := range strings.Lines(seen.String()) {
			if strings.Contains(line, "s3cret") {
				t.Errorf("shown: %s", line)
			}
		}
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(e.Name(), "config-") && bytes.Contains(text, []byte("s3cret")) {
			t.Errorf("it stands in %s", e.Name())
		}
	}
	if len(entries) < 5 {
		t.Errorf("there are only %v", entries)
	}
}

// The rows of a query go in with the types that they have, in one snapshot, and once; what
// is refused comes back as an object, and imports when it is corrected.
func TestImportFromADatabase(t *testing.T) {
	db := pgtest.Start(t)
	db.Exec(`create table people (id int primary key, email text, first_name text, age int, newsletter bool, interests text[], born timestamp, city jsonb);
		insert into people select i, 'p' || i || '@example.com', 'Name ' || i, 20 + i % 50, i % 2 = 0, array['a, b', 'c'], '1990-01-31 10:00:00.5', '{"name":"Köln"}' from generate_series(1, 300) i;
		insert into people (id, email, age) values (301, 'p301@example.com', -1);
		grant select on people to importer`)
	j := newJob(t, "upsert", sandbox.Options{})
	t.Chdir(j.dir)
	settings := `source:
  query: select * from people order by id;
duplicates: last
mapping:
  contact_ids: [E-Mail]
  fields:
    email: E-Mail
    firstname: First Name
    age: age
    accepted_gdpr: newsletter
    tasks: interests
    location: city.name
    birthday: born
`
	config := j.config(strings.Replace(settings, "E-Mail", "email", 2))
	r := j.without(db.URL(), "--config", config)
	if r.code != exitNotAllIn || r.Created != 300 || r.Invalid != 1 || r.Report != "importer.report.ndjson" {
		t.Fatal(r)
	}
	got := j.profiles()["p7@example.com"].Profile
	if s := fmt.Sprintf("%v %v %v %v %v %v", got["firstname"], got["age"], got["accepted_gdpr"], got["tasks"], got["location"], got["birthday"]); s != "Name 7 27 false [a, b c] Köln 1990-01-31" {
		t.Error(s)
	}
	if r := j.without(db.URL(), "--config", config); r.Unchanged != 300 || r.writes() != 0 {
		t.Errorf("again: %s", r)
	}
	replaceIn(t, "importer.rejects.ndjson", `"age":-1`, `"age":1`)
	if r := j.without("importer.rejects.ndjson", "--config", config); r.code != exitOK || r.Created != 1 {
		t.Errorf("corrected: %s", r)
	}
	for _, c := range []struct {
		code       int
		says, text string
	}{
		{exitUsage, "there is no column", strings.Replace(settings, "First Name", "Christian Name", 1)},
		{exitUsage, "two ways", strings.Replace(strings.Replace(settings, "E-Mail", "email", 1), "E-Mail", "EMAIL", 1)},
		{exitUsage, "one SELECT", strings.Replace(settings, "select *", "delete", 1)},
		{exitUsage, "source.query does not say", "mode: create\n"},
		{exitUsage, "is for files", settings + "# x\n"},
	} {
		args := []string{"--config", j.config(strings.ReplaceAll(c.text, "E-Mail", "email"))}
		if c.says == "two ways" {
			args[1] = j.config(c.text)
		}
		if c.says == "is for files" {
			args = append(args, "--format", "csv")
		}
		if r := j.without(db.URL(), args...); r.code != c.code || !strings.Contains(r.stderr, c.says) {
			t.Errorf("%s: %s", c.says, r)
		}
	}
	if r, _ := j.command("init", db.URL()); r.code != exitUsage || !strings.Contains(r.stderr, "source.query") {
		t.Error(r)
	}
}
