package jobcommands

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"importer/internal/address"
	"importer/internal/config"
	"importer/internal/jobs"
	"importer/internal/session"
	"importer/internal/work"
)

// NewSubmit is the command that hands imports to a store.
func NewSubmit(env session.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "submit JOB.yaml… --store URL",
		Short: "Hand imports to a store, once or on a schedule",
		Long: `Hand imports to a store, where importer work carries them out. A job file is the
configuration of an import with one more section:

  job:
    name: acme-nightly
    schedule: "0 3 * * *"      # without it the job runs once
    time_zone: Europe/Berlin   # default UTC
    tags: [nightly]

The settings are checked as those of an import; files are looked for by the worker.
A job holds no secret: api.api_key_env or api.api_key_file name where the worker
finds the API key. Submitting a name again replaces its settings from the next run
on. All files are checked before any of them is submitted.`,
		Example: `  importer submit acme.yaml globex.yaml --store postgres://importer@db.example.com/importer`,
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := readJobs(args)
			if err != nil {
				return err
			}
			return withJobs(cmd, env, "submit", 1, func(s *session.Session, j *jobs.Jobs) error { return submit(cmd.Context(), env.Stdout, j, all) })
		},
	}
	addJobFlags(cmd)
	return cmd
}

// readJobs reads and checks job files.
func readJobs(paths []string) ([]config.Config, error) {
	if len(paths) == 0 {
		return nil, config.Errorf("importer submit takes the files of jobs: importer submit acme.yaml --store URL")
	}
	var all []config.Config
	from := map[string]string{}
	for _, path := range paths {
		if scheme := address.Scheme(path); scheme != "" {
			return nil, config.Errorf("importer submit takes the files of jobs, and got an address that begins with %s://: name the store with --store", scheme)
		}
		text, err := config.ReadFile(path)
		if err != nil {
			return nil, err
		}
		c, err := config.OfJob(path, text)
		if err == nil {
			err = work.CheckJob(c)
		}
		if err == nil {
			err = session.CheckSettings(c)
		}
		if err != nil {
			return nil, config.Errorf("%w; nothing was submitted", err)
		}
		if before, twice := from[c.Job.Name]; twice {
			return nil, config.Errorf("%s and %s are both of the job %s; nothing was submitted", before, path, c.Job.Name)
		}
		from[c.Job.Name] = path
		all = append(all, c)
	}
	return all, nil
}

// submit puts jobs into the store.
func submit(ctx context.Context, to io.Writer, j *jobs.Jobs, all []config.Config) error {
	for _, c := range all {
		next, there, err := j.Submit(ctx, c.Job, c.Text)
		if err != nil {
			return fmt.Errorf("%s: %w", c.File, err)
		}
		what, when := "submitted", "runs once, as soon as a worker is free"
		if there {
			what = "submitted again, which holds from its next run on"
		}
		if c.Job.Schedule != "" {
			when = "runs next at " + next.Format(time.RFC3339)
		}
		if _, err := fmt.Fprintf(to, "%s: %s; %s\n", c.Job.Name, what, when); err != nil {
			return err
		}
	}
	return nil
}
