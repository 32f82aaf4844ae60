package rejectfile

import (
	"strings"
	"testing"
)

func FuzzGuard(f *testing.F) {
	for _, cell := range []string{"", "'", "=1+1", "+4930123456", "-5", "@a", "\tx", "\rx", "'=1", "''", "'''=", "O'Neill", "'quoted'"} {
		f.Add(cell)
	}
	f.Fuzz(func(t *testing.T, cell string) {
		guarded := Guard(cell)
		if guarded != "" && strings.IndexByte("=+-@\t\r", guarded[0]) >= 0 {
			t.Errorf("%q runs as a formula", guarded)
		}
		if got := Unguard(guarded); got != cell {
			t.Errorf("%q comes back as %q", cell, got)
		}
	})
}
