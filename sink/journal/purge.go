package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"importer/internal/files"
)

// Purge rewrites a report without what came from the source: contact ids, and
// what errors quote. The accounts stay: keys, digests, profile ids, statuses,
// places and times, so that a run resumes from it as before, and nothing is
// written twice. It returns how many row lines lost something.
//
// A line of another kind, or with another member, comes from a later version, and
// nobody here knows whether it is about a person: such members are left out, and
// such a line is an error.
//
// The new file takes the place of the old one at once, 0600. No run may hold the
// report: a *LockedError says that one does.
func Purge(path string) (rows int64, err error) {
	lock, err := takeLock(path, files.Real(path))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, lock.unlock()) }()
	in, err := files.OpenOrdinary(lock.report)
	if err != nil {
		return 0, fmt.Errorf("opening the report: %w", err)
	}
	defer in.Close()
	if err := lock.lockReport(path); err != nil {
		return 0, err
	}
	path = lock.report
	at := time.Now().Truncate(time.Millisecond)
	err = files.Replace(path, func(w io.Writer) error {
		var err error
		rows, err = purge(w, newReader(path, in), at)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("purging the report %s: %w", path, err)
	}
	_ = os.Chtimes(path, at, at) // for IsPurged, which else says no
	return rows, nil
}

// IsPurged tells whether nothing was written to the report at path since Purge. It does
// not read more than the first line.
func IsPurged(path string) (bool, error) {
	header, err := ReadHeader(path)
	if err != nil || header.Purged.IsZero() {
		return false, err
	}
	info, err := os.Stat(path)
	return err == nil && !info.ModTime().After(header.Purged.Time), err
}

func purge(w io.Writer, r *Reader, at time.Time) (rows int64, err error) {
	first := true
	var whole, purged []byte
	for l, err := range r.Lines() {
		if err != nil {
			return 0, err
		}
		if l, unknown := l.(*later); unknown {
			return 0, fmt.Errorf("line %d is of the kind %q, which this version does not know: purge it with the version that wrote it", r.number, l.name)
		}
		if whole, err = appendLine(whole[:0], l); err != nil {
			return 0, err
		}
		l.purge()
		if h, ok := l.(*Header); ok && first {
			h.Purged, first = Time{at}, false
		}
		if purged, err = appendLine(purged[:0], l); err != nil {
			return 0, err
		}
		if _, ok := l.(*Row); ok && !bytes.Equal(whole, purged) {
			rows++
		}
		if _, err := w.Write(purged); err != nil {
			return 0, err
		}
	}
	return rows, nil
}
