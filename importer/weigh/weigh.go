// Package weigh bounds rows where they wait. A run holds hundreds of them in several
// places, and one row may be 16 MiB long: so they are bounded by what they weigh as well.
package weigh

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// Max is how many bytes of rows wait in one place; a heavier row waits there alone.
const Max = 8 << 20

// lightest is from how many bytes on a row counts.
const lightest = 16 << 10

// Of is how much a row counts that was read as that; 0 of nearly all, and Max at most.
func Of(raw []string) int64 {
	var n int64
	for _, cell := range raw {
		n += int64(len(cell))
	}
	if n < lightest {
		return 0
	}
	return min(n, Max)
}

// A Gate bounds the rows in a channel. Who puts one in enters before, and who takes it
// out leaves when it is done with the row. Any goroutine may use it.
type Gate struct{ free *semaphore.Weighted }

// NewGate returns a gate through which nothing has gone.
func NewGate() Gate { return Gate{semaphore.NewWeighted(Max)} }

// Enter waits until there is room for a row. Its error is that of ctx.
func (g Gate) Enter(ctx context.Context, raw []string) error {
	n := Of(raw)
	if n == 0 {
		return nil
	}
	return g.free.Acquire(ctx, n)
}

// Leave makes room again.
func (g Gate) Leave(raw []string) {
	if n := Of(raw); n > 0 {
		g.free.Release(n)
	}
}
