package source

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"

	"importer/source/mapping"
)

// What a workbook may hold. A sheet larger than maxSheet is unpacked into a
// temporary file instead of memory, and removed when the workbook is closed.
const (
	maxWorkbook = 1 << 30  // bytes of the file, where it comes from a pipe
	maxUnpacked = 8 << 30  // bytes of all its parts
	maxSheet    = 16 << 20 // bytes of one part in memory
	isoDate     = "yyyy-mm-dd"
)

// A sheetReader reads the rows of one sheet. A cell is the text that the
// workbook shows, except for dates in the format of the country, which would change
// with the computer: they are written 2026-01-31.
type sheetReader struct {
	file *file
	book *excelize.File
	rows *excelize.Rows
	line int
}

// openSheet opens the sheet behind its header, io.EOF where it has none. The caller
// closes it.
func (f *file) openSheet() (_ *sheetReader, header []string, err error) {
	r := &sheetReader{file: f}
	if r.book, err = f.openWorkbook(); err != nil {
		return nil, nil, fmt.Errorf("%w: it is an archive, and not an Excel workbook (%w): unpack it first", ErrBadHeader, err)
	}
	sheets := r.book.GetSheetList()
	sheet := cmp.Or(f.options.Sheet, r.book.GetSheetName(0))
	if !slices.Contains(sheets, sheet) {
		err = fmt.Errorf("%w: the workbook has no sheet %q; it has %s", ErrBadHeader, sheet, mapping.QuoteNames(sheets, 12))
	} else if r.rows, err = r.book.Rows(sheet); err == nil {
		header, err = r.row()
	}
	if err != nil {
		r.close()
		return nil, nil, err
	}
	return r, header, nil
}

// close closes the workbook, which was only read: what can fail is the removal of a
// temporary file.
func (r *sheetReader) close() {
	if r.rows != nil {
		r.rows.Close()
	}
	r.book.Close()
}

func (f *file) openWorkbook() (*excelize.File, error) {
	o := excelize.Options{UnzipSizeLimit: maxUnpacked, UnzipXMLSizeLimit: maxSheet, ShortDatePattern: isoDate}
	if f.once == nil {
		return excelize.OpenFile(f.Name, o)
	}
	if f.workbook == nil {
		b, err := io.ReadAll(io.LimitReader(f.once, maxWorkbook+1))
		if err != nil {
			return nil, err
		}
		if len(b) > maxWorkbook {
			return nil, fmt.Errorf("the workbook is larger than %d MiB: save it as a file", maxWorkbook>>20)
		}
		f.workbook = b
	}
	return excelize.OpenReader(bytes.NewReader(f.workbook), o)
}

func (f *file) examineXLSX() error {
	r, header, err := f.openSheet()
	switch {
	case err == io.EOF:
		return fmt.Errorf("%w: there is nothing to import in the sheet", ErrEmpty)
	case errors.Is(err, ErrBadHeader):
		return err
	case err != nil:
		return fmt.Errorf("%w: %w", ErrBadHeader, err)
	}
	defer r.close()
	if err := f.columns(header); err != nil {
		return err
	}
	if _, err := r.row(); err == io.EOF {
		f.note(headerOnly)
	}
	if f.plan.WantsSample() {
		f.plan.Sample(r.next, f.options.NullValues)
	}
	return nil
}

// row returns the next row that holds something, as wide as it is.
func (r *sheetReader) row() ([]string, error) {
	for r.rows.Next() {
		r.line++
		cells, err := r.rows.Columns()
		if err != nil {
			return nil, err
		}
		for len(cells) > 0 && strings.TrimSpace(cells[len(cells)-1]) == "" {
			cells = cells[:len(cells)-1]
		}
		if len(cells) > 0 {
			return cells, nil
		}
	}
	if err := r.rows.Error(); err != nil {
		return nil, err
	}
	return nil, io.EOF
}

func (r *sheetReader) next(rec *mapping.Record) error {
	cells, err := r.row()
	*rec = mapping.Record{Line: r.line}
	if err != nil {
		return err
	}
	width := len(r.file.header)
	if len(cells) > width {
		rec.Fault = &mapping.Fault{
			Field:  fmt.Sprintf("column %d", len(cells)),
			Reason: fmt.Sprintf("%s stands in a column without a heading", mapping.Show(cells[len(cells)-1])),
			Hint:   "give the column a heading, or empty the cell",
		}
	}
	rec.Cells = append(cells, make([]string, max(0, width-len(cells)))...)
	r.file.finish(rec)
	return nil
}
