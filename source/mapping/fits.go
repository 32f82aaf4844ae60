package mapping

import (
	"maps"
	"slices"
	"time"

	"importer/importer/idtext"
	"importer/source/mapping/columns"
)

// Fits tells whether a row can be the header that a mapping was written for: it holds
// columns that the mapping names, and none is missing.
func (m *Mapping) Fits(row []string) bool {
	if m == nil {
		return false
	}
	p, err := m.compile(func(column string) (int, bool) { return columns.Find(row, column) })
	return err == nil && slices.Contains(slices.Collect(maps.Values(p.named)), true)
}

// NamesMember tells whether the mapping of a plan for JSON names a member of the object,
// or one within it.
func (p *Plan) NamesMember(name string) bool {
	_, named := p.members[name]
	return named || p.leads(name)
}

// leads tells whether the mapping names a member within the one of this name.
func (p *Plan) leads(name string) bool {
	return p.around[name]
}

// Takes tells whether a text, or a part of it, can go where columns of a name go without a
// mapping: to "email", or "phone", for which the profile has no field. A workbook, and
// JSON, may hold it as a number.
func Takes(name, text string, isNumber bool) bool {
	c, form := cell{text: text}, idtext.TextForm
	if isNumber {
		c.kind, form = '0', idtext.CellForm
	}
	if k := kinds[name]; k.identifies() {
		ids, _ := idsOf(text, k, form)
		return len(ids) > 0
	}
	_, f := valueOf(c, kinds[name], &options{layout: time.DateOnly}, "")
	return f == nil
}

// GivesIDs tells whether contact ids come from the column of a slot.
func (p *Plan) GivesIDs(slot int) bool {
	return slices.ContainsFunc(p.ids, func(o *output) bool {
		return slices.Contains(o.slots, slot) || o.prog != nil && slices.Contains(slices.Collect(maps.Values(o.prog.slots)), slot)
	})
}
