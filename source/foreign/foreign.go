// Package foreign knows files that are no sources by how they begin: documents of an office,
// archives, images, address books. It says what each is, and the way out.
package foreign

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"
)

// How the files of some families begin.
const (
	oldOffice = "\xd0\xcf\x11\xe0" // a compound file
	Zipped    = "PK\x03\x04"       // an archive, which a workbook is as well
)

// A foreigner is a kind of file that is no source, with the way out.
type foreigner struct {
	begins string         // how it begins
	at     int            // where that stands
	text   *regexp.Regexp // how it begins if it is text, behind white space and a BOM
	holds  []string       // what all stands in its first bytes
	ending string         // of its name, in lower case
	what   string
}

// foreigners are documents of an office, damaged ones among them, in the order in which
// they are looked for.
var foreigners = []foreigner{
	{begins: oldOffice, holds: []string{utf16Of("EncryptedPackage")}, what: locked},
	{begins: oldOffice, holds: []string{utf16Of("WordDocument")}, what: "it is a document of an old Word (.doc): save its table as a workbook (.xlsx) or CSV"},
	{begins: oldOffice, holds: []string{utf16Of("PowerPoint Document")}, what: "it is a presentation (.ppt): save its table as a workbook (.xlsx) or CSV"},
	{begins: oldOffice, holds: []string{utf16Of("__nameid_version1.0")}, what: "it is a message of Outlook (.msg): export the contacts as CSV"},
	{begins: oldOffice, holds: []string{utf16Of("Workbook")}, what: oldExcel},
	{begins: oldOffice, holds: []string{utf16Of("Book")}, what: oldExcel},
	{begins: oldOffice, ending: ".xlsx", what: locked},
	{begins: oldOffice, ending: ".xlsm", what: locked},
	{begins: oldOffice, what: oldExcel + "; if it is protected by a password, remove that first"},
	{begins: "\x09\x08\x10\x00", what: oldExcel},
	{begins: "\x09\x08\x08\x00", what: oldExcel},
	{begins: "\x09\x04\x06\x00", what: oldExcel},
	{begins: "\x09\x02\x06\x00", what: oldExcel},
	{begins: "\x09\x00\x04\x00", what: oldExcel},

	{begins: Zipped, holds: []string{"mimetype", "application/vnd.oasis.opendocument.spreadsheet"}, what: "it is a spreadsheet of LibreOffice or OpenOffice (.ods): save it as .xlsx or CSV"},
	{begins: Zipped, holds: []string{"mimetype", "application/vnd.oasis.opendocument."}, what: "it is a document of LibreOffice or OpenOffice: save its table as .xlsx or CSV"},
	{begins: Zipped, holds: []string{"Index/", ".iwa"}, ending: ".numbers", what: numbers},
	{begins: Zipped, holds: []string{"Index.zip"}, ending: ".numbers", what: numbers},
	{begins: Zipped, holds: []string{"Index/", ".iwa"}, what: "it is a document of Apple's Numbers, Pages or Keynote: export it as .xlsx or CSV"},
	{begins: Zipped, holds: []string{"xl/workbook.bin"}, what: "it is a binary workbook (.xlsb): save it as .xlsx or CSV"},
	{begins: Zipped, holds: []string{"xl/workbook.xml"}, what: DamagedBook},
	{begins: Zipped, holds: []string{"xl/worksheets/"}, what: DamagedBook},
	{begins: Zipped, holds: []string{"word/document.xml"}, what: "it is a document of Word (.docx): save its table as a workbook (.xlsx) or CSV"},
	{begins: Zipped, holds: []string{"ppt/presentation.xml"}, what: "it is a presentation (.pptx): save its table as a workbook (.xlsx) or CSV"},
	{begins: Zipped, ending: ".xlsx", what: DamagedBook},
	{begins: Zipped, ending: ".xlsm", what: DamagedBook},
	{begins: Zipped, holds: []string{"[Content_Types].xml"}, what: DamagedBook},
	{begins: Zipped, what: "it is a zip archive: unpack it first, and name the file in it"},
	{begins: "PK\x05\x06", what: "it is a zip archive with nothing in it"},
	{begins: "PK\x07\x08", what: "it is a part of a zip archive of several files: unpack it first, and name the file in it"},

	{text: regexp.MustCompile(`^(?i:<\?xml)`), holds: []string{"urn:schemas-microsoft-com:office:spreadsheet"}, what: "it is a workbook as XML, of Excel 2003: save it as .xlsx or CSV"},
	{text: regexp.MustCompile(`^(?i:<\?xml)`), holds: []string{"opendocument.spreadsheet"}, what: "it is a spreadsheet of LibreOffice or OpenOffice as XML (.fods): save it as .xlsx or CSV"},
}

