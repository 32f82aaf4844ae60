//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"importer/internal/sandbox"
)

// A shared folder is one that several users write to, such as /tmp, with a file beside
// it that must not be touched: links lead there.
type sharedFolder struct {
	t      *testing.T
	dir    string
	bin    string
	home   string // where state and cache lie
	victim string
	absent string
	server *sandbox.Server
}

const precious = "precious\n"

func newSharedFolder(t *testing.T, server *sandbox.Server) *sharedFolder {
	t.Helper()
	bin, err := filepath.Abs(os.Args[0]) // which is importer, when called by that name
	if err != nil {
		t.Fatal(err)
	}
	outside := t.TempDir()
	f := &sharedFolder{t: t, dir: t.TempDir(), bin: filepath.Join(outside, "importer"), home: filepath.Join(outside, "home"), victim: filepath.Join(outside, "victim"), absent: filepath.Join(outside, "absent"), server: server}
	for _, err := range []error{
		os.Chmod(f.dir, 0o777|os.ModeSticky), os.Symlink(bin, f.bin), os.WriteFile(f.victim, []byte(precious), 0o644),
		os.WriteFile(f.path("c.csv"), []byte("email,age\na@example.com,1\nb@example.com,old\n"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func (f *sharedFolder) path(name string) string { return filepath.Join(f.dir, name) }

// run runs a command line of a shell in the folder, for 20 seconds at most.
func (f *sharedFolder) run(line string) (code int, out string) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir = f.dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(f.bin)+":"+os.Getenv("PATH"), "XDG_CACHE_HOME="+filepath.Join(f.home, "cache"), "XDG_STATE_HOME="+filepath.Join(f.home, "state"),
		"COGNIGY_BASE_URL="+f.server.URL, "COGNIGY_API_KEY="+f.server.APIKey(), "COGNIGY_PROJECT_ID="+f.server.ProjectID())
	cmd.WaitDelay = time.Second
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	err := cmd.Run()
	if ctx.Err() != nil {
		f.t.Errorf("%s: it hangs: %s", line, text.String())
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), text.String()
	}
	if err != nil {
		f.t.Error(err)
	}
	return 0, text.String()
}

// plant puts something at a path, in the place of what is there.
func (f *sharedFolder) plant(what, path string) {
	f.t.Helper()
	err := errors.Join(os.RemoveAll(path), os.MkdirAll(filepath.Dir(path), 0o700))
	if err == nil {
		switch what {
		case "link":
			err = os.Symlink(f.victim, path)
		case "link to nothing":
			err = os.Symlink(f.absent, path)
		case "pipe":
			err = syscall.Mkfifo(path, 0o666)
		case "folder":
			err = os.MkdirAll(filepath.Join(path, "full"), 0o777)
		case "list of mine":
			err = os.WriteFile(path, []byte(strings.Repeat("a line that took long to write, ", 3)), 0o600)
		case "file of another user":
			err = errors.Join(os.WriteFile(path, nil, 0o666), os.Chmod(path, 0o666), os.Chown(path, 1234, 1234))
		}
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// untouched is that nothing was written where the links lead.
func (f *sharedFolder) untouched(what string) {
	f.t.Helper()
	text, err := os.ReadFile(f.victim)
	if err != nil || string(text) != precious {
		f.t.Errorf("%s: what the link leads to is %q, %v", what, text, err)
	}
	if info, err := os.Stat(f.victim); err != nil || info.Mode().Perm() != 0o644 {
		f.t.Errorf("%s: what the link leads to is %v, %v", what, info.Mode(), err)
	}
	if _, err := os.Lstat(f.absent); !errors.Is(err, fs.ErrNotExist) {
		f.t.Errorf("%s: the link was followed to where nothing was: %v", what, err)
	}
}

// Whatever somebody has put where the program keeps something, without being asked
// where, it is neither followed nor waited for nor written to: the command says what
// stands there, or takes its place.
func TestPlantedFiles(t *testing.T) {
	server, err := sandbox.Listen("127.0.0.1:0", sandbox.Options{APIKey: testKey})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	const importRows, imported = "importer --source c.csv", "c.csv.report.ndjson"
	refused, some, replaced := []string{"link", "link to nothing", "pipe", "folder", "file of another user"}, []string{"link", "pipe"}, []string{"link", "link to nothing"}
	for _, c := range []struct {
		path, before, line string
		what               []string
		code               int
		says               string // where it is not 0
	}{
		{imported, "", importRows, refused, 1, imported},
		{imported, "", importRows + " --dry-run", some, 1, imported},
		{imported + ".lock", "", importRows, refused, 1, imported + ".lock"},
		{imported + ".lock", importRows, "importer report c.csv.report.ndjson --purge", some, 1, imported + ".lock"},
		{imported + ".lock", importRows, "importer undo c.csv.report.ndjson --yes", some, 1, imported + ".lock"},
		{imported + ".verify", importRows, "importer verify c.csv.report.ndjson", refused, 1, imported + ".verify"},
		{imported + ".lock", "", importRows, []string{"list of mine"}, 1, imported + ".lock"},
		{imported + ".verify", importRows, "importer verify c.csv.report.ndjson", []string{"list of mine"}, 1, imported + ".verify"},
		{"importer.state.db.lock", "", importRows + " --mode upsert", []string{"list of mine"}, 1, "importer.state.db.lock"},
		{"c.csv.rejects.csv", "", importRows, replaced, 3, ""},
		{"c.csv.rejects.csv", "", importRows, []string{"pipe", "folder"}, 2, "c.csv.rejects.csv"},
		{"c.csv.rejects.ndjson", "", importRows, []string{"pipe", "folder"}, 2, "c.csv.rejects.ndjson"},
		{"c.csv.rejects.csv.tmp", "", importRows, refused, 3, ""},
		{"importer.state.db", "", importRows + " --mode upsert", refused, 1, "importer.state.db"},
		{"importer.state.db", "", importRows + " --mode upsert --dry-run", some, 1, "importer.state.db"},
		{"importer.state.db.lock", "", importRows + " --mode upsert", refused, 1, "importer.state.db.lock"},
		{"importer.state.db-wal", "", importRows + " --mode upsert", some, 1, "importer.state.db-wal"},
		{"importer.state.db-shm", "", importRows + " --mode upsert", some, 1, "importer.state.db-shm"},
		{"importer.state.db-journal", "", importRows + " --mode upsert", some, 1, "importer.state.db-journal"},
		{"config.yaml", "", "importer init c.csv >/dev/null", refused, 0, ""},
		{"out.yaml", "", "importer init c.csv -o out.yaml", refused[:2], 2, "out.yaml"},
		{"s.db-wal", "", "importer sandbox --addr 127.0.0.1:0 --data s.db", some, 1, "s.db-wal"},
	} {
		for _, what := range c.what {
			if what == "file of another user" && os.Geteuid() != 0 {
				continue
			}
			f := newSharedFolder(t, server)
			if c.before != "" {
				f.run(c.before)
			}
			f.plant(what, f.path(c.path))
			before, err := os.Lstat(f.path(c.path))
			if err != nil {
				t.Fatal(err)
			}
			code, out := f.run(c.line)
			name := what + " at " + c.path + ": " + c.line
			if code != c.code || !strings.Contains(out, c.says) {
				t.Errorf("%s: exit code %d, want %d: %s", name, code, c.code, out)
			}
			f.untouched(name)
			after, err := os.Lstat(f.path(c.path))
			if c.code == 1 && (err != nil || !os.SameFile(before, after) || before.Mode() != after.Mode() || before.Size() != after.Size()) {
				t.Errorf("%s: what was planted is %v, %v", name, after, err)
			}
			if left, _ := filepath.Glob(f.path(".importer-*")); left != nil {
				t.Errorf("%s: left: %q", name, left)
			}
		}
	}
}

// The same for what lies under the folders of a user: a run does without it.
func TestPlantedInTheFoldersOfTheUser(t *testing.T) {
	server, err := sandbox.Listen("127.0.0.1:0", sandbox.Options{APIKey: testKey})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for _, what := range []string{"link", "link to nothing", "pipe", "folder"} {
		f := newSharedFolder(t, server)
		if code, out := f.run("importer doctor --probe && importer --source c.csv"); code != 3 {
			t.Fatalf("%d: %s", code, out)
		}
		kept := 0
		for _, pattern := range []string{"cache/importer/quota/*/ledger.json", "cache/importer/quota/*/ledger.lock", "state/importer/learned/*.json"} {
			all, err := filepath.Glob(filepath.Join(f.home, pattern))
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range all {
				kept++
				f.plant(what, path)
				if code, out := f.run("importer --source c.csv --restart"); code != 3 || !strings.Contains(out, filepath.Base(path)) {
					t.Errorf("%s at %s: exit code %d: %s", what, path, code, out)
				}
				f.untouched(what + " at " + path)
				if err := os.RemoveAll(path); err != nil {
					t.Fatal(err)
				}
			}
		}
		if kept != 3 {
			t.Errorf("%d files were found", kept)
		}
	}
}

// A link that a person names is followed, and stays a link.
func TestNamedLinksAreFollowed(t *testing.T) {
	server, err := sandbox.Listen("127.0.0.1:0", sandbox.Options{APIKey: testKey})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	f := newSharedFolder(t, server)
	for _, name := range []string{"r", "importer.state.db", "ids.csv", "importer.prom", "pages.html"} {
		if err := os.Symlink(filepath.Join(filepath.Dir(f.absent), name), f.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(f.absent), "pages.html"), []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"importer --source c.csv --report r --mode upsert --state importer.state.db --metrics-textfile importer.prom",
		"importer report r --format csv -o ids.csv", "importer report r --format html -o pages.html", "importer report r --purge",
	} {
		if code, out := f.run(line); code != 0 && code != 3 {
			t.Errorf("%s: %d: %s", line, code, out)
		}
	}
	for name, want := range map[string]os.FileMode{"r": 0o600, "importer.state.db": 0o600, "ids.csv": 0o600, "pages.html": 0o600, "importer.prom": 0o644} {
		if info, err := os.Lstat(f.path(name)); err != nil || info.Mode()&fs.ModeSymlink == 0 {
			t.Errorf("%s is no link any more: %v", name, err)
		}
		if info, err := os.Stat(f.path(name)); err != nil || info.Size() < 4 || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// Under any umask, and whatever its mode was, what a run leaves is readable by its owner
// alone; only the metrics are for everybody.
func TestModesOfWhatIsLeft(t *testing.T) {
	server, err := sandbox.Listen("127.0.0.1:0", sandbox.Options{APIKey: testKey})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for _, umask := range []string{"000", "077"} {
		f := newSharedFolder(t, server)
		inputs := map[string]bool{"c.csv": true}
		lines := []string{
			"importer --source c.csv --mode upsert --metrics-textfile m.prom", "importer verify c.csv.report.ndjson",
			"importer report c.csv.report.ndjson --format csv -o ids.csv", "importer report c.csv.report.ndjson --purge",
			"importer init c.csv -o out.yaml", "importer doctor --probe >doctor.txt", "rm -f sandbox.txt; importer sandbox --addr 127.0.0.1:0 --data s.db >sandbox.txt & until test -s sandbox.txt; do sleep 0.02; done; kill $!; wait",
		}
		for _, again := range []bool{false, true} { // with what the first time left, which everybody may read
			for _, line := range lines {
				if again && strings.Contains(line, "init") {
					continue
				}
				if code, out := f.run("umask " + umask + "; " + line); code != 0 && code != 3 {
					t.Errorf("%s: %d: %s", line, code, out)
				}
			}
			got := f.modes(inputs)
			for _, name := range []string{"c.csv.report.ndjson", "c.csv.report.ndjson.verify", "c.csv.rejects.csv", "importer.state.db", "importer.state.db.lock", "ids.csv", "out.yaml", "s.db", "m.prom"} {
				if _, ok := got[name]; !ok {
					t.Errorf("umask %s: there is no %s", umask, name)
				}
			}
			for name, mode := range got {
				want := os.FileMode(0o600)
				switch {
				case name == "m.prom":
					want = 0o644
				case again && name == "out.yaml", strings.HasSuffix(name, ".txt"):
					want = mode // which is left as it is, or the shell's
				}
				if mode != want {
					t.Errorf("umask %s, again: %v: %s is %v, want %v", umask, again, name, mode, want)
				}
				if err := os.Chmod(f.path(name), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			err := filepath.WalkDir(f.home, func(path string, d fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				info, err := d.Info()
				if err == nil && info.Mode().Perm()&0o077 != 0 && !againOnly.MatchString(path) {
					t.Errorf("umask %s: %s is %v", umask, path, info.Mode())
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
	}
}

// againOnly matches the folder of a user, which is there before the program.
var againOnly = regexp.MustCompile(`home(/cache|/state)?$`)

// modes are those of the files in the folder, but for some.
func (f *sharedFolder) modes(but map[string]bool) map[string]os.FileMode {
	f.t.Helper()
	all, err := os.ReadDir(f.dir)
	if err != nil {
		f.t.Fatal(err)
	}
	modes := map[string]os.FileMode{}
	for _, e := range all {
		info, err := e.Info()
		if err != nil {
			f.t.Fatal(err)
		}
		if !but[e.Name()] {
			modes[e.Name()] = info.Mode()
		}
	}
	return modes
}

// A state that was lost is not made anew from the reports of others: they would say whose
// profiles a mirror may remove.
func TestReportsOfOthersMakeNoState(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	server, err := sandbox.Listen("127.0.0.1:0", sandbox.Options{APIKey: testKey})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	f := newSharedFolder(t, server)
	const nightly = "importer --source c.csv --mode upsert"
	f.run(nightly)
	if err := os.WriteFile(f.path("c.csv"), []byte("email,age\na@example.com,2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	f.run(nightly)
	if err := errors.Join(os.Chown(f.path("c.csv.report.ndjson.1"), 1234, 1234), os.Remove(f.path("importer.state.db"))); err != nil {
		t.Fatal(err)
	}
	code, out := f.run(nightly)
	if code != 0 || !strings.Contains(out, "c.csv.report.ndjson.1 belongs to another user") {
		t.Errorf("%d: %s", code, out)
	}
}
