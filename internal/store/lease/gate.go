package lease

import "context"

// Wait lets a request pass, just before it is sent. While the lease is young it returns
// at once. From nine tenths of it on it waits: for a renewal, or for the end, which it
// returns as an error, as it does that of ctx. A wait takes at most a twentieth of the
// lease.
//
// Each Wait without an error needs exactly one Done. Until then the request must not
// outlast Context, and the kernel's timer stays armed.
func (l *Lease) Wait(ctx context.Context) error {
	for {
		// First counted, then let pass: whoever closes the gate looks at the count after
		// it was shut, so that one of the two sees the other.
		l.behind.Add(1)
		if !l.IsShut() {
			return nil
		}
		l.Done()
		if err := l.await(ctx); err != nil {
			return err
		}
	}
}

// IsShut tells whether a request would have to wait, or would be refused.
func (l *Lease) IsShut() bool {
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
