package source

import (
	"bytes"
	"regexp"
)

// wrongTexts are files that people take for a table of contacts, by how they begin, and
// what to do about each.
var wrongTexts = []struct {
	begins *regexp.Regexp
	what   string
}{
	{regexp.MustCompile(`^(?i:BEGIN:VCARD)`), "it is an address book of vCards (.vcf): export the contacts as CSV instead"},
	{regexp.MustCompile(`^(?i:BEGIN:VCALENDAR)`), "it is a calendar (.ics), and holds no contacts: export the contacts as CSV"},
	{regexp.MustCompile(`^(?:<!--(?s:.*?)-->\s*)*(?i:<!doctype html|<(?:html|head|body|meta|style|table|div|title|script)\b)`),
		"it is a web page (HTML), whatever its name says: open it in a spreadsheet and save it as .xlsx or CSV; where a download gave it, look whether it asks to sign in"},
	{regexp.MustCompile(`^<\?xml|^<(?i:workbook|svg|rss|contacts)\b`), "it is XML: export CSV, NDJSON or .xlsx instead; a spreadsheet opens some XML and can save it"},
	{regexp.MustCompile(`^\{\\rtf`), "it is a text document (RTF): save the table in it as CSV"},
	{regexp.MustCompile(`^version https://git-lfs\.github\.com/`), "it is a pointer of Git LFS, and not the file itself: fetch that with git lfs pull"},
	{regexp.MustCompile(`^\{[^{}\[\]]*"doc_id"\s*:`), "it is a shortcut to a Google sheet, and not the sheet itself: download that as CSV or .xlsx"},
	{regexp.MustCompile(`^(?i:version: 1\r?\n(?:\r?\n|#.*\n)*)?(?i:dn::? ?[a-z0-9]+=)`), "it is an LDIF file of a directory: export the contacts as CSV"},
	{regexp.MustCompile(`^-- (?:MySQL|MariaDB|PostgreSQL|phpMyAdmin)\b`), sqlDump},
	{regexp.MustCompile(`^(?:--[^\n]*\n|/\*(?s:.*?)\*/;?|\s)*(?i:insert\s+into|create\s+(?:table|database)|drop\s+(?:table|database)|lock\s+tables|pragma|begin\s+transaction)\s`), sqlDump},
	{regexp.MustCompile(`^---[ \t]*\r?\n\s*(?:- )?\w+:`), "it is YAML: export CSV or NDJSON instead"},
}

const sqlDump = "it is a dump of a database (SQL): export the table as CSV"

const image = "it is an image: export the table itself as CSV or .xlsx"

// wrongBytes are the same of files that are no text.
var wrongBytes = []struct {
	at     int
	begins string
	what   string
}{
	{0, "%PDF-", "it is a PDF document: export the table itself as CSV or .xlsx"},
	{0, "\x89PNG", image}, {0, "\xff\xd8\xff", image}, {0, "GIF8", image}, {8, "WEBP", image}, {6, "\x00\x00\x00\x00\x36\x00", image},
	{257, "ustar", "it is a tar archive: unpack it first"},
	{0, "SQLite format 3\x00", "it is an SQLite database: export its table as CSV"},
	{0, "PAR1", "it is a Parquet file: export CSV or NDJSON instead"},
	{0, "Obj\x01", "it is an Avro file: export CSV or NDJSON instead"},
	{0, "bplist00", "it is a binary property list: export the contacts as CSV"},
	{4, "Standard Jet DB", "it is an Access database: export its table as CSV"},
}

// wrongText says what a file is that holds no table of contacts; empty where it may.
func wrongText(head []byte) string {
	head = head[:min(len(head), 4<<10)]
	for _, w := range wrongBytes {
		if bytes.HasPrefix(head[min(w.at, len(head)):], []byte(w.begins)) {
			return w.what
		}
	}
	head = bytes.TrimLeft(head, "\ufeff \t\r\n")
	for _, w := range wrongTexts {
		if w.begins.Match(head) {
			return w.what
		}
	}
	return ""
}
