// Package mapping makes rows of records: it knows which column goes where, and what
// a value has to be. It opens no file.
//
//	header, Mapping ──► Plan ──► Mapper
//	                               │
//	                    Record ────┴───► contact.Row
package mapping

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"importer/internal/names"
	"importer/internal/plain"
	"importer/internal/words"
	"importer/internal/yamlwords"
	"importer/source/mapping/columns"
)

// A Mapping says which column goes where: the section "mapping" of the
// configuration. Columns are named as in the header; case, spaces, underscores
// and hyphens do not matter where the name stays unambiguous. In NDJSON a column
// is a member of the object, and a dot leads into objects within it.
type Mapping struct {
	// ContactIDs are the columns that identify the contact, all that are not empty
	// of them. Without any it is the column contactIds, else the field email, else a
	// column mobile or phone.
	ContactIDs []Value `yaml:"contact_ids"`
	// Active becomes the member "active" of the profile.
	Active *Value `yaml:"active"`
	// Fields are the fields of the profile by internal name, default or custom.
	Fields map[string]Value `yaml:"fields"`
	// SkipIf is an expression: where it is true the row is left out.
	SkipIf string `yaml:"skip_if"`
	// Unnamed says what becomes of columns that Fields does not name: auto (the
	// default) lets them go to the field of their name, ignore leaves them out,
	// custom makes a custom field of each that no default field has the name of,
	// and error refuses the file.
	Unnamed string `yaml:"unnamed"`
	// Region is the country whose phone numbers need no country code, such as DE.
	Region string `yaml:"region"`
}

// A Value says where one value comes from and what it has to be. In YAML the
// name of a column alone will do, or a list of them.
type Value struct {
	Column  string   `yaml:"column"`
	Columns []string `yaml:"columns"` // the first that is not empty; all of them for a list or memories
	Value   any      `yaml:"value"`   // a constant
	Expr    string   `yaml:"expr"`    // computed, such as row["City"] + ", " + row["Country"]
	Default any      `yaml:"default"` // where it is empty

	// Optional lets the columns be absent.
	Optional bool `yaml:"optional"`
	// Type is text, email, phone, number, bool, list, date, json or memory. The
	// default is that of the field, and text for custom ones.
	Type string `yaml:"type"`

	Trim  *bool `yaml:"trim"`  // take away the white space around a text; on unless it is said otherwise
	Lower bool  `yaml:"lower"` // to lower case
	Upper bool  `yaml:"upper"` // to upper case

	True      yamlwords.Words `yaml:"true_values"`  // bool: spellings beside the usual ones
	False     yamlwords.Words `yaml:"false_values"` //
	Separator string          `yaml:"separator"`    // list: instead of ; and |
	Decimal   string          `yaml:"decimal"`      // number: "," where 1.234,5 is written
	Layouts   []string        `yaml:"layouts"`      // date: such as DD.MM.YYYY, tried in this order
	Output    string          `yaml:"output"`       // date: YYYY-MM-DD unless it is said otherwise
	Region    string          `yaml:"region"`       // phone: instead of that of the mapping
	ValidOnly bool            `yaml:"valid_only"`   // phone: refuse what its country gives to nobody

	// KeepIncomplete takes a phone number that cannot be made complete as it stands, as
	// happens without a mapping.
	KeepIncomplete bool `yaml:"keep_incomplete"`
	// StandIn takes a contact id only where those before it are empty.
	StandIn bool `yaml:"stand_in"`

	// Timestamp of a memory, RFC 3339, or the column it stands in.
	Timestamp       string `yaml:"timestamp"`
	TimestampColumn string `yaml:"timestamp_column"`
}

// UnmarshalYAML reads the name of a column, a list of them, or all settings.
func (v *Value) UnmarshalYAML(unmarshal func(any) error) error {
	*v = Value{}
	if unmarshal(&v.Column) == nil || unmarshal(&v.Columns) == nil {
		return nil
	}
	type plain Value
	*v = Value{}
	return unmarshal((*plain)(v))
}

// An Error is what is wrong with an entry of the mapping. Nothing was
// sent.
type Error struct {
	Path   string // of the entry in the configuration, such as $.mapping.fields.age.type
	Reason string // what is wrong and what was expected
	Source string // the file that it does not fit; empty where it fits none
}

func (e *Error) Error() string {
	s := strings.TrimPrefix(e.Path, "$.") + ": " + e.Reason
	if e.Source == "" {
		return s
	}
	return e.Source + ": " + s
}

// Annotate is the error with the lines of the configuration that it is about.
func (e *Error) Annotate(config []byte) error {
	// What is missing has no line of its own: then the entry around it is shown.
	for path := e.Path; path != "$"; path = path[:strings.LastIndexAny(path, ".[")] {
		p, err := yaml.PathString(path)
		if err != nil {
			continue
		}
		if lines, err := p.AnnotateSource(config, false); err == nil {
			return plain.Lines(plain.Line(e.Error()) + "\n" + strings.TrimRight(string(lines), "\n"))
		}
	}
	return e
}

