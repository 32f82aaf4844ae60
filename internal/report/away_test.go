package report

import (
	"strings"
	"testing"
)

// The page of a run that waits for its store says since when and why; who may see the counts
// alone is not told the reason.
func TestThePageOfARunThatWaitsForItsStore(t *testing.T) {
	page := func(now Now) string {
		var b strings.Builder
		if err := NewAccount("r.report.ndjson").WriteHTML(&b, &now, "nonce"); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if text := page(Now{Counts: "3 rows"}); strings.Contains(text, "Waiting for the store") {
		t.Errorf("it does not wait: %s", text)
	}
	const since = "since 18:04:05 (12s): SECRET &lt;does not answer"
	if text := page(Now{Away: strings.ReplaceAll(since, "&lt;", "<")}); !strings.Contains(text, "<b>Waiting for the store</b> "+since) {
		t.Errorf("it waits: %s", text)
	}
	if text := page(Now{Away: since, CountsOnly: true}); !strings.Contains(text, "<b>Waiting for the store</b> (the log of the run says why)") || strings.Contains(text, "SECRET") {
		t.Errorf("with the counts alone: %s", text)
	}
}
