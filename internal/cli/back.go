package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"importer/importer/contact"
	"importer/internal/config"
	"importer/internal/exit"
	"importer/internal/help"
	"importer/internal/session"
	"importer/internal/words"
)

// A lookBack is one run of a command that begins with a report: verify, undo.
type lookBack struct {
	*session.Back
	keys *contact.Keys // of the report, where the source is read
}

// lookingBack completes a command that begins with a report.
func lookingBack(cmd *cobra.Command, env Env, run func(*lookBack, context.Context) error) *cobra.Command {
	cmd.Args = oneReport
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s, err := session.OpenBack(cmd, args[0], env)
		if err != nil {
			return err
		}
		if err = s.Connect(cmd.Context()); err == nil {
			err = run(&lookBack{Back: s}, cmd.Context())
		}
		return exit.Worse(err, s.Close())
	}
	help.AddFlags(cmd, "config", "base-url", "project-id", "store", "lease", "rate", "workers", "retries", "timeout", "settle", "insecure-http",
		"progress", "quiet", "log-level", "log-format", "json")
	help.AddFlags(cmd, "sandbox")
	cmd.Flags().Lookup("sandbox").Hidden = true // of no use here: whoever gives it is told why
	for name, usage := range map[string]string{
		"base-url":   "`URL` of the API ($COGNIGY_BASE_URL); never taken from the report",
		"project-id": "`ID` of the project ($COGNIGY_PROJECT_ID); never taken from the report",
		"rate":       "`RATE`, as of an import (default " + config.DefaultRate + ")",
		"settle":     "how long reads may lag behind writes",
		"progress":   "auto, bar, plain or none; here a line every 10 s, or none",
		"quiet":      "print nothing when all is well",
		"json":       "print the result as one JSON object",
	} {
		cmd.Flags().Lookup(name).Usage = usage
	}
	return cmd
}

// show says now and then how far the command is, until stop.
func (b *lookBack) show(of int64, done func() int64) (stop func()) {
	return b.Display.StartLines(func() string {
		return fmt.Sprintf("%s of %s profiles; %s requests", words.Comma(done()), words.Comma(of), words.Comma(b.Progress.Snapshot().Requests))
	})
}
