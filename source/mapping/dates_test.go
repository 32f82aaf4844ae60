package mapping

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/goccy/go-yaml"

	"importer/source/mapping/dates"
)

// What becomes of the birthdays of a column that no mapping explains.
func TestBirthdaysByName(t *testing.T) {
	const left = ""
	for _, tt := range []struct {
		name     string
		in, want []string
	}{
		{"one value says that the day is first", []string{"29/02/1984", "3/4/1990", "12/12/1980"}, []string{"1984-02-29", "1990-04-03", "1980-12-12"}},
		{"one value says that the month is first", []string{"2/29/1984", "3/4/1990 12:00 AM"}, []string{"1984-02-29", "1990-03-04"}},
		{"nothing says it", []string{"1/2/1984", "3/4/1990", "5/5/1991"}, []string{left, left, "1991-05-05"}},
		{"both are said", []string{"13/1/1984", "1/13/1984", "1/2/1984"}, []string{"1984-01-13", "1984-01-13", left}},
		{"with dots the day is first", []string{"1.2.1984", "01.02.52", "31.02.1984"}, []string{"1984-02-01", "1952-02-01", left}},
		{"with dots, but the month is", []string{"1.2.1984", "2.29.1984"}, []string{"1984-01-02", "1984-02-29"}},
		{"slashes say nothing of dots", []string{"2/29/1984", "9.2.1984"}, []string{"1984-02-29", "1984-02-09"}},
		{"two digits", []string{"3/14/52", "12/31/84", "1/2/26"}, []string{"1952-03-14", "1984-12-31", "2026-01-02"}},
		{"the year may stand in front", []string{"84/02/29", "13/02/14"}, []string{left, left}},
		{"serials", []string{"30742", "32000.5", "8826"}, []string{"1984-03-01", "1987-08-11", "1924-02-29"}},
		{"one number among dates", []string{"1984-02-29", "30742"}, []string{"1984-02-29", left}},
		{"years", []string{"1984", "1991", "2004"}, []string{left, left, left}},
		{"days", []string{"1", "29", "31"}, []string{left, left, left}},
		{"milliseconds", []string{"446860800000", "-61516800000"}, []string{"1984-02-29", "1968-01-20"}},
		{"seconds of a childhood in the seventies", []string{"94694400"}, []string{left}},
		{"not yet born, or long gone", []string{"2130-01-01", "0001-01-01", "1/1/0001"}, []string{left, left, left}},
		{"no date", []string{"unknown", "29 févr.", "0/0/00", "0000-00-00"}, []string{left, left, left, left}},
		{"timestamps", []string{"1984-02-29T00:00:00.000Z", "1984-02-29 00:00:00+01:00"}, []string{"1984-02-29", "1984-02-29"}},
	} {
		p, _, err := PlanColumns([]string{"email", "Date of birth"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		n := -1
		p.Sample(func(r *Record) error {
			if n++; n == len(tt.in) {
				return fmt.Errorf("the end")
			}
			*r = Record{Cells: []string{"a@example.com", tt.in[n]}}
			return nil
		}, nil)
		m := NewMapper("x.csv", p, nil)
		lost := 0
		for i, in := range tt.in {
			row, err := m.Row(&Record{Line: i + 2, Cells: []string{"a@example.com", in}}, int64(i+1))
			if err != nil {
				t.Errorf("%s: %q refuses its row: %v", tt.name, in, err)
				continue
			}
			var got string
			if v := row.Profile.Field("birthday"); v != nil {
				b, _ := jsontext.AppendUnquote(nil, v)
				got = string(b)
			} else if !dates.None(in) {
				lost++
			}
			if got != tt.want[i] {
				t.Errorf("%s: %q is %q, want %q", tt.name, in, got, tt.want[i])
			}
		}
		if told := m.Notes.Texts(false); (lost > 0) != (len(told) > 0) {
			t.Errorf("%s: %d were left out, and told was %q", tt.name, lost, told)
		}
	}
}

// A birthday that goes against the order of its column is told, and so are those that
// were read by that order.
func TestBirthdaysAgainstTheirOrder(t *testing.T) {
	for _, tt := range []struct {
		name, yaml string
		first      []string // of them the order is learned
		later      []string
		want       []string
	}{
		{"later rows", "", []string{"04/13/1990", "03/04/1999"}, []string{"13/01/1985", "05/06/2000", "14/01/1985", "01/02/2001 10:00"}, []string{
			`3 rows: the birthday in "Born" was read with the month first, although others in the column cannot have it there (line 3: "03/04/1999", line 5: "05/06/2000", line 7: "01/02/2001 10:00")`,
			`2 rows: the birthday in "Born" cannot have the month first, as the column has: correct the file, or split it (line 4: "13/01/1985", line 6: "14/01/1985")`}},
		{"none", "", []string{"13/04/1990", "03/04/1999"}, []string{"13/01/1985", "05/06/2000", "5/5/2000", "1984-02-29"}, nil},
		{"by layouts", "{column: Born, layouts: [D/M/YYYY]}", []string{"03/04/1999"}, []string{"04/13/1990", "5/5/2000"}, []string{
			`1 row: the birthday in "Born" was read with the day first, although others in the column cannot have it there (line 2: "03/04/1999")`,
			`1 row: the birthday in "Born" cannot have the day first, as the column has: correct the file, or split it (line 3: "04/13/1990")`}},
		{"dots", "", []string{"03.04.1999"}, []string{"2.29.1984"}, []string{
			`1 row: the birthday in "Born" was read with the day first, although others in the column cannot have it there (line 2: "03.04.1999")`,
			`1 row: the birthday in "Born" cannot have the day first, as the column has: correct the file, or split it (line 3: "2.29.1984")`}},
		{"nothing settles it", "", []string{"03/04/1999"}, []string{"13/01/1985"}, []string{
			`1 row: the birthday in "Born" was left out: the day or the month may stand first in it (line 2: "03/04/1999")`}},
	} {
		m := &Mapping{ContactIDs: []Value{{Column: "id"}}}
		if tt.yaml == "" {
			tt.yaml = "Born"
		}
		var v Value
		if err := yaml.Unmarshal([]byte(tt.yaml), &v); err != nil {
			t.Fatal(err)
		}
		m.Fields = map[string]Value{"birthday": v}
		p, _, err := PlanColumns([]string{"id", "Born"}, m)
		if err != nil {
			t.Fatal(err)
		}
		all := slices.Concat(tt.first, tt.later)
		n := 0
		p.Sample(func(r *Record) error {
			if n == len(tt.first) {
				return io.EOF
			}
			*r = Record{Cells: []string{"x", all[n]}}
			n++
			return nil
		}, nil)
		mapper := NewMapper("x.csv", p, nil)
		for i, in := range all {
			if _, err := mapper.Row(&Record{Line: i + 2, Cells: []string{fmt.Sprint("x", i), in}}, int64(i+1)); err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
		if got := mapper.Notes.Texts(false); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %s", tt.name, strings.Join(got, "\n"))
		}
	}
}

// A workbook and JSON have numbers as numbers. In the API's own shape a birthday is text.
func TestBirthdaysOfNumbers(t *testing.T) {
	p, _, err := PlanColumns([]string{"email", "birthday"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	row, err := NewMapper("x.xlsx", p, nil).Row(&Record{Cells: []string{"a@example.com", "8826"}, Numbers: []bool{false, true}}, 1)
	if got := string(row.Profile.Field("birthday")); err != nil || got != `"1924-02-29"` {
		t.Errorf("%s, %v", got, err)
	}
	if p, err = PlanJSON(nil); err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		`{"email":"a@example.com","birthday":30742}`:                           `"1984-03-01"`,
		`{"email":"a@example.com","birthday":1984}`:                            ``,
		`{"email":"a@example.com","birthday":"29/02/1984"}`:                    `"1984-02-29"`,
		`{"email":"a@example.com","birthday":"1/2/1984"}`:                      ``,
		`{"contactIds":["a"],"profile":{"birthday":"1/2/1984","tasks":"a,b"}}`: `"1/2/1984"`,
		`{"contactIds":["a"],"profile":{"birthday":""}}`:                       `""`,
	} {
		row, err := NewMapper("x.ndjson", p, nil).Row(&Record{JSON: jsontext.Value(in)}, 1)
		if got := string(row.Profile.Field("birthday")); err != nil || got != want {
			t.Errorf("%s: %s, %v", in, got, err)
		}
		if tasks := string(row.Profile.Field("tasks")); tasks != "" && tasks != `["a,b"]` {
			t.Errorf("%s: tasks %s", in, tasks)
		}
	}
}
