package mapping

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"importer/importer/contact"
	"importer/internal/rejectfile"
	"importer/internal/words"
	"importer/source/mapping/columns"
)

// takeObject puts the members of a JSON object into their slots. It is the body of a
// create request,
//
//	{"contactIds":["…"],"profile":{…},"active":true}
//
// or a flat object whose members are named as the columns of a CSV file.
func (m *Mapper) takeObject(line jsontext.Value) *Fault {
	if line[0] != '{' {
		return &Fault{Reason: "there is no JSON object", Hint: objectForm}
	}
	m.cells = make([]cell, len(columns.Targets)+len(m.plan.members)+len(columns.FormerTargets))
	m.names = make([]string, len(m.cells))
	var all []member
	for x, err := range members(line) {
		if err != nil {
			return &Fault{Reason: "not valid JSON: " + jsonReason(err), Hint: objectForm}
		}
		all = append(all, x)
		m.takeNamed(x)
	}
	if _, corrects := rejectfile.RefIn(line); corrects {
		m.withoutOurs()
	}
	if i := slices.IndexFunc(all, func(x member) bool { return x.name == "profile" && x.kind == '{' }); i >= 0 {
		return m.takeExact(all, all[i].json())
	}
	var known func(plain string) bool // few objects need it
	has := func(plain string) bool {
		if known == nil {
			names := make([]string, len(all))
			for i, x := range all {
				names[i] = x.name
			}
			known = columns.NamesIn(names)
		}
		return known(plain)
	}
	m.customNames = make(map[string]bool)
	for _, x := range all {
		if f := m.takeFlat(x, has); f != nil {
			return f
		}
	}
	return nil
}

func (m *Mapper) set(slot int, x member) {
	m.cells[slot], m.names[slot] = m.withoutNull(x.cell), x.name
}

// takeNamed puts a member that the mapping names into its slot, and those within it.
func (m *Mapper) takeNamed(x member) {
	if slot, ok := m.plan.members[x.name]; ok {
		m.set(slot, x)
	}
	if x.kind != '{' || !m.plan.leads(x.name) {
		return
	}
	for inner := range members(x.json()) { // valid, as it was read before
		inner.name = x.name + "." + inner.name
		m.takeNamed(inner)
	}
}

// takeExact takes over an object in the API's own shape: its members but for the
// profile, and those of the profile.
func (m *Mapper) takeExact(all []member, profile jsontext.Value) *Fault {
	m.exact = true
	for _, x := range all {
		_, named := m.plan.members[x.name]
		switch {
		case x.name == "contactIds":
			m.set(columns.ContactIDs, x)
			m.set(m.plan.formerSlot(0), x)
		case x.name == "active":
			m.set(columns.Active, x)
		case x.name != "profile" && !strings.HasPrefix(x.name, "_") && !ofServer[x.name] && !named && !m.plan.leads(x.name):
			m.ignored.Add(x.name, "")
		}
	}
	for x := range members(profile) { // valid, as the line is
		target, isDefault := columns.Field(x.name)
		switch {
		case !isDefault:
			m.custom = append(m.custom, x.field(x.name))
		case !m.plan.maps(x.name):
			m.set(target, x)
			if x.name == "email" {
				m.set(m.plan.formerSlot(columns.FormerEmail), x)
			}
		case !x.empty():
			// It stands where the mapping gives nothing.
			v, f := exactValue(x.cell, kinds[x.name])
			if f != nil {
				f.Field = x.name
				return f
			}
			if len(v) > 0 {
				m.custom = append(m.custom, contact.Field{Name: x.name, Value: v})
			}
		}
	}
	return nil
}

// ofServer are the members that the API shows beside these, and nobody writes: those of an
// export.
var ofServer = map[string]bool{"createdAt": true, "createdBy": true, "lastChanged": true, "lastChangedBy": true, "projectId": true}

