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
	tally.LogKept(e.Log)
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
