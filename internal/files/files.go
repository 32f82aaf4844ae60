// Package files is what the program does to files beyond what os does.
package files

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// SameFile tells whether two paths are one file that is there.
func SameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// Replace has a file written whole, 0600, and moves it to path, durably. Where that
// fails, path is as it was, unless only the last flush of its folder failed. The
// file is written beside path under one name, so that what a killed process left is
// overwritten: two at once must not replace one file.
func Replace(path string, write func(io.Writer) error) error {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	err = write(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return SyncDir(filepath.Dir(path))
}
