package journal

import (
	"errors"
	"io"
	"time"
)

// A Keeper keeps reports by name: as files (Files), or elsewhere. Its errors name the
// report, and say what to do next. Its methods may be called from several goroutines.
type Keeper interface {
	// Read opens a report to be read, which nothing is held or changed for: another run may
	// be appending to it. The error is fs.ErrNotExist where there is none. Unnamed is that
	// nobody chose the name: what it merely leads to is refused.
	Read(name string, unnamed bool) (Reading, error)
	// Hold takes a report for this process alone. It need not be there, and is not made. The
	// error is a *LockedError, at once, where another run has it. The caller releases it.
	Hold(name string, unnamed bool) (Held, error)
	// Aside lists the names of the reports that were set aside under a name, the oldest
	// first.
	Aside(name string) ([]string, error)
	// Beside lists the reports that are kept where a file of the name lies, as far as they
	// are known by their names; - is standard input.
	Beside(file string) []string
	// Foreign is an error where what has the name of a report was left there by somebody
	// else, as far as one can tell.
	Foreign(name string) error
	// Unchanged tells whether nothing was written to a report since Held.Replace made it,
	// at that time.
	Unchanged(name string, since time.Time) (bool, error)
}

// A Reading is a report that is read. Read goes on where it stopped, also into what was
// appended since. ReadAt may be called while the report is written.
type Reading interface {
	io.Reader
	io.ReaderAt
	io.Closer
}

// A Writing is a report that is read and appended to.
//
// Write takes whole lines; they are the report's at once for those who ask this Writing,
// and for everybody and for good when a Sync that began later has returned. What is lost
// before that is lost from the end: in a file anywhere, elsewhere the lines of one Sync at
// once. Close does not imply Sync. Write and Sync may be called at the same time.
type Writing interface {
	Reading
	io.Writer
	Sync() error
}

// A Held is the name of a report that this process alone may write to. It has one owner,
// who may call Untouched while another goroutine uses the Writing.
type Held interface {
	// Alive is until when whoever had the report before may have sent requests, by the clock
	// of this machine, where more is known of that than the lines say; else it is zero.
	Alive() time.Time
	// Open opens the report to be read from its beginning and appended to, and makes it
	// where there is none, durably. It may be called again when what it returned is closed.
	Open() (Writing, error)
	// SetAside gives the report another name, under which Aside lists it last, and returns
	// that; empty where there is no report. The name stays held, and has no report then.
	SetAside() (string, error)
	// Untouched is an error where the report that Open returned last has lost its name, or
	// has another length in bytes than was written: what is announced there nobody would
	// find. Where the next Sync fails then, it need not be.
	Untouched(size int64) error
	// Cut shortens the report that Open returned last to so many bytes, which are whole
	// lines, durably. It is an error where that has lost its name.
	Cut(size int64) error
	// Replace has write make the report anew from the lines that it has, and puts that into
	// its place at once; where anything fails it stays as it was. Write may be called again,
	// with what it wrote before forgotten. At is the time for Keeper.Unchanged. The error is
	// fs.ErrNotExist where there is no report.
	Replace(at time.Time, write func(w io.Writer, old io.Reader) error) error
	// Remove removes the report for good.
	Remove() error
	// Release gives the name back.
	Release() error
}

// Remove removes a report that was set aside for good. A *LockedError says that somebody
// uses it.
func Remove(k Keeper, name string) (err error) {
	held, err := k.Hold(name, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.Release()) }()
	return held.Remove()
}
