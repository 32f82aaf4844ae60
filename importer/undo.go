package importer

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"importer/importer/change"
	"importer/importer/contact"
	"importer/importer/whose"
)

// UndoRows undoes what was written for these rows, which come in parts: deletes
// what was created, and brings back what updates and a mirror took away. What
// was changed since it was written is kept, unless force. Each change is announced
// in the journal and recorded there, so that an undo that was interrupted goes on
// where it stopped, and a second one finds nothing to do.
//
// Of the options it needs API, Journal, Keys, Pacer, Log, Progress, Workers,
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
	counts.Failed, counts.Partly = e.notRemoved, e.partly.Load()
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
	if err := e.Journal.Changing(keys, contact.ToUpdate); err != nil {
		return err
	}
	var undoers errgroup.Group
	undoers.SetLimit(e.Workers)
	for _, r := range rows {
		undoers.Go(func() error {
			way := undoingChange
			if r.Undo() == change.UndoDelete {
				way = undoingCreate
			}
			t := e.newTask(&contact.Row{
				Key: r.Key, Digest: r.Digest, Source: r.Place.Source, Line: r.Place.Line, Profile: contact.Profile{ContactIDs: r.ContactIDs},
			}, way)
			t.ID, t.touched, t.written, t.Undone, t.changes = r.ID, r.At, &r, true, true
			if e.run(t); t.partly && t.Status == contact.Updated {
				e.partly.Add(1)
			}
			return nil
		})
	}
	return undoers.Wait()
}

// readUndo works out what takes back what was written for a row, now that its
// profile was read.
func (e *engine) readUndo(t *task, f contact.Found) answer {
	if !t.lost && !e.force && e.changedSince(f, t.written.At) {
		return changed
	}
	differ := true
	switch t.written.Undo() {
	case change.UndoRestore:
		t.want, differ, t.partly = change.Restored(f, *t.written, e.Behaviour)
	case change.UndoActivate:
		yes := true
		t.want = contact.Profile{Active: &yes}
	}
	if !differ {
		return same
	}
	return differs
}

// changedSince tells whether somebody changed a profile after our last write, as
// far as whole seconds and two clocks can tell.
func (e *engine) changedSince(f contact.Found, wrote time.Time) bool {
	latest := wrote.Add(whose.Margin + e.clocks.Skew())
	return f.LastChanged.After(latest)
}
