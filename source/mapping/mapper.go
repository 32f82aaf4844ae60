package mapping

import (
	"fmt"
	"importer/importer/contact"
	"slices"
	"time"
)

// The slots are a record taken apart, as the outputs of a plan take it. What is of
// JSON alone is valid until the next record is taken apart.
type slots struct {
	cells []string // of CSV, by column

	values []cell          // of JSON, by slot
	names  []string        // of JSON, by slot: the member's name; empty where there is none
	exact  bool            // JSON in the API's shape
	custom []contact.Field // of JSON: members that go to a custom field of their name
}

func (r *slots) set(slot int, m member) { r.values[slot], r.names[slot] = m.cell, m.name }

func (r *slots) at(slot int) cell {
	if r.values != nil {
		return r.values[slot]
	}
	return cell{text: r.cells[slot]}
}

// A Mapper makes rows of the records of one file.
type Mapper struct {
	source  string // name of the file
	plan    *Plan
	objects objectTaker
	slots   slots // of the record
}

// NewMapper makes the mapper of one file, which a single goroutine may use.
func NewMapper(source string, p *Plan) *Mapper {
	return &Mapper{source: source, plan: p, objects: objectTaker{plan: p}}
}

// Ignored says which members of the objects so far go nowhere; empty where there
// are none.
func (m *Mapper) Ignored() string { return m.objects.ignored.text() }

func (m *Mapper) takeApart(r *Record) *Fault {
	if r.JSON != nil {
		return m.objects.takeApart(&m.slots, r.JSON)
	}
	m.slots = slots{cells: r.Cells}
	return nil
}

// Row makes the row of that number, or a *contact.RowError, of a record. A row that
// skip_if leaves out has LeftOut, and no number.
func (m *Mapper) Row(r *Record, number int64) (contact.Row, error) {
	row := contact.Row{Source: m.source, Line: r.Line, Number: number, Raw: r.Raw}
	f := r.Fault
	if f == nil {
		f = m.takeApart(r)
	}
	if f == nil {
		row.LeftOut, f = m.leavesOut()
	}
	if row.LeftOut {
		row.Number = 0
		_ = m.contactIDs(&row.Profile, &m.slots) // ids that cannot be read are nobody's
		return row, nil
	}
	if f == nil {
		f = m.profile(&row.Profile, &m.slots)
	}
	if f == nil {
		row.Digest, row.Bytes = row.Profile.Measure()
		f = checkSize(row.Bytes)
	}
	if f != nil {
		return contact.Row{}, &contact.RowError{
			Source: row.Source, Line: row.Line, Number: row.Number, ContactIDs: row.Profile.ContactIDs,
			Field: f.Field, Reason: f.Reason, Hint: f.Hint, Raw: row.Raw,
		}
	}
	row.Key = contact.KeyOf(row.Profile.ContactIDs)
	return row, nil
}

// leavesOut tells whether skip_if leaves the record out.
func (m *Mapper) leavesOut() (bool, *Fault) {
	if m.plan.skip == nil {
		return false, nil
	}
	v, f := m.plan.skip.run(&m.slots)
	skip, _ := v.(bool)
	return skip, f
}

// checkSize wants a body of a length that the API takes.
func checkSize(n int) *Fault {
	if n <= contact.MaxBodyBytes {
		return nil
	}
	return &Fault{
		Reason: fmt.Sprintf("the profile is %d bytes long as JSON, and the API takes %d", n, contact.MaxBodyBytes),
		Hint:   "shorten its longest field",
	}
}

// profile fills p. The contact ids come first, so that whatever else is wrong
// can be told of a contact.
func (m *Mapper) profile(p *contact.Profile, r *slots) *Fault {
	if f := m.contactIDs(p, r); f != nil {
		return f
	}
	if a := m.plan.active; a != nil {
		v, f := m.append(nil, r, a)
		if f != nil {
			return f
		}
		if len(v) > 0 {
			b := v[0] == 't'
			p.Active = &b
		}
	}
	fields := m.plan.fields
	size := 0
	for i := range fields {
		for _, slot := range fields[i].slots {
			c := r.at(slot)
			size += len(c.text) + len(`""`)
		}
	}
	// One array holds all values. Where escapes make it too small, append moves
	// on to a new one and the values before stay where they are.
	values := make([]byte, 0, size)
	all := make([]contact.Field, 0, len(fields)+len(r.custom))
	for i := range fields {
		start := len(values)
		var f *Fault
		if values, f = m.append(values, r, &fields[i]); f != nil {
			return f
		}
		if end := len(values); end > start {
			all = append(all, contact.Field{Name: fields[i].name, Value: values[start:end:end]})
		}
	}
	p.Fields = all
	if len(r.custom) > 0 {
		mapped := *p // what the mapping gives goes over what the record has
		for _, f := range r.custom {
			if mapped.Field(f.Name) == nil {
				p.Fields = append(p.Fields, f)
			}
		}
		contact.SortFields(p.Fields)
	}
	return nil
}

