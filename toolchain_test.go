package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// All modules and the image are built by one Go release, which carries the fixes of its
// library: a module that names an older one would be built by that.
func TestOneToolchain(t *testing.T) {
	toolchain := regexp.MustCompile(`(?m)^toolchain go(\d+\.\d+\.\d+)$`)
	want := ""
	for _, path := range []string{"go.mod", "internal/webtest/go.mod", "bench/go.mod", "bench/benthos/go.mod"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found := toolchain.FindStringSubmatch(string(text))
		if found == nil || want != "" && found[1] != want {
			t.Errorf("%s has the toolchain %v, want %s", path, found, want)
			continue
		}
		want = found[1]
	}
	image, err := os.ReadFile("Dockerfile")
	if err != nil || !regexp.MustCompile(`(?m)^FROM golang:`+regexp.QuoteMeta(want)+`-alpine(@sha256:[0-9a-f]{64})? AS build$`).Match(image) {
		t.Errorf("the image is not built by Go %s: %v", want, err)
	}
	if out, err := exec.Command("git", "ls-files", "*go.mod").Output(); err == nil && len(out) > 0 {
		if n := strings.Count(string(out), "\n"); n != 4 {
			t.Errorf("there are %d modules, of which 4 are looked at here:\n%s", n, out)
		}
	}
}
