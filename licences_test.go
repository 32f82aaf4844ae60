package main

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const licencesFile = "THIRD_PARTY_LICENSES"

var updateLicences = flag.Bool("update-licences", false, "write "+licencesFile+" from the module cache")

// What each binary is made of comes with its licences: the list is made of the modules of
// all systems that a release is for, and of what lies beside their code.
func TestLicencesOfThirdParties(t *testing.T) {
	want := licences(t)
	if *updateLicences {
		if err := os.WriteFile(licencesFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(licencesFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not that of the modules in go.mod: go test -run LicencesOfThirdParties . -update-licences", licencesFile)
	}
	for _, pkg := range []string{".goreleaser.yaml", "Dockerfile"} {
		text, err := os.ReadFile(pkg)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"LICENSE", licencesFile} {
			if !regexp.MustCompile(`\b` + file + `\b`).Match(text) {
				t.Errorf("%s does not take %s along", pkg, file)
			}
		}
	}
}

// licenceNames are the files in which a module says on what terms it may be passed on.
var licenceNames = regexp.MustCompile(`(?i)^(un)?licen[cs]e|^notice|^copying|^patents`)

// licences is the text of the file, made from the module cache.
func licences(t *testing.T) []byte {
	t.Helper()
	modules := map[string]string{} // folders by path and version
	for _, system := range []string{"linux", "darwin", "windows"} {
		list := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}{{end}}", ".")
		list.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
		out, err := list.Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			if module, dir, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
				modules[module] = dir
			}
		}
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	modules["Go, its runtime and standard library"] = strings.TrimSpace(string(root))
	var b bytes.Buffer
	b.WriteString("The binaries of importer contain the software listed here, on the terms that follow each name.\n")
	for _, module := range slices.Sorted(maps.Keys(modules)) {
		fmt.Fprintf(&b, "\n%s\n%s\n", strings.Repeat("=", 80), module)
		entries, err := os.ReadDir(modules[module])
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, entry := range entries {
			if entry.IsDir() || !licenceNames.MatchString(entry.Name()) {
				continue
			}
			text, err := os.ReadFile(filepath.Join(modules[module], entry.Name()))
			if err != nil {
				t.Fatal(err)
			}
			found++
			text = bytes.TrimSpace(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
			fmt.Fprintf(&b, "\n--- %s\n\n%s\n", entry.Name(), text)
		}
		if found == 0 {
			t.Errorf("%s says nowhere on what terms it may be passed on", module)
		}
	}
	return b.Bytes()
}

// The changelog has the form that it names, and the map of the house names what is there.
func TestHouseDocuments(t *testing.T) {
	changelog, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	heading := regexp.MustCompile(`(?m)^##+ .*$`)
	allowed := regexp.MustCompile(`^(## \[Unreleased\]|## \[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d|### (Added|Changed|Deprecated|Removed|Fixed|Security))$`)
	for _, h := range heading.FindAllString(string(changelog), -1) {
		if !allowed.MatchString(h) {
			t.Errorf("CHANGELOG.md has the heading %q", h)
		}
	}
	contributing, err := os.ReadFile("CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	places := regexp.MustCompile("(?m)^\\| (`[^|]*) \\|").FindAllStringSubmatch(string(contributing), -1)
	if len(places) < 5 {
		t.Errorf("the map names %d places", len(places))
	}
	for _, row := range places {
		for _, place := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			if info, err := os.Stat(place[1]); err != nil || !info.IsDir() {
				t.Errorf("the map names %s, which is no folder: %v", place[1], err)
			}
		}
	}
}
