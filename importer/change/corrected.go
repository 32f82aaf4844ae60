package change

import (
	"slices"
	"time"

	"importer/importer/contact"
)

// Corrections tell the refused rows of an input, and which of them are settled because
// corrected rows of a reject file went in for them. The source still holds such a row as
// it was. It has one owner, the feeder.
type Corrections struct {
	Raws  *contact.RawRows // nil: no row is told by how it stands in the source
	Keys  *contact.Keys
	State State // nil in the mode create
	// UpdateOnly is as of the run: who is not there is left out, and in.
	UpdateOnly bool
}

// Invalid tells whether a row that is refused here is settled, also where it is one of a
// reject file that nobody has changed.
func (c *Corrections) Invalid(o *contact.Outcome) (bool, error) {
	switch corrects := o.Row.Corrects; {
	case c.Raws == nil, corrects != nil && c.Raws.Key(&o.Row) != corrects.Row:
		return false, nil
	case corrects != nil:
		o.Row.Original = corrects.Row
	default:
		o.Row.Original = c.Raws.Refused(&o.Row)
	}
	corrected, ok, err := c.settled(o.Row.Original)
	if ok {
		c.keep(&o.Row, corrected)
	}
	return ok, err
}

// Valid tells whether a row is settled that can be sent. That of a contact who is known,
// or was corrected, is not, unless the API refused these very values.
func (c *Corrections) Valid(row *contact.Row) (bool, error) {
	if c.Raws == nil || row.Corrects != nil || !c.Keys.HasCorrections() {
		return false, nil
	}
	original := c.Raws.Key(row)
	corrected, ok, err := c.settled(original)
	if !ok || err != nil {
		return false, err
	}
	if !wasRefused(row, corrected.Digest) && c.isKnownAs(row) {
		return false, nil
	}
	row.Original = original
	c.keep(row, corrected)
	return true, nil
}

// Twice refuses a row of a reject file that would make another contact of a row for which
// one is in since it was refused. It is nil of any other.
func (c *Corrections) Twice(row *contact.Row) (*contact.RowError, error) {
	if row.Corrects == nil || c.isKnown(row.Key) {
		return nil, nil
	}
	corrected, _ := c.Keys.Corrected(row.Corrects.Row)
	if ok, err := c.areIn(corrected.SettledBefore(*row.Corrects)); !ok || err != nil {
		return nil, err
	}
	return &contact.RowError{
		Source: row.Source, Line: row.Line, Number: row.Number, ContactIDs: row.Profile.ContactIDs, Corrects: row.Corrects, Raw: row.Raw,
		Reason: "an earlier correction of the same row is in, with other contact ids",
		Hint:   "leave this one out; or clear its cell _ref, and it is imported beside that one as a row of its own",
	}, nil
}

// settled finds a refused row whose corrections are in, and are there still.
func (c *Corrections) settled(original contact.Key) (corrected contact.Corrected, ok bool, err error) {
	corrected, _ = c.Keys.Corrected(original)
	ok, err = c.areIn(corrected.SettledBy())
	return corrected, ok, err
}

// areIn tells whether all contacts of either of some lists are in.
func (c *Corrections) areIn(either [][]contact.Key) (ok bool, err error) {
	for _, keys := range either {
		ok = true
		for _, key := range keys {
			in, err := c.isIn(key)
			if err != nil {
				return false, err
			}
			ok = ok && in
		}
		if ok {
			return true, nil
		}
	}
	return false, nil
}

// isIn tells whether a contact is in, and stays as it is.
func (c *Corrections) isIn(key contact.Key) (bool, error) {
	if c.State == nil {
		s := c.Keys.Status(key)
		return s.In() && s != contact.Deleted, nil
	}
	entry, known, err := c.State.Entry(key)
	return known && !entry.Inactive || !known && c.UpdateOnly, err
}

// isKnown tells whether a contact is in by its own contact ids.
func (c *Corrections) isKnown(key contact.Key) bool {
	if s := c.Keys.Status(key); s.In() && s != contact.Deleted {
		return true
	}
	if c.State == nil {
		return false
	}
	_, known, err := c.State.Entry(key)
	return known || err != nil
}

// isKnownAs tells whether a contact is in by the contact ids that its row has, or had by an
// earlier rule.
func (c *Corrections) isKnownAs(row *contact.Row) bool {
	return c.isKnown(row.Key) || slices.ContainsFunc(row.FormerIDs(), func(ids []string) bool { return c.isKnown(contact.KeyOf(ids)) })
}

// wasRefused tells whether the API refused the very values of a row, by whichever of the
// contact ids that it has, or had by an earlier rule.
func wasRefused(row *contact.Row, refused contact.Digest) bool {
	return row.Digest == refused || slices.ContainsFunc(row.FormerIDs(), func(ids []string) bool {
		former := row.Profile
		former.ContactIDs = ids
		digest, _ := former.Measure()
		return digest == refused
	})
}

// keep has a mirror keep whom a settled row is about, under the contact ids of the
// correction and under its own, also those that it had by earlier rules.
func (c *Corrections) keep(row *contact.Row, corrected contact.Corrected) {
	for _, key := range corrected.Keys {
		c.Keys.KeepKey(key)
	}
	for _, ids := range append(slices.Clip(row.FormerIDs()), row.Profile.ContactIDs) {
		c.Keys.Keep(ids)
	}
}

// Due is a profile of a settled row that would expire; false where there is none. Nothing
// else sees to it, because the source does not hold the row that it came from.
func (c *Corrections) Due(row *contact.Row, refreshAfter time.Duration) (due Entry, ok bool, err error) {
	if c.State == nil {
		return Entry{}, false, nil
	}
	corrected, _ := c.Keys.Corrected(row.Original)
	for _, key := range corrected.Keys {
		entry, known, err := c.State.Entry(key)
		if err != nil {
			return Entry{}, false, err
		}
		if known && !c.Keys.Seen(key) && Compare(entry, true, entry.Digest, time.Now(), refreshAfter) == NeedsTouch {
			return entry, true, nil
		}
	}
	return Entry{}, false, nil
}

// Note takes note of a correction that needs no request, because its contact is in as it
// should be. The journal has to know of it for the next run, and the state for those after.
func (c *Corrections) Note(row *contact.Row, journal func(contact.Correction, contact.Key) error) error {
	if row.Corrects == nil {
		return nil
	}
	was, settled, err := c.settled(row.Corrects.Row)
	if err != nil || settled && slices.Contains(was.Keys, row.Key) && was.Digest == row.Corrects.Digest {
		return err
	}
	if c.State != nil {
		keys := []contact.Key{row.Key}
		for _, ids := range row.Earlier { // somebody may be there twice, by ids of two rules
			key := contact.KeyOf(ids)
			if _, known, err := c.State.Entry(key); err != nil {
				return err
			} else if known {
				keys = append(keys, key)
			}
		}
		for _, key := range keys {
			if err := c.State.Correct(*row.Corrects, key); err != nil {
				return err
			}
		}
	}
	c.Keys.Correct(*row.Corrects, row.Key, true)
	return journal(*row.Corrects, row.Key)
}