// wrongKinds are files that people take for a table of contacts.
var wrongKinds = []foreigner{
	{begins: "%PDF-", what: "it is a PDF document: export the table itself as CSV or .xlsx"},
	{begins: "\x89PNG", what: image}, {begins: "\xff\xd8\xff", what: image}, {begins: "GIF8", what: image}, {at: 8, begins: "WEBP", what: image}, {at: 6, begins: "\x00\x00\x00\x00\x36\x00", what: image},
	{at: 257, begins: "ustar", what: "it is a tar archive: unpack it first"},
	{begins: "SQLite format 3\x00", what: "it is an SQLite database: export its table as CSV"},
	{begins: "PAR1", what: "it is a Parquet file: export CSV or NDJSON instead"},
	{begins: "Obj\x01", what: "it is an Avro file: export CSV or NDJSON instead"},
	{begins: "bplist00", what: "it is a binary property list: export the contacts as CSV"},
	{at: 4, begins: "Standard Jet DB", what: "it is an Access database: export its table as CSV"},

	{text: regexp.MustCompile(`^(?i:BEGIN:VCARD)`), what: "it is an address book of vCards (.vcf): export the contacts as CSV instead"},
	{text: regexp.MustCompile(`^(?i:BEGIN:VCALENDAR)`), what: "it is a calendar (.ics), and holds no contacts: export the contacts as CSV"},
	{text: regexp.MustCompile(`^(?:<!--(?s:.*?)-->\s*)*(?i:<!doctype html|<(?:html|head|body|meta|style|table|div|title|script)\b)`), what: "it is a web page (HTML), whatever its name says: open it in a spreadsheet and save it as .xlsx or CSV; where a download gave it, look whether it asks to sign in"},
	{text: regexp.MustCompile(`^<\?xml|^<(?i:workbook|svg|rss|contacts)\b`), what: "it is XML: export CSV, NDJSON or .xlsx instead; a spreadsheet opens some XML and can save it"},
	{text: regexp.MustCompile(`^\{\\rtf`), what: "it is a text document (RTF): save the table in it as CSV"},
	{text: regexp.MustCompile(`^version https://git-lfs\.github\.com/`), what: "it is a pointer of Git LFS, and not the file itself: fetch that with git lfs pull"},
	{text: regexp.MustCompile(`^\{[^{}\[\]]*"doc_id"\s*:`), what: "it is a shortcut to a Google sheet, and not the sheet itself: download that as CSV or .xlsx"},
	{text: regexp.MustCompile(`^(?i:version: 1\r?\n(?:\r?\n|#.*\n)*)?(?i:dn::? ?[a-z0-9]+=)`), what: "it is an LDIF file of a directory: export the contacts as CSV"},
	{text: regexp.MustCompile(`^-- (?:MySQL|MariaDB|PostgreSQL|phpMyAdmin)\b`), what: sqlDump},
	{text: regexp.MustCompile(`^(?:--[^\n]*\n|/\*(?s:.*?)\*/;?|\s)*(?i:insert\s+into|create\s+(?:table|database)|drop\s+(?:table|database)|lock\s+tables|pragma|begin\s+transaction)\s`), what: sqlDump},
	{text: regexp.MustCompile(`^---[ \t]*\r?\n\s*(?:- )?\w+:`), what: "it is YAML: export CSV or NDJSON instead"},
}

const (
	locked      = "it is protected by a password: open it in Excel, remove the password (File, Info, Protect Workbook, Encrypt with Password) and save it"
	oldExcel    = "it is a workbook of an old Excel (.xls): save it as .xlsx or CSV"
	numbers     = "it is a spreadsheet of Apple's Numbers: export it as .xlsx or CSV"
	DamagedBook = "it is an Excel workbook that is damaged or cut off: get it again, or open it in Excel and save it as a new file"
	sqlDump     = "it is a dump of a database (SQL): export the table as CSV"
	image       = "it is an image: export the table itself as CSV or .xlsx"
)

// Document says what a file is that is no source, and the way out, by its first bytes
// and its name. It is empty for all else.
func Document(head []byte, name string) string { return which(foreigners, head, name) }

// WrongKind says the same of a file that holds no table of contacts.
func WrongKind(head []byte) string { return which(wrongKinds, head[:min(len(head), 4<<10)], "") }

func which(kinds []foreigner, head []byte, name string) string {
	text := bytes.TrimLeft(head, "\ufeff \t\r\n")
	lacks := func(part string) bool { return !bytes.Contains(head, []byte(part)) }
	for _, f := range kinds {
		if bytes.HasPrefix(head[min(f.at, len(head)):], []byte(f.begins)) && (f.text == nil || f.text.Match(text)) &&
			strings.HasSuffix(strings.ToLower(name), f.ending) && !slices.ContainsFunc(f.holds, lacks) {
			return f.what
		}
	}
	return ""
}

// utf16Of is how a compound file writes the names of its parts.
func utf16Of(s string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(s)) {
		b.Write([]byte{byte(u), byte(u >> 8)})
	}
	return b.String()
}
