package files

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestNumbered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.ndjson")
	if next, err := NextNumbered(path); next != path+".1" || err != nil {
		t.Errorf("%s, %v", next, err)
	}
	for _, suffix := range []string{"", ".9", ".10", ".3", ".03", ".x", ".10.lock", "0", ".20261126", ".", ".-1"} {
		write(t, path+suffix, "")
	}
	if got, err := Numbered(path); err != nil || !slices.Equal(got, []string{path + ".3", path + ".9", path + ".10"}) {
		t.Errorf("%v, %v", got, err)
	}
	// Behind the highest, and not into a gap: the order is that of time.
	if next, err := NextNumbered(path); next != path+".11" || err != nil {
		t.Errorf("%s, %v", next, err)
	}
	if _, err := NextNumbered(filepath.Join(path+".none", "r")); err == nil {
		t.Error("a folder that is not there has no names")
	}
}

// Ten years of nights.
func BenchmarkNextNumbered(b *testing.B) {
	path := filepath.Join(b.TempDir(), "r.ndjson")
	for n := range 3650 {
		if err := os.WriteFile(fmt.Sprintf("%s.%d", path, n+1), nil, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if _, err := NextNumbered(path); err != nil {
			b.Fatal(err)
		}
	}
}
