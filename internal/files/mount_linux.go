package files

import "golang.org/x/sys/unix"

// ReadOnly tells whether a file lies on a mount that nobody can write to, as the secrets
// of a container do.
func ReadOnly(path string) bool {
	var s unix.Statfs_t
	return unix.Statfs(path, &s) == nil && s.Flags&unix.ST_RDONLY != 0
}
