package change

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"

	"importer/importer/contact"
)

// Marks are what the state keeps of the values that were sent last for a contact: enough
// to tell whether a value is among them, and not what it was. The first byte is the
// version of this form; a mark for each name and value follows.
type Marks []byte

const marksVersion = 1

// A mark is the beginning of a digest.
type mark [8]byte

// MarksOf are the marks of a profile that was sent.
func MarksOf(p contact.Profile) Marks {
	m := append(make(Marks, 0, 1+len(mark{})*(len(p.Fields)+1)), marksVersion)
	for _, f := range p.Fields {
		k := markOf(f.Name, f.Value)
		m = append(m, k[:]...)
	}
	if p.Active != nil {
		k := activeMark(*p.Active)
		m = append(m, k[:]...)
	}
	return m
}

// Known tells whether it is known what was sent. Of a profile without any value it is
// not: that may also be one of which only the contact ids are known.
func (m Marks) Known() bool {
	return len(m) > 1 && m[0] == marksVersion && len(m)%len(mark{}) == 1
}

// set are the single marks; none where they are not known.
func (m Marks) set() map[mark]bool {
	if !m.Known() {
		return nil
	}
	set := make(map[mark]bool, len(m)/len(mark{}))
	for rest := m[1:]; len(rest) > 0; rest = rest[len(mark{}):] {
		set[mark(rest[:len(mark{})])] = true
	}
	return set
}

func markOf(name string, value []byte) mark {
	buf := binary.AppendUvarint(make([]byte, 0, 64), uint64(len(name)))
	sum := sha256.Sum256(append(append(buf, name...), value...))
	return mark(sum[:])
}

// activeMark is the mark of the member active: no field is without a name.
func activeMark(active bool) mark { return markOf("", strconv.AppendBool(nil, active)) }
