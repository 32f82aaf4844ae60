// Package words is what the program's messages share: numbers as people read them,
// texts of strangers in quotes, and the error of a setting that has another value than
// it may.
package words

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Comma is n with a comma between its thousands, such as 1,234,567.
func Comma[N int | int64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Plural is n with the word that goes with it, such as "1 retry" or "2 retries".
func Plural[N int | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Choice returns the place of s among the words that a setting may have. Its
// error is such as `is "x"; want one of auto, list`, and asks for the one that s is like:
// before it the caller names the setting.
func Choice(s string, of ...string) (int, error) {
	i := slices.Index(of, s)
	if i < 0 {
		return 0, fmt.Errorf("is %q; want one of %s", s, strings.Join(of, ", ")+DidYouMean(s, of))
	}
	return i, nil
}

// Show quotes a value for a message and cuts it where it is long.
func Show(s string) string {
	const keep = 60
	n := 0
	for i := range s {
		if n++; n > keep {
			s = s[:i] + "…"
			break
		}
	}
	return strconv.Quote(s)
}

// QuoteNames lists names for a message, n at most.
func QuoteNames(names []string, n int) string {
	var quoted []string
	for _, name := range names[:min(n, len(names))] {
		quoted = append(quoted, fmt.Sprintf("%q", name))
	}
	if len(names) > n {
		quoted = append(quoted, fmt.Sprintf("and %d more", len(names)-n))
	}
	return strings.Join(quoted, ", ")
}
