package importer

import (
	"time"

	"importer/importer/contact"
)

// Journal is what the run writes and resumes from; users call it the report.
// Implemented by package journal. Its methods may be called from several
// goroutines.
//
// After an error of any method every later call returns that error, and the run
// must stop sending: what the journal took since the last successful Sending may
// be lost. It keeps what Append, Unsent, KnownAs and Corrected are still given for a last attempt
// when it is closed.
type Journal interface {
	// Sending announces keys. When it returns nil they are on disk (fsync), with
	// all that was appended before, and may from then on reach the API.
	Sending(keys []contact.Key) error
	// Changing announces keys whose profiles are there and may from then on be
	// changed or deleted, which can be done again. On disk before it returns.
	Changing(keys []contact.Key, to contact.Intent) error
	// Gone says that the profiles of keys are not there any more, so that these may
	// be announced anew. On disk with the next Sending.
	Gone(keys []contact.Key) error
	// Unsent takes keys back that were announced, and of which certainly nothing
	// came, so that they are not in doubt. On disk like an outcome.
	Unsent(keys []contact.Key, to contact.Intent) error
	// KnownAs says that the contact of a key is the one that earlier runs know by
	// another key. On disk like an outcome.
	KnownAs(key, as contact.Key) error
	// Corrected says that the contact of a key, which stands for a refused row, is in and
	// needed no outcome. On disk like an outcome.
	Corrected(c contact.Correction, key contact.Key) error
	// Append writes each outcome as one complete line, all at once. They are on
	// disk with the next Sending, or within a second.
	Append(outcomes ...*contact.Outcome) error
	// Before reads back the outcome that an earlier run recorded last for a key
	// whose Status was Rejected, Failed or Unknown. It is read from the file.
	Before(k contact.Key) (*contact.Outcome, error)
	// AnnouncedAt is when an earlier run first announced a key whose status is
	// InDoubt or Unknown: no profile of ours can be older. No I/O.
	AnnouncedAt(k contact.Key) time.Time
	// LastAlive is the last sign of life of an earlier run, such as its last line: none of
	// its requests was sent much later. Zero where there was no earlier run.
	LastAlive() time.Time
}

// Rejects takes the rows that a person has to act on. Implemented by
// rejects.Rejects. Called from one goroutine.
type Rejects interface {
	// Reject writes one refused row: its Raw, and why from its Failure.
	Reject(o *contact.Outcome) error
}
