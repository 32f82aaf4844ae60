package contact

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// A Correction is what a row of a reject file says of the row in whose place it stands.
type Correction struct {
	Row    Key    `json:"row"`             // the refused row as it stands in its source, as RawRows has it
	Digest Digest `json:"digest,omitzero"` // of what the API refused; zero where it was never sent
	By     string `json:"by"`              // the run that read the correction, a ULID

	refused string // the run that wrote the row into the reject file; known to the run that reads it
}

// ReadBy has a correction that names the run that refused the row name the one that
// reads it.
func (c *Correction) ReadBy(run string) { c.refused, c.By = c.By, run }

// A Corrected row is one that was refused, and what became of its corrections.
type Corrected struct {
	Digest Digest // as of a Correction
	Keys   []Key  // of all corrections that are or were in

	by       string // the last run that read any
	before   []Key  // of those that settled the row before it
	beforeBy string // the last run that read any of those
	last     []Key  // of those since that are in
	notIn    bool   // one of those that it read is not in
}

// SettledBy returns the corrections of which either all settle the row, where they are in
// still: those of the last run that read any, with what was left in part before it, and
// those that settled it before. That a later run reads a wrong one does not change it.
func (c Corrected) SettledBy() (either [][]Key) {
	if !c.notIn && len(c.last) > 0 {
		either = append(either, c.last)
	}
	if len(c.before) > 0 {
		either = append(either, c.before)
	}
	return either
}

// SettledBefore is SettledBy before this row of a reject file is read: of corrections
// that were read after the row was refused for it.
func (c Corrected) SettledBefore(row Correction) [][]Key {
	if c.by == row.By { // which has read others for the same row
		c.by, c.last = c.beforeBy, nil
	}
	if c.by <= row.refused {
		return nil
	}
	return c.SettledBy()
}

// Correct notes what became of a row of a reject file.
func (k *Keys) Correct(c Correction, key Key, in bool) {
	was := k.corrected[c.Row]
	if k.corrected == nil {
		k.corrected = make(map[Key]Corrected)
	}
	if was.by != c.By {
		if !was.notIn && len(was.last) > 0 {
			was.before, was.beforeBy, was.last = was.last, was.by, nil
		}
		was.by, was.notIn = c.By, false
	}
	was.Digest = c.Digest
	if in {
		was.Keys, was.last = withKey(was.Keys, key), withKey(was.last, key)
	} else {
		was.notIn = true
	}
	k.corrected[c.Row] = was
}

// withKey is a copy of keys with one more, where it is none of them.
func withKey(keys []Key, key Key) []Key {
	if slices.Contains(keys, key) {
		return keys
	}
	return append(slices.Clip(keys), key)
}

// HasCorrections tells whether any refused row was corrected.
func (k *Keys) HasCorrections() bool { return len(k.corrected) > 0 }

// Corrected is what became of the corrections of a refused row.
func (k *Keys) Corrected(row Key) (Corrected, bool) {
	c, ok := k.corrected[row]
	return c, ok
}

// KeepKey notes that this input holds the contact of a key, although no row of it has
// that key.
func (k *Keys) KeepKey(key Key) { k.keep(key) }

// RawRows tells the rows of an input apart as they stand in it: by what is in their
// cells, whatever the order of the columns and rows. It has one owner at a time.
type RawRows struct {
	order map[string][]int // of the columns of a source, by name
	names map[string][]string
	seen  map[Key]int // rows that are alike, by the first
}

// NewRawRows returns those of an input. Of sources without columns, which are JSON,
// nothing need be added.
func NewRawRows() *RawRows {
	return &RawRows{order: make(map[string][]int), names: make(map[string][]string), seen: make(map[Key]int)}
}

// Add adds a source by its name and its columns.
func (r *RawRows) Add(source string, columns []string) {
	order := make([]int, len(columns))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(columns[a], columns[b]) })
	r.order[source], r.names[source] = order, columns
}

// Key is a 128-bit digest of a row as it was read. Empty cells are no part of it.
func (r *RawRows) Key(row *Row) Key {
	buf := make([]byte, 0, 256)
	add := func(text string) { buf = append(binary.AppendUvarint(buf, uint64(len(text))), text...) }
	names := r.names[row.Source]
	switch {
	case names == nil:
		text := jsontext.Value(strings.Join(row.Raw, "\n"))
		_ = text.Compact() // what is no JSON stays as it is
		add(string(text))
	case len(names) != len(row.Raw):
		for _, cell := range row.Raw {
			add(cell)
		}
	default:
		for _, i := range r.order[row.Source] {
			if row.Raw[i] != "" {
				add(names[i])
				add(row.Raw[i])
			}
		}
	}
	sum := sha256.Sum256(buf)
	return Key(sum[:16])
}

// Refused is the Key of a row that is refused, and of the next that is like it another
// one: each is somebody, and has to be corrected.
func (r *RawRows) Refused(row *Row) Key {
	key := r.Key(row)
	n := r.seen[key]
	r.seen[key]++
	if n == 0 {
		return key
	}
	sum := sha256.Sum256(binary.AppendUvarint(key[:], uint64(n)))
	return Key(sum[:16])
}
