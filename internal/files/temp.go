package files

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"

	"github.com/gofrs/flock"
)

// A Temp is a file that is written beside the one whose place it takes: new, 0600, and
// under a name that nobody can foresee. It is locked for as long as it has that name, so
// that what a killed process left is known by its lock, and removed by the next Temp in
// the folder. It has one owner, who calls MoveTo or Discard.
type Temp struct {
	*os.File
	lock     *flock.Flock // nil: there is none, and nobody removes what is left
	unlocked error        // why; nil on Windows
}

// tempName matches the name of a Temp, whatever it is for.
var tempName = regexp.MustCompile(`^\.importer-\d+\.tmp$`)

// NewTemp makes a Temp in the folder of path.
func NewTemp(path string) (*Temp, error) {
	dir := filepath.Dir(path)
	Sweep(dir)
	for {
		f, err := os.CreateTemp(dir, ".importer-*.tmp")
		if err != nil {
			return nil, err
		}
		t := &Temp{File: f}
		if hasModes {
			err = f.Chmod(private) // whatever the umask took away
		}
		if err == nil && t.hold() {
			return t, nil
		}
		if err = errors.Join(err, t.Discard()); err != nil {
			return nil, err
		}
	}
}

// hold locks the file. It is false where another process took it for one that was left,
// before it was locked. On Windows, where nobody can remove a file that is open, nothing
// is locked.
func (t *Temp) hold() bool {
	if runtime.GOOS == "windows" {
		return true
	}
	lock := flock.New(t.Name(), flock.SetFlag(os.O_RDONLY|noFollow|noWait))
	locked, err := lock.TryLock()
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && !locked:
		return false
	case err != nil: // a file system without locks
		t.unlocked = err
		return true
	}
	t.lock = lock
	held, err := t.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(t.Name())
	return err == nil && os.SameFile(held, named)
}

// Locks is why files in the folder cannot be locked; nil where they can.
func (t *Temp) Locks() error { return t.unlocked }

// MoveTo closes the file and gives it the name path, in the place of what has it: a file
// or a link. Where that fails, the file is there still, under its own name.
func (t *Temp) MoveTo(path string) error {
	if err := t.Close(); err != nil && !errors.Is(err, fs.ErrClosed) {
		return err
	}
	if err := Replaceable(path); err != nil {
		return err
	}
	if err := os.Rename(t.Name(), path); err != nil {
		return err
	}
	return t.release()
}

// Discard closes and removes the file.
func (t *Temp) Discard() error {
	err := t.Close()
	if errors.Is(err, fs.ErrClosed) {
		err = nil
	}
	if removed := os.Remove(t.Name()); !errors.Is(removed, fs.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	return errors.Join(err, t.release())
}

func (t *Temp) release() error {
	if t.lock == nil {
		return nil
	}
	return t.lock.Unlock()
}

// Sweep removes from a folder what processes that were killed left of a Temp. What it
// cannot remove stays: it is somebody else's.
func Sweep(dir string) {
	all, err := os.ReadDir(dir)
	if err != nil {
		return // which whoever writes there is told
	}
	for _, e := range all {
		if e.Type().IsRegular() && tempName.MatchString(e.Name()) {
			removeDead(filepath.Join(dir, e.Name()))
		}
	}
}

// removeDead removes a Temp that no process holds.
func removeDead(path string) {
	if runtime.GOOS == "windows" {
		_ = os.Remove(path) // which fails while it is open
		return
	}
	lock := flock.New(path, flock.SetFlag(os.O_RDONLY|noFollow|noWait))
	if dead, err := lock.TryLock(); err != nil || !dead {
		return
	}
	defer lock.Unlock()
	if held, err := lock.Stat(); err == nil {
		if named, err := os.Lstat(path); err == nil && os.SameFile(held, named) {
			_ = os.Remove(path)
		}
	}
}

// Replace has a file written whole, 0600, and moves it to path, durably. Where that
// fails, path is as it was, unless only the last flush of its folder failed.
func Replace(path string, write func(io.Writer) error) error {
	return replace(path, private, write)
}

// Publish is Replace for a file that everybody may read.
func Publish(path string, write func(io.Writer) error) error {
	return replace(path, 0o644, write)
}

func replace(path string, mode fs.FileMode, write func(io.Writer) error) error {
	if err := Replaceable(path); err != nil {
		return err
	}
	t, err := NewTemp(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(t)
	err = write(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil && hasModes && mode != private {
		err = t.Chmod(mode)
	}
	if err == nil {
		err = t.Sync()
	}
	if err == nil {
		err = t.MoveTo(path)
	}
	if err != nil {
		return errors.Join(err, t.Discard())
	}
	return SyncDir(filepath.Dir(path))
}
