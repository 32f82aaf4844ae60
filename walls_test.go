package main

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The walls of the house: every arrow points down, at importer/contact, and from cli
// at everything. What is imported by way of others counts. The leaves, which import nothing
// of ours but one the other and hold no type that two packages could hand each other, are
// open to all. But for them the sandbox shares nothing with anybody.
func TestWalls(t *testing.T) {
	leaves := []string{"internal/address", "internal/files", "internal/growth", "internal/names", "internal/plain", "internal/rejectfile", "internal/sqlfile", "internal/words", "internal/yamlwords"}
	mayImport := map[string][]string{
		"importer/contact":       {},
		"importer/idrule":        {},
		"importer/idtext":        {},
		"importer/pace":          {"importer/contact"},
		"importer/lane":          {},
		"importer/weigh":         {},
		"importer/pace/ledger":   {"importer/contact", "importer/pace"},
		"importer/change":        {"importer/contact"},
		"importer/whose":         {"importer/contact"},
		"importer":               {"importer/contact", "importer/lane", "importer/pace", "importer/change", "importer/whose", "importer/weigh"},
		"source":                 {"importer/contact", "importer/idrule", "importer/idtext", "source/decode", "source/foreign", "source/guess", "source/guess/region", "source/mapping", "source/mapping/columns", "source/mapping/dates", "source/mapping/formula", "source/mapping/notes", "source/query", "source/remote", "source/table", "source/workbook"},
		"source/decode":          {},
		"source/foreign":         {},
		"source/query":           {},
		"source/remote":          {},
		"source/guess":           {"importer/contact", "importer/idrule", "importer/idtext", "source/guess/region", "source/mapping", "source/mapping/columns", "source/mapping/dates", "source/mapping/formula", "source/mapping/notes"},
		"source/guess/region":    {"source/mapping/dates"},
		"source/table":           {"importer/contact", "importer/idrule", "importer/idtext", "source/mapping", "source/mapping/columns", "source/mapping/dates", "source/mapping/formula", "source/mapping/notes"},
		"source/workbook":        {"importer/idtext"},
		"docs":                   {},
		"source/mapping":         {"importer/contact", "importer/idrule", "importer/idtext", "source/mapping/columns", "source/mapping/dates", "source/mapping/formula", "source/mapping/notes"},
		"source/mapping/columns": {},
		"source/mapping/dates":   {},
		"source/mapping/notes":   {},
		"source/mapping/formula": {},
		"sink":                   {"importer/contact"},
		"sink/journal":           {"importer/contact", "importer/idrule"},
		"sink/rejects":           {"importer/contact"},
		"internal/commandline":   {},
		"internal/help":          {"importer/idtext", "internal/commandline", "internal/config", "source/workbook"},
		"internal/config":        {"internal/commandline"},
		"internal/cognigy":       {"importer/contact"},
		"internal/probe":         {"importer/contact", "importer/pace", "internal/cognigy"},
		"internal/customfields":  {"importer/contact", "importer/pace", "internal/cognigy", "internal/commandline", "internal/config"},
		"internal/doctor":        {"importer/contact", "importer/pace", "importer/pace/ledger", "internal/cognigy", "internal/commandline", "internal/config", "internal/customfields", "internal/probe", "internal/store", "internal/store/address", "internal/store/fault", "internal/store/lease", "internal/store/tables", "internal/state", "importer/idrule", "importer/change", "sink/journal"},
		"internal/state":         {"importer/contact", "importer/idrule", "importer/change"},
		"internal/reconcile":     {"importer/contact", "importer/idrule", "importer/change", "internal/state", "sink/journal"},
		"internal/nights":        {"importer/contact", "importer/idrule", "sink/journal", "sink/rejects"},
		"internal/preview":       {"importer/contact"},
		"internal/verify":        {"importer/contact", "importer/idrule", "importer/pace", "importer/change", "importer/whose", "importer/lane", "importer/weigh", "importer", "internal/state", "sink"},
		"internal/report":        {"importer/contact", "importer/idrule", "sink/journal"},
		"internal/origin":        {"importer/contact", "importer/idrule", "sink/journal"},
		"internal/erase":         {"importer/contact", "importer/idrule", "importer/change", "sink", "sink/journal", "internal/state"},
		"internal/export":        {"importer/contact", "importer/change"},
		"internal/traces":        {"importer/contact"},
		"internal/memory":        {},
		"internal/metrics":       {"importer/contact", "importer/pace"},
		"internal/store":         {"importer/contact", "importer/idrule", "importer/pace", "importer/pace/ledger", "importer/change", "internal/state", "internal/store/address", "internal/store/fault", "internal/store/lease", "internal/store/tables", "sink/journal"},
		"internal/store/fault":   {},
		"internal/store/address": {},
		"internal/store/lease":   {},
		"internal/store/tables":  {"internal/store/fault"},
		"internal/live":          {"importer/contact", "importer/idrule", "importer/pace", "sink", "sink/journal", "internal/commandline", "internal/config", "internal/report", "internal/metrics"},
		// It opens what a run works with: not the engine, and nothing that is done with it.
		"internal/session": {"importer/contact", "importer/idrule", "importer/idtext", "importer/pace", "importer/pace/ledger", "importer/change", "importer/whose",
			"source", "source/decode", "source/foreign", "source/guess", "source/guess/region", "source/query", "source/remote", "source/table", "source/workbook", "source/mapping", "source/mapping/columns", "source/mapping/dates", "source/mapping/formula", "source/mapping/notes",
			"sink", "sink/journal", "sink/rejects",
			"internal/commandline", "internal/config", "internal/cognigy", "internal/customfields", "internal/state", "internal/reconcile", "internal/report", "internal/origin", "internal/erase", "internal/memory", "internal/metrics", "internal/live", "internal/store", "internal/store/address", "internal/store/fault", "internal/store/lease", "internal/store/tables",
			"internal/sandbox", "internal/sandbox/origin", "internal/sandbox/store", "internal/sandbox/jsonvalue"},
		"internal/jobs": {"internal/store/address", "internal/store/fault", "internal/store/tables", "importer/contact", "importer/idrule", "importer/pace", "importer/pace/ledger", "importer/change", "internal/commandline", "internal/config", "internal/state", "internal/store", "internal/store/lease", "sink/journal"},

		"internal/pgtest": {},

		"internal/sandbox":           {"internal/sandbox/origin", "internal/sandbox/store", "internal/sandbox/jsonvalue"},
		"internal/sandbox/origin":    {},
		"internal/sandbox/store":     {"internal/sandbox/jsonvalue"},
		"internal/sandbox/jsonvalue": {},
	}
	// It carries out what a session opens, by a function that it is given.
	mayImport["internal/work"] = append([]string{"internal/session", "internal/jobs"}, mayImport["internal/session"]...)
	mayImport["internal/exit"] = append([]string{"internal/session", "internal/jobs", "internal/export"}, mayImport["internal/session"]...)
	mayImport["internal/jobcommands"] = append([]string{"internal/help", "internal/exit", "internal/work"}, mayImport["internal/exit"]...)
	for pkg := range mayImport {
		mayImport[pkg] = append(mayImport[pkg], leaves...)
	}
	for _, leaf := range leaves {
		mayImport[leaf] = nil
	}
	mayImport["internal/address"] = []string{"internal/plain"}
	mayImport["internal/sqlfile"] = []string{"internal/files"}
	mayImport["internal/yamlwords"] = []string{"internal/words"}
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

// What only tests need stands in a module of its own, internal/webtest, and is not
// downloaded with the program. Two libraries are too close to its insides for that, and a
// third writes the xz that the tests of reading it read.
func TestRequirements(t *testing.T) {
	file, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	used := append(goList(t, "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./..."), "github.com/rogpeppe/go-internal", "pgregory.net/rapid", "github.com/ulikunitz/xz")
	found := regexp.MustCompile(`(?m)^\t(\S+) v\S+$`).FindAllStringSubmatch(string(file), -1) // the direct ones
	if len(found) == 0 {
		t.Error("no requirement was found in go.mod")
	}
	for _, r := range found {
		if !slices.Contains(used, r[1]) {
			t.Errorf("go.mod requires %s, which only tests need: move them to internal/webtest", r[1])
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
