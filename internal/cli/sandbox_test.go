package cli_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"importer/internal/cli"
	"importer/internal/sandbox"
)

// A running `importer sandbox`.
type sandboxCommand struct {
	url    string
	stderr *strings.Builder // to be read once stop has returned
	stop   func() error     // cancels the context and awaits the end
}

func startSandbox(t *testing.T, args ...string) sandboxCommand {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	var stderr strings.Builder
	cmd := cli.NewSandboxCommand(in)
	cmd.SetArgs(append([]string{"--addr", "127.0.0.1:0"}, args...))
	cmd.SetErr(&stderr)
	ended := make(chan error, 1)
	go func() {
		err := cmd.ExecuteContext(ctx)
		in.CloseWithError(err)
		ended <- err
	}()
	stop := func() error {
		cancel()
		return <-ended
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		cancel()
		t.Fatalf("%v: %s", err, stderr.String())
	}
	m := regexp.MustCompile(`^sandbox listening on (http://127\.0\.0\.1:\d+) \(api key: (\S+), project id: (\S+)\)\n$`).FindStringSubmatch(line)
	if m == nil {
		stop()
		t.Fatalf("the first line is %q", line)
	}
	return sandboxCommand{url: m[1], stderr: &stderr, stop: stop}
}

func (s sandboxCommand) do(t *testing.T, method, path, key, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-API-Key", key)
	r.Header.Set("Content-Type", "application/json")
	r.Close = true
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data)
}

const sandboxCreate = `{"projectId":"65f0000000000000000000aa","contactIds":["jane@example.com"]}`

func TestSandboxCommandServesUntilItIsCancelled(t *testing.T) {
	s := startSandbox(t)
	if status, body := s.do(t, "POST", "/new/v2.0/profiles", "sandbox", sandboxCreate); status != 201 {
		t.Errorf("%d %s", status, body)
	}
	if err := s.stop(); err != nil {
		t.Errorf("after cancelling: %v", err)
	}
	if status, _ := s.do(t, "GET", "/new/v2.0/profiles", "sandbox", ""); status != 0 {
		t.Error("it still serves")
	}
	if s.stderr.Len() > 0 {
		t.Errorf("it logged %s", s.stderr)
	}
}

func TestSandboxCommandFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sandbox.db")
	for range 2 { // the second finds what the first kept
		s := startSandbox(t, "--data", file, "--api-key", "k", "--project-id", strings.Repeat("b", 24), "--rate", "2/1h", "--create-status", "200",
			"--on-duplicate", "return", "--max-body", "100", "--retry-after", "none", "--ttl", "off", "--latency", "1ms", "--default-media", "hal")
		body := strings.Replace(sandboxCreate, "65f0000000000000000000aa", strings.Repeat("b", 24), 1)
		if status, answer := s.do(t, "POST", "/new/v2.0/profiles", "k", body); status != 200 || !strings.Contains(answer, "_links") {
			t.Errorf("%d %s", status, answer)
		}
		if status, answer := s.do(t, "POST", "/new/v2.0/profiles", "k", body+strings.Repeat(" ", 100)); status != 413 {
			t.Errorf("%d %s", status, answer)
		}
		if status, answer := s.do(t, "GET", "/new/v2.0/profiles", "k", ""); status != 429 {
			t.Errorf("%d %s", status, answer)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}
}

// Each switch is a flag that takes each of its values, and stands in the document with
// them, the default first. So do the other flags and the faults.
func TestSandboxCommandSwitches(t *testing.T) {
	data, err := os.ReadFile("../../docs/sandbox.md")
	if err != nil {
		t.Fatal(err)
	}
	document := string(data)
	var o sandbox.Options
	for _, w := range o.Switches() {
		row := fmt.Sprintf("\n| `--%s` | `%s` | ", w.Name, strings.Join(w.Values, "`, `"))
		if !strings.Contains(document, row) {
			t.Errorf("docs/sandbox.md has no %q", row)
		}
		for _, value := range append(w.Values, "else") {
			cmd := cli.NewSandboxCommand(io.Discard)
			cmd.SetArgs([]string{"--addr", "127.0.0.1:0", "--rate", "1000/5m", "--" + w.Name, value})
			cmd.SetOut(io.Discard)
			cmd.SetErr(io.Discard)
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // it starts, and ends at once
			if err := cmd.ExecuteContext(ctx); (err == nil) == (value == "else") {
				t.Errorf("--%s %s: %v", w.Name, value, err)
			}
		}
	}
	cmd := cli.NewSandboxCommand(io.Discard)
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(document, "`--"+f.Name) {
			t.Errorf("docs/sandbox.md does not have --%s", f.Name)
		}
	})
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z][a-z0-9-]+)[: ]`).FindAllStringSubmatch(cmd.Long, -1) {
		if !strings.Contains(document, "\n| `"+m[1]) {
			t.Errorf("docs/sandbox.md does not have the fault %s", m[1])
		}
	}
}

