package change

import (
	"testing"

	"importer/importer/contact"
)

// What a spreadsheet made of longer numbers may have been several people's: nobody is
// known by it, and the contact that has it is not missing.
func TestRoundedFormerIDs(t *testing.T) {
	was := []string{"4.92E+11"}
	for _, rounded := range []bool{false, true} {
		keys := contact.NewKeys()
		keys.Set(contact.KeyOf(was), contact.Created)
		row := contact.Row{Key: contact.KeyOf([]string{"491512345678"}), Former: was, Rounded: rounded}
		keys.KeepFormer(&row)
		if err := Recognize(&row, keys, nil); err != nil {
			t.Fatal(err)
		}
		if known := row.Key == contact.KeyOf(was); known == rounded {
			t.Errorf("rounded %t: known by it %t", rounded, known)
		}
		if !keys.Holds(contact.KeyOf(was), was) {
			t.Errorf("rounded %t: the contact is missing", rounded)
		}
	}
}

// A refused row of which nobody can tell what it was known by may be anybody's.
func TestUnreadRefusedRow(t *testing.T) {
	for _, unread := range []bool{false, true} {
		c := &Census{Mirror: &Mirror{}, Keys: contact.NewKeys()}
		c.Spare(contact.OutcomeOf(&contact.RowError{ContactIDs: []string{"42"}, Unread: unread}))
		if nameless := c.nameless == 1; nameless != unread {
			t.Errorf("unread %t: nameless %t", unread, nameless)
		}
	}
}
