package cli

import (
	"github.com/spf13/cobra"

	"importer/internal/config"
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
