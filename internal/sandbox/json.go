package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// An object is a JSON object with its members in order. Values are compact JSON
// and are never changed in place.
type object []member

type member struct {
	name  string
	value jsontext.Value
}

// parseObject reads one JSON object and nothing behind it. It refuses repeated
// names and invalid UTF-8. The values are copies.
func parseObject(data []byte) (object, error) {
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
	o := make(object, 0, 8)
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		m := member{name: name.String()}
		value, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		m.value = value.Clone()
		if err := m.value.Compact(); err != nil {
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

// get is the value of a member; nil where it is not there.
func (o object) get(name string) jsontext.Value {
	for _, m := range o {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// set returns o with a member set, in its place or at the end. o is not changed.
func (o object) set(name string, value jsontext.Value) object {
	for i, m := range o {
		if m.name == name {
			c := append(object(nil), o...)
			c[i].value = value
			return c
		}
	}
	return append(o[:len(o):len(o)], member{name, value})
}

// appendJSON appends o as JSON.
func (o object) appendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	for i, m := range o {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, m.name)
		dst = append(dst, ':')
		dst = append(dst, m.value...)
	}
	return append(dst, '}')
}

func (o object) value() jsontext.Value { return o.appendJSON(nil) }

func appendString(dst []byte, s string) []byte {
	// The error tells of invalid UTF-8, which is replaced all the same.
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}

func stringValue(s string) jsontext.Value { return appendString(nil, s) }
func intValue(n int64) jsontext.Value     { return strconv.AppendInt(nil, n, 10) }
func boolValue(b bool) jsontext.Value     { return strconv.AppendBool(nil, b) }

func stringsValue(list []string) jsontext.Value {
	dst := append(make([]byte, 0, 32), '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, s)
	}
	return append(dst, ']')
}

func objectsValue(list []object) jsontext.Value {
	dst := []byte{'['}
	for i, o := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = o.appendJSON(dst)
	}
	return append(dst, ']')
}

// parseString reads a JSON string.
func parseString(v jsontext.Value) (string, bool) {
	if v.Kind() != '"' {
		return "", false
	}
	s, err := jsontext.AppendUnquote(nil, v)
	return string(s), err == nil
}

// parseArray reads a JSON array.
func parseArray(v jsontext.Value) ([]jsontext.Value, bool) {
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

// parseStrings reads a JSON array of strings.
func parseStrings(v jsontext.Value) ([]string, error) {
	items, ok := parseArray(v)
	if !ok {
		return nil, errors.New("should be an array of strings")
	}
	list := make([]string, len(items))
	for i, item := range items {
		if list[i], ok = parseString(item); !ok {
			return nil, fmt.Errorf("should be an array of strings, and item %d is not one", i)
		}
	}
	return list, nil
}
