package whose

import "testing"

func TestLongestPlain(t *testing.T) {
	for id, want := range map[string]string{
		"ada@example.com":       "ada@example.com",
		"+4915112345":           "4915112345",
		"ada+crm@example.com":   "crm@example.com",
		"(030) 1234-567":        "1234-567",
		"名前":                    "",
		"user:名@example.org(x)": "@example.org",
	} {
		if got := LongestPlain(id); got != want {
			t.Errorf("LongestPlain(%q) = %q, want %q", id, got, want)
		}
	}
}
