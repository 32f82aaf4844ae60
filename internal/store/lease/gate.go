package lease

import (
	"context"
	"sync/atomic"
)

// Wait lets a request pass, just before it is sent. While the lease is young it returns
// at once. From nine tenths of it on it waits: for a renewal, or for the end, which it
// returns as an error, as it does that of ctx. A wait takes at most a twentieth of the
// lease.
//
// The request runs under the context that is returned: it is that of the caller, and is
// cut when the gate is closed for good; its cause is then that of Context. Whoever was
// let pass calls done, once, when the request has ended and nothing of it can be sent
// any more: until then the kernel's timer stays armed.
func (l *Lease) Wait(ctx context.Context) (_ context.Context, done func(), _ error) {
	for {
		// First counted, then let pass: whoever closes the gate looks at the count after
		// it was shut, so that one of the two sees the other.
		l.behind.Add(1)
		if int64(l.clock()) < l.shut.Load() {
			ctx, done := l.pass(ctx)
			return ctx, done, nil
		}
		l.leave()
		if err := l.await(ctx); err != nil {
			return nil, nil, err
		}
	}
}

// IsShut tells whether a request would have to wait now, or would be refused.
func (l *Lease) IsShut() bool { return int64(l.clock()) >= l.shut.Load() }

// pass is what a request gets that is let pass.
func (l *Lease) pass(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(l.ctx, func() { cancel(context.Cause(l.ctx)) })
	var left atomic.Bool
	return ctx, func() {
		if left.Swap(true) {
			return
		}
		stop()
		cancel(nil)
		l.leave()
	}
}

// leave is what one who is behind the gate no longer is.
func (l *Lease) leave() {
	if l.behind.Add(-1) == 0 && l.shut.Load() == 0 {
		l.mu.Lock()
		l.settle()
		l.mu.Unlock()
	}
}

// await waits until the gate may be open. Its error is why it will not be.
func (l *Lease) await(ctx context.Context) error {
	l.mu.Lock()
	if err := l.check(); err != nil {
		l.mu.Unlock()
		return err
	}
	if len(l.claims) == 0 {
		l.mu.Unlock()
		return ErrNoClaim
	}
	changed := l.changed
	open := !l.IsShut()
	l.mu.Unlock()
	if open {
		return nil
	}
	select {
	case <-changed:
		return nil
	case <-l.ctx.Done():
		return context.Cause(l.ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}
