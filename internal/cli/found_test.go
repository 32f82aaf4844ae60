//go:build !windows

package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"importer/internal/sandbox"
)

// A found configuration says where the key goes. It is obeyed where only this user and
// root may have written it, and every command that goes by it says so; else it is refused
// by every command, with the way out.
func TestAConfigurationThatWasFound(t *testing.T) {
	j := newJob(t, "create", sandbox.Options{})
	j.contacts(3)
	j.must()
	before := fmt.Sprint(j.server.Counts().Requests)
	theirs, asked := thief(t)
	dir := t.TempDir()
	t.Chdir(dir)
	root := os.Geteuid() == 0
	commands := []string{"--source SOURCE", "check --source SOURCE", "preview --source SOURCE", "verify REPORT", "undo --yes REPORT", "doctor"}
	execute := func(command string, more ...string) (int, string) {
		var out bytes.Buffer
		args := strings.Fields(strings.NewReplacer("SOURCE", j.path("c.csv"), "REPORT", j.path("r.report.ndjson")).Replace(command))
		err := Execute(t.Context(), append(args, more...), Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Getenv: func(name string) string {
			if name == "COGNIGY_API_KEY" {
				return j.server.APIKey()
			}
			return ""
		}})
		code, _ := ExitCode(err)
		return code, fmt.Sprint(out.String(), err)
	}
	text := func(url string) string {
		return "api: {base_url: " + url + ", project_id: " + j.server.ProjectID() + "}\ngive_up_after: 1s\n"
	}
	for _, c := range []struct {
		name string
		make func() error
		root bool // only root can make it
		want string
	}{
		{"written by everybody", func() error { return os.Chmod("config.yaml", 0o646) }, false, "everybody on this machine may write it (-rw-r--rw-)"},
		{"written by a group", func() error {
			return orErr(os.Chown("config.yaml", -1, 54321), os.Chmod("config.yaml", 0o664))
		}, true, "the group 54321 may write it"},
		{"another user's", func() error { return os.Chown("config.yaml", 54321, -1) }, true, "the user 54321 owns it"},
		{"another user's link", func() error {
			return orErr(os.Rename("config.yaml", "other.yaml"), os.Symlink("other.yaml", "config.yaml"), os.Lchown("config.yaml", 54321, -1))
		}, true, "the user 54321 owns it"},
		{"a link to what everybody writes", func() error {
			return orErr(os.Rename("config.yaml", "other.yaml"), os.Chmod("other.yaml", 0o666), os.Symlink("other.yaml", "config.yaml"))
		}, false, "everybody on this machine may write it"},
		{"a pipe", func() error { return orErr(os.Remove("config.yaml"), exec.Command("mkfifo", "config.yaml").Run()) }, false, "no ordinary file"},
	} {
		if c.root && !root {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			if err := orErr(removeAll("config.yaml", "other.yaml"), os.WriteFile("config.yaml", []byte(text(theirs)), 0o600), c.make()); err != nil {
				t.Fatal(err)
			}
			for _, command := range commands {
				want := exitUsage
				if command == "doctor" {
					want = exitStopped // it fails a check
				}
				code, out := execute(command)
				if code != want || !strings.Contains(strings.Join(strings.Fields(out), " "), c.want) || !strings.Contains(out, "--config config.yaml if you trust it") || !strings.Contains(out, "--config /dev/null") {
					t.Errorf("%s: exit code %d: %s", command, code, out)
				}
			}
			if n := asked.Load(); n != 0 {
				t.Errorf("%d requests went where it says", n)
			}
			if after := fmt.Sprint(j.server.Counts().Requests); after != before {
				t.Errorf("requests went from %s to %s", before, after)
			}
		})
	}
	// One of one's own, also under a umask of 002 and behind a link, and one of root's.
	for name, mode := range map[string]os.FileMode{"0600": 0o600, "0644": 0o644, "0664": 0o664} {
		if mode == 0o664 && !root { // whose group that is, is not known here
			continue
		}
		if err := orErr(removeAll("config.yaml", "other.yaml"), os.WriteFile("other.yaml", []byte(text(j.server.URL)), 0o600), os.Chmod("other.yaml", mode), os.Symlink("other.yaml", "config.yaml")); err != nil {
			t.Fatal(err)
		}
		for _, command := range commands {
			code, out := execute(command)
			if !strings.Contains(out, "config.yaml") || !strings.Contains(out, "found in this folder") {
				t.Errorf("%s: %s: it is not named: exit code %d: %s", name, command, code, out)
			}
		}
	}
	// Who names it has looked at it.
	if err := os.Chmod("other.yaml", 0o666); err != nil {
		t.Fatal(err)
	}
	if code, out := execute("preview --source SOURCE", "--config", "config.yaml"); code != exitOK {
		t.Errorf("named: exit code %d: %s", code, out)
	}
	// A setting that is wrong in it, too.
	if err := orErr(removeAll("config.yaml"), os.WriteFile("config.yaml", []byte("workers: 0\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if code, out := execute("check --source SOURCE"); code != exitUsage || !strings.Contains(out, "config.yaml, which was found") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// A key file that others may read is told of, and used.
func TestAKeyFileThatOthersMayRead(t *testing.T) {
	for mode, warned := range map[os.FileMode]bool{0o600: false, 0o640: false, 0o400: false, 0o644: true, 0o604: true} {
		if mode == 0o640 && os.Geteuid() != 0 {
			continue
		}
		j := newJob(t, "create", sandbox.Options{APIKey: "of-a-file"})
		j.contacts(1)
		key := j.path("key")
		if err := orErr(os.WriteFile(key, []byte("of-a-file\n"), 0o600), os.Chmod(key, mode), os.WriteFile(j.path("c.yaml"), []byte("api: {api_key_file: "+key+"}\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
		j.write()
		var out bytes.Buffer
		err := Execute(t.Context(), append(j.args, "--config", j.path("c.yaml")), Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Getenv: func(string) string { return "" }})
		if err != nil || strings.Contains(out.String(), filepath.Base(key)+" may be read by everybody on this machine") != warned {
			t.Errorf("%v: %v: %s", mode, err, out.String())
		}
	}
}

func removeAll(paths ...string) error {
	for _, path := range paths {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

// orErr is the first of these errors.
func orErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
