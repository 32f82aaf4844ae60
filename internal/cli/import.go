package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"importer/importer"
	"importer/importer/contact"
	"importer/importer/pace"
	"importer/internal/cognigy"
	"importer/internal/config"
	"importer/internal/sandbox"
	"importer/internal/state"
	"importer/sink"
	"importer/sink/journal"
	"importer/sink/rejects"
	"importer/source"
)

func newImportCommand(env Env) *cobra.Command {
	shown := config.Default() // only for the defaults that --help shows
	cmd := &cobra.Command{
		Use:   "importer --source FILE [flags]",
		Short: "Get contact profiles from files into Cognigy.AI",
		Long: `Get contact profiles from CSV and NDJSON files into a Cognigy.AI project.

What was done stands in a report beside the working directory. The same command
run again sends only what is not settled, so an interrupted import resumes. Rows
that were refused come back in a reject file, with the reason.`,
		Example: `  importer --source contacts.csv --sandbox
  importer --source contacts.csv --base-url https://api-trial.cognigy.ai --project-id 65f0…`,
		Args:          cobra.ArbitraryArgs, // more sources
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := settings(cmd.Flags(), args, env.Getenv)
			if err != nil {
				return err
			}
			if c.DryRun {
				return check(cmd.Context(), c, env)
			}
			return runImport(cmd.Context(), c, env, commandLine{program: env.Program, mode: c.Mode, flags: cmd.Flags(), args: args})
		},
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { // of the other commands as well
		return config.Errorf("%w; %s --help lists the flags", err, cmd.CommandPath())
	})
	addConfigFlag(cmd.Flags())
	bindFlags(cmd.Flags(), &shown)
	return cmd
}

