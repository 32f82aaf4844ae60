package metrics

import (
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"importer/importer/contact"
	"importer/importer/pace"
)

func newMetrics(t *testing.T) *Metrics {
	t.Helper()
	rate, err := pace.ParseRate("1000/5m")
	if err != nil {
		t.Fatal(err)
	}
	return New("1.2.3", new(contact.Progress), pace.NewPacer(rate, pace.PacerOptions{}))
}

// The names follow the conventions, as promlint has them.
func TestConventions(t *testing.T) {
	m := newMetrics(t)
	m.Observe("create", 201, 80*time.Millisecond)
	problems, err := testutil.GatherAndLint(m.registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint says %v, %v", problems, err)
	}
}

func TestOverHTTP(t *testing.T) {
	m := newMetrics(t)
	m.Observe("create", 201, 80*time.Millisecond)
	m.Observe("create", 201, 20*time.Second)
	m.Observe("list", 0, time.Second)
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`importer_requests_total{code="201",op="create"} 2`,
		`importer_requests_total{code="0",op="list"} 1`,
		`importer_request_duration_seconds_bucket{op="create",le="0.1"} 1`,
		`importer_rows_total{outcome="created"} 0`,
		`importer_rows_total{outcome="done_before"} 0`,
		`importer_quota_window_limit 1000`,
		`importer_quota_window_used 0`,
		`importer_run_in_progress 1`,
		`importer_build_info{goversion="go`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("there is no %s in\n%s", want, w.Body)
		}
	}
}

// For how long the store has been away is counted up, and is 0 when it is back.
func TestStoreAway(t *testing.T) {
	var progress contact.Progress
	m := New("1.2.3", &progress, pace.NewPacer(pace.Rate{}, pace.PacerOptions{}))
	says := func(seconds string) {
		t.Helper()
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		if want := "importer_store_away_seconds " + seconds + "\n"; !strings.Contains(w.Body.String(), want) {
			t.Errorf("there is no %s in\n%s", want, w.Body)
		}
	}
	says("0")
	progress.StoreAway(time.Now().Add(-42*time.Second), errors.New("no answer"))
	says("42")
	progress.StoreBack()
	says("0")
}

// A run that fails must not make the last success forgotten, or no alert could
// tell for how long nothing has worked.
func TestLastSuccessOutlivesRuns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "importer.prom")
	write := func(success bool) string {
		t.Helper()
		m := newMetrics(t)
		if err := m.Remember(path); err != nil {
			t.Fatal(err)
		}
		m.End(success)
		if err := m.WriteTextfile(path); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(line, lastSuccessName+" "); ok {
				return value
			}
		}
		t.Fatalf("no %s in %s", lastSuccessName, text)
		return ""
	}
	if at := write(false); at != "0\n" {
		t.Errorf("before any success it is %q", at)
	}
	succeeded := write(true)
	if succeeded == "0\n" {
		t.Error("a success left no trace")
	}
	if at := write(false); at != succeeded {
		t.Errorf("after a run that failed it is %q, was %q", at, succeeded)
	}
	if err := os.WriteFile(path, []byte("no metrics {"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := newMetrics(t).Remember(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a file that is none of ours: %v", err)
	}
}
