package sandbox

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

// A profile is one state of a profile. It is never changed once it is in the store,
// nor is anything that it refers to.
type profile struct {
	id                       string
	fields                   jsonvalue.Object // the member "profile"
	contactIDs               []string
	active                   bool
	createdAt, lastChanged   int64 // Unix seconds
	createdBy, lastChangedBy string
	sessions                 []jsonvalue.Object
}

// An entry is a profile in the table.
type entry struct {
	id  string
	now *profile // as writes see it; nil where it is deleted
	// While the last write is hidden by a read lag, seen are the earlier states
	// with the time until which reads see them, oldest first. A nil profile is
	// the time before it was created.
	seen []seen
	used int64 // Unix seconds of the last read or change
	lru  *list.Element
}

type seen struct {
	profile *profile
	until   time.Time
}

// visible is what a read sees of the profile; nil where it sees none.
func (e *entry) visible(now time.Time) *profile {
	for len(e.seen) > 0 {
		if now.Before(e.seen[0].until) {
			return e.seen[0].profile
		}
		e.seen = e.seen[1:]
	}
	return e.now
}

func byID(e *entry, id string) int { return cmp.Compare(e.id, id) }

// storeOptions say what a store keeps, and how.
type storeOptions struct {
	file      string        // SQLite; empty: in memory only
	projectID string        // of which the file has to be
	ttl       time.Duration // after the last read or change; negative: for ever
	readLag   time.Duration // how long reads do not see a write
	seed      uint64        // of the ids
}

// A store holds the profiles of a project and its schema. It answers from memory;
// the file, where there is one, is told of each change.
//
// Its methods are not safe for concurrent use, but for wait and close. Those that
// are given the time first remove the profiles whose life time is over.
type store struct {
	ttl, readLag time.Duration
	file         *file   // nil: in memory only
	custom       []field // the schema

	byID      map[string]*entry
	byContact map[string][]*entry // by the contact ids that writes see
	order     []*entry            // by id, which is the order of creation
	lru       *list.List          // *entry, the one used longest ago first
	graves    []*entry            // deleted, and still seen by reads; in the order of their deletion

	idSecond  uint32
	idCounter uint32
	idMachine [5]byte
}

