package cli

import (
	"errors"
	"io"
	"os"
	"testing"

	"importer/internal/files"
)

var errAny = errors.New("any")

func TestWriteTo(t *testing.T) {
	dir := t.TempDir()
	path := dir + "/out.html"
	err := files.WriteTo(path, io.Discard, func(w io.Writer) error { _, err := io.WriteString(w, "half"); return errors.Join(err, errAny) })
	if left, _ := os.ReadDir(dir); !errors.Is(err, errAny) || len(left) > 0 {
		t.Errorf("a file that could not be written whole: %v, left: %v", err, left)
	}
}
