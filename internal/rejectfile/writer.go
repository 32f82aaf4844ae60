package rejectfile

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Writer writes records of CSV, as encoding/csv does. It quotes more than a reader with
// this delimiter needs: a spreadsheet may take other characters for delimiters as well,
// and would find a formula behind one. It guards nothing.
type Writer struct {
	w         io.Writer
	delimiter rune
	line      []byte // reused
	err       error  // the first
}

// NewWriter returns a Writer to w, which should be buffered.
func NewWriter(w io.Writer, delimiter rune) *Writer { return &Writer{w: w, delimiter: delimiter} }

// Write writes a record. The error is that of the first Write that failed.
func (w *Writer) Write(cells []string) error {
	w.line = w.line[:0]
	for i, cell := range cells {
		if i > 0 {
			w.line = utf8.AppendRune(w.line, w.delimiter)
		}
		// One that is alone on its line is never nothing, which would be a blank line.
		if quoted := cell == "" && len(cells) == 1 || w.splits(cell); !quoted {
			w.line = append(w.line, cell...)
			continue
		}
		w.line = append(w.line, '"')
		w.line = append(w.line, strings.ReplaceAll(cell, `"`, `""`)...)
		w.line = append(w.line, '"')
	}
	if w.err == nil {
		_, w.err = w.w.Write(append(w.line, '\n'))
	}
	return w.err
}

// Flush does nothing: each record is written at once.
func (w *Writer) Flush() {}

// Error is the error of the first Write that failed.
func (w *Writer) Error() error { return w.err }

// splitters are what some reader ends a cell or a record at.
const splitters = "\"\r\n;,\t|\v\f\u0085\u2028\u2029"

// splits tells whether some reader may take a cell apart, or trim it, unless it stands in
// quotes.
func (w *Writer) splits(cell string) bool {
	first, _ := utf8.DecodeRuneInString(cell)
	last, _ := utf8.DecodeLastRuneInString(cell)
	return strings.ContainsAny(cell, splitters) || strings.ContainsRune(cell, w.delimiter) || cell == `\.` ||
		unicode.IsSpace(first) || unicode.IsSpace(last)
}
