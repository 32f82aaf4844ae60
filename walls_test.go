package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The walls of the house: every arrow points at importer, which points at no
// sibling; cli and main may import all; the sandbox shares nothing with anybody.
func TestWalls(t *testing.T) {
	mayImport := map[string][]string{
		"importer/importer": {},
		"importer/config":   {},
		"importer/sandbox":  {},
		"importer/source":   {"importer/importer"},
		"importer/cognigy":  {"importer/importer"},
		"importer/sink":     {"importer/importer"},
		"importer/quota":    {"importer/importer"},
		"importer/state":    {"importer/importer"},
		"importer/report":   {"importer/importer"},
		"importer/metrics":  {"importer/importer"},
	}
	all := goList(t, "-f", "{{.ImportPath}}", "./...")
	for pkg, allowed := range mayImport {
		if !slices.Contains(all, pkg) {
			t.Errorf("there is no package %s", pkg)
			continue
		}
		for _, dep := range goList(t, "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", pkg) {
			if ours := strings.HasPrefix(dep, "importer/"); ours && dep != pkg && !slices.Contains(allowed, dep) {
				t.Errorf("%s imports %s, and may import of its siblings only %v", pkg, dep, allowed)
			}
		}
	}
	for _, pkg := range all {
		if _, ok := mayImport[pkg]; !ok && !slices.Contains([]string{"importer", "importer/cli", "importer/deploy/man"}, pkg) && !testOnly(t, pkg) {
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
