package mapping

import (
	"importer/importer/contact"
	"importer/internal/rejectfile"
)

// Correction is which refused row a record of a reject file corrects, by the run that
// wrote the file; nil where it is a row of its own.
func (m *Mapper) Correction(r *Record) *contact.Correction {
	var ref rejectfile.Ref
	var ok bool
	switch {
	case r.JSON != nil:
		ref, ok = rejectfile.RefIn(r.JSON)
	case r.Ref != "":
		ref, ok = rejectfile.ParseRef(r.Ref)
	}
	if !ok {
		return nil
	}
	c := &contact.Correction{By: ref.Run}
	if c.Row.UnmarshalText([]byte(ref.Row)) != nil || ref.Digest != "" && c.Digest.UnmarshalText([]byte(ref.Digest)) != nil {
		return nil
	}
	return c
}

// withoutOurs empties the members that the writer of a reject file added, whatever the
// mapping takes from members of these names.
func (m *Mapper) withoutOurs() {
	for _, name := range rejectfile.Columns {
		if slot, named := m.plan.members[name]; named {
			m.cells[slot], m.names[slot] = cell{}, ""
		}
	}
}
