package cli

import (
	"context"
	"errors"
	"fmt"
	"importer/importer/change"
	"importer/importer/contact"
	"importer/importer/pace"
	"importer/internal/cognigy"
	"importer/internal/config"
	"importer/internal/state"
	"importer/internal/words"
	"importer/sink/journal"
	"io"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
)

// A lookBack is what the commands have in common that begin with a report: verify
// and undo.
type lookBack struct {
	c        config.Config
	env      Env
	path     string // of the report
	header   journal.Header
	log      zerolog.Logger
	client   *cognigy.Client
	pacer    *pace.Pacer
	rate     pace.Rate
	progress contact.Progress
	written  *state.Written
	closers  []func() error
}

// openBack reads the report that is the one argument, and makes a client for the
// project that it names. The caller closes it.
func openBack(cmd *cobra.Command, args []string, env Env) (_ *lookBack, err error) {
	if len(args) != 1 {
		return nil, config.Errorf("%s takes one argument, the report of an import; got %d", cmd.CommandPath(), len(args))
	}
	b := &lookBack{env: env, path: args[0]}
	defer func() {
		if err != nil {
			err = b.close(err)
		}
	}()
	if b.header, err = journal.ReadHeader(b.path); err != nil {
		return nil, usage(err)
	}
	sources := b.header.Sources
	if cmd.Flags().Changed("source") {
		sources = nil
	}
	if b.c, err = settings(cmd.Flags(), sources, env.Getenv); err != nil {
		return nil, err
	}
	if b.header.BaseURL == "sandbox" {
		return nil, config.Errorf("%s is of an import into a sandbox that ended with it: there is nothing to read back", b.path)
	}
	if b.c.API.BaseURL == "" {
		b.c.API.BaseURL = b.header.BaseURL
	}
	if b.c.API.ProjectID == "" {
		b.c.API.ProjectID = b.header.ProjectID
	}
	if err := b.c.API.Validate(); err != nil {
		return nil, err
	}
	url, err := cognigy.NormalizeBaseURL(b.c.API.BaseURL)
	if err != nil {
		return nil, config.Errorf("--base-url (api.base_url, $COGNIGY_BASE_URL): %w", err)
	}
	if url != b.header.BaseURL || b.c.API.ProjectID != b.header.ProjectID {
		return nil, config.Errorf("the report %s is of the project %s at %s, and the settings name %s at %s", b.path, b.header.ProjectID, b.header.BaseURL, b.c.API.ProjectID, url)
	}
	if b.rate, err = pace.ParseRate(b.c.Rate); err != nil {
		return nil, config.Errorf("--rate (rate): %w", err)
	}
	if b.log, err = newLogger(env.Stderr, isTerminal(env.Stderr, env.Getenv), isColored(env.Stderr, env.Getenv), b.c.Log); err != nil {
		return nil, err
	}
	b.c.API.BaseURL = url
	var leave func() error
	b.pacer, leave = openPacer(b.rate, b.c, b.log)
	b.closers = append(b.closers, leave)
	trusted, err := trust(b.c.API)
	if err != nil {
		return nil, err
	}
	if b.client, err = cognigy.New(cognigy.Options{
		Trust:   trusted,
		BaseURL: url, APIKey: string(b.c.API.Key), ProjectID: b.c.API.ProjectID, Timeout: b.c.API.Timeout,
		UserAgent: "importer/" + env.Version, MaxConns: b.c.Workers, InsecureHTTP: b.c.InsecureHTTP,
	}); err != nil {
		return nil, usage(err)
	}
	b.closers = append(b.closers, func() error { b.client.Close(); return nil })
	if b.written, err = state.NewWritten(); err != nil {
		return nil, err
	}
	b.closers = append(b.closers, b.written.Close)
	return b, nil
}

// read takes in what the report says was written.
func (b *lookBack) read() error {
	for o, err := range journal.Outcomes(b.path, 0) {
		if err != nil {
			return err
		}
		if err := b.written.Record(o); err != nil {
			return err
		}
	}
	return nil
}

// close frees what was opened, and joins the errors of that to err.
func (b *lookBack) close(err error) error {
	for i := len(b.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, b.closers[i]())
	}
	return err
}

// each walks through what was written, in parts.
func (b *lookBack) each(next func(contact.Key, int) ([]change.WrittenRow, error)) func(func([]change.WrittenRow, error) bool) {
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
	if b.c.Progress == "none" || b.c.Quiet {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var shown sync.WaitGroup
	shown.Go(func() {
		tick := time.NewTicker(plainEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				fmt.Fprintf(b.env.Stderr, "importer: %s of %s profiles; %s requests\n",
					words.Comma(done()), words.Comma(of), words.Comma(b.progress.Snapshot().Requests))
			}
		}
	})
	return func() {
		cancel()
		shown.Wait()
	}
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

func writeAll(w io.Writer, text string) error {
	_, err := io.WriteString(w, text)
	return err
}
