// Package jobcommands is the commands for the imports that a store holds: submit, work, jobs.
package jobcommands

import (
	"github.com/spf13/cobra"

	"importer/internal/config"
	"importer/internal/exit"
	"importer/internal/help"
	"importer/internal/jobs"
	"importer/internal/session"
)

// withJobs runs a command with the jobs of the store that its flags, the environment or the
// configuration name.
func withJobs(cmd *cobra.Command, env session.Env, process string, runs int, run func(*session.Session, *jobs.Jobs) error) error {
	c, err := config.Unchecked(cmd.Flags(), nil, env.Getenv)
	if err != nil {
		return err
	}
	if c.Store == "" {
		return config.Errorf("jobs are kept in a store: name it with --store URL (store, $IMPORTER_STORE)")
	}
	c.Source.Paths, c.Progress, c.Report.Path, c.API = []string{"-"}, "none", "", config.Default().API // no source is read
	if err := c.Validate(); err != nil {
		return err
	}
	s, err := session.New(c, env)
	if err != nil {
		return err
	}
	opened, err := s.ShareStore(cmd.Context(), process, runs)
	if err != nil {
		return exit.Worse(err, s.Close())
	}
	j, err := jobs.Open(cmd.Context(), opened)
	if err == nil {
		err = run(s, j)
	}
	return exit.Worse(exit.AsHeld(err), s.Close())
}

// addJobFlags gives a command the flags that say which store.
func addJobFlags(cmd *cobra.Command) {
	help.AddFlags(cmd, "config", "store", "log-level", "log-format")
	cmd.Flags().Lookup("store").Usage = "`URL` of the PostgreSQL that holds the jobs ($IMPORTER_STORE); without a password"
}
