package live

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"importer/importer/contact"
	"importer/importer/pace"
)

// While the store is away the bar, the plain line and the page say since when and why; the
// log says so once, and once that it is back.
func TestAStoreThatIsAwayIsShown(t *testing.T) {
	var progress contact.Progress
	var logged strings.Builder
	v := View{Progress: &progress, Pacer: pace.NewPacer(pace.Rate{}, pace.PacerOptions{}), Input: noInput{}}
	away := StoreAway(&progress, zerolog.New(&logged))
	quiet := func() {
		t.Helper()
		if line, bar := v.line(), joined(v.pace()); strings.Contains(line+bar, "aiting for the store") || v.now().Away != "" {
			t.Errorf("the store is there: %s\n%s\n%s", line, bar, v.now().Away)
		}
	}
	quiet()
	away(time.Time{}, nil) // back, before it was away
	since := time.Now().Add(-12 * time.Second)
	for i, why := range []string{`no answer about "ann@example.com"`, "another reason", "a third one"} {
		away(since.Add(time.Duration(i)*time.Second), errors.New(why))
	}
	want := "since " + since.Format(time.TimeOnly) + ` (12s): no answer about "ann@example.com"`
	if line := v.line(); !strings.HasSuffix(line, "; waiting for the store "+want) {
		t.Errorf("the plain line says %s", line)
	}
	if bar := joined(v.pace()); bar != "waiting for the store "+want {
		t.Errorf("the bar says %s", bar)
	}
	if page := v.now().Away; page != want {
		t.Errorf("the page says %s", page)
	}
	v.Redact = true
	if line := v.line(); strings.Contains(line, "ann@") || !strings.Contains(line, "no answer") {
		t.Errorf("redacted: %s", line)
	}
	away(time.Time{}, nil)
	away(time.Time{}, nil)
	quiet()
	lines := strings.Split(strings.TrimSpace(logged.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `"level":"warn"`) || !strings.Contains(lines[0], "no answer") || !strings.Contains(lines[1], `"after":"12s"`) {
		t.Errorf("logged %q", lines)
	}
}
