package contact

import (
	"reflect"
	"testing"
)

func TestWhatSettlesARefusedRow(t *testing.T) {
	row, a, b := Key{1}, Key{2}, Key{3}
	type read struct {
		by  string
		key Key
		in  bool
	}
	for what, c := range map[string]struct {
		reads []read
		want  bool
	}{
		"nothing":                         {nil, false},
		"in":                              {[]read{{"1", a, true}}, true},
		"wrong":                           {[]read{{"1", Key{}, false}}, false},
		"wrong, then in":                  {[]read{{"1", a, false}, {"2", b, true}}, true},
		"in, then a wrong one":            {[]read{{"1", a, true}, {"2", b, false}}, true},
		"two, one of them wrong":          {[]read{{"1", a, true}, {"1", b, false}}, false},
		"two, the first of them wrong":    {[]read{{"1", b, false}, {"1", a, true}}, false},
		"two, the wrong one in at last":   {[]read{{"1", a, true}, {"1", b, false}, {"2", b, true}}, true},
		"two, and again with both in":     {[]read{{"1", b, false}, {"1", a, true}, {"2", a, true}, {"2", b, true}}, true},
		"in, then two, one of them wrong": {[]read{{"1", a, true}, {"2", a, true}, {"2", b, false}}, true},
	} {
		keys := NewKeys()
		for _, r := range c.reads {
			keys.Correct(Correction{Row: row, By: r.by}, r.key, r.in)
		}
		got, _ := keys.Corrected(row)
		if (len(got.SettledBy()) > 0) != c.want || keys.HasCorrections() != (c.reads != nil) {
			t.Errorf("%s: %+v want settled %t", what, got, c.want)
		}
	}
}

// The corrections of the last run that read any are enough, with what one before it left in
// part; so are those that settled the row before, where they are in still.
func TestTheLastCorrectionsSettle(t *testing.T) {
	row, a, b, c := Key{1}, Key{2}, Key{3}, Key{4}
	keys := NewKeys()
	for i, read := range []struct {
		by   string
		key  Key
		in   bool
		want [][]Key
	}{
		{"1", a, true, [][]Key{{a}}},
		{"2", b, true, [][]Key{{b}, {a}}},
		{"2", Key{}, false, [][]Key{{a}}},
		{"3", c, true, [][]Key{{b, c}, {a}}},
		{"4", Key{}, false, [][]Key{{b, c}}},
		{"5", a, true, [][]Key{{a}, {b, c}}},
	} {
		keys.Correct(Correction{Row: row, By: read.by}, read.key, read.in)
		got, _ := keys.Corrected(row)
		if !reflect.DeepEqual(got.SettledBy(), read.want) {
			t.Errorf("after %d: %v, want %v", i+1, got.SettledBy(), read.want)
		}
	}
	if got, _ := keys.Corrected(row); len(got.Keys) != 3 {
		t.Errorf("%v", got.Keys)
	}
}

func TestRawRows(t *testing.T) {
	raws := NewRawRows()
	raws.Add("a.csv", []string{"email", "name", "name"})
	raws.Add("b.csv", []string{"name", "extra", "email", "name"})
	raws.Add("c.csv", []string{"mail", "name", "name"})
	key := func(source string, raw ...string) Key { return raws.Key(&Row{Source: source, Raw: raw}) }
	one := key("a.csv", "x", "y", "z")
	for what, c := range map[string]struct {
		key  Key
		same bool
	}{
		"columns in another order, and an empty one": {key("b.csv", "y", "", "x", "z"), true},
		"a value in the further column":              {key("b.csv", "y", "1", "x", "z"), false},
		"another value":                              {key("a.csv", "x", "y", "zz"), false},
		"values of two columns of a name exchanged":  {key("a.csv", "x", "z", "y"), false},
		"another column":                             {key("c.csv", "x", "y", "z"), false},
		"a cell too many":                            {key("a.csv", "x", "y", "z", ""), false},
	} {
		if (c.key == one) != c.same {
			t.Errorf("%s: the same row: %t", what, c.key == one)
		}
	}
	if key("j", `{"a": 1}`) != key("j", `{"a":1}`) || key("j", `{"a":1}`) == key("j", `{"a":2}`) || key("j", `{"a"`) == key("j", `{"b"`) {
		t.Error("JSON is not told apart by what it says")
	}
	row := &Row{Source: "a.csv", Raw: []string{"x", "y", "z"}}
	first, second := raws.Refused(row), raws.Refused(row)
	if first != one || second == one || NewRawRows().Refused(row) == first {
		t.Errorf("rows that are alike: %v and %v", first, second)
	}
}
