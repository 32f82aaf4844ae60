//go:build !windows

package files

import (
	"errors"
	"os"
	"syscall"
)

// SyncDir makes the names in a folder durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil // some network file systems cannot, and keep names durable by themselves
	}
	return errors.Join(err, d.Close())
}

// Identity tells a file from others, for a table: those of one file are equal, and hardly
// any two files have the same.
func Identity(info os.FileInfo) any {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return [2]uint64{uint64(s.Dev), uint64(s.Ino)}
	}
	return info.Size()
}
