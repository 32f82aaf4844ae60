package cli

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"importer/importer/contact"
	"importer/internal/config"
	"importer/internal/state"
	"importer/internal/words"
	"importer/sink/journal"
)

// A lookBack is the session of a command that begins with a report: verify, undo.
type lookBack struct {
	*session
	header  journal.Header
	written *state.Written
	keys    *contact.Keys // of the report, where the source is read
}

// lookingBack completes a command that begins with a report.
func lookingBack(cmd *cobra.Command, env Env, run func(*lookBack, context.Context) error) *cobra.Command {
	cmd.Args = oneReport
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		b, err := openBack(cmd, args[0], env)
		if err == nil {
			err = b.close(b.run(cmd.Context(), run))
		}
		return err
	}
	addFlags(cmd, "config", "base-url", "project-id", "rate", "workers", "retries", "timeout", "settle", "insecure-http",
		"progress", "quiet", "log-level", "log-format", "json")
	for name, usage := range map[string]string{
		"base-url":   "`URL` of the API (default that of the report)",
		"project-id": "`ID` of the project (default that of the report)",
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

func (b *lookBack) run(ctx context.Context, run func(*lookBack, context.Context) error) error {
	err := also(b.connect(), b.recall())
	if err == nil {
		b.written, err = state.NewWritten()
		err = b.keep(b.written, err)
	}
	if err != nil {
		return err
	}
	return run(b, ctx)
}

// openBack reads the beginning of a report, and makes a session for the project that
// it names.
func openBack(cmd *cobra.Command, path string, env Env) (*lookBack, error) {
	header, err := journal.ReadHeader(path)
	if err != nil {
		return nil, usage(err)
	}
	sources := header.Sources
	if cmd.Flags().Changed("source") {
		sources = nil
	}
	c, err := settings(cmd.Flags(), sources, env.Getenv)
	if err != nil {
		return nil, err
	}
	if header.BaseURL == "sandbox" {
		return nil, config.Errorf("%s is of an import into a sandbox that ended with it: there is nothing to read back", path)
	}
	c.API.BaseURL = cmp.Or(c.API.BaseURL, header.BaseURL)
	c.API.ProjectID = cmp.Or(c.API.ProjectID, header.ProjectID)
	s, err := newSession(c, env)
	if err != nil {
		return nil, err
	}
	if s.baseURL != header.BaseURL || c.API.ProjectID != header.ProjectID {
		return nil, config.Errorf("the report %s is of the project %s at %s, and the settings name %s at %s", path, header.ProjectID, header.BaseURL, c.API.ProjectID, s.baseURL)
	}
	s.path = path
	return &lookBack{session: s, header: header}, nil
}

// show says now and then how far the command is, until stop.
func (b *lookBack) show(of int64, done func() int64) (stop func()) {
	return b.display.StartLines(func() string {
		return fmt.Sprintf("%s of %s profiles; %s requests", words.Comma(done()), words.Comma(of), words.Comma(b.progress.Snapshot().Requests))
	})
}
