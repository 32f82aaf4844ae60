//go:build !windows

package files

import (
	"io/fs"
	"os"
	"syscall"
)

const (
	// hasModes is whether files have owners and modes.
	hasModes = true
	noFollow = syscall.O_NOFOLLOW
	// noWait opens a pipe without waiting for its other end. Of an ordinary file it
	// changes nothing.
	noWait = syscall.O_NONBLOCK
)

func openFile(path string, flag int) (*os.File, error) {
	return os.OpenFile(path, flag|noFollow|noWait, private)
}

func ownerOf(info fs.FileInfo) uint32 { return info.Sys().(*syscall.Stat_t).Uid }

// mine tells whether a file belongs to the user as whom this process acts.
func mine(info fs.FileInfo) bool { return int64(ownerOf(info)) == int64(os.Geteuid()) }

func sameOwner(a, b fs.FileInfo) bool { return ownerOf(a) == ownerOf(b) }