// Decode reads the section "mapping" of a configuration, nil where there
// is none. Its errors show the line at fault.
func Decode(config []byte) (*Mapping, error) {
	section, err := yaml.PathString("$.mapping")
	if err != nil {
		return nil, err
	}
	node, err := section.ReadNode(bytes.NewReader(config))
	if yaml.IsNotFoundNodeError(err) || err == nil && node.Type() == ast.NullType {
		return nil, nil
	}
	m := &Mapping{}
	if err == nil {
		err = yaml.NodeToValue(node, m, yaml.Strict())
	}
	if err != nil {
		if lines, ok := yamlwords.Explain(err, plain.Line, nearestKey); ok {
			err = plain.Lines(lines)
		}
		return nil, err
	}
	err = m.Validate()
	if bad, ok := errors.AsType[*Error](err); ok {
		err = bad.Annotate(config)
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// nearestKey is the key of a mapping, or of a value in it, that is most like another;
// empty where none is.
func nearestKey(key *token.Token) string {
	var all []string
	for _, t := range []reflect.Type{reflect.TypeFor[Mapping](), reflect.TypeFor[Value]()} {
		for i := range t.NumField() {
			all = append(all, t.Field(i).Tag.Get("yaml"))
		}
	}
	return words.Nearest(key.Value, all)
}

// types are the kinds by the names they have in a mapping.
var types = map[string]kind{
	"text": text, "email": email, "phone": phone, "number": number, "bool": boolean,
	"list": list, "date": date, "json": anyJSON, "memory": memory,
}

// Validate checks the mapping as far as it can be without a source. Its errors
// are of the type *Error.
func (m *Mapping) Validate() error {
	_, err := m.compile(func(string) (int, bool) { return 0, true })
	return err
}

func mappingError(path, format string, args ...any) *Error {
	return &Error{Path: path, Reason: fmt.Sprintf(format, args...)}
}

// A resolver finds the slot of a column.
type resolver func(column string) (slot int, ok bool)

// compile prepares what the mapping says for a file; nil says nothing.
func (m *Mapping) compile(resolve resolver) (*Plan, error) {
	m = cmp.Or(m, &Mapping{})
	p := &Plan{mapping: m, named: map[int]bool{}, used: map[int]bool{}}
	find := func(column string) (int, bool) {
		slot, ok := resolve(column)
		p.named[slot] = p.named[slot] || ok
		return slot, ok
	}
	if !slices.Contains([]string{"", "auto", "ignore", "custom", "error"}, m.Unnamed) {
		return nil, mappingError("$.mapping.unnamed", "is %q; want auto, ignore, custom or error", m.Unnamed)
	}
	err := m.checkSize()
	if err == nil {
		err = checkRegion("$.mapping.region", m.Region)
	}
	if err == nil {
		err = m.compileIDs(p, find)
	}
	if err == nil {
		err = m.compileFields(p, find)
	}
	if err == nil && m.SkipIf != "" {
		p.skip, err = compileExpr("$.mapping.skip_if", m.SkipIf, true, find)
	}
	return p, err
}

// What a mapping may hold, of which each row costs as much.
const (
	maxEntries = MaxColumns     // fields and contact ids
	maxNamed   = 2 * MaxColumns // columns, each time that one is named
	maxWithin  = 64             // members that one stands within
)

func (m *Mapping) checkSize() error {
	entries := slices.Concat(m.ContactIDs, slices.Collect(maps.Values(m.Fields)))
	named := 0
	for _, v := range entries {
		named += 1 + len(v.Columns)
	}
	switch {
	case len(entries) > maxEntries:
		return mappingError("$.mapping", "it has %d entries; %d at most", len(entries), maxEntries)
	case named > maxNamed:
		return mappingError("$.mapping", "it names %d columns; %d at most", named, maxNamed)
	}
	return nil
}

func (m *Mapping) compileIDs(p *Plan, find resolver) error {
	for i, v := range m.ContactIDs {
		out, err := v.compile(fmt.Sprintf("$.mapping.contact_ids[%d]", i), "contactIds", text, m.Region, find)
		if err != nil {
			return err
		}
		if !slices.Contains([]kind{text, email, phone, list}, out.kind) {
			return mappingError(out.path+".type", "is %q; a contact id is text, email, phone or list", v.Type)
		}
		p.ids = append(p.ids, out)
	}
	p.allIDs = len(p.ids) > 0
	return nil
}

// compileFields takes the fields, and active, which only its place in the request
// sets apart.
func (m *Mapping) compileFields(p *Plan, find resolver) error {
	if m.Active != nil {
		out, err := m.Active.compile("$.mapping.active", "active", boolean, m.Region, find)
		if err != nil {
			return err
		}
		if out.kind != boolean {
			return mappingError("$.mapping.active.type", "is %q; active is a bool", m.Active.Type)
		}
		p.active = out
	}
	for _, name := range slices.Sorted(maps.Keys(m.Fields)) {
		if !names.IsField(name) {
			return mappingError("$.mapping.fields", "%q is no internal name of a profile field: letters, digits and underscores only", name)
		}
		v := m.Fields[name]
		out, err := v.compile("$.mapping.fields."+name, name, defaultKind(name), m.Region, find)
		if err != nil {
			return err
		}
		if err := fits(out, name, v.Type); err != nil {
			return err
		}
		for _, slot := range out.slots {
			p.used[slot] = true
		}
		p.fields = append(p.fields, out)
	}
	return nil
}

// defaultKind is what a field has to be where the mapping does not say.
func defaultKind(name string) kind {
	if isDefault(name) {
		return kinds[name]
	}
	return text
}

func isDefault(field string) bool {
	_, ok := columns.Field(field)
	return ok
}

// fieldTypes are the types that a mapping may give to a default field, by its kind.
var fieldTypes = map[kind]string{
	text: "text, email, phone or date", birthday: "text, email, phone or date", email: "text, email, phone or date", whole: "number", boolean: "bool",
	list: "list", object: "json", memories: "memory or json",
}

// fits tells whether the type of a value is that of a default field, and makes
// a general type the narrower one that the field needs.
func fits(out *output, name, typ string) error {
	k := kinds[name]
	switch {
	case !isDefault(name) || typ == "":
	case !strings.Contains(fieldTypes[k], typ):
		return mappingError(out.path+".type", "is %q; the field %s takes %s", typ, name, fieldTypes[k])
	case out.kind == number || out.kind == anyJSON:
		out.kind = k
	}
	return nil
}
