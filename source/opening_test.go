package source

import (
	"bytes"
	"compress/gzip"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"

	"importer/importer/contact"
)

func gzipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.String()
}

func encoded(t *testing.T, e encoding.Encoding, s string) string {
	t.Helper()
	out, err := e.NewEncoder().String(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Compression goes by content, not by name.
func TestCompression(t *testing.T) {
	const text = "email;firstname\na@example.com;Zoë\n"
	want := []string{`2 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"Zoë"}}`}
	var z, x bytes.Buffer
	zw, err := zstd.NewWriter(&z)
	if err != nil {
		t.Fatal(err)
	}
	zw.Write([]byte(text))
	zw.Close()
	xw, err := xz.NewWriter(&x)
	if err != nil {
		t.Fatal(err)
	}
	xw.Write([]byte(text))
	xw.Close()
	for name, content := range map[string]string{
		"a.csv":         gzipped(text),
		"b.csv.gz":      text,
		"c.zip":         z.String(),
		"d":             x.String(),
		"two.gz":        gzipped(text[:20]) + gzipped(text[20:]),
		"utf-16.csv.gz": gzipped(encoded(t, unicode.UTF16(unicode.BigEndian, unicode.UseBOM), text)),
	} {
		rows, _ := read(t, Options{Paths: []string{writeFile(t, name, content)}})
		diff(t, rows, want)
		rows, _ = read(t, Options{Paths: []string{"-"}, Stdin: strings.NewReader(content)})
		diff(t, rows, want)
	}
	if _, err := exec.LookPath("bzip2"); err == nil {
		cmd := exec.Command("bzip2")
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		rows, _ := read(t, Options{Paths: []string{writeFile(t, "e.csv", string(out))}})
		diff(t, rows, want)
	}
}

// A compressed file that is cut off does not pass for one that ends.
func TestCutOff(t *testing.T) {
	rows := 200_000
	whole := gzipped("email\n" + strings.Repeat("a@example.com\n", rows))
	path := writeFile(t, "a.csv.gz", whole[:len(whole)-20])
	in, err := Open(Options{Paths: []string{path}})
	if err != nil {
		// The sample holds the whole of a file that is as small as this one.
		if !strings.Contains(err.Error(), "damaged or cut off") {
			t.Fatal(err)
		}
		return
	}
	var last error
	for _, last = range in.Rows() {
	}
	if last == nil || !strings.Contains(last.Error(), "damaged or cut off") {
		t.Errorf("last: %v", last)
	}
}

func TestEncodings(t *testing.T) {
	const text = "email,firstname,lastname\r\na@example.com,Jürgen,Müller\r\n"
	want := []string{`2 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"Jürgen","lastname":"Müller"}}`}
	french := "email,firstname,lastname\na@example.com,Lœtitia,10 € c’est\n"
	tests := []struct {
		name, content, encoding, found string
		want                           []string
	}{
		{"UTF-8", text, "", "utf-8", want},
		{"UTF-8 with BOM", "\ufeff" + text, "", "utf-8", want},
		{"UTF-8 with BOM, as told", "\ufeff" + text, "UTF-8", "utf-8", want},
		{"UTF-16LE with BOM", encoded(t, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), text), "", "utf-16le", want},
		{"UTF-16BE with BOM", encoded(t, unicode.UTF16(unicode.BigEndian, unicode.UseBOM), text), "", "utf-16be", want},
		{"UTF-16LE", encoded(t, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), text), "auto", "utf-16le", want},
		{"UTF-16BE", encoded(t, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), text), "", "utf-16be", want},
		{"UTF-16BE as told", encoded(t, unicode.UTF16(unicode.BigEndian, unicode.UseBOM), text), "utf-16", "utf-16", want},
		{"Windows-1252 or ISO-8859-1", encoded(t, charmap.ISO8859_1, text), "", "windows-1252", want},
		{"Windows-1252", encoded(t, charmap.Windows1252, french), "", "windows-1252",
			[]string{`2 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"Lœtitia","lastname":"10 € c’est"}}`}},
		{"ISO-8859-15", encoded(t, charmap.ISO8859_15, strings.ReplaceAll(french, "’", "'")), "", "iso-8859-15",
			[]string{`2 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"Lœtitia","lastname":"10 € c'est"}}`}},
		{"ISO-8859-15 as told", encoded(t, charmap.ISO8859_15, "email,lastname\na@example.com,¥€\n"), "latin9", "latin9",
			[]string{`2 ["a@example.com"],"profile":{"email":"a@example.com","lastname":"¥€"}}`}},
		{"Shift JIS as told", encoded(t, japanese.ShiftJIS, "email,lastname\na@example.com,桐ヶ谷戸\n"), "Shift_JIS", "shift_jis",
			[]string{`2 ["a@example.com"],"profile":{"email":"a@example.com","lastname":"桐ヶ谷戸"}}`}},
		{"ASCII", "email\na@example.com\n", "", "", []string{`2 ["a@example.com"],"profile":{"email":"a@example.com"}}`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows, in := read(t, Options{Paths: []string{writeFile(t, "x.csv", tt.content)}, Encoding: tt.encoding})
			diff(t, rows, tt.want)
			if got := in.Sources()[0].Encoding; got != tt.found {
				t.Errorf("found %q, want %q", got, tt.found)
			}
			unsure := tt.encoding == "" && (strings.HasPrefix(tt.found, "iso") || strings.HasPrefix(tt.found, "windows"))
			if told := len(in.Notices()) > 0; told != unsure {
				t.Errorf("notices %v", in.Notices())
			}
		})
	}
	if _, err := Open(Options{Paths: []string{writeFile(t, "x.csv", text)}, Encoding: "klingon"}); err == nil || !strings.Contains(err.Error(), "klingon") {
		t.Errorf("an encoding that nobody knows: %v", err)
	}
}

