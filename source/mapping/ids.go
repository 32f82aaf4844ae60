package mapping

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"importer/importer/contact"
	"importer/importer/idtext"
	"importer/internal/words"
	"importer/source/mapping/notes"
)

// identifies tells whether a value of the kind is held to the rule of contact ids.
func (k kind) identifies() bool { return k == email || k == plainPhone || k == phone }

// contactIDs takes the ids of the first output that has any, or of all where the
// mapping names them. A value that cannot be an id is left out where there is
// another.
func (m *Mapper) contactIDs(p *contact.Profile) *Fault {
	m.odd, m.unread = false, false
	all, first, f := m.idsOf(m.plan.ids, m.plan.allIDs)
	p.ContactIDs = all
	switch n := len(all); {
	case f != nil:
		return f
	case n > idtext.MaxIDs:
		return &Fault{Field: "contactIds", Reason: fmt.Sprintf("the row has more than %d contact ids", idtext.MaxIDs), Hint: "correct the row: one person has a few"}
	case n > 0:
		return nil
	case first != nil:
		return first
	}
	return &Fault{Field: "contactIds", Reason: "there is no contact id", Hint: "fill in contactIds, or an e-mail address or phone number to stand for it"}
}

// idsOf takes the ids of the first of these outputs that has any, or of all. What is left
// out is told, and the first of it returned.
func (m *Mapper) idsOf(outputs []*output, every bool) (all []string, first, f *Fault) {
	for _, o := range outputs {
		if o.standIn && len(all) > 0 {
			continue
		}
		ids, left, f := m.ids(o)
		if f != nil {
			return all, first, f
		}
		if left != nil && first == nil {
			first = left
		}
		for _, id := range ids {
			if len(all) <= idtext.MaxIDs && !slices.Contains(all, id) {
				all = append(all, id)
			}
		}
		if len(all) > 0 && !every {
			break
		}
	}
	return all, first, nil
}

// ids are the contact ids of an output: of a list those of all its columns, else of
// the first column that has any. What is left out is told, and the first of it
// returned.
func (m *Mapper) ids(o *output) (ids []string, left, f *Fault) {
	cells, f := m.filled(o, true)
	if f != nil {
		return nil, nil, f
	}
	if len(cells) == 0 && o.fallback != nil {
		cells = []place{{*o.fallback, -1}}
	}
	for _, c := range cells {
		found, f := m.identify(c, o)
		if f != nil {
			m.odd = true
			m.unread = m.unread || !idtext.IsPlaceholder(c.text)
			m.leaveOut(f, c, o, len(found) > 0)
			if left == nil {
				left = f
			}
		}
		ids = append(ids, found...)
		if len(found) > 0 && (o.kind != list || o.path == "") {
			return ids, left, nil
		}
	}
	return ids, left, nil
}

// identify is what a cell gives as contact ids, e-mail addresses or phone numbers.
// Beside a fault it is what is left. A value that rule 1 took otherwise is odd.
func (m *Mapper) identify(c place, o *output) (ids []string, f *Fault) {
	if o.kind == list {
		return m.identifyItems(c.cell, o)
	}
	s, f := textOf(c.cell, &o.options)
	if f != nil {
		return nil, f
	}
	if o.kind == phone {
		return m.phones(s, c, o)
	}
	ids, flaw := idsOf(s, o.kind, m.form(c.cell))
	m.odd = m.odd || len(ids) != 1 || ids[0] != s
	return ids, faultOf(s, flaw)
}

// idsOf are the ids of a text of a kind, phone apart.
func idsOf(s string, k kind, form idtext.Form) ([]string, *idtext.Flaw) {
	switch k {
	case email:
		return idtext.Email(s)
	case plainPhone:
		return idtext.PlainPhone(s, form)
	}
	return idtext.ID(s, form)
}

func faultOf(s string, flaw *idtext.Flaw) *Fault {
	if flaw == nil {
		return nil
	}
	return &Fault{Reason: words.Show(s) + " " + flaw.Reason, Hint: flaw.Hint}
}

// phones are the numbers of a text, in E.164. A field often repeats a contact id: the
// last text is remembered.
func (m *Mapper) phones(s string, c place, o *output) (ids []string, f *Fault) {
	want := phoneText{s, m.form(c.cell), idtext.PhoneOptions{Region: o.region, ValidOnly: o.validOnly}}
	if m.phone.phoneText != want {
		m.phone.phoneText = want
		m.phone.numbers, m.phone.flaw = idtext.Phone(s, want.form, want.options)
	}
	if m.phone.flaw != nil && o.asIs {
		if ids, flaw := idtext.PlainPhone(s, want.form); flaw == nil {
			m.odd = true
			m.tell(fmt.Sprintf("the number in %q was taken as it stands: it has no country code, and no region completes it", m.column(c.slot, o)), s)
			return ids, nil
		}
	}
	m.odd = m.odd || len(m.phone.numbers) != 1 || m.phone.numbers[0].Reread || m.phone.flaw != nil || !idtext.IsDialled(s)
	for _, n := range m.phone.numbers {
		ids = append(ids, n.E164)
		if !n.Valid {
			m.tell(fmt.Sprintf("the phone number in %q is possible, but not one of those that its country gives out", m.column(c.slot, o)), s)
		}
	}
	return ids, faultOf(s, m.phone.flaw)
}

// A phoneText is a text that is read as phone numbers.
type phoneText struct {
	text    string
	form    idtext.Form
	options idtext.PhoneOptions
}

// form is how the source keeps a cell.
func (m *Mapper) form(c cell) idtext.Form {
	switch {
	case c.isText():
		return idtext.TextForm
	case m.names != nil:
		return idtext.JSONForm
	}
	return idtext.CellForm
}

