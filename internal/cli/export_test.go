package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"importer/importer/contact"
	"importer/internal/sandbox"
)

// at are the flags that name the project of the job.
func (j *job) at() []string {
	i := 0
	for i = range j.args {
		if j.args[i] == "--base-url" {
			break
		}
	}
	return []string{"--base-url", j.args[i+1], "--project-id", j.server.ProjectID(), "--rate", "unlimited", "--log-format", "json", "--progress", "none"}
}

// export runs the command, which has to end with that code.
func (j *job) export(code int, more ...string) (*ran, string) {
	j.t.Helper()
	r, stdout := j.command(append(append([]string{"export"}, j.at()...), more...)...)
	if r.code != code {
		j.t.Fatalf("export %q: %s\n%s", more, r, stdout)
	}
	return r, stdout
}

// create makes profiles from bodies without a project.
func (j *job) create(bodies ...string) {
	j.t.Helper()
	path := j.path("create.ndjson")
	if err := os.WriteFile(path, []byte(strings.Join(bodies, "\n")+"\n"), 0o600); err != nil {
		j.t.Fatal(err)
	}
	if r := j.of(path, "--report", j.path("create.report.ndjson")); r.code != exitOK {
		j.t.Fatal(r)
	}
}

// rich are profiles with all that a profile may hold.
var rich = []string{
	`{"contactIds":["ada@example.com","+447700900123","shop 17"],"active":false,"profile":{"firstname":"=cmd|'/c calc'!A1","lastname":"'quoted","email":"ada@example.com","age":41,"tasks":["a","b;c"],"memories":[{"id":"m1","timestamp":"2026-01-01T00:00:00Z","text":"hi\nthere"}],"privacy_policy":{"accepted":true,"meta":{"k":{"timestamp":1}}}}}`,
	`{"contactIds":["bob@example.com"],"profile":{"firstname":"Zoë \"B\" , ;","lastname":"-5","email":"bob@example.com","accepted_gdpr":true}}`,
	`{"contactIds":["+491511234567"],"profile":{"location":"\u0007\u202ebell","birthday":"1990-01-31"}}`,
}

// withoutIDs are the profiles of a sandbox by contact id, but for ids and times.
func (j *job) withoutIDs() map[string]any {
	j.t.Helper()
	all := map[string]any{}
	for _, p := range j.server.Profiles() {
		var m map[string]any
		if err := json.Unmarshal(p.Body, &m); err != nil {
			j.t.Fatal(err)
		}
		for _, name := range []string{"_id", "createdAt", "lastChanged"} {
			if m[name] == nil {
				j.t.Errorf("there is no %s in %s", name, p.Body)
			}
			delete(m, name)
		}
		all[fmt.Sprint(m["contactIds"])] = m
	}
	return all
}

func TestAnExportImportedAgainIsTheSame(t *testing.T) {
	for _, c := range []struct {
		name   string
		bodies []string
	}{
		{"all.ndjson", append([]string{`{"contactIds":["eve@example.com"],"profile":{"score":-7,"vip":true,"obj":{"a":[1,2,{"b":null}]},"zip":"00417","list":[1,"=2"]}}`}, rich...)},
		{"all.csv", append([]string{`{"contactIds":["eve@example.com"],"profile":{"zip":"00417","shoe":"'-42"}}`}, rich...)},
	} {
		j := newJob(t, "create", sandbox.Options{})
		j.create(c.bodies...)
		file := j.path(c.name)
		r, stdout := j.export(exitOK, "-o", file)
		if stdout != "" || !strings.Contains(r.stderr, "exported 4 profiles to") {
			t.Errorf("%s: %q, %s", c.name, stdout, r)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", c.name, info, err)
		}
		if _, err := os.Stat(file + ".part"); !os.IsNotExist(err) {
			t.Errorf("%s: the part is there still: %v", c.name, err)
		}
		if text := j.text(c.name); strings.Contains(text, `,=cmd`) || strings.Contains(text, `"=cmd|'/c calc'!A1",`) && c.name == "all.csv" {
			t.Errorf("a spreadsheet would run %s", text)
		}

		other := newJob(t, "create", sandbox.Options{})
		back := other.of(file, "--config", other.config("mapping: {unnamed: custom}\n"), "--create-fields")
		if back.code != exitOK || back.Created != 4 || strings.Contains(back.stderr, "createdAt") || strings.Contains(back.stderr, "projectId") {
			t.Errorf("%s, imported again: %s", c.name, back)
		}
		if got, want := other.withoutIDs(), j.withoutIDs(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s is\n%v\nand was\n%v", c.name, got, want)
		}
	}
}

