package source

import (
	"errors"
	"io"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"

	"importer/source/decode"
)

// What is not written in Western Europe is not read as if it were: the error names the
// encoding and shows a word in it.
func TestNotWestern(t *testing.T) {
	tests := []struct {
		name     string
		encoding encoding.Encoding
		words    string // one a row
	}{
		{"cp850", charmap.CodePage850, "Jürgen Müller Götz René"},
		{"cp850", charmap.CodePage850, "René Götz Bäcker"},
		{"cp437", charmap.CodePage437, "Jürgen Weiß"},
		{"macintosh", charmap.Macintosh, "Jürgen Müller"},
		{"macintosh", charmap.Macintosh, "Bäcker Hélène"},
		{"cp1250", charmap.Windows1250, "Łukasz Wałęsa Józef Łódź"},
		{"cp1250", charmap.Windows1250, "Ťažký"},
		{"iso-8859-2", charmap.ISO8859_2, "Wałęsa Małgorzata"},
		{"cp1251", charmap.Windows1251, "Привет Иван Ёлка"},
		{"koi8-r", charmap.KOI8R, "Привет Иван"},
		{"cp1253", charmap.Windows1253, "Κώστας Παπαδόπουλος"},
		{"gbk", simplifiedchinese.GBK, "王伟 李明 张华"},
		{"gbk", simplifiedchinese.GBK, "王 伟"},
		{"big5", traditionalchinese.Big5, "志明 陳 林"},
		{"shift_jis", japanese.ShiftJIS, "太郎 山田"},
		{"euc-jp", japanese.EUCJP, "太郎 山田"},
		{"euc-kr", korean.EUCKR, "민준 김서연"},

		{"macintosh", charmap.Macintosh, "García León Muñoz Logroño Martínez Carrión"},
		{"macintosh", charmap.Macintosh, "Groß Weiß"},
		{"cp850", charmap.CodePage850, "Bárbara Málaga Álvarez Cádiz"},
		{"cp850", charmap.CodePage850, "João Antônio Goiânia"},
		{"cp850", charmap.CodePage850, "Groß Weiß"},
		{"cp852", charmap.CodePage852, "Wójcik Poznań"},
		{"cp852", charmap.CodePage852, "Dvořák Třebíč"},
		{"cp1250", charmap.Windows1250, "Poznań Wójcik"},
		{"cp1250", charmap.Windows1250, "Dąbrowska Świdnica Wiśniewski"},
		{"cp1250", charmap.Windows1250, "Michał Łódź Żak"},
		{"cp1254", charmap.Windows1254, "Yıldız Eskişehir Barış"},
		{"cp866", charmap.CodePage866, "Привет Иван"},
		{"iso-8859-5", charmap.ISO8859_5, "Привет Иван"},
		{"cp1255", charmap.Windows1255, "שלום דויד"},
		{"cp1256", charmap.Windows1256, "محمد أحمد"},
		{"cp874", charmap.Windows874, "สมชาย"},
	}
	for _, tt := range tests {
		words := strings.Fields(tt.words)
		text := encoded(t, tt.encoding, "email,firstname\na@example.com,"+strings.Join(words, "\nb@example.com,")+"\n")
		in, err := Open(Options{Paths: []string{writeFile(t, "x.csv", text)}})
		if !errors.Is(err, decode.ErrEncoding) || !strings.Contains(err.Error(), tt.name+" (") || !strings.Contains(err.Error(), "--encoding") {
			t.Errorf("%s, %s: %v, %v", tt.name, tt.words, in, err)
			continue
		}
		shown := false
		for _, word := range words {
			shown = shown || strings.Contains(err.Error(), tt.name+` ("`+word+`")`)
		}
		if !shown {
			t.Errorf("%s, %s: no word is right in %v", tt.name, tt.words, err)
		}
		rows, _ := read(t, Options{Paths: []string{writeFile(t, "x.csv", text)}, Encoding: tt.name})
		if len(rows) != len(words) || !strings.Contains(rows[0], `"firstname":"`+words[0]+`"`) {
			t.Errorf("%s as told: %q", tt.name, rows)
		}
	}
}