func TestSandboxCommandTellsWhatOthersWrote(t *testing.T) {
	s := startSandbox(t, "--fault", "write:1", "--patch", "replace")
	_, body := s.do(t, "POST", "/new/v2.0/profiles", "sandbox", sandboxCreate)
	id := regexp.MustCompile(`"_id":"(\w+)"`).FindStringSubmatch(body)[1]
	s.do(t, "PATCH", "/new/v2.0/profiles/"+id, "sandbox", `{"profile":{"firstname":"Jane"}}`)
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if log := s.stderr.String(); strings.Count(log, `"memories":1,"memories_lost":1,"consents_withdrawn":0`) != 1 || !strings.Contains(log, `"level":"warn"`) {
		t.Errorf("it logged %s", log)
	}
}

func TestSandboxCommandLogsLostAnswers(t *testing.T) {
	s := startSandbox(t, "--fault", "drop-after:1", "--seed", "7")
	if status, _ := s.do(t, "POST", "/new/v2.0/profiles", "sandbox", sandboxCreate); status != 0 {
		t.Errorf("answered %d", status)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if log := s.stderr.String(); !strings.Contains(log, `"fault":"drop-after"`) || !strings.Contains(log, `"lost_status":201`) || strings.Contains(log, "jane@example.com") {
		t.Errorf("it logged %q", log)
	}
}

func TestSandboxCommandWarnsOffLoopback(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var stdout, stderr strings.Builder
	cmd := cli.NewSandboxCommand(writerFunc(func(p []byte) (int, error) { cancel(); return stdout.Write(p) }))
	cmd.SetArgs([]string{"--addr", "0.0.0.0:0"})
	cmd.SetErr(&stderr)
	if err := cmd.ExecuteContext(ctx); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(stderr.String(), "other machines can reach the sandbox") {
		t.Errorf("it logged %q", stderr.String())
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestSandboxCommandRefusesWrongFlags(t *testing.T) {
	for _, args := range []string{"--rate 5", "--fault 500", "--fault drop:0.1", "--ttl 0s", "--ttl 30d", "--on-duplicate maybe", "--patch x", "--create-status 204",
		"--project-id x", "--latency -1s", "--max-body -1", "--seed -1", "--limit-above x", "--unknown-members x", "--unknown-fields x", "--default-media x",
		"--retry-after x", "--update-status 201", "--rate-headers ratelimit", "--fault write", "--fault get-lag:0.1", "--log-level x", "argument"} {
		cmd := cli.NewSandboxCommand(io.Discard)
		cmd.SetArgs(append([]string{"--addr", "127.0.0.1:0"}, strings.Fields(args)...))
		cmd.SetOut(io.Discard)
		cmd.SetErr(io.Discard)
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // where it starts after all, it ends at once
		err := cmd.ExecuteContext(ctx)
		if err == nil {
			t.Errorf("%s was taken", args)
		}
		// What cobra itself refuses becomes exit code 2 at the root.
		if code, _ := cli.ExitCode(err); code != 2 && !strings.HasPrefix(err.Error(), "invalid argument") {
			t.Errorf("%s: exit code %d, want 2, for %v", args, code, err)
		}
	}
}

func TestSandboxCommandCannotListen(t *testing.T) {
	cmd := cli.NewSandboxCommand(io.Discard)
	cmd.SetArgs([]string{"--addr", "nowhere"})
	cmd.SetOut(io.Discard)
	cmd.SetErr(io.Discard)
	if code, _ := cli.ExitCode(cmd.ExecuteContext(t.Context())); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
}

// A page of another origin, and who asks for another host than this machine, is refused
// unless it is let in; the key that everybody knows does not help.
func TestSandboxCommandKeepsStrangersPagesOut(t *testing.T) {
	s := startSandbox(t, "--allow-origin", "http://localhost:3000", "--allow-origin", "http://sandbox.example")
	defer func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}()
	for _, c := range []struct {
		origin, host string
		want         int
	}{
		{"", "", 200}, {s.url, "", 200}, {"http://localhost:3000", "", 200}, {"", "sandbox.example", 200},
		{"https://evil.example", "", 403}, {"null", "", 403}, {"http://localhost:3001", "", 403}, {"", "evil.example", 421},
	} {
		r, err := http.NewRequest("GET", s.url+"/new/v2.0/profiles?projectId=65f0000000000000000000aa", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = c.host
		r.Header.Set("X-API-Key", "sandbox")
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("Origin %q, Host %q: %s, want %d", c.origin, c.host, resp.Status, c.want)
		}
	}
	cmd := cli.NewSandboxCommand(io.Discard)
	cmd.SetArgs([]string{"--allow-origin", "*"})
	cmd.SetErr(io.Discard)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	if code, _ := cli.ExitCode(cmd.Execute()); code != 2 {
		t.Errorf("--allow-origin '*' ends with %d, want 2", code)
	}
}
