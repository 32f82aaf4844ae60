package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"importer/internal/sandbox"
)

// A probe that is killed, at whichever request, leaves a record; the next doctor
// deletes by it what is left.
func TestProbeKilledAtAnyRequest(t *testing.T) {
	t.Parallel()
	server, err := sandbox.Listen("127.0.0.1:0", sandbox.Options{OnDuplicate: sandbox.DuplicateAllow})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	to, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	var mu sync.Mutex
	var victim *exec.Cmd
	var n, at atomic.Int64 // requests so far, and the one at which the process dies; below 0 after it was done
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := n.Add(1)
		body, _ := io.ReadAll(r.Body) // else nobody sees that the connection is gone
		r.Body = io.NopCloser(bytes.NewReader(body))
		kill := func(when int64) bool {
			if now != when {
				return false
			}
			mu.Lock()
			defer mu.Unlock()
			_ = victim.Process.Kill()
			<-r.Context().Done() // its connection is gone
			return true
		}
		if kill(at.Load()) {
			return
		}
		answer := httptest.NewRecorder()
		pass.ServeHTTP(answer, r.WithContext(t.Context())) // what has arrived is done
		kill(-at.Load())
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = answer.Body.WriteTo(w)
	}))
	defer front.Close()
	var dir string // of each kill another: what is left open is looked for by each doctor
	command := func(args ...string) (*exec.Cmd, *bytes.Buffer) {
		cmd := exec.Command("importer", append([]string{"doctor", "--rate", "unlimited"}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+dir, "XDG_CACHE_HOME="+dir, "COGNIGY_BASE_URL="+front.URL, "COGNIGY_API_KEY="+server.APIKey(), "COGNIGY_PROJECT_ID="+server.ProjectID())
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		return cmd, &out
	}
	killed, deleted := 0, 0
	step, fewest := int64(4), 10 // some of the requests; with CHAOS=full each of them
	if os.Getenv("CHAOS") == "full" {
		step, fewest = 1, 40
	}
	for i := int64(3); i <= 45; i += step { // the first two are the checks
		for _, when := range []int64{i, -i} {
			dir = t.TempDir()
			n.Store(0)
			at.Store(when)
			cmd, out := command("--probe")
			mu.Lock()
			victim = cmd
			err := cmd.Start()
			mu.Unlock()
			if err != nil {
				t.Fatal(err)
			}
			err = cmd.Wait()
			at.Store(0)
			if err == nil {
				continue // it makes fewer requests
			}
			if cmd.ProcessState.ExitCode() >= 0 {
				t.Fatalf("killed at %d: %v\n%s", when, err, out)
			}
			killed++
			had := len(server.Profiles())
			cmd, out = command()
			if err := cmd.Run(); err != nil {
				t.Errorf("after a kill at %d: %v\n%s", when, err, out)
			}
			if left := server.Profiles(); len(left) > 0 {
				t.Errorf("after a kill at %d, %d of %d profiles are left\n%s", when, len(left), had, out)
			}
			if had > 0 && !strings.Contains(out.String(), fmt.Sprintf(`"profiles":%d`, had)) {
				t.Errorf("after a kill at %d it is not told that %d profiles were deleted\n%s", when, had, out)
			}
			deleted += had
		}
	}
	if killed < fewest || deleted < fewest/2 {
		t.Errorf("only %d probes were killed, and left %d profiles", killed, deleted)
	}
}

// A proxy stands between: what fails is told of it, and not of the API.
func TestDoctorBehindAProxy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, url string
		answer    http.HandlerFunc
		says      []string // lines begin like this
	}{
		{"that refuses", "https://api.example.invalid", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) },
			[]string{"ok    dns       127.0.0.1, the proxy on the way to api.example.invalid", "ok    connect   127.0.0.1", "fail  tls       the proxy does not connect to the API: it says 407"}},
		{"that answers HTML with 200", "http://api.example.invalid", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<title>Terms of use</title>")
		}, []string{"warn  tls       api.example.invalid is not encrypted", `fail  api       HTTP 200: OK, not from the API: a page titled "Terms of use"`}},
	} {
		proxy := httptest.NewServer(c.answer)
		dir := t.TempDir()
		cmd := exec.Command("importer", "doctor", "--insecure-http", "--base-url", c.url, "--project-id", "65f0000000000000000000aa")
		cmd.Dir = dir
		with := strings.Replace(proxy.URL, "//", "//user:s3cret-password@", 1)
		cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+dir, "XDG_CACHE_HOME="+dir, "COGNIGY_API_KEY=s3cret-test-key", "HTTPS_PROXY="+with, "HTTP_PROXY="+with, "NO_PROXY=")
		out, err := cmd.CombinedOutput()
		proxy.Close()
		if cmd.ProcessState.ExitCode() != 1 || strings.Contains(string(out), "s3cret") {
			t.Errorf("%s: %v\n%s", c.name, err, out)
		}
		for _, line := range c.says {
			if !strings.Contains("\n"+string(out), "\n"+line) {
				t.Errorf("%s: there is no line %q\n%s", c.name, line, out)
			}
		}
	}
}