// takeFlat puts a member of a flat object where it goes by its name, if anywhere; has
// tells whether there is one of a plain name beside it.
func (m *Mapper) takeFlat(x member, has func(plain string) bool) *Fault {
	slot, named := m.plan.members[x.name]
	taken := func(target int) bool {
		return m.names[target] != "" && !(givesIDs(target) && m.blankID(m.cells[target]))
	}
	if t := m.formerTarget(x.name); t >= 0 && m.names[m.plan.formerSlot(t)] == "" && m.plan.formerTakes(t, named && m.plan.used[slot]) {
		m.set(m.plan.formerSlot(t), x)
	}
	way, target := m.plan.mapping.way(x.name, named && m.plan.used[slot], named || m.plan.leads(x.name), has, taken)
	switch way {
	case wayTarget:
		m.set(target, x)
	case wayCustom:
		name := InternalName(x.name)
		switch {
		case x.empty():
		case m.customNames[name], isDefault(name), m.plan.maps(name):
			return &Fault{Field: x.name, Reason: "another member goes to the field " + name + " too", Hint: "name one of them in the mapping"}
		default:
			m.custom, m.customNames[name] = append(m.custom, x.field(name)), true
		}
	case wayRefused:
		return &Fault{Field: x.name, Reason: "the mapping does not name it", Hint: "name it in the mapping, or let unnamed be ignore"}
	case waySecond:
		first := member{m.names[target], m.cells[target]}
		if m.better(x, first, target, has) {
			m.set(target, x)
			x, first = first, x
		}
		if !givesIDs(target) || !x.empty() && !first.empty() {
			m.ignored.Add(x.name, first.name)
		}
	case wayUnknown:
		m.ignored.Add(x.name, "")
	}
	return nil
}

// better tells whether a member should go to a target rather than the one that is there.
func (m *Mapper) better(x, first member, target int, has func(plain string) bool) bool {
	if givesIDs(target) && x.empty() != first.empty() {
		return first.empty()
	}
	a, _ := columns.GoalOf(x.name, has)
	b, _ := columns.GoalOf(first.name, has)
	return a.Rank < b.Rank
}

const objectForm = "each line, or each element of the array, has to be one whole object, from { to }"

// A member is one name and value of a JSON object.
type member struct {
	name string
	cell
}

func (m member) field(name string) contact.Field {
	if m.isText() {
		return contact.Field{Name: name, Value: contact.StringValue(m.text)}
	}
	v := m.json()
	v.Compact() // cannot fail: a decoder has read it
	return contact.Field{Name: name, Value: []byte(v)}
}

// members yields the members of one JSON object, and an error where there is
// something else in v, or more. Names that occur twice are an error.
func members(v jsontext.Value) iter.Seq2[member, error] {
	return func(yield func(member, error) bool) {
		walk(v, func(d *jsontext.Decoder) (m member, err error) {
			name, err := d.ReadToken()
			if err == nil {
				m.name = name.String()
				m.cell, err = readCell(d)
			}
			return m, err
		}, yield)
	}
}

// Members calls do with each member of a JSON object that is valid, and its value as
// JSON; of a string that is the text, and the kind is 0.
func Members(object jsontext.Value, do func(name, value string, kind jsontext.Kind)) {
	for m := range members(object) {
		do(m.name, m.text, m.kind)
	}
}

// elements yields the elements of one JSON array, as members does.
func elements(v jsontext.Value) iter.Seq2[cell, error] {
	return func(yield func(cell, error) bool) { walk(v, readCell, yield) }
}

// walk yields what is in one object or array, and an error where it is not valid, or
// not all of v.
func walk[T any](v jsontext.Value, read func(*jsontext.Decoder) (T, error), yield func(T, error) bool) {
	d := jsontext.NewDecoder(bytes.NewBuffer(v))
	_, err := d.ReadToken()
	for err == nil && d.PeekKind() != '}' && d.PeekKind() != ']' {
		var v T
		if v, err = read(d); err == nil && !yield(v, nil) {
			return
		}
	}
	if err == nil {
		_, err = d.ReadToken()
	}
	if err == nil {
		if _, err = d.ReadToken(); err == io.EOF {
			return
		}
		err = cmp.Or(err, errors.New("there is more behind the object"))
	}
	var none T
	yield(none, err)
}

func readCell(d *jsontext.Decoder) (cell, error) {
	v, err := d.ReadValue()
	if v.Kind() == '"' {
		text, _ := jsontext.AppendUnquote(nil, v) // cannot fail: it was read
		return cell{text: string(text)}, err
	}
	return cell{string(v), v.Kind()}, err
}

// jsonReason says what is wrong with a JSON text and at which byte, from 1.
func jsonReason(err error) string {
	s, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case err == io.EOF, ok && errors.Is(s.Err, io.ErrUnexpectedEOF):
		return "it ends too early"
	case !ok:
		return err.Error()
	case errors.Is(s.Err, jsontext.ErrDuplicateName):
		return fmt.Sprintf("the name %s stands in it twice, at byte %d", words.Show(s.JSONPointer.LastToken()), s.ByteOffset+1)
	}
	return fmt.Sprintf("%s, at byte %d", words.OfJSON(s.Err.Error()), s.ByteOffset+1)
}
