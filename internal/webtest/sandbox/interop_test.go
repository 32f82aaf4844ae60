package sandbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"importer/internal/sandbox"
)

// The API vendor's own client works against the sandbox, unchanged. It is
// proprietary, so it is installed from the npm registry into a temporary folder.
// Where that is not possible, the test is skipped; with INTEROP=1 it fails.
func TestVendorClient(t *testing.T) {
	skip := t.Skipf
	if os.Getenv("INTEROP") != "" {
		skip = t.Fatalf
	} else if testing.Short() {
		t.Skip("it installs an npm package: not with -short")
	}
	for _, name := range []string{"node", "npm"} {
		if _, err := exec.LookPath(name); err != nil {
			skip("%s is not installed", name)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	dir := t.TempDir()
	for _, name := range []string{"package.json", "interop.mjs"} {
		data, err := os.ReadFile(filepath.Join("testdata", "interop", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	install := exec.CommandContext(ctx, "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--prefer-offline",
		"--fetch-retries=0", "--fetch-timeout=20000")
	install.Dir, install.WaitDelay = dir, time.Second
	if out, err := install.CombinedOutput(); err != nil {
		skip("the client cannot be installed (no network?): %v\n%s", err, out)
	}

	s := start(t, sandbox.Options{})
	failing := make(map[string]string)
	for _, code := range []int{400, 1000, 1005, 401, 402, 403, 1002, 1013, 1004, 413, 1008, 1001, 1003, 1006, 1007, 1010, 1011, 1012, 2001, 3000,
		1009, 502, 1999, 2000, 503, 504, 8001} {
		failing[fmt.Sprint(code)] = start(t, sandbox.Options{Faults: faults(t, fmt.Sprintf("%d:1", code))}).URL
	}
	throttled := start(t, sandbox.Options{Rate: sandbox.Rate{Requests: 1, Window: time.Hour}})
	encode := func(v any) string {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	run := exec.CommandContext(ctx, "node", "--test", "--test-reporter=spec", "interop.mjs")
	run.Dir, run.WaitDelay = dir, time.Second
	run.Env = append(os.Environ(), "THROTTLED="+throttled.URL, "FAILING="+encode(failing),
		"SANDBOX="+encode(map[string]string{"url": s.URL, "key": s.APIKey(), "projectId": s.ProjectID()}))
	out, err := run.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("the vendor's client: %v", err)
	}
	counts := s.Counts().Requests
	for _, name := range sandbox.Operations() {
		if counts[name] == 0 {
			t.Errorf("the client did not call %s", name)
		}
	}
}
