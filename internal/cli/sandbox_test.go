package cli_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"importer/internal/cli"
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
		"--retry-after x", "--log-level x", "argument"} {
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
