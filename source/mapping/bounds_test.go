package mapping

import (
	"fmt"
	"strings"
	"testing"

	"importer/internal/growth"
)

// A mapping of which each row would cost much is refused.
func TestBoundsOfAMapping(t *testing.T) {
	for name, config := range map[string]string{
		"fields":      "mapping:\n  fields:\n" + numbered("    f%d: a\n", maxEntries+1),
		"contact ids": "mapping:\n  contact_ids: [" + numbered("a%d,", maxEntries+1) + "]\n",
		"columns":     "mapping:\n  fields: {age: {columns: [" + numbered("a%d,", maxNamed+1) + "], optional: true}}\n",
	} {
		if _, err := Decode([]byte(config)); err == nil || !strings.Contains(err.Error(), "at most") {
			t.Errorf("%s: %.100v", name, err)
		}
	}
	m := &Mapping{Fields: map[string]Value{"age": {Column: strings.Repeat("a.", 100_000) + "a"}}}
	if _, err := PlanJSON(m); err == nil || !strings.Contains(err.Error(), "stands within more than") {
		t.Errorf("a member deep down: %.100v", err)
	}
	m.Fields["age"] = Value{Column: strings.Repeat("a.", maxWithin) + "a"}
	if _, err := PlanJSON(m); err != nil {
		t.Errorf("a member as deep as it may be: %v", err)
	}
}

func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// The members of an object take time in proportion to how many there are, whatever the
// mapping says of others.
func TestMembersAndEntries(t *testing.T) {
	m := &Mapping{Unnamed: "custom", Fields: map[string]Value{}}
	for i := range maxEntries {
		m.Fields[fmt.Sprintf("f%d", i)] = Value{Column: fmt.Sprintf("a%d.b.c", i)}
	}
	p, err := PlanJSON(m)
	if err != nil {
		t.Fatal(err)
	}
	growth.Check(t, 700, func(n int) {
		object := `{"email":"a@example.com"` + numbered(`,"m%d":1`, n) + "}"
		if row, err := NewMapper("", p, nil).Row(&Record{JSON: []byte(object)}, 1); err != nil || len(row.Profile.Fields) != n+1 {
			t.Fatalf("%d fields, %.200v", len(row.Profile.Fields), err)
		}
	})
}
