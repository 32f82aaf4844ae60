package source

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"importer/importer/contact"
	"importer/internal/rejectfile"
	"importer/source/mapping"
)

// IsRejects tells whether all files of the input are reject files, by columns or by name.
func (in *Input) IsRejects() bool {
	return !slices.ContainsFunc(in.files, func(f *file) bool { return !f.isRejects() })
}

func (f *file) isRejects() bool { return f.rejects != nil || rejectfile.IsNamed(f.base()) }

// Corrections are the runs whose refused rows the input corrects, sorted, and a file of
// the input that is no reject file. Where that is possible the input is read for it once, unless
// its beginning shows nothing of the kind.
func (in *Input) Corrections() (runs []string, other string, err error) {
	if !slices.ContainsFunc(in.files, func(f *file) bool { return f.mayCorrect }) {
		return nil, "", nil
	}
	if in.ReadsAgain() {
		defer in.forget(in.opened)
		for _, err := range in.AllRows() {
			if _, bad := errors.AsType[*contact.RowError](err); err != nil && !bad {
				return nil, "", err
			}
		}
	}
	for _, f := range in.files {
		if len(f.corrects) == 0 && !f.isRejects() {
			other = f.Name
		}
		runs = append(runs, f.corrects...)
	}
	slices.Sort(runs)
	return slices.Compact(runs), other, nil
}

// Expect has the reading end with an error where a row corrects one of another run than
// these.
func (in *Input) Expect(runs []string) { in.expected = runs }

// correction takes note of what a row corrects, and names the run that reads it.
func (f *file) correction(c *contact.Correction, line int) error {
	if c == nil {
		return nil
	}
	if in := f.in; in.expected != nil && !slices.Contains(in.expected, c.By) {
		return fmt.Errorf("%s:%d: the cell _ref names the run %s, and the rows before are of another import; clear the cell where the row is one of its own", f.Name, line, c.By)
	}
	if !slices.Contains(f.corrects, c.By) {
		f.corrects = append(f.corrects, c.By)
	}
	c.ReadBy(f.options.Run)
	return nil
}

// lookAhead finds out by the beginning of a text whether its rows may correct others, and
// whose, where it can be read only once.
func (f *file) lookAhead(head []byte) {
	if f.mayCorrect = f.rejects != nil; f.Format == NDJSON {
		_, f.mayCorrect = rejectfile.RefIn(head)
	}
	if f.once == nil || !f.mayCorrect {
		return
	}
	told := len(f.in.Notices())
	if next, err := f.records(bytes.NewReader(head)); err == nil {
		m := mapping.NewMapper(f.Name, f.plan, f.options.NullValues)
		for rec := (mapping.Record{}); next(&rec) == nil; {
			if c := m.Correction(&rec); c != nil {
				_ = f.correction(c, rec.Line) // nothing is expected yet
			}
		}
	}
	f.in.forget(told)
}

func cellsAt[T any](cells []T, at []int) []T {
	var all []T
	for _, i := range at {
		if i < len(cells) {
			all = append(all, cells[i])
		}
	}
	return all
}

// finish takes away what the writer of a reject file added, and keeps the cells
// as they were read.
func (f *file) finish(rec *mapping.Record) {
	if f.rejects != nil {
		row := f.rejects.Take(rec.Cells)
		if rec.Fault == nil && row.Reason != "" {
			rec.Fault = &mapping.Fault{Reason: row.Reason, Hint: row.Hint}
		}
		rec.Cells, rec.Ref = row.Cells, row.Ref
		if rec.Numbers != nil {
			rec.Numbers = cellsAt(rec.Numbers, f.rejects.Source)
		}
		if shown := rec.Shown; shown != nil {
			rec.Shown = make(map[int]*string)
			for to, from := range f.rejects.Source {
				if text, ok := shown[from]; ok {
					rec.Shown[to] = text
				}
			}
		}
	}
	if f.guarded {
		rec.Cells = unguarded(rec.Cells)
	}
	rec.Raw = rec.Cells
}

// unguarded takes back what keeps a spreadsheet from running cells.
func unguarded(cells []string) []string {
	for i, cell := range cells {
		cells[i] = rejectfile.Unguard(cell)
	}
	return cells
}
