package source

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"importer/importer/contact"
	"importer/source/mapping"
)

// writeFile writes a file for a test.
func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// read opens an input and tells each of its rows in a line of its own: where it
// stands and its JSON body, or what is wrong with it.
func read(t *testing.T, o Options) (rows []string, in *Input) {
	t.Helper()
	in, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	})
	var number int64
	for row, err := range in.Rows() {
		number++
		var bad *contact.RowError
		switch {
		case errors.As(err, &bad):
			if bad.Number != number || bad.Hint == "" {
				t.Errorf("row %d: number %d, hint %q", number, bad.Number, bad.Hint)
			}
			rows = append(rows, fmt.Sprintf("%d %s: %s %q", bad.Line, bad.Field, bad.Reason, bad.Raw))
		case err != nil:
			rows = append(rows, "end: "+strings.ReplaceAll(err.Error(), filepath.Dir(o.Paths[0])+"/", ""))
		default:
			digest, _ := row.Profile.Measure()
			if row.Number != number || row.Key != contact.KeyOf(row.Profile.ContactIDs) || digest != row.Digest || row.Bytes != row.Profile.BodyBytes() {
				t.Errorf("row %d: number %d, key, digest or length wrong", number, row.Number)
			}
			body := string(row.Profile.AppendCreateBody(nil, ""))
			rows = append(rows, fmt.Sprintf("%d %s", row.Line, strings.TrimPrefix(body, `{"projectId":"","contactIds":`)))
		}
	}
	return rows, in
}

func diff(t *testing.T, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("missing: %s", want[i])
		case i >= len(want):
			t.Errorf("too much: %s", got[i])
		case got[i] != want[i]:
			t.Errorf("got  %s\nwant %s", got[i], want[i])
		}
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.csv"), []byte("email\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		path string
		is   error
		want string // in the message
	}{
		{"missing", filepath.Join(dir, "nobody.csv"), os.ErrNotExist, "nobody.csv: no such file"},
		{"directory", dir, ErrIsDirectory, "*.csv"},
		{"no match", filepath.Join(dir, "*.tsv"), ErrNoMatch, "*.tsv"},
		{"empty", writeFile(t, "e.csv", ""), ErrEmpty, "e.csv"},
		{"blank", writeFile(t, "b.csv", "\ufeff \r\n\n"), ErrEmpty, "b.csv"},
		{"empty NDJSON", writeFile(t, "e.ndjson", "\n"), ErrEmpty, "e.ndjson"},
		{"header of nothing known", writeFile(t, "h.csv", "Ada,Lovelace,\n"), mapping.ErrNoContactID, `"Ada", "Lovelace"`},
		{"open quote in the header", writeFile(t, "q.csv", "email,\"name\nx,y\n"), ErrBadHeader, "q.csv"},
		{"binary", writeFile(t, "z.csv", "\x7fELF\x00\x01\xff\n"), ErrBadHeader, "not text"},
		{"archive", writeFile(t, "z.zip", "PK\x03\x04\x00\x00\xff\n"), ErrBadHeader, "unpack it"},
		{"old Excel", writeFile(t, "z.xls", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\n"), ErrBadHeader, "save it as .xlsx"},
		{"damaged archive", writeFile(t, "z.csv.gz", "\x1f\x8b\x08\x00\x00"), io.ErrUnexpectedEOF, "compressed"},
		{"too many columns", writeFile(t, "c.csv", "email"+strings.Repeat(",", 5000)), ErrBadHeader, "5001 columns"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, err := Open(Options{Paths: []string{tt.path}})
			if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Open: %v, %v; want %v with %q", in, err, tt.is, tt.want)
			}
		})
	}
	if _, err := Open(Options{}); err == nil {
		t.Error("Open without a path succeeded")
	}
	if _, err := Open(Options{Paths: []string{"-", "-"}, Stdin: strings.NewReader("email\n")}); err == nil {
		t.Error("Open read standard input twice")
	}
}

