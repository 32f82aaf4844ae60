package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The walls of the house: every arrow points down, at importer/contact, which
// imports nothing of ours, and from cli at all. What is imported by way of others
// counts. The sandbox shares nothing with anybody.
func TestWalls(t *testing.T) {
	mayImport := map[string][]string{
		"importer/contact":     {},
		"importer/pace":        {"importer/contact"},
		"importer/pace/ledger": {"importer/contact", "importer/pace"},
		"importer/change":      {"importer/contact"},
		"importer":             {"importer/contact", "importer/pace", "importer/change"},
		"source":               {"importer/contact"},
		"sink":                 {"importer/contact"},
		"sink/journal":         {"importer/contact", "internal/files"},
		"sink/rejects":         {"importer/contact", "internal/files"},
		"internal/files":       {},
		"internal/config":      {},
		"internal/sandbox":     {},
		"internal/cognigy":     {"importer/contact"},
		"internal/state":       {"importer/contact", "importer/change"},
		"internal/report":      {"importer/contact"},
		"internal/metrics":     {"importer/contact", "importer/pace"},
	}
	all := goList(t, "-f", "{{.ImportPath}}", "./...")
	for name, allowed := range mayImport {
		pkg := "importer/" + name
		if !slices.Contains(all, pkg) {
			t.Errorf("there is no package %s", pkg)
			continue
		}
		for _, dep := range goList(t, "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", pkg) {
			if ours := strings.HasPrefix(dep, "importer/"); ours && dep != pkg && !slices.Contains(allowed, strings.TrimPrefix(dep, "importer/")) {
				t.Errorf("%s imports %s, and may import of its siblings only %v", pkg, dep, allowed)
			}
		}
	}
	for _, pkg := range all {
		if _, ok := mayImport[strings.TrimPrefix(pkg, "importer/")]; !ok && !slices.Contains([]string{"importer", "importer/internal/cli", "importer/deploy/man"}, pkg) && !testOnly(t, pkg) {
			t.Errorf("%s has no place in the table of walls", pkg)
		}
	}
}

// testOnly tells whether a package holds nothing but tests.
func testOnly(t *testing.T, pkg string) bool {
	return len(goList(t, "-f", "{{range .GoFiles}}{{.}} {{end}}", pkg)) == 0
}

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	return strings.Fields(string(out))
}
