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

// maxProfileBytes is the largest JSON of the member "profile": the 1.5 MB of
// shared SaaS. How the API counts is not known.
const maxProfileBytes = 1_500_000

// A version is one state of a profile. It is never changed once it is in an
// entry.
type version struct {
	fields                   jsonvalue.Object // the member "profile"
	contactIDs               []string
	active                   bool
	createdAt, lastChanged   int64 // Unix seconds
	createdBy, lastChangedBy string
	sessions                 []jsonvalue.Object
	gone                     bool // deleted
}

// An entry is a profile in the table.
type entry struct {
	id  string
	now *version
	// While the last write is hidden by a read lag, seen are the earlier versions
	// with the time until which reads see them, oldest first. A nil version is
	// the time before the profile was created.
	seen []seen
	used int64 // Unix seconds of the last read or change
	lru  *list.Element
}

type seen struct {
	version *version
	until   time.Time
}

// visible is what a read sees of the profile; nil where it sees none.
func (e *entry) visible(now time.Time) *version {
	for len(e.seen) > 0 {
		if now.Before(e.seen[0].until) {
			return e.seen[0].version
		}
		e.seen = e.seen[1:]
	}
	if e.now.gone {
		return nil
	}
	return e.now
}

// profiles is the table of all profiles. It answers reads from memory; the
// store, where there is one, is told of each change. The Sandbox's mutex guards
// it.
type profiles struct {
	ttl   time.Duration // negative: for ever
	lag   time.Duration
	store *store // nil: in memory only

	byID      map[string]*entry
	byContact map[string][]*entry // by the contact ids of the last version, whether visible or not
	order     []*entry            // by id, which is the order of creation
	lru       *list.List          // *entry, the one used longest ago first
	graves    []*entry            // deleted, and still seen by reads; in the order of their deletion

	idSecond  uint32
	idCounter uint32
	idMachine [5]byte
}

func newProfiles(ttl, lag time.Duration, seed uint64) *profiles {
	t := &profiles{ttl: ttl, lag: lag, byID: make(map[string]*entry), byContact: make(map[string][]*entry), lru: list.New()}
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range t.idMachine {
		t.idMachine[i] = byte(r.Uint32())
	}
	return t
}

// load takes up profiles that the store kept, and the last id that was given.
func (t *profiles) load(entries []*entry, lastID string) {
	for _, e := range entries {
		t.byID[e.id] = e
		t.order = append(t.order, e)
		t.index(e)
	}
	slices.SortFunc(t.order, func(a, b *entry) int { return cmp.Compare(a.id, b.id) })
	for _, e := range slices.SortedFunc(slices.Values(entries), func(a, b *entry) int { return cmp.Compare(a.used, b.used) }) {
		e.lru = t.lru.PushBack(e)
	}
	if n, err := strconv.ParseUint(lastID[:min(8, len(lastID))], 16, 32); err == nil {
		t.idSecond = uint32(n) + 1 // whatever the rest of it was, what comes is behind it
	}
}

// newID makes an id as MongoDB does: the second, the machine, a counter. Ids
// rise in the order in which they are made.
func (t *profiles) newID(now time.Time) string {
	if s := uint32(now.Unix()); s > t.idSecond {
		t.idSecond, t.idCounter = s, 0
	}
	t.idCounter++
	if t.idCounter == 1<<24 {
		t.idSecond, t.idCounter = t.idSecond+1, 1
	}
	var b [12]byte
	binary.BigEndian.PutUint32(b[:], t.idSecond)
	copy(b[4:], t.idMachine[:])
	b[9], b[10], b[11] = byte(t.idCounter>>16), byte(t.idCounter>>8), byte(t.idCounter)
	return hex.EncodeToString(b[:])
}

// find is a profile as writes see it; nil where it is not there.
func (t *profiles) find(id string) *entry {
	if e := t.byID[id]; e != nil && !e.now.gone {
		return e
	}
	return nil
}

// other is a profile other than the one of that id, and what reads see of it: the
// one made before it, or the last. It is nil where reads see no other.
func (t *profiles) other(id string, now time.Time) (*entry, *version) {
	n := len(t.order)
	i, _ := slices.BinarySearchFunc(t.order, id, func(e *entry, id string) int { return cmp.Compare(e.id, id) })
	for k := 1; k <= n; k++ {
		e := t.order[(i-k+n)%n]
		if v := e.visible(now); v != nil && e.id != id {
			return e, v
		}
	}
	return nil, nil
}

// owner is a profile other than except that has one of these contact ids; nil
// where none has.
func (t *profiles) owner(contactIDs []string, except *entry) *entry {
	for _, c := range contactIDs {
		for _, e := range t.byContact[c] {
			if e != except {
				return e
			}
		}
	}
	return nil
}

// len is the number of profiles there are, as writes see it.
func (t *profiles) len() int { return len(t.order) - len(t.graves) }

