package change

import (
	"time"

	"importer/importer/contact"
)

// State is what the last sync left in the API. Implemented by state.State. Its
// methods may be called from several goroutines, Record from one.
type State interface {
	// Entry is what is known of a key, but for its contact ids. Of what is in doubt it says
	// that it is not known: what was sent last, or that the contact is active.
	Entry(k contact.Key) (Entry, bool, error)
	// Identify gives a contact that has none the contact ids of its row. It may be called
	// beside Record.
	Identify(k contact.Key, contactIDs []string) error
	// Refused is why the API refused a row of that key for good, and the digest of
	// that row; nil where it did not.
	Refused(k contact.Key) (contact.Digest, *contact.Failure, error)
	// Entries returns the next entries behind a key, in the order of keys, so many
	// at most. Of what is in doubt they say what it was before.
	Entries(after contact.Key, most int) ([]Entry, error)
	// Record takes all outcomes that the report has taken since it was last called.
	Record(outcomes ...*contact.Outcome) error
	// Correct takes note that a correction of a refused row is in with a key, and needed no
	// outcome. It may be called beside Record, and comes before the report has it.
	Correct(c contact.Correction, key contact.Key) error
	// Len is how many keys are known.
	Len() int
}

// An Entry is a contact that a sync left in the API.
type Entry struct {
	Key        contact.Key
	ID         string // of the profile
	ContactIDs []string
	Digest     contact.Digest // of the row that was sent last
	Touched    time.Time      // when the API last changed it, as far as is known; whole seconds
	Inactive   bool           // a mirror deactivated it, because it was missing from the source
	Made       bool           // this program created the profile, and it holds nobody else's
	Nameless   bool           // its contact ids are not known: it came from a redacted or purged report
	Sent       Marks          // of the values that were sent last
}

// A Need is what has to be sent for a row, as far as the state tells.
type Need uint8

const (
	NeedsCreate Need = iota
	NeedsUpdate      // it has changed, or a mirror had deactivated it
	NeedsTouch       // it has not, and would expire
	NeedsNothing
)

// clockError is how far ahead a time may be that comes from another clock. One
// further ahead is that of a clock which was wrong, and tells nothing.
const clockError = 24 * time.Hour

// Compare compares a row with what the last sync left of it, if anything. Where it
// is not known when the profile was touched, it is due.
func Compare(entry Entry, known bool, d contact.Digest, now time.Time, refreshAfter time.Duration) Need {
	switch {
	case !known:
		return NeedsCreate
	case entry.Digest != d || entry.Inactive:
		return NeedsUpdate
	case now.Sub(entry.Touched) >= refreshAfter, entry.Touched.Sub(now) > clockError:
		return NeedsTouch
	}
	return NeedsNothing
}

// NeedOf compares a row with the state. The entry is that of the row, where there is
// one.
func NeedOf(row *contact.Row, s State, refreshAfter time.Duration) (Need, Entry, error) {
	entry, known, err := s.Entry(row.Key)
	return Compare(entry, known, row.Digest, time.Now(), refreshAfter), entry, err
}

// Recognize gives a row the key that it had by the rule before contact.IDRule, or by an
// earlier mapping, where the journal or the state knows the contact by that one and not by
// the other. Without a state the journal says which one that was, where the row does not
// say it any more. A contact that an earlier mapping took for one, and that is several by
// now, is that of the first row.
func Recognize(row *contact.Row, keys *contact.Keys, state State) error {
	var former []contact.Key
	if row.Former != nil && !row.Rounded {
		former = append(former, contact.KeyOf(row.Former))
	}
	for _, ids := range row.Earlier {
		former = append(former, contact.KeyOf(ids))
	}
	as, noted := keys.KnownAs(row.Key)
	if noted = noted && state == nil; former == nil && !noted {
		return nil
	}
	known := func(k contact.Key) (bool, error) {
		if keys.Status(k) != 0 || state == nil {
			return keys.Status(k) != 0, nil
		}
		_, known, err := state.Entry(k)
		return known, err
	}
	if now, err := known(row.Key); now || err != nil {
		return err
	}
	if noted {
		row.Key = as
		return nil
	}
	for _, k := range former {
		if as, ok := keys.KnownAs(k); ok && state == nil {
			k = as
		}
		was, err := known(k)
		if err != nil {
			return err
		}
		if was && (row.Earlier == nil || !keys.Seen(k) && keys.Take(row.Key, k)) {
			row.Key = k
			return nil
		}
	}
	return nil
}

// Rekey finds the key by which earlier runs know the contact of a row, as Recognize
// does. Without a state, which knows it by its contact ids as well, the journal takes
// note of it: the source may be cleaned before the next run, and then no row tells.
func Rekey(row *contact.Row, keys *contact.Keys, state State, note func(key, as contact.Key) error) error {
	key := row.Key
	err := Recognize(row, keys, state)
	if _, noted := keys.KnownAs(key); err != nil || row.Key == key || noted || state != nil {
		return err
	}
	keys.KnowAs(key, row.Key)
	return note(key, row.Key)
}
