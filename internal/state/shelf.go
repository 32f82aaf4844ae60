package state

import "iter"

// A Shelf keeps a state elsewhere than in a file, row by row, so that another machine goes
// on with it. It is of one state, which is its only caller, and makes one call at a time.
type Shelf interface {
	// Claim takes the state for this process alone, until Release. The error is a
	// *LockedError where another process has it.
	Claim() error
	// Rows are those of a table as they were saved last, each once, in any order; that of
	// their keys is loaded fastest. A row is valid until the next.
	Rows(table string) iter.Seq2[Row, error]
	// Save keeps changes, all of them or none, durably before it returns. Each row is among
	// them once; with whole, rows that are not among them go. The changes may be ranged over
	// several times, and are the same each time. Where they end with an error, nothing is
	// kept. After any other error it may be that all of them are.
	Save(whole bool, changes iter.Seq2[Row, error]) error
	// SetAside gives what was saved another name, which it returns, and claims an empty
	// state in its place.
	SetAside() (name string, err error)
	// Release gives the state back. It may be called when it is not held.
	Release() error
}

// A Row is one of a table, as a Shelf keeps it.
type Row struct {
	Table string
	Key   []byte // tells it from the others of its table; never empty
	Value []byte // its columns besides the key, as JSON; nil: there is no such row any more
}
