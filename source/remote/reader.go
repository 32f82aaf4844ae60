package remote

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"importer/internal/words"
)

// A Reader reads an object from its first byte to its last. Where its connection breaks
// or is silent it asks for the rest, and fails with ErrAway where it breaks three times at
// the same byte. It belongs to one goroutine.
type Reader struct {
	o      *Object
	part   *part // nil: none is open
	cancel context.CancelCauseFunc
	at     int64     // bytes that were handed out
	sum    hash.Hash // of those
	breaks int       // at this byte
	err    error     // how it ended
}

// A fault is why a part ended early, or did not begin.
type fault struct {
	err     error
	final   bool          // asking again would not help
	waitFor time.Duration // that the server asks for
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// never is a fault that stays one.
func never(err error) error { return &fault{err: err, final: true} }

var errSilent = errors.New("no byte came")

// Open begins to read an object. It asks for nothing before the first Read.
func (o *Object) Open() (*Reader, error) {
	if err := context.Cause(o.client.o.Context); err != nil {
		return nil, err
	}
	return &Reader{o: o, sum: sha256.New()}, nil
}

// Close ends the reading, wherever it is.
func (r *Reader) Close() error {
	r.witness(false)
	r.drop()
	return nil
}

// Err is how the reading ended before its end; nil where it did not.
func (r *Reader) Err() error {
	if r.err == io.EOF {
		return nil
	}
	return r.err
}

// Read implements io.Reader. The error io.EOF comes only behind all of the object.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, r.err
	}
	if left := r.o.seen.bytes - r.at; left > 0 && int64(len(p)) > left {
		p = p[:left] // what was seen before is compared where it ended
	}
	for r.err == nil {
		if err := r.connect(); err != nil {
			return 0, err
		}
		n, err := r.quick(r.part.body, p)
		if n > 0 {
			r.take(p[:n])
			if r.err != nil {
				return 0, r.err
			}
			if err == nil || err == io.EOF {
				return n, nil // the end comes again
			}
		}
		switch {
		case err == nil:
			continue
		case err == io.EOF && (r.o.was.length < 0 || r.at == r.o.was.length):
			return 0, r.finish()
		case err == io.EOF:
			err = fmt.Errorf("it ends after %s of %s bytes", words.Comma(r.at), words.Comma(r.o.was.length))
		}
		r.broke(err)
		if n > 0 {
			return n, nil
		}
	}
	return 0, r.err
}

// take counts bytes, and compares them with what was seen of the object before.
func (r *Reader) take(p []byte) {
	r.at += int64(len(p))
	r.sum.Write(p)
	r.breaks = 0
	seen := r.o.seen
	if r.at == seen.bytes && string(r.sum.Sum(nil)) != seen.sum {
		r.end(r.o.changed(fmt.Sprintf("its first %s bytes are others", words.Comma(r.at)), nil))
	} else if seen.whole && r.at > seen.bytes {
		r.end(r.o.changed("it is longer", nil))
	}
}

// finish is the end of the object, if it ended there before.
func (r *Reader) finish() error {
	if r.at < r.o.seen.bytes {
		r.end(r.o.changed(fmt.Sprintf("it had %s bytes or more, and has %s", words.Comma(r.o.seen.bytes), words.Comma(r.at)), nil))
		return r.err
	}
	if p := r.part; p.wire != nil && p.length >= 0 && p.wire.excess(p.length) {
		r.end(fmt.Errorf("%w: the server sends more than the %s bytes that it says it sends, so that the end is not known", ErrAway, words.Comma(p.length)))
		return r.err
	}
	r.witness(true)
	r.end(io.EOF)
	return r.err
}

// witness keeps what was read of the object, where that is more than was known.
func (r *Reader) witness(whole bool) {
	if r.at > r.o.seen.bytes || whole {
		r.o.seen = witness{bytes: r.at, sum: string(r.sum.Sum(nil)), whole: whole || r.o.seen.whole}
	}
}

