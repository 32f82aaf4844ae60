package sandbox

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"importer/internal/sandbox/jsonvalue"
	"importer/internal/sandbox/store"
)

// getSchema reads the fields of the project.
func (s *Sandbox) getSchema(c *call) answer {
	if c.id != s.options.ProjectID {
		return failure(foreignProject(c.id))
	}
	s.begin(c)
	defer s.mu.Unlock()
	return answer{status: 200, entity: schemaEntity(s.store.Schema())}
}

// setSchema puts a whole list of custom fields in the place of the one there was.
// A field that is not in it is deleted, and with it its data in every profile.
func (s *Sandbox) setSchema(c *call) answer {
	if c.id != s.options.ProjectID {
		return failure(foreignProject(c.id))
	}
	b := s.body(c, "details")
	b.require("details")
	items, ok := jsonvalue.ParseArray(b.members.Get("details"))
	if b.problem == nil && !ok {
		b.fail(invalid("field 'details' should be an array of fields"))
	}
	custom := make([]store.Field, 0, len(items))
	for i, item := range items {
		f, p := s.parseField(item, i)
		if p != nil {
			b.fail(p)
			break
		}
		custom = append(custom, f)
	}
	if b.problem != nil {
		return failure(b.problem)
	}

	s.begin(c)
	defer s.mu.Unlock()
	if err := s.store.SetSchema(custom, c.at); err != nil {
		return failure(invalid("%v", err))
	}
	return answer{status: 204}
}

// parseField reads an entry of "details".
func (s *Sandbox) parseField(v jsontext.Value, i int) (f store.Field, p *problem) {
	o, err := jsonvalue.ParseObject(v)
	if err != nil {
		return f, invalid("field 'details[%d]' should be an object of field, internal and type", i)
	}
	for _, m := range o {
		into := map[string]*string{"field": &f.Field, "internal": &f.Internal, "type": &f.Type}[m.Name]
		text, ok := jsonvalue.ParseString(m.Value)
		switch {
		case into == nil && s.options.UnknownMembers == UnknownReject:
			return f, invalid("field 'details[%d].%s' is not allowed", i, m.Name)
		case into != nil && !ok:
			return f, invalid("field 'details[%d].%s' should be a string", i, m.Name)
		case into != nil:
			*into = text
		}
	}
	for _, name := range []string{"field", "internal", "type"} {
		if o.Get(name) == nil {
			return f, missing("details[" + strconv.Itoa(i) + "]." + name)
		}
	}
	return f, nil
}

// schemaEntity is the schema as get schema answers it: the types of the default fields
// and of the custom ones, and the details of the custom ones alone.
func schemaEntity(custom []store.Field) jsonvalue.Object {
	types, details := make(jsonvalue.Object, 0, len(store.DefaultFields)+len(custom)), make([]jsonvalue.Object, len(custom))
	for _, d := range store.DefaultFields {
		if d.Type != "" {
			types = append(types, jsonvalue.Member{Name: d.Name, Value: jsonvalue.String(d.Type)})
		}
	}
	for i, f := range custom {
		types = append(types, jsonvalue.Member{Name: f.Internal, Value: jsonvalue.String(f.Type)})
		details[i] = jsonvalue.Object{
			{Name: "field", Value: jsonvalue.String(f.Field)},
			{Name: "internal", Value: jsonvalue.String(f.Internal)},
			{Name: "type", Value: jsonvalue.String(f.Type)},
		}
	}
	return jsonvalue.Object{{Name: "schema", Value: types.Value()}, {Name: "details", Value: jsonvalue.Objects(details)}}
}
