package store

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"importer/internal/store/fault"
	"importer/internal/store/tables"
)

// A UsageError is of the settings of the store, and no attempt changes that.
type UsageError struct{ reason string }

func (e *UsageError) Error() string { return e.reason }

// asUsage makes a *UsageError of an error of a store that will not do as it is named: it
// is too old, has no such database, lacks a right, or somebody else's tables are there.
func asUsage(explained error) error {
	_, is := errors.AsType[*tables.UnfitError](explained)
	if is || slices.Contains([]string{"3D000", "3F000", "42501", "42P01", "42703", "42704"}, fault.State(explained)) {
		return &UsageError{explained.Error()}
	}
	return explained
}

// A HeldError says that another process holds a run or a state.
type HeldError struct {
	Kind    Kind
	Name    string
	Host    string // empty where it could not be read
	PID     int
	Process string
	Until   time.Time // by the clock of the database
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("the %s %s is held by %s; wait until it has ended, or choose another name", e.Kind, e.Name, e.By())
}

// By is who holds it, and until when.
func (e *HeldError) By() string {
	holder := fmt.Sprintf("process %d on %s", e.PID, e.Host)
	if e.Host == "" {
		holder = "another process"
	}
	return fmt.Sprintf("%s until %s, if that does not renew it", holder, e.Until.Format(time.RFC3339))
}

// A FencedError says that a run or a state was taken over while this process was away. What
// this process sends for it is refused from then on.
type FencedError struct {
	Kind Kind
	Name string
	Host string // of who has it, or had it last; empty: nobody
	PID  int
}

func (e *FencedError) Error() string {
	by := "it was given back, renamed or removed"
	if e.Host != "" {
		by = fmt.Sprintf("process %d on %s has taken it over", e.PID, e.Host)
	}
	return fmt.Sprintf("the %s %s is not this process's any more: %s after the lease had ended; nothing more is sent, and what was in flight is settled by who goes on with it", e.Kind, e.Name, by)
}

// explain says of an error which store it is of, what happened, and what to do.
func (s *Store) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case isOurs(err):
		return err
	}
	return &storeError{text: fmt.Sprintf("the store %s: %s", s.name, fault.Describe(err)), err: err}
}

// A storeError has been explained.
type storeError struct {
	text string
	err  error
}

func (e *storeError) Error() string { return e.text }
func (e *storeError) Unwrap() error { return e.err }

// isOurs tells whether an error says all that there is to say.
func isOurs(err error) bool {
	if _, ok := errors.AsType[*storeError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*HeldError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*CutShortError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*FencedError](err); ok {
		return true
	}
	_, ok := errors.AsType[*UsageError](err)
	return ok
}
