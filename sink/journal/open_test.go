package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"importer/importer/contact"
)

func TestAnotherImport(t *testing.T) {
	path := reportPath(t)
	r := begun(t, path, options())
	must(t, r.Append(outcome("a", contact.Existing)))
	must(t, r.Close())
	before := readLines(t, path)
	for what, change := range map[string]func(*Header){
		"project":  func(h *Header) { h.ProjectID = "65f0000000000000000000bb" },
		"base URL": func(h *Header) { h.BaseURL = "https://other.example.com" },
		"mode":     func(h *Header) { h.Mode = "upsert" },
	} {
		o := options()
		change(&o.Header)
		_, err := Open(Files{}, path, o)
		mismatch, ok := errors.AsType[*MismatchError](err)
		if !ok || mismatch.What != what || !strings.Contains(err.Error(), "--restart") {
			t.Errorf("%s: %v", what, err)
		}
	}
	o := options()
	o.Header.Sources, o.Header.Run, o.Header.Version = []string{"other.csv"}, "01JOTHER", "2"
	must(t, open(t, path, o).Close())
	if got := readLines(t, path); len(got) != len(before) || got[0] != before[0] {
		t.Errorf("the report was changed: %q", got)
	}
}

// A report that holds no row that is in or may be in stands in nobody's way: it is
// set aside where the address, the project or the mode was corrected.
func TestAReportOfAnotherProjectThatHoldsNothing(t *testing.T) {
	for _, c := range []struct {
		status contact.Status
		aside  bool
	}{{0, true}, {contact.Invalid, true}, {contact.Failed, true}, {contact.Rejected, true}, {contact.Unknown, false}, {contact.InDoubt, false}, {contact.Created, false}, {contact.Existing, false}} {
		path := reportPath(t)
		r := begun(t, path, options())
		if c.status != 0 && c.status != contact.Invalid && c.status != contact.Existing {
			must(t, r.Sending(keys("a")))
		}
		if c.status != 0 && c.status != contact.InDoubt {
			must(t, r.Append(outcome("a", c.status)))
		}
		must(t, r.Close())
		o := options()
		o.Header.ProjectID = "65f0000000000000000000bb"
		_, readErr := Read(Files{}, path, o)
		r, err := Open(Files{}, path, o)
		if c.aside != (err == nil) || c.aside != (readErr == nil) || c.aside && r.Replaced != path+".1" {
			t.Errorf("%v: %v, %v", c.status, err, readErr)
		}
		if err == nil {
			must(t, r.Begin())
			must(t, r.Close())
			must(t, open(t, path, o).Close())
		}
		o.Header.Mode = "upsert"
		if r, err = Open(Files{}, path, o); c.aside != (err == nil) {
			t.Errorf("%v, in another mode: %v", c.status, err)
		}
		if err == nil {
			must(t, r.Close())
		}
	}
}

