package source

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/text/encoding/unicode"
)

// What is no table of contacts is called by its name before a row is read.
func TestWrongKinds(t *testing.T) {
	tests := []struct{ file, content, want string }{
		{"x.vcf", "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada\r\nEND:VCARD\r\n", "vCards"},
		{"x.csv", "\ufeffbegin:vcard\nVERSION:2.1\n", "vCards"},
		{"x.csv", encoded(t, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), "BEGIN:VCARD\nVERSION:3.0\n"), "vCards"},
		{"x.csv.gz", gzipped("BEGIN:VCARD\nVERSION:3.0\n"), "vCards"},
		{"x.ics", "BEGIN:VCALENDAR\n", "calendar"},
		{"x.xls", "<html xmlns:o=\"x\"><table><tr><td>email</td></tr></table></html>", "HTML"},
		{"x.xls", "<table border=1><tr><td>email</td></tr></table>", "HTML"},
		{"x.csv", "\r\n <!-- report -->\n<!DOCTYPE HTML>\n<HTML><title>Sign in</title>", "HTML"},
		{"x.json", "<!doctype html><p>502 Bad Gateway", "HTML"},
		{"x.xml", "\ufeff<?xml version=\"1.0\"?>\n<Workbook>", "XML"},
		{"x.csv", "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "PDF"},
		{"x.csv", "{\\rtf1\\ansi email}", "RTF"},
		{"x.csv", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "image"},
		{"x.csv", "\xff\xd8\xff\xe0\x00\x10JFIF", "image"},
		{"x.tar.gz", gzipped("contacts.csv" + strings.Repeat("\x00", 245) + "ustar\x0000"), "tar archive"},
		{"x.csv.gz", gzipped(gzipped("email\na@example.com\n")), "packed again"},
		{"x.xlsx.gz", gzipped("PK\x03\x04xl/workbook.xml"), "packed again"},
		{"x.db", "SQLite format 3\x00\x10\x00", "SQLite"},
		{"x.parquet", "PAR1\x15\x04", "Parquet"},
		{"x.sql", "-- MySQL dump 10.13\n--\n", "SQL"},
		{"x.sql", "/* of May */\n-- all\nINSERT INTO contacts (email) VALUES ('a@example.com');\n", "SQL"},
		{"x.csv", "create table contacts (\n email text)\n", "SQL"},
		{"x.ldif", "version: 1\n\ndn: cn=Ada,dc=example\nmail: a@example.com\n", "LDIF"},
		{"x.ldif", "dn: uid=ada,ou=people\nmail: a@example.com\n", "LDIF"},
		{"x.yaml", "---\n- email: a@example.com\n", "YAML"},
		{"x.csv", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7\n", "git lfs pull"},
		{"x.gsheet", `{"url":"https://docs.google.com/x","doc_id":"1","email":"a@example.com"}`, "Google sheet"},
		{"x.csv", `[{"email":"a@example.com"}]`, "--format ndjson"},
		{"x.csv", "{\n \"email\": \"a@example.com\"}", "--format ndjson"},
		{"x.json", "email,firstname\na@example.com,Ada\n", "--format csv"},
		{"x.json", "null", "no line begins with a JSON object"},
		{"x.json", "[[\"email\"],[\"a@example.com\"]]", "holds no objects"},
		{"x.ndjson", "[\"a@example.com\",1]\n[\"b@example.com\",2]\n", "holds no objects"},
		{"x.json", `{"result":{"page":1,"contacts":[{"email":"a@example.com"}]}}`, `the list "result.contacts"`},
		{"x.json", "{\n \"meta\": {},\n \"a\": {\"b\": {\"c\": [\n  {\"email\": \"a@example.com\"}\n ]}}\n}\n", `the list "a.b.c"`},
		{"x.ndjson", `{"result":{"contacts":[` + strings.Repeat(`{"email":"a@example.com"},`, 60_000) + `{}]}}`, `the list "result.contacts"`},
		{"x.json", `{"a@example.com":{"firstname":"Ada"},"b@example.com":{"firstname":"Bob"}}`, "write them as an array"},
		{"x.json", `{"contacts":[{"a":1}],"leads":[{"b":1}]}`, `"contacts", "leads"`},
	}
	for _, tt := range tests {
		in, err := Open(Options{Paths: []string{writeFile(t, tt.file, tt.content)}})
		if !errors.Is(err, ErrWrongKind) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %.30q: %v, %v; want %s", tt.file, tt.content, in, err, tt.want)
		}
	}
	for _, content := range []string{"[]", "[ ]\n", "{}", "{ }\n", "\ufeff[\n]", `{"contacts":[]}`, `{"meta":{"page":1},"contacts":[ ],"total":0}`} {
		if _, err := Open(Options{Paths: []string{writeFile(t, "x.json", content)}}); !errors.Is(err, ErrEmpty) || !strings.Contains(err.Error(), "nothing to import") {
			t.Errorf("%q: %v", content, err)
		}
	}
	// Columns that sound like one of them are columns.
	for _, header := range []string{"Set,Name,email", "version,email", "dn,email", "Begin,email", "<email>,x", "--,email", "Insert date,email", "doc_id,email"} {
		if rows, _ := read(t, Options{Paths: []string{writeFile(t, "x.csv", header+"\n"+strings.Repeat(",", strings.Count(header, ","))+"a@example.com\n")}}); len(rows) != 1 && header != "<email>,x" {
			t.Errorf("%s: %q", header, rows)
		}
	}
}

