package live

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"importer/internal/config"
	"importer/internal/plain"
)

// What an event holds that came from outside is escaped and bounded, whatever the form of
// the log; the colours of the log are those of the log.
func TestLogOfOutsideText(t *testing.T) {
	const stranger = "Q\nQ\x1b[31m\x07\x7f\u0085\u009b31m\u202e\u200b\xffQ"
	colours := regexp.MustCompile(`\x1b\[[0-9]+m`)
	for _, format := range []string{"json", "console"} {
		for _, colored := range []bool{false, true} {
			var out bytes.Buffer
			d := NewDisplay(plain.NewWriter(&out), "none", func(string) string { return "" })
			d.colored = colored
			log, err := d.Logger(config.Log{Level: "debug", Format: format})
			if err != nil {
				t.Fatal(err)
			}
			log.Warn().Str("field", stranger).Err(errors.New(stranger)).Strs("several", []string{stranger}).
				Dict("personal", zerolog.Dict().Strs("contactIds", []string{stranger})).Msg(stranger)
			log.Warn().Str("field", strings.Repeat("x", 3<<20)+", the end").Err(errors.New(strings.Repeat("y", 3<<20))).Msg(strings.Repeat("z", 3<<20) + ", the end")
			text := out.String()
			if format == "console" {
				if (strings.Count(text, "\x1b") > 0) != colored {
					t.Errorf("colours %t: %q", colored, text[:200])
				}
				text = colours.ReplaceAllString(text, "")
			}
			if lines := strings.Count(text, "\n"); lines != 2 || len(text) > 16<<10 || strings.Count(text, ", the end") != 2 {
				t.Errorf("%s: %d lines, %d bytes: %.300q", format, lines, len(text), text)
			}
			for _, r := range text {
				if !plain.Is(r) && r != '\n' {
					t.Errorf("%s: %U in %.300q", format, r, text)
				}
			}
			for line := range strings.Lines(text) {
				if format == "json" && !json.Valid([]byte(line)) {
					t.Errorf("no JSON: %.300s", line)
				}
			}
			if !strings.Contains(text, "[31m") {
				t.Errorf("%s: the text is not there: %.300q", format, text)
			}
		}
	}
}
