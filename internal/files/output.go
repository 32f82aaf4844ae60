package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// WriteTo has the file that a person named written whole, 0600, or nothing of it; with
// no path it writes to stdout. A link is followed. A pipe or a device is written to as it
// is.
func WriteTo(path string, stdout io.Writer, write func(io.Writer) error) error {
	if path == "" || path == "-" {
		return write(stdout)
	}
	if through, err := WriteThrough(path, stdout, write); through {
		return err
	}
	if err := Replace(Real(path), write); err != nil {
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
	f, err := openThrough(path, info)
	if err != nil {
		return true, fmt.Errorf("writing %s: %w", path, err)
	}
	return true, errors.Join(write(f), f.Close())
}

// How long a pipe is waited for that nobody reads yet.
const (
	pipePatience = 5 * time.Second
	pipeAgain    = 20 * time.Millisecond
)

// openThrough opens a pipe or a device for writing. Who reads the pipe of somebody else
// would read what is written.
func openThrough(path string, info fs.FileInfo) (*os.File, error) {
	if err := planted(Real(path), info); err != nil {
		return nil, err
	}
	if info.Mode()&fs.ModeNamedPipe == 0 {
		return os.OpenFile(path, os.O_WRONLY, 0)
	}
	for waited := time.Duration(0); ; waited += pipeAgain {
		f, err := os.OpenFile(path, os.O_WRONLY|noWait, 0)
		if !errors.Is(err, syscall.ENXIO) {
			return f, err
		}
		if waited >= pipePatience {
			return nil, fmt.Errorf("it is a pipe, and nobody has begun to read it within %v: start its reader first, or name a file", pipePatience)
		}
		time.Sleep(pipeAgain)
	}
}
