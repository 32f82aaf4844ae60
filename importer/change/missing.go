package change

import (
	"fmt"
	"slices"

	"importer/importer/contact"
	"importer/internal/words"
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
	i, err := words.Choice(s, missingNames[:]...)
	return Missing(i), err
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
	Nameless       int64 // of those, rows that are invalid and do not tell whose they are
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
		why = fmt.Sprintf("%d rows of the input are invalid and do not tell whose they are", e.Nameless)
	default:
		why = fmt.Sprintf("sync.guard allows %d, and %g%%", e.Guard.Max, e.Guard.Percent)
	}
	return fmt.Sprintf("%d of %d known contacts are missing from the source (%.1f%%), and %s",
		e.Missing, e.Known, 100*float64(e.Missing)/float64(max(e.Known, 1)), why)
}

// A Census finds the contacts of a state that the source no longer holds. It has
// one owner at a time: whoever takes note of the outcomes, then whoever removes.
type Census struct {
	Mirror *Mirror // nil: nothing is ever missing
	State  State
	Keys   *contact.Keys // where each contact stands in this input

	spared   map[contact.Key]struct{} // contact ids of rows that are not in, each as a key
	nameless int64                    // rows that are invalid and do not tell whose they are
}

// Spare keeps the contacts that a row is about from being removed, where it is not
// in as it should be: they may be known under another key.
func (c *Census) Spare(o *contact.Outcome) {
	if c.Mirror == nil || o.Status.In() {
		return
	}
	ids := o.Row.Profile.ContactIDs
	if len(ids)+len(o.Row.Former) == 0 {
		c.nameless++
	}
	for _, id := range slices.Concat(ids, o.Row.Former) {
		c.spare(contact.KeyOf([]string{id}))
	}
	if o.Row.Former != nil { // it may be known by these alone
		c.spare(contact.KeyOf(o.Row.Former))
	}
}

func (c *Census) spare(k contact.Key) {
	if c.spared == nil {
		c.spared = make(map[contact.Key]struct{})
	}
	c.spared[k] = struct{}{}
}

// Count walks through the state and counts what is known and what of it is missing
// from an input of so many rows. The error it returns in why is nil where all of
// that may be removed.
func (c *Census) Count(read int64) (missing int64, why *GuardError, err error) {
	g := &GuardError{Guard: c.Mirror.Guard, Do: c.Mirror.Missing, Read: read, Nameless: c.nameless}
	err = c.each(func(missing []Entry, known int) error {
		g.Known += int64(known)
		g.Missing += int64(len(missing))
		return nil
	})
	if err != nil || g.Missing == 0 || !g.blocks(c.Mirror) {
		return g.Missing, nil, err
	}
	return g.Missing, g, nil
}

// Each passes on the contacts that are missing, in parts.
func (c *Census) Each(f func(missing []Entry) error) error {
	return c.each(func(missing []Entry, _ int) error { return f(missing) })
}

// censusPart is how many entries of the state are looked at together.
const censusPart = 512

func (c *Census) each(f func(missing []Entry, known int) error) error {
	var after contact.Key
	for {
		entries, err := c.State.Entries(after, censusPart)
		if err != nil || len(entries) == 0 {
			return err
		}
		after = entries[len(entries)-1].Key
		// What is deactivated already is no part of it, unless it is to be deleted.
		entries = slices.DeleteFunc(entries, func(n Entry) bool { return n.Inactive && c.Mirror.Missing == MissingDeactivate })
		known := len(entries)
		missing := slices.DeleteFunc(entries, func(n Entry) bool { return c.Keys.Holds(n.Key, n.ContactIDs) || c.isSpared(n) })
		if err := f(missing, known); err != nil {
			return err
		}
	}
}

// isSpared tells whether a contact is that of a row that is not in.
func (c *Census) isSpared(n Entry) bool {
	_, spared := c.spared[n.Key]
	return spared || slices.ContainsFunc(n.ContactIDs, func(id string) bool {
		_, spared := c.spared[contact.KeyOf([]string{id})]
		return spared
	})
}
