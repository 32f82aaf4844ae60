package importer

import (
	"context"
	"errors"
	"importer/importer/change"
	"importer/importer/contact"
	"iter"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// UndoRows undoes what was written for these rows, which come in parts: deletes
// what was created, and brings back what updates and a mirror took away. What
// was changed since it was written is kept, unless force. Each change is announced
// in the report and recorded there, so that an undo that was interrupted goes on
// where it stopped, and a second one finds nothing to do.
//
// Of the options it needs API, Report, Keys, Pacer, Log, Progress, Workers,
// Retries, Settle and GiveUpAfter; State may be set. Requests in flight are
// awaited when ctx is done.
func UndoRows(ctx context.Context, parts iter.Seq2[[]change.WrittenRow, error], o Options, force bool) (change.Undone, error) {
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
func (e *engine) undo(rows []change.WrittenRow) error {
	rows = slices.DeleteFunc(rows, func(r change.WrittenRow) bool { return r.Undo() <= change.UndoImpossible })
	if e.stopping() {
		for range rows {
			e.results <- result{kind: undoLeft}
		}
		return nil
	}
	if len(rows) == 0 {
		return nil
	}
	keys := make([]contact.Key, len(rows))
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
				Outcome: contact.Outcome{ID: r.ID, Row: contact.Row{
					Key: r.Key, Digest: r.Digest, Source: r.Place.Source, Line: r.Place.Line, Profile: contact.Profile{ContactIDs: r.ContactIDs},
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
	status, gone := contact.Deleted, false
	err := e.persist(e.Retries, func() (err error) {
		status, err = e.tryUndo(t)
		if gone = isGone(err); gone {
			return nil
		}
		return err
	})
	o := &contact.Outcome{Row: t.Row, ID: t.ID, Attempts: t.Attempts, Reads: t.Reads, At: time.Now(), Undone: true}
	switch {
	case err == nil && gone && !t.lost:
		o.Status = contact.Deleted
		e.results <- result{kind: undoGone, outcome: o}
	case err == nil && gone:
		o.Status = contact.Deleted
		e.results <- result{outcome: o}
	case err == nil:
		o.Status = status
		e.results <- result{outcome: o}
	case errors.Is(err, errChangedSince):
		e.results <- result{kind: undoKept, outcome: o}
	case errors.Is(err, errNotSent):
		e.results <- result{kind: undoLeft}
	default:
		o.Failure = &contact.AsAPIError(err).Failure
		e.results <- result{kind: notRemoved, outcome: o}
	}
}

// tryUndo makes the requests of an undo once.
func (e *engine) tryUndo(t *task) (contact.Status, error) {
	f, err := e.readTask(t)
	if err != nil {
		return 0, err
	}
	if !t.lost && !e.force && e.changedSince(f, t.written.At) {
		return 0, &contact.APIError{Class: contact.Permanent, Err: errChangedSince, Failure: contact.Failure{Detail: errChangedSince.Error()}}
	}
	switch t.written.Undo() {
	case change.UndoDelete:
		return contact.Deleted, e.changing(t, func(ctx context.Context) error { return e.API.Delete(ctx, t.ID) })
	case change.UndoRestore:
		want, differs := change.Restored(f, *t.written)
		if !differs {
			return contact.Updated, nil
		}
		return contact.Updated, e.patch(t, want)
	}
	yes := true
	return contact.Updated, e.patch(t, contact.Profile{Active: &yes})
}

// changedSince tells whether somebody changed a profile after our last write, as
// far as whole seconds and two clocks can tell.
func (e *engine) changedSince(f contact.Found, wrote time.Time) bool {
	latest := wrote.Add(clockMargin)
	if skew, ok := e.API.ClockSkew(); ok {
		latest = latest.Add(skew)
	}
	return f.LastChanged.After(latest)
}
