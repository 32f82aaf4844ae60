package rejectfile

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// What a cell that is guarded never begins with, once what has no width is taken away.
const formula = "=+-@＝＋－＠"

func TestGuard(t *testing.T) {
	for _, cell := range []string{
		"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\x00=1", "＝1+1", "＋1", "－1", "＠SUM(A1)", "﹦1", "−1",
		" =1+1", "\u00a0=1", "\u3000＝1", "\ufeff=1", "\u200b=1", "\u202e=1", " \t =1",
	} {
		if got := Guard(cell); got != "'"+cell {
			t.Errorf("%q becomes %q", cell, got)
		}
	}
	for _, cell := range []string{"", "'", "''", "O'Neill", "'quoted'", "a=1", " a", "1-1", "ß", "\ufffd", "\u200b"} {
		if got := Guard(cell); got != cell {
			t.Errorf("%q becomes %q", cell, got)
		}
	}
}

// bySpreadsheet are the cells of a text to a program that takes each of several characters
// for a delimiter, as LibreOffice does unless it is told otherwise.
func bySpreadsheet(text string) (cells []string) {
	for text != "" {
		end := 0
		if text[0] == '"' {
			for end = 1; text[end] != '"' || strings.HasPrefix(text[end:], `""`); end++ {
				if text[end] == '"' {
					end++
				}
			}
		}
		end += strings.IndexAny(text[end:], ";,\t|\r\n")
		cells, text = append(cells, text[:end]), text[end+1:]
	}
	return cells
}

// No cell is a formula to a spreadsheet, nor a part of one that takes other delimiters for
// its own as well; and each comes back as it was.
func FuzzCells(f *testing.F) {
	for _, cell := range []string{
		"", "'", "=1+1", "+4930123456", "-5", "@a", "\tx", "\rx", "\nx", "'=1", "''", "'''=", "''=1", "' =1", "O'Neill", "'quoted'", `"`, `a"b`, `\.`,
		"a;=1", "a,=1", "a\t=1", "a|=1", "a\n=1", "a\r=1", "a\u2028=1", "\ufeff=1", "＝1", " a ", "\xff=1", "\x00",
	} {
		f.Add(cell, "other")
		f.Add("first", cell)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, cell := range []string{a, b} {
			guarded := Guard(cell)
			if bare := strings.TrimLeftFunc(guarded, unicode.IsSpace); bare != "" && strings.ContainsRune(formula, []rune(bare)[0]) {
				t.Errorf("%q runs as a formula", guarded)
			}
			if got := Unguard(guarded); got != cell {
				t.Errorf("%q comes back as %q", cell, got)
			}
		}
		if strings.Contains(a+b, "\r\n") {
			return // a reader of CSV makes one line feed of both
		}
		for _, delimiter := range []rune{',', ';', '\t', '|'} {
			var text bytes.Buffer
			if err := NewWriter(&text, delimiter).Write([]string{Guard(a), Guard(b)}); err != nil {
				t.Fatal(err)
			}
			r := csv.NewReader(bytes.NewReader(text.Bytes()))
			r.Comma = delimiter
			cells, err := r.Read()
			if err != nil || len(cells) != 2 || !slices.Equal([]string{Unguard(cells[0]), Unguard(cells[1])}, []string{a, b}) {
				t.Fatalf("%q and %q with %q: %q, %v", a, b, delimiter, cells, err)
			}
			if cells := bySpreadsheet(text.String()); len(cells) != 2 {
				t.Errorf("%q and %q, written with %q, are taken for %q", a, b, delimiter, cells)
			}
		}
	})
}
