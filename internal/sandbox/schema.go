package sandbox

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// A field is a custom field of the project: an entry of "details" in the schema.
type field struct {
	Field    string `json:"field"`    // display name
	Internal string `json:"internal"` // name in the profile
	Type     string `json:"type"`     // string, number, boolean or object
}

func (f field) object() object {
	return object{{"field", stringValue(f.Field)}, {"internal", stringValue(f.Internal)}, {"type", stringValue(f.Type)}}
}

// schema is the fields that a profile of the project may have. The Sandbox's
// mutex guards it.
type schema struct{ custom []field }

var fieldTypes = []string{"string", "number", "boolean", "object"}

var internalName = regexp.MustCompile(`^[A-Za-z0-9_]+$`)

// maxFields bounds the schema.
const maxFields = 1000

// defaultFields are the fields that every project has, and what they hold.
var defaultFields = map[string]func(jsontext.Value) error{
	"firstname": wantString, "lastname": wantString, "email": wantString, "birthday": wantString, "gender": wantString,
	"location": wantString, "profilepic": wantString, "profileId": wantString,
	"age":                     wantNumber,
	"prevent_data_collection": wantBoolean, "accepted_gdpr": wantBoolean,
	"privacy_policy": wantPrivacyPolicy,
	"tasks":          wantStrings, "goals": wantStrings, // goals: the name of tasks before 4.98
	"memories": wantMemories,
}

var customTypes = map[string]func(jsontext.Value) error{
	"string": wantString, "number": wantNumber, "boolean": wantBoolean, "object": wantObject,
}

// check looks at the member "profile" of a body, and returns what is stored of
// it.
func (s *schema) check(fields object, unknown string) (object, *problem) {
	kept := make(object, 0, len(fields))
	for _, m := range fields {
		want := defaultFields[m.name]
		if want == nil {
			for _, f := range s.custom {
				if strings.EqualFold(f.Internal, m.name) {
					want, m.name = customTypes[f.Type], f.Internal
					break
				}
			}
		}
		switch {
		case want == nil && unknown == FieldsReject:
			return nil, invalid("field 'profile.%s' is not allowed", m.name)
		case want == nil && unknown == FieldsDrop:
			continue
		case want != nil:
			if err := want(m.value); err != nil {
				return nil, invalid("field 'profile.%s' %v", m.name, err)
			}
		}
		if kept.get(m.name) != nil {
			return nil, invalid("field 'profile.%s' is there twice", m.name)
		}
		kept = append(kept, m)
	}
	return kept, nil
}

// replace puts other custom fields in the place of those there are, and returns
// the internal names of those that are deleted by it.
func (s *schema) replace(custom []field) (deleted []string, p *problem) {
	if len(custom) > maxFields {
		return nil, invalid("field 'details' has more than %d entries", maxFields)
	}
	seen := make(map[string]bool)
	for name := range defaultFields {
		seen[strings.ToLower(name)] = true
	}
	for i, f := range custom {
		lower := strings.ToLower(f.Internal)
		switch {
		case f.Field == "":
			return nil, invalid("field 'details[%d].field' should not be empty", i)
		case !internalName.MatchString(f.Internal):
			return nil, invalid("field 'details[%d].internal' should be letters, digits and underscores", i)
		case !slices.Contains(fieldTypes, f.Type):
			return nil, invalid("field 'details[%d].type' should be one of %s", i, strings.Join(fieldTypes, ", "))
		case seen[lower]:
			return nil, invalid("field 'details[%d].internal': there is a field '%s' already", i, f.Internal)
		}
		seen[lower] = true
	}
	for _, old := range s.custom {
		i := slices.IndexFunc(custom, func(f field) bool { return strings.EqualFold(f.Internal, old.Internal) })
		if i < 0 {
			deleted = append(deleted, old.Internal)
		} else if custom[i].Type != old.Type {
			return nil, invalid("field 'details[%d].type': '%s' is a %s, and its type cannot be changed", i, old.Internal, old.Type)
		} else {
			custom[i].Internal = old.Internal
		}
	}
	s.custom = custom
	return deleted, nil
}

// entity is the schema as get schema answers it.
func (s *schema) entity() object {
	types, details := object{}, make([]object, len(s.custom))
	for i, f := range s.custom {
		types = append(types, member{f.Internal, stringValue(f.Type)})
		details[i] = f.object()
	}
	return object{{"schema", types.value()}, {"details", objectsValue(details)}}
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
	_, err := parseStrings(v)
	return err
}

// wantPrivacyPolicy wants {accepted, meta: {<key>: {timestamp}}}, each member
// optional.
func wantPrivacyPolicy(v jsontext.Value) error {
	if err := wantObject(v); err != nil {
		return err
	}
	o, err := parseObject(v)
	if err != nil {
		return err
	}
	for _, m := range o {
		switch m.name {
		case "accepted":
			if err := wantBoolean(m.value); err != nil {
				return fmt.Errorf("has a member 'accepted' that %w", err)
			}
		case "meta":
			if err := wantObject(m.value); err != nil {
				return fmt.Errorf("has a member 'meta' that %w", err)
			}
		default:
			return fmt.Errorf("has a member '%s' that is not allowed", m.name)
		}
	}
	return nil
}

// wantMemories wants an array of {id, timestamp (ISO 8601), text}.
func wantMemories(v jsontext.Value) error {
	items, ok := parseArray(v)
	if !ok {
		return fmt.Errorf("should be an array of memories")
	}
	for i, item := range items {
		o, err := parseObject(item)
		if err != nil {
			return fmt.Errorf("has an item %d that should be an object", i)
		}
		for _, m := range o {
			text, ok := parseString(m.value)
			if !ok || !slices.Contains([]string{"id", "timestamp", "text"}, m.name) {
				return fmt.Errorf("has an item %d that should be {id, timestamp, text}, all strings", i)
			}
			if _, err := time.Parse(time.RFC3339, text); m.name == "timestamp" && err != nil {
				return fmt.Errorf("has an item %d whose timestamp should be in ISO 8601, as in 2006-01-02T15:04:05Z", i)
			}
		}
	}
	return nil
}
