package journal

import (
	"errors"
	"fmt"

	"importer/internal/words"
)

// A LockedError says that another run holds the report.
type LockedError struct {
	Report string
	PID    int // process id of the holder; 0 where it could not be read
}

func (e *LockedError) Error() string {
	holder := "another process"
	if e.PID != 0 {
		holder = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("the report %s is in use by %s; wait until that run has ended, or choose another report with --report", e.Report, holder)
}

// A KeeperError is what a Keeper that is no disk says of a report that cannot be written
// to: it names the report and says what to do next, and nothing is added to it.
type KeeperError struct{ Err error }

func (e *KeeperError) Error() string { return e.Err.Error() }
func (e *KeeperError) Unwrap() error { return e.Err }

// diskError says by a format for the report and the error what to do about an error of a
// disk.
func diskError(err error, format, report string) error {
	if _, complete := errors.AsType[*KeeperError](err); complete {
		return err
	}
	return fmt.Errorf(format, report, err)
}

// A MismatchError says that a report belongs to another import.
type MismatchError struct {
	Report    string
	What      string // "project", "base URL", "mode" or "id rule"
	Was       string // in the report
	Now       string // in this run
	Held      int    // of how many contacts it says that they are in, or may be
	Rehearsal bool   // this run is one, in a sandbox

	rehearsed bool // the report is of one
	partly    bool // it need not say of all contacts whether they are in
}

// idRule is what differs where the same people would have other contact ids.
const idRule = "id rule"

// IsIDRule tells whether it is of another id rule only.
func (e *MismatchError) IsIDRule() bool { return e.What == idRule }

func (e *MismatchError) Error() string {
	if e.IsIDRule() {
		return fmt.Sprintf("the report %s is of another id rule. It takes contact ids from: %s. This run takes them from: %s. "+
			"By another rule the same people have other contact ids, and the %s that it knows of would be created a second time. "+
			"--adopt goes on with it, and looks everybody up by the new ids first; else choose another report with --report, or move this one aside and begin anew with --restart",
			e.Report, e.Was, e.Now, words.Plural(e.Held, "contact", "contacts"))
	}
	wayOut := "choose another report with --report, or move this one aside and begin anew with --restart"
	if e.Rehearsal && e.What != "mode" {
		wayOut = "choose another report for the rehearsal with --report"
	}
	if e.Held > 0 {
		wayOut = "it alone knows of " + words.Plural(e.Held, "contact that is in there, or may be; ", "contacts that are in there, or may be; ") + wayOut
	}
	return fmt.Sprintf("the report %s belongs to another import: its %s is %q, and this run's is %q; %s", e.Report, e.What, e.Was, e.Now, wayOut)
}

// A CorruptError says that a complete line of a report cannot be read, or that
// it contradicts the lines before it.
type CorruptError struct {
	Report string
	Line   int // from 1
	Reason string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("the report %s cannot be read: line %d %s; restore the report from a copy; if only a line of the kind \"row\" is damaged, deleting that line is safe, its row is then looked up; --restart moves the report aside and sends every row again",
		e.Report, e.Line, e.Reason)
}
