// Package memory bounds what the process may take of it.
package memory

import (
	"math"
	"runtime/debug"
)

// What a small input may take: it can be made to take more only on purpose, and then
// garbage is collected as often as it takes.
const (
	smallInput  = 16 << 20  // bytes of all its files, as they lie on disk
	smallMemory = 200 << 20 // bytes; what the runtime cannot give back comes on top
)

// Bound holds the memory of the process to that of a small input, which is not
// known to be one yet. $GOMEMLIMIT goes over it.
func Bound(getenv func(string) string) { limit(getenv, smallMemory) }

// Free is for an input of that many bytes. What a run has to know of the contacts of
// a large one takes more. Where the size is not known, 0, the bound stays: beyond it an
// input of millions of contacts takes more processor time, and no run waits for that.
func Free(getenv func(string) string, size int64) {
	if size > smallInput {
		limit(getenv, math.MaxInt64)
	}
}

func limit(getenv func(string) string, bytes int64) {
	if getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(bytes)
	}
}
