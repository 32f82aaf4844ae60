package source

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"importer/importer/contact"
)

func TestNDJSON(t *testing.T) {
	tests := []struct {
		name, content string
		want          []string
	}{
		{"the API's shape", `{"contactIds":["a","b","a",""],"profile":{"firstname":"Ada","age":36,"vip":true,"score":1.50e300,"gender":"","x":null},"active":false}`, []string{
			`1 ["a","b"],"active":false,"profile":{"age":36,"firstname":"Ada","gender":"","score":1.50e300,"vip":true,"x":null}}`}},
		{"flat", `{"E-Mail":"a@example.com","First Name":"Ada","age":36,"consent":"ja","tags":["x","y"],"active":0,"memories":[{"text":"t", "n": 10000000000000000000000001}]}`, []string{
			`1 ["a@example.com"],"active":false,"profile":{"accepted_gdpr":true,"age":36,"email":"a@example.com","firstname":"Ada","memories":[{"text":"t","n":10000000000000000000000001}],"tasks":["x","y"]}}`}},
		{"a number for a text is kept as written", `{"phone":491510000000001,"location":1.10}`, []string{
			`1 ["491510000000001"],"profile":{"location":"1.10"}}`}},
		{"a number of which digits may be lost", `{"phone":9007199254740992}` + "\n" + `{"phone":9007199254740993}` + "\n" + `{"contactIds":[9007199254740993,"9007199254740993"],"profile":{}}`, []string{
			`1 ["9007199254740992"],"profile":{}}`,
			`2 phone: "9007199254740993" is a larger number than every program can keep ["{\"phone\":9007199254740993}"]`,
			`3 ["9007199254740993"],"profile":{}}`}},
		{"null is nothing", `{"email":"a@example.com","age":null,"tasks":null,"active":null}`, []string{
			`1 ["a@example.com"],"profile":{"email":"a@example.com"}}`}},
		{"BOM, CRLF, blank lines, no final newline", "\ufeff{\"email\":\"a@example.com\"}\r\n\r\n \n{\"email\":\"b@example.com\"}", []string{
			`1 ["a@example.com"],"profile":{"email":"a@example.com"}}`,
			`4 ["b@example.com"],"profile":{"email":"b@example.com"}}`}},
		{"commas behind objects", "{\"email\":\"a@example.com\"},\r\n{\"email\":\"b@example.com\"}", []string{
			`1 : a comma stands behind the object ["{\"email\":\"a@example.com\"},"]`,
			`2 ["b@example.com"],"profile":{"email":"b@example.com"}}`}},
		{"space that was never written", "{\"email\":\"b@example.com\"}\x00\x00", []string{
			`1 ["b@example.com"],"profile":{"email":"b@example.com"}}`}},
		{"not JSON", "{\"email\":\"a@example.com\"\n{\"email\":\"b@example.com\"}\nhello\n[1]\n{\"email\" 1}\n{} {}\n", []string{
			`1 : not valid JSON: it ends too early ["{\"email\":\"a@example.com\""]`,
			`2 ["b@example.com"],"profile":{"email":"b@example.com"}}`,
			`3 : there is no JSON object ["hello"]`,
			`4 : there is no JSON object ["[1]"]`,
			`5 : not valid JSON: '1' stands where a colon should stand behind the name of a member, at byte 10 ["{\"email\" 1}"]`,
			`6 : not valid JSON: there is more behind the object ["{} {}"]`}},
		{"a name twice", `{"email":"a@example.com","age":1,"age":2}` + "\n" + `{"contactIds":["a"],"profile":{"x":{"y":1,"y":2}}}`, []string{
			`1 : not valid JSON: the name "age" stands in it twice, at byte 34 ["{\"email\":\"a@example.com\",\"age\":1,\"age\":2}"]`,
			`2 : not valid JSON: the name "y" stands in it twice, at byte 43 ["{\"contactIds\":[\"a\"],\"profile\":{\"x\":{\"y\":1,\"y\":2}}}"]`}},
		{"invalid UTF-8 and NUL", "{\"email\":\"a\xff@example.com\"}\n{\"email\":\"\x00\"}\n{\"contactIds\":\"123 é\"}\n", []string{
			`1 : not valid JSON: bytes that are not UTF-8, at byte 12 ["{\"email\":\"a\xff@example.com\"}"]`,
			`2 : not valid JSON: the control character '\x00' in a text, where it has to be written as \n, \t or \u0000, at byte 11 ["{\"email\":\"\x00\"}"]`,
			`3 ["123 é"],"profile":{}}`}},
		{"types", `{"email":true}` + "\n" + `{"email":"a@example.com","age":"x"}` + "\n" + `{"contactIds":["a"],"profile":{"tasks":{}}}` + "\n" +
			`{"contactIds":[1,[2]],"profile":{}}` + "\n" + `{"contactIds":["a"],"profile":{"accepted_gdpr":"perhaps"}}` + "\n" + `{"contactIds":["a"],"active":[]}`, []string{
			`1 email: is true, not text ["{\"email\":true}"]`,
			`2 age: "x" is not a whole number of 0 or more ["{\"email\":\"a@example.com\",\"age\":\"x\"}"]`,
			`3 tasks: is an object, not a list ["{\"contactIds\":[\"a\"],\"profile\":{\"tasks\":{}}}"]`,
			`4 contactIds: "[1,[2]]" is not a JSON array of texts ["{\"contactIds\":[1,[2]],\"profile\":{}}"]`,
			`5 accepted_gdpr: "perhaps" is neither yes nor no ["{\"contactIds\":[\"a\"],\"profile\":{\"accepted_gdpr\":\"perhaps\"}}"]`,
			`6 active: is a list, not yes or no ["{\"contactIds\":[\"a\"],\"active\":[]}"]`}},
		{"no contact id", `{"contactIds":[],"profile":{"firstname":"Ada"}}`, []string{
			`1 contactIds: there is no contact id ["{\"contactIds\":[],\"profile\":{\"firstname\":\"Ada\"}}"]`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows, _ := read(t, Options{Paths: []string{writeFile(t, "x.ndjson", tt.content)}})
			diff(t, rows, tt.want)
			rows, _ = read(t, Options{Paths: []string{"-"}, Format: NDJSON, Stdin: iotest.OneByteReader(strings.NewReader(tt.content))})
			diff(t, rows, tt.want)
		})
	}
}

func TestNDJSONLongLines(t *testing.T) {
	pad := func(n int) io.Reader { return io.LimitReader(neverEnding(' '), int64(n)) }
	start, end := `{"email":`, "\"a@example.com\"}\n"
	longest := maxRecord - len(start) - len(end) + 1
	in, err := Open(Options{Paths: []string{"-"}, Format: NDJSON, Stdin: io.MultiReader(
		strings.NewReader(start), pad(longest), strings.NewReader(end),
		strings.NewReader(start), pad(longest+1), strings.NewReader(end),
		strings.NewReader(start), pad(2*maxRecord), strings.NewReader(end),
		strings.NewReader(start+end))})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for row, err := range in.Rows() {
		if err != nil {
			bad := err.(*contact.RowError)
			if len(bad.Raw[0]) > 2000 {
				t.Errorf("%d bytes kept of a line that is too long", len(bad.Raw[0]))
			}
			got = append(got, bad.Reason)
		} else {
			got = append(got, row.Profile.ContactIDs[0])
		}
	}
	diff(t, got, []string{"a@example.com", "the line is longer than 16 MiB", "the line is longer than 16 MiB", "a@example.com"})
}
