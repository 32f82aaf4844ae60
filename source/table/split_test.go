package table

import (
	"strings"
	"testing"

	"importer/internal/growth"
)

// A line that is taken apart by hand takes time in proportion to its fields.
func TestFieldsOfALine(t *testing.T) {
	growth.Check(t, 20_000, func(n int) {
		line := []byte(`"a` + strings.Repeat(",x", n) + "\r\nb,c\n")
		if s := SplitRecord(line, ",", false); len(s.Cells) != n+1 || s.Cells[n] != "x" || string(line[s.End:]) != "b,c\n" {
			t.Fatalf("%d cells of %d, and %q follows", len(s.Cells), n+1, line[s.End:])
		}
	})
}
