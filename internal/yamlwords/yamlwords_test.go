package yamlwords

import (
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

func TestWords(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       Words
	}{
		{"words of nothing", "words: [NULL, null, Null, ~, N/A, \"\\\\N\", '~', -, --]", Words{"NULL", "null", "Null", "~", "N/A", `\N`, "~", "-", "--"}},
		{"numbers", "words: [0, 007, 1e5, 0x10, 1_000, 1.0, -0, +1, .nan, .inf, -.inf]", Words{"0", "007", "1e5", "0x10", "1_000", "1.0", "-0", "+1", ".nan", ".inf", "-.inf"}},
		{"yes and no", "words: [true, False, No, on, 2020-01-01]", Words{"true", "False", "No", "on", "2020-01-01"}},
		{"line by line", "words:\n  - ~\n  - NULL # nothing\n  # and\n  - n/a\n", Words{"~", "NULL", "n/a"}},
		{"an item without a word", "words:\n  -\n  - a\n", Words{"", "a"}},
		{"no list", "words:", nil},
		{"empty", "words: []", Words{}},
	} {
		var v struct{ Words Words }
		if err := yaml.UnmarshalWithOptions([]byte(tt.text), &v, yaml.Strict()); err != nil || !slices.Equal(v.Words, tt.want) {
			t.Errorf("%s: %q, %v", tt.name, v.Words, err)
		}
	}
	for _, text := range []string{"words: NULLS", "words: {a: b}", "words: [{a: b}]", "words: [[a]]"} {
		var v struct{ Words Words }
		if err := yaml.UnmarshalWithOptions([]byte(text), &v, yaml.Strict()); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %q, %v", text, v.Words, err)
		}
	}
}

func TestLone(t *testing.T) {
	for text, want := range map[string]string{
		"a: {words: NULL}": "NULL", "a:\n  words: ~ # nothing\n": "~", "a:\n  words: null": "null",
		"a: {words: [NULL]}": "", "a:\n  words:\nb: c": "", "a:": "", "": "", "a: {words: x}": "",
	} {
		if got := Lone([]byte(text), "$.a.words"); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
