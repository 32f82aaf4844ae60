package mapping

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"importer/importer/contact"
	"importer/importer/idtext"
	"importer/source/mapping/columns"
	"importer/source/mapping/dates"
	"importer/source/mapping/notes"
)

// MaxColumns bounds the columns of a file: a first line of more is hardly a header.
const MaxColumns = 2000

// A Record is one record of a file, as its reader gives it.
type Record struct {
	Line  int      // on which it begins, from 1
	Raw   []string // as read: the cells, or the one JSON text
	Fault *Fault   // where it cannot be read
	Cells []string // of CSV and of workbooks, by column
	// Before is what a reader took off the front of the first cell, and After what it took
	// off the end of the last: rule 1 of contact ids had it.
	Before, After string
	// Numbers says which cells a workbook keeps as numbers; nil: none. Of those the text
	// is the value as it is stored, with all its digits.
	Numbers []bool
	// Shown is what a workbook shows in cells that hold something else, by column; nil
	// where that cannot be told.
	Shown map[int]*string
	JSON  jsontext.Value // of NDJSON; valid until the next record is read
	Ref   string         // of a reject file that is a table: which row this one corrects
}

// A Fault is why a record is invalid.
type Fault struct {
	Field, Reason, Hint string
}

// A Mapper makes rows of the records of one file.
type Mapper struct {
	source  string // name of the file
	plan    *Plan
	nulls   map[string]bool // values that mean nothing, without the space around them
	ignored notes.Ignored   // members of objects that go nowhere
	// Notes are what a person should know of rows that go in.
	Notes notes.Notes

	// Of the record:
	cells  []cell          // by slot
	shown  map[int]*string // as in the record
	names  []string        // of JSON, by slot: the member's name; empty where there is none
	exact  bool            // JSON in the API's shape
	custom []contact.Field // of JSON: members that go to a custom field of their name
	// customNames are the names of those of a flat object.
	customNames map[string]bool
	// odd says that a value is not what rule 1 of contact ids made of it, and unread that
	// one that should be a contact id is none. Of those that rule 1 took, rounded says
	// that none is all of its number.
	odd, unread, rounded bool
	before, after        string // as of the record
	notices              []notes.Notice

	phone struct { // the last text that was read as phone numbers
		phoneText
		numbers []idtext.PhoneNumber
		flaw    *idtext.Flaw
	}
	former map[string]int // columns.FormerTarget by the name of a member
}

// NewMapper makes the mapper of one file, which a single goroutine may use. Cells that
// hold one of the null values, with or without space around it, are empty.
func NewMapper(source string, p *Plan, nullValues []string) *Mapper {
	m := &Mapper{source: source, plan: p, ignored: notes.Ignored{Like: columns.Like}}
	if len(nullValues) > 0 {
		m.nulls = make(map[string]bool, len(nullValues))
	}
	for _, v := range nullValues {
		m.nulls[strings.TrimSpace(v)] = true
	}
	return m
}

// Ignored says which members of the objects so far go nowhere; empty where there
// are none.
func (m *Mapper) Ignored() string { return m.ignored.Text() }

func (m *Mapper) takeApart(r *Record) *Fault {
	m.exact, m.custom, m.notices, m.shown = false, nil, m.notices[:0], r.Shown
	if r.JSON != nil {
		return m.takeObject(r.JSON)
	}
	m.cells, m.before, m.after = m.cells[:0], r.Before, r.After
	for i, text := range r.Cells {
		c := cell{text: text}
		if r.Numbers != nil && r.Numbers[i] {
			c.kind = '0'
		}
		m.cells = append(m.cells, m.withoutNull(c))
	}
	return nil
}

// withoutNull is an empty cell instead of one that holds a null value.
func (m *Mapper) withoutNull(c cell) cell {
	if m.nulls != nil && c.isText() && m.nulls[strings.TrimSpace(c.text)] {
		return cell{}
	}
	return c
}