// What is written in Western Europe goes in, and the notice shows a word of it.
func TestWestern(t *testing.T) {
	for _, e := range []encoding.Encoding{charmap.Windows1252, charmap.ISO8859_1} {
		for _, words := range []string{
			"Jürgen Öztürk Weiß", "René Hélène L'Haÿ", "Ñuñoa ¿Qué? ¡Sí!", "São João", "Åse Sørensen Ærø Höör", "Þór Ægir", "Höö Jürgen", "«Élan» René", "n°12 José", "O´Neill Zoë", "MÜLLER GRÖßE",
			"Sebastià Núñez Peña Begoña Güell Adrià", "Conceição Simões Antônio Guimarães Magalhães", "Seán Dáithí Máire Ó'Briain", "Friðþjófur Sigurðardóttir Guðrún Alþýða", "Fañch Élodie Loïc",
			"Tõnu Kõiv Pärnu", "Françoise Noël", "Strauß Spaß Füße", "Håkan Østergård Þórdís", "Nicolò Verità Forlì", "Vega·Ruiz Sant·Àngel Àlex",
		} {
			text := "email,firstname\na@example.com," + strings.Join(strings.Fields(words), "\nb@example.com,") + "\n"
			rows, in := read(t, Options{Paths: []string{writeFile(t, "x.csv", encoded(t, e, text))}})
			if got := strings.Join(rows, ""); !strings.Contains(got, strings.Fields(words)[0]) || len(in.Notices()) != 1 || !strings.Contains(in.Notices()[0].Text, `such as in "`) {
				t.Errorf("%s: %q, %v", words, rows, in.Notices())
			}
		}
	}
	for _, text := range []string{"D’Angelo", "don’t call—she’s away", "dell’Arte", "Rhein–Main 10–12", "„Ada“", "„Müller“", "Herr\u00a0Müller", "il\u00a0y a 5\u00a0km", "5 µm, 3 m³, n° 5, §7", "£5 and ¥7, ¿Qué?", "Le—n O’Neill L’Oréal d’été", "Œuvre œdème Cœur"} {
		rows, _ := read(t, Options{Paths: []string{writeFile(t, "x.csv", encoded(t, charmap.Windows1252, "email,firstname\na@example.com,\""+text+"\"\n"))}})
		if !strings.Contains(strings.Join(rows, ""), text) {
			t.Errorf("%s: %q", text, rows)
		}
	}
	// Of several words the notice shows the one that is most in doubt.
	_, odd := read(t, Options{Paths: []string{writeFile(t, "x.csv", encoded(t, charmap.Windows1252, "email,firstname\na@example.com,Jürgen René Zoë Poznañ\n"))}})
	if got := odd.Notices()[0].Text; !strings.Contains(got, `"Poznañ"`) {
		t.Error(got)
	}
	// Not every plus or escape makes another encoding.
	for _, text := range []string{"a+APw-x@example.com", "+49-151-23456", "C+A-B", "x\x1b[0m", "1+APx-"} {
		rows, _ := read(t, Options{Paths: []string{writeFile(t, "x.csv", "email,note\na@example.com,"+text+"\n")}, Mapping: mappingOf(t, "unnamed: custom")})
		if len(rows) != 1 || !strings.Contains(rows[0], `"note":`) {
			t.Errorf("%q: %q", text, rows)
		}
	}
	path := writeFile(t, "x.csv", encoded(t, charmap.Windows1252, "email,firstname\na@example.com,“Jürgen” – 5 €\n"))
	_, in := read(t, Options{Paths: []string{path}})
	_, redacted := read(t, Options{Paths: []string{path}, Redact: true})
	if !strings.Contains(in.Notices()[0].Text, `"Jürgen”"`) && !strings.Contains(in.Notices()[0].Text, `Jürgen`) || strings.Contains(redacted.Notices()[0].Text, "rgen") {
		t.Errorf("%v, redacted %v", in.Notices(), redacted.Notices())
	}
}

