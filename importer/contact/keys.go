package contact

import (
	"cmp"
	"encoding/binary"
	"iter"
	"slices"
)

// Keys is what is known of each key: what the earlier runs of a report made of
// it, and where it was seen in this input. It has one owner at a time: the
// report while it replays its file, then the feeder of the run.
//
// A key takes 36 to 62 bytes.
type Keys struct {
	known map[Key]entry
	// sources are those of the rows that were seen, in the order of the input.
	sources []keySource
	// kept are contact ids that this input holds although no row of it has them as its
	// key, each as a key, and keys that rows had by an earlier rule.
	kept map[Key]struct{}
	// knownAs are the keys by which earlier runs know contacts that have another one now.
	knownAs map[Key]Key
	// corrected are the refused rows that corrections stand for, each as RawRows has it.
	corrected map[Key]Corrected
	// takenBy are the keys that knownAs leads from, by that which it leads to.
	takenBy map[Key]Key
	// sent is what was sent for keys of which a row that was seen says something else.
	sent map[Key]sent
	// unread counts the rows of which a value could not be read as a contact id.
	unread int64
}

type keySource struct {
	name  string
	first int64 // number of the first row that was seen in it
}

// An entry is what is known of one key, in few bytes so that a map of them stays
// small: a word, and two bytes of what the row that was seen says of its contact. The
// word is, from the top, 4 bits of Status, 30 of the number of a row in the input,
// which is 0 where the key was not seen in it, two that compare the row with what was sent
// for it, and 28 of its line. Until the key is seen the last bytes are the beginning of the
// digest of what was sent, or 0.
type entry [10]byte

const (
	entryBits = 30                   // of a number, and of a line with the two bits before it
	sentBit   = 1 << (entryBits - 1) // it is known what was sent
	otherBit  = 1 << (entryBits - 2) // and it was something else
	maxLine   = otherBit - 1
)

// MaxRows is how many rows an input may have: Keys tells no more of them apart.
const MaxRows = 1<<entryBits - 1

// A Status must fit into its bits.
const _ = uint(0xf - statuses)

func (e entry) word() uint64   { return binary.LittleEndian.Uint64(e[:]) }
func (e entry) status() Status { return Status(e.word() >> (2 * entryBits)) }
func (e entry) number() int64  { return int64(e.word() >> entryBits & MaxRows) }
func (e entry) line() int      { return int(e.word() & maxLine) }

func (e entry) withStatus(s Status) entry {
	binary.LittleEndian.PutUint64(e[:], uint64(s)<<(2*entryBits)|e.word()&(1<<(2*entryBits)-1))
	return e
}

// seenAt notes a row, with how it compares to what was sent. A line beyond what fits is told
// as the last one that does.
func (e entry) seenAt(row *Row, compared uint64) entry {
	binary.LittleEndian.PutUint64(e[:], uint64(e.status())<<(2*entryBits)|uint64(row.Number)<<entryBits|compared|uint64(min(row.Line, maxLine)))
	says := row.says()
	copy(e[8:], says[:])
	return e
}

// A sent is the beginning of the digest of what was sent; zero: it is not known.
type sent [5]byte

func (e entry) sent() sent {
	if e.number() > 0 {
		return sent{}
	}
	return sent{e[0], e[1], e[2], e[8], e[9]}
}

// withSent notes it, of a key that was not seen.
func (e entry) withSent(d Digest) entry {
	e[0], e[1], e[2], e[8], e[9] = d[0], d[1], d[2], d[3], d[4]
	return e
}

// isOther tells whether a row says something else than what was sent. Contact ids by
// another mapping are something else, and the same ones in another order are not.
func (s sent) isOther(row *Row) bool {
	is := func(d Digest) bool { return s == sent(d[:len(s)]) }
	if s == (sent{}) || is(row.Digest) {
		return false
	}
	p := row.Profile
	p.ContactIDs = slices.Clone(p.ContactIDs)
	return !inAnyOrder(p.ContactIDs, 0, func() bool {
		d, _ := p.Measure()
		return is(d)
	})
}

// inAnyOrder tells whether something is so in one of the orders of a few contact ids, or of
// many as they stand. It leaves them in that order.
func inAnyOrder(ids []string, from int, is func() bool) bool {
	const few = 5
	if from == len(ids) || len(ids) > few {
		return is()
	}
	for i := from; i < len(ids); i++ {
		ids[from], ids[i] = ids[i], ids[from]
		if inAnyOrder(ids, from+1, is) {
			return true
		}
		ids[from], ids[i] = ids[i], ids[from]
	}
	return false
}

// saysOther tells whether a row says something else of its contact than the one that
// was seen. Of 65,536 that do, one is missed.
func (e entry) saysOther(row *Row) bool {
	says := row.says()
	return [2]byte(e[8:]) != [2]byte(says[:])
}

// NewKeys returns an empty table.
func NewKeys() *Keys { return &Keys{known: make(map[Key]entry)} }

// Len is the number of keys known.
func (k *Keys) Len() int { return len(k.known) }

// Set records what an earlier run made of a key.
func (k *Keys) Set(key Key, s Status) { k.known[key] = k.known[key].withStatus(s) }

// Status is what an earlier run made of a key; 0 where none did.
func (k *Keys) Status(key Key) Status { return k.known[key].status() }

// KnowAs notes that earlier runs know the contact of a key by another one.
func (k *Keys) KnowAs(key, as Key) {
	if k.knownAs == nil {
		k.knownAs = make(map[Key]Key)
	}
	k.knownAs[key] = as
	k.Take(key, as)
}

