package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"
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
// What is left takes the place of the report at once. No run may hold that: a
// *LockedError says that one does.
func Purge(k Keeper, name string) (rows int64, err error) {
	held, err := k.Hold(name, false)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, held.Release()) }()
	at := time.Now().Truncate(time.Millisecond)
	err = held.Replace(at, func(w io.Writer, old io.Reader) (err error) {
		rows, err = purge(w, newReader(name, old), at)
		return err
	})
	if err != nil {
		return 0, err
	}
	return rows, nil
}

// IsPurged tells whether nothing was written to the report of that name since Purge. It
// does not read more than the first line.
func IsPurged(k Keeper, name string) (bool, error) {
	header, err := ReadHeader(k, name)
	if err != nil || header.Purged.IsZero() {
		return false, err
	}
	return k.Unchanged(name, header.Purged.Time)
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