func TestAnExportToStandardOutputIsNothingElse(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(250)
	j.must()
	for _, format := range []string{"ndjson", "csv"} {
		r, stdout := j.export(exitOK, "--format", format, "--json")
		lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
		if want := map[string]int{"ndjson": 250, "csv": 251}[format]; len(lines) != want {
			t.Errorf("%s: %d lines", format, len(lines))
		}
		var said struct {
			Status             string
			Profiles, Requests int
			Compared           bool
		}
		if err := json.Unmarshal([]byte(r.stderr), &said); err != nil || said.Status != "complete" || said.Profiles != 250 || said.Requests != r.all() {
			t.Errorf("%s: %v in %s", format, err, r.stderr)
		}
		if format == "ndjson" {
			for _, line := range lines {
				var p struct {
					ID          string `json:"_id"`
					LastChanged int64
					ContactIDs  []string
					Profile     map[string]any
				}
				if err := json.Unmarshal([]byte(line), &p); err != nil || len(p.ID) != 24 || p.LastChanged == 0 || len(p.ContactIDs) != 1 || p.Profile["age"] == nil {
					t.Fatalf("%v in %s", err, line)
				}
			}
		}
	}
	// What goes wrong goes to standard error as well.
	r, stdout := j.export(exitStopped, "--json", "--project-id", strings.Repeat("a", 24))
	if stdout != "" || !strings.Contains(r.stderr, `"status":"stopped"`) {
		t.Errorf("%q, %s", stdout, r)
	}
	// With a file, the object is on standard output.
	if _, stdout := j.export(exitOK, "--json", "-o", j.path("x.ndjson")); !strings.HasPrefix(stdout, `{"status":"complete"`) {
		t.Errorf("%q", stdout)
	}
	if r, _ := j.export(exitOK, "--quiet", "-o", j.path("x.ndjson")); r.stderr != "" {
		t.Errorf("%q", r.stderr)
	}
}

// What is not whole is never a file, and never exit code 0.
func TestNoExportIsSilentlyShort(t *testing.T) {
	for fault, code := range map[string]int{"short-list": exitStopped, "mixed-cache": exitOK, "page:0.3": exitOK, "drop-after:0.2": exitOK} {
		faults, err := sandbox.ParseFaults([]string{fault})
		if err != nil {
			t.Fatal(err)
		}
		short := newJob(t, "create", sandbox.Options{Faults: faults, Seed: 3})
		client := short.client()
		for i := range 150 {
			for range 50 { // however often that takes
				if _, err = client.Create(t.Context(), contact.Profile{ContactIDs: []string{fmt.Sprint("contact-", i)}}); err == nil || contact.AsAPIError(err).Class == contact.Conflict {
					break
				}
			}
		}
		file := short.path("all.ndjson")
		r, _ := short.export(code, "-o", file)
		_, err = os.Stat(file)
		if code == exitStopped {
			if !os.IsNotExist(err) || !strings.Contains(r.stderr, "not whole") {
				t.Errorf("%s: %v, %s", fault, err, r)
			}
			if r, _ := short.export(code, "-o", file); r.code == exitOK {
				t.Errorf("%s, once more: %s", fault, r)
			}
			if r, _ := short.export(code); !strings.Contains(r.stderr, "not whole") {
				t.Errorf("%s: %s", fault, r)
			}
			continue
		}
		if n := strings.Count(short.text("all.ndjson"), "\n"); n != 150 {
			t.Errorf("%s: %d lines", fault, n)
		}
	}
}

