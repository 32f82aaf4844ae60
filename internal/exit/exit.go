// Package exit is how a command ends: the errors that have an exit code of their own, and
// what becomes of several errors.
package exit

import (
	"context"
	"errors"
	"os"
	"syscall"

	"importer/importer/contact"
	"importer/internal/config"
	"importer/internal/export"
	"importer/internal/jobs"
	"importer/internal/session"
	"importer/internal/state"
	"importer/internal/store"
	"importer/sink/journal"
)

// An Interrupt is a run that was ended by a signal.
type Interrupt struct{ Signal os.Signal }

func (i *Interrupt) Error() string { return "interrupted by " + i.Signal.String() }

// ErrNotAllIn is a run that went to its end and left rows out. The summary has
// said so already.
var ErrNotAllIn = errors.New("some rows are not in")

// ErrNotWell is a check of doctor that failed. It was printed.
var ErrNotWell = errors.New("something is not in place")

// The exit codes of the process.
const (
	OK        = 0
	Stopped   = 1
	Usage     = 2
	NotAllIn  = 3
	Locked    = 4
	Signalled = 128 // plus the number of the signal
)

// Code is the exit code of the process for the error of a command, and
// whether the error is still to be printed.
func Code(err error) (code int, print bool) {
	var interrupt *Interrupt
	var wrong *config.Error
	var locked *journal.LockedError
	var stateLocked *state.LockedError
	var held *store.HeldError
	var job heldJob
	var exported *export.LockedError
	switch {
	case err == nil:
		return OK, false
	case errors.As(err, &interrupt):
		if s, ok := interrupt.Signal.(syscall.Signal); ok {
			return Signalled + int(s), false
		}
		return Stopped, true
	case errors.Is(err, ErrNotAllIn):
		return NotAllIn, false
	case errors.Is(err, ErrNotWell):
		return Stopped, false
	case errors.As(err, &locked), errors.As(err, &stateLocked), errors.As(err, &held), errors.As(err, &job), errors.As(err, &exported):
		return Locked, true
	case errors.As(err, &wrong):
		return Usage, true
	}
	return Stopped, true
}

// Result is the error of a command whose run was told of on standard output.
func Result(ctx context.Context, status contact.RunStatus, allIn bool, err error) error {
	switch {
	case err != nil:
		return err
	case status == contact.Interrupted:
		return context.Cause(ctx)
	case !allIn:
		return ErrNotAllIn
	}
	return nil
}

// Worse is the error of a command that ends with err, and with another one besides.
// That one outweighs a signal and rows that are not in, which are printed nowhere.
func Worse(err, failed error) error {
	if _, print := Code(err); failed != nil && !print {
		return failed
	}
	return session.Also(err, failed)
}

// A heldJob is a job that a worker has just now.
type heldJob struct{ err *jobs.Error }

func (h heldJob) Error() string { return h.err.Error() }

// AsHeld marks the error of a job that a worker has just now.
func AsHeld(err error) error {
	if e, ok := errors.AsType[*jobs.Error](err); ok && e.Held {
		return heldJob{e}
	}
	return err
}
