package config

import (
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"importer/internal/plain"
	"importer/internal/words"
)

// A Key is a key of the configuration with its section, such as sync.guard.max, and the
// type of its value. A section is a key as well, and its type a struct.
type Key struct {
	Name string
	Type reflect.Type
}

// Keys are all keys of the configuration, each section before what is in it. What is in
// the section mapping is that package's.
var Keys = keysOf("", reflect.TypeFor[Config]())

func keysOf(section string, t reflect.Type) (all []Key) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if name == "-" || name == "" {
			continue
		}
		all = append(all, Key{section + name, field.Type})
		if field.Type.Kind() == reflect.Struct {
			all = append(all, keysOf(section+name+".", field.Type)...)
		}
	}
	return all
}

// nearestKey is the key that is meant by one of a text which there is not: one of its
// section, else one of another, in full. It is empty where none is like it.
func nearestKey(text []byte) func(*token.Token) string {
	return func(key *token.Token) string {
		section := sectionOf(text, key)
		var siblings, last, full []string
		for _, k := range Keys {
			if name, ok := strings.CutPrefix(k.Name, section); ok && !strings.Contains(name, ".") {
				siblings = append(siblings, name)
			}
			last, full = append(last, k.Name[strings.LastIndexByte(k.Name, '.')+1:]), append(full, k.Name)
		}
		if like := words.Nearest(key.Value, siblings); like != "" {
			return like
		}
		for i, name := range last {
			if words.Nearest(key.Value, []string{name}) == name {
				return full[i]
			}
		}
		return ""
	}
}

// sectionOf is the section that a key of a text stands in, with a dot behind it; empty at
// the top.
func sectionOf(text []byte, key *token.Token) string {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return ""
	}
	found := &keyFinder{key: key}
	for _, doc := range file.Docs {
		if doc.Body != nil {
			ast.Walk(found, doc.Body)
		}
	}
	if i := strings.LastIndexByte(found.path, '.'); i > 1 {
		return found.path[2:i] + "."
	}
	return ""
}

// A keyFinder looks for a key by its place.
type keyFinder struct {
	key  *token.Token
	path string // such as $.sync.guard; empty: not found
}

// Visit implements ast.Visitor.
func (f *keyFinder) Visit(n ast.Node) ast.Visitor {
	if pair, ok := n.(*ast.MappingValueNode); ok {
		at := pair.Key.GetToken().Position
		if at.Line == f.key.Position.Line && at.Column == f.key.Position.Column {
			f.path = pair.Key.GetPath()
		}
	}
	return f
}

// wrongTime finds a value that should be a time, and is none: the error of the decoder
// does not say where.
func wrongTime(path string, text, shown []byte) error {
	for _, k := range Keys {
		if k.Type != reflect.TypeFor[time.Duration]() {
			continue
		}
		at, err := yaml.PathString("$." + k.Name)
		if err != nil {
			continue
		}
		var value any
		if err := at.Read(strings.NewReader(string(text)), &value); err != nil {
			continue
		}
		if s, ok := value.(string); ok {
			if _, err := time.ParseDuration(s); err != nil {
				lines, _ := at.AnnotateSource(shown, false) // without them the message is complete
				return Errorf("%s: %w", path, plain.Lines(k.Name+": want a time with its unit, such as 30s, 5m or 1h\n"+strings.TrimRight(string(lines), "\n")))
			}
		}
	}
	return nil
}

// wrongWhole finds a number with a fraction in the place of a whole one, of which the
// decoder would drop the fraction.
func wrongWhole(path string, text []byte) error {
	for _, k := range Keys {
		if kind := k.Type.Kind(); kind != reflect.Int && kind != reflect.Int64 || k.Type == reflect.TypeFor[time.Duration]() {
			continue
		}
		at, err := yaml.PathString("$." + k.Name)
		if err != nil {
			continue
		}
		node, err := at.ReadNode(strings.NewReader(string(text)))
		if err != nil {
			continue
		}
		if n, ok := node.(*ast.FloatNode); ok && n.Value != float64(int64(n.Value)) {
			return Errorf("%s:%d: %s is %s; want a whole number", path, n.GetToken().Position.Line, k.Name, n.GetToken().Value)
		}
	}
	return nil
}
