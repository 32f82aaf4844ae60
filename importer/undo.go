package importer

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// A WrittenRow is what a report says was written for one key.
type WrittenRow struct {
	Key        Key
	ID         string
	Digest     Digest // of the row that was sent last
	Status     Status // the last one
	Created    bool   // by a run of this report
	Touched    bool   // it was never changed but by being touched
	At         time.Time
	Previous   *Profile // what updates took away; nil where that was not kept
	ContactIDs []string
	Place      Place // zero where the source lacks it
	Seen       bool  // it was dealt with
}

// An Undo is how what was written for a key is undone.
type Undo uint8

const (
	UndoNothing    Undo = iota // nothing was changed
	UndoImpossible             // what was there before is not known
	UndoDelete                 // it was created
	UndoRestore                // it was updated
	UndoActivate               // it was deactivated
)

// Undo is how the row is undone.
func (r *WrittenRow) Undo() Undo {
	switch {
	case r.Status == Deleted && r.Created:
		return UndoNothing
	case r.Status == Deleted:
		return UndoImpossible
	case r.Created:
		return UndoDelete
	case r.Previous != nil:
		return UndoRestore
	case r.Status == Deactivated:
		return UndoActivate
	case r.Touched:
		return UndoNothing
	}
	return UndoImpossible
}

// Undone counts what an undo did.
type Undone struct {
	Deleted  int64 `json:"deleted"`
	Restored int64 `json:"restored"`
	Kept     int64 `json:"kept"`   // changed since, and kept
	Gone     int64 `json:"gone"`   // was not there any more
	Failed   int64 `json:"failed"` // by the API; the next undo tries it again
	Left     int64 `json:"left"`   // not tried, for the undo was stopped
}

// UndoRows undoes what was written for these rows, which come in parts: deletes
// what was created, and brings back what updates and a mirror took away. What
// was changed since it was written is kept, unless force. Each change is announced
// in the report and recorded there, so that an undo that was interrupted goes on
// where it stopped, and a second one finds nothing to do.
//
// Of the options it needs API, Report, Keys, Pacer, Log, Progress, Workers,
// Retries, Settle and GiveUpAfter; State may be set. Requests in flight are
// awaited when ctx is done.
func UndoRows(ctx context.Context, parts iter.Seq2[[]WrittenRow, error], o Options, force bool) (Undone, error) {
	e, cancel := newEngine(ctx, o)
	defer cancel(nil)
	e.force = force
	go func() {
		defer close(e.results)
		for rows, err := range parts {
			if err == nil {
				err = e.undo(rows)
			}
			if err != nil {
				e.stop(err)
				return
			}
		}
	}()
	e.record()
	counts := e.undone
	counts.Failed = e.notRemoved
	snapshot := e.Progress.Snapshot()
	counts.Deleted, counts.Restored = snapshot.Deleted-counts.Gone, snapshot.Updated
	err := context.Cause(e.ctx)
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return counts, context.Cause(ctx)
	}
	return counts, err
}

// undo announces and undoes some rows.
func (e *engine) undo(rows []WrittenRow) error {
	rows = slices.DeleteFunc(rows, func(r WrittenRow) bool { return r.Undo() <= UndoImpossible })
	if e.stopping() {
		for range rows {
			e.results <- result{kind: undoLeft}
		}
		return nil
	}
	if len(rows) == 0 {
		return nil
	}
	keys := make([]Key, len(rows))
	for i, r := range rows {
		keys[i] = r.Key
	}
	if err := e.Report.Changing(keys); err != nil {
		return err
	}
	var undoers errgroup.Group
	undoers.SetLimit(e.Workers)
	for _, r := range rows {
		undoers.Go(func() error {
			e.undoRow(&task{
				Outcome: Outcome{ID: r.ID, Row: Row{
					Key: r.Key, Digest: r.Digest, Source: r.Place.Source, Line: r.Place.Line, Profile: Profile{ContactIDs: r.ContactIDs},
				}},
				op: opUndo, touched: r.At, written: &r,
			})
			return nil
		})
	}
	return undoers.Wait()
}

var errChangedSince = errors.New("changed since")

func (e *engine) undoRow(t *task) {
	status, gone := Deleted, false
	err := e.persist(e.Retries, func() (err error) {
		status, err = e.tryUndo(t)
		if gone = isGone(err); gone {
			return nil
		}
		return err
	})
	o := &Outcome{Row: t.Row, ID: t.ID, Attempts: t.Attempts, Reads: t.Reads, At: time.Now(), Undone: true}
	switch {
	case err == nil && gone && !t.lost:
		o.Status = Deleted
		e.results <- result{kind: undoGone, outcome: o}
	case err == nil && gone:
		o.Status = Deleted
		e.results <- result{outcome: o}
	case err == nil:
		o.Status = status
		e.results <- result{outcome: o}
	case errors.Is(err, errChangedSince):
		e.results <- result{kind: undoKept, outcome: o}
	case errors.Is(err, errNotSent):
		e.results <- result{kind: undoLeft}
	default:
		o.Failure = &asAPIError(err).Failure
		e.results <- result{kind: notRemoved, outcome: o}
	}
}

// tryUndo makes the requests of an undo once.
func (e *engine) tryUndo(t *task) (Status, error) {
	f, err := e.readTask(t)
	if err != nil {
		return 0, err
	}
	if !t.lost && !e.force && e.changedSince(f, t.written.At) {
		return 0, &APIError{Class: Permanent, Err: errChangedSince, Failure: Failure{Detail: errChangedSince.Error()}}
	}
	switch t.written.Undo() {
	case UndoDelete:
		return Deleted, e.changing(t, func(ctx context.Context) error { return e.API.Delete(ctx, t.ID) })
	case UndoRestore:
		want, differs := restored(f, *t.written)
		if !differs {
			return Updated, nil
		}
		return Updated, e.patch(t, want)
	}
	yes := true
	return Updated, e.patch(t, Profile{Active: &yes})
}

// changedSince tells whether somebody changed a profile after our last write, as
// far as whole seconds and two clocks can tell.
func (e *engine) changedSince(f Found, wrote time.Time) bool {
	latest := wrote.Add(clockMargin)
	if skew, ok := e.API.ClockSkew(); ok {
		latest = latest.Add(skew)
	}
	return f.LastChanged.After(latest)
}

// restored is what has to be sent so that a profile is again as it was before
// updates. A field that was not there before is left out: a server that replaces
// fields drops it so, and how to take one away from a server that merges them is
// not documented.
func restored(f Found, r WrittenRow) (want Profile, differs bool) {
	was := r.Previous
	want.ContactIDs, want.Active = was.ContactIDs, was.Active
	if r.Status == Deactivated && want.Active == nil {
		yes := true
		want.Active = &yes
	}
	changed := false
	for _, field := range f.Fields {
		switch old := was.Field(field.Name); {
		case old == nil:
			want.Fields = append(want.Fields, field)
		case string(old) == "null":
			changed = true
		default:
			changed = changed || !sameValue(old, field.Value)
			want.Fields = append(want.Fields, Field{field.Name, old})
		}
	}
	for _, field := range was.Fields {
		if f.Field(field.Name) == nil && string(field.Value) != "null" {
			want.Fields, changed = append(want.Fields, field), true
		}
	}
	SortFields(want.Fields)
	if !changed {
		want.Fields = nil
	} else if want.Fields == nil {
		want.Fields = []Field{}
	}
	return want, changed || want.ContactIDs != nil || want.Active != nil && *want.Active != f.Active
}
