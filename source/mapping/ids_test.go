package mapping

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"importer/importer/contact"
	"importer/importer/idtext"
	"importer/internal/growth"
)

// Of what a workbook keeps as a number all digits have to be sure.
func TestNumbersOfWorkbooks(t *testing.T) {
	p, _, err := PlanColumns([]string{"contactIds", "phone"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := NewMapper("x.xlsx", p, nil)
	for _, tt := range []struct {
		id, phone string
		number    bool
		want      string
	}{
		{"123456789012345", "", true, "[123456789012345]"},
		{"1234567890123456", "", true, `"1234567890123456" has more than 15 digits, and the workbook keeps it as a number`},
		{"1234567890123456", "", false, "[1234567890123456]"},
		{"1.23456789012345E+17", "", true, `"1.23456789012345E+17" is a number with an exponent, which has lost its last digits`},
		{"17", "", true, "[17]"},
		{"17.5", "", true, `"17.5" is a number with decimals`},
		{"17.5", "", false, "[17.5]"},
		{"0", "491512345678", true, "[491512345678]"},
	} {
		row, err := m.Row(&Record{Line: 2, Cells: []string{tt.id, tt.phone}, Numbers: []bool{tt.number, true}}, 1)
		got := fmt.Sprint(row.Profile.ContactIDs)
		if err != nil {
			got = err.(*contact.RowError).Reason
		}
		if got != tt.want {
			t.Errorf("%s (a number: %v): %s, want %s", tt.id, tt.number, got, tt.want)
		}
	}
}

// Many ids in one row are refused, and cost little.
func TestManyIDs(t *testing.T) {
	p, err := PlanJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	m := NewMapper("x.ndjson", p, nil)
	var ids []string
	for i := range 20_000 {
		ids = append(ids, fmt.Sprintf(`"id%d"`, i))
	}
	growth.Check(t, len(ids)/4, func(n int) {
		_, err := m.Row(&Record{Line: 1, JSON: []byte(`{"contactIds":[` + strings.Join(ids[:n], ",") + `]}`)}, 1)
		if err == nil || !strings.Contains(err.Error(), "more than 50 contact ids") {
			t.Errorf("%.200v", err)
		}
	})
	row, err := m.Row(&Record{Line: 1, JSON: []byte(`{"contactIds":[` + strings.Join(ids[:idtext.MaxIDs], ",") + `]}`)}, 1)
	if err != nil || len(row.Profile.ContactIDs) != idtext.MaxIDs || slices.Contains(row.Profile.ContactIDs, "") {
		t.Errorf("%d ids, %v", len(row.Profile.ContactIDs), err)
	}
}

// An object of many members costs little, wherever they go.
func TestManyMembers(t *testing.T) {
	for _, tt := range []struct {
		unnamed string
		name    func(i int) string
	}{
		{"auto", func(i int) string { return fmt.Sprintf("m%d", i) }},
		{"custom", func(i int) string { return fmt.Sprintf("m%d", i) }},
		{"auto", func(i int) string { // all of them are spelled like one name, which means something beside another
			return "nom" + strings.NewReplacer("0", "-", "1", ".").Replace(fmt.Sprintf("%b", i))
		}},
	} {
		p, err := PlanJSON(&Mapping{Unnamed: tt.unnamed})
		if err != nil {
			t.Fatal(err)
		}
		m := NewMapper("x.ndjson", p, nil)
		growth.Check(t, 2000, func(n int) {
			object := []byte(`{"email":"a@example.com"`)
			for i := range n {
				object = fmt.Appendf(object, `,%q:"x"`, tt.name(i))
			}
			if _, err := m.Row(&Record{Line: 1, JSON: append(object, '}')}, 1); err != nil && tt.unnamed != "custom" {
				t.Errorf("%.200v", err)
			}
		})
	}
}

// A column that rule 1 took for contact ids, and today's names do not, still gives the
// former ones.
func TestFormerNames(t *testing.T) {
	columns, _, err := PlanColumns([]string{"Contact ID", "Email"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := PlanJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		plan   *Plan
		record Record
	}{
		{columns, Record{Line: 2, Cells: []string{"003A", "a@example.com"}}},
		{objects, Record{Line: 1, JSON: []byte(`{"Contact ID":"003A","Email":"a@example.com"}`)}},
	} {
		row, err := NewMapper("x", tt.plan, nil).Row(&tt.record, 1)
		if err != nil || !slices.Equal(row.Profile.ContactIDs, []string{"a@example.com"}) || !slices.Equal(row.Former, []string{"003A"}) {
			t.Errorf("%q was %q, %v", row.Profile.ContactIDs, row.Former, err)
		}
	}
}
