// Package export writes the profiles of a project, one a line, so that they can be
// imported again.
//
//	list of the project ──page──▶ Export ──lines──▶ a stream, as they come
//	                                            └──▶ a Part ──Finish──▶ the file
//
// The API lists a project page by page while others write to it. A list that shows fewer
// profiles than it says there are is read again, and is an error where it stays like that.
// What changed while it was read is found by its time of change, as far as the API sorts
// by that.
package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"importer/importer/change"
	"importer/importer/contact"
)

// A Lister reads one page of the project's profiles; its errors are final.
type Lister func(contact.ListQuery) (contact.ListPage, error)

// A Result is what an export came to.
type Result struct {
	Profiles int64 `json:"profiles"` // written
	// Added came into the project meanwhile and are in, Changed were changed after they had
	// been read, and Deleted, at least so many, are in and not in the project any more.
	Added   int64 `json:"added"`
	Changed int64 `json:"changed"`
	Deleted int64 `json:"deleted"`
	// Compared is false where the API does not tell what changed meanwhile.
	Compared bool `json:"compared"`
}

// A ShortError says that the list is not whole.
type ShortError struct{ Shown, Total int }

func (e *ShortError) Error() string {
	return fmt.Sprintf("the list of the project is not whole: it says that there are %d profiles, and shows %d; a cache on the way to the API may be behind. What was written is not all of the project", e.Total, e.Shown)
}

// An Export is one reading of a project. It has one owner; Written and Total may be read
// from other goroutines.
type Export struct {
	list  Lister
	since func() time.Time // by the server's clock, or before it: what changed later changed meanwhile
	to    target
	seen  map[profileID]version // of each, as it was written

	result Result
	total  int       // of the last page; -1 where the server did not tell
	shown  func(int) // told how many were written
	line   []byte    // reused
}

// A profileID takes less memory than a string.
type profileID [24]byte

// A version tells one version of a profile from others. The API tells times in whole
// seconds, in which a profile may change twice.
type version struct {
	changed uint32 // Unix seconds, as the API tells them
	sum     uint32 // of the line
}

func versionOf(line []byte, changed int64) version {
	return version{uint32(max(0, changed)), crc32.ChecksumIEEE(bytes.TrimSuffix(line, []byte{'\n'}))}
}

// A target takes what is written.
type target interface {
	// line takes a profile that is new, or a newer version of one where newest is true.
	line(b []byte) error
	// mark ends a page: what came before is kept, and the reading goes on there.
	mark(m mark) error
	// newest tells whether of several versions of a profile the last one holds.
	newest() bool
}

// A mark is how far a reading got.
type mark struct {
	Next  string `json:"next,omitempty"` // cursor of the next page; empty: the pass is over
	Total int    `json:"total"`
}

// ToStream is an export that writes each profile to w as it comes.
func ToStream(list Lister, since func() time.Time, w io.Writer) *Export {
	return &Export{list: list, since: since, to: stream{w}, seen: make(map[profileID]version), total: -1}
}

// Shown has f told of how many profiles were written, of how many that there are, -1
// where that is not known.
func (e *Export) Shown(f func(written, of int)) {
	e.shown = func(n int) { f(n, e.total) }
}

// maxPasses is how often the list is read from its beginning. The order of a list is not
// documented, nor what its cursors do while profiles are added.
const maxPasses = 3

// Run writes all profiles. The error is that of the list, of what is written to, or a
// *ShortError.
func (e *Export) Run(ctx context.Context) (Result, error) {
	err := e.all(ctx)
	if err == nil {
		err = e.meanwhile(ctx)
	}
	if e.total >= 0 {
		e.result.Deleted = int64(max(0, len(e.seen)-e.total))
	}
	e.result.Profiles = int64(len(e.seen))
	return e.result, err
}

// all reads the list until it is whole.
func (e *Export) all(ctx context.Context) error {
	cursor := ""
	if p, ok := e.to.(*Part); ok {
		if cursor = p.next; p.whole && p.total >= 0 && len(e.seen) >= p.total {
			return nil
		}
	}
	for pass := 1; ; pass++ {
		before := len(e.seen)
		err := e.pass(ctx, cursor, pass > 1)
		if cursor != "" && refused(err) { // a place of an export that was interrupted
			cursor, pass = "", 0
			continue
		}
		if err != nil {
			return err
		}
		cursor = ""
		switch {
		case e.total >= 0 && len(e.seen) >= e.total, e.total < 0 && pass > 1 && len(e.seen) == before:
			return nil
		case pass == maxPasses:
			return &ShortError{Shown: len(e.seen), Total: e.total}
		}
	}
}

