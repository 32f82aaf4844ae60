package words

import (
	"math"
	"strings"
	"testing"
)

func TestComma(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 7: "7", 999: "999", 1000: "1,000", 12345: "12,345", 123456: "123,456", 1234567: "1,234,567",
		-7: "-7", -100: "-100", -1000: "-1,000", -123456: "-123,456", math.MinInt64: "-9,223,372,036,854,775,808",
	} {
		if got := Comma(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

func TestPlural(t *testing.T) {
	for n, want := range map[int]string{0: "0 retries", 1: "1 retry", 2: "2 retries", 1200: "1200 retries"} {
		if got := Plural(n, "retry", "retries"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestChoice(t *testing.T) {
	if i, err := Choice("list", "auto", "list"); i != 1 || err != nil {
		t.Errorf("got %d, %v", i, err)
	}
	if _, err := Choice("List", "auto", "list"); err == nil || err.Error() != `is "List"; want one of auto, list; did you mean "list"?` {
		t.Errorf("got %v", err)
	}
}

func TestShow(t *testing.T) {
	for s, want := range map[string]string{"": `""`, "a\n\"b\u202e": `"a\n\"b\u202e"`, strings.Repeat("é", 61): `"` + strings.Repeat("é", 60) + `…"`} {
		if got := Show(s); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := QuoteNames([]string{"a", "b\n", "c"}, 2); got != `"a", "b\n", and 1 more` {
		t.Errorf("got %s", got)
	}
}
