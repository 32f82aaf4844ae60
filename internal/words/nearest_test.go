package words

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	names := []string{"check", "init", "report", "dry-run", "base-url", "firstname", "shoe_size", "report-x", "Straße"}
	for word, want := range map[string]string{
		"chek": "check", "chekc": "check", "CHECK": "check", "inti": "init", "dryrun": "dry-run", "dry": "dry-run", "fristname": "firstname",
		"First Name": "firstname", "shoeSize": "shoe_size", "report": "report", "repor": "report", "strasse": "Straße",
		"x": "", "": "", "zzz": "", "rep": "", strings.Repeat("a", 1000): "",
	} {
		if got := Nearest(word, names); got != want {
			t.Errorf("%.20q: %q, want %q", word, got, want)
		}
	}
	if got := DidYouMean("chek", names); got != `; did you mean "check"?` {
		t.Error(got)
	}
	if got := DidYouMean("check", names) + DidYouMean("q", names); got != "" {
		t.Error(got)
	}
}
