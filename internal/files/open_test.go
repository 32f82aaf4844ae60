package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A link at the path itself is followed by nothing here, and what it leads to stays as
// it is.
func TestLinksAreNotFollowed(t *testing.T) {
	dir := t.TempDir()
	victim, link, nowhere := filepath.Join(dir, "victim"), filepath.Join(dir, "link"), filepath.Join(dir, "nowhere")
	write(t, victim, "mine")
	if err := errors.Join(os.Chmod(victim, 0o644), os.Symlink(victim, link), os.Symlink(filepath.Join(dir, "absent"), nowhere)); err != nil {
		t.Skip(err)
	}
	for _, path := range []string{link, nowhere} {
		for name, flag := range map[string]int{"reading": os.O_RDONLY, "writing": os.O_RDWR | os.O_CREATE, "appending": os.O_WRONLY | os.O_APPEND | os.O_CREATE, "truncating": os.O_WRONLY | os.O_TRUNC} {
			if f, err := Open(path, flag); !isForeign(err) || f != nil || !strings.Contains(err.Error(), path+" is a symbolic link") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := Open(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL); !errors.Is(err, fs.ErrExist) {
			t.Errorf("a new file: %v", err)
		}
		if _, err := NewLock(path); !isForeign(err) {
			t.Errorf("a lock: %v", err)
		}
		if err := Refuse(path); !isForeign(err) {
			t.Errorf("refused: %v", err)
		}
	}
	if err := errors.Join(Refuse(victim), Refuse(filepath.Join(dir, "absent"))); err != nil {
		t.Error(err)
	}
	if f, err := OpenOrdinary(link); err != nil {
		t.Error(err)
	} else {
		f.Close()
	}
	holds(t, victim, "mine")
	if info, err := os.Stat(victim); err != nil || hasModes && info.Mode().Perm() != 0o644 {
		t.Errorf("the mode of what the link leads to is %v, %v", info.Mode(), err)
	}
	if SameFile(filepath.Join(dir, "absent"), filepath.Join(dir, "absent")) {
		t.Error("what the link leads to was made")
	}
}

func TestReal(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	absent, one, two := filepath.Join(dir, "absent"), filepath.Join(dir, "one"), filepath.Join(dir, "two")
	loop := filepath.Join(dir, "loop")
	if err := errors.Join(os.Symlink("absent", one), os.Symlink(one, two), os.Symlink("loop", loop)); err != nil {
		t.Skip(err)
	}
	for _, path := range []string{absent, one, two} {
		if got := Real(path); got != absent {
			t.Errorf("%s leads to %s", path, got)
		}
	}
	if _, err := Open(Real(loop), os.O_RDWR|os.O_CREATE); !isForeign(err) {
		t.Errorf("a link to itself: %v", err)
	}
}

func TestOpenRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	_, opened := Open(dir, os.O_RDWR|os.O_CREATE)
	_, read := OpenOrdinary(dir)
	_, lock := NewLock(dir)
	for _, err := range []error{opened, read, lock, Replaceable(dir)} {
		if !isForeign(err) || !strings.Contains(err.Error(), "is a folder") {
			t.Error(err)
		}
	}
	if _, err := Open(filepath.Join(dir, "absent"), os.O_RDWR); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := Replaceable(filepath.Join(dir, "absent")); err != nil {
		t.Error(err)
	}
}

// A file that holds something is not cut down to a process id, and not removed.
func TestALockHoldsNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list.lock")
	for _, text := range []string{strings.Repeat("dependency 1.2.3\n", 3), "my notes\n", strings.Repeat("1", 40)} {
		write(t, path, text)
		if _, err := NewLock(path); !isForeign(err) {
			t.Errorf("locked: %v", err)
		}
		holds(t, path, text)
	}
	write(t, path, "\x001234\n")
	lock, err := NewLock(path)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := lock.TryLock(); !ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	if err := lock.Unlock(); err != nil {
		t.Error(err)
	}
}

func TestRemoveOwn(t *testing.T) {
	dir := t.TempDir()
	file, folder := filepath.Join(dir, "file"), filepath.Join(dir, "folder")
	write(t, file, "")
	write(t, filepath.Join(folder, "full"), "")
	for _, path := range []string{file, file, folder} {
		if err := RemoveOwn(path); err != nil {
			t.Error(err)
		}
	}
	if got := namesIn(t, dir); len(got) != 1 || got[0] != "folder" {
		t.Errorf("left: %q", got)
	}
}
