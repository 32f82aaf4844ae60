//go:build !windows

package files

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// Whatever the umask, and whatever the file was before, its owner alone may read it.
// One that everybody may read says so.
func TestModes(t *testing.T) {
	before := syscall.Umask(0o022)
	defer syscall.Umask(before)
	for _, umask := range []int{0, 0o022, 0o077, 0o177, 0o777} {
		for _, was := range []os.FileMode{0, 0o600, 0o644, 0o666, 0o777} { // 0: there is none
			syscall.Umask(0o022)
			dir := t.TempDir()
			syscall.Umask(umask)
			at := func(name string) string {
				path := filepath.Join(dir, name)
				if was > 0 {
					syscall.Umask(0)
					defer syscall.Umask(umask)
					if err := os.WriteFile(path, nil, was); err != nil {
						t.Fatal(err)
					}
				}
				return path
			}
			opened, lock, replaced, published := at("opened"), at("lock"), at("replaced"), at("published")
			f, err := Open(opened, os.O_RDWR|os.O_CREATE)
			if err != nil {
				t.Fatal(err)
			}
			f.Close()
			if _, err := NewLock(lock); err != nil {
				t.Fatal(err)
			}
			text := func(w io.Writer) error { _, err := io.WriteString(w, "text"); return err }
			if err := Replace(replaced, text); err != nil {
				t.Fatal(err)
			}
			if err := Publish(published, text); err != nil {
				t.Fatal(err)
			}
			for path, want := range map[string]os.FileMode{opened: 0o600, lock: 0o600, replaced: 0o600, published: 0o644} {
				if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
					t.Errorf("umask %03o, was %03o: %s is %v, %v", umask, was, filepath.Base(path), info.Mode(), err)
				}
			}
		}
	}
}

// In a folder that several may write to, what another user made is not written to: its
// owner could read it. In a folder of its own user alone it can only be meant.
func TestFilesOfOthers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	for _, c := range []struct {
		name         string
		folder       os.FileMode
		file, owner  int // user ids, of the file and of its folder
		foreign      bool
		mode, became os.FileMode
	}{
		{"planted in a folder of all", 0o777 | os.ModeSticky, 1234, 0, true, 0o666, 0o666},
		{"planted in a folder of a group", 0o775, 1234, 0, true, 0o600, 0o600},
		{"in the folder of its owner", 0o777, 1234, 1234, false, 0o644, 0o600},
		{"in a private folder", 0o755, 1234, 0, false, 0o644, 0o600},
		{"our own", 0o777 | os.ModeSticky, 0, 0, false, 0o644, 0o600},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "file")
		write(t, path, "")
		for _, err := range []error{os.Chmod(path, c.mode), os.Chown(path, c.file, -1), os.Chown(dir, c.owner, -1), os.Chmod(dir, c.folder)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		f, err := Open(path, os.O_RDWR|os.O_CREATE)
		if err == nil {
			f.Close()
		}
		if isForeign(err) != c.foreign || err != nil && !c.foreign {
			t.Errorf("%s: %v", c.name, err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != c.became {
			t.Errorf("%s: the mode is %v, %v", c.name, info.Mode(), err)
		}
		if err := Foreign(path); isForeign(err) != c.foreign || err != nil && !c.foreign {
			t.Errorf("%s: foreign: %v", c.name, err)
		}
		if err := Replace(path, func(io.Writer) error { return nil }); err != nil {
			t.Errorf("%s: replaced: %v", c.name, err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 || !mine(info) {
			t.Errorf("%s: after it was replaced: %v, %v", c.name, info, err)
		}
	}
}

// A pipe or a device is refused at once, and nothing waits for its other end.
func TestPipesAndDevices(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, os.DevNull} {
		for _, flag := range []int{os.O_RDONLY, os.O_WRONLY, os.O_RDWR | os.O_CREATE} {
			if _, err := Open(path, flag); !isForeign(err) || !strings.Contains(err.Error(), "is a pipe or a device") {
				t.Errorf("%s: %v", path, err)
			}
		}
		_, read := OpenOrdinary(path)
		_, lock := NewLock(path)
		for _, err := range []error{read, lock, Replace(path, func(io.Writer) error { return nil })} {
			if !isForeign(err) {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}

// A pipe that a person named is written to when somebody reads it, and not waited for
// without end.
func TestWriteToAPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	text := func(w io.Writer) error { _, err := io.WriteString(w, "text"); return err }
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := WriteTo(pipe, io.Discard, text); err == nil || !strings.Contains(err.Error(), "nobody has begun to read it") {
			t.Errorf("error %v", err)
		}
		if waited := time.Since(began); waited != pipePatience {
			t.Errorf("it was waited for %v", waited)
		}
	})
	got := make(chan string, 1) // never closed
	go func() {
		b, err := os.ReadFile(pipe)
		if err != nil {
			t.Error(err)
		}
		got <- string(b)
	}()
	if err := WriteTo(pipe, io.Discard, text); err != nil {
		t.Error(err)
	}
	if s := <-got; s != "text" {
		t.Errorf("the pipe held %q", s)
	}
}

// Who reads a pipe that another user put there would read what is written.
func TestPipeOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a pipe away")
	}
	dir := t.TempDir()
	pipe := filepath.Join(dir, "ids.csv")
	if err := syscall.Mkfifo(pipe, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(pipe, 1234, -1); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	err := WriteTo(pipe, io.Discard, func(io.Writer) error { t.Error("written"); return nil })
	if !isForeign(err) {
		t.Errorf("error %v", err)
	}
}