// An encoding that was given and does not fit refuses the row; one that was guessed ends
// the input, because what was read before may be wrong as well.
func TestEncodingDoesNotFit(t *testing.T) {
	const head = "email,firstname\na@example.com,Ada\n"
	rows, _ := read(t, Options{Paths: []string{writeFile(t, "x.csv", head+"b@example.com,J\x81rgen\nc@example.com,Ren\xe9\n")}, Encoding: "windows-1252"})
	diff(t, rows, []string{
		`2 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"Ada"}}`,
		`3 firstname: a character that windows-1252 does not have, at line 3, byte 16 ["b@example.com" "J\xff\xff\xffrgen"]`,
		`4 ["c@example.com"],"profile":{"email":"c@example.com","firstname":"René"}}`,
	})
	rows, _ = read(t, Options{Paths: []string{writeFile(t, "x.csv", encoded(t, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), head+"b@example.com,")+"\x00\xd8x\x00\n\x00")}})
	if len(rows) != 2 || !strings.Contains(rows[1], "a character that utf-16le does not have") {
		t.Errorf("half a surrogate pair: %q", rows)
	}
	for name, tt := range map[string]struct{ content, encoding, want string }{
		"UTF-32":               {encoded(t, utf32.UTF32(utf32.LittleEndian, utf32.UseBOM), head), "", "UTF-32"},
		"a mark of UTF-8":      {"\ufeff" + head, "windows-1252", "mark of UTF-8"},
		"half a unit":          {encoded(t, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), head) + "b", "", "middle of a character"},
		"half a character":     {head + "b@example.com,\x91", "shift_jis", "middle of a character"},
		"UTF-7":                {head + "b@example.com,M+APw-ller\n", "", `UTF-7, as "M+APw-ller"`},
		"UTF-7 in a title":     {"Stra+AN8-e,email\nx,a@example.com\n", "", "UTF-7"},
		"ISO-2022-JP":          {head + "b@example.com,\x1b$B;3ED\x1b(B\n", "", "iso-2022-jp"},
		"ISO-2022-KR":          {"\x1b$)C" + head, "", "ISO-2022"},
		"unassigned":           {head + "b@example.com,J\x81rgen\n", "", "0x81"},
		"UTF-16 behind a lot":  {strings.Repeat("#\n", 4<<10) + encoded(t, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), "email\nJürgen\n"), "", "utf-16le"},
		"unassigned and large": {head + "b@example.com,Ren\xe9\n" + strings.Repeat("c@example.com,Cyd\n", 30_000) + "d@example.com,\x8d\n" + strings.Repeat("c@example.com,Cyd\n", 60_000), "", decode.ErrEncoding.Error()},
	} {
		if _, err := Open(Options{Paths: []string{writeFile(t, "x.csv", tt.content)}, Encoding: tt.encoding}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	// Far behind the sample it ends the input, behind the rows before it.
	const n = 3 * sampleBytes / 18
	in, err := Open(Options{Paths: []string{"-"}, Stdin: io.MultiReader(strings.NewReader(head + "b@example.com,Ren\xe9\n" + strings.Repeat("c@example.com,Cyd\n", n) + "d@example.com,\x8d\n"))})
	if err != nil {
		t.Fatal(err)
	}
	good := 0
	var last error
	for _, err := range in.Rows() {
		if last = err; err == nil {
			good++
		}
	}
	if good < n || !errors.Is(last, decode.ErrEncoding) {
		t.Errorf("%d rows, then %v", good, last)
	}
}

// UTF-16 without a mark is known in other scripts too, and NUL bytes do not make it.
func TestUTF16WithoutMark(t *testing.T) {
	for _, text := range []string{
		"email,firstname\na@example.com,Привет\n", "Имя,email\nИван Петрович Сидоров,a@example.com\n", "email,firstname\r\na@example.com,王伟\r\n",
	} {
		for _, order := range []unicode.Endianness{unicode.LittleEndian, unicode.BigEndian} {
			rows, in := read(t, Options{Paths: []string{writeFile(t, "x.csv", encoded(t, unicode.UTF16(order, unicode.IgnoreBOM), text))}})
			if len(rows) != 1 || !strings.Contains(rows[0], "a@example.com") || !strings.HasPrefix(in.Sources()[0].Encoding, "utf-16") {
				t.Errorf("%q: %q, %s", text, rows, in.Sources()[0].Encoding)
			}
		}
	}
	rows, _ := read(t, Options{Paths: []string{writeFile(t, "x.csv", "email,x\n"+strings.Repeat("a@example.com,\x00\x00\x00\x00\x00\n", 9))}})
	if len(rows) != 9 || !strings.Contains(rows[0], "a NUL byte") {
		t.Errorf("NUL bytes: %q", rows)
	}
}
