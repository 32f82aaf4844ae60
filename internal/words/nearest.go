package words

import (
	"slices"
	"strings"
)

// maxDistance is how many letters two names that are alike may differ by.
const maxDistance = 3

// sameName takes away what does not set two names apart.
var sameName = strings.NewReplacer("_", "", "-", "", " ", "", ".", "")

// Nearest is the name that is most like a word: it differs by case, by punctuation, or by
// a letter in three or so, three at most, or the word is how it alone begins. It is empty where
// none is like it.
func Nearest(word string, names []string) string {
	plain := func(s string) string { return sameName.Replace(strings.ToLower(s)) }
	wanted := plain(word)
	best, least := "", 1+min((len(wanted)+1)/3, maxDistance)
	begin := 0
	var begins string
	for _, name := range names {
		p := plain(name)
		if d := distance(wanted, p); d < least {
			best, least = name, d
		}
		if len(wanted) >= 3 && strings.HasPrefix(p, wanted) {
			begin, begins = begin+1, name
		}
	}
	if begin == 1 && least > 0 {
		return begins
	}
	return best
}

// DidYouMean asks, behind a message, for the name that a word is most like, as in
// `; did you mean "list"?`. It is empty where no name is like it.
func DidYouMean(word string, names []string) string {
	if nearest := Nearest(word, names); nearest != "" && nearest != word {
		return "; did you mean " + Show(nearest) + "?"
	}
	return ""
}

// distance is how many bytes have to be added, removed, replaced or exchanged with the
// next to make b of a, or more than maxDistance where that is so.
func distance(a, b string) int {
	if len(a) > len(b)+maxDistance || len(b) > len(a)+maxDistance {
		return maxDistance + 1
	}
	row := make([]int, len(b)+1) // of the letters of a before the last one
	for j := range row {
		row[j] = j
	}
	before := slices.Clone(row) // the row before
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			replaced := row[j]
			if a[i] != b[j] {
				replaced++
			}
			next[j+1] = min(replaced, next[j]+1, row[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
