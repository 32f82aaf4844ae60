package cli

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// residentOfFiles is what the process holds of files, in KiB.
func residentOfFiles(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(status), "RssFile:")
	fields := strings.Fields(rest)
	if !ok || len(fields) == 0 {
		t.Skip("this system does not say it")
	}
	n, err := strconv.Atoi(fields[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestDropStartPages(t *testing.T) {
	before := residentOfFiles(t)
	dropStartPages()
	if after := residentOfFiles(t); after > before/2 {
		t.Errorf("%d KiB of files are resident, before it were %d", after, before)
	}
}
