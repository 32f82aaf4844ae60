package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cenkalti/backoff/v5"

	"importer/internal/store/lease"
)

// lastBound bounds what is still asked of the database at the end: to give back what is
// held. When the lease has ended, or was lost, there is next to nothing to give back.
func (s *Store) lastBound() time.Duration {
	if cause := context.Cause(s.lease.Context()); cause != nil && !errors.Is(cause, lease.ErrClosed) {
		return min(s.length/2, 500*time.Millisecond)
	}
	return min(s.length/2, 5*time.Second)
}

func isEOF(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// An attempt is one try at something in the database. It may be made again after it
// reached the database and its answer was lost.
type attempt func(ctx context.Context) error

// persist makes an attempt until it succeeds or fails for good. While the database is away
// it waits, and says so, until the lease ends; where this process holds nothing, for as
// long as a lease. Each attempt takes half of what is left at most, or bound.
func (s *Store) persist(ctx context.Context, bound time.Duration, try attempt) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.lease.Context(), cancel)()
	schedule := &backoff.ExponentialBackOff{InitialInterval: 20 * time.Millisecond, RandomizationFactor: 0.3, Multiplier: 1.7, MaxInterval: min(2*time.Second, s.length/10)}
	began := time.Now()
	var reason error // why the database is away, and not that the wait for it ended
	for {
		left := s.left(began)
		err := s.once(ctx, max(bound, left/2), try)
		if reason == nil || ctx.Err() == nil {
			reason = err
		}
		switch {
		case err == nil:
			s.back()
			return nil
		case s.lease.Context().Err() != nil:
			return s.ended(reason)
		case ctx.Err() != nil:
			return ctx.Err()
		case isFinal(err):
			return errors.Unwrap(err)
		case !isAway(err) && !errors.Is(err, lease.ErrEnded):
			return s.explain(err)
		case left <= 0:
			return s.ended(reason)
		}
		s.gone(err)
		s.pool.Reset() // the other connections are dead as well, or to what cannot write
		select {
		case <-time.After(schedule.NextBackOff()):
		case <-ctx.Done():
		}
	}
}

// A finalError is of what was to be done in the database, and not of the database.
type finalError struct{ err error }

func (e *finalError) Error() string { return e.err.Error() }
func (e *finalError) Unwrap() error { return e.err }

func isFinal(err error) bool {
	_, is := err.(*finalError)
	return is
}

// once makes one attempt within a time.
func (s *Store) once(ctx context.Context, bound time.Duration, try attempt) error {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	return try(ctx)
}

// left is how long an attempt that began then may go on.
func (s *Store) left(began time.Time) time.Duration {
	s.mu.Lock()
	holding := len(s.claims) > 0
	s.mu.Unlock()
	if holding {
		return s.lease.Left()
	}
	return s.length - time.Since(began)
}

// ended is the error of what was waiting for the database when the lease ended.
func (s *Store) ended(err error) error {
	cause := context.Cause(s.lease.Context())
	if cause != nil && !errors.Is(cause, lease.ErrEnded) {
		return cause
	}
	s.mu.Lock()
	since := s.since
	s.mu.Unlock()
	if since.IsZero() {
		since = time.Now()
	}
	text := fmt.Sprintf("the store %s has been away since %s, longer than this process may hold what it holds there (%s): %s; run the same command again when the store is back",
		s.name, since.Format(time.RFC3339), s.length, describe(err))
	return &storeError{text: text, err: errors.Join(lease.ErrEnded, err)}
}

// gone says that the database is away, once.
func (s *Store) gone(err error) {
	s.mu.Lock()
	first := s.since.IsZero()
	if first {
		s.since = time.Now()
	}
	since := s.since
	s.mu.Unlock()
	if !first {
		return
	}
	if err = s.explain(err); s.away != nil {
		s.away(since, err)
		return
	}
	s.log.Warn().Err(err).Msg("the store is away: nothing new is sent until it is back")
}

// back says that the database is there, if it was away.
func (s *Store) back() {
	s.mu.Lock()
	since := s.since
	s.since = time.Time{}
	s.mu.Unlock()
	if since.IsZero() {
		return
	}
	if s.away != nil {
		s.away(time.Time{}, nil)
		return
	}
	s.log.Info().Stringer("after", time.Since(since).Round(time.Millisecond)).Msg("the store is back")
}
