package main

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"importer/internal/pgtest"
	"importer/internal/sandbox"
)

// A block is a piece of shell in a document.
type block struct {
	line   int
	text   string
	reason string // why it is not run; empty where it is
}

var (
	fence  = regexp.MustCompile("(?ms)^(?:<!-- not run: ([^\n]+) -->\n)?```sh\n(.*?)^```$")
	exits3 = regexp.MustCompile(`(?m)^(.*?)\s*# exits 3$`)
)

func blocksOf(t *testing.T, path string) []block {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []block
	for _, m := range fence.FindAllSubmatchIndex(text, -1) {
		b := block{line: 1 + strings.Count(string(text[:m[4]]), "\n"), text: string(text[m[4]:m[5]])}
		if m[2] >= 0 {
			b.reason = string(text[m[2]:m[3]])
		}
		list = append(list, b)
	}
	return list
}

// Each command line of the documents is run, in the order of the document: in a
// copy of the source, with a sandbox in the place of the API. What cannot be run
// anywhere says why above it.
func TestCommandsOfTheDocuments(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("the commands of the documents are for bash, which is not here")
	}
	bin, err := filepath.Abs(os.Args[0]) // which is importer, when called by that name
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range []string{"docs/doctor.md", "docs/faq.md", "docs/operations.md", "docs/sandbox.md", "docs/store.md", "docs/sync.md"} {
		t.Run(document, func(t *testing.T) {
			blocks := blocksOf(t, document)
			if len(blocks) < 2 {
				t.Fatalf("only %d blocks of shell were found", len(blocks))
			}
			dir := t.TempDir()
			copySource(t, dir)
			server, err := sandbox.Listen("127.0.0.1:0", sandbox.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			if document == "docs/store.md" {
				withPostgreSQL(t)
			}
			path := filepath.Join(t.TempDir(), "bin")
			if err := os.Mkdir(path, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(bin, filepath.Join(path, "importer")); err != nil {
				t.Fatal(err)
			}
			// The program that is tested takes the place of the one that go run would build.
			if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(bin, filepath.Join(dir, "bin", "importer")); err != nil {
				t.Fatal(err)
			}
			for _, b := range blocks {
				if b.reason != "" {
					t.Logf("%s:%d is not run: %s", document, b.line, b.reason)
					continue
				}
				script := strings.NewReplacer("https://api-trial.cognigy.ai", server.URL, "http://127.0.0.1:8787", server.URL, "COGNIGY_API_KEY=…", "COGNIGY_API_KEY="+server.APIKey(), "your-tests", "curl -sSf $COGNIGY_BASE_URL >page.html", "go run . ", "importer ").Replace(b.text)
				script = exits3.ReplaceAllString(script, "code=0; $1 || code=$$?; test $$code = 3")
				cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "PATH="+path+string(os.PathListSeparator)+os.Getenv("PATH"), "XDG_CACHE_HOME="+t.TempDir(), "XDG_STATE_HOME="+t.TempDir(), "GOFLAGS=-buildvcs=false",
					"COGNIGY_BASE_URL="+server.URL, "COGNIGY_API_KEY="+server.APIKey(), "COGNIGY_PROJECT_ID="+server.ProjectID())
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%s:%d: %v\n%s\n%s", document, b.line, err, script, out)
				}
			}
		})
	}
}

// withPostgreSQL has psql and the like, and the program, find a server.
func withPostgreSQL(t *testing.T) {
	t.Helper()
	u, err := url.Parse(pgtest.Start(t, pgtest.Durable()).URL())
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"PGHOST": u.Hostname(), "PGPORT": u.Port(), "PGUSER": "postgres", "PGSSLMODE": "disable"} {
		t.Setenv(name, value)
	}
}

// copySource copies what the commands of the documents need: the files of the
// repository, and nothing that was left beside them by whoever tried the program
// here. The contacts are also where a document without a folder names them.
func copySource(t *testing.T, dir string) {
	t.Helper()
	for _, path := range repositoryFiles(t) {
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed, and not committed yet
		}
		if err == nil {
			err = os.MkdirAll(filepath.Join(dir, filepath.Dir(path)), 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, path), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile("testdata/contacts.csv")
	for _, name := range []string{"contacts.csv", "crm.csv"} {
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// repositoryFiles names the files that git tracks, but for tests; where this is no
// checkout, those of an unpacked archive.
func repositoryFiles(t *testing.T) []string {
	t.Helper()
	var all []string
	if out, err := exec.Command("git", "ls-files", "-z").Output(); err == nil && len(out) > 0 {
		all = strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	} else {
		err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && path != "." && (strings.HasPrefix(path, ".") || path == "bin" || strings.HasPrefix(path, "dist")):
				return fs.SkipDir
			case d.Type().IsRegular() && !leftBehind.MatchString(path):
				all = append(all, path)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return slices.DeleteFunc(all, func(path string) bool { return strings.HasSuffix(path, "_test.go") })
}

// leftBehind are the names of what the program writes into the folder it runs in.
var leftBehind = regexp.MustCompile(`\.report\.ndjson|\.rejects\.|\.check\.csv|\.state\.db|^(config|migration)\.yaml$|^ids\.csv$|^rehearsal\.html$`)