// openStore makes a store, and reads what its file has. It fails where the file is
// in use, is of another project or is no sandbox's. With a file it has to be closed.
func openStore(o storeOptions) (*store, error) {
	s := &store{ttl: o.ttl, readLag: o.readLag, byID: make(map[string]*entry), byContact: make(map[string][]*entry), lru: list.New()}
	r := rand.New(rand.NewPCG(o.seed, 0))
	for i := range s.idMachine {
		s.idMachine[i] = byte(r.Uint32())
	}
	if o.file != "" {
		var err error
		if s.file, err = openFile(o.file, o.projectID, s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// wait returns once every change made so far is committed to the file, and fails
// where it cannot be. Reads wait as well, so that nothing is shown that a kill could
// still undo.
func (s *store) wait() error { return s.file.wait() }

// close writes what is left and closes the file. It may be called again.
func (s *store) close() error { return s.file.close() }

// load takes up profiles that the file kept, and the last id that was given.
func (s *store) load(entries []*entry, lastID string) {
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
func (s *store) newID(now time.Time) string {
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

// read is a profile as reads see it; nil where they see none. It lives on from now.
func (s *store) read(id string, now time.Time) *profile {
	s.expire(now)
	e := s.byID[id]
	if e == nil {
		return nil
	}
	p := e.visible(now)
	if p != nil && e.now != nil && e.used < now.Unix() {
		e.used = now.Unix()
		s.lru.MoveToBack(e.lru)
		s.file.touch(e)
	}
	return p
}

// find is a profile as writes see it; nil where it is not there.
func (s *store) find(id string, now time.Time) *profile {
	s.expire(now)
	if e := s.byID[id]; e != nil {
		return e.now
	}
	return nil
}

// owner is a profile other than except, an id, that has one of these contact ids, as
// writes see it; nil where none has.
func (s *store) owner(contactIDs []string, except string, now time.Time) *profile {
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

// other is a profile other than the one of that id, as reads see it: the one made
// before it, or the last. It is nil where reads see no other.
func (s *store) other(id string, now time.Time) *profile {
	s.expire(now)
	n := len(s.order)
	i, _ := slices.BinarySearchFunc(s.order, id, byID)
	for k := 1; k <= n; k++ {
		if p := s.order[(i-k+n)%n].visible(now); p != nil && p.id != id {
			return p
		}
	}
	return nil
}

// all are the profiles in the order of their creation, as writes see them.
func (s *store) all(now time.Time) []*profile {
	s.expire(now)
	list := make([]*profile, 0, len(s.order))
	for _, e := range s.order {
		if e.now != nil {
			list = append(list, e.now)
		}
	}
	return list
}

// len is the number of profiles, as writes see them.
func (s *store) len(now time.Time) int {
	s.expire(now)
	return len(s.order) - len(s.graves)
}

// create adds a profile, and gives it its id and its times.
func (s *store) create(p *profile, now time.Time) {
	s.expire(now)
	p.id = s.newID(now)
	p.createdAt, p.lastChanged = now.Unix(), now.Unix()
	p.createdBy, p.lastChangedBy = userID, userID
	e := &entry{id: p.id}
	s.hide(e, now)
	e.now = p
	s.byID[e.id] = e
	s.order = append(s.order, e)
	s.index(e)
	e.lru = s.lru.PushBack(e)
	e.used = now.Unix()
	s.file.put(e)
}

// change puts a new state of a profile in place of the last one, and returns it.
// change gets a copy of the last one, and replaces whole members only. Where there
// is no such profile, it does nothing and returns nil.
func (s *store) change(id string, now time.Time, change func(p *profile)) *profile {
	if s.find(id, now) == nil {
		return nil
	}
	e := s.byID[id]
	p := *e.now
	change(&p)
	p.lastChanged, p.lastChangedBy = now.Unix(), userID
	s.unindex(e)
	s.hide(e, now)
	e.now = &p
	s.index(e)
	s.lru.MoveToBack(e.lru)
	e.used = now.Unix()
	s.file.put(e)
	return e.now
}

// delete removes a profile, if there is one. Reads see it until the lag is over.
func (s *store) delete(id string, now time.Time) {
	if s.find(id, now) == nil {
		return
	}
	e := s.byID[id]
	s.unindex(e)
	s.lru.Remove(e.lru)
	s.file.remove(e)
	if s.readLag == 0 {
		s.forget(e)
		return
	}
	s.hide(e, now)
	e.now = nil
	s.graves = append(s.graves, e)
}

// eraseFields takes fields out of every profile. It is no change of a profile: its
// times stay what they are.
func (s *store) eraseFields(names []string, now time.Time) {
	if len(names) == 0 {
		return
	}
	erased := func(m jsonvalue.Member) bool { return slices.Contains(names, m.Name) }
	for _, e := range s.order {
		if e.now != nil && slices.ContainsFunc(e.now.fields, erased) {
			p := *e.now
			p.fields = slices.DeleteFunc(slices.Clone(p.fields), erased)
			s.hide(e, now)
			e.now = &p
			s.file.put(e)
		}
	}
}

// hide makes reads see the state of now for a while yet.
func (s *store) hide(e *entry, now time.Time) {
	if s.readLag > 0 {
		e.seen = append(slices.Clone(e.seen), seen{e.now, now.Add(s.readLag)})
	}
}

// expire removes the profiles whose life time is over, and those deleted ones
// that no read sees any more.
func (s *store) expire(now time.Time) {
	for len(s.graves) > 0 && s.graves[0].visible(now) == nil {
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

func (s *store) forget(e *entry) {
	delete(s.byID, e.id)
	if i, found := slices.BinarySearchFunc(s.order, e.id, byID); found {
		s.order = slices.Delete(s.order, i, i+1)
	}
}

func (s *store) index(e *entry) {
	for _, c := range e.now.contactIDs {
		s.byContact[c] = append(s.byContact[c], e)
	}
}

func (s *store) unindex(e *entry) {
	for _, c := range e.now.contactIDs {
		rest := slices.DeleteFunc(s.byContact[c], func(x *entry) bool { return x == e })
		if len(rest) == 0 {
			delete(s.byContact, c)
		} else {
			s.byContact[c] = rest
		}
	}
}
