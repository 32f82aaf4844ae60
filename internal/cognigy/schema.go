package cognigy

import (
	"context"
	"errors"
	"fmt"
	"importer/importer/contact"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// A SchemaField is a field of the project's schema.
type SchemaField struct {
	Field    string // as people see it
	Internal string // its name in a profile: letters, digits and underscores; case does not count
	Type     string // string, number, boolean or object
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
// name. Case does not count.
func (s Schema) Lookup(internal string) (typ string, ok bool) {
	if typ, ok = s.Types[internal]; ok {
		return typ, true
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

// GetSchema reads the project's schema. A key may not have the right to: that is
// Fatal like all that is forbidden, and says nothing about creates.
func (c *Client) GetSchema(ctx context.Context) (Schema, error) {
	got, err := c.do(ctx, opGetSchema, "", c.schemaURL(), nil)
	if err != nil {
		return Schema{}, err
	}
	return got.schema(), nil
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
	body := []byte(`{"details":[`)
	for i, f := range fields {
		if i > 0 {
			body = append(body, ',')
		}
		body = appendMember(append(body, '{'), "field", f.Field)
		body = appendMember(append(body, ','), "internal", f.Internal)
		body = append(appendMember(append(body, ','), "type", f.Type), '}')
	}
	body = append(body, "]}"...)
	_, err = c.do(ctx, opSetSchema, "", c.schemaURL(), body)
	return err
}

// extended is the whole list with the new fields behind it, or why it cannot be
// made without loss.
func (s Schema) extended(add []SchemaField) ([]SchemaField, error) {
	if s.Details == nil {
		return nil, errors.New("the API did not tell which fields it has, and would delete those that are not sent back")
	}
	named := func(name string) func(string) bool { return func(s string) bool { return strings.EqualFold(s, name) } }
	whole := append(make([]SchemaField, 0, len(s.Details)+len(add)), s.Details...)
	known := make([]string, 0, cap(whole))
	for _, f := range s.Details {
		if f.Field == "" || f.Internal == "" || f.Type == "" {
			return nil, fmt.Errorf("the field %q (%q) was read without name or type, and would be lost", f.Internal, f.Field)
		}
		known = append(known, f.Internal)
	}
	for name := range s.Types {
		if !slices.ContainsFunc(known, named(name)) && !slices.ContainsFunc(defaultFields, named(name)) {
			return nil, fmt.Errorf("the field %q is in the schema, but not in the list to send back, and would be lost", name)
		}
	}
	for _, f := range add {
		if slices.ContainsFunc(known, named(f.Internal)) || slices.ContainsFunc(defaultFields, named(f.Internal)) {
			return nil, fmt.Errorf("the field %q is there already", f.Internal)
		}
		known = append(known, f.Internal)
		whole = append(whole, f)
	}
	return whole, nil
}

// A wireSchema is a schema in an answer.
type wireSchema struct {
	Schema  map[string]jsontext.Value `json:"schema"`
	Details []struct {
		Field    string `json:"field"`
		Internal string `json:"internal"`
		Type     string `json:"type"`
	} `json:"details"`
}

func (w *wireSchema) schema() Schema {
	s := Schema{Types: make(map[string]string, len(w.Schema))}
	for name, typ := range w.Schema {
		s.Types[name] = text(typ)
	}
	if w.Details != nil {
		s.Details = make([]SchemaField, 0, len(w.Details))
	}
	for _, f := range w.Details {
		s.Details = append(s.Details, SchemaField(f))
	}
	return s
}

func (c *Client) schemaURL() *url.URL { return c.below("/schema/" + c.projectID) }
