// Package jsonvalue is the JSON that the sandbox reads, keeps and answers: values
// as they were sent, made compact, and objects whose members stay in order.
package jsonvalue

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// An Object is a JSON object with its members in order. Values are compact JSON
// and are never changed in place.
type Object []Member

// A Member is one name of an object and what it holds.
type Member struct {
	Name  string
	Value jsontext.Value
}

// ParseObject reads one JSON object and nothing behind it. It refuses repeated
// names and invalid UTF-8. The values are copies.
func ParseObject(data []byte) (Object, error) {
	d := jsontext.NewDecoder(bytes.NewReader(data))
	if d.PeekKind() != '{' {
		if _, err := d.ReadValue(); err != nil && err != io.EOF {
			return nil, err
		}
		return nil, errors.New("not a JSON object")
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	o := make(Object, 0, 8)
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		m := Member{Name: name.String()}
		value, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		m.Value = value.Clone()
		if err := m.Value.Compact(); err != nil {
			return nil, err
		}
		o = append(o, m)
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	if _, err := d.ReadToken(); err != io.EOF {
		return nil, errors.New("more than one JSON value")
	}
	return o, nil
}

// Get is the value of a member; nil where it is not there.
func (o Object) Get(name string) jsontext.Value {
	for _, m := range o {
		if m.Name == name {
			return m.Value
		}
	}
	return nil
}

// Set returns o with a member set, in its place or at the end. o is not changed.
func (o Object) Set(name string, value jsontext.Value) Object {
	for i, m := range o {
		if m.Name == name {
			c := append(Object(nil), o...)
			c[i].Value = value
			return c
		}
	}
	return append(o[:len(o):len(o)], Member{name, value})
}

// Without returns o without a member. o is not changed.
func (o Object) Without(name string) Object {
	i := slices.IndexFunc(o, func(m Member) bool { return m.Name == name })
	if i < 0 {
		return o
	}
	return slices.Concat(o[:i], o[i+1:])
}

// AppendJSON appends o as JSON.
func (o Object) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	for i, m := range o {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, m.Name)
		dst = append(dst, ':')
		dst = append(dst, m.Value...)
	}
	return append(dst, '}')
}

// Value is o as compact JSON.
func (o Object) Value() jsontext.Value { return o.AppendJSON(nil) }

func appendString(dst []byte, s string) []byte {
	// The error tells of invalid UTF-8, which is replaced all the same.
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}

// String, Int and Bool are a string, a number and a boolean as JSON. Invalid UTF-8
// in a string is replaced.
func String(s string) jsontext.Value { return appendString(nil, s) }
func Int(n int64) jsontext.Value     { return strconv.AppendInt(nil, n, 10) }
func Bool(b bool) jsontext.Value     { return strconv.AppendBool(nil, b) }

// Strings is a JSON array of strings.
func Strings(list []string) jsontext.Value {
	dst := append(make([]byte, 0, 32), '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, s)
	}
	return append(dst, ']')
}

// Objects is a JSON array of objects.
func Objects(list []Object) jsontext.Value {
	dst := []byte{'['}
	for i, o := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = o.AppendJSON(dst)
	}
	return append(dst, ']')
}

// ParseString reads a JSON string. It tells whether v is one.
func ParseString(v jsontext.Value) (string, bool) {
	if v.Kind() != '"' {
		return "", false
	}
	s, err := jsontext.AppendUnquote(nil, v)
	return string(s), err == nil
}

// ParseArray reads a JSON array, whose items are copies. It tells whether v is one.
func ParseArray(v jsontext.Value) ([]jsontext.Value, bool) {
	if v.Kind() != '[' {
		return nil, false
	}
	d := jsontext.NewDecoder(bytes.NewReader(v))
	if _, err := d.ReadToken(); err != nil {
		return nil, false
	}
	list := []jsontext.Value{}
	for d.PeekKind() != ']' {
		item, err := d.ReadValue()
		if err != nil {
			return nil, false
		}
		list = append(list, item.Clone())
	}
	return list, true
}

// ParseStrings reads a JSON array of strings. The error is worded to follow the
// name of a field.
func ParseStrings(v jsontext.Value) ([]string, error) {
	items, ok := ParseArray(v)
	if !ok {
		return nil, errors.New("should be an array of strings")
	}
	list := make([]string, len(items))
	for i, item := range items {
		if list[i], ok = ParseString(item); !ok {
			return nil, fmt.Errorf("should be an array of strings, and item %d is not one", i)
		}
	}
	return list, nil
}