// Row makes the row of that number, or a *contact.RowError, of a record. A row that
// skip_if leaves out has LeftOut, and no number.
func (m *Mapper) Row(r *Record, number int64) (contact.Row, error) {
	row := contact.Row{Source: m.source, Line: r.Line, Number: number, Raw: r.Raw}
	m.unread = false
	row.Corrects = m.Correction(r)
	f := r.Fault
	if f == nil {
		f = m.takeApart(r)
	}
	if f == nil {
		row.LeftOut, f = m.leavesOut()
	}
	if row.LeftOut {
		row.Number = 0
		_ = m.contactIDs(&row.Profile) // ids that cannot be read are nobody's
		m.unread = false
		row.Former = m.formerIDs(row.Profile.ContactIDs)
		row.Earlier = m.earlierIDs(row.Profile.ContactIDs)
		row.Rounded, row.Unread = row.Former != nil && m.rounded, m.unread
		return row, nil
	}
	if f == nil {
		if f = m.contactIDs(&row.Profile); f == nil {
			f = m.profile(&row.Profile)
		}
		row.Earlier = m.earlierIDs(row.Profile.ContactIDs)
		row.Former = m.formerIDs(row.Profile.ContactIDs)
	}
	if f == nil {
		row.Digest, row.Bytes = row.Profile.Measure()
		if row.Bytes > contact.MaxBodyBytes {
			f = &Fault{Reason: fmt.Sprintf("the profile is %d bytes long as JSON, and the API takes %d", row.Bytes, contact.MaxBodyBytes), Hint: "shorten its longest field"}
		}
	}
	if f != nil {
		return contact.Row{}, &contact.RowError{
			Source: row.Source, Line: row.Line, Number: row.Number, ContactIDs: row.Profile.ContactIDs, Former: row.Former, Earlier: row.Earlier, Unread: m.unread, Corrects: row.Corrects,
			Field: f.Field, Reason: f.Reason, Hint: f.Hint, Raw: row.Raw,
		}
	}
	row.Key, row.Unread = contact.KeyOf(row.Profile.ContactIDs), m.unread
	row.Rounded = row.Former != nil && m.rounded
	for _, n := range m.notices {
		m.Notes.Add(n, row.Line)
	}
	return row, nil
}

func (m *Mapper) leavesOut() (bool, *Fault) {
	if m.plan.skip == nil {
		return false, nil
	}
	v, f := m.plan.skip.run(m.cells)
	skip, _ := v.(bool)
	return skip, f
}

// profile fills in all but the contact ids. Those come first, so that whatever else
// is wrong can be told of a contact.
func (m *Mapper) profile(p *contact.Profile) *Fault {
	if m.plan.active != nil {
		v, f := m.value(m.plan.active)
		if f != nil {
			return f
		}
		if len(v) > 0 {
			p.Active = new(v[0] == 't')
		}
	}
	p.Fields = make([]contact.Field, 0, min(len(m.plan.fields)+len(m.custom), 64)) // of a wide file few are filled in
	for _, o := range m.plan.fields {
		if o.prog == nil && o.fallback == nil && len(o.slots) == 1 && !o.kind.identifies() && o.kind != memory && (m.cells[o.slots[0]] == cell{}) && !m.exact {
			continue // most columns of a wide file
		}
		v, f := m.value(o)
		if f != nil {
			return f
		}
		if len(v) > 0 {
			p.Fields = append(p.Fields, contact.Field{Name: o.name, Value: v})
		}
	}
	mapped := *p // what the mapping gives goes over what the record has
	for _, f := range m.custom {
		if mapped.Field(f.Name) == nil {
			p.Fields = append(p.Fields, f)
		}
	}
	contact.SortFields(p.Fields)
	return nil
}

// value is the value of an output as JSON; nil where it is empty.
func (m *Mapper) value(o *output) (jsontext.Value, *Fault) {
	var value jsontext.Value
	var f *Fault
	if o.kind.identifies() {
		var s string
		if s, f = m.address(o); s != "" {
			value = contact.StringValue(s)
		}
	} else {
		value, f = m.plainValue(o)
	}
	// Who writes the API's own body with an empty text means it.
	meant := func(slot int) bool { return m.names[slot] != "" && m.cells[slot] == cell{} }
	switch {
	case f != nil || len(value) > 0:
		return value, f
	case m.exact && o.kind <= email && slices.ContainsFunc(o.slots, meant):
		return jsontext.Value(`""`), nil
	case o.fallback != nil:
		v, f := valueOf(*o.fallback, o.kind, &o.options, o.timestamp)
		return v, m.at(f, -1, o)
	}
	return nil, nil
}

