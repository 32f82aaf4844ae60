package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"importer/internal/files"
)

const (
	// tried is how much is written to see whether there is room.
	tried = 64 << 10
	// littleSpace is less than the report of a few 100,000 rows takes.
	littleSpace = 100 << 20
)

// Folders looks at the folders of files that a run writes: its report, its state. What
// is there already has to be writable as well, and no link where nobody named it. Files
// in the same folder are one. full is that there is no room.
func Folders(paths, unnamed []string) (c Check, full bool) {
	for _, path := range unnamed {
		if err := files.Refuse(path); err != nil {
			return failedFolder(path, err), false
		}
	}
	var folders, told []string
	little := false
	for _, path := range paths {
		folder := filepath.Dir(path)
		if slices.Contains(folders, folder) {
			continue
		}
		folders = append(folders, folder)
		if err := tryFolder(folder); err != nil {
			return failedFolder(folder, err), IsFull(err)
		}
		shown, err := filepath.Abs(folder)
		if err != nil {
			shown = folder
		}
		told = append(told, shown+" can be written and locked")
		if free, err := files.Free(folder); err == nil {
			little = little || free < littleSpace
			told[len(told)-1] += fmt.Sprintf(", %s free", size(free))
		}
	}
	for _, path := range paths {
		if err := tryFile(path); err != nil {
			return failedFolder(path, err), IsFull(err)
		}
	}
	c = ok("folder", "%s", strings.Join(told, "; "))
	if little {
		c.Status, c.Hint = Warn, "make room: a report takes some 400 bytes a row"
	}
	return c, false
}

func failedFolder(path string, err error) Check {
	c := Check{"folder", Fail, err.Error(), "choose another folder with --report (report.path) or --state (sync.state)"}
	switch {
	case IsFull(err):
		c.Hint = "make room, or " + c.Hint
	case errors.Is(err, fs.ErrNotExist):
		c.Hint = "make the folder " + path + ", or " + c.Hint
	case errors.Is(err, fs.ErrPermission):
		c.Hint = "give this user the right to write there, or " + c.Hint
	}
	return c
}

// tryFolder does what a run does in a folder: it writes a file durably, locks it, and
// renames it.
func tryFolder(folder string) (err error) {
	t, err := files.NewTemp(filepath.Join(folder, "doctor"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Discard()) }()
	_, err = t.Write(bytes.Repeat([]byte("x"), tried))
	if err == nil {
		err = t.Sync()
	}
	if err != nil {
		return err
	}
	if err := t.Locks(); err != nil {
		return fmt.Errorf("files in %s cannot be locked, as on some network file systems: %w", folder, err)
	}
	moved := t.Name() + ".moved"
	if err := t.MoveTo(moved); err != nil {
		return err
	}
	return errors.Join(os.Remove(moved), files.SyncDir(folder))
}

// tryFile tells whether a file that is there can be written.
func tryFile(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no file", path)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// size is a number of bytes for people.
func size(n uint64) string {
	for _, unit := range []string{"bytes", "kB", "MB", "GB"} {
		if n < 10_000 {
			return fmt.Sprintf("%d %s", n, unit)
		}
		n /= 1000
	}
	return fmt.Sprintf("%d TB", n)
}
