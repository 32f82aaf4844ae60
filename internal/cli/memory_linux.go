package cli

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// dropStartPages gives back the pages of the program file that the start has
// touched. They hold what every package does first and mostly never again, 17 MiB
// of the memory that the system counts as the process's; what is needed comes back
// from the file. Pages that are not as in the file, such as those that a dynamic
// linker has relocated, have to stay. Where it fails nothing is lost.
func dropStartPages() {
	program, err := os.Executable()
	if err != nil {
		return
	}
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer maps.Close() // read only
	// Such as
	//
	//	00400000-01024000 r-xp 00000000 fe:00 2097175    /usr/bin/importer
	//	Anonymous:             0 kB
	//
	// with other lines between and behind.
	var mapping []string // of the program file, and read only; nil: another one
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		switch f := strings.Fields(lines.Text()); {
		case len(f) > 1 && strings.Contains(f[0], "-"):
			mapping = nil
			if len(f) == 6 && f[5] == program && !strings.Contains(f[1], "w") {
				mapping = f
			}
		case mapping != nil && len(f) == 3 && f[0] == "Anonymous:" && f[1] == "0":
			from, to, _ := strings.Cut(mapping[0], "-")
			start, startErr := strconv.ParseUint(from, 16, 64)
			end, endErr := strconv.ParseUint(to, 16, 64)
			if startErr == nil && endErr == nil {
				_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, uintptr(start), uintptr(end-start), syscall.MADV_DONTNEED)
			}
		}
	}
}