// identifyItems are the contact ids of a list: a text with separators, or a JSON
// array.
func (m *Mapper) identifyItems(c cell, o *output) (ids []string, f *Fault) {
	read := idtext.ListedIDs
	items := []cell{c}
	text := strings.TrimSpace(c.text)
	switch array := jsontext.Value(text); {
	case c.kind == '[', c.isText() && strings.HasPrefix(text, "[") && array.IsValid():
		read, items = idtext.ID, items[:0]
		for item := range elements(array) { // valid, as it was read before
			items = append(items, item)
		}
	case c.isText() && o.separator != "":
		read, items = idtext.ID, items[:0]
		for item := range strings.SplitSeq(text, o.separator) {
			items = append(items, cell{text: item})
		}
	case c.isText():
	case c.kind != '0':
		return nil, &Fault{Reason: "is " + describe(c) + ", not a list", Hint: `write a;b or ["a","b"]`}
	}
	for _, item := range items {
		s, itemFault := textOf(item, &o.options)
		switch {
		case item.kind == 'n', itemFault == nil && s == "":
			continue
		case itemFault != nil:
			return nil, &Fault{Reason: words.Show(text) + " is not a JSON array of texts", Hint: `write a;b or ["a","b"]`}
		}
		found, flaw := read(s, m.form(item))
		if f == nil {
			f = faultOf(s, flaw)
		}
		m.odd = m.odd || len(found) != 1 || found[0] != s
		if ids = append(ids, found...); len(ids) > idtext.MaxIDs {
			return nil, &Fault{Reason: fmt.Sprintf("%s holds more than %d contact ids", words.Show(text), idtext.MaxIDs), Hint: "correct it: one person has a few"}
		}
	}
	return ids, f
}

// address is an output of a kind that identifies, as a field of the profile. Of a
// lenient one what cannot be read is left out.
func (m *Mapper) address(o *output) (s string, f *Fault) {
	cells, f := m.filled(o, o.lenient)
	if f != nil {
		return "", f
	}
	for _, c := range cells {
		found, f := m.identify(c, o)
		switch {
		case o.lenient && f != nil:
			m.leaveOutOfField(c, o, len(found) > 0)
		case f != nil:
			return "", m.at(f, c.slot, o)
		}
		if len(found) == 0 {
			continue
		}
		if len(found) > 1 && !o.lenient {
			return "", m.at(severalFault(c.text, o.kind), c.slot, o)
		}
		if len(found) > 1 {
			m.tell(fmt.Sprintf("of several values in %q the first went to the field %s", m.column(c.slot, o), o.name), c.text)
		}
		return found[0], nil
	}
	return "", nil
}

// oneOf is the one address or phone number that a text has to be.
func oneOf(s string, k kind, o *options) (string, *Fault) {
	var ids []string
	var flaw *idtext.Flaw
	if k == phone {
		var numbers []idtext.PhoneNumber
		numbers, flaw = idtext.Phone(s, idtext.TextForm, idtext.PhoneOptions{Region: o.region, ValidOnly: o.validOnly})
		for _, n := range numbers {
			ids = append(ids, n.E164)
		}
		if flaw != nil && o.asIs {
			ids, flaw = idtext.PlainPhone(s, idtext.TextForm)
		}
	} else {
		ids, flaw = idsOf(s, k, idtext.TextForm)
	}
	switch {
	case flaw != nil:
		return "", faultOf(s, flaw)
	case len(ids) != 1:
		return "", severalFault(s, k)
	}
	return ids[0], nil
}

func severalFault(s string, k kind) *Fault {
	if k == email {
		return &Fault{Reason: words.Show(s) + " is not one e-mail address", Hint: "give one address; further ones can stand in a contactIds column"}
	}
	return &Fault{Reason: words.Show(s) + " is not one phone number", Hint: "give one number; further ones can stand in a contactIds column"}
}

// blankID tells whether a cell holds nothing of which an id could be made.
func (m *Mapper) blankID(c cell) bool {
	blank := c.empty() || c.isText() && idtext.IsBlank(c.text)
	m.odd = m.odd || blank && !c.empty()
	return blank
}

// tell notes it, each text once for a record.
func (m *Mapper) tell(text, value string) {
	if !slices.ContainsFunc(m.notices, func(n notes.Notice) bool { return n.Text == text }) {
		m.notices = append(m.notices, notes.Notice{Text: text, Value: value})
	}
}

// leaveOut tells that a value, or a part of it, is left out of the contact ids because
// of a fault, whose place it fills in.
func (m *Mapper) leaveOut(f *Fault, c place, o *output, part bool) {
	m.at(f, c.slot, o)
	m.tell(leftOut(f.Field, part)+", because it cannot be a contact id", c.text)
}

// leaveOutOfField tells that a value, or a part of it, is left out of a field; unless
// it was told already why it is no contact id.
func (m *Mapper) leaveOutOfField(c place, o *output, part bool) {
	what := leftOut(m.column(c.slot, o), part)
	if slices.ContainsFunc(m.notices, func(n notes.Notice) bool { return strings.HasPrefix(n.Text, what) }) {
		return
	}
	kind := "e-mail address"
	if o.kind != email {
		kind = "phone number"
	}
	m.tell(fmt.Sprintf("%s of the field %s, because it is no %s", what, o.name, kind), c.text)
}

func leftOut(column string, part bool) string {
	if part {
		return fmt.Sprintf("a part of what stands in %q was left out", column)
	}
	return fmt.Sprintf("what stands in %q was left out", column)
}
