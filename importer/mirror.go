package importer

import (
	"fmt"

	"golang.org/x/sync/errgroup"

	"importer/importer/change"
	"importer/importer/contact"
)

// removeMissing removes what the source no longer holds, when all rows are
// settled. An input that ended in an error is none that anything can be missing
// from.
func (e *engine) removeMissing() {
	if e.Mirror == nil || e.State == nil || e.Mirror.Missing == change.MissingKeep || e.stopping() || e.inputFailed() != nil {
		return
	}
	tally, guard, err := e.census.Count(e.Progress.Read.Load())
	e.logKept(tally)
	switch {
	case err != nil:
		e.stop(err)
		return
	case guard != nil:
		e.stop(guard)
		return
	case tally.Missing == 0:
		return
	}
	if e.Mirror.Changed != nil {
		if err := e.Mirror.Changed(); err != nil {
			e.stop(fmt.Errorf("nothing was removed: %w", err))
			return
		}
	}
	e.results = make(chan result, 64) // closed below; nobody else sends any more
	go func() {
		defer close(e.results)
		if err := e.census.Each(e.remove); err != nil {
			e.stop(err)
		}
	}()
	e.intent = contact.ToRemove
	e.record()
	if n := e.notRemoved; n > 0 && !e.stopping() {
		e.stop(fmt.Errorf("%d of %d contacts that the source no longer holds could not be removed; the log says why, and the next run tries them again", n, tally.Missing))
	}
}

// logKept tells of contacts that the source no longer holds, and that stay.
func (e *engine) logKept(t change.Tally) {
	if t.Adopted > 0 {
		e.Log.Info().Int64("contacts", t.Adopted).Msg("contacts that the source no longer holds stay, because their profiles were there before this program created any, or their state does not say who made them; sync.adopted: remove has a mirror remove them as well")
	}
	if t.Held > 0 {
		e.Log.Warn().Int64("contacts", t.Held).Msg("contacts that may be missing from the source stay, because rows were refused and these contacts are known by their keys alone, from a report without contact ids; correct the rows, and the next run removes whom the source lacks")
	}
}

// remove announces and removes some contacts.
func (e *engine) remove(entries []change.Entry) error {
	if len(entries) == 0 || e.stopping() {
		return nil
	}
	way := deactivating
	if e.Mirror.Missing == change.MissingDelete {
		way = deleting
	}
	keys := make([]contact.Key, len(entries))
	for i, n := range entries {
		keys[i] = n.Key
	}
	if err := e.Journal.Changing(keys, contact.ToRemove); err != nil {
		return err
	}
	var removers errgroup.Group
	removers.SetLimit(e.Workers)
	for _, n := range entries {
		removers.Go(func() error {
			t := e.newTask(&contact.Row{Key: n.Key, Digest: n.Digest, Profile: contact.Profile{ContactIDs: n.ContactIDs}}, way)
			t.ID, t.touched, t.changes, t.want = n.ID, n.Touched, true, contact.Profile{Active: new(bool)}
			e.run(t)
			return nil
		})
	}
	return removers.Wait()
}
