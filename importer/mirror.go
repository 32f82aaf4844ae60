package importer

import (
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
)

// Missing is what a mirror does with contacts that the source no longer holds.
type Missing uint8

const (
	MissingKeep Missing = iota
	MissingDeactivate
	MissingDelete
)

var missingNames = [...]string{"keep", "deactivate", "delete"}

// ParseMissing reads the setting sync.missing.
func ParseMissing(s string) (Missing, error) {
	if i := slices.Index(missingNames[:], s); i >= 0 {
		return Missing(i), nil
	}
	return 0, fmt.Errorf("%q is none of keep, deactivate, delete", s)
}

func (m Missing) String() string { return missingNames[m] }

// A Mirror says what becomes of contacts that the source no longer holds. Only
// those are ever removed that the State knows: what else is in the project is not
// touched.
type Mirror struct {
	Missing Missing
	Guard   Guard
	// AllowRemovals lets this run pass the guard.
	AllowRemovals bool
}

// A Guard keeps a source that was cut short from removing contacts: it lets
// nothing be removed where more are missing than that.
type Guard struct {
	Max     int64   // so many at most
	Percent float64 // of the contacts that the state knows
}

// Blocks tells whether so many missing of so many known are too many.
func (g Guard) Blocks(missing, known int64) bool {
	return missing > g.Max || float64(missing) > float64(known)*g.Percent/100
}

// A GuardError says why nothing was removed. All else was done.
type GuardError struct {
	Missing, Known int64
	Read           int64 // rows of the input
	Nameless       int64 // of those, rows that are spoilt and do not tell whose they are
	Guard          Guard
	Do             Missing
}

// blocks tells whether it is an error at all.
func (e *GuardError) blocks(m *Mirror) bool {
	return !m.AllowRemovals && (e.Read == 0 || e.Nameless > 0 || e.Guard.Blocks(e.Missing, e.Known))
}

func (e *GuardError) Error() string {
	return fmt.Sprintf("nothing was removed: %s; all else was done. Look at the source; where it is right, --allow-removals lets the next run %s them", e.Reason(), e.Do)
}

// Reason is what the guard does not like, with its numbers.
func (e *GuardError) Reason() string {
	var why string
	switch {
	case e.Read == 0:
		why = "the input had no rows"
	case e.Nameless > 0:
		why = fmt.Sprintf("%d rows of the input are spoilt and do not tell whose they are", e.Nameless)
	default:
		why = fmt.Sprintf("sync.guard allows %d, and %g%%", e.Guard.Max, e.Guard.Percent)
	}
	return fmt.Sprintf("%d of %d known contacts are missing from the source (%.1f%%), and %s",
		e.Missing, e.Known, 100*float64(e.Missing)/float64(max(e.Known, 1)), why)
}

// removeMissing removes what the source no longer holds, when all rows are
// settled. An input that ended in an error is none that anything can be missing
// from.
func (e *engine) removeMissing() {
	if e.Mirror == nil || e.State == nil || e.Mirror.Missing == MissingKeep || e.stopping() || e.inputFailed() != nil {
		return
	}
	g := &GuardError{Guard: e.Mirror.Guard, Do: e.Mirror.Missing, Read: e.Progress.read.Load(), Nameless: e.nameless}
	err := e.eachKnown(func(_ []Entry, known, missing int) error {
		g.Known += int64(known)
		g.Missing += int64(missing)
		return nil
	})
	if err != nil {
		e.stop(err)
		return
	}
	if g.Missing == 0 {
		return
	}
	if g.blocks(e.Mirror) {
		e.stop(g)
		return
	}
	e.results = make(chan result, 64) // closed below; nobody else sends any more
	go func() {
		defer close(e.results)
		if err := e.eachKnown(func(missing []Entry, _, _ int) error { return e.remove(missing) }); err != nil {
			e.stop(err)
		}
	}()
	e.record()
	if n := e.notRemoved; n > 0 && !e.stopping() {
		e.stop(fmt.Errorf("%d of %d contacts that the source no longer holds could not be removed; the log says why, and the next run tries them again", n, g.Missing))
	}
}

// eachKnown walks through the state: of each part it passes on the entries that
// the source lacks, and how many entries count as known and as missing.
func (e *engine) eachKnown(f func(lacking []Entry, known, missing int) error) error {
	var after Key
	for {
		entries, err := e.State.Entries(after, mostBatch)
		if err != nil || len(entries) == 0 {
			return err
		}
		after = entries[len(entries)-1].Key
		// What is deactivated already is no part of it, unless it is to be deleted.
		entries = slices.DeleteFunc(entries, func(n Entry) bool { return n.Inactive && e.Mirror.Missing == MissingDeactivate })
		known := len(entries)
		lacking := slices.DeleteFunc(entries, func(n Entry) bool { return e.Keys.Seen(n.Key) || e.spared(n.ContactIDs) })
		if err := f(lacking, known, len(lacking)); err != nil {
			return err
		}
	}
}

// spare keeps contacts that a row is about from being removed, which is not in as
// it should be: it may be known under another key.
func (e *engine) spare(o *Outcome) {
	if e.Mirror == nil || o.Status.In() {
		return
	}
	ids := o.Row.Profile.ContactIDs
	if len(ids) == 0 {
		e.nameless++
	}
	for _, id := range ids {
		if e.spares == nil {
			e.spares = make(map[Key]struct{})
		}
		e.spares[KeyOf([]string{id})] = struct{}{}
	}
}

func (e *engine) spared(contactIDs []string) bool {
	return len(e.spares) > 0 && slices.ContainsFunc(contactIDs, func(id string) bool {
		_, ok := e.spares[KeyOf([]string{id})]
		return ok
	})
}

// remove announces and removes some contacts.
func (e *engine) remove(entries []Entry) error {
	if len(entries) == 0 || e.stopping() {
		return nil
	}
	op := opDeactivate
	if e.Mirror.Missing == MissingDelete {
		op = opDelete
	}
	keys := make([]Key, len(entries))
	for i, n := range entries {
		keys[i] = n.Key
	}
	if err := e.Report.Changing(keys); err != nil {
		return err
	}
	var removers errgroup.Group
	removers.SetLimit(e.Workers)
	for _, n := range entries {
		removers.Go(func() error {
			e.changeRow(&task{
				Outcome: Outcome{ID: n.ID, Row: Row{Key: n.Key, Digest: n.Digest, Profile: Profile{ContactIDs: n.ContactIDs}}},
				op:      op, touched: n.Touched,
			})
			return nil
		})
	}
	return removers.Wait()
}

// removes tells whether a task is about a contact that the source lacks.
func (t *task) removes() bool { return t.op == opDeactivate || t.op == opDelete }
