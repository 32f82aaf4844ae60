package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"importer/internal/sandbox"
)

func TestMain(m *testing.M) {
	if strings.HasSuffix(filepath.Base(os.Args[0]), ".test") { // not the command, which the test is by another name
		forgetSettings()
	}
	testscript.Main(m, map[string]func(){"importer": main})
}

// forgetSettings takes away what a person has set for the program: it is no part of
// a test.
func forgetSettings() {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "COGNIGY_") || strings.HasPrefix(name, "IMPORTER_") {
			os.Unsetenv(name)
		}
	}
}

// TestScripts runs the command as people do. Each script says why it is there.
//
// Beside the commands of testscript there are:
//
//	sandbox [FAULT…]        start a sandbox that lives as long as the script, and point the environment at it;
//	                        latency=D, rate=R, duplicates=HOW and project=ID are options beside faults;
//	                        with a project of its own it stands for the real API, and is no rehearsal
//	contacts FILE N [NAME]  write a CSV file of N contacts, all of that name
//	profiles N              the sandbox holds N profiles, no contact id twice
//	await-requests N        wait until it got at least N requests
//	terminate               send SIGTERM to the command that await-requests waited for
//	requests OP N[-M]       it got so many requests of an operation: create, list, get; or all
//	throttled N             it answered 429 so many times
//	rows REPORT STATUS N    the last lines of N keys of a report have that status
//	exits CODE importer ARG…
//	                        run it, and want that exit code
//	exits CODE              the command in the background, which was awaited, had that exit code
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Values[rigKey{}] = &rig{}
			e.Setenv("XDG_CACHE_HOME", filepath.Join(e.WorkDir, ".cache"))
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, ".state"))
			wd, err := os.Getwd()
			e.Setenv("TESTDATA", filepath.Join(wd, "testdata"))
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"sandbox":        startSandbox,
			"contacts":       writeContacts,
			"profiles":       checkProfiles,
			"await-requests": awaitRequests,
			"requests":       checkRequests,
			"rows":           checkRows,
			"exits":          checkExit,
			"throttled": func(ts *testscript.TestScript, _ bool, args []string) {
				if got, want := rigOf(ts).server.Counts().Throttled, number(ts, args[0]); got != want {
					ts.Fatalf("the sandbox refused %d requests for its quota, want %d", got, want)
				}
			},
			"terminate": func(ts *testscript.TestScript, _ bool, _ []string) {
				ts.Check(rigOf(ts).background.Process.Signal(syscall.SIGTERM))
			},
		},
	})
}

type rigKey struct{}

// A rig is what a script has besides files.
type rig struct {
	server     *sandbox.Server
	background *exec.Cmd // the one that await-requests waited for
}

func rigOf(ts *testscript.TestScript) *rig { return ts.Value(rigKey{}).(*rig) }

const testKey = "s3cret-test-key"

func startSandbox(ts *testscript.TestScript, neg bool, args []string) {
	o := sandbox.Options{APIKey: testKey, Seed: 1}
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		var err error
		switch name {
		case "latency":
			o.Latency, err = time.ParseDuration(value)
		case "rate":
			o.Rate, err = sandbox.ParseRate(value)
		case "duplicates":
			o.OnDuplicate = value
		case "project":
			o.ProjectID = value
		default:
			var f sandbox.Fault
			f, err = sandbox.ParseFault(arg)
			o.Faults = append(o.Faults, f)
		}
		ts.Check(err)
	}
	server, err := sandbox.Listen("127.0.0.1:0", o)
	ts.Check(err)
	ts.Defer(func() { ts.Check(server.Close()) })
	rigOf(ts).server = server
	ts.Setenv("COGNIGY_BASE_URL", server.URL)
	ts.Setenv("COGNIGY_PROJECT_ID", server.ProjectID())
	ts.Setenv("COGNIGY_API_KEY", testKey)
}

