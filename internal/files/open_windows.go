package files

import (
	"io/fs"
	"os"
)

// What a file may be read by is a matter of its folder on Windows, and only who is
// allowed to can make links.
const (
	hasModes = false
	noFollow = 0
	noWait   = 0
)

func openFile(path string, flag int) (*os.File, error) {
	if err := Refuse(path); err != nil {
		return nil, err
	}
	return os.OpenFile(path, flag, private)
}

func mine(fs.FileInfo) bool { return true }

func sameOwner(_, _ fs.FileInfo) bool { return true }
