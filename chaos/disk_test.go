package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"importer/internal/sandbox"
)

// slowEnough makes an import last some seconds, so that a test can step in.
var slowEnough = sandbox.Options{OnDuplicate: sandbox.DuplicateAllow, Latency: 5 * time.Millisecond}

func TestDiskFull(t *testing.T) {
	t.Parallel()
	mount := func(t *testing.T, dir string, options string) {
		t.Helper()
		if out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", dir).CombinedOutput(); err != nil {
			t.Skipf("a small file system cannot be mounted here: %v: %s", err, out)
		}
	}
	for _, c := range []struct {
		name string
		// launch starts the import where the report has room for a part of the rows.
		launch func(t *testing.T, dir string, to api, args []string) *process
		room   func(t *testing.T, dir string) // makes room
		says   string
	}{
		{
			name: "file system",
			launch: func(t *testing.T, dir string, to api, args []string) *process {
				mount(t, dir, "size=256k")
				t.Cleanup(func() {
					if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
						t.Errorf("umount: %v: %s", err, out)
					}
				})
				writeContacts(t, filepath.Join(dir, "contacts.csv"), 2000)
				return start(t, dir, to, args...)
			},
			room: func(t *testing.T, dir string) { mount(t, dir, "remount,size=16m") },
			says: "no space left on device",
		},
		{
			// What a limit allows is written, even of a line.
			name: "limit of the process",
			launch: func(t *testing.T, dir string, to api, args []string) *process {
				if runtime.GOOS == "windows" {
					t.Skip("there are no limits of this kind")
				}
				writeContacts(t, filepath.Join(dir, "contacts.csv"), 2000)
				return launch(t, exec.Command("sh", append([]string{"-c", `ulimit -f 200 && exec "$0" "$@"`, command}, args...)...), dir, to)
			},
			room: func(*testing.T, string) {},
			says: "file too large",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := newSandbox(t, slowEnough)
			dir := t.TempDir()
			args := []string{"--source", "contacts.csv", "--rate", "unlimited", "--settle", "100ms"}
			p := c.launch(t, dir, apiOf(server), args)
			p.exit(t, 1)
			report := filepath.Join(dir, "contacts.csv.report.ndjson")
			stderr := p.stderr.String()
			if n := strings.Count(stderr, c.says); n == 0 || !strings.Contains(stderr, filepath.Base(report)) || !strings.Contains(stderr, "same command again") {
				t.Errorf("stderr: %s", stderr)
			}
			profiles := server.Profiles()
			if len(profiles) == 0 || len(profiles) >= 2000 {
				t.Fatalf("%d profiles were made before the disk was full", len(profiles))
			}
			a := readReport(t, report)
			recorded := a.count("created")
			// What is made and not recorded is what was in flight, and the outcomes on
			// their way to the report by then.
			if made := len(profiles); made < recorded || made > recorded+128 {
				t.Errorf("%d profiles, %d of them in the report", made, recorded)
			}
			for _, profile := range profiles {
				if k := a.keys[profile.ContactIDs[0]]; k != "" && a.last[k].ID != profile.ID {
					t.Errorf("%v is %+v in the report", profile, a.last[k])
				}
			}
			unclear := len(a.inDoubt)

			c.room(t, dir)
			s, _ := run(t, dir, apiOf(server), 0, args...)
			readReport(t, report).checkAll(t, server.Profiles(), 2000)
			if s.LookedUp != unclear {
				t.Errorf("%d rows were in doubt, and %d looked up", unclear, s.LookedUp)
			}
			t.Logf("full after %d rows; %d profiles not recorded, %d rows looked up by the next run", recorded, len(profiles)-recorded, s.LookedUp)
		})
	}
}

