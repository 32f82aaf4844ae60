package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each page says how its command ends, which files and variables it reads, and of when it
// is; man reads it without complaint.
func TestPages(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("SOURCE_DATE_EPOCH", "1764115200")
	if err := write(dir); err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil || len(pages) < 10 {
		t.Fatalf("pages %v, %v", pages, err)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(page)
		if !regexp.MustCompile(`(?m)^\.TH .*"Nov 2025"`).Match(text) {
			t.Errorf("%s has no date", name)
		}
		if strings.HasPrefix(name, "importer-completion-") {
			continue
		}
		at := 0
		for _, section := range []string{".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH EXIT STATUS", ".SH FILES", ".SH ENVIRONMENT", ".SH SEE ALSO"} {
			i := strings.Index(string(text), section)
			if i < at {
				t.Errorf("%s: %s is not where it should be", name, section)
			}
			at = i
		}
		if n := strings.Count(string(text), "\n.SH SEE ALSO"); n != 1 {
			t.Errorf("%s refers %d times", name, n)
		}
	}
	if _, err := exec.LookPath("man"); err != nil {
		return // and the pages are read where man is
	}
	if out, err := exec.Command("man", "--warnings", "-l", filepath.Join(dir, "importer.1")).CombinedOutput(); err != nil || strings.Contains(string(out), "warning") {
		t.Errorf("man: %v\n%s", err, out)
	}
}
