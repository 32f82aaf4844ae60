package store

import (
	"context"
	"io"
	"sync"
)

// A writing is a report that is read and appended to. What was written and is not in the
// database yet is here.
type writing struct {
	c      *Claim
	stored *reading // what is in the database

	syncing sync.Mutex // held over what is asked of the database; taken before mu

	mu     sync.Mutex // guards what follows
	kept   int64      // length of what is in the database
	going  []byte     // on its way there
	buf    []byte     // to go
	err    error      // the first one of Append
	closed bool
	offset int64 // of Read
}

// Write implements journal.Writing. What is much goes to the database at once.
func (w *writing) Write(b []byte) (int, error) {
	w.mu.Lock()
	if w.err != nil || w.closed {
		defer w.mu.Unlock()
		if w.err != nil {
			return 0, w.err
		}
		return 0, errClosed
	}
	w.buf = append(w.buf, b...)
	much := len(w.buf) >= maxChunk
	w.mu.Unlock()
	if much {
		if err := w.Sync(); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// Sync implements journal.Writing: what was written is one chunk.
func (w *writing) Sync() error {
	w.syncing.Lock()
	defer w.syncing.Unlock()
	w.mu.Lock()
	if w.err != nil {
		defer w.mu.Unlock()
		return w.err
	}
	w.going, w.buf = w.buf, w.going[:0]
	chunk := w.going
	w.mu.Unlock()
	err := inStore(w.c.Append(context.Background(), chunk))
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err = err; err != nil {
		return err
	}
	w.kept += int64(len(chunk))
	w.going = w.going[:0]
	return nil
}

// drop forgets what was written behind a size.
func (w *writing) drop(size int64) {
	w.syncing.Lock()
	defer w.syncing.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	rest := append(append([]byte(nil), w.going...), w.buf...)
	w.kept = min(w.kept, size)
	w.going, w.buf = nil, rest[:min(int64(len(rest)), size-w.kept)]
	w.err = nil
	w.stored.forget()
}

// Read implements journal.Writing.
func (w *writing) Read(b []byte) (n int, err error) {
	w.mu.Lock()
	offset, inStore := w.offset, w.offset < w.kept && w.stored.offset == w.offset
	w.mu.Unlock()
	if inStore {
		n, err = w.stored.Read(b)
	} else if n, err = w.ReadAt(b, offset); n > 0 {
		err = nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.offset += int64(n)
	return n, err
}

// ReadAt implements journal.Writing.
func (w *writing) ReadAt(b []byte, offset int64) (n int, err error) {
	w.mu.Lock()
	inStore := int(max(0, min(int64(len(b)), w.kept-offset)))
	n = inStore + w.copyTail(b[inStore:], int(max(0, offset-w.kept)))
	w.mu.Unlock()
	if inStore > 0 {
		if m, err := w.stored.ReadAt(b[:inStore], offset); m < inStore {
			return m, err
		}
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// copyTail copies what is not in the database yet, from an offset in that. The caller holds
// mu.
func (w *writing) copyTail(b []byte, at int) (n int) {
	for _, part := range [][]byte{w.going, w.buf} {
		if at < len(part) {
			n += copy(b[n:], part[at:])
		}
		at = max(0, at-len(part))
	}
	return n
}

// Close implements journal.Writing.
func (w *writing) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	return nil
}
