package cli

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"importer/internal/sandbox"
)

// damaged are a file's bytes cut at, and with a bit flipped in, every so many bytes.
func damaged(whole []byte, every int) func(yield func(string, []byte) bool) {
	return func(yield func(string, []byte) bool) {
		for at := 0; at < len(whole); at += every {
			flipped := slices.Clone(whole)
			flipped[at] ^= 0x10
			if !yield(fmt.Sprintf("flipped at byte %d of %d", at, len(whole)), flipped) ||
				!yield(fmt.Sprintf("cut at byte %d of %d", at, len(whole)), whole[:at]) {
				return
			}
		}
	}
}

// A mirror removes nobody, and changes nobody's name, because its source is damaged:
// all rows are read, or the run ends with an error.
func TestAMirrorOfADamagedSourceRemovesNobody(t *testing.T) {
	const n = 40
	rows := [][]string{{"email", "first name", "age"}}
	for i := range n {
		rows = append(rows, strings.Split(contactRow(i, fmt.Sprintf("Name %d", i)), ","))
	}
	var text strings.Builder
	for _, row := range rows {
		text.WriteString(strings.Join(row, ",") + "\n")
	}
	for name, whole := range map[string][]byte{"c.xlsx": workbookOf(t, rows), "c.csv.gz": gzipped(t, text.String())} {
		j := newJob(t, "mirror", sandbox.Options{})
		config := j.mirrorConfig("delete", "{max: 1000, percent: 100}")
		j.args[slices.Index(j.args, j.path("c.csv"))] = j.path(name)
		source := func(b []byte) {
			if err := os.WriteFile(j.path(name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		source(whole)
		if r, _ := j.command(append(j.args, "--config", config)...); r.code != exitOK || len(j.profiles()) != n {
			t.Fatal(r)
		}
		for what, b := range damaged(whole, 97) {
			source(b)
			r, stdout := j.command(append(j.args, "--config", config, "--allow-removals")...)
			if len(j.profiles()) != n || r.of("delete") != 0 || r.writes() != 0 {
				t.Fatalf("%s, %s: %d profiles are left: %s %s", name, what, len(j.profiles()), r, stdout)
			}
			if r.code == exitOK && !strings.Contains(stdout, fmt.Sprintf(`"read":%d,`, n)) {
				t.Errorf("%s, %s: %s %s", name, what, r, stdout)
			}
		}
	}
}

// workbookOf is a workbook with one sheet of texts.
func workbookOf(t *testing.T, rows [][]string) []byte {
	t.Helper()
	var sheet strings.Builder
	sheet.WriteString(`<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>`)
	for i, row := range rows {
		fmt.Fprintf(&sheet, `<row r="%d">`, i+1)
		for j, cell := range row {
			fmt.Fprintf(&sheet, `<c r="%c%d" t="inlineStr"><is><t>%s</t></is></c>`, 'A'+j, i+1, cell)
		}
		sheet.WriteString(`</row>`)
	}
	sheet.WriteString(`</sheetData></worksheet>`)
	const relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, part := range [][2]string{
		{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>`},
		{"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="` + relations + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"xl/workbook.xml", `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="` + relations + `"><sheets><sheet name="Contacts" sheetId="1" r:id="rId1"/></sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="` + relations + `/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`},
		{"xl/worksheets/sheet1.xml", sheet.String()},
	} {
		f, err := w.Create(part[0])
		if err == nil {
			_, err = f.Write([]byte(part[1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
