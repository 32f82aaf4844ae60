package jobcommands

import (
	"fmt"

	"github.com/spf13/cobra"

	"importer/internal/config"
	"importer/internal/exit"
	"importer/internal/help"
	"importer/internal/jobs"
	"importer/internal/memory"
	"importer/internal/session"
	"importer/internal/work"
)

// NewWork is the command that carries out imports, each by carryOut.
func NewWork(env session.Env, carryOut work.Import) *cobra.Command {
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
		RunE: func(cmd *cobra.Command, _ []string) error { return runWork(cmd, o, env, carryOut) },
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
func runWork(cmd *cobra.Command, o work.Options, env session.Env, carryOut work.Import) error {
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
