// Package cli is what people type: the commands, their flags, and what is
// printed. A command makes settings of its flags, calls the other packages, and
// returns an error; main turns that into an exit code.
package cli

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"importer/importer/contact"
	"importer/internal/address"
	"importer/internal/config"
	"importer/internal/exit"
	"importer/internal/help"
	"importer/internal/jobcommands"
	"importer/internal/plain"
	"importer/internal/session"
	"importer/sink"
)

// Env is what a command gets from the process it runs in.
type Env = session.Env

// Execute runs one command line. What it writes to Stdout and Stderr holds nothing that a
// terminal would obey: see plain.Writer. When the cause of ctx is an *Interrupt, the
// import awaits what is in flight, records it, and returns that cause. With --json one
// object is printed however it ends.
func Execute(ctx context.Context, args []string, env Env) error {
	env.Printed, env.Context = new(bool), ctx
	env.Stdout, env.Stderr = plain.NewWriter(env.Stdout), plain.NewWriter(env.Stderr)
	root := NewCommand(env)
	root.SetArgs(args)
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	cmd, err := root.ExecuteContextC(ctx)
	asked := cmd.Flags().Lookup("json")
	if err == nil || *env.Printed || asked == nil || asked.Value.String() != "true" && !slices.Contains(args, "--json") {
		return err
	}
	s := session.StoppedBy(contact.Summary{}, err)
	if interrupt := (*Interrupt)(nil); errors.As(err, &interrupt) {
		s.Status = contact.Interrupted
	}
	to := env.Stdout
	if output := cmd.Flags().Lookup("output"); cmd.Annotations[nothingElse] != "" && output.Value.String() == "" {
		to = env.Stderr
	}
	return session.Also(err, sink.WriteJSON(to, summaryOf(s, nil)))
}

// NewCommand is the command with all its subcommands: to execute, or to document.
func NewCommand(env Env) *cobra.Command {
	root := newImportCommand(env)
	root.AddCommand(newInitCommand(env), newCheckCommand(env), newPreviewCommand(env), newReportCommand(env), newVerifyCommand(env), newUndoCommand(env), newDoctorCommand(env), newExportCommand(env), newDeleteCommand(env),
		jobcommands.NewSubmit(env), jobcommands.NewWork(env, carryOut), jobcommands.NewJobs(env), NewSandboxCommand(env.Stdout), newVersionCommand(env))
	help.Add(root)
	help.Complete(root)
	return root
}

// nothingElse annotates a command that writes to standard output what was asked for, unless
// --output names a file, and nothing else.
const nothingElse = "stdout"

// An Interrupt is a run that was ended by a signal.
type Interrupt = exit.Interrupt

// ExitCode is the exit code of the process for what Execute returned, and
// whether the error is still to be printed.
func ExitCode(err error) (code int, print bool) { return exit.Code(err) }

func newVersionCommand(env Env) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  help.Takes(0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(env.Stdout, "importer "+env.Version+"\n")
			return err
		},
	}
}

// oneReport is for the commands that begin with a report. An address in its place is not
// shown: a password may stand in it.
func oneReport(cmd *cobra.Command, args []string) error {
	if err := help.Takes(1, "one argument, the report of an import")(cmd, args); err != nil {
		return err
	}
	if scheme := address.Scheme(args[0]); scheme != "" {
		return config.Errorf("%s takes the name of a report, and got an address that begins with %s: name the store with --store, and the report by its name in it", cmd.CommandPath(), plain.Line(scheme)+"://")
	}
	return nil
}
