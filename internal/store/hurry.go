package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"importer/internal/store/fault"
)

// hurryBound is how long a database may be away once this process was told to end.
const hurryBound = 3 * time.Second

// A CutShortError says that this process was told to end while the database was away, and
// does not wait for it. It wraps why it was told to.
type CutShortError struct {
	text string
	err  error
}

func (e *CutShortError) Error() string { return e.text }
func (e *CutShortError) Unwrap() error { return e.err }

// hurry waits until this process is told to end. From then on it looks whether the database
// answers, and where it does not, or where somebody waits for it still, has nobody wait any
// longer. It ends with the store.
func (s *Store) hurry(told, closed context.Context) {
	select {
	case <-told.Done():
	case <-closed.Done():
		return
	}
	var since time.Time // when it began not to answer
	for {
		began := time.Now()
		err := s.once(closed, hurryBound, func(ctx context.Context) error {
			_, err := s.pool.Exec(ctx, "select")
			return err
		})
		switch {
		case closed.Err() != nil:
			return
		case err == nil && !s.isAway():
			since = time.Time{}
		case since.IsZero():
			since = began
		}
		if !since.IsZero() && time.Since(since) >= hurryBound {
			s.giveUp(context.Cause(told))
			return
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-closed.Done():
			return
		}
	}
}

func (s *Store) isAway() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiters > 0
}

// cutShort is the error of what was waiting for the database when this process was told to end.
func (s *Store) cutShort(err error) error {
	since := s.awaySince()
	s.mu.Lock()
	if s.why != nil {
		err = s.why
	}
	s.mu.Unlock()
	return &CutShortError{
		text: fmt.Sprintf("the store %s has been away since %s, and this process was told to end: what is not recorded there is looked up by the next run: %s", s.name, since.Format(time.RFC3339), fault.Describe(err)),
		err:  errors.Join(context.Cause(s.hurried), err),
	}
}