// refused tells whether the API refuses to answer a query as it is.
func refused(err error) bool {
	problem, ok := errors.AsType[*contact.APIError](err)
	return ok && problem.Author == contact.API && problem.Class == contact.Permanent
}

// pass reads the list once, from a cursor on.
func (e *Export) pass(ctx context.Context, cursor string, again bool) error {
	for page, err := range change.Pages(e.page(ctx), contact.ListQuery{Cursor: cursor}) {
		if err != nil {
			return err
		}
		if page.Total >= 0 {
			e.total = page.Total
		}
		for i := range page.Profiles {
			if err := e.take(&page.Profiles[i], again); err != nil {
				return err
			}
		}
		next := page.Next
		if len(page.Profiles) == 0 {
			next = ""
		}
		if err := e.to.mark(mark{Next: next, Total: e.total}); err != nil {
			return err
		}
		if e.shown != nil {
			e.shown(len(e.seen))
		}
	}
	return nil
}

// page is the list, until ctx is done.
func (e *Export) page(ctx context.Context) Lister {
	return func(q contact.ListQuery) (contact.ListPage, error) {
		if ctx.Err() != nil {
			return contact.ListPage{}, context.Cause(ctx)
		}
		return e.list(q)
	}
}

// take writes a profile, unless it is there in this version. added says that one which is
// new was not there before.
func (e *Export) take(f *contact.Found, added bool) error {
	e.line = AppendLine(e.line[:0], f)
	id, now := profileID([]byte(f.ID)), versionOf(e.line, seconds(f.LastChanged))
	before, known := e.seen[id]
	switch {
	case known && (now == before || now.changed < before.changed):
		return nil
	case known:
		e.result.Changed++
	case added:
		e.result.Added++
	}
	e.seen[id] = now
	if known && !e.to.newest() {
		return nil
	}
	return e.to.line(e.line)
}

// meanwhile finds what changed since the export began: the list, the last change first, as
// far back as that.
func (e *Export) meanwhile(ctx context.Context) error {
	since := e.since()
	var last time.Time
	for page, err := range change.Pages(e.page(ctx), contact.ListQuery{Sort: byChange + ":desc"}) {
		if refused(err) {
			return nil // it does not sort
		}
		if err != nil {
			return err
		}
		if page.Total >= 0 {
			e.total = page.Total
		}
		if last.IsZero() && page.Next != "" {
			if sorts, err := e.sorts(ctx, page.Profiles); err != nil || !sorts {
				return err
			}
		}
		for i := range page.Profiles {
			f := &page.Profiles[i]
			switch {
			case page.Next == "" && last.IsZero(): // it is all of the project, in whatever order
			case f.LastChanged.IsZero(), !last.IsZero() && f.LastChanged.After(last):
				return nil // it does not sort
			case f.LastChanged.Before(since):
				return e.compared()
			default:
				last = f.LastChanged
			}
			if err := e.take(f, true); err != nil {
				return err
			}
		}
	}
	return e.compared()
}

const byChange = "lastChanged"

// sorts tells whether the list is in the order that was asked for: the other way round it
// begins with another profile, which changed before, unless all changed at one time.
func (e *Export) sorts(ctx context.Context, lastFirst []contact.Found) (bool, error) {
	page, err := e.page(ctx)(contact.ListQuery{Sort: byChange + ":asc", Limit: 1})
	if refused(err) || err == nil && (len(page.Profiles) == 0 || len(lastFirst) == 0) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	first, last := page.Profiles[0], lastFirst[0]
	if first.LastChanged.Equal(last.LastChanged) {
		for _, v := range e.seen {
			if int64(v.changed) != seconds(last.LastChanged) {
				return false, nil
			}
		}
		return true, nil
	}
	return first.LastChanged.Before(last.LastChanged), nil
}

// compared ends the reading, with all that changed meanwhile.
func (e *Export) compared() error {
	e.result.Compared = true
	return e.to.mark(mark{Total: e.total})
}

// A stream writes lines as they come.
type stream struct{ w io.Writer }

func (s stream) line(b []byte) error {
	_, err := s.w.Write(b)
	return err
}

func (s stream) mark(mark) error {
	if w, ok := s.w.(interface{ Flush() error }); ok {
		return w.Flush()
	}
	return nil
}

func (s stream) newest() bool { return false }
