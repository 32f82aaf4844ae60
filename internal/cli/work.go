package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"importer/internal/address"
	"importer/internal/config"
	"importer/internal/exit"
	"importer/internal/help"
	"importer/internal/jobs"
	"importer/internal/memory"
	"importer/internal/session"
	"importer/internal/work"
)

func newWorkCommand(env Env) *cobra.Command {
	o := work.Options{}
	cmd := &cobra.Command{
		Use:   "work --store URL [flags]",
		Short: "Carry out the imports that a store holds, beside other machines",
		Long: `Carry out the imports that importer submit put into a store, beside other
processes and machines that do the same. What is due is begun, so many at once;
a large import gives way to others every few seconds. What a worker that was
killed had is gone on with when its lease has ended.

SIGTERM and Ctrl-C hand back what lasts: requests in flight are awaited, and
another worker goes on. With --once it ends when nothing is due; the exit code is
then 0 where all imports that ended here are in, 3 where rows of some are not, and
1 where some were stopped.

A worker uses only what its own flags (--allow-…) allow, because whoever can write
to the store can write a job; each takes the place of its default. Sources, keys and certificates are files of this machine. Keep
keys in a folder of their own, apart from the sources.`,
		Example: `  importer work --store postgres://importer@db.example.com/importer --jobs 8
  importer work --store postgres://importer@db.example.com/importer --once --select nightly`,
		Args: help.Takes(0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error { return runWork(cmd, o, env) },
	}
	f := cmd.Flags()
	f.IntVar(&o.Runs, "jobs", 4, "imports at once, `N` at most")
	f.BoolVar(&o.Once, "once", false, "end when nothing is due")
	f.StringVar(&o.Select, "select", "", "only jobs of this `TAG` (job.tags)")
	f.StringArrayVar(&o.Allow.Hosts, "allow-host", work.DefaultHosts, "`HOST` that jobs may send to: a name, name:port, *.domain, loopback, or the beginning of an address such as s3://bucket; may be repeated")
	f.StringArrayVar(&o.Allow.Env, "allow-env", work.DefaultEnv, "`NAME` of a variable that a job may have its API key in, or NAME*; may be repeated")
	f.StringArrayVar(&o.Allow.Folders, "allow-folder", work.DefaultFolders, "`DIR` whose files jobs may read, with what is below it; may be repeated")
	f.StringVar(&o.Listen, "listen", "", "`HOST:PORT` of a page of the jobs, /metrics, /healthz and /readyz; without a host this machine only")
	help.AddFlags(cmd, "config", "store", "lease", "log-level", "log-format")
	cmd.Flags().Lookup("store").Usage = "`URL` of the PostgreSQL that holds the jobs ($IMPORTER_STORE); without a password"
	cmd.Flags().Lookup("lease").Usage = "how long this process may go without contact to the store; then others go on with what it had"
	return cmd
}

// runWork is the command.
func runWork(cmd *cobra.Command, o work.Options, env Env) error {
	if o.Runs < 1 || o.Runs > maxJobs {
		return config.Errorf("--jobs is %d; want 1 to %d", o.Runs, maxJobs)
	}
	return withJobs(cmd, env, "work", o.Runs, func(s *session.Session, j *jobs.Jobs) error {
		memory.Bound(env.Getenv)
		o.Jobs, o.Config, o.Env, o.Log, o.Import = j, s.Config, s.Env, s.Log, carryOut
		ended, err := work.Run(cmd.Context(), o)
		if err != nil || !o.Once {
			return err
		}
		return howEnded(ended)
	})
}

// maxJobs bounds the imports of one process.
const maxJobs = 64

// howEnded is the error of a worker that ended by itself.
func howEnded(ended []work.Ended) error {
	var worst error
	for _, e := range ended {
		switch {
		case e.Exit == exit.OK:
		case e.Exit != exit.NotAllIn:
			return fmt.Errorf("the job %s was stopped: %s", e.Name, e.Reason)
		default:
			worst = exit.ErrNotAllIn
		}
	}
	return worst
}

// carryOut is an import of a worker.
func carryOut(ctx context.Context, s *session.Session, begun func()) (int, error) {
	err := s.OpenImport(ctx)
	if err == nil {
		begun()
		i := importing{s}
		summary, runErr := i.importRows(ctx)
		err = i.conclude(ctx, summary, runErr)
	}
	err = exit.Worse(err, s.Close())
	code, _ := ExitCode(err)
	return code, err
}

// withJobs runs a command with the jobs of the store that its flags, the environment or the
// configuration name.
func withJobs(cmd *cobra.Command, env Env, process string, runs int, run func(*session.Session, *jobs.Jobs) error) error {
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

func newSubmitCommand(env Env) *cobra.Command {
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

// addJobFlags gives a command the flags that say which store.
func addJobFlags(cmd *cobra.Command) {
	help.AddFlags(cmd, "config", "store", "log-level", "log-format")
	cmd.Flags().Lookup("store").Usage = "`URL` of the PostgreSQL that holds the jobs ($IMPORTER_STORE); without a password"
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
