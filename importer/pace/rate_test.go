package pace

import (
	"strings"
	"testing"
	"time"
)

func TestParseRate(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Rate
		text string // canonical form; empty where it is in
	}{
		{"1000/5m", Rate{Quota: 1000, Window: 5 * time.Minute}, ""},
		{"10/1s", Rate{Quota: 10, Window: time.Second}, ""},
		{"200/4s", Rate{Quota: 200, Window: 4 * time.Second}, ""},
		{"1/1h30m", Rate{Quota: 1, Window: 90 * time.Minute}, ""},
		{"1/24h", Rate{Quota: 1, Window: 24 * time.Hour}, ""},
		{"7/250ms", Rate{Quota: 7, Window: 250 * time.Millisecond}, ""},
		{"20/s", Rate{Pace: 20}, ""},
		{"0.5/s", Rate{Pace: 0.5}, ""},
		{"unlimited", Rate{}, ""},
		{"1000/5m,20/s", Rate{Quota: 1000, Window: 5 * time.Minute, Pace: 20}, ""},
		{" 20/s , 1000 / 300s ", Rate{Quota: 1000, Window: 5 * time.Minute, Pace: 20}, "1000/5m,20/s"},
		{" unlimited ", Rate{}, "unlimited"},
	} {
		got, err := ParseRate(c.in)
		if err != nil || got != c.want {
			t.Errorf("ParseRate(%q) = %+v, %v; want %+v", c.in, got, err, c.want)
			continue
		}
		if c.text == "" {
			c.text = c.in
		}
		if got.String() != c.text {
			t.Errorf("ParseRate(%q).String() = %q; want %q", c.in, got, c.text)
		}
		if got.Unlimited() != (c.text == "unlimited") {
			t.Errorf("ParseRate(%q).Unlimited() = %v", c.in, got.Unlimited())
		}
	}
}

func TestParseRateErrors(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", "a rate is missing"},
		{"1000/5m,", "a rate is missing"},
		{"1000", "1000/5m for a quota"},
		{"fast", "says no time"},
		{"unlimited,20/s", "stands alone"},
		{"1000/5m,10/1s", "second window"},
		{"20/s,30/s", "second smooth pace"},
		{"0/5m", "between 1 and 1000000"},
		{"-1/5m", "between 1 and 1000000"},
		{"1000001/5m", "between 1 and 1000000"},
		{"1.5/5m", "not a whole number"},
		{"x/5m", "not a whole number"},
		{"10/m", "write 10/1m"},
		{"10/5", "not a duration"},
		{"10/five minutes", "not a duration"},
		{"10/0s", "a window lasts between"},
		{"10/-5m", "a window lasts between"},
		{"10/25h", "a window lasts between"},
		{"0/s", "a pace lies between"},
		{"-3/s", "a pace lies between"},
		{"NaN/s", "not a number"},
		{"Inf/s", "a pace lies between"},
		{"x/s", "not a number"},
	} {
		_, err := ParseRate(c.in)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("ParseRate(%q): %v; want an error with %q", c.in, err, c.want)
		}
	}
}

func FuzzParseRate(f *testing.F) {
	for _, s := range []string{"1000/5m", "20/s", "0.5/s,7/1h", "unlimited", "1e3/s", "9/0.001s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRate(s)
		if err != nil {
			return
		}
		again, err := ParseRate(r.String())
		if err != nil || again != r {
			t.Errorf("ParseRate(%q) = %+v, and its String %q is read as %+v, %v", s, r, r, again, err)
		}
	})
}
