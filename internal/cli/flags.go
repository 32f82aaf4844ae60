package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"importer/importer/change"
	"importer/importer/contact"
	"importer/importer/pace"
	"importer/importer/whose"
	"importer/internal/config"
	"importer/internal/sandbox"
)

// addFlags gives a command those flags of the import, or all where none is named.
func addFlags(cmd *cobra.Command, names ...string) {
	c := config.Default() // for the defaults that --help shows
	all := config.Flags(&c)
	if len(names) == 0 {
		cmd.Flags().AddFlagSet(all)
	}
	for _, name := range names {
		cmd.Flags().AddFlag(all.Lookup(name))
	}
}

// sourceFlags say what is read.
var sourceFlags = []string{"source", "format", "delimiter", "encoding", "sheet", "header-row"}

// rules are the settings that have a notation of their own, as it reads.
type rules struct {
	rate       pace.Rate
	maxErrors  contact.MaxErrors
	duplicates contact.Duplicates
	discovery  whose.Discovery
	onConflict whose.OnConflict
	missing    change.Missing
	faults     []sandbox.Fault
}

func readRules(c config.Config) (r rules, err error) {
	err = errors.Join(
		parse(&r.rate, "--rate (rate):", pace.ParseRate, c.Rate),
		parse(&r.maxErrors, "--max-errors (max_errors):", contact.ParseMaxErrors, c.MaxErrors),
		parse(&r.duplicates, "duplicates", contact.ParseDuplicates, c.Duplicates),
		parse(&r.discovery, "--existing (existing)", whose.ParseDiscovery, c.Existing),
		parse(&r.onConflict, "on_conflict", whose.ParseOnConflict, c.OnConflict),
		parse(&r.missing, "sync.missing", change.ParseMissing, c.Sync.Missing),
		parse(&r.faults, "--fault:", sandbox.ParseFaults, c.Faults),
	)
	return r, err
}

// parse reads the value of a setting. Its error is a *config.Error that names the setting.
func parse[T, V any](to *T, name string, read func(V) (T, error), value V) (err error) {
	if *to, err = read(value); err != nil {
		return config.Errorf("%s %w", name, err)
	}
	return nil
}
