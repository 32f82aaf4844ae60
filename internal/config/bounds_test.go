package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What a parser of YAML would take gigabytes or hours for is refused before it, with the
// line where it becomes too much.
func TestBounds(t *testing.T) {
	nested := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.Repeat(" ", i) + "a:\n")
		}
		return b.String()
	}
	laughs := "source:\n  null_values:\n  - &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := range 9 {
		laughs += fmt.Sprintf("  - &a%d [%s]\n", i+1, strings.Repeat(fmt.Sprintf("*a%d,", i), 10))
	}
	for name, tt := range map[string]struct{ text, want string }{
		"brackets":              {strings.Repeat("[", 100_000), ":1: lists and sections are nested"},
		"more brackets":         {strings.Repeat("[", maxFile), ":1: it holds more than"},
		"brackets and quotes":   {"a: '\n" + strings.Repeat("[", 70) + "'\nb: " + strings.Repeat("{a: ", 65), ":3: lists and sections are nested"},
		"brackets in comments":  {strings.Repeat("[ # ]\n", 65), ":65: lists and sections are nested"},
		"brackets not balanced": {"a: ']]]]]]'\nb: " + strings.Repeat("[", 65), ":2: lists and sections are nested"},
		"lists in a line":       {strings.Repeat("- ", 65) + "a", ":1: lists and sections are nested"},
		"questions":             {strings.Repeat("? ", 65) + "a", ":1: lists and sections are nested"},
		"sections":              {nested(66), ":65: lists and sections are nested"},
		"words":                 {"a: [" + strings.Repeat("1,", 30_000) + "]", ":1: it holds more than"},
		"lines":                 {strings.Repeat("- a\n", 30_000), "it holds more than"},
		"aliases of aliases":    {laughs, "its aliases stand for too many values"},
		"aliases":               {"a: &a [" + strings.Repeat("1,", 1000) + "]\nb: [" + strings.Repeat("*a,", 200) + "]", ":2: its aliases"},
		"too long":              {"#" + strings.Repeat("x", maxFile), "is longer than 1 MiB"},
	} {
		path := filepath.Join(t.TempDir(), "a.yaml")
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err := Load(path, func(string) string { return "" })
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %.200v", name, err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s took %s", name, took)
		}
	}
	for name, text := range map[string]string{
		"an anchor":           "source: {null_values: &n [a]}\nreport: {path: &p x}\nmapping: {fields: {age: &f {column: a}, size: *f}}\n",
		"brackets in a text":  "source: {sheet: '" + strings.Repeat("[", 500) + "'}\n",
		"as deep as it may":   "mapping: " + strings.Repeat("[", 62) + strings.Repeat("]", 62) + "\n",
		"a long list":         "source:\n  null_values:\n" + strings.Repeat("    - x\n", 5000),
		"a long comment":      "# " + strings.Repeat("a comment ", 50_000) + "\nmode: create\n",
		"an expression":       "mapping: {skip_if: 'row[\"a\"] in [\"b\", \"c\"]'}\n",
		"a block":             "mapping:\n  skip_if: |\n    row[\"a\"] == \"b\"\n    && row[\"c\"] == \"[[[[\"\n",
		"sections and a list": "source:\n  paths:\n  - a.csv\n  - b.csv\nmapping:\n  fields:\n    age: A\n",
	} {
		path := filepath.Join(t.TempDir(), "a.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path, func(string) string { return "" }); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
