package rejectfile

import (
	"slices"
	"strings"
	"testing"
)

const someRef = "01JZZZZZZZZZZZZZZZZZZZZZZZ.AAAAAAAAAAAAAAAAAAAAAA"

func TestLayout(t *testing.T) {
	ours := "_line,_status,_field,_error,_hint,_ref"
	for _, c := range []struct {
		header, row string
		want        string // the cells of the source
		ref, odd    bool
	}{
		{header: "a,b," + ours, row: "1,'=2,7,invalid,,no,," + someRef, want: "1|=2", ref: true},
		{header: "a,b," + ours, row: "1,2,7.0,invalid,,no,, " + someRef + " ", want: "1|2", ref: true},
		{header: "a,b," + ours, row: "1,2,3,7,invalid,,no,," + someRef, want: "1|2|3", ref: true},
		{header: "a,b," + ours, row: "1,7,invalid,,no,," + someRef, want: "1", ref: true},
		{header: "a,b," + ours, row: "1,7,invalid,,no,," + someRef + ",", want: "1", ref: true},
		{header: "a,b," + ours, row: "1,2,,,,,,", want: "1|2"},
		{header: "a,b," + ours, row: "1,2", want: "1|2"},
		{header: "a,b," + ours, row: "1", want: "1"},
		{header: "a,b," + ours, row: "1,2,more", want: "1|2|more"},
		{header: "a,b," + ours, row: "1,2,7,invalid,,no,," + someRef + ",more", want: "1|2|more", ref: true},
		{header: "a,b," + ours + ",,", row: "1,2,7,invalid,,no,," + someRef + ",,", want: "1|2", ref: true},
		{header: "_ref,b,_line,a", row: someRef + ",2,7,1", want: "2|1", ref: true},
		{header: "_ref,b,_line,_status,a", row: "x,2,7,invalid,1," + someRef, odd: true, want: "x|2|7|invalid|1|" + someRef, ref: true},
		{header: "b,_ref,_line,_status,a", row: someRef, want: someRef, odd: true, ref: true},
		{header: "a,_status,b," + ours, row: "1,mine,2,7,invalid,,no,," + someRef, want: "1|mine|2", ref: true},
		{header: "a,b,_line,_status,_error", row: "1,2,3,7,rejected,no", want: "1|2|3"},
		{header: "a,b,_line,_status,_error", row: "1,2,x,y,z", want: "1|2|x|y|z"},
	} {
		row := strings.Split(c.row, ",")
		l, ok := LayoutOf("x.csv", strings.Split(c.header, ","), [][]string{row})
		if !ok {
			t.Errorf("%s: no reject file", c.header)
			continue
		}
		got := l.Take(row)
		if strings.Join(got.Cells, "|") != c.want || (got.Ref != "") != c.ref || (got.Reason != "") != c.odd {
			t.Errorf("%s: %s: %q, want %s", c.header, c.row, got, c.want)
		}
	}
	for header, row := range map[string]string{
		"a,_ref":                "1,R-17",
		"_line,_status,a":       "7,invalid,1",
		ours:                    "7,invalid,,no,," + someRef,
		"a,b":                   someRef + ",2",
		"_id,_ref,_status,name": "1,ab.cd,invalid,x",
	} {
		if _, ok := LayoutOf("x.csv", strings.Split(header, ","), [][]string{strings.Split(row, ",")}); ok {
			t.Errorf("%s is taken for a reject file", header)
		}
	}
}

// Whatever stands in a row, no cell of it is lost unless it stands under a column of ours.
func FuzzLayout(f *testing.F) {
	f.Add("a,b,_line,_status,_field,_error,_hint,_ref", "1,2,7,invalid,,no,,"+someRef)
	f.Add("_ref,b,_line,_status,a", "x,2,7,invalid,1,"+someRef)
	f.Add("a,_line,_status,_error", "a quote inside a field,\",,")
	f.Fuzz(func(t *testing.T, header, line string) {
		row := strings.Split(line, ",")
		l, ok := LayoutOf("x.rejects.csv", strings.Split(header, ","), [][]string{row})
		if !ok {
			return
		}
		got := l.Take(slices.Clone(row))
		if got.Reason == "" && len(got.Cells) < min(len(l.Source), len(row)) && len(row) >= l.width && got.Ref == "" && !strings.Contains(line, "invalid") && !strings.Contains(line, "rejected") {
			t.Errorf("%q of %q: %+v", row, header, got)
		}
	})
}

func TestNames(t *testing.T) {
	for path, base := range map[string]string{
		"out/c.csv.rejects.csv": "out/c.csv", "c.rejects.2.csv": "c", "c.rejects.ndjson.1": "c", "c.rejects.csv.tmp": "c", "c.csv": "", "rejects.csv": "", "c.rejects.csv.new": "",
	} {
		if got, ok := Base(path); got != base || ok != (base != "") || IsNamed(path) != ok {
			t.Errorf("%s: %q, %t", path, got, ok)
		}
	}
}
