package sqlfile

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A temporary file has no name from the moment that it is open: what kills the process
// leaves nothing of it.
func TestTemporaryHasNoName(t *testing.T) {
	conn, err := Temporary("CREATE TABLE t (a);")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range 10 { // of which two are kept in memory
		if err := Run(conn, "INSERT INTO t VALUES (zeroblob(1000000))", nil); err != nil {
			t.Fatal(err)
		}
	}
	open, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, fd := range open {
		info, err := os.Stat(fd)
		if err != nil || !info.Mode().IsRegular() || info.Size() < 5_000_000 {
			continue // among them the one that the names were listed by
		}
		if name, err := os.Readlink(fd); err == nil && name == os.Args[0] {
			continue
		}
		found = true
		if links := info.Sys().(*syscall.Stat_t).Nlink; links != 0 || info.Mode() != 0o600 {
			t.Errorf("%s has %d names, and is %v", fd, links, info.Mode())
		}
	}
	if !found {
		t.Error("no temporary file is open")
	}
}
