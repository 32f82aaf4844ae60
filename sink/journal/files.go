package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"importer/internal/files"
)

// Files is the Keeper of reports that are files. A name is a path; where that is a
// symbolic link that somebody named, all is about the file that it leads to.
type Files struct{}

// Read implements Keeper.
func (Files) Read(path string, unnamed bool) (Reading, error) {
	if err := refuseLink(path, unnamed); err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, fmt.Errorf("the report %s is a folder; name the file that ends in .report.ndjson", path)
	}
	f, err := files.OpenOrdinary(path)
	if err != nil {
		return nil, fmt.Errorf("opening the report: %w", err)
	}
	return f, nil
}

// Hold implements Keeper: it locks the file, or the name of one that is not there yet.
func (Files) Hold(path string, unnamed bool) (Held, error) {
	if err := refuseLink(path, unnamed); err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("opening the report: %w", err)
	case info.IsDir():
		return nil, fmt.Errorf("the report %s is a folder; name a file with --report", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("the report %s is no ordinary file, and a run could not be resumed from it; name another with --report", path)
	}
	real := path
	if !unnamed {
		real = files.Real(path)
	}
	lock, err := takeLock(path, real)
	if err != nil {
		return nil, err
	}
	return &heldFile{name: path, lock: lock}, nil
}

// refuseLink is an error where the path leads elsewhere, and nobody named it.
func refuseLink(path string, unnamed bool) error {
	if !unnamed {
		return nil
	}
	if err := files.Refuse(path); err != nil {
		return fmt.Errorf("the report %w; or name it with --report, which follows it", err)
	}
	return nil
}

// Aside implements Keeper. The files lie beside the file itself, where path is a symbolic
// link.
func (Files) Aside(path string) ([]string, error) {
	paths, err := files.Numbered(files.Real(path))
	if err != nil {
		return nil, fmt.Errorf("looking for reports that were set aside: %w", err)
	}
	return paths, nil
}

// Beside implements Keeper: it lists what is named like a report in the folder of the
// file. A folder that cannot be read holds none, and nothing lies beside standard input.
func (Files) Beside(file string) (paths []string) {
	if file == "-" {
		return nil
	}
	dir, _ := filepath.Split(file)
	entries, _ := os.ReadDir(cmp.Or(dir, "."))
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".report.ndjson") {
			paths = append(paths, dir+e.Name())
		}
	}
	return paths
}

// Foreign implements Keeper.
func (Files) Foreign(path string) error { return files.Foreign(path) }

// Unchanged implements Keeper. Replace gives the file the time at which it was made.
func (Files) Unchanged(path string, since time.Time) (bool, error) {
	info, err := os.Stat(path)
	return err == nil && !info.ModTime().After(since), err
}

// A heldFile is a file that this process has locked, or the name of one.
type heldFile struct {
	name string // as its user names it
	lock *lockFile
	info fs.FileInfo // of the file that was opened last
}

// Alive implements Held: what a run writes to a file is there at once, also when it was
// killed.
func (h *heldFile) Alive() time.Time { return time.Time{} }

// Open implements Held. The file is readable by its owner alone afterwards.
func (h *heldFile) Open() (_ Writing, err error) {
	f, err := files.Open(h.lock.report, os.O_RDWR|os.O_APPEND|os.O_CREATE)
	if err != nil {
		return nil, fmt.Errorf("opening the report: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if err := h.lock.lockReport(h.name); err != nil {
		return nil, err
	}
	if err := files.SyncDir(filepath.Dir(h.lock.report)); err != nil {
		return nil, fmt.Errorf("opening the report %s: %w", h.name, err)
	}
	if h.info, err = f.Stat(); err != nil {
		return nil, fmt.Errorf("opening the report: %w", err)
	}
	return f, nil
}

// SetAside implements Held: it renames the file to the next free one of <report>.1,
// <report>.2 ….
func (h *heldFile) SetAside() (aside string, err error) {
	path := h.lock.report
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	aside, err = files.NextNumbered(path)
	if err == nil {
		err = os.Rename(path, aside)
	}
	if err != nil {
		return "", fmt.Errorf("moving the report aside: %w", err)
	}
	return aside, nil
}

// named tells whether the file still has its name, and how long it is. Keys announced
// in a file that nobody finds again would be sent twice.
func (h *heldFile) named() (size int64, err error) {
	info, err := os.Stat(h.name)
	if err == nil && os.SameFile(info, h.info) {
		return info.Size(), nil
	}
	if err == nil {
		err = errors.New("another file has its name")
	}
	return 0, fmt.Errorf("the report %s was moved, removed or replaced during the run: %w; put it back before the next run, or rows will be sent twice", h.name, err)
}

// Untouched implements Held. It tells of those who write to the file or cut it, as log
// rotation does and an editor that saves what it read before.
func (h *heldFile) Untouched(size int64) error {
	now, err := h.named()
	if err == nil && now != size {
		err = fmt.Errorf("the report %s was changed during the run, by an editor, a copy or log rotation: it has %d bytes, and the run has written %d; restore it before the next run, or rows will be sent twice", h.name, now, size)
	}
	return err
}

// Cut implements Held. It opens the file anew, because Windows lets nobody shorten a file
// that is open for appending.
func (h *heldFile) Cut(size int64) error {
	if _, err := h.named(); err != nil {
		return err
	}
	f, err := files.Open(h.lock.report, os.O_WRONLY)
	if err == nil {
		if err = f.Truncate(size); err == nil {
			err = f.Sync()
		}
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("cutting off the unfinished last line of the report: %w", err)
	}
	return nil
}

// Replace implements Held. The new file is 0600.
func (h *heldFile) Replace(at time.Time, write func(w io.Writer, old io.Reader) error) error {
	path := h.lock.report
	old, err := files.OpenOrdinary(path)
	if err != nil {
		return fmt.Errorf("opening the report: %w", err)
	}
	defer old.Close()
	if err := h.lock.lockReport(h.name); err != nil {
		return err
	}
	if err := files.Replace(path, func(w io.Writer) error { return write(w, old) }); err != nil {
		return fmt.Errorf("purging the report %s: %w", path, err)
	}
	_ = os.Chtimes(path, at, at) // for Unchanged, which else says no
	return nil
}

// Remove implements Held.
func (h *heldFile) Remove() error { return os.Remove(h.lock.report) }

// Release implements Held.
func (h *heldFile) Release() error { return h.lock.unlock() }
