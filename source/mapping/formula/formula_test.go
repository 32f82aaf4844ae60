package formula

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// What people write goes on as it would without bounds.
func TestRun(t *testing.T) {
	row := map[string]string{"Name": "Ada King Lovelace", "Age": "36", "Tags": "a;b;a", "Empty": "", "JSON": `{"a":[1,2]}`}
	for code, want := range map[string]any{
		`split(row["Name"], " ")[0]`:                                 "Ada",
		`row["Name"] + " (" + row["Age"] + ")"`:                      "Ada King Lovelace (36)",
		`int(row["Age"]) + 1`:                                        37,
		`float(row["Age"]) * 2`:                                      72.0,
		`row["Age"] in ["36", "37"]`:                                 true,
		`int(row["Age"]) in 30..40`:                                  true,
		`row["Name"] matches "^Ada"`:                                 true,
		`row["Name"] matches "^" + "Ada"`:                            true,
		`row["Empty"] matches row["Empty"]`:                          true,
		`row["Empty"] == "" ? nil : row["Empty"]`:                    nil,
		`map(split(row["Tags"], ";"), upper(#))`:                     []any{"A", "B", "A"},
		`uniq(split(row["Tags"], ";"))`:                              []any{"a", "b"},
		`filter(split(row["Tags"], ";"), # != "a")`:                  []any{"b"},
		`len(filter(split(row["Tags"], ";"), # == "a"))`:             2,
		`join(map(split(row["Tags"], ";"), # + "!"), ",")`:           "a!,b!,a!",
		`join(split(row["Tags"], ";"))`:                              "aba",
		`replace(row["Tags"], ";", ", ")`:                            "a, b, a",
		`replace(row["Tags"], "a", "x", 1)`:                          "x;b;a",
		`repeat("ab", 3)`:                                            "ababab",
		`reduce(1..4, #acc + #, 0)`:                                  10,
		`reduce(split(row["Tags"], ";"), #acc + #, "")`:              "aba",
		`sum(map(1..3, # * 2))`:                                      12,
		`let n = split(row["Name"], " "); n[len(n) - 1]`:             "Lovelace",
		`last(split(row["Name"], " ")) ?? "x"`:                       "Lovelace",
		`fromJSON(row["JSON"]).a[1]`:                                 2.0,
		`[row["Age"], 1, nil]`:                                       []any{"36", 1, nil},
		`{"age": row["Age"], "list": [1]}`:                           map[string]any{"age": "36", "list": []any{1}},
		`sort(split(row["Tags"], ";"))`:                              []any{"a", "a", "b"},
		`groupBy(split(row["Tags"], ";"), #)["a"][0]`:                "a",
		`trim(row["Name"]) startsWith "Ada" && !(row["Age"] == "1")`: true,
		`row["Name"][0:3]`:                                           "Ada",
		`any(1..3, # == 2) and count([1, 2], # > 1) == 1`:            true,
		`max(1, 2) - min([3, 4])`:                                    -1,
		`[1, 2] == [1, 2]`:                                           true,
		`[[1], [2]] == [[int("1")], [2]]`:                            true,
		`toJSON([1, "a"])`:                                           "[\n  1,\n  \"a\"\n]",
	} {
		f, err := Compile(code, false)
		if err != nil {
			t.Errorf("%s: %v", code, err)
			continue
		}
		for range 2 { // the second time with what the first has left
			if got, err := f.Run(row); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %#v, %v, want %#v", code, got, err, want)
			}
		}
	}
}

// What takes too much is refused: at once, or for the row.
func TestBounds(t *testing.T) {
	doubled := `let a0 = row["x"];`
	nested := `let a0 = [row["x"]];`
	for i := range 40 {
		doubled += fmt.Sprintf("let a%d = a%d + a%[2]d;", i+1, i)
		nested += fmt.Sprintf("let a%d = [a%d, a%[2]d];", i+1, i)
	}
	for name, code := range map[string]string{
		"a text doubled":              doubled + "a40",
		"a list doubled":              nested + "a40",
		"the length of one":           nested + "len(a40)",
		"the text of one":             nested + "string(a40)",
		"lists compared":              nested + "a40 == a39",
		"a text doubled in a loop":    `reduce(1..60, #acc + #acc, row["x"])`,
		"a list doubled in a loop":    `reduce(1..60, [#acc, #acc], row["x"])`,
		"a list joined":               `reduce(1..60, concat(#acc, #acc), [row["x"]])`,
		"loops in loops":              `let a = 1..1000; all(a, all(a, all(a, all(a, # > 0))))`,
		"loops over a text":           `let a = split(repeat("x", 60000), ""); all(a, any(a, # == "y"))`,
		"lists in a loop":             `let a = 1..1000; map(a, map(a, map(a, row["x"])))`,
		"a range":                     `1..1000000`,
		"a range from far":            `-9223372036854775807..9223372036854775807`,
		"a repeated text":             `repeat(row["x"], 1000000)`,
		"a text repeated to the sum":  `repeat(repeat(row["x"], 1000), 9223372036854775807)`,
		"replaced":                    `replace(repeat("a", 60000), "a", repeat("b", 60000))`,
		"replaced between characters": `replace(repeat("a", 60000), "", repeat("b", 60000))`,
		"joined":                      `join(split(repeat("a", 60000), ""), repeat("b", 60000))`,
		"unique":                      `uniq(map(1..20000, #))`,
		"a computed pattern":          `row["x"] matches repeat("(x{100})", 30)`,
	} {
		f, err := Compile(code, false)
		if err != nil {
			t.Errorf("%s: not compiled: %v", name, err)
			continue
		}
		start := time.Now()
		v, err := f.Run(map[string]string{"x": "0123456789"})
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s took %s", name, took)
		}
		_ = v
	}
	for name, code := range map[string]string{
		"a long expression": `"` + strings.Repeat("x", maxCode) + `"`,
		"brackets":          strings.Repeat("[", maxCode),
		"nodes":             strings.Repeat("1+", maxNodes) + "1",
		"a pattern":         `row["x"] matches "(x{1000}){1000}"`,
		"a large pattern":   `row["x"] matches "` + strings.Repeat("(x{900})", 3) + `"`,
	} {
		if _, err := Compile(code, false); err == nil {
			t.Errorf("%s was compiled", name)
		}
	}
	f, err := Compile(`row["x"] == ""`, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Run(map[string]string{"x": strings.Repeat("x", MaxText+1)}); err == nil || !strings.Contains(err.Error(), `"x"`) {
		t.Errorf("a long cell: %v", err)
	}
}
