package contact

import "testing"

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
		if got.Settles() != c.want || keys.HasCorrections() != (c.reads != nil) {
			t.Errorf("%s: %+v settles: %t", what, got, got.Settles())
		}
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
