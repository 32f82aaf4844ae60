package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"

	"github.com/gofrs/flock"

	"importer/internal/files"
)

// lockFile is a lock beside the report, <report>.lock: --restart moves the report
// away, and the process id of the holder needs a place. Once the report is there it
// is locked itself as well, because it may have another name, a hard link, with
// another lock beside it. The operating system frees the locks of a dead process.
type lockFile struct {
	report string // the file that is written, whatever links lead there
	flock  *flock.Flock
	file   *flock.Flock // of the report itself; nil: not taken
}

// takeLock takes the lock of a report, which is the file real, or returns a *LockedError
// at once.
func takeLock(report, real string) (*lockFile, error) {
	path := real + ".lock"
	for {
		lock, err := files.NewLock(path)
		if err != nil {
			return nil, lockError(report, err)
		}
		l := &lockFile{report: real, flock: lock}
		ok, err := l.flock.TryLock()
		if err != nil {
			return nil, lockError(report, err)
		}
		if !ok {
			return nil, &LockedError{Report: report, PID: readPID(path)}
		}
		// A holder removes the file before it unlocks it. If it was open here by
		// then, this lock is on a file that has no name any more.
		if l.named() {
			if err := writePID(path); err != nil {
				return nil, errors.Join(fmt.Errorf("locking the report %s: %w", report, err), l.unlock())
			}
			return l, nil
		}
		if err := l.flock.Unlock(); err != nil {
			return nil, fmt.Errorf("locking the report %s: %w", report, err)
		}
	}
}

// lockReport locks the report itself, which is there and has the name report for its
// user. Not on Windows, where nobody else could read it then.
func (l *lockFile) lockReport(report string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	if err := l.unlockReport(); err != nil {
		return err
	}
	file := flock.New(l.report, flock.SetFlag(os.O_RDONLY))
	ok, err := file.TryLock()
	switch {
	case err != nil:
		return lockError(report, err)
	case !ok:
		return &LockedError{Report: report}
	}
	l.file = file
	return nil
}

func (l *lockFile) unlockReport() error {
	if l.file == nil {
		return nil
	}
	return l.file.Unlock()
}

// lockError says what to do about a lock that cannot be had from the system.
func lockError(report string, err error) error {
	if _, foreign := errors.AsType[*files.ForeignError](err); foreign {
		return fmt.Errorf("locking the report %s: %w", report, err)
	}
	hint := "the report needs a folder that can be written to: choose one with --report"
	if errors.Is(err, syscall.ENOLCK) || errors.Is(err, errors.ErrUnsupported) {
		hint = "this file system has no locks, such as a network share without its lock service: choose a report on a local disk with --report"
	}
	return fmt.Errorf("locking the report %s: %w; %s", report, err, hint)
}

// unlock frees the locks and removes the file of the one beside the report.
func (l *lockFile) unlock() error {
	err := l.unlockReport()
	if runtime.GOOS == "windows" {
		// An open file cannot be removed there. Where another run has opened it
		// since, it stays, and is that run's to remove.
		err = errors.Join(err, l.flock.Unlock())
		_ = os.Remove(l.flock.Path())
		return err
	}
	return errors.Join(err, os.Remove(l.flock.Path()), l.flock.Unlock())
}

// named tells whether the locked file is still the one of that name.
func (l *lockFile) named() bool {
	held, err := l.flock.Stat()
	if err != nil {
		return false
	}
	now, err := os.Lstat(l.flock.Path())
	return err == nil && os.SameFile(held, now)
}

// pidOffset is where the process id stands in the lock file. Windows lets nobody
// else read the first byte, which is the one that is locked.
const pidOffset = 1

func writePID(path string) error {
	f, err := files.Open(path, os.O_WRONLY)
	if err != nil {
		return err
	}
	err = f.Truncate(pidOffset)
	if err == nil {
		_, err = f.WriteAt(fmt.Appendln(nil, os.Getpid()), pidOffset)
	}
	return errors.Join(err, f.Close())
}

// readPID is the process id in a lock file, or 0.
func readPID(path string) int {
	f, err := files.OpenOrdinary(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	var pid int
	if _, err := fmt.Fscan(io.NewSectionReader(f, pidOffset, 20), &pid); err != nil {
		return 0
	}
	return pid
}
