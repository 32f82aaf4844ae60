// Package customfields compares the custom fields that an import writes with the schema of
// its project, and adds those that are missing.
package customfields

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"importer/importer/contact"
	"importer/importer/pace"
	"importer/internal/cognigy"
	"importer/internal/config"
)

// A Field is a custom field that an import writes.
type Field struct{ Name, Type string }

// IsOther says that a field has another type in the project.
func (f Field) IsOther(typ string) string {
	return fmt.Sprintf("%s is %s in the project, and %s in this import", f.Name, typ, f.Type)
}

// An API reads and writes the schema of the project. Each request is made as often as it
// takes, and within the quota.
type API interface {
	GetSchema(context.Context) (cognigy.Schema, error)
	SetSchema(context.Context, cognigy.Schema, []cognigy.SchemaField) error
}

// Missing are those of the fields that a schema does not have. One that it has
// with another type is an error, and so is a default field with its name in another
// case: the API would take that for a field outside the schema.
func Missing(schema cognigy.Schema, fields []Field) (missing []Field, err error) {
	var wrong, renamed []string
	for _, f := range fields {
		typ, ok := schema.Lookup(f.Name)
		switch d := cognigy.DefaultField(f.Name); {
		case d != "" && d != f.Name:
			renamed = append(renamed, fmt.Sprintf("%s is %s", f.Name, d))
		case ok && typ != f.Type:
			wrong = append(wrong, f.IsOther(typ))
		case !ok && d == "":
			missing = append(missing, f)
		}
	}
	switch {
	case len(renamed) > 0:
		return nil, config.Errorf("the mapping spells default fields in another way than the API: %s; spell them so", strings.Join(renamed, "; "))
	case len(wrong) > 0:
		return nil, config.Errorf("custom fields of another type than the project's: %s; give them that type in the mapping", strings.Join(wrong, "; "))
	}
	return missing, nil
}

// Lacks is the error of a project that does not have custom fields.
func Lacks(schema cognigy.Schema, missing []Field) error {
	all := Texts(missing)
	for i, f := range missing {
		if nearest := schema.Nearest(f.Name); nearest != "" {
			all[i] += fmt.Sprintf(" (did you mean %s?)", nearest)
		}
	}
	return config.Errorf("the project has no such custom fields: %s; correct their names in the mapping, add them in the project, or let this run add them with --create-fields", strings.Join(all, ", "))
}

// Texts are fields for people.
func Texts(fields []Field) []string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = fmt.Sprintf("%s (%s)", f.Name, f.Type)
	}
	return all
}

// Add adds fields to the schema as it was read, and waits until the project shows them.
func Add(ctx context.Context, api API, log zerolog.Logger, schema cognigy.Schema, fields []Field) error {
	add := make([]cognigy.SchemaField, len(fields))
	for i, f := range fields {
		add[i] = cognigy.SchemaField{Field: f.Name, Internal: f.Name, Type: f.Type}
	}
	setErr := api.SetSchema(ctx, schema, add)
	var problem *contact.APIError
	if setErr != nil && (!errors.As(setErr, &problem) || problem.Class != contact.Ambiguous) {
		return fmt.Errorf("--create-fields: %w", setErr)
	}
	// An answer that was lost is no failure where the fields are there.
	for _, pause := range []time.Duration{0, time.Second, 4 * time.Second} {
		if !pace.Sleep(ctx.Done(), pause) {
			return context.Cause(ctx)
		}
		now, err := api.GetSchema(ctx)
		if err != nil {
			return fmt.Errorf("--create-fields: the schema cannot be read back: %w", err)
		}
		switch missing, err := Missing(now, fields); {
		case err != nil:
			return err
		case len(missing) == 0:
			log.Info().Strs("fields", Texts(fields)).Msg("added custom fields to the project")
			return nil
		}
	}
	return errors.Join(fmt.Errorf("--create-fields: the project does not show the fields that were added: %s", strings.Join(Texts(fields), ", ")), setErr)
}
