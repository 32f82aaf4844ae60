package session

import (
	"errors"

	"importer/importer/change"
	"importer/importer/contact"
	"importer/importer/pace"
	"importer/importer/whose"
	"importer/internal/config"
	"importer/internal/sandbox"
)

// rules are the settings that have a notation of their own, as it reads.
type rules struct {
	Rate       pace.Rate
	MaxErrors  contact.MaxErrors
	Tolerate   contact.MaxErrors
	Duplicates contact.Duplicates
	Discovery  whose.Discovery
	OnConflict whose.OnConflict
	missing    change.Missing
	faults     []sandbox.Fault
}

func readRules(c config.Config) (r rules, err error) {
	err = errors.Join(
		Parse(&r.Rate, "--rate (rate):", pace.ParseRate, c.Rate),
		Parse(&r.MaxErrors, "--max-errors (max_errors):", contact.ParseMaxErrors, c.MaxErrors),
		Parse(&r.Tolerate, "--tolerate (tolerate):", contact.ParseMaxErrors, c.Tolerate),
		Parse(&r.Duplicates, "duplicates", contact.ParseDuplicates, c.Duplicates),
		Parse(&r.Discovery, "--existing (existing)", whose.ParseDiscovery, c.Existing),
		Parse(&r.OnConflict, "on_conflict", whose.ParseOnConflict, c.OnConflict),
		Parse(&r.missing, "sync.missing", change.ParseMissing, c.Sync.Missing),
		Parse(&r.faults, "--fault:", sandbox.ParseFaults, c.Faults),
	)
	return r, err
}

// Parse reads the value of a setting. Its error is a *config.Error that names the setting.
func Parse[T, V any](to *T, name string, read func(V) (T, error), value V) (err error) {
	if *to, err = read(value); err != nil {
		return config.Errorf("%s %w", name, err)
	}
	return nil
}
