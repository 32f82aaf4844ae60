package cli

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"importer/internal/cognigy"
	"importer/internal/sandbox"
)

// A thief is a server that somebody else wants the key to be sent to.
func thief(t *testing.T) (url string, asked *atomic.Int64) {
	asked = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		http.Error(w, "thanks", http.StatusForbidden)
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

// A report that somebody handed over does not say where the key goes: the settings do.
func TestAReportDoesNotSayWhereTheKeyGoes(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(3)
	j.must()
	theirs, asked := thief(t)
	const otherProject = "65f0000000000000000000bb"
	forged := func(baseURL, projectID string) string {
		text, err := os.ReadFile(j.path("r.report.ndjson"))
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.ReplaceAll(text, []byte(`"base_url":"`+j.server.URL+`"`), []byte(`"base_url":"`+baseURL+`"`))
		text = bytes.ReplaceAll(text, []byte(`"project_id":"`+j.server.ProjectID()+`"`), []byte(`"project_id":"`+projectID+`"`))
		path := j.path("forged.report.ndjson")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ours := map[string]string{"COGNIGY_BASE_URL": j.server.URL, "COGNIGY_PROJECT_ID": j.server.ProjectID()}
	for _, c := range []struct {
		name               string
		baseURL, projectID string // of the report
		set                map[string]string
		args               []string
		want               []string
	}{
		{name: "settings without a project", baseURL: theirs, projectID: j.server.ProjectID(), want: []string{theirs, "forged.report.ndjson --base-url URL --project-id ID", "$COGNIGY_BASE_URL"}},
		{name: "settings without an address", baseURL: theirs, projectID: j.server.ProjectID(), set: map[string]string{"COGNIGY_PROJECT_ID": j.server.ProjectID()}, want: []string{theirs, "--base-url URL"}},
		{name: "settings with an address alone", baseURL: j.server.URL, projectID: j.server.ProjectID(), set: map[string]string{"COGNIGY_BASE_URL": j.server.URL}, want: []string{"--project-id ID"}},
		{name: "another address", baseURL: theirs, projectID: j.server.ProjectID(), set: ours, want: []string{theirs, j.server.URL}},
		{name: "another address, and a flag", baseURL: theirs, projectID: j.server.ProjectID(), args: []string{"--base-url", j.server.URL, "--project-id", j.server.ProjectID()}, want: []string{theirs, j.server.URL}},
		{name: "another project", baseURL: j.server.URL, projectID: otherProject, set: ours, want: []string{otherProject, j.server.ProjectID()}},
		{name: "a real one for a sandbox", baseURL: theirs, projectID: j.server.ProjectID(), args: []string{"--sandbox"}, want: []string{theirs, "--sandbox"}},
		{name: "a sandbox for a real one", baseURL: "sandbox", projectID: j.server.ProjectID(), set: ours, want: []string{"--sandbox", j.server.URL}},
		{name: "a sandbox", baseURL: "sandbox", projectID: j.server.ProjectID(), want: []string{"--sandbox", "nothing to read back"}},
		{name: "an address that moves the cursor", baseURL: `http://x\u001b[2J`, projectID: j.server.ProjectID(), set: ours, want: []string{"http://x·[2J"}},
	} {
		path := forged(c.baseURL, c.projectID)
		for _, command := range []string{"verify", "undo"} {
			t.Run(command+" "+c.name, func(t *testing.T) {
				before := fmt.Sprint(j.server.Counts().Requests)
				var stdout, stderr bytes.Buffer
				args := append([]string{command, path}, c.args...)
				if command == "undo" {
					args = append(args, "--yes", "--state", j.path("s.db"))
				}
				err := Execute(t.Context(), args, Env{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Getenv: func(name string) string {
					if name == "COGNIGY_API_KEY" {
						return j.server.APIKey()
					}
					return c.set[name]
				}})
				if code, _ := ExitCode(err); code != exitUsage {
					t.Fatalf("exit code %d: %v", code, err)
				}
				for _, want := range c.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("there is no %q in: %v", want, err)
					}
				}
				if after := fmt.Sprint(j.server.Counts().Requests); after != before || asked.Load() != 0 {
					t.Errorf("%d requests went to the report's address, and ours went from %s to %s", asked.Load(), before, after)
				}
			})
		}
	}
}

