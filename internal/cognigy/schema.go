package cognigy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"importer/importer/contact"
	"importer/internal/words"
)

// A SchemaField is a field of the project's schema.
type SchemaField struct {
	Field    string `json:"field"`    // as people see it
	Internal string `json:"internal"` // its name in a profile: letters, digits and underscores; case does not count
	Type     string `json:"type"`     // string, number, boolean or object
}

// A Schema is what the project knows of the fields of its profiles.
type Schema struct {
	// Types are the types of all fields by their internal names, default fields
	// included as far as the API tells.
	Types map[string]string
	// Details are the fields that can be edited; nil where the API did not tell.
	Details []SchemaField
}

// Lookup returns the type of a field; false where the schema has none of that
// name. Case does not count, but for the default fields: firstName is not firstname,
// and nothing that reads the one would find the other.
func (s Schema) Lookup(internal string) (typ string, ok bool) {
	for _, name := range defaultFields {
		if name != internal && strings.EqualFold(name, internal) {
			return "", false
		}
	}
	for name, typ := range s.Types {
		if strings.EqualFold(name, internal) {
			return typ, true
		}
	}
	for _, f := range s.Details {
		if strings.EqualFold(f.Internal, internal) {
			return f.Type, true
		}
	}
	return "", false
}

// defaultFields are there in every project and cannot be edited.
var defaultFields = []string{
	"firstname", "lastname", "email", "age", "birthday", "gender", "location", "profilepic", "prevent_data_collection",
	"accepted_gdpr", "privacy_policy", "tasks", "goals", "memories", "profileId",
}

// DefaultField returns the default field that has a name, whatever its case; empty
// where none has.
func DefaultField(name string) string {
	i := slices.IndexFunc(defaultFields, func(d string) bool { return strings.EqualFold(d, name) })
	if i < 0 {
		return ""
	}
	return defaultFields[i]
}

// Nearest is the field whose name is most like that of one which the schema does not
// have; empty where none is like it.
func (s Schema) Nearest(internal string) string {
	names := slices.Clone(defaultFields)
	for _, f := range s.Details {
		names = append(names, f.Internal)
	}
	names = append(names, slices.Sorted(maps.Keys(s.Types))...)
	return words.Nearest(internal, names)
}

// GetSchema reads the project's schema. A key may not have the right to: that is
// Fatal like all that is forbidden, and says nothing about creates.
func (c *Client) GetSchema(ctx context.Context) (Schema, error) {
	got, err := c.do(ctx, opGetSchema, c.projectID, nil, nil)
	if err != nil {
		return Schema{}, err
	}
	s := Schema{Types: make(map[string]string, len(got.Schema)), Details: got.Details}
	for name, typ := range got.Schema {
		s.Types[name] = text(typ)
	}
	return s, nil
}

// SetSchema adds fields to a schema that was just read. The API takes the whole
// list, and a field that is left out is deleted with its data in every profile;
// so there is no way here to leave one out. Where what was read cannot be sent
// back in full, or a field is there already, nothing is sent.
func (c *Client) SetSchema(ctx context.Context, read Schema, add []SchemaField) error {
	fields, err := read.extended(add)
	if err != nil {
		return &contact.APIError{Class: contact.Permanent, Err: err, Failure: contact.Failure{
			Detail: "the schema was not sent: " + err.Error(), Hint: "add the fields by hand in the project's settings for contact profiles",
		}}
	}
	body, err := json.Marshal(map[string][]SchemaField{"details": fields}, lenient)
	if err != nil {
		return err
	}
	_, err = c.do(ctx, opSetSchema, c.projectID, nil, body)
	return err
}

// extended is the whole list with the new fields behind it, or why it cannot be
// made without loss.
func (s Schema) extended(add []SchemaField) ([]SchemaField, error) {
	if s.Details == nil {
		return nil, errors.New("the API did not tell which fields it has, and would delete those that are not sent back")
	}
	known := map[string]bool{}
	for _, name := range defaultFields {
		known[strings.ToLower(name)] = true
	}
	for _, f := range s.Details {
		if f.Field == "" || f.Internal == "" || f.Type == "" {
			return nil, fmt.Errorf("the field %q (%q) was read without name or type, and would be lost", f.Internal, f.Field)
		}
		known[strings.ToLower(f.Internal)] = true
	}
	for name := range s.Types {
		if !known[strings.ToLower(name)] {
			return nil, fmt.Errorf("the field %q is in the schema, but not in the list to send back, and would be lost", name)
		}
	}
	for _, f := range add {
		if known[strings.ToLower(f.Internal)] {
			return nil, fmt.Errorf("the field %q is there already", f.Internal)
		}
		known[strings.ToLower(f.Internal)] = true
	}
	return slices.Concat(s.Details, add), nil
}
