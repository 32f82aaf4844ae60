package sandbox

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"importer/internal/sandbox/jsonvalue"
	"importer/internal/sandbox/store"
)

// A body is the JSON body of a request. Its methods take members out of it; the
// first that is wrong is kept as the problem.
type body struct {
	members jsonvalue.Object
	problem *problem
}

// maxContactIDs and maxContactID bound what one profile takes of the index: so
// many contact ids, each of so many bytes. Limits of the API are not known.
const (
	maxContactIDs = 1000
	maxContactID  = 1024
)

// maxProfileBytes is the largest JSON of the member "profile": the 1.5 MB of
// shared SaaS. How the API counts is not known.
const maxProfileBytes = 1_500_000

// maxDepth bounds how deep values nest, for XML is written level by level.
const maxDepth = 100

// tooDeep tells whether JSON nests deeper than maxDepth. Few bodies have so many
// brackets that it has to look closer.
func tooDeep(data []byte) bool {
	if bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) <= maxDepth {
		return false
	}
	d := jsontext.NewDecoder(bytes.NewReader(data))
	for {
		if _, err := d.ReadToken(); err != nil {
			return false // the end, or what parsing will complain about
		}
		if d.StackDepth() > maxDepth {
			return true
		}
	}
}

// body parses the body of a call. Members other than those named are refused or
// ignored, as the sandbox is told to.
func (s *Sandbox) body(c *call, names ...string) *body {
	b := &body{}
	if tooDeep(c.body) {
		b.problem = invalid("the body has more than %d objects and arrays within each other", maxDepth)
		return b
	}
	var err error
	if b.members, err = jsonvalue.ParseObject(c.body); err != nil {
		b.problem = invalid("the body should be a JSON object: %v", err)
		return b
	}
	if s.options.UnknownMembers == UnknownReject {
		for _, m := range b.members {
			if !slices.Contains(names, m.Name) {
				b.problem = invalid("field '%s' is not allowed", m.Name)
				return b
			}
		}
	}
	return b
}

func (b *body) fail(p *problem) {
	if b.problem == nil {
		b.problem = p
	}
}

// require wants members to be there.
func (b *body) require(names ...string) {
	for _, name := range names {
		if b.members.Get(name) == nil {
			b.fail(missing(name))
		}
	}
}

// string is a string that is not empty; empty where the member is not there.
func (b *body) string(name string) string {
	v := b.members.Get(name)
	if v == nil {
		return ""
	}
	text, ok := jsonvalue.ParseString(v)
	if !ok || text == "" {
		b.fail(invalid("field '%s' should be a string that is not empty", name))
	}
	return text
}

// id is a string of 24 characters.
func (b *body) id(name string) string {
	id := b.string(name)
	if id != "" && !id24.MatchString(id) {
		b.fail(invalid("field '%s' should be 24 characters of a-z and 0-9", name))
	}
	return id
}

// boolean is a boolean, and whether the member is there.
func (b *body) boolean(name string) (value, given bool) {
	v := b.members.Get(name)
	if v == nil {
		return false, false
	}
	if k := v.Kind(); k != 't' && k != 'f' {
		b.fail(invalid("field '%s' should be a boolean", name))
	}
	return v.Kind() == 't', true
}

// object is an object; nil where the member is not there.
func (b *body) object(name string) jsonvalue.Object {
	v := b.members.Get(name)
	if v == nil {
		return nil
	}
	if v.Kind() != '{' {
		b.fail(invalid("field '%s' should be an object", name))
		return nil
	}
	o, err := jsonvalue.ParseObject(v)
	if err != nil {
		b.fail(invalid("field '%s': %v", name, err))
	}
	return o
}

// rules are what becomes of fields that are no values of the schema's.
func (s *Sandbox) rules() store.Rules {
	o := s.options
	return store.Rules{Unknown: o.UnknownFields, WrongTypes: o.WrongTypes, Null: o.Null, EmptyText: o.EmptyText}
}

// contactIDs are the strings of the member contactIds, without repeats; nil
// where it is not there.
func (b *body) contactIDs() []string {
	v := b.members.Get("contactIds")
	if v == nil {
		return nil
	}
	list, err := jsonvalue.ParseStrings(v)
	switch {
	case err != nil:
		b.fail(invalid("field 'contactIds' %v", err))
	case len(list) == 0:
		b.fail(invalid("field 'contactIds' should have at least one item"))
	case len(list) > maxContactIDs:
		b.fail(invalid("field 'contactIds' should have at most %d items", maxContactIDs))
	}
	kept := list[:0]
	for i, id := range list {
		if id == "" || len(id) > maxContactID {
			b.fail(invalid("field 'contactIds' has an item %d that is empty or longer than %d bytes", i, maxContactID))
		}
		if !slices.Contains(kept, id) {
			kept = append(kept, id)
		}
	}
	return kept
}
