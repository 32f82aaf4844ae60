package cli

import (
	"cmp"
	"fmt"
	"iter"

	"github.com/spf13/cobra"

	"importer/importer/change"
	"importer/importer/contact"
	"importer/internal/config"
	"importer/internal/state"
	"importer/internal/words"
	"importer/sink/journal"
)

// A lookBack is what the commands have in common that begin with a report: verify
// and undo.
type lookBack struct {
	*session
	header  journal.Header
	written *state.Written
}

// openBack reads the beginning of the report that is the one argument, and makes a
// client for the project that it names. The caller closes it.
func openBack(cmd *cobra.Command, args []string, env Env) (*lookBack, error) {
	if len(args) != 1 {
		return nil, config.Errorf("%s takes one argument, the report of an import; got %d", cmd.CommandPath(), len(args))
	}
	path := args[0]
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
	b := &lookBack{session: s, header: header}
	if err = s.connect(); err == nil {
		b.written, err = state.NewWritten()
	}
	if err != nil {
		return nil, s.close(err)
	}
	s.onClose(b.written.Close)
	return b, nil
}

// read takes in what the report says was written.
func (b *lookBack) read() error { return eachOutcome(b.path, 0, b.written.Record) }

// each walks through what was written, in parts.
func (b *lookBack) each(next func(contact.Key, int) ([]change.WrittenRow, error)) iter.Seq2[[]change.WrittenRow, error] {
	return func(yield func([]change.WrittenRow, error) bool) {
		var after contact.Key
		for {
			rows, err := next(after, 500)
			if err != nil {
				yield(nil, err)
				return
			}
			if len(rows) == 0 {
				return
			}
			after = rows[len(rows)-1].Key
			if !yield(rows, nil) {
				return
			}
		}
	}
}

// show says now and then how far a command is, until the function that it
// returns is called.
func (b *lookBack) show(of int64, done func() int64) (stop func()) {
	return b.display.StartLines(func() string {
		return fmt.Sprintf("%s of %s profiles; %s requests", words.Comma(done()), words.Comma(of), words.Comma(b.progress.Snapshot().Requests))
	})
}

// bindBackFlags makes the flags that commands have which begin with a report.
func bindBackFlags(cmd *cobra.Command, c *config.Config) {
	flags := cmd.Flags()
	addConfigFlag(flags)
	flags.StringVar(&c.API.BaseURL, "base-url", c.API.BaseURL, "`URL` of the API (default that of the report)")
	flags.StringVar(&c.API.ProjectID, "project-id", c.API.ProjectID, "`ID` of the project (default that of the report)")
	flags.StringVar(&c.Rate, "rate", c.Rate, "`RATE`, as of an import (default "+config.DefaultRate+")")
	flags.IntVar(&c.Workers, "workers", c.Workers, "requests in flight at most")
	flags.IntVar(&c.Retries, "retries", c.Retries, "attempts after the first, for what may be tried again")
	flags.DurationVar(&c.API.Timeout, "timeout", c.API.Timeout, "of one request")
	flags.DurationVar(&c.InDoubt.Settle, "settle", c.InDoubt.Settle, "how long reads may lag behind writes")
	flags.BoolVar(&c.InsecureHTTP, "insecure-http", c.InsecureHTTP, "allow http:// to a host that is not this machine")
	flags.StringVar(&c.Progress, "progress", c.Progress, "auto, bar, plain or none; here a line every 10 s, or none")
	flags.BoolVar(&c.Quiet, "quiet", c.Quiet, "print nothing when all is well")
	flags.StringVar(&c.Log.Level, "log-level", c.Log.Level, "trace, debug, info, warn or error")
	flags.StringVar(&c.Log.Format, "log-format", c.Log.Format, "auto, console or json")
	flags.BoolVar(&c.JSON, "json", c.JSON, "print the result as one JSON object")
}
