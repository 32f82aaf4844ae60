package change

import (
	"testing"
	"time"

	"importer/importer/contact"
)

func fields(nameValue ...string) (all []contact.Field) {
	for i := 0; i < len(nameValue); i += 2 {
		all = append(all, contact.Field{Name: nameValue[i], Value: []byte(nameValue[i+1])})
	}
	return all
}

// What an update sends, by what is known of the API and of what was sent last. The
// profile belongs to others as well: what the row says nothing new about stays.
func TestWhatAnUpdateSends(t *testing.T) {
	yes, no := true, false
	merges := contact.Behaviour{Patch: contact.PatchMerges}
	addsIDs := contact.Behaviour{PatchIDs: contact.PatchMerges}
	found := contact.Found{ContactIDs: []string{"a", "z"}, Active: true, CreatedAt: time.Unix(7, 0), Fields: fields(
		"age", "42", "createdAt", "7", "firstname", `"A"`, "privacy_policy", `{"b":1,"a":2}`, "profileId", `"65f1"`)}
	for _, c := range []struct {
		name   string
		row    contact.Profile
		sent   contact.Profile // before
		found  func(*contact.Found)
		same   bool
		revive bool
		api    contact.Behaviour
		want   string // empty: nothing
	}{
		{name: "as it is", row: contact.Profile{ContactIDs: []string{"a"}, Fields: fields("firstname", `"A"`)}},
		{name: "the same values, written otherwise", row: contact.Profile{ContactIDs: []string{"a"}, Fields: fields("age", "4.2e1", "firstname", `"\u0041"`, "privacy_policy", `{"a":2,"b":1}`)}},
		{name: "whole where the API may replace", row: contact.Profile{ContactIDs: []string{"a"}, Fields: fields("firstname", `"B"`)},
			want: `{"profile":{"age":42,"firstname":"B","privacy_policy":{"b":1,"a":2}}}`},
		{name: "the same where it is known to", row: contact.Profile{ContactIDs: []string{"a"}, Fields: fields("firstname", `"B"`)}, api: contact.Behaviour{Patch: contact.PatchReplaces},
			want: `{"profile":{"age":42,"firstname":"B","privacy_policy":{"b":1,"a":2}}}`},
		{name: "what differs where it merges", row: contact.Profile{ContactIDs: []string{"a"}, Fields: fields("age", "42", "firstname", `"B"`)}, api: merges,
			want: `{"profile":{"firstname":"B"}}`},
		{name: "a new field", row: contact.Profile{ContactIDs: []string{"a"}, Fields: fields("city", `"X"`)},
			want: `{"profile":{"age":42,"city":"X","firstname":"A","privacy_policy":{"b":1,"a":2}}}`},
		{name: "a custom field that is called like the server's", row: contact.Profile{Fields: fields("firstname", `"B"`)}, found: func(f *contact.Found) { f.CreatedAt = time.Unix(8, 0) },
			want: `{"profile":{"age":42,"createdAt":7,"firstname":"B","privacy_policy":{"b":1,"a":2}}}`},
		{name: "the server's own is never sent", row: contact.Profile{ContactIDs: []string{"a"}, Fields: fields("profileId", `"other"`)}},
		{name: "a new contact id", row: contact.Profile{ContactIDs: []string{"b", "a"}}, want: `{"contactIds":["a","z","b"]}`},
		{name: "a new contact id where they are added", row: contact.Profile{ContactIDs: []string{"b", "a"}}, api: addsIDs, want: `{"contactIds":["b"]}`},
		{name: "an id that somebody took away", row: contact.Profile{ContactIDs: []string{"b", "a"}}, same: true},
		{name: "active", row: contact.Profile{ContactIDs: []string{"a"}, Active: &no}, want: `{"active":false}`},
		{name: "active as it is", row: contact.Profile{ContactIDs: []string{"a"}, Active: &yes}},
		{name: "deactivated by others", row: contact.Profile{ContactIDs: []string{"a"}}, found: func(f *contact.Found) { f.Active = false }},
		{name: "deactivated by others, and mapped", row: contact.Profile{ContactIDs: []string{"a"}, Active: &yes}, sent: contact.Profile{Active: &yes}, found: func(f *contact.Found) { f.Active = false }},
		{name: "deactivated by a mirror", row: contact.Profile{ContactIDs: []string{"a"}}, found: func(f *contact.Found) { f.Active = false }, revive: true, want: `{"active":true}`},
		{name: "deactivated by a mirror, and mapped", row: contact.Profile{ContactIDs: []string{"a"}, Active: &yes}, sent: contact.Profile{Active: &yes}, found: func(f *contact.Found) { f.Active = false }, revive: true, want: `{"active":true}`},
		{name: "deactivated by both", row: contact.Profile{ContactIDs: []string{"a"}, Active: &no}, found: func(f *contact.Found) { f.Active = false }, revive: true},
		{name: "changed by others since it was sent", row: contact.Profile{Fields: fields("age", "43", "firstname", `"B"`)}, sent: contact.Profile{Fields: fields("firstname", `"B"`)},
			want: `{"profile":{"age":43,"firstname":"A","privacy_policy":{"b":1,"a":2}}}`},
		{name: "lost since it was sent", row: contact.Profile{Fields: fields("city", `"X"`, "firstname", `"B"`)}, sent: contact.Profile{Fields: fields("city", `"X"`, "firstname", `"B"`)}, api: merges,
			want: `{"profile":{"city":"X"}}`},
		{name: "changed by others since it was sent, and not by the row", row: contact.Profile{Fields: fields("firstname", `"B"`)}, sent: contact.Profile{Fields: fields("age", "1", "firstname", `"B"`)}},
	} {
		f := found
		if c.found != nil {
			c.found(&f)
		}
		u := Update{Row: c.row, Sent: MarksOf(c.sent), SameIDs: c.same, Revive: c.revive, API: c.api}
		want, differs := u.Of(f)
		if differs != (c.want != "") || differs && string(want.AppendUpdateBody(nil)) != c.want {
			t.Errorf("%s: %s, want %s", c.name, want.AppendUpdateBody(nil), c.want)
		}
	}
}