// The first byte that is no ASCII may stand far behind the sample.
func TestEncodingFoundLate(t *testing.T) {
	const n = 3 * sampleBytes / 1000
	ascii := "email,firstname\n" + strings.Repeat("a@example.com,"+strings.Repeat("x", 985)+"\n", n)
	for _, e := range []encoding.Encoding{encoding.Nop, charmap.Windows1252} {
		last := encoded(t, e, "b@example.com,Jürgen\n")
		in, err := Open(Options{Paths: []string{writeFile(t, "x.csv", ascii+last)}})
		if err != nil {
			t.Fatal(err)
		}
		var row contact.Row
		for row, err = range in.Rows() {
			if err != nil {
				t.Fatal(err)
			}
		}
		if got := string(row.Profile.Field("firstname")); got != `"Jürgen"` || row.Line != n+2 {
			t.Errorf("line %d: %s", row.Line, got)
		}
		if want := e == charmap.Windows1252; (len(in.Notices()) > 0) != want {
			t.Errorf("notices %v", in.Notices())
		}
	}
}

func TestDelimiters(t *testing.T) {
	tests := []struct {
		name, content string
		told, want    rune
	}{
		{"comma", "email,firstname\na@example.com,Ada\n", 0, ','},
		{"semicolon", "email;firstname\na@example.com;Ada\n", 0, ';'},
		{"tab", "email\tfirstname\na@example.com\tAda\n", 0, '\t'},
		{"pipe", "email|firstname\na@example.com|Ada\n", 0, '|'},
		{"semicolons with commas in the cells", "firstname;email;Address, home\nAda;a@example.com;\"x, y\"\nAda;b@example.com;x, y\n", 0, ';'},
		{"commas with lists in the cells", "email,firstname,tags\na@example.com,Ada,a;b;c\nb@example.com,Ada,a|b\n", 0, ','},
		{"quoted line breaks", "firstname;email\n\"A,\n,d,a\";a@example.com\n", 0, ';'},
		{"one column", "email\na@example.com\n", 0, ','},
		{"header only", "email;firstname", 0, ';'},
		{"Excel's own line", "sep=|\r\nemail|firstname\na@example.com|Ada;;\n", 0, '|'},
		{"told", "email,x;firstname\na@example.com;Ada\n", ';', ';'},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, err := Open(Options{Paths: []string{writeFile(t, "x.txt", tt.content)}, Delimiter: tt.told})
			if tt.name == "told" {
				// No column is named email then, and that is what is said.
				if err == nil || !strings.Contains(err.Error(), `"email,x"`) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := in.Sources()[0].Delimiter; got != tt.want {
				t.Errorf("found %q, want %q", got, tt.want)
			}
		})
	}
	rows, _ := read(t, Options{Paths: []string{writeFile(t, "x.csv", "sep=;\nemail;firstname\na@example.com;Ada\nb\n")}})
	diff(t, rows, []string{
		`3 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"Ada"}}`,
		`4 email: "b" is not an e-mail address ["b" ""]`,
	})
	for _, s := range []string{"", "auto", "comma", ";", "tab", `\t`, "|", "§"} {
		if _, err := ParseDelimiter(s); err != nil {
			t.Error(err)
		}
	}
	for _, s := range []string{"ab", "\"", "\n", "\xff"} {
		if r, err := ParseDelimiter(s); err == nil {
			t.Errorf("%q is the delimiter %q", s, r)
		}
	}
}

