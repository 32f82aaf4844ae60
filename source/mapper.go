package source

import (
	"fmt"
	"slices"

	"importer/importer"
)

// A record is one record of a file, taken apart. It outlives the next one.
type record struct {
	line  int // on which it begins, from 1
	raw   []string
	fault *fault // where it could not be taken apart

	cells []string // of CSV, by column

	values []cell           // of JSON, by target
	names  []string         // of JSON, by target: the member's name; empty where there is none
	exact  bool             // JSON in the API's shape
	custom []importer.Field // exact only: members that are no default fields
}

func (r *record) set(slot int, m member) { r.values[slot], r.names[slot] = m.cell, m.name }

func (r *record) at(slot int) cell {
	if r.values != nil {
		return r.values[slot]
	}
	return cell{text: r.cells[slot]}
}

// A mapper makes rows of the records of one file.
type mapper struct {
	file   *file
	number *int64 // records of the whole input so far
}

// row makes a row of a record, or a *importer.RowError.
func (m *mapper) row(r *record) (importer.Row, error) {
	*m.number++
	row := importer.Row{Source: m.file.Name, Line: r.line, Number: *m.number, Raw: r.raw}
	f := r.fault
	if f == nil {
		f = m.profile(&row.Profile, r)
	}
	if f == nil {
		if n := row.Profile.BodyBytes(); n > importer.MaxBodyBytes {
			f = &fault{
				reason: fmt.Sprintf("the profile is %d bytes long as JSON, and the API takes %d", n, importer.MaxBodyBytes),
				hint:   "shorten its longest field",
			}
		}
	}
	if f != nil {
		return importer.Row{}, &importer.RowError{
			Source: row.Source, Line: row.Line, Number: row.Number, ContactIDs: row.Profile.ContactIDs,
			Field: f.field, Reason: f.reason, Hint: f.hint, Raw: row.Raw,
		}
	}
	row.Key = importer.KeyOf(row.Profile.ContactIDs)
	row.Digest = importer.DigestOf(row.Profile)
	return row, nil
}

// profile fills p. The contact ids come first, so that whatever else is wrong
// can be told of a contact.
func (m *mapper) profile(p *importer.Profile, r *record) *fault {
	if f := m.contactIDs(p, r); f != nil {
		return f
	}
	if a := m.file.plan.active; a.slot >= 0 {
		if c := r.at(a.slot); !c.empty() {
			b, f := boolOf(c)
			if f != nil {
				return m.at(f, r, a.slot)
			}
			p.Active = &b
		}
	}
	fields := m.file.plan.fields
	size := 0
	for _, out := range fields {
		c := r.at(out.slot)
		size += len(c.text) + len(c.json) + len(`""`)
	}
	// One array holds all values. Where escapes make it too small, append moves
	// on to a new one and the values before stay where they are.
	values := make([]byte, 0, size)
	p.Fields = make([]importer.Field, 0, len(fields)+len(r.custom))
	for _, out := range fields {
		c := r.at(out.slot)
		start := len(values)
		var f *fault
		switch {
		case r.exact && c.json == nil && c.text == "" && r.names[out.slot] != "" && out.kind <= email:
			values = append(values, `""`...) // who writes the API's own body means it
		case c.empty():
			continue
		default:
			values, f = appendValue(values, c, out.kind)
		}
		if f != nil {
			return m.at(f, r, out.slot)
		}
		if end := len(values); end > start {
			p.Fields = append(p.Fields, importer.Field{Name: out.name, Value: values[start:end:end]})
		}
	}
	if len(r.custom) > 0 {
		p.Fields = append(p.Fields, r.custom...)
		importer.SortFields(p.Fields)
	}
	return nil
}

// contactIDs takes the ids of the first column that holds any.
func (m *mapper) contactIDs(p *importer.Profile, r *record) *fault {
	for _, id := range m.file.plan.ids {
		c := r.at(id.slot)
		if c.empty() {
			continue
		}
		ids, f := idsOf(c, id.kind)
		if f != nil {
			return m.at(f, r, id.slot)
		}
		for _, s := range ids {
			if !slices.Contains(p.ContactIDs, s) {
				p.ContactIDs = append(p.ContactIDs, s)
			}
		}
		if len(p.ContactIDs) > 0 {
			return nil
		}
	}
	return &fault{field: "contactIds", reason: "there is no contact id", hint: "fill in contactIds, or an e-mail address or phone number to stand for it"}
}

func idsOf(c cell, k kind) ([]string, *fault) {
	if k == list {
		return listOf(c)
	}
	s, f := textOf(c)
	if f == nil {
		if k == email {
			f = checkEmail(s)
		} else {
			f = checkPhone(s)
		}
	}
	return []string{s}, f
}

// at says in which column a fault is.
func (m *mapper) at(f *fault, r *record, slot int) *fault {
	if r.names != nil {
		f.field = r.names[slot]
	} else {
		f.field = columnName(m.file.Header, slot)
	}
	return f
}