// plainValue is the value of an output of a kind that does not identify.
func (m *Mapper) plainValue(o *output) (value jsontext.Value, f *Fault) {
	cells, f := m.filled(o, o.kind == list || o.kind == memory)
	if f != nil {
		return nil, f
	}
	at, f := m.memoryTime(o, len(cells) > 0)
	if f != nil {
		return nil, f
	}
	for _, c := range cells {
		if o.misnamed && !m.exact {
			m.tell(fmt.Sprintf("what stands in %q was left out of %s: much of the column is neither yes nor no", m.column(c.slot, o), o.name), c.text)
			continue
		}
		v, f := m.valueOf(c.cell, o, at)
		if f == nil && o.kind == birthday && !m.exact {
			m.tellOrder(c, o)
		}
		switch {
		case f != nil && o.kind == birthday:
			m.tell(fmt.Sprintf("the birthday in %q was left out: %s", m.column(c.slot, o), f.Reason), c.text)
		case f != nil:
			return nil, m.at(f, c.slot, o)
		case len(value) == 0:
			value = v
		case len(v) > 0: // the lists of two columns become one
			value = append(append(value[:len(value)-1], ','), v[1:]...)
		}
	}
	return value, nil
}

// valueOf is the value of a cell. What the API's own shape has is text as it stands.
func (m *Mapper) valueOf(c cell, o *output, at string) (jsontext.Value, *Fault) {
	if m.exact && o.path == "" {
		return exactValue(c, o.kind)
	}
	return valueOf(c, o.kind, &o.options, at)
}

func exactValue(c cell, k kind) (jsontext.Value, *Fault) {
	if k == birthday {
		k = text
	}
	return valueOf(c, k, &options{}, "")
}

// A place is a cell and the slot it is from; -1 of what was computed.
type place struct {
	cell
	slot int
}

// filled are the cells of an output that are not empty: what its expression gives and
// its columns, all of them or the first.
func (m *Mapper) filled(o *output, all bool) (cells []place, f *Fault) {
	isDate := o.kind == date || o.kind == birthday && !m.exact
	blank := func(c cell) bool { return c.empty() || isDate && dates.None(c.text) }
	at := m.cells
	if o.kind.identifies() || o.name == columns.Targets[columns.ContactIDs].Name {
		blank, at = m.blankID, m.cellsOf(o, idCell)
	}
	add := func(c cell, slot int) {
		if (all || len(cells) == 0) && !blank(c) {
			cells = append(cells, place{c, slot})
		}
	}
	if o.prog != nil {
		c, f := o.prog.cell(at)
		if f != nil {
			return nil, m.at(f, -1, o)
		}
		add(c, -1)
	}
	for _, slot := range o.slots {
		add(at[slot], slot)
	}
	return cells, nil
}

// memoryTime is the time of the memories, RFC 3339; empty where its column is, and
// none is needed.
func (m *Mapper) memoryTime(o *output, needed bool) (string, *Fault) {
	if len(o.timestampAt) == 0 {
		return o.timestamp, nil
	}
	slot := o.timestampAt[0]
	s, f := textOf(m.cells[slot], &o.options)
	switch {
	case f != nil:
	case s != "":
		var t time.Time
		t, f = dateOf(s, m.cells[slot].kind == '0', &o.options)
		s = t.UTC().Format(time.RFC3339)
	case needed:
		f = &Fault{Reason: "is empty, and a memory needs its time", Hint: "fill it in, or give timestamp in the mapping"}
	}
	return s, m.at(f, slot, o)
}

// at says in which column a fault is, or else in which field.
func (m *Mapper) at(f *Fault, slot int, o *output) *Fault {
	if f != nil && f.Field == "" {
		f.Field = m.column(slot, o)
	}
	return f
}

// column is the name of the column of a slot, or else of the field.
func (m *Mapper) column(slot int, o *output) string {
	switch {
	case slot < 0:
		return o.name
	case m.names != nil:
		return m.names[slot]
	}
	return columns.Name(m.plan.header, slot)
}