func (r *Reader) end(err error) {
	r.err = err
	r.drop()
}

func (r *Reader) drop() {
	if r.cancel != nil {
		r.cancel(nil)
	}
	if r.part != nil {
		r.part.body.Close() // read only: nothing to lose
	}
	r.part, r.cancel = nil, nil
}

// broke takes note of a break. It ends the reading where it is the last one.
func (r *Reader) broke(err error) {
	r.drop()
	ctx := r.o.client.o.Context
	f, isFault := errors.AsType[*fault](err)
	switch {
	case ctx.Err() != nil:
		r.end(context.Cause(ctx))
	case errors.Is(err, ErrChanged):
		r.end(err)
	case isFault && f.final:
		r.end(f.err)
	case r.breaks == len(pauses):
		where := "at its beginning"
		if r.at > 0 {
			where = "after " + words.Comma(r.at) + " bytes"
		}
		r.end(fmt.Errorf("%w: it broke %d times %s: %w; run the same command again later, or have the file copied here", ErrAway, len(pauses)+1, where, err))
	default:
		wait := pauses[r.breaks]
		if isFault {
			wait = min(max(wait, f.waitFor), maxPause)
		}
		r.breaks++
		if err := r.o.client.o.Pause(ctx, wait); err != nil {
			r.end(err)
		}
	}
}

// connect asks for the rest of the object, where no part is open.
func (r *Reader) connect() error {
	for r.part == nil && r.err == nil {
		if err := r.ask(); err != nil {
			r.broke(err)
		}
	}
	return r.err
}

func (r *Reader) ask() error {
	ctx, cancel := context.WithCancelCause(r.o.client.o.Context)
	r.cancel = cancel
	stop := r.watch()
	p, err := r.o.fetch(ctx, r.at)
	if err = stop(err); err != nil {
		if p != nil {
			p.body.Close()
		}
		return err
	}
	r.part = p
	if err := r.o.accept(p); err != nil {
		return err
	}
	if p.from > r.at {
		return never(errors.New("the server sends another part than was asked for"))
	}
	return r.skip(r.at - p.from)
}

// skip reads past what was handed out already, which has to be the same bytes. It is what
// remains where a server cannot begin in the middle.
func (r *Reader) skip(n int64) error {
	if n == 0 {
		return nil
	}
	if n != r.at {
		return never(errors.New("the server sends another part than was asked for"))
	}
	sum, buf := sha256.New(), make([]byte, 64<<10)
	for n > 0 {
		read, err := r.quick(r.part.body, buf[:min(n, int64(len(buf)))])
		sum.Write(buf[:read])
		if n -= int64(read); n > 0 && err != nil {
			if err == io.EOF && r.part.sure {
				return r.o.changed("it is shorter than what was read of it", r.part)
			}
			return err
		}
	}
	if string(sum.Sum(nil)) != string(r.sum.Sum(nil)) {
		return r.o.changed(fmt.Sprintf("its first %s bytes are others", words.Comma(r.at)), r.part)
	}
	return nil
}

// quick reads some bytes, and gives the connection up where none comes in time.
func (r *Reader) quick(from io.Reader, p []byte) (int, error) {
	stop := r.watch()
	n, err := from.Read(p)
	if err == io.EOF {
		stop(nil)
		return n, err
	}
	return n, stop(err)
}

// watch cancels the request after the time that it may be silent. What it returns ends
// that, and gives the reason for an error.
func (r *Reader) watch() func(error) error {
	cancel, silence := r.cancel, r.o.client.o.Timeout
	silent := make(chan struct{})
	t := time.AfterFunc(silence, func() {
		close(silent)
		cancel(errSilent)
	})
	return func(err error) error {
		if t.Stop() || err == nil {
			return err
		}
		<-silent
		return fmt.Errorf("%w for %v", errSilent, silence)
	}
}
