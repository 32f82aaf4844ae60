package source

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf16"

	"importer/source/decode"
)

// How the files of some families begin.
const (
	oldOffice = "\xd0\xcf\x11\xe0" // a compound file
	zipped    = "PK\x03\x04"
)

// A foreigner is a kind of file that is no source, with the way out.
type foreigner struct {
	begins string   // how it begins; of text in lower case, behind white space and a BOM
	holds  []string // what all stands in its first bytes
	ending string   // of its name, in lower case
	what   string
}

// foreigners are looked through in this order.
var foreigners = []foreigner{
	{oldOffice, []string{utf16Of("EncryptedPackage")}, "", locked},
	{oldOffice, []string{utf16Of("WordDocument")}, "", "it is a document of an old Word (.doc): save its table as a workbook (.xlsx) or CSV"},
	{oldOffice, []string{utf16Of("PowerPoint Document")}, "", "it is a presentation (.ppt): save its table as a workbook (.xlsx) or CSV"},
	{oldOffice, []string{utf16Of("__nameid_version1.0")}, "", "it is a message of Outlook (.msg): export the contacts as CSV"},
	{oldOffice, []string{utf16Of("Workbook")}, "", oldExcel},
	{oldOffice, []string{utf16Of("Book")}, "", oldExcel},
	{oldOffice, nil, ".xlsx", locked},
	{oldOffice, nil, ".xlsm", locked},
	{oldOffice, nil, "", oldExcel + "; if it is protected by a password, remove that first"},
	{"\x09\x08\x10\x00", nil, "", oldExcel},
	{"\x09\x08\x08\x00", nil, "", oldExcel},
	{"\x09\x04\x06\x00", nil, "", oldExcel},
	{"\x09\x02\x06\x00", nil, "", oldExcel},
	{"\x09\x00\x04\x00", nil, "", oldExcel},

	{zipped, []string{"mimetype", "application/vnd.oasis.opendocument.spreadsheet"}, "", "it is a spreadsheet of LibreOffice or OpenOffice (.ods): save it as .xlsx or CSV"},
	{zipped, []string{"mimetype", "application/vnd.oasis.opendocument."}, "", "it is a document of LibreOffice or OpenOffice: save its table as .xlsx or CSV"},
	{zipped, []string{"Index/", ".iwa"}, ".numbers", numbers},
	{zipped, []string{"Index.zip"}, ".numbers", numbers},
	{zipped, []string{"Index/", ".iwa"}, "", "it is a document of Apple's Numbers, Pages or Keynote: export it as .xlsx or CSV"},
	{zipped, []string{"xl/workbook.bin"}, "", "it is a binary workbook (.xlsb): save it as .xlsx or CSV"},
	{zipped, []string{"xl/workbook.xml"}, "", damagedBook},
	{zipped, []string{"xl/worksheets/"}, "", damagedBook},
	{zipped, []string{"word/document.xml"}, "", "it is a document of Word (.docx): save its table as a workbook (.xlsx) or CSV"},
	{zipped, []string{"ppt/presentation.xml"}, "", "it is a presentation (.pptx): save its table as a workbook (.xlsx) or CSV"},
	{zipped, nil, ".xlsx", damagedBook},
	{zipped, nil, ".xlsm", damagedBook},
	{zipped, []string{"[Content_Types].xml"}, "", damagedBook},
	{zipped, nil, "", "it is a zip archive: unpack it first, and name the file in it"},
	{"PK\x05\x06", nil, "", "it is a zip archive with nothing in it"},
	{"PK\x07\x08", nil, "", "it is a part of a zip archive of several files: unpack it first, and name the file in it"},

	{"<?xml", []string{"urn:schemas-microsoft-com:office:spreadsheet"}, "", "it is a workbook as XML, of Excel 2003: save it as .xlsx or CSV"},
	{"<?xml", []string{"opendocument.spreadsheet"}, "", "it is a spreadsheet of LibreOffice or OpenOffice as XML (.fods): save it as .xlsx or CSV"},
}

const (
	locked      = "it is protected by a password: open it in Excel, remove the password (File, Info, Protect Workbook, Encrypt with Password) and save it"
	oldExcel    = "it is a workbook of an old Excel (.xls): save it as .xlsx or CSV"
	numbers     = "it is a spreadsheet of Apple's Numbers: export it as .xlsx or CSV"
	damagedBook = "it is an Excel workbook that is damaged or cut off: get it again, or open it in Excel and save it as a new file"
)

// foreign says what a file is that is no source, and the way out, by its first bytes
// and its name. It is empty for all else.
func foreign(head []byte, name string) string {
	name = strings.ToLower(name)
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte(decode.BOM)), " \t\r\n")
	text = bytes.ToLower(text[:min(64, len(text))])
	i := slices.IndexFunc(foreigners, func(f foreigner) bool {
		lacks := func(part string) bool { return !bytes.Contains(head, []byte(part)) }
		begins := bytes.HasPrefix(head, []byte(f.begins)) || f.begins[0] == '<' && bytes.HasPrefix(text, []byte(f.begins))
		return begins && strings.HasSuffix(name, f.ending) && !slices.ContainsFunc(f.holds, lacks)
	})
	if i < 0 {
		return ""
	}
	return foreigners[i].what
}

// utf16Of is how a compound file writes the names of its parts.
func utf16Of(s string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(s)) {
		b.Write([]byte{byte(u), byte(u >> 8)})
	}
	return b.String()
}
