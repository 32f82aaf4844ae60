package cli

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"importer/internal/exit"
	"importer/internal/sandbox"
)

// A transcript is what a command has written so far; it may be read while it writes.
type transcript struct {
	mu sync.Mutex
	b  strings.Builder
}

func (w *transcript) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *transcript) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// The address of the live page is printed once, with a token; without it other users of
// this machine see counts.
func TestLivePageOfARun(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{Latency: 150 * time.Millisecond})
	j.contacts(12)
	j.rows[0] = "ann@example.com,Ann,not-a-number"
	j.write()
	var out transcript
	ended := make(chan error, 1)
	go func() {
		args := append(j.args, "--log-level", "info", "--workers", "1", "--listen", "127.0.0.1:0")
		ended <- Execute(t.Context(), args, Env{Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: &out, Getenv: j.getenv})
	}()
	address := regexp.MustCompile(`http://127\.0\.0\.1:\d+/\?token=\w+`)
	get := func(url string) string {
		resp, err := http.Get(url)
		if err != nil {
			return err.Error()
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return fmt.Sprint(string(body), err)
	}
	seen := false
	for !seen {
		select {
		case err := <-ended:
			t.Fatalf("it ended before its page was seen: %v: %s", err, &out)
		case <-time.After(20 * time.Millisecond):
		}
		url := address.FindString(out.String())
		if url == "" {
			continue
		}
		whole := get(url)
		if seen = strings.Contains(whole, "not-a-number"); !seen {
			continue
		}
		base, _, _ := strings.Cut(url, "?")
		for _, other := range []string{base, base + "?token=", base + "?token=guess", base + "metrics"} {
			page := get(other)
			if strings.Contains(page, "ann@") || strings.Contains(page, "not-a-number") || !strings.Contains(page, "invalid") {
				t.Errorf("%s says %s", other, page)
			}
		}
	}
	if err := <-ended; err != exit.ErrNotAllIn {
		t.Errorf("%v: %s", err, &out)
	}
	if n := strings.Count(out.String(), "token="); n != 1 {
		t.Errorf("the token was printed %d times: %s", n, &out)
	}
}