// Where the API merges and what was sent is known, nothing is read.
func TestWhatAnUpdateSendsUnread(t *testing.T) {
	yes := true
	row := contact.Profile{ContactIDs: []string{"a"}, Active: &yes, Fields: fields("age", "42", "firstname", `"B"`)}
	known := MarksOf(contact.Profile{Active: &yes, Fields: fields("age", "42", "firstname", `"A"`)})
	merges := contact.Behaviour{Patch: contact.PatchMerges}
	for _, c := range []struct {
		name     string
		u        Update
		want     string // empty: it has to be read
		requests int64
	}{
		{"one field", Update{Row: row, Sent: known, SameIDs: true, API: merges}, `{"profile":{"firstname":"B"}}`, 1},
		{"and deactivated by a mirror", Update{Row: row, Sent: known, SameIDs: true, Revive: true, API: merges}, `{"active":true,"profile":{"firstname":"B"}}`, 1},
		{"nothing", Update{Row: row, Sent: MarksOf(row), SameIDs: true, API: merges}, `{}`, 0},
		{"another contact id", Update{Row: row, Sent: known, API: merges}, "", 2},
		{"of an older state", Update{Row: row, SameIDs: true, API: merges}, "", 2},
		{"of a later version", Update{Row: row, Sent: append(Marks{9}, known[1:]...), SameIDs: true, API: merges}, "", 2},
		{"cut off", Update{Row: row, Sent: known[:len(known)-1], SameIDs: true, API: merges}, "", 2},
		{"an API that replaces", Update{Row: row, Sent: known, SameIDs: true, API: contact.Behaviour{Patch: contact.PatchReplaces}}, "", 2},
		{"an API of which nothing is known", Update{Row: row, Sent: known, SameIDs: true}, "", 2},
	} {
		want, unread := c.u.Unread()
		if unread != (c.want != "") || unread && string(want.AppendUpdateBody(nil)) != c.want {
			t.Errorf("%s: %t, %s, want %s", c.name, unread, want.AppendUpdateBody(nil), c.want)
		}
		if got := c.u.Requests(false); got != c.requests {
			t.Errorf("%s: %d requests, want %d", c.name, got, c.requests)
		}
		if got := c.u.Requests(true); got != 2 {
			t.Errorf("%s, and what it takes away is kept: %d requests", c.name, got)
		}
	}
}

