// Package files is what the program does to files beyond what os does. It is the one
// place that decides how a file is opened, made and replaced where other users may
// write to the folder:
//
//	Open     a file that is read again and appended to: a report, a state, verdicts
//	NewLock  a file that is only locked
//	Replace  a file that is written whole, by way of a Temp
//	WriteTo  the same, or a pipe or a device, where a person named the path
//
// None of them follows a link at the path itself. A person who names a link means what
// it leads to: Real says what that is.
package files

import (
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

// Real follows symbolic links to the file that is meant by a path that a person named,
// also where that file is not there yet.
func Real(path string) string {
	const maxLinks = 40 // then the system gives up as well
	for range maxLinks {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return real
		}
		dir, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			break
		}
		path = filepath.Join(dir, filepath.Base(path))
		target, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(dir, target)
		}
		path = target
	}
	return path
}