// runImport is one run, from the settings to the exit.
func runImport(ctx context.Context, c config.Config, env Env, line commandLine) (err error) {
	started := time.Now()
	if !c.Sandbox { // which brings its own URL, key and project
		if err := c.API.Validate(); err != nil {
			return err
		}
	}
	rules, err := readRules(c)
	if err != nil {
		return err
	}
	terminal := isTerminal(env.Stderr, env.Getenv)
	colored := isColored(env.Stderr, env.Getenv)
	display := newDisplay(env.Stderr, c, terminal, colored)
	if c.Quiet && c.Log.Level == "info" {
		c.Log.Level = "warn" // who wants to hear nothing of success
	}
	log, err := newLogger(display, terminal, colored, c.Log)
	if err != nil {
		return err
	}

	input, err := openSource(c, env.Stdin)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, input.Close()) }()

	recordedURL := "sandbox" // its address changes from run to run
	if c.Sandbox {
		faults, err := parseFaults(c.Faults)
		if err != nil {
			return err
		}
		server, err := sandbox.Listen("127.0.0.1:0", sandbox.Options{Faults: faults, Seed: c.Seed, Log: log.Level(zerolog.WarnLevel)})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.Close()) }()
		c.API = config.API{BaseURL: server.URL, ProjectID: server.ProjectID(), Key: config.Secret(server.APIKey()), Timeout: c.API.Timeout}
	} else {
		if c.API.BaseURL, err = cognigy.NormalizeBaseURL(c.API.BaseURL); err != nil {
			return config.Errorf("--base-url (api.base_url, $COGNIGY_BASE_URL): %w", err)
		}
		recordedURL = c.API.BaseURL
	}
	pacer, leave := openPacer(rules.rate, c, log)
	defer func() { err = errors.Join(err, leave()) }()
	var progress contact.Progress
	watch, err := newObserver(c, env, display, &progress, pacer, log)
	if err != nil {
		return err
	}
	trusted, err := trust(c.API)
	if err != nil {
		return err
	}
	client, err := cognigy.New(cognigy.Options{
		Trust:   trusted,
		BaseURL: c.API.BaseURL, APIKey: string(c.API.Key), ProjectID: c.API.ProjectID, Timeout: c.API.Timeout,
		UserAgent: "importer/" + env.Version, MaxConns: c.Workers, InsecureHTTP: c.InsecureHTTP,
		OnAnswer: watch.answered,
	})
	if err != nil {
		return usage(err)
	}
	defer client.Close()

	sources := input.Sources()
	reportPath := c.Report.Path
	if reportPath == "" {
		reportPath = defaultReport(sources[0].Name)
	}
	run := ulid.Make().String()
	syncing, err := openSync(c, recordedURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, syncing.close()) }()
	report, err := syncing.openReport(reportPath, log, journal.Options{
		Header: journal.Header{
			Run: run, Version: env.Version, Mode: c.Mode, Sources: c.Source.Paths,
			BaseURL: recordedURL, ProjectID: c.API.ProjectID,
		},
		Restart: c.Restart,
		Redact:  c.Report.Redact,
		Window:  rules.rate.Window,
	})
	if err != nil {
		return mismatchIsUsage(err)
	}
	defer func() { err = also(err, report.Close()) }()
	rejects, err := openRejects(reportPath, sources)
	if err != nil {
		return usage(err)
	}

	listing := &state.Listing{}
	defer func() { err = errors.Join(err, listing.Close()) }()

	for _, n := range input.Notices() {
		log.Info().Str("source", n.Source).Msg(n.Text)
	}
	preload(pacer, report)
	schema := schemaCheck{client: client, pacer: pacer, progress: &progress, retries: c.Retries, log: log}
	if err := schema.check(ctx, customFields(input, c.Stamp.Field), c.CreateFields); err != nil {
		return err
	}
	if rules.duplicates == contact.LastWins {
		if input.Size() == 0 {
			return config.Errorf("duplicates: last reads the source twice, and standard input or a pipe can be read once: import a file")
		}
		if err := contact.ReadLast(input.Rows(), report.Keys()); err != nil {
			return err
		}
	}
	if c.Mode == "create" { // a sync compares rows with its state, and most need no request
		forecast(input, rules.rate, pacer, report.Keys(), log)
	}
	if err := watch.start(report, reportPath, input, env.Stdin); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, watch.stop()) }() // of no effect after the stop below
	if err := report.Begin(); err != nil {
		return err
	}
	unhook := context.AfterFunc(ctx, func() {
		fmt.Fprintln(display, "importer: stopping; waiting for the requests in flight. A second signal exits at once.")
	})
	defer unhook() // no longer of interest
	options := importer.Options{
		API: client, Journal: watchedReport{report, watch}, Rejects: watchedRejects{rejects, watch}, Keys: report.Keys(), Pacer: pacer, Log: log, Progress: &progress,
		Workers: c.Workers, Retries: c.Retries, RetryRejected: c.RetryRejected, Settle: c.InDoubt.Settle,
		GiveUpAfter: c.GiveUpAfter, MaxErrors: rules.maxErrors, StampField: c.Stamp.Field, Duplicates: rules.duplicates,
		Discovery: rules.discovery, OnConflict: rules.onConflict, Listing: listing,
	}
	syncing.configure(&options)
	saveMemory(env.Getenv)
	summary, err := importer.Run(ctx, input.Rows(), options)
	err = errors.Join(err, watch.stop())
	if n := input.Skipped(); n > 0 {
		log.Info().Int64("rows", n).Msg("left out by mapping.skip_if; they are no part of the accounts")
	}
	summary.Run, summary.Report = run, reportPath
	summary.Duration = contact.Seconds(time.Since(started))
	rejectFiles, rejectsErr := rejects.Commit(err == nil && summary.Status == contact.Complete)
	err = errors.Join(err, rejectsErr)
	summary.Rejects = strings.Join(rejectFiles, ", ")
	if err != nil {
		summary.Status, summary.Reason = contact.Stopped, err.Error()
	}
	err = also(err, report.End(summary))
	if printErr := printSummary(env.Stdout, summary, c, sink.Details{
		Failures: watch.failures.List(), Redact: c.Report.Redact, Again: line.again(), Rejects: line.ofRejects(rejectFiles),
	}); printErr != nil {
		err = errors.Join(err, printErr)
	}
	watch.tell(ctx, summary, err == nil)
	switch {
	case err != nil:
		return err
	case summary.Status == contact.Interrupted:
		return context.Cause(ctx)
	case summary.NotIn() > 0:
		return errNotAllIn
	}
	return nil
}

