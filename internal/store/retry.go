package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"importer/internal/store/fault"
	"importer/internal/store/lease"
)

// lastBound bounds what is still asked of the database at the end: to give back what is
// held. When the lease has ended, or was lost, there is next to nothing to give back; and
// not much time when this process was told to end.
func (s *Store) lastBound() time.Duration {
	switch cause := context.Cause(s.lease.Context()); {
	case cause != nil && !errors.Is(cause, lease.ErrClosed):
		return min(s.length/2, 500*time.Millisecond)
	case s.hurried.Err() != nil:
		return min(s.length/2, time.Second)
	}
	return min(s.length/2, 5*time.Second)
}

// An attempt is one try at something in the database. It may be made again after it
// reached the database and its answer was lost.
type attempt func(ctx context.Context) error

// persist makes an attempt until it succeeds or fails for good. While the database is away
// it waits, and says so, until the lease ends, or for as long as one where that is renewed
// meanwhile or nothing is held; not so long once this process was told to end, see hurry. Each
// attempt takes half of what is left at most, or bound.
func (s *Store) persist(ctx context.Context, bound time.Duration, try attempt) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.lease.Context(), cancel)()
	defer context.AfterFunc(s.hurried, cancel)()
	schedule := &backoff.ExponentialBackOff{InitialInterval: 20 * time.Millisecond, RandomizationFactor: 0.3, Multiplier: 1.7, MaxInterval: min(2*time.Second, s.length/10)}
	began := time.Now()
	waits := false
	defer func() { s.settled(waits, err == nil) }()
	var reason error // why the database is away, and not that the wait for it ended
	for {
		left := s.left(began)
		err := s.once(ctx, max(bound, left/2), try)
		if reason == nil || ctx.Err() == nil && !errors.Is(err, context.DeadlineExceeded) {
			reason = err
		}
		switch {
		case err == nil:
			return nil
		case s.lease.Context().Err() != nil:
			return s.ended(reason)
		case s.hurried.Err() != nil:
			return s.cutShort(reason)
		case ctx.Err() != nil:
			return ctx.Err()
		case isFinal(err):
			return errors.Unwrap(err)
		case !fault.IsAway(err) && !errors.Is(err, lease.ErrEnded):
			return s.explain(err)
		case left <= 0:
			return s.ended(reason)
		}
		if !waits {
			waits, began = true, time.Now()
			s.waiting()
		}
		s.gone(err, began)
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

// left is how long what began, or failed first, at that time may go on.
func (s *Store) left(began time.Time) time.Duration {
	s.mu.Lock()
	holding := len(s.claims) > 0
	s.mu.Unlock()
	left := s.length - time.Since(began)
	if holding {
		return min(left, s.lease.Left())
	}
	return left
}

// ended is the error of what was waiting for the database when the lease ended.
func (s *Store) ended(err error) error {
	cause := context.Cause(s.lease.Context())
	if cause != nil && !errors.Is(cause, lease.ErrEnded) {
		return cause
	}
	text := fmt.Sprintf("the store %s has been away since %s, longer than this process may hold what it holds there (%s): %s; run the same command again when the store is back",
		s.name, s.awaySince().Format(time.RFC3339), s.length, fault.Describe(err))
	return &storeError{text: text, err: errors.Join(lease.ErrEnded, err)}
}

// awaySince is since when the database is away.
func (s *Store) awaySince() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since.IsZero() {
		return time.Now()
	}
	return s.since
}

// gone says that the database is away since a time, once.
func (s *Store) gone(err error, began time.Time) {
	s.mu.Lock()
	first := s.since.IsZero()
	if first {
		s.since, s.why = began, err
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

// waiting counts who waits for the database.
func (s *Store) waiting() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiters++
}

// settled says that the database is there, if it was away: somebody has had an answer, and
// nobody waits, or waits any more. A heartbeat may get through while a chunk does not.
func (s *Store) settled(waited, answered bool) {
	s.mu.Lock()
	if waited {
		s.waiters--
	}
	since := s.since
	back := answered && s.waiters == 0 && !since.IsZero()
	if back {
		s.since, s.why = time.Time{}, nil
	}
	s.mu.Unlock()
	switch {
	case !back:
	case s.away != nil:
		s.away(time.Time{}, nil)
	default:
		s.log.Info().Stringer("after", time.Since(since).Round(time.Millisecond)).Msg("the store is back")
	}
}
