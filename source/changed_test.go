package source

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"importer/importer/contact"
)

const manyRows = 20_000

// manyContacts are more than a reader takes at once, in a format.
func manyContacts(t *testing.T, name string) string {
	t.Helper()
	var b strings.Builder
	switch {
	case strings.HasSuffix(name, ".xlsx"):
		for i, id := range []string{"email", "a@example.com", "b@example.com", "c@example.com"} {
			fmt.Fprintf(&b, `<row r="%d">%s</row>`, i+1, text(fmt.Sprintf("A%d", i+1), id))
		}
		return bookOf(t, b.String())
	case strings.HasSuffix(name, ".csv"):
		b.WriteString("email\n")
	}
	for i := range manyRows {
		if strings.HasSuffix(name, ".ndjson") {
			fmt.Fprintf(&b, `{"email":"c%06d@example.com"}`+"\n", i)
		} else {
			fmt.Fprintf(&b, "c%06d@example.com\n", i)
		}
	}
	return b.String()
}

// A file that is written while it is read, or between two readings, ends the input as an
// error, whatever its format: its rows are not all that there are.
func TestFileThatChanges(t *testing.T) {
	write := func(path, text string) error { return os.WriteFile(path, []byte(text), 0o600) }
	changes := map[string]struct {
		change func(path, text string) error
		want   string
	}{
		"grew": {func(path, text string) error { return write(path, text+"more@example.com\n") }, "because something still writes it"},
		"cut":  {func(path, text string) error { return os.Truncate(path, int64(len(text)/2)) }, "it was cut from"},
		"same length": {func(path, text string) error {
			return errors.Join(write(path, strings.Repeat("x", len(text))), os.Chtimes(path, time.Time{}, time.Now().Add(time.Second)))
		}, "it was written to"},
	}
	for _, name := range []string{"c.csv", "c.ndjson", "c.xlsx", "-"} {
		for what, c := range changes {
			t.Run(name+"/"+what, func(t *testing.T) {
				path, read := changing(t, name)
				read(c.change, path, 2, c.want) // while it is read
				path, read = changing(t, name)
				if name != "-" {
					read(c.change, path, 0, c.want) // between Open and the first row
				}
			})
		}
	}
}

// changing writes a file, and returns what reads it, changes it after so many rows, and
// wants an error.
func changing(t *testing.T, name string) (path string, read func(change func(path, text string) error, path string, after int, want string)) {
	t.Helper()
	stdin := name == "-"
	if stdin {
		name = "c.csv"
	}
	content := manyContacts(t, name)
	path = writeFile(t, name, content)
	return path, func(change func(path, text string) error, path string, after int, want string) {
		t.Helper()
		o := Options{Paths: []string{path}}
		if stdin {
			file, err := os.Open(path)
			must(t, err)
			defer file.Close()
			o = Options{Paths: []string{"-"}, Stdin: file}
		}
		in, err := Open(o)
		must(t, err)
		defer in.Close()
		rows, err := 0, error(nil)
		if after == 0 {
			must(t, change(path, content))
		}
		for _, rowErr := range in.Rows() {
			if _, refused := errors.AsType[*contact.RowError](rowErr); rowErr != nil && !refused {
				err = rowErr
				break
			}
			if rows++; rows == after {
				must(t, change(path, content))
			}
		}
		if !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), ErrChanged.Error()) != 1 || rows >= manyRows && !stdin {
			t.Errorf("after %d rows: %v", rows, err)
		}
	}
}

// A file that is replaced is read to its end, because nobody changes the one that is
// open; between two readings it is another one.
func TestFileThatIsReplaced(t *testing.T) {
	content := manyContacts(t, "c.csv")
	path := writeFile(t, "c.csv", content)
	in, err := Open(Options{Paths: []string{path}})
	must(t, err)
	defer in.Close()
	rows := 0
	for _, err := range in.Rows() {
		must(t, err)
		if rows++; rows == 1 {
			other := filepath.Join(filepath.Dir(path), "new")
			must(t, os.WriteFile(other, []byte(content), 0o600))
			must(t, os.Rename(other, path))
		}
	}
	notices := fmt.Sprint(in.Notices())
	if rows != manyRows || !strings.Contains(notices, "another file has this name by now") {
		t.Errorf("%d rows, %s", rows, notices)
	}
	for _, err := range in.Rows() {
		if !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), "another file has its name") {
			t.Errorf("read again: %v", err)
		}
	}
}

// What is read of a file that says how long it is, is all of it.
func TestFileThatIsShorterThanItSays(t *testing.T) {
	path := writeFile(t, "c.csv", "email\na@example.com\n")
	short, err := os.Open(path)
	must(t, err)
	defer short.Close()
	s := &steady{File: short, of: &file{Source: Source{Name: path}, size: 30}}
	for err == nil {
		_, err = s.Read(make([]byte, 7))
	}
	if !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), "ends after 20 of its 30 bytes") {
		t.Error(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