func TestSeveralSources(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"b.csv":    "email\nb@example.com\n",
		"c.ndjson": `{"email":"c@example.com"}` + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := Options{Paths: []string{"-", filepath.Join(dir, "[bc].*"), filepath.Join(dir, "b.csv")}, Stdin: strings.NewReader("email\ns@example.com\n")}
	rows, in := read(t, o)
	diff(t, rows, []string{
		`2 ["s@example.com"],"profile":{"email":"s@example.com"}}`,
		`2 ["b@example.com"],"profile":{"email":"b@example.com"}}`,
		`1 ["c@example.com"],"profile":{"email":"c@example.com"}}`,
	})
	var names []string
	for _, s := range in.Sources() {
		names = append(names, filepath.Base(s.Name)+" "+string(s.Format))
	}
	if want := []string{"- csv", "b.csv csv", "c.ndjson ndjson"}; !slices.Equal(names, want) {
		t.Errorf("sources %q, want %q", names, want)
	}
	if in.Size() != 0 {
		t.Errorf("size %d with standard input, want 0", in.Size())
	}
	// Standard input is gone now, and that is no end of input.
	for _, err := range in.Rows() {
		if err == nil {
			t.Error("standard input was read twice")
		}
		break
	}
}

func TestRowsTwiceAndProgress(t *testing.T) {
	content := "email\na@example.com\nb@example.com\n"
	in, err := Open(Options{Paths: []string{writeFile(t, "a.csv", content)}})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for range 2 {
		n := 0
		for _, err := range in.Rows() {
			if err != nil {
				t.Error(err)
			}
			n++
		}
		if n != 2 || in.BytesRead() != int64(len(content)) || in.Size() != int64(len(content)) {
			t.Errorf("%d rows, %d bytes of %d", n, in.BytesRead(), in.Size())
		}
	}
	for range in.Rows() {
		break // the caller may leave early
	}
}

func TestNotices(t *testing.T) {
	tests := []struct {
		name, content string
		want          []string
	}{
		{"a.csv", "email,Shoe size,,E-Mail,_hint,shoe size\na@example.com,1,2,3,4,5\n", []string{
			`not imported, because no profile field has that name: "Shoe size", "column 3", "shoe size"; ` +
				`taken only where another column for the same is empty: "E-Mail" ("email" comes first)`}},
		{"b.csv", "email\r\n", []string{"holds a header and no rows: there is nothing to import"}},
		{"c.ndjson", `{"email":"a@example.com","x":1,"_x":2}` + "\n" + `{"email":"b@example.com","x":1,"e-mail":"c@example.com"}` + "\n", []string{
			`not imported, because no profile field has that name: "x"; ` +
				`not imported, because another column goes to the same field: "e-mail" ("email" comes first)`}},
	}
	for _, tt := range tests {
		_, in := read(t, Options{Paths: []string{writeFile(t, tt.name, tt.content)}})
		diff(t, noticesOf(in), tt.want)
	}
}

func noticesOf(in *Input) (texts []string) {
	for _, n := range in.Notices() {
		texts = append(texts, n.Text)
	}
	return texts
}

// More rows than can be told apart are not begun.
func TestTooManyRows(t *testing.T) {
	in, err := Open(Options{Paths: []string{writeFile(t, "a.csv", "email\na@example.com\nb@example.com\nc@example.com\n")}})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	number := int64(contact.MaxRows - 2)
	var got []error
	if in.readFile(in.files[0], &number, func(_ contact.Row, err error) bool { got = append(got, err); return true }) || len(got) != 3 ||
		got[0] != nil || got[1] != nil || got[2] == nil || !strings.Contains(got[2].Error(), "a.csv: line 4: an import takes 1073741823 rows") {
		t.Errorf("%v", got)
	}
}

// An error of the file ends the input and is told; no row before it is lost.
func TestReadError(t *testing.T) {
	broken := errors.New("disk on fire")
	for _, content := range []string{
		"email\na@example.com\nb@exa",
		"email\na@example.com\n\"b@exa",
		`{"email":"a@example.com"}` + "\n" + `{"email":"b`,
	} {
		stdin := io.MultiReader(strings.NewReader(content), io.LimitReader(neverEnding('\n'), sampleBytes), failing{broken})
		in, err := Open(Options{Paths: []string{"-"}, Stdin: stdin})
		if err != nil {
			t.Fatal(err)
		}
		var good int
		var last error
		for _, err := range in.Rows() {
			if last = err; err == nil {
				good++
			}
		}
		if good < 1 || !errors.Is(last, broken) {
			t.Errorf("%q: %d rows, then %v", content, good, last)
		}
	}
}

type neverEnding byte

func (b neverEnding) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(b)
	}
	return len(p), nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
