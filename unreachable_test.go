package main

import (
	"bytes"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Where the API cannot be reached from the start, a run with the usual settings ends
// soon, with one sentence that names the cause and what to look at. The cause is told
// at once, however the run shows itself, and whether or not it asks for the schema
// first.
func TestUnreachableFromTheStart(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	_, securePort, _ := net.SplitHostPort(secure.Listener.Addr().String())
	closed := httptest.NewServer(nil)
	closed.Close()
	down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Error(w, "nobody behind me", http.StatusBadGateway) }))
	t.Cleanup(down.Close)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the kernel connects, and nobody answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	proxy := func(status int) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) }))
		t.Cleanup(server.Close)
		return "HTTPS_PROXY=" + server.URL
	}
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	var runs sync.WaitGroup
	for _, c := range []struct {
		name, how, url, env string
		cause, hint         string
		atOnce              bool
	}{
		{"closed port", "none", closed.URL, "", "nobody listens", "--base-url", false},
		{"closed port", "plain", closed.URL, "", "nobody listens", "--base-url", false},
		{"closed port", "bar", closed.URL, "", "nobody listens", "--base-url", false},
		{"unknown host", "plain", "https://api.example.invalid", "", "the host api.example.invalid cannot be looked up", "--base-url", false},
		{"a gateway with nobody behind it", "bar", down.URL, "", "HTTP 502", "--base-url", false},
		{"a port that says nothing", "plain", "https://" + silent.Addr().String(), "", "no connection in time: net/http: TLS handshake timeout", "--base-url", false},
		{"TLS to a plain port", "plain", strings.Replace(plain.URL, "http:", "https:", 1), "", "first record does not look like a TLS handshake", "speaks http://", true},
		{"a certificate that nobody trusts", "none", secure.URL, "", "signed by unknown authority", "$SSL_CERT_FILE", true},
		{"a certificate of another name", "plain", "https://localhost:" + securePort, "SSL_CERT_FILE=" + roots, "not localhost", "--base-url", true},
		{"a proxy that refuses", "bar", "https://api.example.invalid", proxy(403), "the proxy does not connect to the API: it says 403", "$HTTPS_PROXY", true},
		{"a proxy that wants a password", "plain", "https://api.example.invalid", proxy(407), "the proxy does not connect to the API: it says 407", "$HTTPS_PROXY", true},
	} {
		runs.Go(func() {
			dir := t.TempDir()
			if err := errors.Join(os.WriteFile(filepath.Join(dir, "a.csv"), []byte("email\nada@example.com\n"), 0o600),
				os.WriteFile(filepath.Join(dir, "c.yaml"), []byte("stamp: {field: import_key}\n"), 0o600)); err != nil {
				t.Error(err)
				return
			}
			args := []string{"--source", "a.csv", "--base-url", c.url, "--project-id", "65f0000000000000000000aa", "--progress", c.how, "--log-format", "json", "--json"}
			if c.how == "plain" { // it asks for the schema
				args = append(args, "--config", "c.yaml")
			}
			cmd := exec.Command("importer", args...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "COGNIGY_API_KEY=secret", "XDG_CACHE_HOME="+dir, "NO_PROXY=127.0.0.1,localhost", c.env)
			said := &firstTime{text: c.cause}
			cmd.Stderr = said
			began := time.Now()
			err := cmd.Run()
			took, told := time.Since(began), said.at.Sub(began)
			if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 1 || took > 15*time.Second || c.atOnce && took > 5*time.Second {
				t.Errorf("%s, %s: after %v: %v", c.name, c.how, took, err)
			}
			var last []string
			for line := range strings.Lines(said.all.String()) {
				if strings.HasPrefix(line, "importer: ") {
					last = append(last, line)
				}
			}
			// What has to be waited for is told when it is known.
			inTime := told >= 0 && told < 2*time.Second || c.url == "https://"+silent.Addr().String()
			if !inTime || len(last) != 1 || strings.Count(last[0], c.cause) != 1 || !strings.Contains(last[0], c.hint) {
				t.Errorf("%s, %s: told after %v, and in the end %q:\n%s", c.name, c.how, told, last, said.all.String())
			}
		})
	}
	runs.Wait()
}

// firstTime notes when a text was written first.
type firstTime struct {
	text string
	all  bytes.Buffer
	at   time.Time
}

func (f *firstTime) Write(b []byte) (int, error) {
	f.all.Write(b)
	if f.at.IsZero() && strings.Contains(f.all.String(), f.text) {
		f.at = time.Now()
	}
	return len(b), nil
}
