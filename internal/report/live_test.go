package report_test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"importer/internal/report"
	"importer/sink/journal"
)

// Who asks without the token, as another user of this machine may, sees how many rows
// there are of each kind, and nothing of a contact.
func TestTheLivePageShowsContactsWithItsTokenOnly(t *testing.T) {
	const key, other = "AAAAAAAAAAAAAAAAAAAAAQ", "AAAAAAAAAAAAAAAAAAAAAg"
	path := filepath.Join(t.TempDir(), "r.report.ndjson")
	text := `{"kind":"run","run":"01A","at":"2026-01-01T00:00:00.000Z","version":"1","mode":"create","sources":["SECRET.csv"],"base_url":"https://x","project_id":"y"}
{"kind":"sending","keys":["` + key + `","` + other + `"],"at":"2026-01-01T00:00:00.000Z"}
{"kind":"row","key":"` + key + `","digest":"` + key + `","source":"SECRET.csv","line":2,"row":1,"contactIds":["SECRET@example.com"],"status":"rejected","error":{"http":400,"field":"SECRET","detail":"SECRET is wrong","hint":"write SECRET","traceId":"SECRET"},"attempts":1,"at":"2026-01-01T00:00:01.000Z"}
{"kind":"row","key":"` + other + `","digest":"` + key + `","source":"SECRET.csv","line":3,"row":2,"contactIds":["SECRET@example.org"],"status":"unknown","doubt":"SECRET","attempts":1,"at":"2026-01-01T00:00:02.000Z"}
{"kind":"row","key":"` + other + `","source":"SECRET.csv","line":4,"row":3,"contactIds":["SECRET@example.org"],"status":"duplicate","first":{"source":"SECRET.csv","line":3},"differs":true,"attempts":0,"at":"2026-01-01T00:00:03.000Z"}
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	live := report.NewLive(journal.Files{}, path, "t0ken", func() report.Now {
		return report.Now{Counts: "3 rows", Trouble: "SECRET does not answer", Away: "since SECRET"}
	})
	defer live.Close()
	ask := func(query string) string {
		w := httptest.NewRecorder()
		live.ServeHTTP(w, httptest.NewRequest("GET", "/"+query, nil))
		return w.Body.String()
	}
	if page := ask("?token=t0ken"); !strings.Contains(page, "SECRET@example.com") || !strings.Contains(page, "SECRET does not answer") || !strings.Contains(page, "since SECRET") || !strings.Contains(page, "SECRET@example.org") {
		t.Errorf("with the token: %s", page)
	}
	for _, query := range []string{"", "?token=", "?token=t0keN", "?token=t0ken2", "?token=t0ke", "?other=t0ken", "?token=x&token=t0ken", "?%zz"} {
		page := ask(query)
		for _, want := range []string{"3 rows", "rejected", "unknown", "with its token", "Waiting for the store</b> (the log"} {
			if !strings.Contains(page, want) {
				t.Errorf("%q: the page does not say %q", query, want)
			}
		}
		if at := strings.Index(page, "SECRET"); at >= 0 {
			t.Errorf("%q: the page shows %s", query, page[max(0, at-100):at+50])
		}
	}
	if err := os.WriteFile(path, []byte("SECRET\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := report.NewLive(journal.Files{}, path, "t0ken", func() report.Now { return report.Now{} })
	defer broken.Close()
	w := httptest.NewRecorder()
	broken.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if body := w.Body.String(); w.Code != 500 || strings.Contains(body, "SECRET") || strings.Contains(body, path) {
		t.Errorf("of a report that cannot be read it says %s", fmt.Sprint(w.Code, body))
	}
}
