package state

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
)

// A MemoryShelf is a Shelf for tests: what it holds outlives a state that is not closed.
type MemoryShelf struct {
	Tables map[string]map[string][]byte // by table and key
	Aside  []map[string]map[string][]byte
	Holder string // who claimed it
	Saves  int
	Wholes int                    // of them with all rows
	Fail   func(save int) Failure // of each Save, from 1; nil: none fails
	Error  error                  // of a Save that fails; nil: ErrShelf
}

// A Failure is how a Save fails.
type Failure int

const (
	Kept  Failure = iota
	Lost          // nothing of it was kept
	Saved         // all of it was kept, and the answer was lost
)

// ErrShelf is the error of a Save that fails.
var ErrShelf = errors.New("the store is away")

func (m *MemoryShelf) Claim() error {
	if m.Holder != "" {
		return &LockedError{State: "s.db", By: m.Holder}
	}
	m.Holder = "a test"
	return nil
}

func (m *MemoryShelf) Rows(table string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for _, key := range slices.Sorted(maps.Keys(m.Tables[table])) {
			if !yield(Row{Table: table, Key: []byte(key), Value: slices.Clone(m.Tables[table][key])}, nil) {
				return
			}
		}
	}
}

func (m *MemoryShelf) Save(whole bool, changes iter.Seq2[Row, error]) error {
	m.Saves++
	if whole {
		m.Wholes++
	}
	how := Kept
	if m.Fail != nil {
		how = m.Fail(m.Saves)
	}
	err := cmp.Or(m.Error, ErrShelf)
	if how == Lost {
		return err
	}
	next := map[string]map[string][]byte{}
	for name, rows := range m.Tables {
		if !whole {
			next[name] = maps.Clone(rows)
		}
	}
	var first, second []Row
	for _, all := range []*[]Row{&first, &second} { // as after a transaction that is tried again
		for row, err := range changes {
			if err != nil {
				return err
			}
			row.Key, row.Value = slices.Clone(row.Key), slices.Clone(row.Value)
			*all = append(*all, row)
		}
	}
	if a, b := fmt.Sprint(first), fmt.Sprint(second); a != b {
		return fmt.Errorf("the changes are %s, and then %s", a, b)
	}
	seen := map[string]bool{}
	for _, row := range first {
		if id := row.Table + " " + string(row.Key); seen[id] {
			return fmt.Errorf("the row %q is changed twice", id)
		} else {
			seen[id] = true
		}
		if next[row.Table] == nil {
			next[row.Table] = map[string][]byte{}
		}
		if row.Value == nil {
			delete(next[row.Table], string(row.Key))
		} else {
			next[row.Table][string(row.Key)] = row.Value
		}
	}
	m.Tables = next
	if how == Saved {
		return err
	}
	return nil
}

func (m *MemoryShelf) SetAside() (string, error) {
	m.Aside = append(m.Aside, m.Tables)
	m.Tables = nil
	return fmt.Sprint("s.db.", len(m.Aside)), nil
}

func (m *MemoryShelf) Release() error {
	m.Holder = ""
	return nil
}

// String is what it holds.
func (m *MemoryShelf) String() string {
	var b strings.Builder
	for _, table := range slices.Sorted(maps.Keys(m.Tables)) {
		for _, key := range slices.Sorted(maps.Keys(m.Tables[table])) {
			fmt.Fprintf(&b, "%s %q %s\n", table, key, m.Tables[table][key])
		}
	}
	return b.String()
}

func openShelved(t testing.TB, m *MemoryShelf) *State {
	t.Helper()
	s, err := Open("s.db", Options{BaseURL: "https://x", ProjectID: "p", Shelf: m})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
