package cli

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"importer/internal/sandbox"
)

// A hook takes notifications.
type hook struct {
	mu   sync.Mutex
	told []string
	url  string
}

func newHook(t *testing.T) *hook {
	h := &hook{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		var s struct{ Status string }
		if err := json.Unmarshal(b, &s); err != nil {
			t.Error(err)
		}
		h.mu.Lock()
		h.told = append(h.told, s.Status)
		h.mu.Unlock()
	}))
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

// take returns what was told since.
func (h *hook) take() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	told := strings.Join(h.told, " ")
	h.told = nil
	return told
}

func TestWhoIsToldOfWhichRun(t *testing.T) {
	const good, bad, gone = 0, 1, 2
	for _, mode := range []string{"create", "upsert"} {
		for on, want := range map[string][]string{
			//        good        good        bad         bad         good        no source  bad         good
			"always":  {"complete", "complete", "complete", "complete", "complete", "stopped", "complete", "complete"},
			"failure": {"", "", "complete", "complete", "", "stopped", "complete", ""},
			"change":  {"", "", "complete", "", "complete", "stopped", "complete", "complete"},
		} {
			h := newHook(t)
			j := newJob(t, mode, sandbox.Options{})
			config := j.config("notify: {url: \"" + h.url + "\", on: " + on + "}\n")
			for night, what := range []int{good, good, bad, bad, good, gone, bad, good} {
				j.contacts(3 + night) // something to do each night
				if what == bad {
					j.rows = append(j.rows, "@@,Bad,1")
				}
				j.write()
				if what == gone {
					if err := os.Remove(j.path("c.csv")); err != nil {
						t.Fatal(err)
					}
				}
				r, _ := j.command(append(slices.Clone(j.args), "--config", config)...)
				if worked := r.code == exitOK; worked != (what == good) {
					t.Fatal(r)
				}
				if told := h.take(); told != want[night] {
					t.Errorf("%s, %s, night %d: told %q, want %q", mode, on, night+1, told, want[night])
				}
			}
		}
	}
}

// What is tolerated works; a run with nothing before it that fails is news.
func TestAFirstRunThatFailsIsTold(t *testing.T) {
	h := newHook(t)
	j := newJob(t, "create", sandbox.Options{})
	config := j.config("notify: {url: \"" + h.url + "\", on: change}\ntolerate: 1\n")
	j.contacts(3)
	j.rows = append(j.rows, "@@,Bad,1")
	j.must("--config", config)
	if told := h.take(); told != "" {
		t.Errorf("tolerated: told %q", told)
	}
	j.rows = append(j.rows, "@@,Worse,1")
	j.must0(exitNotAllIn, "--config", config, "--report", j.path("other.report.ndjson"))
	if told := h.take(); told != "complete" {
		t.Errorf("a first one: told %q", told)
	}
	if r, _ := j.command(append(slices.Clone(j.args), "--config", j.config("notify: {on: never}\n"))...); r.code != exitUsage || !strings.Contains(r.stderr, "notify.on") {
		t.Error(r)
	}
}
