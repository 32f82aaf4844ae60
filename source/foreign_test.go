package source

import (
	"errors"
	"io"
	"strings"
	"testing"

	"archive/zip"

	"importer/source/foreign"
)

// Files that are no source are called by their name, with the way out.
func TestForeign(t *testing.T) {
	ole := func(name string) string {
		return "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + strings.Repeat("\x00", 500) + strings.Join(strings.Split(name, ""), "\x00") + "\x00"
	}
	stored := func(name, content string) string {
		var b strings.Builder
		w := zip.NewWriter(&b)
		f, err := w.CreateHeader(&zip.FileHeader{Name: name})
		if err == nil {
			_, err = io.WriteString(f, content)
		}
		if err = errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	docx := zipOf(t, part{"_rels/.rels", `<Relationships><Relationship Id="a" Type="` + kinds + `officeDocument" Target="word/document.xml"/></Relationships>`}, part{"word/document.xml", "<document/>"})
	xlsb := zipOf(t, part{"_rels/.rels", `<Relationships><Relationship Id="a" Type="` + kinds + `officeDocument" Target="xl/workbook.bin"/></Relationships>`}, part{"xl/workbook.bin", "x"})
	whole := bookOf(t, `<row><c t="s"><v>0</v></c></row>`)
	ods := stored("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
	tests := []struct {
		name, file, content string
		want                string
	}{
		{"password", "a.xlsx", ole("EncryptedPackage"), "protected by a password: open it in Excel, remove the password"},
		{"password, in a large file", "a.XLSX", ole(""), "protected by a password"},
		{"old Excel", "a.xls", ole("Workbook"), "an old Excel (.xls): save it as .xlsx or CSV"},
		{"older Excel", "a.xls", ole("Book"), "an old Excel (.xls): save it as .xlsx or CSV"},
		{"oldest Excel", "a.xls", "\x09\x02\x06\x00\x00\x00\x10\x00", "an old Excel (.xls): save it as .xlsx or CSV"},
		{"old Office", "a", ole(""), "if it is protected by a password"},
		{"Word", "a.doc", ole("WordDocument"), "Word (.doc)"},
		{"web page", "a.xls", "\ufeff\r\n<HTML><table><tr><td>email</td></tr></table></HTML>", "a web page (HTML)"},
		{"XML of 2003", "a.xls", `<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">`, "Excel 2003: save it as .xlsx or CSV"},
		{"ODS", "a.ods", ods, "LibreOffice or OpenOffice (.ods): save it as .xlsx or CSV"},
		{"ODS by another name", "a.xlsx", ods, "LibreOffice or OpenOffice (.ods): save it as .xlsx or CSV"},
		{"ODS, cut off", "a.ods", ods[:90], "LibreOffice or OpenOffice (.ods): save it as .xlsx or CSV"},
		{"ODT", "a.odt", stored("mimetype", "application/vnd.oasis.opendocument.text"), "document of LibreOffice"},
		{"Numbers", "a.numbers", stored("Index/Document.iwa", "x"), "Apple's Numbers: export it as .xlsx or CSV"},
		{"Pages", "a.pages", stored("Index/Document.iwa", "x"), "Numbers, Pages or Keynote"},
		{"DOCX", "a.docx", docx, "Word (.docx)"},
		{"XLSB", "a.xlsb", xlsb, "a binary workbook (.xlsb)"},
		{"zip of a CSV", "a.zip", stored("a.csv", "email\n"), "a zip archive: unpack it first"},
		{"zip of a CSV, named as a workbook", "a.xlsx", stored("a.csv", "email\n"), "it is an archive, and not an Excel workbook: unpack it first"},
		{"zip, cut off", "a.zip", stored("a.csv", "email\n")[:40], "a zip archive: unpack it first"},
		{"empty zip", "a.zip", zipOf(t), "a zip archive with nothing in it"},
		{"workbook, cut off", "a.xlsx", whole[:len(whole)-1], "damaged or cut off; get it again"},
		{"workbook by another name, cut off", "a.dat", whole[:len(whole)-30], "damaged or cut off; get it again"},
		{"begin of a workbook", "a.xlsx", whole[:20], "damaged or cut off; get it again"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, format := range []Format{Auto, XLSX} {
				_, err := Open(Options{Paths: []string{writeFile(t, tt.file, tt.content)}, Format: format})
				if !errors.Is(err, ErrBadHeader) && !errors.Is(err, ErrWrongKind) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%s: %v", format, err)
				}
			}
		})
	}
	if _, err := Open(Options{Paths: []string{writeFile(t, "x.csv", "email\n")}, Format: XLSX}); err == nil || !strings.Contains(err.Error(), "leave out --format") {
		t.Errorf("a CSV file passed for a workbook: %v", err)
	}
	if _, err := Open(Options{Paths: []string{writeFile(t, "x.xlsx", whole)}, Format: CSV}); err == nil || !strings.Contains(err.Error(), "no csv: leave out --format") {
		t.Errorf("a workbook passed for a CSV file: %v", err)
	}
	for _, text := range []string{"", "email\n", "\temail\n", "<email>,x\n", "PK,x\n", "\ufeffemail"} {
		if what := foreign.Document([]byte(text), "a.xls"); what != "" {
			t.Errorf("%q: %s", text, what)
		}
	}
}