// create adds a profile.
func (t *profiles) create(v *version, now time.Time) *entry {
	v.createdAt, v.lastChanged = now.Unix(), now.Unix()
	v.createdBy, v.lastChangedBy = userID, userID
	e := &entry{id: t.newID(now), now: v}
	if t.lag > 0 {
		e.seen = []seen{{nil, now.Add(t.lag)}}
	}
	t.byID[e.id] = e
	t.order = append(t.order, e)
	t.index(e)
	e.lru = t.lru.PushBack(e)
	e.used = now.Unix()
	t.store.put(e)
	return e
}

// change puts a new version of a profile in place of the last one. change gets a
// copy of it, and replaces whole members only.
func (t *profiles) change(e *entry, now time.Time, change func(v *version)) {
	v := *e.now
	change(&v)
	v.lastChanged, v.lastChangedBy = now.Unix(), userID
	t.unindex(e)
	t.hide(e, now)
	e.now = &v
	t.index(e)
	t.lru.MoveToBack(e.lru)
	e.used = now.Unix()
	t.store.put(e)
}

// delete removes a profile. Reads see it until the lag is over.
func (t *profiles) delete(e *entry, now time.Time) {
	t.unindex(e)
	t.lru.Remove(e.lru)
	t.store.remove(e)
	if t.lag == 0 {
		t.forget(e)
		return
	}
	t.hide(e, now)
	e.now = &version{gone: true}
	t.graves = append(t.graves, e)
}

// eraseFields takes fields out of every profile. It is no change of a profile: its
// times stay what they are.
func (t *profiles) eraseFields(names []string, now time.Time) {
	if len(names) == 0 {
		return
	}
	erased := func(m jsonvalue.Member) bool { return slices.Contains(names, m.Name) }
	for _, e := range t.order {
		if slices.ContainsFunc(e.now.fields, erased) {
			v := *e.now
			v.fields = slices.DeleteFunc(slices.Clone(v.fields), erased)
			t.hide(e, now)
			e.now = &v
			t.store.put(e)
		}
	}
}

// hide makes reads see the last version for a while yet.
func (t *profiles) hide(e *entry, now time.Time) {
	if t.lag > 0 {
		v := e.now
		e.seen = append(slices.Clone(e.seen), seen{v, now.Add(t.lag)})
	}
}

// touch notes that a profile was read.
func (t *profiles) touch(e *entry, now time.Time) {
	if e.now.gone || e.used >= now.Unix() {
		return
	}
	e.used = now.Unix()
	t.lru.MoveToBack(e.lru)
	t.store.touch(e)
}

// expire removes the profiles whose life time is over, and those deleted ones
// that no read sees any more.
func (t *profiles) expire(now time.Time) {
	for len(t.graves) > 0 && t.graves[0].visible(now) == nil {
		t.forget(t.graves[0])
		t.graves = t.graves[1:]
	}
	if t.ttl < 0 {
		return
	}
	for first := t.lru.Front(); first != nil; first = t.lru.Front() {
		e := first.Value.(*entry)
		if now.Before(time.Unix(e.used, 0).Add(t.ttl)) {
			return
		}
		t.unindex(e)
		t.lru.Remove(e.lru)
		t.store.remove(e)
		t.forget(e)
	}
}

func (t *profiles) forget(e *entry) {
	delete(t.byID, e.id)
	if i, found := slices.BinarySearchFunc(t.order, e.id, func(e *entry, id string) int { return cmp.Compare(e.id, id) }); found {
		t.order = slices.Delete(t.order, i, i+1)
	}
}

func (t *profiles) index(e *entry) {
	for _, c := range e.now.contactIDs {
		t.byContact[c] = append(t.byContact[c], e)
	}
}

func (t *profiles) unindex(e *entry) {
	for _, c := range e.now.contactIDs {
		rest := slices.DeleteFunc(t.byContact[c], func(x *entry) bool { return x == e })
		if len(rest) == 0 {
			delete(t.byContact, c)
		} else {
			t.byContact[c] = rest
		}
	}
}

// entity is a profile as create, get and merge answer it.
func (v *version) entity(id string) jsonvalue.Object {
	return jsonvalue.Object{
		{Name: "_id", Value: jsonvalue.String(id)},
		{Name: "profile", Value: v.fields.Value()},
		{Name: "contactIds", Value: jsonvalue.Strings(v.contactIDs)},
		{Name: "active", Value: jsonvalue.Bool(v.active)},
		{Name: "createdAt", Value: jsonvalue.Int(v.createdAt)},
		{Name: "lastChanged", Value: jsonvalue.Int(v.lastChanged)},
		{Name: "createdBy", Value: jsonvalue.String(v.createdBy)},
		{Name: "lastChangedBy", Value: jsonvalue.String(v.lastChangedBy)},
	}
}

// item is a profile as list answers it.
func (v *version) item(id, projectID string) jsonvalue.Object {
	return jsonvalue.Object{
		{Name: "_id", Value: jsonvalue.String(id)},
		{Name: "profile", Value: v.fields.Value()},
		{Name: "active", Value: jsonvalue.Bool(v.active)},
		{Name: "contactIds", Value: jsonvalue.Strings(v.contactIDs)},
		{Name: "lastChanged", Value: jsonvalue.Int(v.lastChanged)},
		{Name: "projectId", Value: jsonvalue.String(projectID)},
	}
}
