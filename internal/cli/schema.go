package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"importer/importer/contact"
	"importer/importer/pace"
	"importer/internal/cognigy"
	"importer/source/mapping"
)

// customFields are those that the run will write.
func (s *session) customFields() []mapping.CustomField {
	fields := s.input.CustomFields()
	if stamp := s.c.Stamp.Field; stamp != "" {
		fields = append(fields, mapping.CustomField{Name: stamp, Type: "string", Path: "stamp.field"})
	}
	return fields
}

// checkSchema reads the project's schema and stops the run where custom fields are
// missing or of another type, before anything is sent; with --create-fields it adds those
// that are missing. A schema that cannot be read stops nothing: the key may have no
// right to, and creates may work all the same.
func (s *session) checkSchema(ctx context.Context) error {
	fields := s.customFields()
	if len(fields) == 0 {
		return nil
	}
	schema, err := request(ctx, s, s.client.GetSchema)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case unreachable(err) != nil:
		return unreachable(err)
	case s.c.CreateFields:
		return fmt.Errorf("--create-fields: the project's schema cannot be read: %w", err)
	default:
		s.log.Warn().Err(err).Msg("the project's schema cannot be read, so it is not known whether it has the custom fields of the mapping")
		return nil
	}
	missing, err := missingFields(schema, fields)
	switch {
	case err != nil:
		return err
	case len(missing) == 0:
		return nil
	case !s.c.CreateFields:
		return lacks(schema, missing)
	}
	return s.addFields(ctx, schema, missing)
}

// missingFields are those of the fields that a schema does not have. One that it has
// with another type is an error, and so is a default field with its name in another
// case: the API would take that for a field outside the schema.
func missingFields(schema cognigy.Schema, fields []mapping.CustomField) (missing []mapping.CustomField, err error) {
	var wrong, renamed []string
	for _, f := range fields {
		typ, ok := schema.Lookup(f.Name)
		switch d := cognigy.DefaultField(f.Name); {
		case d != "" && d != f.Name:
			renamed = append(renamed, fmt.Sprintf("%s is %s", f.Name, d))
		case ok && typ != f.Type:
			wrong = append(wrong, fmt.Sprintf("%s is %s in the project, and %s in this import", f.Name, typ, f.Type))
		case !ok && d == "":
			missing = append(missing, f)
		}
	}
	switch {
	case len(renamed) > 0:
		return nil, usage(fmt.Errorf("the mapping spells default fields in another way than the API: %s; spell them so", strings.Join(renamed, "; ")))
	case len(wrong) > 0:
		return nil, usage(fmt.Errorf("custom fields of another type than the project's: %s; give them that type in the mapping", strings.Join(wrong, "; ")))
	}
	return missing, nil
}

// lacks is the error of a project that does not have custom fields.
func lacks(schema cognigy.Schema, missing []mapping.CustomField) error {
	all := texts(missing)
	for i, f := range missing {
		if nearest := schema.Nearest(f.Name); nearest != "" {
			all[i] += ", but " + nearest
		}
	}
	return usage(fmt.Errorf("the project has no such custom fields: %s; correct their names in the mapping, add them in the project, or let this run add them with --create-fields", strings.Join(all, ", ")))
}

// texts are fields for people.
func texts(fields []mapping.CustomField) []string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = fmt.Sprintf("%s (%s)", f.Name, f.Type)
	}
	return all
}

// addFields adds fields, and waits until the project shows them.
func (s *session) addFields(ctx context.Context, schema cognigy.Schema, fields []mapping.CustomField) error {
	add := make([]cognigy.SchemaField, len(fields))
	for i, f := range fields {
		add[i] = cognigy.SchemaField{Field: f.Name, Internal: f.Name, Type: f.Type}
	}
	_, setErr := request(ctx, s, func(ctx context.Context) (any, error) { return nil, s.client.SetSchema(ctx, schema, add) })
	var problem *contact.APIError
	if setErr != nil && (!errors.As(setErr, &problem) || problem.Class != contact.Ambiguous) {
		return fmt.Errorf("--create-fields: %w", setErr)
	}
	// An answer that was lost is no failure where the fields are there.
	for _, pause := range []time.Duration{0, time.Second, 4 * time.Second} {
		if !pace.Sleep(ctx.Done(), pause) {
			return context.Cause(ctx)
		}
		now, err := request(ctx, s, s.client.GetSchema)
		if err != nil {
			return fmt.Errorf("--create-fields: the schema cannot be read back: %w", err)
		}
		switch missing, err := missingFields(now, fields); {
		case err != nil:
			return err
		case len(missing) == 0:
			s.log.Info().Strs("fields", texts(fields)).Msg("added custom fields to the project")
			return nil
		}
	}
	return errors.Join(fmt.Errorf("--create-fields: the project does not show the fields that were added: %s", strings.Join(texts(fields), ", ")), setErr)
}
