package change

import (
	"fmt"
	"slices"

	"github.com/rs/zerolog"

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
	// Changed is the error of an input that was written to since it was read: then nobody
	// is removed. Nil: it cannot be.
	Changed func() error
	// RemoveAdopted removes profiles as well that were there before this program, and
	// that the source once held.
	RemoveAdopted bool
	Guard         Guard
	// AllowRemovals lets this run pass the guard, and the hold where refused rows do not
	// tell whose they are. It does not let an input without rows remove anybody.
	AllowRemovals bool
}

// A Guard keeps a source that was cut short from removing contacts: it lets
// nothing be removed where more are missing than that.
type Guard struct {
	Max     int64   // so many at most
	Percent float64 // of the contacts that a mirror may remove
}

// Blocks tells whether so many missing of so many known are too many.
func (g Guard) Blocks(missing, known int64) bool {
	return missing > g.Max || float64(missing) > float64(known)*g.Percent/100
}

// A Tally counts the contacts of a state.
type Tally struct {
	Known   int64 // that a mirror may remove
	Missing int64 // of those, that the source no longer holds
	// Held are missing, and stay: they are known by their keys alone, and may be those
	// of rows that were refused.
	Held int64
	// Adopted are missing, and stay: this program did not create them.
	Adopted int64
}

// LogKept tells of contacts that the source no longer holds, and that stay.
func (t Tally) LogKept(log zerolog.Logger) {
	if t.Adopted > 0 {
		log.Info().Int64("contacts", t.Adopted).Msg("contacts that the source no longer holds stay, because their profiles were there before this program created any, or their state does not say who made them; sync.adopted: remove has a mirror remove them as well")
	}
	if t.Held > 0 {
		log.Warn().Int64("contacts", t.Held).Msg("contacts that may be missing from the source stay, because rows were refused and these contacts are known by their keys alone, from a report without contact ids; correct the rows, and the next run removes whom the source lacks")
	}
}

// A GuardError says why nothing was removed. All else was done.
type GuardError struct {
	Tally
	Read     int64 // rows of the input
	Nameless int64 // of those, rows that do not tell whose they are
	Guard    Guard
	Do       Missing
}

// blocks tells whether it is an error at all.
func (e *GuardError) blocks(m *Mirror) bool {
	switch {
	case e.Missing == 0:
		return false
	case e.Read == 0:
		return true
	}
	return !m.AllowRemovals && (e.Nameless > 0 || e.Guard.Blocks(e.Missing+e.Held, e.Known))
}

func (e *GuardError) Error() string {
	return fmt.Sprintf("nothing was removed: %s; all else was done. Look at the source; %s", e.Reason(), e.WayOut())
}

// Reason is what the guard does not like, with its numbers.
func (e *GuardError) Reason() string {
	var why string
	switch {
	case e.Read == 0:
		why = "the input had no rows"
	case e.Nameless > 0:
		why = fmt.Sprintf("%s of the input cannot be read and may be anybody's", words.Plural(e.Nameless, "row", "rows"))
	default:
		why = fmt.Sprintf("sync.guard allows %d, and %g%%", e.Guard.Max, e.Guard.Percent)
	}
	missing := e.Missing + e.Held
	return fmt.Sprintf("%d of %d known contacts are missing from the source (%.1f%%), and %s",
		missing, e.Known, 100*float64(missing)/float64(max(e.Known, 1)), why)
}

// WayOut is what a person can do about it.
func (e *GuardError) WayOut() string {
	if e.Read == 0 {
		return "not even --allow-removals lets an input without rows remove anybody"
	}
	return fmt.Sprintf("where it is right, --allow-removals lets the next run %s them", e.Do)
}

// A Census finds the contacts of a state that the source no longer holds. It has
// one owner at a time: whoever takes note of the outcomes, then whoever removes.
type Census struct {
	Mirror *Mirror // nil: nothing is ever missing
	State  State
	Keys   *contact.Keys // where each contact stands in this input

	spared   map[contact.Key]struct{} // contact ids of rows that are not in, each as a key, and their own keys
	refused  int64                    // rows that a person has to act on
	nameless int64                    // of those, that do not tell whose they are
}

// Spare keeps the contacts that a row is about from being removed, where it is not
// in as it should be: they may be known under another key, and by their key alone.
func (c *Census) Spare(o *contact.Outcome) {
	if c.Mirror == nil || o.Status.In() {
		return
	}
	if o.Status.Refused() {
		c.refused++
	}
	// The rows of other outcomes are counted where they are told apart.
	unread := o.Status == contact.Invalid && o.Row.Unread
	former := o.Row.FormerIDs()
	if (unread || len(o.Row.Profile.ContactIDs) == 0) && !slices.ContainsFunc(former, c.knowsFormer) {
		c.nameless++
	}
	for _, ids := range append(slices.Clip(former), o.Row.Profile.ContactIDs) {
		if len(ids) > 1 {
			c.spare(contact.KeyOf(ids))
		}
		for _, id := range ids {
			c.spare(contact.KeyOf([]string{id}))
		}
	}
}

// knowsFormer tells whether a contact is known by the contact ids that a row had by an
// earlier rule. Others say nothing: they may be what a spreadsheet made of an id.
func (c *Census) knowsFormer(ids []string) bool {
	if ids == nil || c.State == nil {
		return false
	}
	_, known, err := c.State.Entry(contact.KeyOf(ids))
	return known && err == nil
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
func (c *Census) Count(read int64) (t Tally, why *GuardError, err error) {
	err = c.each(&t, func([]Entry) error { return nil })
	g := &GuardError{Tally: t, Guard: c.Mirror.Guard, Do: c.Mirror.Missing, Read: read, Nameless: c.nameless + c.Keys.Unread()}
	if err != nil || !g.blocks(c.Mirror) {
		return t, nil, err
	}
	return t, g, nil
}

// Each passes on the contacts that are missing and may be removed, in parts.
func (c *Census) Each(f func(missing []Entry) error) error { return c.each(&Tally{}, f) }

// censusPart is how many entries of the state are looked at together.
const censusPart = 512

func (c *Census) each(t *Tally, f func(missing []Entry) error) error {
	var after contact.Key
	for {
		entries, err := c.State.Entries(after, censusPart)
		if err != nil || len(entries) == 0 {
			return err
		}
		after = entries[len(entries)-1].Key
		if err := f(slices.DeleteFunc(entries, func(n Entry) bool { return !c.goes(n, t) })); err != nil {
			return err
		}
	}
}

// goes counts a contact, and tells whether it is missing and may be removed.
func (c *Census) goes(n Entry, t *Tally) bool {
	if n.Inactive && c.Mirror.Missing == MissingDeactivate {
		return false // it is deactivated already
	}
	missing := !c.Keys.Holds(n.Key, n.ContactIDs) && !c.isSpared(n)
	switch {
	case !n.Made && !c.Mirror.RemoveAdopted:
		if missing {
			t.Adopted++
		}
		return false
	case missing && c.refused > 0 && len(n.ContactIDs) == 0:
		t.Held++
		missing = false
	case missing:
		t.Missing++
	}
	t.Known++
	return missing
}

// isSpared tells whether a contact is that of a row that is not in.
func (c *Census) isSpared(n Entry) bool {
	_, spared := c.spared[n.Key]
	return spared || slices.ContainsFunc(n.ContactIDs, func(id string) bool {
		_, spared := c.spared[contact.KeyOf([]string{id})]
		return spared
	})
}
