package pace

import (
	"context"
	"time"
)

// A Gate lets requests pass for as long as this process may send any, because it holds
// what they are about, such as a run in a store. Implemented by lease.Lease. Its methods
// may be called from many goroutines.
type Gate interface {
	// Pass lets one request pass, just before it is sent; false where it may not. Each
	// Pass that is true needs exactly one Done.
	Pass() bool
	// Done says that a request that was let pass has ended.
	Done()
	// Wait waits while the gate is shut; then Pass is to be tried. Its error is that of ctx,
	// or why the gate will not open.
	Wait(ctx context.Context) error
	// Context is done when the gate is closed for good: what is in flight must end then. Its
	// cause says why.
	Context() context.Context
}

// Open is a gate that never shuts.
type Open struct{}

func (Open) Pass() bool                 { return true }
func (Open) Done()                      {}
func (Open) Wait(context.Context) error { return nil }
func (Open) Context() context.Context   { return context.Background() }

// Contexts returns what the requests of a run are under: reads end when it is stopped,
// writes go on, and both end when the gate is closed for good, which stops the run. The
// caller calls end when nothing is sent any more.
func Contexts(ctx context.Context, g Gate) (reads, writes context.Context, stop context.CancelCauseFunc, end func()) {
	reads, stop = context.WithCancelCause(ctx)
	writes, cut := context.WithCancel(context.WithoutCancel(ctx))
	leave := context.AfterFunc(g.Context(), func() {
		stop(context.Cause(g.Context()))
		cut()
	})
	return reads, writes, stop, func() {
		leave()
		stop(nil)
		cut()
	}
}

// Through waits until a request may pass the gate, and has it pass. The last word before
// it, if there is one, comes once more after each wait, so that it is never old. Its
// argument is the time, or one shortly before.
func Through(ctx context.Context, g Gate, now time.Time, lastWord func(now time.Time) error) error {
	for {
		if lastWord != nil {
			if err := lastWord(now); err != nil {
				return err
			}
		}
		if g.Pass() {
			return nil
		}
		if err := g.Wait(ctx); err != nil {
			return err
		}
		now = time.Now()
	}
}