// Take has the contact of a key be the one that earlier runs know by another; false where
// that one is already another key's of this input.
func (k *Keys) Take(key, as Key) bool {
	if by, taken := k.takenBy[as]; taken && (by == key || k.Seen(by)) {
		return by == key
	}
	if k.takenBy == nil {
		k.takenBy = make(map[Key]Key)
	}
	k.takenBy[as] = key
	return true
}

// KnownAs is the key by which earlier runs know the contact of this one; false where
// that was not noted.
func (k *Keys) KnownAs(key Key) (as Key, ok bool) {
	as, ok = k.knownAs[key]
	return as, ok
}

// SetSent records the digest of what was sent for a key last. Where the values that are in
// are known to be others, they are not those of the digest.
//
// It is to be called before the key is seen.
func (k *Keys) SetSent(key Key, d Digest, others bool) {
	if others {
		d[0] = ^d[0]
	}
	k.known[key] = k.known[key].withSent(d)
}

// SentOther tells whether something else was sent for the key of a row than the row says
// now, as far as it is known what was sent.
func (k *Keys) SentOther(row *Row) bool {
	e := k.known[row.Key]
	if e.number() > 0 {
		return e.word()&otherBit != 0
	}
	return e.sent().isOther(row)
}

// Forget drops what an earlier run made of a key.
func (k *Keys) Forget(key Key) { k.Set(key, 0) }

// Count counts the keys of a status.
func (k *Keys) Count(s Status) int {
	n := 0
	for _, e := range k.known {
		if e.status() == s {
			n++
		}
	}
	return n
}

// Doubtful ranges over the keys that may be in the API or not, as far as earlier
// runs know.
func (k *Keys) Doubtful() iter.Seq[Key] {
	return func(yield func(Key) bool) {
		for key, e := range k.known {
			if s := e.status(); (s == InDoubt || s == Unknown) && !yield(key) {
				return
			}
		}
	}
}

// See notes that a row of this input has a key. Where an earlier row had it, the
// place of the first one is returned, and true. The rows come in their order.
func (k *Keys) See(key Key, row *Row) (Place, bool) {
	if at, number := k.Place(key); number > 0 {
		return at, true
	}
	k.see(key, row, false)
	return Place{}, false
}

// SaysOther tells whether the row that was seen with the key of this one says
// something else about the contact.
func (k *Keys) SaysOther(row *Row) bool { return k.known[row.Key].saysOther(row) }

// SeeLast notes that a row of this input has a key, and forgets which one had it
// before.
func (k *Keys) SeeLast(key Key, row *Row) { k.see(key, row, true) }

// see notes a row; another one may follow that counts instead.
func (k *Keys) see(key Key, row *Row, another bool) {
	if n := len(k.sources); n == 0 || k.sources[n-1].name != row.Source && k.sources[n-1].first < row.Number {
		k.sources = append(k.sources, keySource{row.Source, row.Number})
	}
	e := k.known[key]
	k.known[key] = e.seenAt(row, k.compare(key, e, row, another))
}

// compare tells how a row compares to what was sent for its key, as the bits of an entry. Of
// several rows of a key the last one counts.
func (k *Keys) compare(key Key, e entry, row *Row, another bool) uint64 {
	was, noted := k.sent[key]
	switch {
	case !noted && e.number() > 0:
		if e.word()&sentBit != 0 && e.saysOther(row) {
			return sentBit | otherBit
		}
		return e.word() & sentBit
	case !noted:
		if was = e.sent(); was == (sent{}) {
			return 0
		}
	}
	if !was.isOther(row) {
		return sentBit
	}
	if another && k.sent == nil {
		k.sent = make(map[Key]sent)
	}
	if another {
		k.sent[key] = was
	}
	return sentBit | otherBit
}

// Seen tells whether a key was seen in this input.
func (k *Keys) Seen(key Key) bool { return k.known[key].number() > 0 }

// Place is where a key was seen in this input, and the number of that row; 0 where
// it was not seen.
func (k *Keys) Place(key Key) (at Place, number int64) {
	e := k.known[key]
	if e.number() == 0 {
		return Place{}, 0
	}
	return k.place(e), e.number()
}

// Keep notes contact ids that this input holds, and that are no row's that can go in:
// those of a row that the mapping leaves out, or that is refused.
func (k *Keys) Keep(contactIDs []string) {
	if len(contactIDs) > 1 { // the contact may be known by its key alone
		k.keep(KeyOf(contactIDs))
	}
	for _, id := range contactIDs {
		k.keep(KeyOf([]string{id}))
	}
}

// Unread is how many rows of this input hold a value that could not be read as a contact
// id: the contact that it stood for may be anybody.
func (k *Keys) Unread() int64 { return k.unread }

// KeepFormer notes the keys that a row had by earlier rules, and a row that is unread.
func (k *Keys) KeepFormer(row *Row) {
	if row.Unread {
		k.unread++
	}
	for _, ids := range row.FormerIDs() {
		k.keep(KeyOf(ids))
	}
}

func (k *Keys) keep(key Key) {
	if k.kept == nil {
		k.kept = make(map[Key]struct{})
	}
	k.kept[key] = struct{}{}
}

// Holds tells whether this input holds a contact that is known by this key and these
// contact ids: it was seen, or something of it is kept.
func (k *Keys) Holds(key Key, contactIDs []string) bool {
	if _, kept := k.kept[key]; kept || k.Seen(key) {
		return true
	}
	return slices.ContainsFunc(contactIDs, func(id string) bool {
		_, kept := k.kept[KeyOf([]string{id})]
		return kept
	})
}

// place is the place of a key that was seen.
func (k *Keys) place(e entry) Place {
	i, found := slices.BinarySearchFunc(k.sources, e.number(), func(s keySource, number int64) int { return cmp.Compare(s.first, number) })
	if !found {
		i--
	}
	return Place{Source: k.sources[i].name, Line: e.line()}
}
