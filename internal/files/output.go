package files

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// WriteTo has a file written whole, 0600, or nothing of it; with no path it
// writes to stdout. A pipe or a device is written to as it is.
func WriteTo(path string, stdout io.Writer, write func(io.Writer) error) error {
	if path == "" || path == "-" {
		return write(stdout)
	}
	if through, err := WriteThrough(path, stdout, write); through {
		return err
	}
	if err := Replace(path, write); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// WriteThrough writes to what is there and no regular file, such as a pipe or
// /dev/stdout. It is false, and does nothing, where path is to become a file.
func WriteThrough(path string, stdout io.Writer, write func(io.Writer) error) (through bool, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return false, nil
	}
	if f, ok := stdout.(*os.File); ok {
		// Opened anew, a file that standard output goes to would be written from its
		// beginning.
		if out, err := f.Stat(); err == nil && os.SameFile(info, out) {
			return true, write(stdout)
		}
	}
	if info.Mode().IsRegular() || info.IsDir() {
		return false, nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return true, fmt.Errorf("writing %s: %w", path, err)
	}
	return true, errors.Join(write(f), f.Close())
}
