package contact

import (
	"errors"
	"fmt"
	"hash/maphash"

	"importer/internal/words"
)

// Duplicates says which of several rows with the same contact ids goes in.
type Duplicates uint8

const (
	FirstWins Duplicates = iota // the others are duplicate
	LastWins                    // the others are duplicate; Keys must come from ReadLast
	NoneTwice                   // the first, and the others are invalid
)

// ParseDuplicates reads first, last or error.
func ParseDuplicates(s string) (Duplicates, error) {
	i, err := words.Choice(s, "first", "last", "error")
	return Duplicates(i), err
}

// ReadLast reads the input once and notes in keys where each contact stands last,
// for a run in which the last of several rows wins.
func ReadLast(rows Rows, keys *Keys) error {
	for row, err := range rows {
		if err == nil {
			keys.SeeLast(row.Key, &row)
		} else if _, invalid := errors.AsType[*RowError](err); !invalid {
			return err
		}
	}
	return nil
}

// Expect reads the input once and counts its rows, and those of which the report
// does not know what became: at least so many requests are to be expected, except
// where they repeat a contact.
func Expect(rows Rows, keys *Keys) (read, requests int64, err error) {
	for row, err := range rows {
		if err != nil {
			if _, invalid := errors.AsType[*RowError](err); !invalid {
				return read, requests, err
			}
		} else if s := keys.Status(row.Key); !s.In() || s == Deleted {
			requests++
		}
		read++
	}
	return read, requests, nil
}

// An Identity tells rows of the same contact apart from others. It has one owner,
// the feeder.
type Identity struct {
	keys    *Keys
	policy  Duplicates
	remarks *Remarks
	// shared are the single contact ids of rows that have several.
	shared *Keys
	twins  twins
}

// NewIdentity returns the judge of one input; keys are those of the report, and it
// makes its remarks about rows that go in or repeat another one.
func NewIdentity(keys *Keys, policy Duplicates, remarks *Remarks) *Identity {
	return &Identity{keys: keys, policy: policy, remarks: remarks, shared: NewKeys(), twins: twins{seed: maphash.MakeSeed()}}
}

// Admit judges a row by those before it: an outcome where it repeats one, or
// where it has some contact ids in common with another row, but not all.
func (d *Identity) Admit(row *Row) *Outcome {
	d.keys.KeepFormer(row)
	if d.policy == LastWins {
		if last, number := d.keys.Place(row.Key); number != row.Number {
			return d.duplicate(row, last)
		}
	} else if first, again := d.keys.See(row.Key, row); again {
		if d.policy == NoneTwice {
			return d.refuse(row, first, "has the same contact ids as this row", "keep one of the two rows")
		}
		return d.duplicate(row, first)
	}
	if o := d.overlap(row); o != nil {
		return o
	}
	d.findTwin(row)
	return nil
}

// duplicate is the outcome of a row that repeats the one at a place.
func (d *Identity) duplicate(row *Row, first Place) *Outcome {
	o := &Outcome{Row: *row, Status: Duplicate, First: first, Differs: d.keys.SaysOther(row)}
	if o.Differs {
		d.remarks.add(Differ, row, first)
	}
	return o
}

// overlap finds a row that has some of this row's contact ids. Two profiles that
// share a contact id are a defect in the API, and a program cannot guess which row
// is meant.
func (d *Identity) overlap(row *Row) *Outcome {
	ids := row.Profile.ContactIDs
	const reason, hint = "has some of this row's contact ids, but not all", "merge the two rows, or take the contact id they share out of one"
	if len(ids) == 1 {
		if other, number := d.shared.Place(row.Key); number > 0 {
			return d.refuse(row, other, reason, hint)
		}
		return nil
	}
	single := make([]Key, len(ids))
	for i, id := range ids {
		single[i] = KeyOf([]string{id})
		other, number := d.shared.Place(single[i])
		if number == 0 {
			other, number = d.keys.Place(single[i])
		}
		if number > 0 {
			return d.refuse(row, other, reason, hint)
		}
	}
	for _, k := range single {
		d.shared.See(k, row)
	}
	return nil
}

func (d *Identity) refuse(row *Row, other Place, reason, hint string) *Outcome {
	return OutcomeOf(&RowError{
		Source: row.Source, Line: row.Line, Number: row.Number, ContactIDs: row.Profile.ContactIDs, Corrects: row.Corrects, Raw: row.Raw,
		Field: "contactIds", Reason: fmt.Sprintf("line %d: the row at %s %s", row.Line, other, reason), Hint: hint,
	})
}
