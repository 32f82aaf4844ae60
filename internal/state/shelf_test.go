package state

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"

	"importer/importer/contact"
	"importer/importer/idrule"
	"importer/internal/sqlfile"
)

// held is what a state holds, as a Shelf would keep it.
func held(t *testing.T, s *State) string {
	t.Helper()
	tables, err := tablesOf(s.conn)
	if err != nil {
		t.Fatal(err)
	}
	m := &MemoryShelf{}
	if err := m.Save(true, (&workingCopy{conn: s.conn, tables: tables}).all); err != nil {
		t.Fatal(err)
	}
	return m.String()
}

// Whatever is done with a state, after each commit the Shelf holds what the state does.
func TestShelfHoldsWhatTheStateDoes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	m := &MemoryShelf{}
	s := openShelved(t, m)
	for round := range 300 {
		for range random.IntN(8) {
			if err := anything(s, random); err != nil {
				t.Fatal(err)
			}
		}
		if random.IntN(20) == 0 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openShelved(t, m)
		} else if err := s.Commit(); err != nil {
			t.Fatal(err)
		}
		if want, got := held(t, s), m.String(); round > 0 && want != got {
			t.Fatalf("after round %d the Shelf holds\n%s\nand the state\n%s", round, got, want)
		}
	}
	if s.Len() == 0 || len(m.Tables["refused"]) == 0 || len(m.Tables["corrected"]) == 0 {
		t.Errorf("too little came of it: %s", m)
	}
	if err := s.Close(); err != nil || m.Wholes != 1 {
		t.Errorf("%d of %d saves were of all rows, %v", m.Wholes, m.Saves, err)
	}
}

// anything does one of all things that change a state.
func anything(s *State, random *rand.Rand) error {
	n := random.IntN(12)
	o := outcome(n, contact.Created, byte(random.IntN(3)))
	keys := []contact.Key{o.Row.Key, outcome(random.IntN(12), 0, 0).Row.Key}
	intent := []contact.Intent{contact.ToUpdate, contact.ToTouch, contact.ToRemove}[random.IntN(3)]
	switch random.IntN(14) {
	case 0:
		return s.Doubt(keys, intent)
	case 1:
		return s.TakeBack(keys, intent)
	case 2:
		return s.Identify(o.Row.Key, []string{"a", "b <ü>"})
	case 3:
		return s.Correct(contact.Correction{Row: o.Row.Key, By: "01A"}, keys[1])
	case 4:
		return s.Use([]string{"01A", "01B"}[random.IntN(2)])
	case 5:
		return s.SetAnew(random.IntN(2) == 0)
	case 6:
		return s.Note(Source{Report: []string{"01A", "01B"}[random.IntN(2)], Run: "01B"}, random.Int64N(5))
	case 7: // another profile, or one that another key had
		o.ID = outcome(random.IntN(12), 0, 0).ID
	case 8: // known by other ids from here on
		o.Row.Earlier = [][]string{{"old"}}
		o.Row.Profile.ContactIDs = outcome(random.IntN(12), 0, 0).Row.Profile.ContactIDs
	}
	o.Status = []contact.Status{contact.Created, contact.Updated, contact.Unchanged, contact.Deactivated, contact.Deleted, contact.Absent, contact.Rejected, contact.Failed}[random.IntN(8)]
	if o.Status == contact.Rejected {
		o.Failure = &contact.Failure{HTTP: 400, Detail: "no"}
	}
	return s.Record(o)
}

