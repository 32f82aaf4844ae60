package contact

import (
	"hash/maphash"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// twins are rows whose contact ids are not in the plain spelling that fold gives, by
// the hash of that.
type twins struct {
	seed  maphash.Seed
	known map[uint64]entry
}

// fold is the spelling in which contact ids that may mean the same person are equal:
// composed, in lower case, and of a phone number the digits and a plus sign.
func fold(id string) string {
	if !isPlain(id) {
		id = strings.ToLower(norm.NFC.String(id))
	}
	if isNumber(id) {
		return strings.Map(func(r rune) rune {
			if r != '+' && (r < '0' || r > '9') {
				return -1
			}
			return r
		}, id)
	}
	return id
}

// isPlain tells whether an id is ASCII without capital letters.
func isPlain(id string) bool {
	for i := range len(id) {
		if c := id[i]; c >= utf8.RuneSelf || c >= 'A' && c <= 'Z' {
			return false
		}
	}
	return true
}

// isNumber tells whether an id looks like a phone number: seven digits or more, and
// what people write between them.
func isNumber(id string) bool {
	digits := 0
	for i := range len(id) {
		switch c := id[i]; {
		case c >= '0' && c <= '9':
			digits++
		case !strings.ContainsRune("+ -./()", rune(c)):
			return false
		}
	}
	return digits >= 7
}

// findTwin remarks a row one of whose contact ids is that of a row before it in
// another spelling.
func (d *Identity) findTwin(row *Row) {
	for _, id := range row.Profile.ContactIDs {
		if other, found := d.twinOf(row, id); found {
			d.remarks.add(Twin, row, other)
			return
		}
	}
}

// twinOf finds the row that has the same id in another spelling, and notes this one
// where its own is not the plain one.
func (d *Identity) twinOf(row *Row, id string) (Place, bool) {
	plain := fold(id)
	others := others(id, plain)
	if len(d.twins.known) > 0 || plain != id {
		hash := maphash.String(d.twins.seed, plain)
		if e, ok := d.twins.known[hash]; ok && e.number() != row.Number {
			return d.keys.place(e), true
		}
		if plain != id {
			d.twins.add(hash, row)
		}
	}
	for _, other := range others {
		for _, keys := range []*Keys{d.keys, d.shared} {
			if at, number := keys.Place(KeyOf([]string{other})); number > 0 && number != row.Number {
				return at, true
			}
		}
	}
	return Place{}, false
}

// others are the spellings of an id that a row before may have had as they stand.
func others(id, plain string) []string {
	switch rest, plus := strings.CutPrefix(plain, "+"); {
	case plus && plain == id:
		return []string{rest}
	case plus:
		return []string{plain, rest}
	case plain != id && isNumber(plain):
		return []string{plain, "+" + plain}
	case plain != id:
		return []string{plain}
	case isNumber(plain):
		return []string{"+" + plain}
	}
	return nil
}

func (t *twins) add(hash uint64, row *Row) {
	if t.known == nil {
		t.known = make(map[uint64]entry)
	}
	if _, ok := t.known[hash]; !ok {
		t.known[hash] = entry{}.seenAt(row, 0)
	}
}
