// Package store is what a project of the API holds: its profiles and its schema, in
// memory, and in a SQLite file where there is one. It knows what expires, what a read
// lag hides, and which contact id is whose; of requests and answers it knows nothing.
package store

import (
	"cmp"
	"container/list"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"importer/internal/sandbox/jsonvalue"
)

// userID stands for the user whose key it is.
const userID = "65f0000000000000000000bb"

// A Profile is one state of a profile. Once it is in the store, neither it nor
// anything that it refers to is changed by anybody.
type Profile struct {
	ID                       string
	Fields                   jsonvalue.Object // the member "profile"
	ContactIDs               []string
	Active                   bool
	CreatedAt, LastChanged   int64 // Unix seconds
	CreatedBy, LastChangedBy string
	Sessions                 []jsonvalue.Object
}

// An entry is a profile in the table.
type entry struct {
	id  string
	now *Profile // as writes see it; nil where it is deleted
	// While the last write is hidden by a read lag, seen are the earlier states
	// with the time at which another took their place, oldest first. A nil profile
	// is the time before it was created.
	seen []seen
	used int64 // Unix seconds of the last read or change
	lru  *list.Element
}

type seen struct {
	profile *Profile
	until   time.Time // without the lag
}

// visible is what a read with that lag sees of the profile; nil where it sees none.
func (e *entry) visible(now time.Time, lag time.Duration) *Profile {
	for _, s := range e.seen {
		if now.Before(s.until.Add(lag)) {
			return s.profile
		}
	}
	return e.now
}

func compareID(e *entry, id string) int { return cmp.Compare(e.id, id) }

// Options say what a store keeps, and how.
type Options struct {
	File      string        // SQLite; empty: in memory only
	ProjectID string        // of which the file has to be
	TTL       time.Duration // after the last read or change; negative: for ever
	ReadLag   time.Duration // how long a read of one profile does not see a write
	ListLag   time.Duration // how long a list does not see it
	Seed      uint64        // of the ids
}

// A Store holds the profiles of a project and its schema. It answers from memory;
// the file, where there is one, is told of each change.
//
// Its methods are not safe for concurrent use, but for Wait and Close. Those that
// are given the time first remove the profiles whose life time is over.
type Store struct {
	ttl              time.Duration
	readLag, listLag time.Duration
	file             *file   // nil: in memory only
	custom           []Field // the schema

	byID      map[string]*entry
	byContact map[string][]*entry // by the contact ids that writes see
	order     []*entry            // by id, which is the order of creation
	lru       *list.List          // *entry, the one used longest ago first
	graves    []*entry            // deleted, and still seen by reads; in the order of their deletion

	idSecond  uint32
	idCounter uint32
	idMachine [5]byte
}