// Texts of the kinds that collections of JSON hold.
func TestOddJSON(t *testing.T) {
	a := `["a@example.com"],"profile":{"email":"a@example.com"}}`
	tests := []struct {
		name, content string
		want          []string
	}{
		{"over lines, with line feeds of all kinds", "{\r\"email\":\r\n\"a@example.com\"\n}\r\r{\"email\":\"b@example.com\"}", []string{"1 " + a, `6 ["b@example.com"],"profile":{"email":"b@example.com"}}`}},
		{"over lines, one behind the other", "{\n\"email\":\"a@example.com\"}{\"email\":\"b@example.com\"}\n", []string{"1 " + a, `2 ["b@example.com"],"profile":{"email":"b@example.com"}}`}},
		{"over lines, and then not JSON", "{\n\"email\":\"a@example.com\"}\nx", []string{"1 " + a, "end: x.json: after line 1: not valid JSON: 'x' stands where a value should begin: a text in double quotes, a number, true, false, null, [ or {, at line 3, byte 1; what follows cannot be read"}},
		{"an array over lines in an object", "{\n \"page\": 1,\n \"items\": [\n  {\"email\":\"a@example.com\"}\n ],\n \"next\": {\"a\": []}\n}\n", []string{"4 " + a}},
		{"a contact with a list", `{"email":"a@example.com","x":[{"y":1}]}`, []string{"1 " + a}},
		{"a list beside it that comes later", `{"items":[{"email":"a@example.com"}],"n":` + strings.Repeat(" ", sampleBytes) + `1,"more":[{"x":1}]}`, []string{"1 " + a, `end: x.json: after line 1: there is a second list, "more", beside "items": save one of them as an array of its own`}},
		{"more behind the object", `{"items":[{"email":"a@example.com"}],"n":` + strings.Repeat(" ", sampleBytes) + "1}\n[]", []string{"1 " + a, `end: x.json: after line 1: there is more behind the end of the JSON object, at line 2, byte 2`}},
		{"files put together", "\ufeff{\"email\":\"a@example.com\"}\n\ufeff{\"email\":\"b@example.com\"}\n", []string{"1 " + a, `2 ["b@example.com"],"profile":{"email":"b@example.com"}}`}},
		{"ends of DOS and of space", "{\"email\":\"a@example.com\"}\n\x1a\n\x00\x00\x00", []string{"1 " + a}},
		{"a line separator is no end of a line", "{\"email\":\"a@example.com\",\"location\":\"x\u2028y\"}\n", []string{`1 ["a@example.com"],"profile":{"email":"a@example.com","location":"x` + "\u2028" + `y"}}`}},
		{"the last line is cut", "{\"email\":\"a@example.com\"}\n{\"email\":\"b", []string{"1 " + a, `2 : not valid JSON: it ends too early ["{\"email\":\"b"]`, "end: x.json: after line 2: the file ends inside a JSON value: it is cut off"}},
		{"a line is cut, and others follow", "{\"email\":\"a@example.com\"}\n{\"email\":\"b\n", []string{"1 " + a, `2 : not valid JSON: it ends too early ["{\"email\":\"b"]`}},
		{"deep", strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000), []string{"deep"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows, _ := read(t, Options{Paths: []string{writeFile(t, "x.json", tt.content)}})
			if tt.want[0] == "deep" {
				if len(rows) != 1 || strings.Contains(rows[0], `"profile"`) {
					t.Errorf("%.200q", rows)
				}
				return
			}
			diff(t, rows, tt.want)
		})
	}
}
