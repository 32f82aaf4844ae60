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

	"importer/internal/sandbox/jsonvalue"
)

// A field is a custom field of the project: an entry of "details" in the schema.
type field struct {
	Field    string `json:"field"`    // display name
	Internal string `json:"internal"` // name in the profile
	Type     string `json:"type"`     // string, number, boolean or object
}

func (f field) object() jsonvalue.Object {
	return jsonvalue.Object{
		{Name: "field", Value: jsonvalue.String(f.Field)},
		{Name: "internal", Value: jsonvalue.String(f.Internal)},
		{Name: "type", Value: jsonvalue.String(f.Type)},
	}
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
func (s *schema) check(fields jsonvalue.Object, unknown string) (jsonvalue.Object, *problem) {
	kept := make(jsonvalue.Object, 0, len(fields))
	for _, m := range fields {
		want := defaultFields[m.Name]
		if want == nil {
			for _, f := range s.custom {
				if strings.EqualFold(f.Internal, m.Name) {
					want, m.Name = customTypes[f.Type], f.Internal
					break
				}
			}
		}
		switch {
		case want == nil && unknown == FieldsReject:
			return nil, invalid("field 'profile.%s' is not allowed", m.Name)
		case want == nil && unknown == FieldsDrop:
			continue
		case want != nil:
			if err := want(m.Value); err != nil {
				return nil, invalid("field 'profile.%s' %v", m.Name, err)
			}
		}
		if kept.Get(m.Name) != nil {
			return nil, invalid("field 'profile.%s' is there twice", m.Name)
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
func (s *schema) entity() jsonvalue.Object {
	types, details := jsonvalue.Object{}, make([]jsonvalue.Object, len(s.custom))
	for i, f := range s.custom {
		types = append(types, jsonvalue.Member{Name: f.Internal, Value: jsonvalue.String(f.Type)})
		details[i] = f.object()
	}
	return jsonvalue.Object{{Name: "schema", Value: types.Value()}, {Name: "details", Value: jsonvalue.Objects(details)}}
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