// The report of a rehearsal stands in no other import's way, whatever it holds; nor does
// it go elsewhere unnoticed.
func TestReportOfARehearsal(t *testing.T) {
	rehearsal := func(baseURL, projectID string) bool { return baseURL == "sandbox" }
	for name, c := range map[string]struct {
		was, now string
		mode     string
		aside    bool
	}{
		"the real run after it":            {"sandbox", "https://api.example.com", "create", true},
		"the real run, in another mode":    {"sandbox", "https://api.example.com", "upsert", true},
		"a rehearsal after the real run":   {"https://api.example.com", "sandbox", "create", false},
		"a rehearsal in another mode":      {"sandbox", "sandbox", "upsert", false},
		"a real run of another real place": {"https://api.example.com", "https://other.example.com", "create", false},
	} {
		path := reportPath(t)
		o := options()
		o.Rehearsal, o.Header.BaseURL = rehearsal, c.was
		r := begun(t, path, o)
		must(t, r.Append(outcome("a", contact.Existing)))
		must(t, r.Close())
		o.Header.BaseURL, o.Header.Mode = c.now, c.mode
		r, err := Open(Files{}, path, o)
		if c.aside != (err == nil) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err == nil {
			if r.Replaced != path+".1" || r.Because != "it was of a rehearsal in a sandbox" || r.Keys().Len() != 0 {
				t.Errorf("%s: %q, because %q", name, r.Replaced, r.Because)
			}
			must(t, r.Close())
		} else if !strings.Contains(err.Error(), "it alone knows of 1 contact that is in there") || strings.Contains(err.Error(), "--restart") == (name == "a rehearsal after the real run") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRestart(t *testing.T) {
	path := reportPath(t)
	o := options()
	o.Restart, o.Window = true, time.Hour
	must(t, os.WriteFile(path+".2", []byte("someone's"), 0o600))
	for n, aside := range []string{"", ".3", ".4"} {
		r := begun(t, path, o)
		if r.Runs() != 0 || r.Keys().Len() != 0 {
			t.Error("the old report is not aside")
		}
		// The quota does not begin anew.
		sent := 0
		for _, n := range r.Sent() {
			sent += n
		}
		if sent != min(n, 1) {
			t.Errorf("restart %d: %d requests in the window", n, sent)
		}
		must(t, r.Sending(keys(fmt.Sprint(n))))
		must(t, r.Append(outcome(fmt.Sprint(n), contact.Created)))
		must(t, r.Close())
		if aside == "" {
			continue
		}
		if got := readLines(t, path+aside); !strings.Contains(got[1], key(fmt.Sprint(n-1)).String()) {
			t.Errorf("%s holds %q", aside, got)
		}
	}
	// What cannot be read can be restarted.
	must(t, os.WriteFile(path, []byte("no report\n"), 0o600))
	if _, err := Open(Files{}, path, options()); err == nil {
		t.Error("garbage was opened")
	}
	must(t, open(t, path, o).Close())
}

func TestWhatIsNoReport(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(content), 0o644))
		return path
	}
	notes := file("notes", "half a thought")
	for path, want := range map[string]string{
		dir:                             "is a folder",
		os.DevNull:                      "is no ordinary file",
		filepath.Join(dir, "none", "r"): "a folder that can be written to",
		notes:                           "line 1 is no line of a report",
		file("csv", "email\na@b.c\n"):   "line 1 is no JSON object",
		file("json", "{\"a\":1}\n"):     `line 1 has no member "kind"`,
		file("long", strings.Repeat(" ", maxLine+1)): "line 1 is longer than",
		filepath.Join(notes, "r"):                    "not a directory",
		file("bom", "\ufeff{}\n"):                    "begins with a byte order mark, which an editor put there: save the file as UTF-8 without one",
		file("utf-16", "\xff\xfe{\x00}\x00\n\x00"):   "begins with a byte order mark",
	} {
		if runtime.GOOS == "windows" && want == "not a directory" {
			continue
		}
		_, err := Open(Files{}, path, options())
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
		if _, err := os.Lstat(path + ".lock"); err == nil {
			t.Errorf("%s: the lock file is still there", path)
		}
	}
	if b, _ := os.ReadFile(notes); string(b) != "half a thought" {
		t.Errorf("somebody's file was changed to %q", b)
	}
}

func TestReadOnlyFolder(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o500))
	t.Cleanup(func() { os.Chmod(dir, 0o700) })
	if f, err := os.Create(filepath.Join(dir, "probe")); err == nil {
		f.Close()
		t.Skip("permissions do not bind this user")
	}
	_, err := Open(Files{}, filepath.Join(dir, "r"), options())
	if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "--report") {
		t.Errorf("error %v", err)
	}
}

