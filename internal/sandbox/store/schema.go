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

// What Check does with fields that are not in the schema.
const (
	KeepUnknown   = "keep"
	DropUnknown   = "drop"
	RejectUnknown = "reject"
)

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

// Schema are the custom fields. The slice is the store's: do not change it.
func (s *Store) Schema() []Field { return s.custom }

// Check looks at the fields of a profile that somebody sends, and returns what is to
// be kept of them. unknown is KeepUnknown, DropUnknown or RejectUnknown. Its error says
// which field is invalid and why.
func (s *Store) Check(fields jsonvalue.Object, unknown string) (jsonvalue.Object, error) {
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
		case want == nil && unknown == RejectUnknown:
			return nil, fmt.Errorf("field 'profile.%s' is not allowed", m.Name)
		case want == nil && unknown == DropUnknown:
			continue
		case want != nil:
			if err := want(m.Value); err != nil {
				return nil, fmt.Errorf("field 'profile.%s' %w", m.Name, err)
			}
		}
		if kept.Get(m.Name) != nil {
			return nil, fmt.Errorf("field 'profile.%s' is there twice", m.Name)
		}
		kept = append(kept, m)
	}
	return kept, nil
}

// SetSchema puts other custom fields in the place of those there are. A field that
// is not among them is deleted, and with it its data in every profile. The slice is
// the store's after that. Its error says which of them is invalid and why.
func (s *Store) SetSchema(custom []Field, now time.Time) error {
	if len(custom) > maxFields {
		return fmt.Errorf("field 'details' has more than %d entries", maxFields)
	}
	seen := make(map[string]bool)
	for name := range defaultFields {
		seen[strings.ToLower(name)] = true
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
