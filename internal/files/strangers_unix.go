//go:build !windows

package files

import (
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// Stranger names the owner of a file where that is another user than this one, and not
// root; empty: it is not.
func Stranger(info fs.FileInfo) string {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok || s.Uid == 0 || int(s.Uid) == os.Geteuid() {
		return ""
	}
	return "the user " + userName(s.Uid)
}

// Others names who may do to a file what the bit allows (4 to read, 2 to write) beside
// its owner and root; empty: nobody. A group of the owner's own name is the owner's
// alone, as under a umask of 002. It does not know of access lists.
func Others(info fs.FileInfo, bit fs.FileMode) string {
	s, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case info.Mode().Perm()&bit != 0:
		return "everybody on this machine"
	case info.Mode().Perm()&(bit<<3) == 0, ok && userName(s.Uid) == groupName(s.Gid), ok && s.Gid == 0:
		return ""
	case !ok:
		return "its group"
	}
	return "the group " + groupName(s.Gid)
}

// userName is the number of a user where there is no name, as in many containers.
func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

func groupName(gid uint32) string {
	id := strconv.FormatUint(uint64(gid), 10)
	if g, err := user.LookupGroupId(id); err == nil {
		return g.Name
	}
	return id
}