// Open makes a store, and reads what its file has. It fails where the file is
// in use, is of another project or is no sandbox's. With a file it has to be closed.
func Open(o Options) (*Store, error) {
	s := &Store{ttl: o.TTL, readLag: o.ReadLag, listLag: o.ListLag, byID: make(map[string]*entry), byContact: make(map[string][]*entry), lru: list.New()}
	r := rand.New(rand.NewPCG(o.Seed, 0))
	for i := range s.idMachine {
		s.idMachine[i] = byte(r.Uint32())
	}
	if o.File != "" {
		var err error
		if s.file, err = openFile(o.File, o.ProjectID, s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Wait returns once every change made so far is committed to the file, and fails
// where it cannot be. Reads wait as well, so that nothing is shown that a kill could
// still undo.
func (s *Store) Wait() error { return s.file.wait() }

// Close writes what is left and closes the file. It may be called again.
func (s *Store) Close() error { return s.file.close() }

// load takes up profiles that the file kept, and the last id that was given.
func (s *Store) load(entries []*entry, lastID string) {
	for _, e := range entries {
		s.byID[e.id] = e
		s.order = append(s.order, e)
		s.index(e)
	}
	slices.SortFunc(s.order, func(a, b *entry) int { return cmp.Compare(a.id, b.id) })
	for _, e := range slices.SortedFunc(slices.Values(entries), func(a, b *entry) int { return cmp.Compare(a.used, b.used) }) {
		e.lru = s.lru.PushBack(e)
	}
	if n, err := strconv.ParseUint(lastID[:min(8, len(lastID))], 16, 32); err == nil {
		s.idSecond = uint32(n) + 1 // whatever the rest of it was, what comes is behind it
	}
}

// newID makes an id as MongoDB does: the second, the machine, a counter. Ids
// rise in the order in which they are made.
func (s *Store) newID(now time.Time) string {
	if n := uint32(now.Unix()); n > s.idSecond {
		s.idSecond, s.idCounter = n, 0
	}
	s.idCounter++
	if s.idCounter == 1<<24 {
		s.idSecond, s.idCounter = s.idSecond+1, 1
	}
	var b [12]byte
	binary.BigEndian.PutUint32(b[:], s.idSecond)
	copy(b[4:], s.idMachine[:])
	b[9], b[10], b[11] = byte(s.idCounter>>16), byte(s.idCounter>>8), byte(s.idCounter)
	return hex.EncodeToString(b[:])
}

// Read is a profile as reads see it; nil where they see none. It lives on from now.
func (s *Store) Read(id string, now time.Time) *Profile {
	s.expire(now)
	e := s.byID[id]
	if e == nil {
		return nil
	}
	p := e.visible(now, s.readLag)
	if p != nil && e.now != nil && e.used < now.Unix() {
		e.used = now.Unix()
		s.lru.MoveToBack(e.lru)
		s.file.touch(e)
	}
	return p
}

// Find is a profile as writes see it; nil where it is not there.
func (s *Store) Find(id string, now time.Time) *Profile {
	s.expire(now)
	if e := s.byID[id]; e != nil {
		return e.now
	}
	return nil
}

// Owner is a profile other than except, an id, that has one of these contact ids, as
// writes see it; nil where none has.
func (s *Store) Owner(contactIDs []string, except string, now time.Time) *Profile {
	s.expire(now)
	for _, c := range contactIDs {
		for _, e := range s.byContact[c] {
			if e.id != except {
				return e.now
			}
		}
	}
	return nil
}

// OwnerOfSet is a profile other than except, an id, that has these contact ids and no
// others, as writes see it; nil where none has. The ids differ from each other.
func (s *Store) OwnerOfSet(contactIDs []string, except string, now time.Time) *Profile {
	s.expire(now)
	if len(contactIDs) == 0 {
		return nil
	}
	set := slices.Sorted(slices.Values(contactIDs))
	for _, e := range s.byContact[contactIDs[0]] {
		if e.id != except && len(e.now.ContactIDs) == len(set) && slices.Equal(slices.Sorted(slices.Values(e.now.ContactIDs)), set) {
			return e.now
		}
	}
	return nil
}

// Any is one of the profiles as writes see it, by a number of any size; nil where
// there is none.
func (s *Store) Any(number uint64, now time.Time) *Profile {
	s.expire(now)
	n := uint64(len(s.order))
	for k := range n {
		if p := s.order[(number%n+k)%n].now; p != nil {
			return p
		}
	}
	return nil
}

// Other is a profile other than the one of that id, as reads see it: the one made
// before it, or the last. It is nil where reads see no other.
func (s *Store) Other(id string, now time.Time) *Profile {
	s.expire(now)
	n := len(s.order)
	i, _ := slices.BinarySearchFunc(s.order, id, compareID)
	for k := 1; k <= n; k++ {
		if p := s.order[(i-k+n)%n].visible(now, s.readLag); p != nil && p.ID != id {
			return p
		}
	}
	return nil
}

// All are the profiles in the order of their creation, as writes see them.
func (s *Store) All(now time.Time) []*Profile {
	s.expire(now)
	list := make([]*Profile, 0, len(s.order))
	for _, e := range s.order {
		if e.now != nil {
			list = append(list, e.now)
		}
	}
	return list
}

// Len is the number of profiles, as writes see them.
func (s *Store) Len(now time.Time) int {
	s.expire(now)
	return len(s.order) - len(s.graves)
}

// Create adds a profile, and gives it its id and its times. It is the store's after
// that.
func (s *Store) Create(p *Profile, now time.Time) {
	s.expire(now)
	p.ID = s.newID(now)
	p.CreatedAt, p.LastChanged = now.Unix(), now.Unix()
	p.CreatedBy, p.LastChangedBy = userID, userID
	e := &entry{id: p.ID}
	s.hide(e, now)
	e.now = p
	s.byID[e.id] = e
	s.order = append(s.order, e)
	s.index(e)
	e.lru = s.lru.PushBack(e)
	e.used = now.Unix()
	s.file.put(e)
}

// Change puts a new state of a profile in place of the last one, and returns it.
// change gets a copy of the last one, with its times set, and replaces whole members
// only. Where there is no such profile, it does nothing and returns nil.
func (s *Store) Change(id string, now time.Time, change func(p *Profile)) *Profile {
	if s.Find(id, now) == nil {
		return nil
	}
	e := s.byID[id]
	p := *e.now
	p.LastChanged, p.LastChangedBy = now.Unix(), userID
	change(&p)
	s.unindex(e)
	s.hide(e, now)
	e.now = &p
	s.index(e)
	s.lru.MoveToBack(e.lru)
	e.used = now.Unix()
	s.file.put(e)
	return e.now
}

// Delete removes a profile, if there is one. Reads see it until the lag is over.
func (s *Store) Delete(id string, now time.Time) {
	if s.Find(id, now) == nil {
		return
	}
	e := s.byID[id]
	s.unindex(e)
	s.lru.Remove(e.lru)
	s.file.remove(e)
	if s.lag() == 0 {
		s.forget(e)
		return
	}
	s.hide(e, now)
	e.now = nil
	s.graves = append(s.graves, e)
}

// eraseFields takes fields out of every profile. It is no change of a profile: its
// times stay what they are.
func (s *Store) eraseFields(names []string, now time.Time) {
	if len(names) == 0 {
		return
	}
	erased := func(m jsonvalue.Member) bool { return slices.Contains(names, m.Name) }
	for _, e := range s.order {
		if e.now != nil && slices.ContainsFunc(e.now.Fields, erased) {
			p := *e.now
			p.Fields = slices.DeleteFunc(slices.Clone(p.Fields), erased)
			s.hide(e, now)
			e.now = &p
			s.file.put(e)
		}
	}
}

// lag is how long some read may not see a write.
func (s *Store) lag() time.Duration { return max(s.readLag, s.listLag) }

// hide makes reads see the state of now for a while yet.
func (s *Store) hide(e *entry, now time.Time) {
	if s.lag() == 0 {
		return
	}
	over := func(x seen) bool { return !now.Before(x.until.Add(s.lag())) }
	e.seen = append(slices.DeleteFunc(slices.Clone(e.seen), over), seen{e.now, now})
}

// expire removes the profiles whose life time is over, and those deleted ones
// that no read sees any more.
func (s *Store) expire(now time.Time) {
	for len(s.graves) > 0 && s.graves[0].visible(now, s.lag()) == nil {
		s.forget(s.graves[0])
		s.graves = s.graves[1:]
	}
	if s.ttl < 0 {
		return
	}
	for first := s.lru.Front(); first != nil; first = s.lru.Front() {
		e := first.Value.(*entry)
		if now.Before(time.Unix(e.used, 0).Add(s.ttl)) {
			return
		}
		s.unindex(e)
		s.lru.Remove(e.lru)
		s.file.remove(e)
		s.forget(e)
	}
}

func (s *Store) forget(e *entry) {
	delete(s.byID, e.id)
	if i, found := slices.BinarySearchFunc(s.order, e.id, compareID); found {
		s.order = slices.Delete(s.order, i, i+1)
	}
}

func (s *Store) index(e *entry) {
	for _, c := range e.now.ContactIDs {
		s.byContact[c] = append(s.byContact[c], e)
	}
}

func (s *Store) unindex(e *entry) {
	for _, c := range e.now.ContactIDs {
		rest := slices.DeleteFunc(s.byContact[c], func(x *entry) bool { return x == e })
		if len(rest) == 0 {
			delete(s.byContact, c)
		} else {
			s.byContact[c] = rest
		}
	}
}
