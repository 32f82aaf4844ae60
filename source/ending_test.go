package source

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"

	"importer/importer/contact"
)

const endingText = "email;firstname\na@example.com;Ada\nb@example.com;Zoë\nc@example.com;Cy\n"

// ending reads a file to where it ends: its good rows, how many were refused, and the
// error of Open or of the input.
func ending(t *testing.T, name, content string, o Options) (rows []string, refused int, err error) {
	t.Helper()
	o.Paths = []string{writeFile(t, name, content)}
	in, err := Open(o)
	if err != nil {
		return nil, 0, err
	}
	defer in.Close()
	for row, err := range in.Rows() {
		if _, bad := errors.AsType[*contact.RowError](err); bad {
			refused++
		} else if err != nil {
			return rows, refused, err
		} else {
			rows = append(rows, string(row.Profile.AppendCreateBody(nil, "")))
		}
	}
	return rows, refused, nil
}

func zstded(t *testing.T, s string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(w.EncodeAll([]byte(s), nil))
}

func xzed(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := xz.NewWriter(&b)
	if err == nil {
		_, err = w.Write([]byte(s))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A compressed file that is cut or changed anywhere gives all its rows or an error, and
// never fewer rows. Only a cut between the members of a concatenation cannot be seen.
func TestCompressedEndings(t *testing.T) {
	bzip, err := hex.DecodeString(bzipped)
	if err != nil {
		t.Fatal(err)
	}
	half := len(endingText) / 2
	for name, parts := range map[string][]string{
		"gzip":      {gzipped(endingText)},
		"two gzips": {gzipped(endingText[:half]), gzipped(endingText[half:])},
		"zstd":      {zstded(t, endingText)},
		"two zstds": {zstded(t, endingText[:half]), zstded(t, endingText[half:])},
		"xz":        {xzed(t, endingText)},
		"bzip2":     {string(bzip)},
	} {
		t.Run(name, func(t *testing.T) {
			whole := strings.Join(parts, "")
			want, _, err := ending(t, "x.csv", whole, Options{})
			if len(want) != 3 || err != nil {
				t.Fatalf("whole: %d rows, %v", len(want), err)
			}
			check := func(what string, at int, content string) {
				rows, refused, err := ending(t, "x.csv", content, Options{})
				if err == nil && (refused > 0 || strings.Join(rows, "\n") != strings.Join(want, "\n")) {
					t.Errorf("%s at byte %d of %d: %q, %d refused and no error", what, at, len(whole), rows, refused)
				}
			}
			for i := range len(whole) {
				if len(parts) == 1 || i != len(parts[0]) {
					check("cut", i, whole[:i])
				}
				for _, bits := range []byte{1, 0x80} {
					changed := []byte(whole)
					changed[i] ^= bits
					check("changed", i, string(changed))
				}
			}
			check("garbage", len(whole), whole+"garbage")
		})
	}
}

// endingText as bzip2 packs it: Go has no writer for it.
const bzipped = "425a68393141592653596ac6a6610000115f94001000010008680000103f27dc600008080020005453468034006823d5469a34c989e51a3d4524ef01458dad32f3d99c8254bc6869737e1bac1816288ec79525d37a4fd2f8bb9229c2848356353308"

// A plain file that is cut anywhere loses no row silently: what is given are the rows that
// begin before the cut, or there is an error. A text cut at the end of a row, or within
// its last field, is a shorter text, and nothing shows that it was longer.
func TestPlainEndings(t *testing.T) {
	utf16 := encoded(t, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), endingText)
	sjis := encoded(t, japanese.ShiftJIS, "email,firstname\na@example.com,太郎\nb@example.com,花子\n")
	tests := []struct {
		name, file, content string
		o                   Options
		began               func(cut string) int // rows that begin before the cut; -1 where it has to be an error
	}{
		{"CSV", "x.csv", endingText, Options{}, func(cut string) int { return textRows(cut, ";") }},
		{"CSV with quotes", "x.csv", "email,note\na@example.com,\"one\ntwo, \"\"x\"\"\"\nb@example.com,\"y\"\n", Options{}, func(cut string) int {
			if strings.Count(cut, `"`)%2 == 1 {
				return -1
			}
			return textRows(strings.Replace(cut, "one\n", "one", 1), ",")
		}},
		{"UTF-16", "x.csv", utf16, Options{}, func(cut string) int {
			if len(cut)%2 == 1 {
				return -1
			}
			text, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().String(cut)
			if err != nil {
				t.Fatal(err)
			}
			return textRows(text, ";")
		}},
		{"Shift JIS", "x.csv", sjis, Options{Encoding: "shift_jis"}, func(cut string) int {
			text, err := japanese.ShiftJIS.NewDecoder().String(cut)
			if err != nil || strings.Contains(text, "\ufffd") {
				return -1
			}
			return textRows(text, ",")
		}},
		{"NDJSON", "x.ndjson", "{\"email\":\"a@example.com\"}\n{\"email\":\"b@example.com\",\"age\":1}\n", Options{}, func(cut string) int {
			return objects(cut)
		}},
		{"JSON array", "x.json", `[{"email":"a@example.com"},{"email":"b@example.com"}]`, Options{}, func(string) int { return -1 }},
		{"wrapped JSON", "x.json", `{"n":2,"rows":[{"email":"a@example.com"},{"email":"b@example.com"}],"more":[1]}`, Options{}, func(string) int { return -1 }},
		{"JSON over lines", "x.json", "{\n\"email\":\"a@example.com\"\n}\n{\n\"email\":\"b@example.com\"\n}\n", Options{}, objects},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want, _, err := ending(t, tt.file, tt.content, tt.o)
			if err != nil || len(want) < 2 {
				t.Fatalf("whole: %q, %v", want, err)
			}
			for i := range len(tt.content) {
				cut := tt.content[:i]
				rows, refused, err := ending(t, tt.file, cut, tt.o)
				switch began := tt.began(cut); {
				case err == nil && refused > 0:
					t.Errorf("%q: %d refused and no error", cut, refused)
				case err == nil && (began < 0 || len(rows) != began):
					t.Errorf("%q: %d rows and no error, want %d", cut, len(rows), began)
				}
				for k, row := range rows[:max(0, len(rows)-1)] {
					if row != want[k] {
						t.Errorf("%q: row %d is %s, want %s", cut, k, row, want[k])
					}
				}
			}
		})
	}
}

// textRows is how many rows begin in a cut text; -1 where the last one has not all fields.
func textRows(cut, delimiter string) int {
	lines := strings.Split(cut, "\n")
	last := lines[len(lines)-1]
	switch {
	case last == "":
		return len(lines) - 2
	case last == "email": // a header of one column
		return 0
	case !strings.Contains(last, delimiter):
		return -1
	}
	return len(lines) - 1
}

// objects is how many objects are whole in a cut text; -1 where the last one is not.
func objects(cut string) int {
	if strings.Count(cut, "{") != strings.Count(cut, "}") || cut == "" {
		return -1
	}
	return strings.Count(cut, "}")
}