// also joins the errors of next to err, but for those that err holds already: a
// report that failed says so to everybody who asks it.
func also(err, next error) error {
	if joined, ok := next.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			err = also(err, e)
		}
		return err
	}
	if next == nil || errors.Is(err, next) {
		return err
	}
	return errors.Join(err, next)
}

// sourceOptions are what the settings say of the source, but for the mapping.
func sourceOptions(c config.Config, stdin io.Reader) (source.Options, error) {
	format, err := source.ParseFormat(c.Source.Format)
	if err != nil {
		return source.Options{}, config.Errorf("--format (source.format): %w", err)
	}
	delimiter, err := source.ParseDelimiter(c.Source.Delimiter)
	if err != nil {
		return source.Options{}, config.Errorf("--delimiter (source.delimiter): %w", err)
	}
	return source.Options{
		Paths: c.Source.Paths, Stdin: stdin, Format: format, Delimiter: delimiter, Encoding: c.Source.Encoding,
		LazyQuotes: c.Source.LazyQuotes, Sheet: c.Source.Sheet,
	}, nil
}

func openSource(c config.Config, stdin io.Reader) (*source.Input, error) {
	o, err := sourceOptions(c, stdin)
	if err != nil {
		return nil, err
	}
	if o.Mapping, err = source.DecodeMapping(c.Text); err != nil {
		return nil, config.Errorf("mapping: %w", err)
	}
	input, err := source.Open(o)
	var misfit *source.MappingError
	if errors.As(err, &misfit) {
		return nil, config.Errorf("%s", misfit.Annotate(c.Text))
	}
	if err != nil {
		return nil, usage(err)
	}
	return input, nil
}

// defaultReport is the report of a source that none was named for: in the
// working directory, under the source's own name.
func defaultReport(source string) string {
	if source == "-" {
		return "stdin.report.ndjson"
	}
	return filepath.Base(source) + ".report.ndjson"
}

// forecast says how many requests the run expects, and how long they take at
// least. It reads the source once, which costs nothing beside requests that are
// paced; without a limit, and for a source that can be read once, it says
// nothing.
func forecast(input *source.Input, rate pace.Rate, pacer *pace.Pacer, keys *contact.Keys, log zerolog.Logger) {
	if rate.Unlimited() || input.Size() == 0 {
		return
	}
	rows, requests, err := contact.Expect(input.Rows(), keys)
	if err != nil {
		return // the run meets the same error, after the rows before it
	}
	log.Info().Int64("rows", rows).Int64("requests", requests).Str("rate", rate.String()).
		Str("at_least", pacer.Remaining(requests).Round(time.Second).String()).Msg("forecast")
}

// preload tells the pacer what earlier runs of this report have sent within the
// quota's window.
func preload(pacer *pace.Pacer, report *journal.Report) {
	var sent []time.Time
	for at, n := range report.Sent() {
		for range n {
			sent = append(sent, at)
		}
	}
	pacer.Preload(sent)
}

func openRejects(report string, sources []source.Source) (*rejects.Rejects, error) {
	var of []rejects.RejectSource
	var delimiter rune // of the first CSV source, so that the file opens where that one did
	for _, s := range sources {
		of = append(of, rejects.RejectSource{Name: s.Name, Header: s.Header})
		delimiter = cmp.Or(delimiter, s.Delimiter)
	}
	return rejects.OpenRejects(report, delimiter, of)
}

func printSummary(w io.Writer, s contact.Summary, c config.Config, d sink.Details) error {
	switch {
	case c.JSON:
		return sink.WriteJSON(w, s)
	case c.Quiet && s.Status == contact.Complete && s.NotIn() == 0:
		return nil
	}
	return sink.WriteSummary(w, s, d)
}
