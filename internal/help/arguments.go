package help

import (
	"github.com/spf13/cobra"

	"importer/internal/config"
)

// AddFlags gives a command those flags of the import, or all where none is named.
func AddFlags(cmd *cobra.Command, names ...string) {
	c := config.Default() // for the defaults that --help shows
	all := config.Flags(&c)
	if len(names) == 0 {
		cmd.Flags().AddFlagSet(all)
	}
	for _, name := range names {
		cmd.Flags().AddFlag(all.Lookup(name))
	}
}

// Takes wants so many arguments.
func Takes(n int, text string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return config.Errorf("%s takes %s; got %d", cmd.CommandPath(), text, len(args))
		}
		return nil
	}
}