// Nor does an answer: neither a redirect, nor where a list says that it goes on.
func TestAnAnswerDoesNotSayWhereTheKeyGoes(t *testing.T) {
	theirs, asked := thief(t)
	for _, c := range []struct {
		name   string
		change func(*http.Response)
	}{
		{"307", func(r *http.Response) {
			r.StatusCode = http.StatusTemporaryRedirect
			r.Header.Set("Location", theirs+r.Request.URL.RequestURI())
		}},
		{"302", func(r *http.Response) {
			r.StatusCode = http.StatusFound
			r.Header.Set("Location", theirs+r.Request.URL.RequestURI())
		}},
		{"next", func(r *http.Response) {
			if r.Request.URL.Path != "/new/v2.0/profiles" || r.Request.Method != http.MethodGet {
				return
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			text := strings.Replace(string(body), `"items"`, `"nextCursor":"`+theirs+`/new/v2.0/profiles","next":"`+theirs+`","_links":{"next":{"href":"`+theirs+`"}},"items"`, 1)
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
			r.Header.Del("Content-Length")
		}},
		{"refresh", func(r *http.Response) {
			r.Header.Set("Refresh", "0; url="+theirs)
			r.Header.Set("Content-Location", theirs)
			r.Header.Set("Alt-Svc", `h2="`+strings.TrimPrefix(theirs, "http://")+`"`)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := newJob(t, "create", sandbox.Options{})
			j.contacts(3)
			j.must("--report", j.path("first.report.ndjson"))
			j.front().ModifyResponse = func(r *http.Response) error { c.change(r); return nil }
			j.rows = append(j.rows, contactRow(3, "New"))
			j.run("--config", os.DevNull)
			j.command("verify", j.path("r.report.ndjson"), "--rate", "unlimited")
			j.command("doctor", "--base-url", j.getenv("COGNIGY_BASE_URL"), "--project-id", j.server.ProjectID())
			if asked.Load() != 0 {
				t.Errorf("%d requests went where an answer said", asked.Load())
			}
			if n := j.server.Counts().Requests["list"]; n == 0 {
				t.Error("the project was not listed: nothing was tried")
			}
		})
	}
}

// Nor does what lies in the folders of a user: what a probe found is of the project that
// the settings name, or it is not used; and a state of another project is refused.
func TestFilesOfEarlierRunsDoNotSayWhereTheKeyGoes(t *testing.T) {
	theirs, asked := thief(t)
	j := newJob(t, "upsert", sandbox.Options{ProjectID: "65f0000000000000000000bb"})
	j.contacts(2)
	j.must()
	folder := t.TempDir()
	learned := cognigy.Learned{BaseURL: j.server.URL, ProjectID: j.server.ProjectID()}
	if err := learned.Save(folder + "/importer"); err != nil {
		t.Fatal(err)
	}
	path := folder + "/importer/learned/" + cognigy.StateName(j.server.URL, j.server.ProjectID()) + ".json"
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, bytes.Replace(text, []byte(j.server.URL), []byte(theirs), 1), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	err = Execute(t.Context(), j.args, Env{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Getenv: func(name string) string {
		return map[string]string{"COGNIGY_API_KEY": j.server.APIKey(), "XDG_STATE_HOME": folder}[name]
	}})
	if err != nil || !strings.Contains(stderr.String(), "cannot be used") {
		t.Errorf("%v: %s", err, stderr.String())
	}
	if r := j.run("--base-url", theirs, "--report", j.path("other.report.ndjson")); r.code != exitUsage {
		t.Errorf("with the state of another address: %s", r)
	}
	if asked.Load() != 0 {
		t.Errorf("%d requests went where a file said", asked.Load())
	}
}

// A proxy that cannot be used is no reason to go around it: nothing is sent by any
// command. A sandbox inside the process needs none.
func TestNothingGoesAroundAProxyThatCannotBeUsed(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(3)
	j.must()
	before := fmt.Sprint(j.server.Counts().Requests)
	execute := func(args []string, proxy string) (int, string) {
		var out bytes.Buffer
		err := Execute(t.Context(), args, Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Getenv: func(name string) string {
			if name == "HTTPS_PROXY" {
				return proxy
			}
			return j.getenv(name)
		}})
		code, _ := ExitCode(err)
		return code, fmt.Sprint(out.String(), err)
	}
	for _, proxy := range []string{"://s3cret", "ftp://s3cret:21", "http://:3128", "http://u:s3cret@", "http://s3cret:99999", " http://s3cret:3128"} {
		for command, want := range map[string]int{
			"--source " + j.path("c.csv"):             exitUsage,
			"check --source " + j.path("c.csv"):       exitUsage,
			"verify " + j.path("r.report.ndjson"):     exitUsage,
			"undo --yes " + j.path("r.report.ndjson"): exitUsage,
			"doctor": exitStopped,
			"--restart --sandbox --source " + j.path("c.csv"):                                      exitOK,
			"--restart --sandbox --notify https://s3cret.example.com/ --source " + j.path("c.csv"): exitUsage,
		} {
			args := append(strings.Fields(command), "--report", j.path("sandbox.report.ndjson"))
			if strings.HasPrefix(command, "verify") || strings.HasPrefix(command, "undo") {
				args = args[:len(args)-2]
			}
			code, out := execute(args, proxy)
			if code != want || want != exitOK && !strings.Contains(out, "$HTTPS_PROXY cannot be used") || strings.Contains(out, "s3cret:") || strings.Contains(out, "u:s3cret") {
				t.Errorf("HTTPS_PROXY=%q importer %s: exit code %d, want %d: %s", proxy, command, code, want, out)
			}
		}
	}
	if after := fmt.Sprint(j.server.Counts().Requests); after != before {
		t.Errorf("requests went from %s to %s", before, after)
	}
}
