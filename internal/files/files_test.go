package files

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestSameFile(t *testing.T) {
	dir := t.TempDir()
	file, other, link := filepath.Join(dir, "file"), filepath.Join(dir, "other"), filepath.Join(dir, "link")
	write(t, file, "same")
	write(t, other, "same")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if !SameFile(file, link) || !SameFile(file, dir+"/./file") {
		t.Error("a file is not the same by another name")
	}
	if SameFile(file, other) || SameFile(file, file+"?") || SameFile(file+"?", file+"?") {
		t.Error("two files, or none, are the same")
	}
}

func TestReplace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	text := func(s string) func(io.Writer) error {
		return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
	}
	if err := Replace(path, text("first")); err != nil {
		t.Fatal(err)
	}
	holds(t, path, "first")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	failure := errors.New("any")
	err := Replace(path, func(w io.Writer) error { return errors.Join(text("half")(w), failure) })
	if !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	holds(t, path, "first")
	if left := namesIn(t, filepath.Dir(path)); len(left) != 1 {
		t.Errorf("half a file is left: %q", left)
	}
	folder := filepath.Join(t.TempDir(), "folder")
	write(t, filepath.Join(folder, "full"), "")
	if err := Replace(folder, text("file")); !isForeign(err) || len(namesIn(t, filepath.Dir(folder))) != 1 {
		t.Errorf("a folder was replaced, or a file is left: %v", err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func namesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

func isForeign(err error) bool {
	_, foreign := errors.AsType[*ForeignError](err)
	return foreign
}

func holds(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s holds %q, want %q: %v", path, got, want, err)
	}
}
