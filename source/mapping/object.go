package mapping

import (
	"bytes"
	"errors"
	"fmt"
	"importer/importer/contact"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// An objectTaker takes JSON objects apart: the body of a create request,
//
//	{"contactIds":["…"],"profile":{…},"active":true}
//
// or a flat object whose members are named as the columns of a CSV file.
type objectTaker struct {
	plan    *Plan
	ignored ignoredNames

	// Used again for each record.
	values []cell
	names  []string
}

// takeApart takes a JSON object apart into the slots.
func (r *objectTaker) takeApart(to *slots, line jsontext.Value) *Fault {
	if c := line[0]; c != '{' {
		return &Fault{Reason: "there is no JSON object", Hint: objectForm}
	}
	var all []member
	var profile jsontext.Value
	for m, err := range members(line) {
		if err != nil {
			return &Fault{Reason: "not valid JSON: " + jsonReason(err), Hint: objectForm}
		}
		if m.name == "profile" && m.kind == '{' {
			profile = m.json()
			continue
		}
		all = append(all, m)
	}
	if r.values == nil {
		slots := len(targets) + len(r.plan.members)
		r.values, r.names = make([]cell, slots), make([]string, slots)
	}
	clear(r.values)
	clear(r.names)
	*to = slots{values: r.values, names: r.names}
	if len(r.plan.members) > 0 {
		r.named(to, "", line)
	}
	if profile == nil {
		for _, m := range all {
			if f := r.flat(to, m); f != nil {
				return f
			}
		}
		return nil
	}
	return r.exact(to, all, profile)
}

// exact takes over an object in the API's own shape: its members but for the
// profile, and the profile.
func (r *objectTaker) exact(to *slots, all []member, profile jsontext.Value) *Fault {
	to.exact = true
	for _, m := range all {
		_, named := r.plan.members[m.name]
		switch {
		case m.name == "contactIds":
			to.set(toContactIDs, m)
		case m.name == "active":
			to.set(toActive, m)
		case !strings.HasPrefix(m.name, "_") && !named && !r.leads(m.name):
			r.ignored.add(m.name, "")
		}
	}
	for m := range members(profile) { // valid, as the line is
		t, mapped := defaultField(m.name), r.plan.maps(m.name)
		switch {
		case t == nil:
			to.custom = append(to.custom, m.field(m.name))
		case !mapped:
			to.set(byName[plainName(m.name)], m)
		case !m.empty():
			// It stands where the mapping gives nothing.
			v, f := appendValue(nil, m.cell, t.kind, &options{}, "")
			if f != nil {
				f.Field = m.name
				return f
			}
			if len(v) > 0 {
				to.custom = append(to.custom, contact.Field{Name: m.name, Value: v})
			}
		}
	}
	return nil
}

// named puts the members that the mapping names into their slots, those of
// objects within the object too.
func (r *objectTaker) named(to *slots, prefix string, object jsontext.Value) {
	for m := range members(object) { // valid, as it was read before
		m.name = prefix + m.name
		if slot, ok := r.plan.members[m.name]; ok {
			to.set(slot, m)
		}
		if m.kind == '{' && r.leads(m.name) {
			r.named(to, m.name+".", m.json())
		}
	}
}

// leads tells whether the mapping names a member within the one of this name.
func (r *objectTaker) leads(name string) bool {
	for member := range r.plan.members {
		if strings.HasPrefix(member, name) && strings.HasPrefix(member[len(name):], ".") {
			return true
		}
	}
	return false
}

// flat puts a member of a flat object where it goes by its name, if anywhere.
func (r *objectTaker) flat(to *slots, m member) *Fault {
	slot, named := r.plan.members[m.name]
	way, target := r.plan.mapping.way(m.name, named && r.plan.used[slot], named || r.leads(m.name), func(target int) bool { return to.names[target] != "" })
	switch way {
	case wayTarget:
		to.set(target, m)
	case wayCustom:
		name := internalNameOf(m.name)
		switch {
		case m.empty():
		case slices.ContainsFunc(to.custom, func(f contact.Field) bool { return f.Name == name }), defaultField(name) != nil, r.plan.maps(name):
			return &Fault{Field: m.name, Reason: "another member goes to the field " + name + " too", Hint: "name one of them in the mapping"}
		default:
			to.custom = append(to.custom, m.field(name))
		}
	case wayRefused:
		return &Fault{Field: m.name, Reason: "the mapping does not name it", Hint: "name it in the mapping, or let unnamed be ignore"}
	case waySecond:
		r.ignored.add(m.name, to.names[target])
	case wayUnknown:
		r.ignored.add(m.name, "")
	}
	return nil
}

const objectForm = "each line, or each element of the array, has to be one whole object, from { to }"

// A member is one name and value of a JSON object.
type member struct {
	name string
	cell
}

// field is the member as it stands, in compact form, under a name.
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
		} else if err == nil {
			err = errors.New("there is more behind the object")
		}
	}
	var none T
	yield(none, err)
}

func readCell(d *jsontext.Decoder) (cell, error) {
	if d.PeekKind() == '"' {
		t, err := d.ReadToken()
		if err != nil {
			return cell{}, err
		}
		return cell{text: t.String()}, nil
	}
	v, err := d.ReadValue()
	return jsonCell(v), err
}

// jsonReason says what is wrong with a JSON text and at which byte, from 1.
func jsonReason(err error) string {
	var s *jsontext.SyntacticError
	switch {
	case errors.As(err, &s) && errors.Is(s.Err, io.ErrUnexpectedEOF), err == io.EOF:
		return "it ends too early"
	case errors.As(err, &s) && errors.Is(s.Err, jsontext.ErrDuplicateName):
		return fmt.Sprintf("the name %s stands in it twice, at byte %d", Show(s.JSONPointer.LastToken()), s.ByteOffset+1)
	case errors.As(err, &s):
		return fmt.Sprintf("%s, at byte %d", strings.TrimPrefix(s.Err.Error(), "jsontext: "), s.ByteOffset+1)
	}
	return err.Error()
}
