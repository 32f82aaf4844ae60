package source

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"importer/importer/contact"
	"importer/source/mapping"
	"importer/source/workbook"
)

// A part is one of a workbook, or of another archive.
type part struct{ name, content string }

const (
	xmlns = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"`
	kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
)

// zipOf is an archive of those parts.
func zipOf(t *testing.T, parts ...part) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, p := range parts {
		f, err := w.Create(p.name)
		if err == nil {
			_, err = io.WriteString(f, p.content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// bookOf are the parts of a workbook of one sheet; a further part of the same name
// replaces one.
func bookOf(t *testing.T, rows string, others ...part) string {
	t.Helper()
	parts := []part{
		{"_rels/.rels", `<Relationships><Relationship Id="rId1" Type="` + kinds + `officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"xl/workbook.xml", `<workbook ` + xmlns + `><sheets><sheet name="People" sheetId="1" r:id="rId1"/></sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships>` +
			`<Relationship Id="rId1" Type="` + kinds + `worksheet" Target="worksheets/sheet1.xml"/>` +
			`<Relationship Id="rId2" Type="` + kinds + `worksheet" Target="/xl/worksheets/sheet2.xml"/>` +
			`<Relationship Id="rId3" Type="` + kinds + `chartsheet" Target="worksheets/chart.xml"/>` +
			`<Relationship Id="rId4" Type="` + kinds + `sharedStrings" Target="sharedStrings.xml"/>` +
			`<Relationship Id="rId5" Type="` + kinds + `styles" Target="styles.xml"/></Relationships>`},
		{"xl/styles.xml", `<styleSheet ` + xmlns + `><numFmts><numFmt numFmtId="164" formatCode="dddd"/><numFmt numFmtId="165" formatCode="[h]:mm"/></numFmts>` +
			`<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="20"/><xf numFmtId="165"/></cellXfs></styleSheet>`},
		{"xl/sharedStrings.xml", `<sst ` + xmlns + `><si><t>email</t></si><si><r><rPr><b/></rPr><t>Ad</t></r><r><t xml:space="preserve">a </t></r><rPh sb="0" eb="1"><t>no</t></rPh></si>` +
			`<si><t>_x0041__x005F_x0042__x000D_` + "\n" + `_x_</t></si><si><t>x_x0000_</t></si></sst>`},
		{"xl/worksheets/sheet1.xml", `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><worksheet ` + xmlns + `><cols><col/></cols><sheetData>` + rows + `</sheetData><pageMargins/></worksheet>`},
	}
	for _, p := range others {
		if i := slices.IndexFunc(parts, func(q part) bool { return q.name == p.name }); i >= 0 {
			parts[i] = p
		} else {
			parts = append(parts, p)
		}
	}
	return zipOf(t, parts...)
}

// text is a cell with a text in it.
func text(cell, s string) string {
	return `<c r="` + cell + `" t="inlineStr"><is><t>` + s + `</t></is></c>`
}

// records reads the records of a workbook as the mapping gets them, a line each. Numbers
// stand in <>.
func records(t *testing.T, o Options) (all []string, notices []Notice, err error) {
	t.Helper()
	in, err := Open(o)
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	next, done, err := in.files[0].reader()
	if err != nil {
		return nil, nil, err
	}
	defer done()
	for {
		var rec mapping.Record
		if err := next(&rec); err == io.EOF {
			return all, in.Notices(), nil
		} else if err != nil {
			return all, nil, err
		}
		cells := slices.Clone(rec.Cells)
		for i, isNumber := range rec.Numbers {
			if isNumber {
				cells[i] = "<" + cells[i] + ">"
			}
		}
		line := fmt.Sprintf("%d %q", rec.Line, cells)
		if f := rec.Fault; f != nil {
			line += " " + f.Field + ": " + f.Reason
		}
		all = append(all, line)
	}
}

// What cells hold, by their type and not as they are shown.
func TestCells(t *testing.T) {
	tests := []struct{ name, cell, want string }{
		{"number", `<c r="B2"><v>24187593847561234</v></c>`, `<24187593847561234>`},
		{"number by its type", `<c r="B2" t="n" s="0"><v> 30.6 </v></c>`, `<30.6>`},
		{"exponent of Java", `<c r="B2"><v>4.91512345678E11</v></c>`, `<491512345678>`},
		{"no number", `<c r="B2"><v>NaN</v></c>`, `NaN: cell B2 holds "NaN", which is not the number it should be`},
		{"yes", `<c r="B2" t="b"><v>1</v></c>`, `true`},
		{"no", `<c r="B2" t="b"><v>0</v></c>`, `false`},
		{"neither", `<c r="B2" t="b"><v>2</v></c>`, `2: cell B2 holds "2", which is not of the type "b" that it should have`},
		{"shared text", `<c r="B2" t="s"><v>1</v></c>`, `Ada `},
		{"shared text with escapes", `<c r="B2" t="s"><v>2</v></c>`, `A_x0042_\n_x_`},
		{"NUL", `<c r="B2" t="s"><v>3</v></c>`, `x\x00: cell B2 holds a NUL character`},
		{"inline text", `<c r="B2" t="inlineStr"><is><r><t>A</t></r><r><t>da</t></r><rPh><t>x</t></rPh></is></c>`, `Ada`},
		{"CDATA and entities", `<c r="B2" t="inlineStr"><is><t><![CDATA[<A>]]>&amp;&#x42;</t></is></c>`, `<A>&B`},
		{"text of digits", text("B2", "0049"), `0049`},
		{"error", `<c r="B2" t="e"><v>#N/A</v></c>`, `#N/A: cell B2 holds the error "#N/A"`},
		{"error of a formula", `<c r="B2" t="e"><f>1/0</f><v>#DIV/0!</v></c>`, `#DIV/0!: cell B2 holds the error "#DIV/0!"`},
		{"formula", `<c r="B2"><f>A2</f><v>7</v></c>`, `<7>`},
		{"formula of a text", `<c r="B2" t="str"><f>A2</f><v>Ada</v></c>`, `Ada`},
		{"formula of no text", `<c r="B2" t="str"><f>""</f><v></v></c>`, ``},
		{"formula of 0", `<c r="B2"><f>A2</f><v>0</v></c>`, `<0>`},
		{"formula without a result", `<c r="B2"><f>A2&amp;"x"</f><v></v></c>`, `: cell B2 holds the formula "=A2&\"x\"" without its result`},
		{"formula without a value", `<c r="B2" t="str"><f>A2</f></c>`, `: cell B2 holds the formula "=A2" without its result`},
		{"shared formula without a result", `<c r="B2"><f t="shared" si="0"/></c>`, `: cell B2 holds a formula without its result`},
		{"date", `<c r="B2" s="1"><v>30742</v></c>`, `1984-03-01`},
		{"date shown as a day of the week", `<c r="B2" s="2"><v>30742.75</v></c>`, `1984-03-01T18:00:00`},
		{"time", `<c r="B2" s="3"><v>0.6278240740740740</v></c>`, `15:04:04`},
		{"duration", `<c r="B2" s="4"><v>1.5</v></c>`, `<1.5>`},
		{"date before the calendar", `<c r="B2" s="1"><v>-1</v></c>`, `-1: cell B2 is formatted as a date and holds -1, which is none`},
		{"no date at all", `<c r="B2" s="1"><v>0</v></c>`, `0: cell B2 is formatted as a date and holds 0, which is none`},
		{"date of a formula", `<c r="B2" s="1"><f>TODAY()</f><v>46053</v></c>`, `2026-01-31`},
		{"date in ISO", `<c r="B2" t="d"><v>2026-01-31T00:00:00</v></c>`, `2026-01-31`},
		{"no date in ISO", `<c r="B2" t="d"><v>31.1.2026</v></c>`, `31.1.2026: cell B2 holds "31.1.2026", which is not of the type "d" that it should have`},
		{"unknown type", `<c r="B2" t="z"><v>1</v></c>`, `1: cell B2 holds "1", which is not of the type "z" that it should have`},
		{"format without a value", `<c r="B2" s="1"/>`, ``},
		{"without names", `<c t="str"><v>x</v></c>`, `x`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows := `<row r="1">` + text("A1", "email") + text("B1", "Note") + `</row><row r="2">` + text("A2", "a@example.com") + tt.cell + `</row>`
			got, _, err := records(t, Options{Paths: []string{writeFile(t, "x.xlsx", bookOf(t, rows))}})
			if err != nil {
				t.Fatal(err)
			}
			value, fault, refused := strings.Cut(tt.want, ": ")
			want := `2 ["a@example.com" "` + value + `"]`
			if refused {
				want += " Note: " + fault
			}
			diff(t, got, []string{want})
		})
	}
}

// From the workbook to the profile.
func TestXLSX(t *testing.T) {
	rows := `<row r="2">` + text("A2", "E-Mail") + text("B2", "First Name") + text("C2", "Birthday") + text("D2", "Phone") + text("E2", "Consent") + text("F2", "Age") + `</row>` +
		`<row r="3">` + text("A3", "a@example.com") + text("B3", "0049") + `<c r="C3" s="1"><v>30741</v></c><c r="D3"><v>491511234567890</v></c><c r="E3" t="b"><v>1</v></c><c r="F3"><v>42.0</v></c></row>` +
		`<row r="5">` + text("B5", "Bob") + `<c r="D5"><v>4.91511234567E11</v></c></row>` +
		`<row r="6">` + text("A6", "c@example.com") + `<c r="F6"><v>30.6</v></c></row>`
	got, _ := read(t, Options{Paths: []string{writeFile(t, "x.xlsx", bookOf(t, rows))}})
	diff(t, got, []string{
		`3 ["a@example.com"],"profile":{"accepted_gdpr":true,"age":42,"birthday":"1984-02-29","email":"a@example.com","firstname":"0049"}}`,
		`5 ["491511234567"],"profile":{"firstname":"Bob"}}`,
		`6 Age: "30.6" is not a whole number of 0 or more ["c@example.com" "" "" "" "" "30.6"]`,
	})
}

// A program that leaves all computing to Excel writes 0 for what it did not compute.
func TestFormulasToBeComputed(t *testing.T) {
	rows := `<row r="1">` + text("A1", "email") + text("B1", "age") + `</row>` +
		`<row r="2">` + text("A2", "a@example.com") + `<c r="B2"><f>C2</f><v>0</v></c></row>` +
		`<row r="3">` + text("A3", "b@example.com") + `<c r="B3"><v>0</v></c></row>` +
		`<row r="4">` + text("A4", "c@example.com") + `<c r="B4"><f>C4</f><v>42</v></c></row>`
	book := bookOf(t, rows, part{"xl/workbook.xml", `<workbook ` + xmlns + `><sheets><sheet name="A" r:id="rId1"/></sheets><calcPr fullCalcOnLoad="1"/></workbook>`})
	got, _, err := records(t, Options{Paths: []string{writeFile(t, "x.xlsx", book)}})
	if err != nil {
		t.Fatal(err)
	}
	diff(t, got, []string{
		`2 ["a@example.com" "0"] age: cell B2 holds the formula "=C2" without its result`,
		`3 ["b@example.com" "<0>"]`,
		`4 ["c@example.com" "<42>"]`,
	})
}

// Rows of any width, blank ones, and cells that hold something beside the table.
func TestSheetRows(t *testing.T) {
	rows := `<row r="2">` + text("A2", "E-Mail") + text("C2", "First Name") + text("D2", " ") + `</row>` +
		`<row r="3">` + text("A3", "a@example.com") + text("C3", "0049") + text("D3", " ") + text("XFD3", "") + `</row>` +
		`<row r="4">` + text("B4", "\u00a0") + `</row><row/>` +
		`<row r="6">` + text("C6", "Bob") + `</row>` +
		`<row r="7">` + text("A7", "c@example.com") + text("E7", "stray") + `</row>` +
		`<row r="8">` + text("A8", "d@example.com") + `<c r="XFC8"><v>1</v></c>` + text("XFD8", "far") + `</row>` +
		`<row r="9"><c r="B9" t="e"><v>#REF!</v></c></row>` +
		`<row r="10"><c r="F10"><f>A1</f></c></row>`
	path := writeFile(t, "x.xlsx", bookOf(t, rows))
	want := []string{
		`3 ["a@example.com" "" "0049"]`,
		`6 ["" "" "Bob"]`,
		`7 ["c@example.com" "" "" "" "stray"] column 5: "stray" stands in a column without a heading`,
		`8 ["d@example.com" "" "" "<1>" "far"] column 16384: "far" stands in a column without a heading`,
		`9 ["" "#REF!" ""] column 2: cell B9 holds the error "#REF!"`,
		`10 ["" "" ""] column 6: cell F10 holds the formula "=A1" without its result`,
	}
	got, _, err := records(t, Options{Paths: []string{path}})
	if err != nil {
		t.Fatal(err)
	}
	diff(t, got, want)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err = records(t, Options{Paths: []string{"-"}, Stdin: bytes.NewReader(content)})
	if err != nil {
		t.Fatal(err)
	}
	diff(t, got, want)
	_, in := read(t, Options{Paths: []string{path}})
	if in.BytesRead() != in.Size() || in.Size() == 0 {
		t.Errorf("%d bytes of %d", in.BytesRead(), in.Size())
	}
}

func TestSheets(t *testing.T) {
	table := func(email string) string {
		return `<worksheet><sheetData><row><c t="str"><v>email</v></c></row><row><c t="str"><v>` + email + `</v></c></row></sheetData></worksheet>`
	}
	book := func(sheets string) string {
		return bookOf(t, "", part{"xl/workbook.xml", `<workbook ` + xmlns + `><sheets>` + sheets + `</sheets></workbook>`},
			part{"xl/worksheets/sheet1.xml", table("one@example.com")}, part{"xl/worksheets/sheet2.xml", table("two@example.com")})
	}
	const (
		one    = `<sheet name="One" r:id="rId1"/>`
		two    = `<sheet name="Two" r:id="rId2"/>`
		hidden = `<sheet name="One" state="veryHidden" r:id="rId1"/>`
		chart  = `<sheet name="Chart" r:id="rId3"/>`
	)
	tests := []struct{ name, sheets, sheet, want, told string }{
		{"only", one, "", "one@", ""},
		{"first", two + one, "", "two@", `the sheet "Two" is read; the workbook also has "One": --sheet reads another one`},
		{"hidden", hidden + two, "", "two@", `the sheet "Two" is read; the workbook also has "One" (hidden): --sheet reads another one`},
		{"chart", chart + one, "", "one@", ""},
		{"by name", one + two, "Two", "two@", ""},
		{"by name in other case", one + two, "two ", "two@", ""},
		{"hidden by name", hidden + two, "One", "one@", ""},
		{"all are hidden", hidden, "", "", `all sheets of the workbook are hidden: say with --sheet which one to read; it has "One" (hidden)`},
		{"no such name", one + two, "Three", "", `the workbook has no sheet "Three"; it has "One", "Two"`},
		{"no sheet", chart, "", "", "the workbook has no sheet with cells"},
		{"not in the file", `<sheet name="One" r:id="rId9"/>`, "", "", `the sheet "One" is nowhere`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows, notices, err := records(t, Options{Paths: []string{writeFile(t, "x.xlsx", book(tt.sheets))}, Sheet: tt.sheet})
			var told string
			for _, n := range notices {
				told += n.Text
			}
			if err != nil {
				told = err.Error()
			}
			if tt.want == "" != (err != nil) || !strings.Contains(told, tt.told) || tt.told == "" && told != "" {
				t.Errorf("told %q, %v", told, err)
			}
			if tt.want != "" {
				diff(t, rows, []string{`2 ["` + tt.want + `example.com"]`})
			}
		})
	}
}

// Where the header is, by --header-row; and what is said where there is none.
func TestSheetHeader(t *testing.T) {
	rows := `<row r="1">` + text("A1", "Customers") + `</row><row r="3">` + text("A3", "email") + `</row><row r="25">` + text("A25", "a@example.com") + `</row>`
	path := writeFile(t, "x.xlsx", bookOf(t, rows, part{"xl/workbook.xml", `<workbook ` + xmlns + `><sheets><sheet name="A" r:id="rId1"/><sheet name="B" r:id="rId2"/></sheets></workbook>`}))
	got, _, err := records(t, Options{Paths: []string{path}, HeaderRow: 3, Sheet: "A"})
	if err != nil {
		t.Fatal(err)
	}
	diff(t, got, []string{`25 ["a@example.com"]`})
	for row, want := range map[int]string{
		1:  `the header is taken from row 1 of the sheet "A"; the workbook has other sheets, which --sheet reads: "B"; say --header-row`,
		2:  `row 2 of the sheet "A" is empty, and --header-row says that it is the header`,
		25: `"a@example.com"`,
		26: `row 26 of the sheet "A" is empty`,
	} {
		if _, _, err := records(t, Options{Paths: []string{path}, HeaderRow: row, Sheet: "A"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("row %d: %v", row, err)
		}
	}
	for rows, want := range map[string]string{
		"": "there is nothing to import in the sheet",
		`<row r="1"><c r="A1" t="e"><v>#N/A</v></c></row>`: `cell A1 holds the error "#N/A"`,
		`<row r="1">` + text("ZZZ1", "email") + `</row>`:   "row 1 has more than 16384 columns",
		`<row r="1">` + text("XFD1", "email") + `</row>`:   "it has 16384 columns; 2000 at most",
	} {
		if _, _, err := records(t, Options{Paths: []string{writeFile(t, "x.xlsx", bookOf(t, rows))}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", rows, err)
		}
	}
	_, notices, err := records(t, Options{Paths: []string{writeFile(t, "x.xlsx", bookOf(t, `<row><c t="s"><v>0</v></c></row>`))}})
	if err != nil || len(notices) != 1 || notices[0].Text != headerOnly {
		t.Errorf("%v, %v", notices, err)
	}
}

// XML as other programs write it.
func TestDialects(t *testing.T) {
	const rels = `<?xml version="1.0"?><p:Relationships xmlns:p="x"><p:Relationship Type="http://purl.oclc.org/ooxml/officeDocument/relationships/`
	parts := []part{
		{"[Content_Types].xml", "<Types/>"},
		{"xl/", ""},
		{"_rels/.rels", rels + `officeDocument" Id="a" Target="/XL/Book.xml"/></p:Relationships>`},
		{`xl\_rels\book.xml.rels`, rels + `worksheet" Id="b" Target="../xl/Sheet.xml"/></p:Relationships>`},
		{`xl\book.xml`, "\ufeff" + `<x:workbook xmlns:x="http://purl.oclc.org/ooxml/spreadsheetml/main" xmlns:q="http://purl.oclc.org/ooxml/officeDocument/relationships">` +
			`<x:workbookPr date1904="true"/><x:sheets><x:sheet name="S" q:id="b"/></x:sheets></x:workbook>`},
		{"xl/sheet.xml", "\ufeff<?xml version='1.0'?><!-- made by hand --><x:worksheet xmlns:x='y'><x:sheetData>\r\n<x:row r='1'><x:c r='a1' t='str'><x:v>email</x:v></x:c></x:row>" +
			`<x:row><x:c t="inlineStr"><x:is><x:t>a@example.com</x:t></x:is></x:c><x:extLst><x:c><x:v>1</x:v></x:c></x:extLst></x:row></x:sheetData><x:extLst><x:row/></x:extLst></x:worksheet>` + "\n<!-- end -->\n"},
	}
	got, _, err := records(t, Options{Paths: []string{writeFile(t, "x.xlsx", zipOf(t, parts...))}})
	if err != nil {
		t.Fatal(err)
	}
	diff(t, got, []string{`2 ["a@example.com"]`})
}

// What is inconsistent ends the input, and is no end of it.
func TestInconsistentWorkbooks(t *testing.T) {
	header := `<row r="1">` + text("A1", "email") + `</row>`
	row := func(n, cells string) string { return header + `<row r="` + n + `">` + cells + `</row>` }
	sheet := func(content string) part { return part{"xl/worksheets/sheet1.xml", content} }
	tests := []struct {
		name, rows string
		part       part
		want       string
	}{
		{"rows go back", header + row("1", ""), part{}, `row "1" stands behind row 1`},
		{"a row without number", row("x", ""), part{}, `row "x" stands behind row 1`},
		{"too many rows", row("1048577", ""), part{}, "more than 1048576 rows"},
		{"cells go back", row("2", text("B2", "x")+text("A2", "y")), part{}, `cell "A2" stands in row 2, behind column 2`},
		{"a cell twice", row("2", text("A2", "x")+text("A2", "y")), part{}, `cell "A2"`},
		{"a cell of another row", row("2", text("A3", "x")), part{}, `cell "A3"`},
		{"no name of a cell", row("2", text("2", "x")), part{}, `cell "2"`},
		{"no shared text", row("2", `<c t="s"><v>4</v></c>`), part{}, "cell A2: there is no shared text 4"},
		{"no index", row("2", `<c t="s"><v>-1</v></c>`), part{}, "cell A2: there is no shared text -1"},
		{"no such format", row("2", `<c s="9"><v>1</v></c>`), part{}, `cell A2: there is no format "9"`},
		{"no end of the sheet", "", sheet(`<worksheet><sheetData>` + header), "unexpected EOF"},
		{"no end behind the rows", "", sheet(`<worksheet><sheetData>` + header + `</sheetData>`), "unexpected EOF"},
		{"more behind the end", "", sheet(`<worksheet><sheetData>` + header + `</sheetData></worksheet>x`), "there is text outside"},
		{"a second sheet behind it", "", sheet(`<worksheet><sheetData>` + header + `</sheetData></worksheet><worksheet/>`), "more than one outermost"},
		{"rows twice", "", sheet(`<worksheet><sheetData>` + header + `</sheetData><sheetData/></worksheet>`), "its rows twice"},
		{"no rows", "", sheet(`<worksheet></worksheet>`), "it holds no rows"},
		{"no sheet", "", sheet(`<chartsheet><sheetData/></chartsheet>`), `it is a "chartsheet", not a sheet`},
		{"an end of nothing", "", sheet(`<worksheet><sheetData></row></sheetData></worksheet>`), "that is not open"},
		{"a document type", "", sheet(`<!DOCTYPE w [<!ENTITY a "b">]><worksheet><sheetData/></worksheet>`), "a document type"},
		{"an entity", header + "&a;", part{}, "invalid character entity"},
		{"another encoding", "", sheet(`<?xml version="1.0" encoding="latin1"?><worksheet><sheetData/></worksheet>`), "encoding"},
		{"a long cell", row("2", text("A2", strings.Repeat("x", 128<<10+1))), part{}, "a cell holds more than 128 KiB"},
		{"a long tag", row("2", `<c r="`+strings.Repeat("x", 1<<20)+`"/>`), part{}, "longer than 1 MiB"},
		{"deep", row("2", strings.Repeat("<x>", 200)), part{}, "nested too deeply"},
		{"no list of sheets", header, part{"xl/workbook.xml", `<workbook><sheets>`}, "unexpected EOF"},
		{"no texts", header, part{"xl/sharedStrings.xml", `<sst><si><t>email</t></si>`}, "unexpected EOF"},
		{"a number that is none", header, part{"xl/styles.xml", `<styleSheet><cellXfs><xf numFmtId="x"/></cellXfs></styleSheet>`}, "invalid syntax"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var others []part
			if tt.part.name != "" {
				others = append(others, tt.part)
			}
			rows, _, err := records(t, Options{Paths: []string{writeFile(t, "x.xlsx", bookOf(t, tt.rows, others...))}})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "save it") {
				t.Errorf("%q, %v", rows, err)
			}
		})
	}
	for name, parts := range map[string][]part{
		"texts twice":  {{"xl/_rels/workbook.xml.rels", `<Relationships><Relationship Id="rId1" Type="sharedStrings" Target="sharedStrings.xml"/><Relationship Type="sharedStrings" Target="sharedStrings.xml"/></Relationships>`}},
		"part twice":   {{"xl/a.xml", "1"}, {"XL/A.xml", "2"}},
		"part missing": {{"xl/workbook.xml", `<workbook ` + xmlns + `><sheets><sheet name="A" r:id="rId2"/></sheets></workbook>`}},
	} {
		if _, _, err := records(t, Options{Paths: []string{writeFile(t, "x.xlsx", bookOf(t, header, parts...))}}); !errors.Is(err, workbook.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An error far down gives the rows before it, and ends the input as one.
func TestInconsistentLater(t *testing.T) {
	rows := `<row r="1">` + text("A1", "email") + `</row>`
	for i := 2; i < 100; i++ {
		rows += fmt.Sprintf(`<row r="%d">`, i) + text(fmt.Sprintf("A%d", i), fmt.Sprintf("a%d@example.com", i)) + `</row>`
	}
	path := writeFile(t, "x.xlsx", bookOf(t, rows+`<row r="99"/>`))
	for range 2 {
		got, _ := read(t, Options{Paths: []string{path}})
		if n := len(got); n != 99 || !strings.HasPrefix(got[n-1], "end: x.xlsx: after line 99: the workbook is damaged or cut off") {
			t.Errorf("%d rows, then %s", n-1, got[n-1])
		}
	}
}

// A workbook that is damaged or cut off anywhere gives all its rows, or an error: no
// row is missing, and no cell is another one. A damage that leaves the checksum of a part as
// it is cannot be told; one byte never does.
func TestDamagedWorkbooks(t *testing.T) {
	books, err := filepath.Glob("../testdata/cases/*.xlsx")
	if err != nil || len(books) < 6 {
		t.Fatalf("%q, %v", books, err)
	}
	var rows strings.Builder
	for i := 1; i <= 100; i++ {
		fmt.Fprintf(&rows, `<row r="%d"><c r="A%d" t="s"><v>%d</v></c><c r="B%d" s="1"><v>%d</v></c></row>`, i, i, min(i-1, 1), i, 30000+i)
	}
	books = append(books, writeFile(t, "x.xlsx", bookOf(t, rows.String())))
	for i, path := range books {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		step := 97
		if i == 0 || i == len(books)-1 {
			step = 11 // the two that are small
		}
		o := Options{HeaderRow: 1, Mapping: &mapping.Mapping{ContactIDs: []mapping.Value{{Value: "one"}}}}
		try := func(how string, damaged []byte) ([]string, error) {
			o.Paths, o.Stdin = []string{"-"}, bytes.NewReader(damaged)
			got, _, err := records(t, o)
			return got, err
		}
		want, err := try("whole", content)
		if err != nil || len(want) == 0 {
			t.Fatalf("%s: %q, %v", path, want, err)
		}
		for at := 4; at < len(content); at += step { // less is no archive, and may be any text
			if got, err := try("cut", content[:at]); err == nil {
				t.Errorf("%s, cut off at %d: %q", path, at, got)
			}
			for _, mask := range []byte{0x01, 0x20, 0xff} {
				damaged := bytes.Clone(content)
				damaged[at] ^= mask
				if got, err := try("flipped", damaged); err == nil && !slices.Equal(got, want) {
					t.Errorf("%s, byte %d ^ %x: %q", path, at, mask, got)
				}
			}
		}
	}
}

// Small files that would take much memory.
func TestWorkbookBounds(t *testing.T) {
	header := `<row r="1">` + text("A1", "email") + `</row>`
	long := "<si><t>" + strings.Repeat("x", 128<<10) + "</t></si>"
	wide := strings.Repeat("<c t='s'><v>0</v></c>", 1000)
	texts := func(n int, text string) part {
		return part{"xl/sharedStrings.xml", "<sst>" + strings.Repeat(text, n) + "</sst>"}
	}
	styles := func(n int) part {
		return part{"xl/styles.xml", "<styleSheet><cellXfs>" + strings.Repeat("<xf/>", n) + "</cellXfs></styleSheet>"}
	}
	tests := []struct {
		name, rows string
		part       func() part
		want       string
	}{
		{"many formats", header, func() part { return styles(2_000_000) }, "larger than 8 MiB"},
		{"a long header", `<row>` + wide + `</row>`, func() part { return texts(1, long) }, "the row is longer than 16 MiB"},
		{"a long row", header + `<row>` + wide + `</row>`, func() part { return texts(1, long) }, "the row is longer than 16 MiB"},
		{"long rows", header + strings.Repeat(`<row>`+wide[:len(wide)/10]+`</row>`, 2), func() part { return texts(1, long) }, "column 100"},
		{"wide rows", header + strings.Repeat("<row>"+strings.Repeat(`<c/>`, 1000)+`</row>`, 200), func() part { return texts(1, "<si/>") }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			book := bookOf(t, tt.rows, tt.part())
			path := writeFile(t, "x.xlsx", book)
			if len(book) > 1<<20 {
				t.Errorf("the workbook has %d bytes", len(book))
			}
			book = ""
			stop := maxHeap(t, 224<<20) // the reader's share of 256 MiB
			rows, _, err := records(t, Options{Paths: []string{path}})
			stop()
			if told := fmt.Sprint(err, strings.Join(rows, "")); !strings.Contains(told, tt.want) {
				t.Errorf("%.200s", told)
			}
		})
	}
}

// maxHeap bounds what the program holds from here to the call of what it returns, above what
// it holds now.
func maxHeap(t *testing.T, most uint64) (stop func()) {
	t.Helper()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before := m.HeapAlloc
	done, ended := make(chan struct{}), make(chan uint64)
	go func() {
		var peak uint64
		for tick := time.NewTicker(5 * time.Millisecond); ; {
			select {
			case <-done:
				tick.Stop()
				ended <- peak
				return
			case <-tick.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc)
			}
		}
	}()
	return func() {
		t.Helper()
		close(done)
		if peak := <-ended; peak > before+most {
			t.Errorf("%d MiB were held, %d at most", (peak-before)>>20, most>>20)
		}
	}
}

// A size that lies, an entry over another one.
func TestLyingArchives(t *testing.T) {
	content := bookOf(t, `<row>`+text("A1", "email")+`</row>`)
	for name, change := range map[string]func(*zip.FileHeader){
		"a size that is too large": func(h *zip.FileHeader) { h.UncompressedSize64++ },
		"a size that is too small": func(h *zip.FileHeader) { h.UncompressedSize64-- },
		"no checksum":              func(h *zip.FileHeader) { h.CRC32 = 0 },
		"another method":           func(h *zip.FileHeader) { h.Method = 99 },
		"encrypted":                func(h *zip.FileHeader) { h.Flags |= 1 },
		"larger than all memory":   func(h *zip.FileHeader) { h.UncompressedSize64 = 4 << 30 },
	} {
		old, err := zip.NewReader(strings.NewReader(content), int64(len(content)))
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for _, f := range old.File {
			h := f.FileHeader
			if strings.HasSuffix(f.Name, "sheet1.xml") {
				change(&h)
			}
			from, err := f.OpenRaw()
			if err != nil {
				t.Fatal(err)
			}
			to, err := w.CreateRaw(&h)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(to, from); err != nil {
				t.Fatal(err)
			}
		}
		w.Close()
		if got, _, err := records(t, Options{Paths: []string{writeFile(t, "x.xlsx", b.String())}}); err == nil {
			t.Errorf("%s: %q", name, got)
		}
	}
	// The table of the archive is as it was, but it leads from one part to another.
	at := strings.LastIndex(content, "PK\x01\x02")
	before := strings.LastIndex(content[:at], "PK\x01\x02")
	moved := []byte(content)
	copy(moved[at+42:at+46], moved[before+42:before+46])
	if got, _, err := records(t, Options{Paths: []string{writeFile(t, "x.xlsx", string(moved))}}); err == nil {
		t.Errorf("two entries of one place: %q", got)
	}
}

// The files that went wrong once, as far as the reader goes.
func TestWorkbookCases(t *testing.T) {
	tests := []struct {
		name   string
		header int
		want   []string
	}{
		{"01-xlsx-long-ids", 0, []string{
			`2 ["<24187593847561234>" "Ada"]`, `3 ["<24187593847561201>" "Bob"]`, `4 ["<2418759384756123>" "Cyd"]`}},
		{"12-xlsx-hidden-first-sheet", 0, []string{`2 ["new@example.com" "New"]`}},
		{"14-xlsx-dates", 0, []string{
			`2 ["a0@example.com" "1924-02-29"]`, `3 ["a1@example.com" "1924-02-29"]`, `4 ["a2@example.com" "1924-02-29"]`, `5 ["a3@example.com" "1924-02-29"]`,
			`6 ["a4@example.com" "<8826>"]`, `7 ["a5@example.com" "1924-02-29"]`, `8 ["a6@example.com" "1924-02-29"]`}},
		{"15-xlsx-error-and-rounding", 0, []string{`2 ["a@example.com" "#N/A" "<30.6>" "<1234.5678>"] First name: cell B2 holds the error "#N/A"`}},
		{"16-xlsx-formula", 0, []string{`2 ["a@example.com" "Ada" ""] Last name: cell C2 holds the formula "=B2&\"-Love\"" without its result`}},
		{"23-xlsx-title", 3, []string{`4 ["a@example.com" "Ada"]`}},
	}
	for _, tt := range tests {
		got, notices, err := records(t, Options{Paths: []string{"../testdata/cases/" + tt.name + ".xlsx"}, HeaderRow: tt.header})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		diff(t, got, tt.want)
		if hidden := strings.Contains(tt.name, "hidden"); hidden != slices.ContainsFunc(notices, func(n Notice) bool { return strings.Contains(n.Text, `"Archive" (hidden)`) }) {
			t.Errorf("%s: %v", tt.name, notices)
		}
	}
	// Without --header-row the table is found, or the message names it.
	got, _, err := records(t, Options{Paths: []string{"../testdata/cases/23-xlsx-title.xlsx"}})
	if err == nil {
		diff(t, got, tests[5].want)
	} else if !strings.Contains(err.Error(), "--header-row") {
		t.Error(err)
	}
}

// A row that was refused keeps what a person can correct.
func TestRefusedCells(t *testing.T) {
	rows := `<row r="1">` + text("A1", "email") + text("B1", "age") + `</row><row r="2">` + text("A2", "a@example.com") + `<c r="B2" t="e"><v>#N/A</v></c></row>`
	in, err := Open(Options{Paths: []string{writeFile(t, "x.xlsx", bookOf(t, rows))}})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for _, err := range in.Rows() {
		bad, ok := errors.AsType[*contact.RowError](err)
		if !ok || bad.Line != 2 || bad.Field != "age" || bad.Hint == "" || !slices.Equal(bad.Raw, []string{"a@example.com", "#N/A"}) {
			t.Errorf("%+v", err)
		}
	}
}

// Whatever stands in a sheet, its records are whole.
func FuzzSheet(f *testing.F) {
	f.Add(`<row r="1"><c r="A1" t="s"><v>0</v></c></row><row r="2"><c r="A2" s="1"><v>1E3</v></c><c r="XFD2"><v>1</v></c></row>`)
	f.Add(`<row><c t="e"><v>#N/A</v></c></row><row><c t="str"><f>A1</f></c><c t="d"><v>2026-01-31</v></c><c t="b"><v>1</v></c></row>`)
	f.Add(`<row r="3"><c t="inlineStr"><is><r><t>x_x0041_</t></r></is></c></row></sheetData></worksheet>`)
	f.Fuzz(func(t *testing.T, rows string) {
		m := &mapping.Mapping{ContactIDs: []mapping.Value{{Value: "one"}}}
		in, err := Open(Options{Paths: []string{"-"}, Stdin: strings.NewReader(bookOf(t, rows)), Mapping: m})
		if err != nil {
			return
		}
		defer in.Close()
		next, done, err := in.files[0].reader()
		if err != nil {
			t.Fatal(err)
		}
		defer done()
		for line := 0; ; {
			var rec mapping.Record
			if err := next(&rec); err != nil {
				return
			}
			width := len(in.files[0].header)
			if rec.Line <= line || len(rec.Cells) < width || len(rec.Cells) > width && rec.Fault == nil || rec.Numbers != nil && len(rec.Numbers) != len(rec.Cells) {
				t.Errorf("%+v", rec)
			}
			line = rec.Line
		}
	})
}
