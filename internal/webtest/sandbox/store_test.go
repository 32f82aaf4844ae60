package sandbox_test

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"importer/internal/sandbox"
	"importer/internal/sqlfile"
)

// dataEnv names the data file of a test binary that is to be a sandbox.
const dataEnv = "SANDBOX_TEST_DATA"

func TestMain(m *testing.M) {
	if file := os.Getenv(dataEnv); file != "" {
		s, err := sandbox.Listen("127.0.0.1:0", sandbox.Options{DataFile: file})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(s.URL)
		select {} // until it is killed
	}
	os.Exit(m.Run())
}

// A process is a sandbox in a process of its own, which can be killed.
type process struct {
	*tenant
	cmd *exec.Cmd
}

// spawn starts one. prefix is a shell command that comes first; may be empty.
func spawn(t *testing.T, file, prefix string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	if prefix != "" {
		cmd = exec.Command("sh", "-c", prefix+` exec "$0"`, os.Args[0])
	}
	cmd.Env = append(os.Environ(), dataEnv+"="+file)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd}
	t.Cleanup(p.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "http") {
		t.Fatalf("the sandbox says %q, %v", line, err)
	}
	// The Sandbox in this process only lends its key and project.
	s, err := sandbox.New(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p.tenant = &tenant{Server: &sandbox.Server{Sandbox: s, URL: strings.TrimSpace(line)}, t: t,
		client: &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}, router: document(t).router}
	return p
}

func (p *process) kill() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

// list are the contact ids of all profiles, over HTTP.
func (s *tenant) list() (all []string) {
	for cursor := any(""); cursor != nil; {
		r := s.want(200, "GET", fmt.Sprint("?limit=100&next=", cursor), "")
		all = append(all, r.contacts()...)
		cursor = r.json()["nextCursor"]
	}
	return all
}

// Whatever was answered is there after a kill -9 at any moment, and is there once.
func TestAnsweredCreatesSurviveKill(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sandbox.db")
	answered := make(map[string]bool)
	for round := range 5 {
		p := spawn(t, file, "")
		present := p.list()
		for contact := range answered {
			if !slices.Contains(present, contact) {
				t.Errorf("round %d: %s was answered, and is gone", round, contact)
			}
		}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := 0; ; i++ {
					contact := fmt.Sprintf("%d-%d-%d", round, w, i)
					r, err := p.try("POST", "", p.createBody([]string{contact}, nil))
					if err != nil {
						return
					}
					mu.Lock()
					answered[contact] = r.Status == 201
					n := len(answered)
					mu.Unlock()
					if n == (round+1)*100 {
						p.cmd.Process.Kill()
					}
				}
			})
		}
		wg.Wait()
		p.kill()
	}
	if len(answered) < 500 {
		t.Errorf("only %d creates were answered", len(answered))
	}
	final := spawn(t, file, "").list()
	slices.Sort(final)
	if n := len(slices.Compact(slices.Clone(final))); n != len(final) || n < len(answered) {
		t.Errorf("%d profiles, %d contacts, %d answered", len(final), n, len(answered))
	}
}

// What cannot be written is not answered as if it were, and what was answered
// before is not lost.
func TestFullDisk(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs ulimit")
	}
	file := filepath.Join(t.TempDir(), "sandbox.db")
	p := spawn(t, file, "ulimit -f 512;") // 256 kB, or 512 kB, by the shell
	answered := []string{}
	for i := 0; ; i++ {
		contact := fmt.Sprint("contact-", i)
		r := p.send("POST", "", p.createBody([]string{contact}, map[string]any{"firstname": strings.Repeat("x", 10_000)}))
		if r.Status != 201 {
			break
		}
		answered = append(answered, contact)
		if i == 1000 {
			t.Fatal("1000 profiles of 10 kB fit into the limit")
		}
	}
	p.wantProblem(500, 1001, "POST", "", p.createBody([]string{"another"}, nil))
	p.wantProblem(500, 1001, "GET", "", "") // for it would show what is not stored
	p.kill()
	if got := spawn(t, file, "").list(); !slices.Equal(got, answered) {
		t.Errorf("after a restart %d profiles, want the %d that were answered", len(got), len(answered))
	}
}

