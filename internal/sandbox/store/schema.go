package store

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"importer/internal/sandbox/jsonvalue"
)

// A Field is a custom field of the project: an entry of "details" in the schema.
type Field struct {
	Field    string `json:"field"`    // display name
	Internal string `json:"internal"` // name in the profile
	Type     string `json:"type"`     // string, number, boolean or object
}

var fieldTypes = []string{"string", "number", "boolean", "object"}

var internalName = regexp.MustCompile(`^[A-Za-z0-9_]+$`)

// Rules say what becomes of what is sent and is no value of a field of the schema.
type Rules struct {
	Unknown    string // fields outside the schema: Keep, Drop or Reject
	WrongTypes string // a value of another type than its field's: Reject, Keep or Drop
	Null       string // null: Reject it where the schema has the field, Keep, Drop, or Clear the field, which Put does
	EmptyText  string // an empty text: Keep or Drop
}

// The values of Rules. What is dropped leaves the field as it was.
const (
	Keep   = "keep"
	Drop   = "drop"
	Reject = "reject"
	Clear  = "clear"
)

// maxFields bounds the schema.
const maxFields = 1000

// A DefaultField is a field that every project has.
type DefaultField struct {
	Name  string
	Type  string         // in the schema; empty where the schema does not list it
	Value jsontext.Value // of a profile to which nobody gave another; nil where there is none
	want  func(jsontext.Value) error
}

// DefaultFields are the fields that every project has, in the order of the schema.
// They are for reading.
var DefaultFields = []DefaultField{
	{"firstname", "string", jsontext.Value(`""`), wantString},
	{"lastname", "string", jsontext.Value(`""`), wantString},
	{"email", "string", jsontext.Value(`""`), wantString},
	{"age", "number", jsontext.Value(`0`), wantNumber},
	{"birthday", "string", jsontext.Value(`""`), wantString},
	{"gender", "string", jsontext.Value(`""`), wantString},
	{"location", "string", jsontext.Value(`""`), wantString},
	{"profilepic", "string", jsontext.Value(`""`), wantString},
	{"prevent_data_collection", "boolean", jsontext.Value(`false`), wantBoolean},
	{"accepted_gdpr", "boolean", jsontext.Value(`false`), wantBoolean},
	{"privacy_policy", "object", jsontext.Value(`{"accepted":false}`), wantPrivacyPolicy},
	{"tasks", "object", jsontext.Value(`[]`), wantStrings},
	{"goals", "", nil, wantStrings}, // the name of tasks before 4.98
	{"memories", "", nil, wantMemories},
	{"profileId", "", nil, wantString},
}

// WithDefaults is what a profile shows of its fields where it shows every default
// field. fields is not changed.
func WithDefaults(fields jsonvalue.Object) jsonvalue.Object {
	shown := make(jsonvalue.Object, len(fields), len(fields)+len(DefaultFields))
	copy(shown, fields)
	for _, d := range DefaultFields {
		if d.Value != nil && fields.Get(d.Name) == nil {
			shown = append(shown, jsonvalue.Member{Name: d.Name, Value: d.Value})
		}
	}
	return shown
}

var customTypes = map[string]func(jsontext.Value) error{
	"string": wantString, "number": wantNumber, "boolean": wantBoolean, "object": wantObject,
}

// Schema are the custom fields. The slice is the store's: do not change it.
func (s *Store) Schema() []Field { return s.custom }

// Check looks at the fields of a profile that somebody sends, and returns what is to
// be kept of them. Its error says which field is invalid and why.
func (s *Store) Check(fields jsonvalue.Object, rules Rules) (jsonvalue.Object, error) {
	kept := make(jsonvalue.Object, 0, len(fields))
	for _, m := range fields {
		name, want := s.field(m.Name)
		if want == nil && rules.Unknown == Reject {
			return nil, fmt.Errorf("field 'profile.%s' is not allowed", m.Name)
		}
		if want == nil && rules.Unknown == Drop {
			continue
		}
		keep, err := rules.keeps(m.Value, want)
		if err != nil {
			return nil, fmt.Errorf("field 'profile.%s' %w", name, err)
		}
		if kept.Get(name) != nil {
			return nil, fmt.Errorf("field 'profile.%s' is there twice", name)
		}
		if keep {
			kept = append(kept, jsonvalue.Member{Name: name, Value: m.Value})
		}
	}
	return kept, nil
}

// field is the name of a field as the schema has it, and what it holds; nil where the
// schema does not have it. Case counts for default fields, and not for custom ones.
func (s *Store) field(name string) (string, func(jsontext.Value) error) {
	for i := range DefaultFields {
		if DefaultFields[i].Name == name {
			return name, DefaultFields[i].want
		}
	}
	for _, f := range s.custom {
		if strings.EqualFold(f.Internal, name) {
			return f.Internal, customTypes[f.Type]
		}
	}
	return name, nil
}

// keeps tells whether a value is kept; its error says why it is refused. want is nil
// where the schema does not have the field.
func (r Rules) keeps(v jsontext.Value, want func(jsontext.Value) error) (bool, error) {
	switch {
	case v.Kind() == 'n' && r.Null != Reject:
		return r.Null != Drop, nil
	case string(v) == `""` && r.EmptyText == Drop:
		return false, nil
	case want == nil:
		return true, nil
	}
	err := want(v)
	if err == nil || r.WrongTypes == Reject || v.Kind() == 'n' {
		return err == nil, err
	}
	return r.WrongTypes == Keep, nil
}

