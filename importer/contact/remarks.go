package contact

import (
	"fmt"
	"strings"
	"sync"
)

// A RemarkKind is what a person should know of rows that are in.
type RemarkKind uint8

const (
	Differ      RemarkKind = iota // duplicates that say something else about the contact
	Twin                          // contact ids that may be another's in another spelling
	Raced                         // profiles that somebody else changed between their read and our update
	Changed                       // rows that are in with other values or contact ids than they have now
	remarkKinds                   // number of values
)

// what says it of some rows.
var what = [remarkKinds][2]string{
	Differ: {"duplicate says something else about the contact than the row that went in; correct the source, or choose with duplicates: first, last, error", "duplicates say something else about the contact than the row that went in; correct the source, or choose with duplicates: first, last, error"},
	Raced: {
		"profile was changed by somebody else in the moment between its read and our update; where the API replaces fields, that change may be lost: look at it, and see sync.patch",
		"profiles were changed by somebody else in the moment between their read and our update; where the API replaces fields, such a change may be lost: look at them, and see sync.patch",
	},
	Changed: {
		"row is in, and was sent with other values or contact ids than the source or the mapping gives it now; --mode create leaves it so",
		"rows are in, and were sent with other values or contact ids than the source or the mapping gives them now; --mode create leaves them so",
	},
	Twin: {"contact id is another row's in another spelling: two profiles, and perhaps one person", "contact ids are other rows' in another spelling: two profiles each, and perhaps one person"},
}

// Remarks are what a person should know of rows that are in or repeat one that is, with
// the first few of each kind. The zero value is ready; its methods may be called from
// several goroutines.
type Remarks struct {
	mu    sync.Mutex
	kinds [remarkKinds]Remark
}

// A Remark is one kind of them.
type Remark struct {
	Count    int64
	Examples []RemarkExample // the first few
}

// A RemarkExample is one row, and the one that it is compared with.
type RemarkExample struct {
	Place, Other Place
	ContactIDs   []string
}

func (r *Remarks) add(kind RemarkKind, row *Row, other Place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	remark := &r.kinds[kind]
	remark.Count++
	if n := len(remark.Examples); n < maxExamples || kind == Changed && n < maxChanged {
		remark.Examples = append(remark.Examples, RemarkExample{Place{Source: row.Source, Line: row.Line}, other, row.Profile.ContactIDs})
	}
}

// maxChanged is how many changed rows are named; of other kinds maxExamples are.
const maxChanged = 5

// Change remarks a row that is in with other values than it has now.
func (r *Remarks) Change(row *Row) { r.add(Changed, row, Place{}) }

// Compare remarks a row that is in where something else was sent for its key.
func (r *Remarks) Compare(row *Row, keys *Keys) {
	if keys.SentOther(row) {
		r.Change(row)
	}
}

// Race remarks a row whose profile somebody else changed while it was updated.
func (r *Remarks) Race(row *Row) { r.add(Raced, row, Place{}) }

// Of returns the remarks of a kind so far.
func (r *Remarks) Of(kind RemarkKind) Remark {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.kinds[kind]
}

// Summarize puts into a summary what it counts of the remarks.
func (r *Remarks) Summarize(s *Summary) {
	s.DuplicatesDiffer = r.Of(Differ).Count
	changed := r.Of(Changed)
	s.ChangedSince = changed.Count
	for _, e := range changed.Examples {
		s.ChangedRows = append(s.ChangedRows, e.Place)
	}
}

// Text is the remarks for people: how many rows each is about, and the first lines of
// them. Redacted it names no contact id. It is empty where there are none.
func (r *Remarks) Text(redact bool) string {
	var b strings.Builder
	for kind := range remarkKinds {
		remark := r.Of(kind)
		if remark.Count == 0 {
			continue
		}
		text := what[kind][min(remark.Count, 2)-1]
		fmt.Fprintf(&b, "  %7d  %s\n", remark.Count, text)
		for _, e := range remark.Examples {
			where := e.Place.String()
			if e.Other != (Place{}) {
				where += " and " + e.Other.String()
			}
			fmt.Fprintf(&b, "           %s", Printable(where))
			if !redact {
				fmt.Fprintf(&b, ": %s", Printable(strings.Join(e.ContactIDs, ", ")))
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}