func TestLazyQuotes(t *testing.T) {
	content := "email,firstname,lastname\n" +
		"a@example.com,Ada 5\" x,\"Tex\"as\n" +
		"b@example.com,\"say \"hello\"\",L\n" +
		"c@example.com,\"Cy,L\n" +
		"d@example.com,\"D\nd\",\"L\"\n" +
		"e@example.com,\"E\n"
	rows, _ := read(t, Options{Paths: []string{writeFile(t, "x.csv", content)}, LazyQuotes: true})
	diff(t, rows, []string{
		`2 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"Ada 5\" x","lastname":"\"Tex\"as"}}`,
		`3 ["b@example.com"],"profile":{"email":"b@example.com","firstname":"say \"hello\"","lastname":"L"}}`,
		`4 ["c@example.com"],"profile":{"email":"c@example.com","firstname":"\"Cy","lastname":"L"}}`,
		`5 ["d@example.com"],"profile":{"email":"d@example.com","firstname":"D\nd","lastname":"L"}}`,
		`7 : the quote that opens at line 7, byte 15 is never closed ["e@example.com" "\"E"]`,
		`end: x.csv: after line 7: the file ends inside the quotes that open at line 7, byte 15: it is cut off, or the quote is not closed`,
	})
}

func TestJSONArray(t *testing.T) {
	tests := []struct {
		name, content string
		want          []string
	}{
		{"one line", `[{"email":"a@example.com"},{"email":"b@example.com"}]`, []string{
			`1 ["a@example.com"],"profile":{"email":"a@example.com"}}`,
			`1 ["b@example.com"],"profile":{"email":"b@example.com"}}`}},
		{"indented, BOM, CRLF", "\ufeff\r\n[\r\n  {\r\n    \"email\": \"a@example.com\"\r\n  },\r\n  {\"phone\": 123456789012345}\r\n]\r\n", []string{
			`3 ["a@example.com"],"profile":{"email":"a@example.com"}}`,
			`6 ["123456789012345"],"profile":{}}`}},
		{"bad elements", "[\n1,\n{\"age\":1,\"age\":2},\n{\"email\":\"a\xff@example.com\"},\n{\"email\":\"é@example.com\"}]", []string{
			`2 : there is no JSON object ["1"]`,
			`3 : not valid JSON: the name "age" stands in it twice, at byte 10 ["{\"age\":1,\"age\":2}"]`,
			`4 : not valid JSON: bytes that are not UTF-8, at byte 12 ["{\"email\":\"a\xff@example.com\"}"]`,
			`5 ["é@example.com"],"profile":{"email":"é@example.com"}}`}},
		{"cut off", "[{\"email\":\"a@example.com\"},\n{\"email\":", []string{
			`1 ["a@example.com"],"profile":{"email":"a@example.com"}}`,
			`end: x.json: after line 1: the JSON array is not closed: the file is cut off`}},
		{"not closed", "[{\"email\":\"a@example.com\"}\n", []string{
			`1 ["a@example.com"],"profile":{"email":"a@example.com"}}`,
			`end: x.json: after line 1: the JSON array is not closed: the file is cut off`}},
		{"no JSON", "[{\"email\":\"a@example.com\"},\n {\"email\" 1}]", []string{
			`1 ["a@example.com"],"profile":{"email":"a@example.com"}}`,
			`end: x.json: after line 1: not valid JSON: '1' stands where a colon should stand behind the name of a member, at line 2, byte 11; what follows cannot be read`}},
		{"more behind it", "[]\n{\"email\":\"a@example.com\"}", []string{
			`end: x.json: after line 1: there is more behind the end of the JSON array, at line 2, byte 2`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows, _ := read(t, Options{Paths: []string{writeFile(t, "x.json", tt.content)}})
			diff(t, rows, tt.want)
		})
	}
	// An element without end does not fill the memory.
	in, err := Open(Options{Paths: []string{"-"}, Stdin: io.MultiReader(strings.NewReader(`[{"email":"`), neverEnding('x'))})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range in.Rows() {
		if err == nil || !strings.Contains(err.Error(), "16 MiB") {
			t.Error(err)
		}
	}
}
