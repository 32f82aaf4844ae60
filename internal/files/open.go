package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

// A ForeignError says that what stands at a path is not what this program leaves there,
// and was not touched.
type ForeignError struct {
	Path string
	Why  string // and what to do about it
}

func (e *ForeignError) Error() string { return e.Path + " " + e.Why }

// Open opens the file at path by the flags of os.OpenFile, and makes it where they say
// so. It is readable by its owner alone afterwards, under any umask and whatever it was
// before. The error is a *ForeignError, without waiting, where path is a link, a folder,
// a pipe or a device, and where somebody else made the file in a folder that several
// users may write to: whoever owns a file reads what is written to it. The caller
// closes the file.
func Open(path string, flag int) (*os.File, error) {
	f, err := openFile(path, flag)
	if err == nil {
		if err = makePrivate(f); err != nil {
			err = errors.Join(err, f.Close())
		}
	} else if info, missing := os.Lstat(path); missing == nil && !errors.Is(err, fs.ErrExist) {
		if foreign := ordinary(path, info.Mode()); foreign != nil {
			err = foreign
		}
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// OpenOrdinary opens a file for reading, through links as os.Open does. Of a folder, a
// pipe or a device the error is a *ForeignError, without waiting. The caller closes the
// file.
func OpenOrdinary(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|noWait, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = ordinary(path, info.Mode())
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Refuse is a *ForeignError where path is a link, and nil where it is not: a name that
// nobody chose is not followed.
func Refuse(path string) error {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return nil
	}
	return ordinary(path, info.Mode())
}

// Foreign is a *ForeignError where what stands at path was not left there by this user,
// as far as one can tell: a link, no file, or what Open would refuse.
func Foreign(path string) error {
	info, err := os.Lstat(path)
	if err == nil {
		err = ordinary(path, info.Mode())
	}
	if err == nil {
		err = planted(path, info)
	}
	return err
}

// Replaceable is a *ForeignError where something stands at path whose place a file cannot
// take: a folder, a pipe or a device. A link is replaced, and not followed.
func Replaceable(path string) error {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSymlink != 0 {
		return nil
	}
	return ordinary(path, info.Mode())
}

// ordinary is a *ForeignError where the mode is not that of an ordinary file.
func ordinary(path string, mode fs.FileMode) error {
	switch {
	case mode.IsRegular():
		return nil
	case mode&fs.ModeSymlink != 0:
		return &ForeignError{path, "is a symbolic link, which is not followed here: remove it"}
	case mode.IsDir():
		return &ForeignError{path, "is a folder, and no file: move it away"}
	}
	return &ForeignError{path, "is a pipe or a device, and no ordinary file: name another, or move it away"}
}

// makePrivate gives a file that is open the mode 0600, or says why it stays foreign.
func makePrivate(f *os.File) error {
	info, err := f.Stat()
	if err == nil {
		err = ordinary(f.Name(), info.Mode())
	}
	if err == nil {
		err = planted(f.Name(), info)
	}
	if err != nil {
		return err
	}
	if !hasModes || info.Mode().Perm() == private {
		return nil
	}
	// A file system without modes, such as that of a memory stick, takes none from its
	// owner either.
	if err := f.Chmod(private); err != nil && !mine(info) {
		return &ForeignError{f.Name(), fmt.Sprintf("belongs to another user, and others may read it (%v): remove it, or choose a folder of your own", info.Mode())}
	}
	return nil
}

// private is the mode of what this program makes.
const private fs.FileMode = 0o600

// planted is a *ForeignError where another user may have put a file where it is: it
// belongs neither to this user nor to the owner of its folder, and the folder may be
// written to by others than its owner.
func planted(path string, info fs.FileInfo) error {
	if !hasModes || mine(info) {
		return nil
	}
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil || folder.Mode().Perm()&0o022 == 0 || sameOwner(info, folder) {
		return nil
	}
	return &ForeignError{path, "belongs to another user, in a folder that several users may write to: remove it, or choose a folder of your own"}
}

// maxLock is how long a file is at most that is only locked: it may hold a process id.
const maxLock = 32

// NewLock makes the file at path where there is none, and returns a lock on it that is
// not taken yet. The error is a *ForeignError where Open would give one, or where the
// file holds something else than a lock does.
func NewLock(path string) (*flock.Flock, error) {
	f, err := Open(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	head := make([]byte, maxLock)
	n, readErr := f.Read(head)
	foreign := err == nil && info.Size() > maxLock || strings.Trim(string(head[:n]), "0123456789 \x00\r\n") != ""
	if readErr != nil && readErr != io.EOF {
		err = errors.Join(err, readErr)
	}
	if foreign {
		err = &ForeignError{path, "is no lock, because it holds something: move it away"}
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return flock.New(path, flock.SetFlag(os.O_RDWR|os.O_CREATE|noFollow|noWait), flock.SetPermissions(private)), nil
}

// RemoveOwn removes what this program may have left at path: a file, or a link, but
// nothing else, and not what belongs to another user and cannot be removed.
func RemoveOwn(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() && info.Mode()&fs.ModeSymlink == 0 {
		return nil
	}
	if err == nil {
		err = os.Remove(path)
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) && info != nil && !mine(info) {
		return nil
	}
	return err
}
