package contact

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// admitted is what an Identity makes of rows, each "ids/text" with its ids joined by
// commas, one a line: "in", "duplicate of 2", "differs from 2" or "refused".
func admitted(t *testing.T, policy Duplicates, rows ...string) (got []string, remarks *Remarks) {
	t.Helper()
	var all []Row
	for i, text := range rows {
		ids, says, _ := strings.Cut(text, "/")
		p := Profile{ContactIDs: strings.Split(ids, ","), Fields: []Field{{Name: "firstname", Value: StringValue(says)}}}
		row := Row{Source: "c.csv", Line: i + 2, Number: int64(i + 1), Key: KeyOf(p.ContactIDs), Profile: p}
		row.Digest, row.Bytes = p.Measure()
		all = append(all, row)
	}
	keys := NewKeys()
	if policy == LastWins {
		if err := ReadLast(func(yield func(Row, error) bool) {
			for _, row := range all {
				if !yield(row, nil) {
					return
				}
			}
		}, keys); err != nil {
			t.Fatal(err)
		}
	}
	remarks = &Remarks{}
	identity := NewIdentity(keys, policy, remarks)
	for _, row := range all {
		o := identity.Admit(&row)
		switch {
		case o == nil:
			got = append(got, "in")
		case o.Status == Invalid:
			got = append(got, "refused")
		case o.Differs:
			got = append(got, fmt.Sprint("differs from ", o.First.Line))
		default:
			got = append(got, fmt.Sprint("duplicate of ", o.First.Line))
		}
	}
	return got, remarks
}

// Two rows with the same contact ids that say different things are no silent
// duplicates.
func TestDuplicatesThatDiffer(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy Duplicates
		rows   []string
		want   string
		differ int64
	}{
		{"the same twice", FirstWins, []string{"a/Ada", "a/Ada"}, "in, duplicate of 2", 0},
		{"another person", FirstWins, []string{"a/Ada", "a/Bob", "a/Ada"}, "in, differs from 2, duplicate of 2", 1},
		{"ids in another order", FirstWins, []string{"a,b/Ada", "b,a/Ada", "b,a/Bob"}, "in, duplicate of 2, differs from 2", 1},
		{"the last one goes in", LastWins, []string{"a/Ada", "b/Bo", "a/Bob", "b/Bo"}, "differs from 4, duplicate of 5, in, in", 1},
		{"none twice", NoneTwice, []string{"a/Ada", "a/Bob"}, "in, refused", 0},
	} {
		got, remarks := admitted(t, c.policy, c.rows...)
		if text := strings.Join(got, ", "); text != c.want || remarks.Of(Differ).Count != c.differ {
			t.Errorf("%s: got %s and %d that differ, want %s and %d", c.name, text, remarks.Of(Differ).Count, c.want, c.differ)
		}
	}
}

// A contact id that may be another row's in another spelling is told of, whichever of
// the two comes first.
func TestTwins(t *testing.T) {
	for _, c := range []struct {
		name  string
		rows  []string
		twins int64
	}{
		{"no twins", []string{"ada@example.com/A", "bob@example.com/B", "+491512345678/C", "4915123456/D"}, 0},
		{"case", []string{"Ada@Example.com/A", "ada@example.com/B"}, 1},
		{"case, the plain one first", []string{"ada@example.com/A", "Ada@Example.com/B"}, 1},
		{"neither is plain", []string{"ADA@example.com/A", "Ada@example.com/B"}, 1},
		{"three", []string{"ADA@example.com/A", "Ada@example.com/B", "ada@example.com/C"}, 2},
		{"a number with and without its plus", []string{"+491512345678/A", "491512345678/B"}, 1},
		{"a number without and with its plus", []string{"491512345678/A", "+491512345678/B"}, 1},
		{"a number with blanks", []string{"+49 1512 345-678/A", "+491512345678/B", "49 (1512) 345678/C"}, 2},
		{"one of several ids", []string{"x,Ada@example.com/A", "y,ada@example.com/B"}, 1},
		{"one of several ids, the plain one first", []string{"x,ada@example.com/A", "Ada@example.com/B"}, 1},
		{"two spellings in one row", []string{"Ada@example.com,ada@example.com/A"}, 0},
		{"a duplicate is no twin", []string{"Ada@example.com/A", "Ada@example.com/A"}, 0},
	} {
		got, remarks := admitted(t, FirstWins, c.rows...)
		if n := remarks.Of(Twin).Count; n != c.twins {
			t.Errorf("%s: %d twins, want %d (%s)", c.name, n, c.twins, got)
		}
	}
}

func TestRemarks(t *testing.T) {
	_, remarks := admitted(t, FirstWins, "a@x\x1b/Ada", "a@x\x1b/Bob", "Ada@x/A", "ada@x/B", "ADA@x/B")
	want := "duplicate says something else"
	open, redacted := remarks.Text(false), remarks.Text(true)
	if !strings.Contains(open, want) || !strings.Contains(open, "c.csv:3 and c.csv:2: a@x·\n") || !strings.Contains(open, "2  contact ids are") {
		t.Error(open)
	}
	if !strings.Contains(redacted, "c.csv:3 and c.csv:2\n") || slices.ContainsFunc([]string{"a@x", "ada@x"}, func(id string) bool { return strings.Contains(redacted, id) }) {
		t.Error(redacted)
	}
	if text := (&Remarks{}).Text(false); text != "" {
		t.Errorf("without a remark: %q", text)
	}
}