func TestTmpfsFull(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("no tmpfs can be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	path := filepath.Join(dir, "r.report.ndjson")
	r := begun(t, path, options())
	written := 0
	var err error
	for err == nil {
		id := fmt.Sprint(written)
		if err = r.Sending(keys(id)); err == nil {
			if err = r.Append(outcome(id, contact.Created)); err == nil {
				written++
			}
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("error %v", err)
	}
	r.Close()
	if r, err = Open(Files{}, path, options()); err != nil {
		t.Fatal(err)
	}
	if got := r.Keys().Count(contact.Created); got != written || written == 0 {
		t.Errorf("%d created, want %d", got, written)
	}
	r.Close()
}

func TestLockOfTwoHandles(t *testing.T) {
	path := reportPath(t)
	r := begun(t, path, options())
	link := filepath.Join(t.TempDir(), "link")
	names := []string{path}
	if os.Symlink(path, link) == nil {
		names = append(names, link)
	}
	for _, name := range names {
		_, err := Open(Files{}, name, options())
		locked, ok := errors.AsType[*LockedError](err)
		if !ok || locked.PID != os.Getpid() || locked.Report != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, r.Append(outcome("a", contact.Existing))) // the refused one changed nothing
	must(t, r.Close())
	must(t, open(t, path, options()).Close())
}

// A hard link is another name of the same report: one lock holds for both.
func TestLockOfAHardLink(t *testing.T) {
	path, link := reportPath(t), filepath.Join(t.TempDir(), "link")
	must(t, begun(t, path, options()).Close())
	if err := os.Link(path, link); err != nil || runtime.GOOS == "windows" {
		t.Skip(err)
	}
	r := open(t, path, options())
	_, err := Open(Files{}, link, options())
	if locked, ok := errors.AsType[*LockedError](err); !ok || locked.Report != link {
		t.Errorf("opened under another name: %v", err)
	}
	if _, err := Purge(Files{}, link); err == nil {
		t.Error("purged under another name")
	}
	must(t, r.Close())
	must(t, open(t, link, options()).Close())
	must(t, open(t, path, options()).Close())
}

func TestFileSystemWithoutLocks(t *testing.T) {
	for _, none := range []error{syscall.ENOLCK, syscall.ENOTSUP, syscall.ENOSYS} {
		if err := lockError("r", none); !errors.Is(err, none) || !strings.Contains(err.Error(), "a local disk with --report") {
			t.Error(err)
		}
	}
}

// A report whose name is a link that leads nowhere yet, by way of a link to its
// folder: the file that the first run makes is what all names of it lock, also
// those that led there before it was made. All that a run does to its report it
// does to that file.
func TestReportBehindLinks(t *testing.T) {
	root := t.TempDir()
	real := filepath.Join(root, "data", "real.ndjson")
	must(t, os.MkdirAll(filepath.Join(root, "elsewhere", "deep"), 0o700))
	must(t, os.Mkdir(filepath.Dir(real), 0o700))
	link := func(target, name string) string {
		t.Helper()
		name = filepath.Join(root, name)
		if err := os.Symlink(target, name); err != nil {
			t.Skip(err)
		}
		return name
	}
	link(filepath.Join(root, "data"), "elsewhere/folder")
	names := []string{real, link(real, "absolute"), link("data/real.ndjson", "relative"), link("relative", "twice"),
		link("../folder/real.ndjson", "elsewhere/deep/up"), filepath.Join(root, "elsewhere", "folder", "real.ndjson")}
	names = append(names, filepath.Join(link("elsewhere/deep", "in"), "up"))
	for _, first := range names {
		r := begun(t, first, options())
		for _, second := range names {
			if other, err := Open(Files{}, second, options()); err == nil {
				t.Errorf("%s is open, and %s was opened too", first, second)
				other.Close()
			} else if locked, ok := errors.AsType[*LockedError](err); !ok || locked.Report != second {
				t.Errorf("%s is open: opening %s: %v", first, second, err)
			}
		}
		must(t, r.Sending(keys("a")))
		must(t, r.Close())
		lines := readLines(t, real)
		must(t, os.WriteFile(real, []byte(strings.Join(lines, "\n")+"\n"+`{"torn`), 0o600))
		must(t, open(t, first, options()).Close())
		if got := readLines(t, real); len(got) != 2 || !slices.Equal(got, lines) {
			t.Fatalf("%s: %q, want %q", first, got, lines)
		}
		o := options()
		o.Restart = true
		r = open(t, first, o)
		if aside, err := (Files{}).Aside(first); err != nil || !slices.Equal(aside, []string{real + ".1"}) {
			t.Errorf("%s: set aside: %v, %v", first, aside, err)
		}
		must(t, r.Close()) // without a line
		left, err := filepath.Glob(filepath.Join(filepath.Dir(real), "*"))
		if err != nil || !slices.Equal(left, []string{real + ".1"}) {
			t.Errorf("%s: left over: %v, %v", first, left, err)
		}
		must(t, os.Remove(real+".1"))
	}
	for _, name := range names[1:5] {
		if info, err := os.Lstat(name); err != nil || info.Mode()&fs.ModeSymlink == 0 {
			t.Errorf("%s is no link any more: %v", name, err)
		}
	}
}

func TestAside(t *testing.T) {
	path := reportPath(t)
	for _, suffix := range []string{"", ".2", ".10", ".x", ".3.txt", ".rejects.csv", "1"} {
		must(t, os.WriteFile(path+suffix, nil, 0o600))
	}
	if got, err := (Files{}).Aside(path); err != nil || !slices.Equal(got, []string{path + ".2", path + ".10"}) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := (Files{}).Aside(filepath.Join(path+".none", "r")); err == nil {
		t.Error("a folder that is not there has none")
	}
}

// Many take the lock and free it at once, each removing the file; never do two
// have it together.
func TestLockIsExclusive(t *testing.T) {
	path := reportPath(t)
	holders := make(chan struct{}, 1) // never closed
	done := make(chan error)          // never closed
	for range 8 {
		go func() {
			for range 200 {
				l, err := takeLock(path, path)
				if _, ok := errors.AsType[*LockedError](err); ok {
					continue
				}
				if err != nil {
					done <- err
					return
				}
				select {
				case holders <- struct{}{}:
				default:
					done <- errors.New("two hold the lock")
					return
				}
				<-holders
				if err := l.unlock(); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

const holderEnv = "SINK_TEST_HOLD_REPORT"

// TestMain lets a test start this binary as another process that holds a report
// until its standard input ends, or until it is killed.
func TestMain(m *testing.M) {
	path := os.Getenv(holderEnv)
	if path == "" {
		os.Exit(m.Run())
	}
	r, err := Open(Files{}, path, options())
	if err == nil {
		err = r.Begin()
	}
	if err == nil {
		err = r.Sending(keys("a"))
	}
	fmt.Println("open:", err)
	_, _ = io.Copy(io.Discard, os.Stdin)
	r.Close()
	os.Exit(0)
}

func TestLockOfAnotherProcess(t *testing.T) {
	path := reportPath(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holderEnv+"="+path)
	stdin, err := cmd.StdinPipe()
	must(t, err)
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	if line, _ := bufio.NewReader(stdout).ReadString('\n'); line != "open: <nil>\n" {
		t.Fatalf("the other process says %q", line)
	}

	_, err = Open(Files{}, path, options())
	locked, ok := errors.AsType[*LockedError](err)
	if !ok || locked.PID != cmd.Process.Pid || !strings.Contains(err.Error(), fmt.Sprint(cmd.Process.Pid)) {
		t.Errorf("%v, want process %d", err, cmd.Process.Pid)
	}

	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	if _, err := os.Stat(path + ".lock"); err != nil {
		t.Errorf("the killed process left no lock file, and the next lines prove nothing: %v", err)
	}
	r := open(t, path, options())
	if got := r.Keys().Status(key("a")); got != contact.InDoubt {
		t.Errorf("what the killed process announced is %v", got)
	}
}

// The name of a new report is on disk before anything is announced in it: a file
// that a power failure leaves without a name is found by no run. The folder is that
// of the file itself, where its name is a link.
func TestFolderIsSyncedBeforeRowsAreAnnounced(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed; on Debian and Ubuntu: apt-get install strace")
	}
	if out, err := exec.Command(strace, "-o", os.DevNull, "true").CombinedOutput(); err != nil {
		t.Skipf("strace may not trace here: %v: %s", err, out)
	}
	dir := t.TempDir()
	report, link, trace := filepath.Join(dir, "data", "r.ndjson"), filepath.Join(dir, "links", "r.ndjson"), filepath.Join(dir, "trace")
	must(t, os.Mkdir(filepath.Dir(report), 0o700))
	must(t, os.Mkdir(filepath.Dir(link), 0o700))
	must(t, os.Symlink(report, link))
	cmd := exec.Command(strace, "-f", "-y", "-o", trace, "-e", "trace=openat,write,fsync", os.Args[0]) // its input is at its end
	cmd.Env = append(os.Environ(), holderEnv+"="+link)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "open: <nil>") {
		t.Fatalf("%s, %v", out, err)
	}
	b, err := os.ReadFile(trace)
	must(t, err)
	var calls []string // of interest, in their order
	for line := range strings.Lines(string(b)) {
		switch {
		case strings.Contains(line, "O_CREAT") && strings.Contains(line, `"`+report+`"`):
			calls = append(calls, "create")
		case strings.Contains(line, "fsync(") && strings.Contains(line, "<"+filepath.Dir(report)+">"):
			calls = append(calls, "sync folder")
		case strings.Contains(line, "fsync(") && strings.Contains(line, "<"+report+">"):
			calls = append(calls, "sync report")
		case strings.Contains(line, "write(") && strings.Contains(line, `\"sending\"`):
			calls = append(calls, "announce")
		}
	}
	if want := []string{"create", "sync folder", "sync report", "announce", "sync report"}; !slices.Equal(calls, want) {
		t.Errorf("%q, want %q\n%s", calls, want, b)
	}
}