// A restart changes nothing, and goes on with the ids.
func TestRestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "with space?&%.db")
	c := newClock()
	o := sandbox.Options{DataFile: file, Clock: c.Now, TTL: time.Hour, OnDuplicate: sandbox.DuplicateAllow}
	s := start(t, o)
	s.want(204, "PUT", "/schema/"+s.ProjectID(), `{"details":[{"field":"T","internal":"tier","type":"string"}]}`)
	s.create("old")
	c.Advance(30 * time.Minute)
	id := s.want(201, "POST", "", s.createBody([]string{"a", "b"}, map[string]any{"tier": "gold", "age": 1e3})).id()
	s.AddSession(id, []byte(`{"n":1}`))
	s.want(204, "PATCH", "/"+id, `{"active":false}`)
	s.want(204, "DELETE", "/"+s.create("c"), "")
	gone := s.create("d")
	s.want(204, "DELETE", "/"+gone, "")
	before, schema := s.Profiles(), string(s.want(200, "GET", "/schema/"+s.ProjectID(), "").Body)
	exported := string(s.want(200, "POST", "/"+id+"/data/export", "").Body)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = start(t, o)
	if after := s.Profiles(); !reflect.DeepEqual(after, before) {
		t.Errorf("after a restart %s, want %s", after, before)
	}
	if got := string(s.want(200, "GET", "/schema/"+s.ProjectID(), "").Body); got != schema {
		t.Errorf("schema %s, want %s", got, schema)
	}
	if got := string(s.want(200, "POST", "/"+id+"/data/export", "").Body); got != exported {
		t.Errorf("exported %s, want %s", got, exported)
	}
	if next := s.create("e"); next <= gone {
		t.Errorf("the id %s after %s", next, gone)
	}
	s.wantProblem(400, 1005, "POST", "", s.createBody([]string{"f"}, map[string]any{"tier": 1}))
	c.Advance(31 * time.Minute) // the life time went on meanwhile
	if got := fmt.Sprint(s.list()); got != "[a e]" {
		t.Errorf("an hour after the first create: %s", got)
	}
}

func TestDataFileIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no modes")
	}
	dir := t.TempDir()
	s := start(t, sandbox.Options{DataFile: filepath.Join(dir, "sandbox.db")})
	s.create("a")
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(files) < 2 {
		t.Errorf("files %v, want a write-ahead log", files)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f, info.Mode(), err)
		}
	}
}

func TestDataFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "sandbox.db")
	start(t, sandbox.Options{DataFile: file})
	refused := func(o sandbox.Options, want string) {
		t.Helper()
		s, err := sandbox.New(o)
		if err == nil {
			s.Close()
			t.Errorf("%s was taken", o.DataFile)
		} else if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), o.DataFile) {
			t.Errorf("%v, want %q and the file in it", err, want)
		}
	}
	refused(sandbox.Options{DataFile: file}, "another sandbox")

	project := filepath.Join(dir, "project.db")
	s, err := sandbox.New(sandbox.Options{DataFile: project})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	refused(sandbox.Options{DataFile: project, ProjectID: strings.Repeat("a", 24)}, sandbox.DefaultProjectID)

	other := filepath.Join(dir, "other.db")
	db, err := sqlfile.Open(other, "CREATE TABLE t (a)")
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	refused(sandbox.Options{DataFile: other}, "something else")

	text := filepath.Join(dir, "text.db")
	content := strings.Repeat("contact,name\n", 1000)
	os.WriteFile(text, []byte(content), 0o600)
	refused(sandbox.Options{DataFile: text}, "not a database")
	if got, _ := os.ReadFile(text); string(got) != content {
		t.Error("the file was changed")
	}
	refused(sandbox.Options{DataFile: filepath.Join(dir, "missing", "sandbox.db")}, "no such file")
}
