//go:build unix

package contact

import (
	"os"
	"syscall"
)

// allocate returns zeroed memory of at least n bytes, outside of Go's heap where
// it is a page or more: what is on the heap makes the garbage collector wait for
// as much garbage again. A whole number of pages then.
func allocate(n int) []byte {
	page := os.Getpagesize()
	if n < page {
		return make([]byte, n)
	}
	n = (n + page - 1) / page * page
	mem, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		// Some systems bound the number of mappings: the heap does as well. Its
		// length, no multiple of a page, tells release.
		return make([]byte, n+1)
	}
	return mem
}

// release gives back what allocate returned.
func release(mem []byte) {
	if page := os.Getpagesize(); len(mem) >= page && len(mem)%page == 0 {
		// That it fails is known of arguments only that allocate never returned.
		_ = syscall.Munmap(mem)
	}
}
