package config

import (
	"slices"

	"importer/internal/words"
)

// A Choice is a setting whose value is one of a few words.
type Choice struct {
	Flag string // without --; empty: there is none
	Key  string // of the configuration
	Of   []string
	get  func(*Config) string // nil: who reads the value checks it
}

// Choices are all settings of the kind. Flags, configuration, their completion and the
// schema for editors are of this table.
var Choices = []Choice{
	{"mode", "mode", []string{"create", "update", "upsert", "mirror"}, func(c *Config) string { return c.Mode }},
	{"", "sync.missing", []string{"keep", "deactivate", "delete"}, func(c *Config) string { return c.Sync.Missing }},
	{"", "sync.adopted", []string{"keep", "remove"}, func(c *Config) string { return c.Sync.Adopted }},
	{"", "sync.patch", []string{"auto", "merge", "replace"}, func(c *Config) string { return c.Sync.Patch }},
	{"existing", "existing", []string{"auto", "list", "lookup", "ignore"}, func(c *Config) string { return c.Existing }},
	{"", "on_conflict", []string{"report", "first", "merge"}, func(c *Config) string { return c.OnConflict }},
	{"", "notify.on", []string{"always", "failure", "change"}, func(c *Config) string { return c.Notify.On }},
	{"progress", "progress", []string{"auto", "bar", "plain", "none"}, func(c *Config) string { return c.Progress }},
	{"log-level", "log.level", []string{"trace", "debug", "info", "warn", "error"}, func(c *Config) string { return c.Log.Level }},
	{"log-format", "log.format", []string{"auto", "console", "json"}, func(c *Config) string { return c.Log.Format }},
	{"format", "source.format", []string{"auto", "csv", "ndjson", "xlsx"}, nil},
	{"", "duplicates", []string{"first", "last", "error"}, nil},
}

// ChoiceOf is what a flag may be; nil where that is not a choice.
func ChoiceOf(flag string) []string {
	i := slices.IndexFunc(Choices, func(c Choice) bool { return c.Flag == flag && flag != "" })
	if i < 0 {
		return nil
	}
	return Choices[i].Of
}

func (c *Config) checkChoices() error {
	for _, choice := range Choices {
		if choice.get == nil {
			continue
		}
		if _, err := words.Choice(choice.get(c), choice.Of...); err != nil {
			name := choice.Key
			if choice.Flag != "" {
				name = "--" + choice.Flag + " (" + choice.Key + ")"
			}
			return Errorf("%s %w", name, err)
		}
	}
	return nil
}
