package whose

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"importer/importer/contact"
)

func TestWhoHoldsTheContactIDsOfARow(t *testing.T) {
	at := func(id string, changed int64, contactIDs ...string) contact.Found {
		return contact.Found{ID: id, ContactIDs: contactIDs, LastChanged: time.Unix(changed, 0)}
	}
	for _, c := range []struct {
		row    []string
		found  []contact.Found
		holder string
		others []string
	}{
		{[]string{"a"}, []contact.Found{at("1", 1, "a")}, "1", nil},
		{[]string{"a", "b"}, []contact.Found{at("1", 1, "b")}, "1", nil},
		{[]string{"a", "b"}, []contact.Found{at("1", 1, "b", "a")}, "1", nil},
		{[]string{"a"}, []contact.Found{at("2", 2, "a"), at("1", 1, "a")}, "1", nil}, // twins: the older
		{[]string{"a", "b"}, []contact.Found{at("1", 1, "b"), at("2", 2, "a")}, "2", []string{"1"}},
		{[]string{"a", "b"}, []contact.Found{at("1", 1, "b"), at("2", 2, "a", "b")}, "2", nil},
		{[]string{"a", "b", "c"}, []contact.Found{at("1", 1, "b"), at("2", 2, "a"), at("3", 3, "c")}, "2", []string{"1", "3"}},
	} {
		holder, others := HolderOf(c.row, slices.Clone(c.found))
		var ids []string
		for _, o := range others {
			ids = append(ids, o.ID)
		}
		if holder.ID != c.holder || fmt.Sprint(ids) != fmt.Sprint(c.others) {
			t.Errorf("%v of %v: %s and %v, want %s and %v", c.row, c.found, holder.ID, ids, c.holder, c.others)
		}
	}
}
