package cli

import (
	"importer/importer"
	"importer/importer/contact"
	"importer/importer/pace"
	"importer/internal/config"
)

// rules are the settings that have a notation of their own, as it reads.
type rules struct {
	rate       pace.Rate
	maxErrors  importer.MaxErrors
	duplicates contact.Duplicates
	discovery  importer.Discovery
	onConflict importer.OnConflict
}

// readRules reads them. Every error is a *config.Error that names the setting.
func readRules(c config.Config) (r rules, err error) {
	if r.rate, err = pace.ParseRate(c.Rate); err != nil {
		return r, config.Errorf("--rate (rate): %w", err)
	}
	if r.maxErrors, err = importer.ParseMaxErrors(c.MaxErrors); err != nil {
		return r, config.Errorf("--max-errors (max_errors): %w", err)
	}
	if r.duplicates, err = contact.ParseDuplicates(c.Duplicates); err != nil {
		return r, config.Errorf("duplicates %w", err)
	}
	if r.discovery, err = importer.ParseDiscovery(c.Existing); err != nil {
		return r, config.Errorf("--existing (existing) %w", err)
	}
	if r.onConflict, err = importer.ParseOnConflict(c.OnConflict); err != nil {
		return r, config.Errorf("on_conflict %w", err)
	}
	return r, nil
}
