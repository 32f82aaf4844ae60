package importer

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"importer/importer/contact"
)

// A result is what the recorder counts: one for each row that was read, but for
// those that need nothing, which the feeder counts.
type result struct {
	outcome *contact.Outcome
	kind    resultKind
	release bool // it was announced, and nothing came of that: it is not in doubt
}

type resultKind uint8

const (
	settled       resultKind = iota // by this run: append it
	refusedBefore                   // by an earlier run, and unchanged: for the reject file only
	notTried                        // the run was stopped before it was announced
	undoGone                        // undo: the profile was not there any more
	undoKept                        // undo: it was changed since
	undoLeft                        // undo: not tried
	notRemoved                      // no row, but a contact that a mirror could not remove
	announcedOnly                   // the run was stopped after it was announced and before it was sent
	dropped                         // nothing is said of it: the next run sees to it
)

// maxRecorded bounds how many results are recorded with one write.
const maxRecorded = 64

// record counts and appends what became of each row, until all others have
// ended. It never stops receiving, so that nobody who sends is left waiting.
func (e *engine) record() {
	var batch []result
	for r := range e.results {
		// What comes in the meantime goes with it: one write to the journal for all.
		runtime.Gosched()
		batch = append(batch[:0], r)
		for len(batch) < maxRecorded && len(e.results) > 0 { // nobody else receives
			batch = append(batch, <-e.results)
		}
		e.append(batch)
		for _, r := range batch {
			e.count(r)
			e.telling.Leave(r.outcome.Raw())
		}
		clear(batch)
	}
	if len(e.unsent) > 0 {
		if err := e.Journal.Unsent(e.unsent, e.intent); err != nil {
			e.stop(err)
		}
		e.unsent = nil
	}
}

func (e *engine) count(r result) {
	if r.release {
		e.unsent = append(e.unsent, r.outcome.Row.Key)
	}
	switch r.kind {
	case notRemoved:
		e.notRemoved++
		e.Log.Warn().Str("_id", r.outcome.ID).Str("error", r.outcome.Failure.Detail).Msg("a profile could not be changed")
		return
	case undoLeft:
		e.undone.Left++
		return
	case undoKept:
		e.undone.Kept++
		e.Log.Info().Str("_id", r.outcome.ID).Msg("kept: the profile was changed since")
		return
	case undoGone:
		e.undone.Gone++
	case dropped:
		return
	case notTried, announcedOnly:
		e.Progress.Pending.Add(1)
		return
	case settled, refusedBefore:
	}
	e.Progress.Outcomes[r.outcome.Status].Add(1)
	e.census.Spare(r.outcome)
	if r.outcome.Status.Refused() {
		if err := e.Rejects.Reject(r.outcome); err != nil {
			e.stop(err)
		}
	}
}

// append hands outcomes to the journal. A journal that failed keeps what it is
// given for a last attempt, so it is given all.
func (e *engine) append(batch []result) {
	e.lines = e.lines[:0]
	for _, r := range batch {
		if r.kind == settled || r.kind == undoGone {
			e.lines = append(e.lines, r.outcome)
		}
	}
	if len(e.lines) == 0 {
		return
	}
	if err := e.Journal.Append(e.lines...); err != nil {
		e.stop(err)
		return
	}
	e.wrote(e.lines[len(e.lines)-1].At)
	if e.State == nil {
		return
	}
	if err := e.State.Record(e.lines...); err != nil {
		e.stop(err)
	}
}

// wrote notes that the journal got a line with this time.
func (e *engine) wrote(at time.Time) { e.lastLine.Store(int64(at.Sub(e.started))) }

// settle hands an outcome of this run to the recorder.
func (e *engine) settle(o *contact.Outcome) { e.deliver(result{outcome: o}) }

// deliver hands a result to the recorder. A run that refuses too many rows is
// stopped here, before the recorder knows, so that no more requests than those in
// flight follow. What an earlier run refused does not count.
func (e *engine) deliver(r result) {
	if r.kind == settled && r.outcome.Status.Refused() {
		refused := e.refused.Add(1)
		// The recorder may not have counted all of these yet.
		done := max(refused, e.Progress.Snapshot().Settled())
		if e.MaxErrors.Exceeded(refused, done) {
			e.stop(fmt.Errorf("%d of %d rows were refused, and max_errors is %s: look at the reject file, then repair the source or raise --max-errors", refused, done, e.MaxErrors))
		}
	}
	_ = e.telling.Enter(context.Background(), r.outcome.Raw()) // the recorder goes on to the end
	e.results <- r
}
