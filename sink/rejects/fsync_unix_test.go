//go:build !windows

package rejects

import (
	"errors"
	"os"
	"syscall"
	"testing"
)

// What does not reach the disk takes the place of nothing: a pipe cannot be synced.
func TestRejectFileIsOnDiskBeforeItIsMoved(t *testing.T) {
	r, base := rejects(t, 0, RejectSource{Name: "contacts.csv", Header: []string{"email"}})
	must(t, os.WriteFile(base+".csv", []byte("old"), 0o600))
	must(t, r.Reject(refused("contacts.csv", 2, "new")))
	read, pipe, err := os.Pipe()
	must(t, err)
	defer read.Close()
	must(t, r.tables[0].tmp.Close())
	r.tables[0].tmp.File = pipe
	if paths, err := r.Commit(true); !errors.Is(err, syscall.EINVAL) || paths.Paths != nil {
		t.Fatalf("%q and %v, want the error of fsync", paths, err)
	}
	if got := readFile(t, base+".csv"); got != "old" {
		t.Errorf("the reject file of the run before is %s", got)
	}
}
