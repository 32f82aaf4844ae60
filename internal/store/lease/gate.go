package lease

import (
	"context"
	"time"
)

// Pass lets a request pass, just before it is sent; false where it may not. It costs
// little. Each Pass that is true needs exactly one Done. Until then the request must not
// outlast Context, and the kernel's timer stays armed.
func (l *Lease) Pass() bool {
	// First counted, then let pass: whoever closes the gate looks at the count after it was
	// shut, so that one of the two sees the other.
	l.behind.Add(1)
	if !l.isShut() {
		return true
	}
	l.Done()
	return false
}

func (l *Lease) isShut() bool {
	shut := l.shut.Load()
	return shut == 0 || int64(l.clock()) >= shut
}

// Done says that a request that was let pass has ended, and nothing of it can be sent
// any more.
func (l *Lease) Done() {
	if l.behind.Add(-1) == 0 && l.shut.Load() == 0 {
		l.mu.Lock()
		l.settle()
		l.mu.Unlock()
	}
}

// Wait waits while the gate is shut, at most for a twentieth of the lease; then Pass is to
// be tried. Its error is that of ctx, or why the gate will not open.
func (l *Lease) Wait(ctx context.Context) error {
	changed, err := l.waits()
	if changed == nil || err != nil {
		return err
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

// waits is what tells that the gate may be open; nil where it may be already.
func (l *Lease) waits() (changed <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch err := l.check(); {
	case err != nil:
		return nil, err
	case len(l.claims) == 0:
		return nil, ErrNoClaim
	case !l.isShut():
		return nil, nil
	}
	if !l.told && l.away != nil {
		l.away(time.Now(), errNotRenewed)
	}
	l.told = true
	return l.changed, nil
}
