package mapping

import (
	"strings"
	"testing"
)

// An error in the mapping shows its line and says what was expected.
func TestMappingErrors(t *testing.T) {
	tests := []struct {
		name, yaml string
		want       []string
	}{
		{"unknown key", "fields:\n  age: {colum: Age}", []string{"colum", ">  3 |"}},
		{"unknown section", "felder: {}", []string{"felder", ">  2 |"}},
		{"no value", "fields:\n  age: {type: number}", []string{"mapping.fields.age: give one of", ">  3 |"}},
		{"two sources", "fields:\n  age:\n    column: A\n    value: 1", []string{"give one of", ">  4 |"}},
		{"type", "fields:\n  age:\n    column: Age\n    type: integer", []string{`"integer"`, "want text, email", ">  5 |"}},
		{"type of a default field", "fields:\n  accepted_gdpr: {column: Age, type: number}", []string{"takes bool", ">  3 |"}},
		{"option without use", "fields:\n  firstname: {column: A, layouts: [YYYY]}", []string{"layouts: does nothing", ">  3 |"}},
		{"valid_only without use", "fields:\n  x: {column: A, type: email, valid_only: true}", []string{"valid_only: does nothing", ">  3 |"}},
		{"layout", "fields:\n  d: {column: A, type: date, layouts: [DD.MM.YYYY, mm/dd]}", []string{`"mm/dd"`, "DD.MM.YYYY, or one of", ">  3 |"}},
		{"constant", "fields:\n  age: {value: old}", []string{"constant", "whole number", ">  3 |"}},
		{"field name", "fields:\n  shoe size: A", []string{`"shoe size"`, "letters, digits", "shoe size: A"}},
		{"region", "region: Germany", []string{"two capital letters", ">  2 |"}},
		{"policy", "unnamed: drop", []string{"want auto, ignore", ">  2 |"}},
		{"memory without time", "fields:\n  memories: {column: A, type: memory}", []string{"timestamp", ">  3 |"}},
		{"expression", "fields:\n  x: {expr: 'row[\"a\"] +'}", []string{"mapping.fields.x.expr", ">  3 |"}},
		{"expression with the time", "fields:\n  x: {expr: 'string(now())'}", []string{"now"}},
		{"expression with all columns", "fields:\n  x: {expr: 'len(row)'}", []string{`row["First Name"]`}},
		{"condition", "skip_if: row.a", []string{"bool", ">  2 |"}},
		{"same spelling twice", "fields:\n  v: {column: A, type: bool, true_values: [x], false_values: [X]}", []string{"true_values too"}},
		{"type of a contact id", "contact_ids:\n- {column: A, type: number}", []string{"contact_ids[0].type", ">  3 |"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := Decode([]byte("mapping:\n  " + strings.ReplaceAll(tt.yaml, "\n", "\n  ")))
			if err == nil {
				t.Fatalf("it was taken: %+v", m)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is missing in:\n%s", want, err)
				}
			}
		})
	}
	if m, err := Decode([]byte("rate: 20/s\n")); m != nil || err != nil {
		t.Errorf("without a mapping: %v, %v", m, err)
	}
}