func TestAnExportGoesOn(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(1050)
	j.must()
	var lists atomic.Int64
	ctx, cancel := context.WithCancelCause(t.Context())
	j.front().Transport = through(func(r *http.Request) (*http.Response, error) {
		if lists.Add(1) == 5 {
			cancel(&Interrupt{Signal: syscall.SIGINT})
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	file := j.path("all.ndjson")
	j.ctx = ctx
	r, _ := j.export(exitSignalled+int(syscall.SIGINT), "-o", file)
	if !strings.Contains(r.stderr, "all.ndjson.part: the same command goes on") {
		t.Error(r)
	}
	j.ctx = nil
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("half a file is there: %v", err)
	}
	if info, err := os.Stat(file + ".part"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}

	// Meanwhile others write, and a kill left half a line.
	profiles := j.server.Profiles()
	j.edit(profiles[0].ID, contact.Profile{Fields: []contact.Field{{Name: "firstname", Value: []byte(`"Meanwhile"`)}}})
	j.create(`{"contactIds":["new@example.com"]}`)
	if err := j.client().Delete(t.Context(), profiles[1].ID); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file+".part", os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(`{"_id":"6b0886df682d108aa9000002","contactIds":["half`)
		f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	_, stdout := j.export(exitOK, "-o", file, "--json")
	var said struct{ Profiles, Added, Changed, Deleted, Resumed int }
	if err := json.Unmarshal([]byte(stdout), &said); err != nil || said.Resumed < 400 || said.Resumed >= 1050 || said.Profiles != 1051 || said.Deleted != 1 || said.Changed != 1 {
		t.Errorf("%v in %s", err, stdout)
	}
	text := j.text("all.ndjson")
	if strings.Count(text, "\n") != 1051 || strings.Contains(text, "_page") || strings.Contains(text, "_export") || !strings.Contains(text, "new@example.com") || strings.Count(text, `"Meanwhile"`) != 1 {
		t.Errorf("%d lines", strings.Count(text, "\n"))
	}
	// Another project's is not mixed with it.
	if err := os.WriteFile(file+".part", []byte(`{"_export":{"base_url":"https://api.example.com","project_id":"x","began":"2026-01-01T00:00:00Z"}}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, _ := j.export(exitUsage, "-o", file); !strings.Contains(r.stderr, "another project") {
		t.Error(r)
	}
	if err := os.WriteFile(file+".part", []byte("my notes\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, _ := j.export(exitUsage, "-o", file); !strings.Contains(r.stderr, "move it away") || j.text("all.ndjson.part") != "my notes\n" {
		t.Error(r)
	}
}

// An API that does not sort its list does not tell what changed meanwhile: that is said.
func TestAnExportSaysWhatItCannotTell(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(150)
	j.must()
	j.front().Transport = through(func(r *http.Request) (*http.Response, error) {
		if q := r.URL.Query(); q.Get("sort") != "" {
			q.Set("sort", "nothing:up")
			r.URL.RawQuery = q.Encode()
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	r, stdout := j.export(exitOK, "--json", "-o", j.path("all.ndjson"))
	if !strings.Contains(stdout, `"profiles":150,"added":0,"changed":0,"deleted":0,"compared":false`) {
		t.Errorf("%s, %s", stdout, r)
	}
	if r, _ := j.export(exitOK, "--quiet", "-o", j.path("all.ndjson")); !strings.Contains(r.stderr, "could not be told") {
		t.Error(r)
	}
}

func TestAnExportOfOneContact(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.create(rich...)
	j.create(`{"contactIds":["ada@example.co"]}`, `{"contactIds":["xada@example.com"]}`)
	r, stdout := j.export(exitOK, "--contact", "ada@example.com")
	if strings.Count(stdout, "\n") != 1 || !strings.Contains(stdout, "createdAt") || !strings.Contains(stdout, "shop 17") || !strings.Contains(r.stderr, "exported 1 profile") {
		t.Errorf("%q, %s", stdout, r)
	}
	if _, stdout := j.export(exitOK, "--contact", "+447700900123", "--format", "csv"); strings.Count(stdout, "\n") != 2 || !strings.Contains(stdout, `"[""ada@example.com"",""+447700900123"",""shop 17""]"`) {
		t.Errorf("%q", stdout)
	}
	file := j.path("nobody.ndjson")
	r, stdout = j.export(exitNotAllIn, "--contact", "nobody@example.com", "-o", file)
	if _, err := os.Stat(file); stdout != "" || !os.IsNotExist(err) || !strings.Contains(r.stderr, "no profile of the project has the contact id nobody@example.com") {
		t.Errorf("%q, %v, %s", stdout, err, r)
	}
	for _, wrong := range [][]string{{"--contact", ""}, {"--format", "xml"}, {"-o", j.home}, {"one", "two"}, {"--sandbox"}} {
		if r, _ := j.export(exitUsage, wrong...); r.all() != 0 || r.stderr == "" {
			t.Errorf("%q: %s", wrong, r)
		}
		r, stdout := j.export(exitUsage, append(wrong, "--json")...)
		if toFile := wrong[0] == "-o"; !strings.Contains(r.stderr+stdout, `"status":"stopped"`) || (stdout != "") != toFile {
			t.Errorf("%q: %q, %s", wrong, stdout, r)
		}
	}
}
