package importer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"importer/importer/contact"
)

// rowsOf are rows with these contact ids, joined by spaces, one a line from 2.
func rowsOf(lines ...string) contact.Rows {
	return func(yield func(contact.Row, error) bool) {
		for i, line := range lines {
			p := contact.Profile{ContactIDs: strings.Fields(line), Fields: []contact.Field{{Name: "firstname", Value: contact.StringValue(fmt.Sprint("N", i))}}}
			digest, _ := p.Measure()
			row := contact.Row{Source: "t.csv", Line: i + 2, Number: int64(i + 1), Key: contact.KeyOf(p.ContactIDs), Digest: digest, Profile: p}
			if !yield(row, nil) {
				return
			}
		}
	}
}

func TestIdentity(t *testing.T) {
	for name, c := range map[string]struct {
		policy contact.Duplicates
		rows   []string
		want   []string // status by row, and the line named where there is one
	}{
		"first wins":      {contact.FirstWins, []string{"a", "b", "a"}, []string{"created", "created", "duplicate 2"}},
		"last wins":       {contact.LastWins, []string{"a", "b", "a"}, []string{"duplicate 4", "created", "created"}},
		"none twice":      {contact.NoneTwice, []string{"a", "b", "a"}, []string{"created", "created", "invalid 2"}},
		"order of ids":    {contact.FirstWins, []string{"a b", "b a"}, []string{"created", "duplicate 2"}},
		"one of two":      {contact.FirstWins, []string{"a b", "b"}, []string{"created", "invalid 2"}},
		"two of one":      {contact.FirstWins, []string{"b", "a b"}, []string{"created", "invalid 2"}},
		"one in common":   {contact.FirstWins, []string{"a b", "b c"}, []string{"created", "invalid 2"}},
		"none in common":  {contact.FirstWins, []string{"a b", "c d"}, []string{"created", "created"}},
		"after a refusal": {contact.FirstWins, []string{"a b", "b c", "c"}, []string{"created", "invalid 2", "created"}},
		"last, in common": {contact.LastWins, []string{"a b", "b", "a b"}, []string{"duplicate 4", "created", "invalid 3"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig()
			r.o.Duplicates = c.policy
			if c.policy == contact.LastWins {
				r.keys = r.report.keys()
				if err := contact.ReadLast(rowsOf(c.rows...), r.keys); err != nil {
					t.Fatal(err)
				}
			}
			r.mustComplete(t, rowsOf(c.rows...))
			got := make([]string, len(c.rows))
			for _, o := range r.report.outcomes {
				got[o.Row.Number-1] = o.Status.String()
				switch o.Status {
				case contact.Duplicate:
					got[o.Row.Number-1] += fmt.Sprint(" ", o.First.Line)
				case contact.Invalid:
					_, rest, _ := strings.Cut(o.Failure.Detail, "t.csv:")
					got[o.Row.Number-1] += " " + strings.Fields(rest)[0]
					if !strings.Contains(o.Failure.Detail, fmt.Sprintf("line %d:", o.Row.Line)) {
						t.Errorf("%s: %q does not name line %d", name, o.Failure.Detail, o.Row.Line)
					}
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
		})
	}
}

// A JSON array may hold many records in one line.
func TestLastWinsOnOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		rows := func(yield func(contact.Row, error) bool) {
			for row := range rowsOf("a", "a", "b", "a") {
				row.Line = 1
				if !yield(row, nil) {
					return
				}
			}
		}
		r.o.Duplicates = contact.LastWins
		r.keys = r.report.keys()
		if err := contact.ReadLast(rows, r.keys); err != nil {
			t.Fatal(err)
		}
		if s := r.mustComplete(t, rows); s.Created != 2 || s.Duplicate != 2 || r.api.count("a") != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// Two rows can stand at one place: where one file is read twice, say. Only one of
// them goes in.
func TestLastWinsGoesByTheNumberOfTheRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		rows := func(yield func(contact.Row, error) bool) {
			number := int64(0)
			for range 2 {
				for row := range rowsOf("a", "b", "a") {
					number++
					row.Number = number
					if !yield(row, nil) {
						return
					}
				}
			}
		}
		r.o.Duplicates = contact.LastWins
		r.keys = r.report.keys()
		if err := contact.ReadLast(rows, r.keys); err != nil {
			t.Fatal(err)
		}
		if s := r.mustComplete(t, rows); s.Created != 2 || s.Duplicate != 4 || r.api.count("a") != 1 || r.api.count("b") != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestExpect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.mustComplete(t, testRows(7))
		rows, requests, err := contact.Expect(testRows(10), r.report.keys())
		if rows != 10 || requests != 3 || err != nil {
			t.Errorf("expects %d requests for %d rows, %v; want 3 for 10", requests, rows, err)
		}
	})
}