func writeContacts(ts *testscript.TestScript, neg bool, args []string) {
	name := "c"
	if len(args) > 2 {
		name = args[2]
	}
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "email,first name,age")
	for i := range number(ts, args[1]) {
		fmt.Fprintf(w, "%s%06d@example.com,Name %d,%d\n", name, i, i, 18+i%70)
	}
	ts.Check(w.Flush())
	ts.Check(f.Close())
}

func checkProfiles(ts *testscript.TestScript, neg bool, args []string) {
	seen := map[string]bool{}
	profiles := rigOf(ts).server.Profiles()
	for _, p := range profiles {
		for _, id := range p.ContactIDs {
			if seen[id] {
				ts.Fatalf("contact id %s is on two profiles", id)
			}
			seen[id] = true
		}
	}
	if want := number(ts, args[0]); len(profiles) != want {
		ts.Fatalf("the sandbox holds %d profiles, want %d", len(profiles), want)
	}
}

func awaitRequests(ts *testscript.TestScript, neg bool, args []string) {
	want := number(ts, args[0])
	for deadline := time.Now().Add(time.Minute); len(rigOf(ts).server.Requests()) < want; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("the sandbox got %d requests within a minute, want %d", len(rigOf(ts).server.Requests()), want)
		}
	}
	rigOf(ts).background = ts.BackgroundCmds()[0]
}

func checkRequests(ts *testscript.TestScript, neg bool, args []string) {
	got := 0
	for op, n := range rigOf(ts).server.Counts().Requests {
		if args[0] == op || args[0] == "all" {
			got += n
		}
	}
	low, high, span := strings.Cut(args[1], "-")
	if !span {
		high = low
	}
	if got < number(ts, low) || got > number(ts, high) {
		ts.Fatalf("%d requests of %s, want %s", got, args[0], args[1])
	}
}

func checkRows(ts *testscript.TestScript, neg bool, args []string) {
	last := map[string]string{}
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		var l struct{ Kind, Key, Status string }
		ts.Check(json.Unmarshal([]byte(line), &l))
		if l.Kind != "row" {
			continue
		}
		if l.Key == "" || l.Status == "duplicate" { // about the row, not about its contact
			l.Key = fmt.Sprint(len(last), line)
		}
		last[l.Key] = l.Status
	}
	got := 0
	for _, status := range last {
		if status == args[1] {
			got++
		}
	}
	if want := number(ts, args[2]); got != want {
		ts.Fatalf("%d rows are %s, want %d", got, args[1], want)
	}
}

func checkExit(ts *testscript.TestScript, neg bool, args []string) {
	want := number(ts, args[0])
	if len(args) > 1 {
		err := ts.Exec(args[1], args[2:]...)
		got := 0
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			got = exit.ExitCode()
		} else {
			ts.Check(err)
		}
		if got != want {
			ts.Fatalf("exit code %d, want %d", got, want)
		}
		return
	}
	if got := rigOf(ts).background.ProcessState.ExitCode(); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func number(ts *testscript.TestScript, s string) int {
	n, err := strconv.Atoi(s)
	ts.Check(err)
	return n
}

// What a server sends without being asked is shown to nobody: it may be about any
// contact.
func TestAnswersThatNobodyAskedFor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				req, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, req.Body)
				const answer = "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 87\r\n\r\n"
				_, _ = io.WriteString(c, answer+`{"_id":"65f000000000000000000001","contactIds":["ada@example.com"],"x":"ada@invalid"  }`+
					answer+`{"_id":"65f000000000000000000002","contactIds":["bob@example.com"],"x":"bob@invalid"  }`)
				_, _ = io.Copy(io.Discard, c)
			}()
		}
	}()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.csv"), []byte("email\nada@example.com\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("importer", "--source", "a.csv", "--existing", "ignore", "--base-url", "http://"+l.Addr().String(), "--project-id", "65f0000000000000000000aa")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "COGNIGY_API_KEY=sandbox", "XDG_CACHE_HOME="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), "invalid") {
		t.Errorf("%v, and it printed:\n%s", err, out)
	}
}
