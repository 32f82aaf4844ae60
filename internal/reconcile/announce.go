package reconcile

import (
	"importer/importer/contact"
	"importer/internal/state"
	"importer/sink/journal"
)

// A Journal is a report with the state of its contacts, which is told of changes that are
// on their way: what they leave in a profile is not known until there is an outcome. It
// implements importer.Journal.
type Journal struct {
	*journal.Journal
	State *state.State // nil: there is none
	// Apart: the state is not recorded from this report, so that nothing brings back later
	// what it was told.
	Apart bool
}

// Changing tells the state first: it is said to hold all that the report says.
func (j Journal) Changing(keys []contact.Key, to contact.Intent) error {
	if err := j.doubt(keys, to); err != nil {
		return err
	}
	return j.Journal.Changing(keys, to)
}

// Gone has the state doubt what it knows of the profiles, which are to be created anew.
func (j Journal) Gone(keys []contact.Key) error {
	if err := j.doubt(keys, contact.ToUpdate); err != nil {
		return err
	}
	return j.Journal.Gone(keys)
}

func (j Journal) doubt(keys []contact.Key, to contact.Intent) error {
	if j.State == nil {
		return nil
	}
	err := j.State.Doubt(keys, to)
	if err == nil && j.Apart {
		err = j.State.Commit()
	}
	return err
}

// Unsent tells the state when the report has it. It comes from who records outcomes.
func (j Journal) Unsent(keys []contact.Key, to contact.Intent) error {
	if err := j.Journal.Unsent(keys, to); err != nil || j.State == nil {
		return err
	}
	return j.State.TakeBack(keys, to)
}
