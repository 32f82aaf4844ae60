package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"importer/internal/words"
	"importer/source/foreign"
	"importer/source/mapping"
	"importer/source/mapping/columns"
	"importer/source/table"
	"importer/source/workbook"
)

// A sheetReader reads the rows of one sheet behind its header.
type sheetReader struct {
	file     *file
	book     *workbook.Book
	closer   io.Closer // of the file; nil where it is in memory
	rows     *workbook.Rows
	sheet    workbook.Sheet
	header   *workbook.Row
	skipped  bool            // rows before the header hold something
	read     []*workbook.Row // behind the header, read when it was looked for
	lastLine int
}

// openSheet opens the sheet behind its header, io.EOF where it has none. The caller
// closes it.
func (f *file) openSheet() (*sheetReader, error) {
	r := &sheetReader{file: f}
	err := r.openBook()
	if err == nil {
		r.sheet, err = r.book.Pick(f.options.Sheet)
	}
	if err == nil {
		r.rows, err = r.book.Rows(r.sheet)
	}
	if err == nil {
		err = r.findHeader()
	}
	if err != nil && err != io.EOF {
		r.close()
		return nil, err
	}
	return r, err
}

func (r *sheetReader) close() {
	if r.rows != nil {
		r.rows.Close()
	}
	if r.closer != nil {
		r.closer.Close() // read only: nothing to lose
	}
}

// maxWorkbook is how many bytes of a workbook are held in memory, where it comes from a pipe.
const maxWorkbook = 256 << 20

// openBook opens the workbook, which is held in memory where it can be read only once.
func (r *sheetReader) openBook() (err error) {
	f := r.file
	if f.far.Object != nil {
		file, size, err := f.far.Spool()
		if err != nil {
			return f.far.fail(err)
		}
		r.book, err = workbook.Open(file, size)
		return err
	}
	if f.once == nil {
		file, err := f.opened()
		if err != nil {
			return err
		}
		r.closer = file
		info, err := file.Stat()
		if err != nil {
			return err
		}
		r.book, err = workbook.Open(file, info.Size())
		return err
	}
	if f.workbook == nil {
		b, err := io.ReadAll(io.LimitReader(f.once, maxWorkbook+1))
		if err != nil {
			return err
		}
		if len(b) > maxWorkbook {
			return fmt.Errorf("the workbook is larger than %d MiB: save it as a file and name that", maxWorkbook>>20)
		}
		f.workbook = b
	}
	r.book, err = workbook.Open(bytes.NewReader(f.workbook), int64(len(f.workbook)))
	return err
}

// examineXLSX finds the sheet and its columns, and reads every part of the workbook
// once, so that a damaged one is refused before its first row.
func (f *file) examineXLSX(head []byte) error {
	r, err := f.openSheet()
	if r != nil {
		defer r.close()
		if bad := r.book.Verify(); bad != nil {
			err = bad
		}
	}
	what := foreign.Document(head, f.base())
	other := r == nil && what != foreign.DamagedBook && (errors.Is(err, workbook.ErrNoWorkbook) || errors.Is(err, workbook.ErrDamaged))
	switch {
	case err == io.EOF:
		return fmt.Errorf("%w: there is nothing to import in the sheet%s", ErrEmpty, r.whereElse())
	case other:
		return fmt.Errorf("%w: %s", ErrBadHeader, what)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrBadHeader, err)
	}
	var rows [][]string
	for _, row := range r.read {
		rows = append(rows, row.Cells)
	}
	if err := f.columns(r.header.Cells, rows); err != nil {
		return fmt.Errorf("%w; the header is taken from row %d of the sheet %s%s; say --header-row if it is another row",
			err, r.header.Number, words.Show(r.sheet.Name), r.whereElse())
	}
	f.mayCorrect = f.rejects != nil
	r.tell()
	row, err := r.row()
	switch {
	case err == io.EOF:
		f.note(headerOnly)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrBadHeader, err)
	case f.plan.WantsSample():
		r.read = append([]*workbook.Row{row}, r.read...)
		f.plan.Sample(r.next, f.options.NullValues)
	}
	return nil
}