// What the tables of a state have to be like, so that a Shelf can keep their rows: each
// has a primary key of texts and bytes, and no column holds NULL.
func TestTablesSuitAShelf(t *testing.T) {
	s := openShelved(t, &MemoryShelf{})
	defer s.Close()
	for _, table := range s.copy.tables {
		if len(table.key) == 0 {
			t.Errorf("the table %s has no primary key", table.name)
		}
	}
	if err := sqlfile.Run(s.conn, `SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND NOT c."notnull"`, func(stmt *sqlite.Stmt) error {
		if key := stmt.ColumnText(1); !slices.Contains([]string{"name", "key"}, key) {
			t.Errorf("%s.%s may hold NULL", stmt.ColumnText(0), key)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// What this version writes on a Shelf, later ones read.
func TestRowsOnAShelf(t *testing.T) {
	m := &MemoryShelf{}
	s := openShelved(t, m)
	made := outcome(1, contact.Created, 1)
	made.Row.Key, made.Row.Profile.Fields = contact.Key([]byte("key of a contact")), []contact.Field{{Name: "age", Value: []byte("42")}}
	made.Row.Profile.ContactIDs = []string{"ü & \"b\""}
	refused := outcome(2, contact.Rejected, 2)
	refused.Row.Key, refused.Failure = contact.Key([]byte("key of a refused")), &contact.Failure{HTTP: 400, Detail: "no"}
	if err := errors.Join(s.Record(made, refused), s.Correct(contact.Correction{Row: contact.Key([]byte("refused row     ")), By: "01A"}, refused.Row.Key), s.Close()); err != nil {
		t.Fatal(err)
	}
	const want = `contact "key of a contact" {"id":"000000000000000000000001","digest":"AQAAAAAAAAAAAAAAAAAAAQ==","touched":1000000000,"inactive":0,"contact_ids":"[\"ü \\u0026 \\\"b\\\"\"]","made":1,"sent":"AaJ7sES1ChtC","changing":0,"removing":0}
corrected "\x10refused row     key of a refused" {"digest":"AAAAAAAAAAAAAAAAAAAAAA==","run":"01A","is_in":1}
meta "base_url" {"value":"https://x"}
meta "project_id" {"value":"p"}
refused "key of a refused" {"digest":"AgAAAAAAAAAAAAAAAAAAAg==","failure":"{\"http\":400,\"detail\":\"no\"}"}
version "version" 4
`
	if got := m.String(); got != want {
		t.Errorf("the Shelf holds\n%s\nwant\n%s", got, want)
	}
	s = openShelved(t, m)
	if got := held(t, s); got != want || s.Len() != 1 {
		t.Errorf("loaded again it is\n%s", got)
	}
	if err := s.Close(); err != nil || m.Saves != 1 {
		t.Errorf("nothing was changed, and %d saves, %v", m.Saves, err)
	}
}

// older is a state as the second version left it.
func older() *MemoryShelf {
	return &MemoryShelf{Tables: map[string]map[string][]byte{
		"version": {"version": []byte("2")},
		"meta":    {"base_url": []byte(`{"value":"https://x"}`), "project_id": []byte(`{"value":"p"}`)},
		"contact": {
			"key of a contact": []byte(`{"made":1,"sent":"","id":"1","digest":"AQAAAAAAAAAAAAAAAAAAAQ==","touched":1000000000,"inactive":1,"contact_ids":"[]"}`),
			"key of another..": []byte(`{"made":0,"sent":"AQ==","id":"2","digest":"AQAAAAAAAAAAAAAAAAAAAQ==","touched":1000000000,"inactive":0,"contact_ids":"[]"}`),
		},
		"refused": {"key of a refused": []byte(`{"digest":"AgAAAAAAAAAAAAAAAAAAAg==","failure":"{}"}`)},
	}}
}

// A state of an older version is led forward, all of it with the first commit, or not at
// all.
func TestAnOlderStateOnAShelf(t *testing.T) {
	m := older()
	before := m.String()
	m.Fail = func(save int) Failure { return []Failure{Lost, Kept}[save-1] }
	s := openShelved(t, m)
	if err := s.Close(); !errors.Is(err, ErrShelf) || m.String() != before {
		t.Fatalf("%v: %s", err, m)
	}
	s = openShelved(t, m)
	o := outcome(1, contact.Deleted, 1)
	o.Row.Key = contact.Key([]byte("key of another.."))
	if err := errors.Join(s.Record(o), s.Close()); err != nil {
		t.Fatal(err)
	}
	const want = `contact "key of a contact" {"id":"1","digest":"AQAAAAAAAAAAAAAAAAAAAQ==","touched":1000000000,"inactive":1,"contact_ids":"[]","made":1,"sent":"","changing":0,"removing":0}
meta "base_url" {"value":"https://x"}
meta "project_id" {"value":"p"}
refused "key of a refused" {"digest":"AgAAAAAAAAAAAAAAAAAAAg==","failure":"{}"}
version "version" 4
`
	if got := m.String(); got != want {
		t.Errorf("it is\n%s\nwant\n%s", got, want)
	}
}

// What cannot be read is refused, and stays as it is.
func TestAStateOnAShelfThatCannotBeRead(t *testing.T) {
	const whole = `{"made":1,"sent":"","id":"1","digest":"AQAAAAAAAAAAAAAAAAAAAQ==","touched":1000000000,"inactive":1,"contact_ids":"[]"}`
	contactOf := func(value string) func(*MemoryShelf) {
		return func(m *MemoryShelf) { m.Tables["contact"]["key of a contact"] = []byte(value) }
	}
	for _, c := range []struct {
		name   string
		change func(*MemoryShelf)
		want   string
	}{
		{"a newer version", func(m *MemoryShelf) { m.Tables["version"]["version"] = []byte("99") }, "it has version 99, and this program knows versions up to 4: use a newer one"},
		{"no version", func(m *MemoryShelf) { m.Tables["version"]["version"] = []byte("0") }, `its version is "0"`},
		{"not a number", func(m *MemoryShelf) { m.Tables["version"]["version"] = []byte("two") }, `its version is "two"`},
		{"no object", contactOf("[]"), "no JSON object"},
		{"cut", contactOf(whole[:40]), "the row 6b6579206f66206120636f6e74616374 of its table contact"},
		{"more behind it", contactOf(whole + "{}"), "it goes on behind its end"},
		{"a column less", contactOf(strings.Replace(whole, `"made":1,`, "", 1)), "has no made"},
		{"a column more", contactOf(strings.Replace(whole, "{", `{"changing":0,`, 1)), `it has the column "changing"`},
		{"a column of the key", contactOf(strings.Replace(whole, "{", `{"key":"",`, 1)), `it has the column "key"`},
		{"a column twice", contactOf(strings.Replace(whole, "{", `{"made":1,`, 1)), "made"},
		{"a text for a number", contactOf(strings.Replace(whole, `"made":1`, `"made":"1"`, 1)), `its made: "1" is no`},
		{"a fraction", contactOf(strings.Replace(whole, `"made":1`, `"made":1.5`, 1)), "its made"},
		{"no base64", contactOf(strings.Replace(whole, "AQAA", "A-AA", 1)), "its digest"},
		{"nothing", contactOf(strings.Replace(whole, `"id":"1"`, `"id":null`, 1)), `its id: "null" is no TEXT`},
		{"an id twice", contactOf(strings.Replace(whole, `"id":"1"`, `"id":"2"`, 1)), "UNIQUE"},
	} {
		m := older()
		c.change(m)
		before := m.String()
		_, err := Open("s.db", Options{BaseURL: "https://x", ProjectID: "p", Shelf: m})
		if err == nil || !strings.Contains(err.Error(), "the state s.db: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if hinted := strings.Contains(fmt.Sprint(err), "--state with another name"); hinted == (c.name == "a newer version") {
			t.Errorf("%s: %v", c.name, err)
		}
		if m.String() != before || m.Holder != "" || m.Saves != 0 {
			t.Errorf("%s: it is held by %q, after %d saves: %s", c.name, m.Holder, m.Saves, m)
		}
	}
	m := older()
	m.Tables["corrected"] = map[string][]byte{"\x20row": []byte(`{}`)}
	m.Tables["version"]["version"] = []byte("3")
	if _, err := Open("s.db", Options{Shelf: m}); err == nil || !strings.Contains(err.Error(), "the key 20726f77 of its table corrected is cut") {
		t.Errorf("a key that is cut: %v", err)
	}
}

func TestAStateOnAShelfIsHeldByOne(t *testing.T) {
	m := &MemoryShelf{}
	s := openShelved(t, m)
	_, err := Open("s.db", Options{BaseURL: "https://x", ProjectID: "p", Shelf: m})
	if locked, ok := errors.AsType[*LockedError](err); !ok || !strings.Contains(locked.Error(), "the state s.db is in use by a test; wait") {
		t.Errorf("opened twice: %v", err)
	}
	m.Holder = "" // which the second one gave back
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openShelved(t, m)
	if err := s.Close(); err != nil || m.Holder != "" {
		t.Errorf("held by %q, %v", m.Holder, err)
	}
	empty, err := Empty(Options{BaseURL: "https://x", ProjectID: "p", Shelf: m})
	if err != nil {
		t.Fatal(err)
	}
	saves := m.Saves
	record(t, empty, 3)
	if err := empty.Close(); err != nil || m.Saves != saves {
		t.Errorf("one in memory was saved: %v", err)
	}
}

func TestAStateOnAShelfIsSetAside(t *testing.T) {
	m := &MemoryShelf{}
	s := openShelved(t, m)
	record(t, s, 3)
	rule := func(word string) idrule.Rules { return idrule.Rules{{Words: word, Digest: word}} }
	if err := errors.Join(s.Name("its id"), s.SetAside("it is old"), s.Follow(idrule.Lineage{Now: rule("email")})); err != nil {
		t.Fatal(err)
	}
	id, err := s.ID()
	if s.Replaced != "s.db.1" || s.Because != "it is old" || s.Len() != 0 || id != "its id" || err != nil {
		t.Errorf("moved to %q because %q, with %d contacts left and the id %q, %v", s.Replaced, s.Because, s.Len(), id, err)
	}
	record(t, s, 2)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if len(m.Aside) != 1 || len(m.Aside[0]["contact"]) != 3 || len(m.Tables["contact"]) != 2 {
		t.Errorf("set aside: %v; and it is %s", m.Aside, m)
	}
	other := Options{BaseURL: "https://x", ProjectID: "p", Shelf: m, IDs: rule("phone"), Over: "this run begins anew"}
	if s, err = Open("s.db", other); err != nil || s.Replaced != "s.db.2" || s.Because != other.Over || s.Len() != 0 {
		t.Fatalf("of another id rule: %+v, %v", s, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// After a commit that failed, whatever of it was kept, nothing more is.
func TestAStateWhoseShelfFailsSaysNothingMore(t *testing.T) {
	for _, how := range []Failure{Lost, Saved} {
		m := &MemoryShelf{Fail: func(save int) Failure {
			if save == 2 {
				return how
			}
			return Kept
		}}
		s := openShelved(t, m)
		record(t, s, 1)
		err := s.Commit()
		if err != nil {
			t.Fatal(err)
		}
		record(t, s, 2)
		failed := s.Commit()
		if !errors.Is(failed, ErrShelf) || !strings.Contains(failed.Error(), "the state s.db: the store is away") {
			t.Fatal(failed)
		}
		for name, err := range map[string]error{
			"record": s.Record(outcome(9, contact.Created, 1)), "commit": s.Commit(), "doubt": s.Doubt([]contact.Key{{}}, contact.ToUpdate),
			"correct": s.Correct(contact.Correction{}, contact.Key{}), "set aside": s.SetAside("old"), "close": s.Close(),
		} {
			if !errors.Is(err, failed) {
				t.Errorf("%s: %v, want %v", name, err, failed)
			}
		}
		if m.Saves != 2 || m.Holder != "" || len(m.Aside) > 0 {
			t.Errorf("%d saves, held by %q", m.Saves, m.Holder)
		}
	}
}

// What the copy says is wrong ends a save as well.
func TestAChangeThatCannotBeWritten(t *testing.T) {
	m := &MemoryShelf{}
	s := openShelved(t, m)
	record(t, s, 1)
	err := s.Commit()
	if err != nil {
		t.Fatal(err)
	}
	before := m.String()
	if err := s.Note(Source{Report: "01A", Run: "\xff"}, 1); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), "UTF-8") || m.String() != before {
		t.Errorf("%v: %s", err, m)
	}
}