// What somebody else changed shows, and what the update changed does not.
func TestRaced(t *testing.T) {
	before := contact.Found{ContactIDs: []string{"a"}, Active: true, Fields: fields("age", "1", "consent", "true")}
	sent := contact.Profile{Fields: fields("age", "2", "consent", "true")}
	for _, c := range []struct {
		name  string
		after contact.Found
		raced bool
	}{
		{"as sent", contact.Found{ContactIDs: []string{"a"}, Active: true, Fields: fields("age", "2", "consent", "true")}, false},
		{"in another form", contact.Found{ContactIDs: []string{"a"}, Active: true, Fields: fields("age", "2.0", "consent", "true", "profileId", `"x"`)}, false},
		{"a consent", contact.Found{ContactIDs: []string{"a"}, Active: true, Fields: fields("age", "2", "consent", "false")}, true},
		{"a memory", contact.Found{ContactIDs: []string{"a"}, Active: true, Fields: fields("age", "2", "consent", "true", "memories", "[]")}, true},
		{"a field that is gone", contact.Found{ContactIDs: []string{"a"}, Active: true, Fields: fields("age", "2")}, true},
		{"a contact id", contact.Found{ContactIDs: []string{"a", "b"}, Active: true, Fields: fields("age", "2", "consent", "true")}, true},
		{"no contact id", contact.Found{Active: true, Fields: fields("age", "2", "consent", "true")}, true},
		{"deactivated", contact.Found{ContactIDs: []string{"a"}, Fields: fields("age", "2", "consent", "true")}, true},
	} {
		if got := Raced(before, c.after, sent); got != c.raced {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}

func TestWhatAnUndoSends(t *testing.T) {
	was := &contact.Profile{ContactIDs: []string{"a"}, Fields: fields("city", "null", "firstname", `"A"`)}
	row := WrittenRow{Previous: was, ContactIDs: []string{"a", "b"}}
	found := contact.Found{ContactIDs: []string{"a", "b", "chat"}, Active: true, Fields: fields("city", `"X"`, "firstname", `"B"`, "location", `"K"`, "profileId", `"p"`)}
	for _, c := range []struct {
		name string
		api  contact.Behaviour
		want string
		left bool
	}{
		{"either way", contact.Behaviour{}, `{"contactIds":["a","chat"],"profile":{"firstname":"A","location":"K"}}`, false},
		{"merging", contact.Behaviour{Patch: contact.PatchMerges}, `{"contactIds":["a","chat"],"profile":{"firstname":"A"}}`, true},
		{"adding contact ids", contact.Behaviour{PatchIDs: contact.PatchMerges}, `{"profile":{"firstname":"A","location":"K"}}`, true},
	} {
		want, differs, left := Restored(found, row, c.api)
		if got := string(want.AppendUpdateBody(nil)); !differs || left != c.left || got != c.want {
			t.Errorf("%s: %t, %t, %s", c.name, differs, left, got)
		}
	}
	if want, differs, left := Restored(contact.Found{ContactIDs: []string{"a"}, Active: true, Fields: fields("firstname", `"A"`)}, row, contact.Behaviour{}); differs || left {
		t.Errorf("as it was: %s", want.AppendUpdateBody(nil))
	}
}