// append appends the value of one output as JSON; nothing where it is empty.
func (m *Mapper) append(dst []byte, r *slots, o *output) ([]byte, *Fault) {
	several := len(o.slots) > 1
	switch {
	case o.kind == list && several:
		items, f := m.items(r, o)
		if f != nil || len(items) > 0 {
			return appendList(dst, items), f
		}
	case o.kind == memory:
		after, f := m.appendMemories(dst, r, o)
		if f != nil || len(after) > len(dst) {
			return after, f
		}
	default:
		c, slot, f := m.first(r, o)
		if f != nil {
			return dst, f
		}
		if r.exact && slot >= 0 && c.isText() && c.text == "" && r.names[slot] != "" && o.kind <= email {
			return append(dst, `""`...), nil // who writes the API's own body means it
		}
		if !c.empty() && (o.kind != date || !noDate(c.text)) {
			after, f := appendValue(dst, c, o.kind, &o.options, "")
			if f != nil || len(after) > len(dst) {
				return after, m.at(f, r, slot, o)
			}
		}
	}
	if o.fallback == nil {
		return dst, nil
	}
	dst, f := appendValue(dst, *o.fallback, o.kind, &o.options, o.timestamp)
	return dst, m.at(f, r, -1, o)
}

// first is the first of the columns of an output that is not empty, else the
// last, and its slot; or what its expression gives.
func (m *Mapper) first(r *slots, o *output) (c cell, slot int, f *Fault) {
	if o.prog != nil {
		c, f = o.prog.cell(r)
		return c, -1, m.at(f, r, -1, o)
	}
	if len(o.slots) == 1 {
		return r.at(o.slots[0]), o.slots[0], nil
	}
	slot = -1
	for _, slot = range o.slots {
		if c = r.at(slot); !c.empty() {
			break
		}
	}
	return c, slot, nil
}

// items are the items of all columns of a list.
func (m *Mapper) items(r *slots, o *output) ([]string, *Fault) {
	var all []string
	for _, slot := range o.slots {
		c := r.at(slot)
		if c.empty() {
			continue
		}
		items, f := listOf(c, &o.options)
		if f != nil {
			return nil, m.at(f, r, slot, o)
		}
		all = append(all, items...)
	}
	return all, nil
}

// appendMemories appends a memory for each column that is not empty.
func (m *Mapper) appendMemories(dst []byte, r *slots, o *output) ([]byte, *Fault) {
	at, f := m.memoryTime(r, o)
	if f != nil {
		return dst, f
	}
	start := len(dst)
	one := func(c cell, slot int) *Fault {
		if c.empty() {
			return nil
		}
		if at == "" {
			return m.at(&Fault{Reason: "is empty, and a memory needs its time", Hint: "fill it in, or give timestamp in the mapping"}, r, o.timestampAt[0], o)
		}
		s, f := textOf(c, &o.options)
		if f != nil {
			return m.at(f, r, slot, o)
		}
		between := byte(',')
		if len(dst) == start {
			between = '['
		}
		dst = appendMemory(append(dst, between), s, at)
		return nil
	}
	if o.prog != nil {
		c, f := o.prog.cell(r)
		if f == nil {
			f = one(c, -1)
		}
		if f != nil {
			return dst[:start], m.at(f, r, -1, o)
		}
	}
	for _, slot := range o.slots {
		if f := one(r.at(slot), slot); f != nil {
			return dst[:start], f
		}
	}
	if len(dst) > start {
		dst = append(dst, ']')
	}
	return dst, nil
}

// memoryTime is the time of the memories, RFC 3339; empty where its column is.
func (m *Mapper) memoryTime(r *slots, o *output) (string, *Fault) {
	if len(o.timestampAt) == 0 {
		return o.timestamp, nil
	}
	slot := o.timestampAt[0]
	s, f := textOf(r.at(slot), &o.options)
	if f != nil || s == "" {
		return "", m.at(f, r, slot, o)
	}
	t, f := dateOf(s, &o.options)
	return t.UTC().Format(time.RFC3339), m.at(f, r, slot, o)
}

// contactIDs takes the ids of the first output that has any, or of all where the
// mapping names them.
func (m *Mapper) contactIDs(p *contact.Profile, r *slots) *Fault {
	for i := range m.plan.ids {
		if f := m.addIDs(p, r, &m.plan.ids[i]); f != nil {
			return f
		}
		if len(p.ContactIDs) > 0 && !m.plan.allIDs {
			break
		}
	}
	if len(p.ContactIDs) > 0 {
		return nil
	}
	return &Fault{Field: "contactIds", Reason: "there is no contact id", Hint: "fill in contactIds, or an e-mail address or phone number to stand for it"}
}

// addIDs adds the ids that one output gives.
func (m *Mapper) addIDs(p *contact.Profile, r *slots, o *output) *Fault {
	if o.kind == list && len(o.slots) > 1 {
		ids, f := m.items(r, o)
		addMissing(p, ids...)
		return f
	}
	c, slot, f := m.first(r, o)
	if f != nil {
		return f
	}
	if c.empty() {
		if o.fallback == nil {
			return nil
		}
		c, slot = *o.fallback, -1
	}
	if o.kind == list {
		ids, f := listOf(c, &o.options)
		addMissing(p, ids...)
		return m.at(f, r, slot, o)
	}
	id, f := stringOf(c, o.kind, &o.options)
	if f != nil {
		return m.at(f, r, slot, o)
	}
	addMissing(p, id)
	return nil
}

// addMissing adds the ids that the profile does not have yet.
func addMissing(p *contact.Profile, ids ...string) {
	for _, id := range ids {
		if id != "" && !slices.Contains(p.ContactIDs, id) {
			p.ContactIDs = append(p.ContactIDs, id)
		}
	}
}

// at says in which column a fault is, or else in which field.
func (m *Mapper) at(f *Fault, r *slots, slot int, o *output) *Fault {
	switch {
	case f == nil || f.Field != "":
	case slot < 0:
		f.Field = o.name
	case r.names != nil:
		f.Field = r.names[slot]
	default:
		f.Field = ColumnName(m.plan.header, slot)
	}
	return f
}