// Put is a profile's fields with those of Check in their places. Where the rules are
// to clear, null takes a field away. fields is not changed.
func (r Rules) Put(fields, checked jsonvalue.Object) jsonvalue.Object {
	for _, m := range checked {
		if m.Value.Kind() == 'n' && r.Null == Clear {
			fields = fields.Without(m.Name)
		} else {
			fields = fields.Set(m.Name, m.Value)
		}
	}
	return fields
}

// SetSchema puts other custom fields in the place of those there are. A field that
// is not among them is deleted, and with it its data in every profile. The slice is
// the store's after that. Its error says which of them is invalid and why.
func (s *Store) SetSchema(custom []Field, now time.Time) error {
	if len(custom) > maxFields {
		return fmt.Errorf("field 'details' has more than %d entries", maxFields)
	}
	seen := make(map[string]bool)
	for _, d := range DefaultFields {
		seen[strings.ToLower(d.Name)] = true
	}
	for i, f := range custom {
		lower := strings.ToLower(f.Internal)
		switch {
		case f.Field == "":
			return fmt.Errorf("field 'details[%d].field' should not be empty", i)
		case !internalName.MatchString(f.Internal):
			return fmt.Errorf("field 'details[%d].internal' should be letters, digits and underscores", i)
		case !slices.Contains(fieldTypes, f.Type):
			return fmt.Errorf("field 'details[%d].type' should be one of %s", i, strings.Join(fieldTypes, ", "))
		case seen[lower]:
			return fmt.Errorf("field 'details[%d].internal': there is a field '%s' already", i, f.Internal)
		}
		seen[lower] = true
	}
	var deleted []string
	for _, old := range s.custom {
		i := slices.IndexFunc(custom, func(f Field) bool { return strings.EqualFold(f.Internal, old.Internal) })
		if i < 0 {
			deleted = append(deleted, old.Internal)
		} else if custom[i].Type != old.Type {
			return fmt.Errorf("field 'details[%d].type': '%s' is a %s, and its type cannot be changed", i, old.Internal, old.Type)
		} else {
			custom[i].Internal = old.Internal
		}
	}
	s.custom = custom
	s.expire(now)
	s.eraseFields(deleted, now)
	s.file.putSchema(custom)
	return nil
}

func wantString(v jsontext.Value) error {
	if v.Kind() != '"' {
		return fmt.Errorf("should be a string")
	}
	return nil
}

// maxSafeInteger is the largest whole number that the API's number fields hold.
const maxSafeInteger = 1<<53 - 1

func wantNumber(v jsontext.Value) error {
	if v.Kind() != '0' {
		return fmt.Errorf("should be a number")
	}
	n, err := strconv.ParseFloat(string(v), 64)
	if err != nil || math.Abs(n) > maxSafeInteger {
		return fmt.Errorf("should be a number from %d to %d", -maxSafeInteger, maxSafeInteger)
	}
	return nil
}

func wantBoolean(v jsontext.Value) error {
	if k := v.Kind(); k != 't' && k != 'f' {
		return fmt.Errorf("should be a boolean")
	}
	return nil
}

func wantObject(v jsontext.Value) error {
	if v.Kind() != '{' {
		return fmt.Errorf("should be an object")
	}
	return nil
}

func wantStrings(v jsontext.Value) error {
	_, err := jsonvalue.ParseStrings(v)
	return err
}

// wantPrivacyPolicy wants {accepted, meta: {<key>: {timestamp}}}, each member
// optional.
func wantPrivacyPolicy(v jsontext.Value) error {
	if err := wantObject(v); err != nil {
		return err
	}
	o, err := jsonvalue.ParseObject(v)
	if err != nil {
		return err
	}
	for _, m := range o {
		switch m.Name {
		case "accepted":
			if err := wantBoolean(m.Value); err != nil {
				return fmt.Errorf("has a member 'accepted' that %w", err)
			}
		case "meta":
			if err := wantObject(m.Value); err != nil {
				return fmt.Errorf("has a member 'meta' that %w", err)
			}
		default:
			return fmt.Errorf("has a member '%s' that is not allowed", m.Name)
		}
	}
	return nil
}

// wantMemories wants an array of {id, timestamp (ISO 8601), text}.
func wantMemories(v jsontext.Value) error {
	items, ok := jsonvalue.ParseArray(v)
	if !ok {
		return fmt.Errorf("should be an array of memories")
	}
	for i, item := range items {
		o, err := jsonvalue.ParseObject(item)
		if err != nil {
			return fmt.Errorf("has an item %d that should be an object", i)
		}
		for _, m := range o {
			text, ok := jsonvalue.ParseString(m.Value)
			if !ok || !slices.Contains([]string{"id", "timestamp", "text"}, m.Name) {
				return fmt.Errorf("has an item %d that should be {id, timestamp, text}, all strings", i)
			}
			if _, err := time.Parse(time.RFC3339, text); m.Name == "timestamp" && err != nil {
				return fmt.Errorf("has an item %d whose timestamp should be in ISO 8601, as in 2006-01-02T15:04:05Z", i)
			}
		}
	}
	return nil
}