// A report that cannot be written to is told of before anything is sent.
func TestReportThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, report, says string
		prepare            func(t *testing.T, dir string)
	}{
		{"read-only folder", "locked/r.report.ndjson", "locked/r.report.ndjson", func(t *testing.T, dir string) {
			locked := filepath.Join(dir, "locked")
			if err := os.Mkdir(locked, 0o500); err != nil {
				t.Fatal(err)
			}
			if os.Getuid() != 0 {
				return
			}
			// Root may write to any folder, but for those of a read-only file system.
			if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "ro", "tmpfs", locked).CombinedOutput(); err != nil {
				t.Skipf("a read-only file system cannot be mounted here: %v: %s", err, out)
			}
			t.Cleanup(func() { exec.Command("umount", locked).Run() })
		}},
		{"folder in its place", "r.report.ndjson", "is a folder", func(t *testing.T, dir string) {
			if err := os.Mkdir(filepath.Join(dir, "r.report.ndjson"), 0o700); err != nil {
				t.Fatal(err)
			}
		}},
		{"folder that is not there", "absent/r.report.ndjson", "absent/r.report.ndjson", func(*testing.T, string) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := newSandbox(t, sandbox.Options{})
			dir := t.TempDir()
			writeContacts(t, filepath.Join(dir, "contacts.csv"), 10)
			c.prepare(t, dir)
			p := start(t, dir, apiOf(server), "--source", "contacts.csv", "--report", c.report)
			p.exit(t, 1)
			if stderr := p.stderr.String(); !strings.Contains(stderr, c.says) || !strings.Contains(stderr, "--report") {
				t.Errorf("stderr: %s", stderr)
			}
			if n := len(server.Requests()); n != 0 {
				t.Errorf("%d requests were sent", n)
			}
		})
	}
}

// A report that loses its name during the run stops it, for nobody would find
// what it announces. Put back, it resumes.
func TestReportMovedDuringTheRun(t *testing.T) {
	t.Parallel()
	for name, instead := range map[string]func(path string) error{
		"moved away":           func(string) error { return nil },
		"replaced by a folder": func(path string) error { return os.Mkdir(path, 0o700) },
		"replaced by a file":   func(path string) error { return os.WriteFile(path, nil, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const rows = 3000
			server := newSandbox(t, slowEnough)
			dir := t.TempDir()
			writeContacts(t, filepath.Join(dir, "contacts.csv"), rows)
			report := filepath.Join(dir, "contacts.csv.report.ndjson")
			args := []string{"--source", "contacts.csv", "--rate", "unlimited", "--settle", "100ms"}
			p := start(t, dir, apiOf(server), args...)
			await(t, "100 profiles", func() bool { return server.Counts().Profiles >= 100 })
			if err := os.Rename(report, report+".away"); err != nil {
				t.Fatal(err)
			}
			if err := instead(report); err != nil {
				t.Fatal(err)
			}
			p.exit(t, 1)
			if stderr := p.stderr.String(); !strings.Contains(stderr, "moved, removed or replaced") || !strings.Contains(stderr, "put it back") {
				t.Errorf("stderr: %s", stderr)
			}
			if n := server.Counts().Profiles; n >= rows {
				t.Errorf("%d profiles were made all the same", n)
			}
			os.Remove(report)
			if err := os.Rename(report+".away", report); err != nil {
				t.Fatal(err)
			}
			run(t, dir, apiOf(server), 0, args...)
			readReport(t, report).checkAll(t, server.Profiles(), rows)
		})
	}
}

func TestTwoRunsAtOnce(t *testing.T) {
	t.Parallel()
	const rows = 2000
	server := newSandbox(t, slowEnough)
	dir := t.TempDir()
	writeContacts(t, filepath.Join(dir, "contacts.csv"), rows)
	args := []string{"--source", "contacts.csv", "--rate", "200/s", "--settle", "100ms"}
	first := start(t, dir, apiOf(server), args...)
	await(t, "the first profile", func() bool { return server.Counts().Profiles > 0 })

	second := start(t, dir, apiOf(server), args...)
	second.exit(t, 4)
	if stderr := second.stderr.String(); !strings.Contains(stderr, fmt.Sprintf("process %d", first.Process.Pid)) {
		t.Errorf("stderr does not name the process %d: %s", first.Process.Pid, stderr)
	}
	// By another name it is the same report.
	link := filepath.Join(dir, "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	start(t, dir, apiOf(server), append(args, "--report", "link/contacts.csv.report.ndjson")...).exit(t, 4)
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := first.Process.Signal(syscall.Signal(0)); err != nil {
		t.Fatalf("the first run is gone: %v", err)
	}

	// The lock of a dead process is no lock.
	if !first.kill(t) {
		t.Fatal("the first run was to be killed, and had ended")
	}
	if _, err := os.Stat(filepath.Join(dir, "contacts.csv.report.ndjson.lock")); err != nil {
		t.Errorf("the killed run left no lock file behind, so that this proves nothing: %v", err)
	}
	run(t, dir, apiOf(server), 0, "--source", "contacts.csv", "--rate", "unlimited", "--settle", "100ms")
	readReport(t, filepath.Join(dir, "contacts.csv.report.ndjson")).checkAll(t, server.Profiles(), rows)
}
