package contact

import (
	"testing"
)

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
		if got := m.Exceeded(c.refused, c.settled); got != c.want {
			t.Errorf("max errors %s: %d of %d: exceeded %t, want %t", c.text, c.refused, c.settled, got, c.want)
		}
	}
	for _, bad := range []string{"", "-1", "x", "101%", "-1%", "NaN%", "5.5", "%", "1e3"} {
		if m, err := ParseMaxErrors(bad); err == nil {
			t.Errorf("ParseMaxErrors(%q) = %s, want an error", bad, m)
		}
	}
}

func TestAllows(t *testing.T) {
	for _, c := range []struct {
		text          string
		refused, read int64
		want          bool
	}{
		{"0", 0, 0, true}, {"0", 1, 1000, false}, {"3", 3, 3, true}, {"3", 4, 1000, false},
		{"0%", 0, 10, true}, {"0%", 1, 1_000_000, false}, {"100%", 7, 7, true},
		{"5%", 5, 100, true}, {"5%", 6, 100, false}, {"5%", 0, 0, true}, {"5%", 1, 10, false},
		{"29%", 29, 100, true}, {"29%", 30, 100, false}, {"0.57%", 570, 100_000, true}, {"0.57%", 571, 100_000, false},
	} {
		m, err := ParseMaxErrors(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Allows(c.refused, c.read); got != c.want {
			t.Errorf("%s allows %d of %d: %t", c.text, c.refused, c.read, got)
		}
		if exceeded := m.Exceeded(c.refused, c.read); c.want && exceeded {
			t.Errorf("%d of %d exceed %s", c.refused, c.read, c.text)
		}
	}
}
