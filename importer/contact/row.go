package contact

import (
	"fmt"
	"iter"
	"slices"
	"strings"
)

// IDRule is the version of the rule of contact ids, which package idtext holds. Rule 1
// took values as they stood, without the space around them; reports and states from then
// hold its contact ids.
const IDRule = 2

// A Row is one record of a source, mapped and validated.
type Row struct {
	Source  string   // file name as given; "-" for standard input
	Line    int      // physical line on which the record starts, from 1
	Number  int64    // ordinal of the record in the whole input, from 1
	Key     Key      // KeyOf(Profile.ContactIDs), or of Former or one of Earlier where the contact is known by that
	Digest  Digest   // of the profile, as Profile.Measure makes it
	Bytes   int      // Profile.BodyBytes()
	Profile Profile  // what is wanted in the API
	Raw     []string // as read: the cells of a CSV record, or the one JSON text
	// Corrects is the refused row in whose place this one stands; nil where it is a row of
	// its own.
	Corrects *Correction
	// Original is the row as RawRows has it, where it is refused and corrects none.
	Original Key
	// Former are the contact ids that rule 1 gave the row (see IDRule); nil where they
	// are those of its profile, and where rule 1 refused the row because of them.
	Former []string
	// Earlier are the contact ids that mappings before this one gave the row, where they
	// are others: of each mapping that a report or state was adopted from.
	Earlier [][]string
	// Rounded says that Former are what a spreadsheet made of longer numbers: several
	// people may have had the same, and the row is not known by them.
	Rounded bool
	// Unread says that a value which should be a contact id could not be read as one, and
	// was left out because the row has another, or that Former cannot be told: whose the
	// row was is not known.
	Unread bool
	// LeftOut says that the mapping leaves the row out. It is not counted as read and
	// nothing is sent for it, but the source holds its contact, which therefore is
	// not missing. Such a row has no Number, and of the profile at most the contact ids.
	LeftOut bool
}

// Rows are the records of an input in their order. With a *RowError the Row is
// empty, one record is invalid, and the iteration goes on; any other error ends
// the input, and the iteration with it. The end of the input is not an error.
// Ranging over it twice reads the input twice, where it can be.
type Rows = iter.Seq2[Row, error]

// A RowError is a record that cannot be sent, and why.
type RowError struct {
	Source     string
	Line       int   // physical line on which the record starts, from 1
	Number     int64 // ordinal of the record in the whole input, from 1
	ContactIDs []string
	Former     []string   // as of a Row
	Earlier    [][]string // as of a Row
	Unread     bool       // as of a Row
	Corrects   *Correction
	Field      string // field or column at fault; empty where the whole record is
	Reason     string // what is wrong, for people
	Hint       string // what to do about it
	Raw        []string
}

func (e *RowError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d: ", e.Source, e.Line)
	if e.Field != "" {
		fmt.Fprintf(&b, "%s: ", e.Field)
	}
	b.WriteString(e.Reason)
	if e.Hint != "" {
		fmt.Fprintf(&b, " (%s)", e.Hint)
	}
	return b.String()
}

// FormerIDs are the contact ids that the row had by each of the rules before this one.
func (r *Row) FormerIDs() [][]string {
	if r.Former == nil {
		return r.Earlier
	}
	return append(slices.Clip(r.Earlier), r.Former)
}

// SentAs are the contact ids that may have been sent for the row: those of its key, where
// that is of an earlier rule and a run of that time sent them, and those that it has now.
func (r *Row) SentAs() [][]string {
	for _, ids := range r.FormerIDs() {
		if r.Key == KeyOf(ids) {
			return [][]string{ids, r.Profile.ContactIDs}
		}
	}
	return [][]string{r.Profile.ContactIDs}
}

// IsSentAs tells whether a profile with these contact ids holds all that may have been sent.
func (r *Row) IsSentAs(held []string) bool {
	return slices.ContainsFunc(r.SentAs(), func(ids []string) bool {
		return !slices.ContainsFunc(ids, func(id string) bool { return !slices.Contains(held, id) })
	})
}

// Stamp writes the key into a field of the profile. It is refused where that makes the
// profile too long.
func (r *Row) Stamp(field string) *RowError {
	p := r.Profile
	p.Fields = append(p.Fields[:len(p.Fields):len(p.Fields)], Field{Name: field, Value: StringValue(r.Key.String())})
	SortFields(p.Fields)
	r.Profile = p
	if n := p.BodyBytes(); n > MaxBodyBytes {
		return &RowError{Source: r.Source, Line: r.Line, Number: r.Number, ContactIDs: p.ContactIDs, Corrects: r.Corrects, Field: field, Raw: r.Raw,
			Reason: fmt.Sprintf("with the stamp the request is %d bytes, and the API takes %d", n, MaxBodyBytes), Hint: "shorten a field of this row"}
	}
	return nil
}

// says is a digest of what the row says about its contact, whatever the order of its
// contact ids.
func (r *Row) says() Digest {
	if slices.IsSorted(r.Profile.ContactIDs) {
		return r.Digest
	}
	p := r.Profile
	p.ContactIDs = slices.Sorted(slices.Values(p.ContactIDs))
	digest, _ := p.Measure()
	return digest
}
