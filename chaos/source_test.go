package chaos

import (
	"path/filepath"
	"slices"
	"testing"

	"importer/internal/sandbox"
)

// Between two runs of one report the source is exported anew: rows are inserted,
// removed, put into another order, and repaired. Exactly the new and the changed
// ones are sent.
func TestChangedSource(t *testing.T) {
	t.Parallel()
	// The API refuses whoever is called Nobody.
	w := alone(t, sandbox.Options{OnDuplicate: sandbox.DuplicateAllow}, func(a asked) what {
		if a.create && a.firstName == "Nobody" {
			return what{status: 400}
		}
		return pass
	})
	dir := t.TempDir()
	source, report := filepath.Join(dir, "contacts.csv"), filepath.Join(dir, "contacts.csv.report.ndjson")
	header := []string{"email", "first name", "age"}
	row := func(id, name, age string) []string { return []string{id + "@example.com", name, age} }
	args := []string{"--source", "contacts.csv", "--rate", "unlimited", "--settle", "0s", "--existing", "ignore"}

	for _, step := range []struct {
		what string
		rows [][]string
		args []string
		code int
		sent []string // contacts that a create request is sent for
	}{
		{"first", [][]string{
			row("a", "A", "20"), row("b", "B", "21"), row("c", "C", "22"), row("d", "D", "23"),
			row("refused", "Nobody", "24"), row("refused-too", "Nobody", "25"), row("invalid", "I", "minus one"),
		}, nil, 3, []string{"a", "b", "c", "d", "refused", "refused-too"}},
		{"the same again", [][]string{
			row("a", "A", "20"), row("b", "B", "21"), row("c", "C", "22"), row("d", "D", "23"),
			row("refused", "Nobody", "24"), row("refused-too", "Nobody", "25"), row("invalid", "I", "minus one"),
		}, nil, 3, nil},
		{"put into another order, with one row inserted and two removed", [][]string{
			row("invalid", "I", "minus one"), row("d", "D", "23"), row("refused-too", "Nobody", "25"), row("new", "N", "26"),
			row("refused", "Nobody", "24"), row("a", "A", "20"),
		}, nil, 3, []string{"new"}},
		{"the removed come back, the refused and the invalid are repaired", [][]string{
			row("b", "B", "21"), row("invalid", "I", "27"), row("c", "C", "22"), row("refused", "Somebody", "24"), row("a", "A", "20"),
			row("new", "N", "26"), row("d", "D", "23"), row("refused-too", "Nobody", "25"),
		}, nil, 3, []string{"invalid", "refused"}},
		{"a refused row changes and is refused again", [][]string{
			row("refused-too", "Nobody", "26"), row("a", "A", "20"),
		}, nil, 3, []string{"refused-too"}},
		{"refused rows are asked for", [][]string{
			row("refused-too", "Nobody", "26"), row("a", "A", "20"),
		}, []string{"--retry-rejected"}, 3, []string{"refused-too"}},
		{"a row that is in changes: create does not update", [][]string{
			row("a", "Another", "99"), row("refused-too", "Somebody", "26"),
		}, nil, 0, []string{"refused-too"}},
	} {
		writeCSV(t, source, append([][]string{header}, step.rows...))
		s, _ := run(t, dir, w.api, step.code, append(args, step.args...)...)
		sent := w.takeCreates()
		slices.Sort(sent)
		var want []string
		for _, id := range step.sent {
			want = append(want, id+"@example.com")
		}
		slices.Sort(want)
		if !slices.Equal(sent, want) || s.Requests != len(want) || s.Read != len(step.rows) {
			t.Errorf("%s: sent %v, want %v; %+v", step.what, sent, want, s)
		}
		if err := readReport(t, report).check(w.Profiles()); err != nil {
			t.Errorf("%s: %v", step.what, err)
		}
	}
	if n := len(w.Profiles()); n != 8 {
		t.Errorf("%d profiles, want 8", n)
	}
}
