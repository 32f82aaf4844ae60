package cli

import "importer/internal/exit"

// The exit codes, in the words of the tests.
const (
	exitOK        = exit.OK
	exitStopped   = exit.Stopped
	exitUsage     = exit.Usage
	exitNotAllIn  = exit.NotAllIn
	exitLocked    = exit.Locked
	exitSignalled = exit.Signalled
)
