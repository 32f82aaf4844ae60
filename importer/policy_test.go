package importer

import (
	"testing"
	"time"
)

func TestNextLook(t *testing.T) {
	const settle = 20 * time.Second
	since := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		looks int
		now   time.Duration // since since
		want  time.Duration
	}{
		{"first", 0, 0, time.Second},
		{"second", 1, time.Second, 8 * time.Second},
		{"last", 2, 8 * time.Second, settle},
		{"still the last", 3, 19 * time.Second, settle},
		{"an overdue look is made up for", 0, 2 * time.Second, time.Second},
		{"the latest of two overdue", 0, 9 * time.Second, 8 * time.Second},
		{"long ago: one look decides", 0, time.Hour, settle},
	} {
		if got := nextLook(since, settle, c.looks, since.Add(c.now)).Sub(since); got != c.want {
			t.Errorf("%s: next look %s after the doubt, want %s", c.name, got, c.want)
		}
	}
	if got := nextLook(since, 0, 0, since); !got.Equal(since) {
		t.Errorf("without a settling time the next look is %s, want at once", got.Sub(since))
	}
}

func TestMaxErrors(t *testing.T) {
	for _, c := range []struct {
		text             string
		refused, settled int64
		want             bool
	}{
		{"100%", 1000, 1000, false},
		{"0", 0, 10, false},
		{"0", 1, 1, true},
		{"50", 50, 50, false},
		{"50", 51, 1000, true},
		{"5%", 99, 99, false}, // too few rows to judge a share
		{"5%", 5, 100, false},
		{"5%", 6, 100, true},
		{"0%", 1, 100, true},
		{"2.5%", 25, 1000, false},
		{"2.5%", 26, 1000, true},
	} {
		m, err := ParseMaxErrors(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if m.String() != c.text {
			t.Errorf("%q comes back as %q", c.text, m)
		}
		if got := m.exceeded(c.refused, c.settled); got != c.want {
			t.Errorf("max errors %s: %d of %d: exceeded %t, want %t", c.text, c.refused, c.settled, got, c.want)
		}
	}
	for _, bad := range []string{"", "-1", "x", "101%", "-1%", "NaN%", "5.5", "%", "1e3"} {
		if m, err := ParseMaxErrors(bad); err == nil {
			t.Errorf("ParseMaxErrors(%q) = %s, want an error", bad, m)
		}
	}
}

func TestLongestPlain(t *testing.T) {
	for id, want := range map[string]string{
		"ada@example.com":       "ada@example.com",
		"+4915112345":           "4915112345",
		"ada+crm@example.com":   "crm@example.com",
		"(030) 1234-567":        "1234-567",
		"名前":                    "",
		"user:名@example.org(x)": "@example.org",
	} {
		if got := longestPlain(id); got != want {
			t.Errorf("longestPlain(%q) = %q, want %q", id, got, want)
		}
	}
}
