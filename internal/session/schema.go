package session

import (
	"context"
	"fmt"

	"importer/internal/cognigy"
	"importer/internal/customfields"
	"importer/source/mapping"
)

// CustomFields are those that the run will write.
func (s *Session) CustomFields() []customfields.Field {
	fields := FieldsOf(s.Input.CustomFields())
	if stamp := s.Config.Stamp.Field; stamp != "" {
		fields = append(fields, customfields.Field{Name: stamp, Type: "string"})
	}
	return fields
}

func FieldsOf(custom []mapping.CustomField) []customfields.Field {
	fields := make([]customfields.Field, len(custom))
	for i, f := range custom {
		fields[i] = customfields.Field{Name: f.Name, Type: f.Type}
	}
	return fields
}

// checkSchema reads the project's schema and stops the run where custom fields are
// missing or of another type, before anything is sent; with --create-fields it adds those
// that are missing. A schema that cannot be read stops nothing: the key may have no
// right to, and creates may work all the same.
func (s *Session) checkSchema(ctx context.Context) error {
	fields := s.CustomFields()
	if len(fields) == 0 {
		return nil
	}
	schema, err := schemaAPI{s}.GetSchema(ctx)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case unreachable(err) != nil:
		return unreachable(err)
	case s.Config.CreateFields:
		return fmt.Errorf("--create-fields: the project's schema cannot be read: %w", err)
	default:
		s.Log.Warn().Err(err).Msg("the project's schema cannot be read, so it is not known whether it has the custom fields of the mapping")
		return nil
	}
	missing, err := customfields.Missing(schema, fields)
	switch {
	case err != nil:
		return err
	case len(missing) == 0:
		return nil
	case !s.Config.CreateFields:
		return customfields.Lacks(schema, missing)
	}
	return customfields.Add(ctx, schemaAPI{s}, s.Log, schema, missing)
}

// A schemaAPI asks for the schema as a session asks for all else.
type schemaAPI struct{ *Session }

// GetSchema implements customfields.API.
func (s schemaAPI) GetSchema(ctx context.Context) (cognigy.Schema, error) {
	return request(ctx, s.Session, s.Client.GetSchema)
}

// SetSchema implements customfields.API.
func (s schemaAPI) SetSchema(ctx context.Context, schema cognigy.Schema, add []cognigy.SchemaField) error {
	_, err := request(ctx, s.Session, func(ctx context.Context) (any, error) { return nil, s.Client.SetSchema(ctx, schema, add) })
	return err
}
