package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var linkTo = regexp.MustCompile(`\]\(([^)#\s]+)`)

// What the documents link to within the repository is there.
func TestLinksOfTheDocuments(t *testing.T) {
	documents, err := filepath.Glob("docs/*.md")
	if err != nil || len(documents) < 5 {
		t.Fatalf("documents %q, %v", documents, err)
	}
	found := 0
	for _, document := range append(documents, "README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md") {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range linkTo.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			found++
			if _, err := os.Stat(filepath.Join(filepath.Dir(document), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", document, m[1], err)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d links were found", found)
	}
}
