package pgtest

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// PostgreSQL and pgbouncer do not run as root. Where the tests do, theirs is the user
// postgres or, without one, nobody.
var credential = sync.OnceValue(func() *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
			gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
			if err1 == nil && err2 == nil {
				return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
			}
		}
	}
	return &syscall.Credential{Uid: 65534, Gid: 65534}
})

// unprivileged has a program run as another user than root.
func unprivileged(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential()}
	// initdb looks its user up, also where only root may read the list of users.
	const dacOverride = 1
	if info, err := os.Stat("/etc/passwd"); credential() != nil && err == nil && info.Mode()&0o004 == 0 {
		cmd.SysProcAttr.AmbientCaps = []uintptr{dacOverride}
	}
}

// give makes a file that of whom the servers run as.
func give(name string) error {
	if c := credential(); c != nil {
		return os.Chown(name, int(c.Uid), int(c.Gid))
	}
	return nil
}

// bindToThread has the program end with the test's process. The kernel watches the thread that
// starts it, which is kept until the program has ended.
func bindToThread(cmd *exec.Cmd) (release func()) {
	runtime.LockOSThread()
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
	return runtime.UnlockOSThread
}

func sendSignal(pid int, signal syscall.Signal) { _ = syscall.Kill(pid, signal) }

// killFamily kills a process and its children at once: the parent is stopped first, so that it
// starts no other and cleans nothing up.
func killFamily(parent int) {
	sendSignal(parent, syscall.SIGSTOP)
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')')+1:]), " ")
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil {
				sendSignal(pid, syscall.SIGKILL)
			}
		}
	}
	sendSignal(parent, syscall.SIGKILL)
}
