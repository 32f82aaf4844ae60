package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"importer/importer/contact"
	"importer/internal/cognigy"
	"importer/source"
	"importer/source/mapping"
)

// customFields are the custom fields that the run will write.
func customFields(input *source.Input, stamp string) []mapping.CustomField {
	fields := input.CustomFields()
	if stamp != "" {
		fields = append(fields, mapping.CustomField{Name: stamp, Type: "string", Path: "stamp.field"})
	}
	return fields
}

// checkSchema reads the project's schema and stops the run where custom fields are
// missing or of another type, before anything is sent; with create it adds those
// that are missing. A schema that cannot be read stops nothing: the key may have no
// right to, and creates may work all the same.
func (s *session) checkSchema(ctx context.Context, fields []mapping.CustomField, create bool) error {
	if len(fields) == 0 {
		return nil
	}
	schema, err := s.readSchema(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if create {
			return fmt.Errorf("--create-fields: the project's schema cannot be read: %w", err)
		}
		s.log.Warn().Err(err).Msg("the project's schema cannot be read, so it is not known whether it has the custom fields of the mapping")
		return nil
	}
	missing, names, err := missingFields(schema, fields)
	switch {
	case err != nil:
		return err
	case len(missing) == 0:
		return nil
	case !create:
		return usage(fmt.Errorf("the project has no such custom fields: %s; add them in the project, or let this run add them with --create-fields", strings.Join(names, ", ")))
	}
	return s.addFields(ctx, schema, missing, names)
}

// missingFields are the fields that a schema does not have, also as text for
// people. A field that is there with another type is an error.
func missingFields(schema cognigy.Schema, fields []mapping.CustomField) (missing []cognigy.SchemaField, names []string, err error) {
	var wrong []string
	for _, f := range fields {
		typ, ok := schema.Lookup(f.Name)
		switch {
		case !ok:
			missing = append(missing, cognigy.SchemaField{Field: f.Name, Internal: f.Name, Type: f.Type})
			names = append(names, fieldText(f))
		case typ != f.Type:
			wrong = append(wrong, fmt.Sprintf("%s is %s in the project, and %s in this import", f.Name, typ, f.Type))
		}
	}
	if len(wrong) > 0 {
		return nil, nil, usage(fmt.Errorf("custom fields of another type than the project's: %s; give them that type in the mapping", strings.Join(wrong, "; ")))
	}
	return missing, names, nil
}

func fieldText(f mapping.CustomField) string { return fmt.Sprintf("%s (%s)", f.Name, f.Type) }

// addFields adds fields, and waits until the project shows them.
func (s *session) addFields(ctx context.Context, schema cognigy.Schema, missing []cognigy.SchemaField, names []string) error {
	setErr := s.request(ctx, func(ctx context.Context) error { return s.client.SetSchema(ctx, schema, missing) })
	var problem *contact.APIError
	if setErr != nil && (!errors.As(setErr, &problem) || problem.Class != contact.Ambiguous) {
		return fmt.Errorf("--create-fields: %w", setErr)
	}
	// An answer that was lost is no failure where the fields are there.
	for _, pause := range []time.Duration{0, time.Second, 4 * time.Second} {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
		now, err := s.readSchema(ctx)
		if err != nil {
			return fmt.Errorf("--create-fields: the schema cannot be read back: %w", err)
		}
		there := 0
		for _, f := range missing {
			if typ, ok := now.Lookup(f.Internal); ok && typ == f.Type {
				there++
			}
		}
		if there == len(missing) {
			s.log.Info().Strs("fields", names).Msg("added custom fields to the project")
			return nil
		}
	}
	return errors.Join(fmt.Errorf("--create-fields: the project does not show the fields that were added: %s", strings.Join(names, ", ")), setErr)
}

func (s *session) readSchema(ctx context.Context) (schema cognigy.Schema, err error) {
	err = s.request(ctx, func(ctx context.Context) (err error) {
		schema, err = s.client.GetSchema(ctx)
		return err
	})
	return schema, err
}