// whereElse names the other sheets, at the end of a message.
func (r *sheetReader) whereElse() string {
	if others := r.book.Others(r.sheet); others != "" {
		return "; the workbook has other sheets, which --sheet reads: " + others
	}
	return ""
}

// tell gives notice of what was chosen among several.
func (r *sheetReader) tell() {
	if others := r.book.Others(r.sheet); others != "" && r.file.options.Sheet == "" {
		r.file.note(fmt.Sprintf("the sheet %s is read; the workbook also has %s: --sheet reads another one", words.Show(r.sheet.Name), others))
	}
	if r.skipped && r.file.options.HeaderRow == 0 {
		r.file.note(fmt.Sprintf("row %d is taken for the header, and the rows above it are left out; if it is another row, say --header-row", r.header.Number))
	}
}

// findHeader reads up to the header, which is the row that the options say, or found
// among the first rows.
func (r *sheetReader) findHeader() error {
	var rows []*workbook.Row
	var cells [][]string // by number of the row
	size := 0
	for last := table.HeaderLines; ; {
		row, err := r.rows.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		row.Trim()
		if want := r.file.options.HeaderRow; want > 0 {
			if row.Number < want {
				continue
			}
			if row.Number > want {
				break
			}
			last = want
		}
		if len(row.Cells) > 0 || row.Flaw != nil {
			rows = append(rows, row)
		}
		for len(cells) < row.Number-1 && len(cells) < table.HeaderLines {
			cells = append(cells, nil)
		}
		if len(cells) < table.HeaderLines {
			cells = append(cells, row.Cells)
		}
		if size += row.Bytes; row.Number >= last && len(rows) > 0 || size > maxRecord {
			break
		}
	}
	return r.chooseHeader(rows, cells)
}

func (r *sheetReader) chooseHeader(rows []*workbook.Row, cells [][]string) error {
	number := r.file.options.HeaderRow
	switch {
	case number > 0 && (len(rows) == 0 || rows[0].Number != number):
		return fmt.Errorf("row %d of the sheet %s is empty, and --header-row says that it is the header%s", number, words.Show(r.sheet.Name), r.whereElse())
	case len(rows) == 0:
		return io.EOF
	case number == 0:
		number = table.Header(cells, r.file.options.Mapping) + 1
	}
	i := max(0, slices.IndexFunc(rows, func(row *workbook.Row) bool { return row.Number >= number }))
	r.header, r.read, r.skipped = rows[i], rows[i+1:], i > 0
	if f := r.header.Flaw; f != nil {
		return fmt.Errorf("%s: %s", f.Reason, f.Hint)
	}
	r.rows.Narrow(len(r.header.Cells), r.read)
	return nil
}

// row returns the next row that holds something.
func (r *sheetReader) row() (*workbook.Row, error) {
	for {
		var row *workbook.Row
		var err error
		if len(r.read) > 0 {
			row, r.read = r.read[0], r.read[1:]
		} else if row, err = r.rows.Next(); err != nil {
			return nil, err
		}
		r.lastLine = row.Number
		if row.Trim(); len(row.Cells) > 0 || row.Flaw != nil {
			return row, nil
		}
	}
}

func (r *sheetReader) next(rec *mapping.Record) error {
	row, err := r.row()
	*rec = mapping.Record{Line: r.lastLine}
	if err != nil {
		return err
	}
	if f := row.Flaw; f != nil {
		rec.Fault = &mapping.Fault{Field: columns.Name(r.file.header, row.FlawAt), Reason: f.Reason, Hint: f.Hint}
	}
	width, n := len(r.file.header), len(row.Cells)
	if n > width && rec.Fault == nil {
		rec.Fault = &mapping.Fault{
			Field:  fmt.Sprintf("column %d", row.Last+1),
			Reason: fmt.Sprintf("%s stands in a column without a heading", words.Show(row.Cells[n-1])),
			Hint:   "give the column a heading, or empty the cell",
		}
	}
	for len(row.Cells) < width {
		row.Cells = append(row.Cells, "")
	}
	for row.Numbers != nil && len(row.Numbers) < len(row.Cells) {
		row.Numbers = append(row.Numbers, false)
	}
	rec.Cells, rec.Numbers, rec.Shown = row.Cells, row.Numbers, row.Shown
	r.file.finish(rec)
	return nil
}
