package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"importer/importer/contact"
	"importer/internal/address"
	"importer/internal/commandline"
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
	addFlags(cmd, "sandbox")
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
// the settings name. It has to be that of the report: the key goes where its owner says,
// and a report may come from anybody.
func openBack(cmd *cobra.Command, path string, env Env) (*lookBack, error) {
	header, err := journal.ReadHeader(path)
	if err != nil {
		return nil, usage(err)
	}
	sources := header.Sources
	switch {
	case cmd.Flags().Lookup("source") == nil: // nothing is read
	case cmd.Flags().Changed("source"):
		sources = nil
	case header.SourceCount > 0 || slices.ContainsFunc(sources, isFar): // more than the report names, or may tell this machine to ask
		own, err := config.Unchecked(cmd.Flags(), nil, env.Getenv)
		if err != nil {
			return nil, err
		}
		if sources = own.Source.Paths; header.SourceCount == 0 && !header.Names(address.AllShown(sources)) {
			return nil, config.Errorf("the report %s names a source on another machine (%s), which is not asked because a report says so: name it with --source, or in source.paths of the configuration", contact.Printable(path), contact.Printable(words.QuoteNames(header.Sources, 3)))
		}
		if !header.Names(address.AllShown(sources)) {
			return nil, config.Errorf("the report %s names %d of its %d sources: name all of them with --source, which may be a glob in quotes", contact.Printable(path), len(header.Sources), header.SourceCount)
		}
	}
	c, err := config.Settings(cmd.Flags(), sources, env.Getenv)
	if err != nil {
		return nil, err
	}
	s, err := newSession(c, env)
	if err != nil {
		return nil, err
	}
	if err := s.sameProject(cmd, path, header); err != nil {
		return nil, err
	}
	s.path = path
	return &lookBack{session: s, header: header}, nil
}

// sameProject says why a report is not looked back at with these settings.
func (s *session) sameProject(cmd *cobra.Command, path string, header journal.Header) error {
	theirs := fmt.Sprintf("the report %s is of %s", contact.Printable(path), projectAt(header.ProjectID, header.BaseURL))
	switch {
	case s.baseURL == "sandbox" && header.BaseURL == "sandbox", s.baseURL == "" && header.BaseURL == "sandbox":
		return config.Errorf("%s, an import into a sandbox that ended with it: there is nothing to read back", theirs)
	case s.baseURL == "" || s.c.API.ProjectID == "":
		return config.Errorf("%s, and the settings do not say which project is yours: a report may come from anybody, so that the API key is not sent where it says; type %s --base-url URL --project-id ID, or set $COGNIGY_BASE_URL and $COGNIGY_PROJECT_ID (api.base_url, api.project_id)",
			theirs, cmd.CommandPath()+" "+commandline.Quote(path))
	case s.baseURL != header.BaseURL || s.c.API.ProjectID != header.ProjectID:
		return config.Errorf("%s, and the settings name %s; nothing was sent", theirs, projectAt(s.c.API.ProjectID, s.baseURL))
	}
	return nil
}

// projectAt names a project and where it is, which strangers may have written.
func projectAt(id, baseURL string) string {
	if baseURL == "sandbox" {
		return "--sandbox"
	}
	return "the project " + contact.Printable(cmp.Or(id, "(none)")) + " at " + contact.Printable(cmp.Or(baseURL, "(no address)"))
}

// show says now and then how far the command is, until stop.
func (b *lookBack) show(of int64, done func() int64) (stop func()) {
	return b.display.StartLines(func() string {
		return fmt.Sprintf("%s of %s profiles; %s requests", words.Comma(done()), words.Comma(of), words.Comma(b.progress.Snapshot().Requests))
	})
}
