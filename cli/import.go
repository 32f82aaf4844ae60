package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"importer/cognigy"
	"importer/config"
	"importer/importer"
	"importer/metrics"
	"importer/sandbox"
	"importer/sink"
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
			return runImport(cmd.Context(), c, env, commandLine{env.Program, cmd.Flags(), args})
		},
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return config.Errorf("%w; %s --help lists the flags", err, cmd.CommandPath())
	})
	cmd.Flags().String("config", "", "configuration `FILE` ($IMPORTER_CONFIG; config.yaml if it is there)")
	bindFlags(cmd.Flags(), &shown)
	return cmd
}

// runImport is one run, from the settings to the exit.
func runImport(ctx context.Context, c config.Config, env Env, line commandLine) (err error) {
	started := time.Now()
	rate, err := importer.ParseRate(c.Rate)
	if err != nil {
		return config.Errorf("--rate (rate): %w", err)
	}
	maxErrors, err := importer.ParseMaxErrors(c.MaxErrors)
	if err != nil {
		return config.Errorf("--max-errors (max_errors): %w", err)
	}
	var told *url.URL
	if c.Notify.URL != "" {
		if told, err = notifyURL(string(c.Notify.URL), c.InsecureHTTP); err != nil {
			return usage(err)
		}
	}
	terminal := isTerminal(env.Stderr, env.Getenv)
	colored := terminal && env.Getenv("NO_COLOR") == ""
	display := newDisplay(env.Stderr, c, terminal, colored)
	if c.Quiet && c.Log.Level == "info" {
		c.Log.Level = "warn" // who wants to hear nothing of success
	}
	log, err := newLogger(display, terminal, colored, c.Log)
	if err != nil {
		return err
	}

	input, err := openSource(c.Source, env.Stdin)
	if err != nil {
		return usage(err)
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
		c.API.BaseURL, c.API.ProjectID, c.API.Key = server.URL, server.ProjectID(), config.Secret(server.APIKey())
	} else {
		if c.API.BaseURL, err = cognigy.NormalizeBaseURL(c.API.BaseURL); err != nil {
			return config.Errorf("--base-url (api.base_url, $COGNIGY_BASE_URL): %w", err)
		}
		recordedURL = c.API.BaseURL
	}
	var progress importer.Progress
	pacer := importer.NewPacer(rate, importer.PacerOptions{})
	watch := &observer{log: log, redact: c.Report.Redact, textfile: c.Metrics.Textfile}
	watch.metrics = metrics.New(env.Version, &progress, pacer)
	client, err := cognigy.New(cognigy.Options{
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
	report, err := sink.OpenReport(reportPath, sink.Options{
		Header: sink.Header{
			Run: run, Version: env.Version, Mode: "create", Sources: c.Source.Paths,
			BaseURL: recordedURL, ProjectID: c.API.ProjectID,
		},
		Restart: c.Restart,
		Redact:  c.Report.Redact,
		Window:  rate.Window,
	})
	if err != nil {
		var other *sink.MismatchError
		if errors.As(err, &other) {
			return usage(err)
		}
		return err
	}
	defer func() { err = errors.Join(err, report.Close()) }()
	rejects, err := openRejects(reportPath, sources)
	if err != nil {
		return usage(err)
	}
	defer func() { err = errors.Join(err, rejects.Discard()) }()

	for _, n := range input.Notices() {
		log.Info().Str("source", n.Source).Msg(n.Text)
	}
	preload(pacer, report)
	v := view{progress: &progress, input: input, pacer: pacer, started: time.Now()}
	keys := report.Keys()
	v.before = int64(keys.Len() - keys.Count(importer.InDoubt) - keys.Count(importer.Failed) - keys.Count(importer.Unknown) - keys.Count(importer.Rejected))
	if display.kind != "none" || c.Metrics.Listen != "" {
		v.total = countRows(c.Source, env.Stdin)
	}
	stopServing := func() error { return nil }
	if c.Metrics.Listen != "" {
		if stopServing, err = serveLive(c.Metrics.Listen, reportPath, v, watch.metrics, log); err != nil {
			return err
		}
	}
	if err := watch.start(report); err != nil {
		return errors.Join(usage(err), stopServing())
	}
	if err := report.Begin(); err != nil {
		watch.stop()
		return errors.Join(err, stopServing())
	}
	display.start(v)
	unhook := context.AfterFunc(ctx, func() {
		fmt.Fprintln(display, "importer: stopping; waiting for the requests in flight. A second signal exits at once.")
	})
	defer unhook() // no longer of interest
	summary, err := importer.Run(ctx, input.Rows(), importer.Options{
		API: client, Report: watchedReport{report, watch}, Rejects: watchedRejects{rejects, watch}, Keys: keys, Pacer: pacer, Log: log, Progress: &progress,
		Workers: c.Workers, Retries: c.Retries, RetryRejected: c.RetryRejected, Settle: c.InDoubt.Settle,
		GiveUpAfter: c.GiveUpAfter, MaxErrors: maxErrors, StampField: c.Stamp.Field,
	})
	display.stop()
	err = errors.Join(err, stopServing())
	watch.stop()
	summary.Run, summary.Report = run, reportPath
	summary.Duration = importer.Seconds(time.Since(started))
	rejectFiles, rejectsErr := rejects.Commit()
	err = errors.Join(err, rejectsErr)
	summary.Rejects = strings.Join(rejectFiles, ", ")
	if err != nil {
		summary.Status, summary.Reason = importer.Stopped, err.Error()
	}
	err = errors.Join(err, report.End(summary))
	if metricsErr := watch.end(err == nil && summary.Status == importer.Complete && summary.NotIn() == 0); metricsErr != nil {
		log.Error().Err(metricsErr).Msg("the metrics of this run are not where they should be")
	}
	if printErr := printSummary(env.Stdout, summary, c, sink.Details{
		Failures: watch.failures.List(), Redact: c.Report.Redact, Again: line.again(), Rejects: line.ofRejects(rejectFiles),
	}); printErr != nil {
		err = errors.Join(err, printErr)
	}
	if told != nil {
		// Also when the run was interrupted: a second signal exits at once.
		if notifyErr := notify(context.WithoutCancel(ctx), told, "importer/"+env.Version, summary); notifyErr != nil {
			log.Error().Err(notifyErr).Msg("nobody was told how the run ended")
		}
	}
	switch {
	case err != nil:
		return err
	case summary.Status == importer.Interrupted:
		return context.Cause(ctx)
	case summary.NotIn() > 0:
		return errNotAllIn
	}
	return nil
}

func openSource(c config.Source, stdin io.Reader) (*source.Input, error) {
	format, err := source.ParseFormat(c.Format)
	if err != nil {
		return nil, fmt.Errorf("--format (source.format): %w", err)
	}
	delimiter, err := source.ParseDelimiter(c.Delimiter)
	if err != nil {
		return nil, fmt.Errorf("--delimiter (source.delimiter): %w", err)
	}
	return source.Open(source.Options{
		Paths: c.Paths, Stdin: stdin, Format: format, Delimiter: delimiter, Encoding: c.Encoding,
		LazyQuotes: c.LazyQuotes, Sheet: c.Sheet,
	})
}

// defaultReport is the report of a source that none was named for: in the
// working directory, under the source's own name.
func defaultReport(source string) string {
	if source == "-" {
		return "stdin.report.ndjson"
	}
	return filepath.Base(source) + ".report.ndjson"
}

// preload tells the pacer what earlier runs of this report have sent within the
// quota's window.
func preload(pacer *importer.Pacer, report *sink.Report) {
	var sent []time.Time
	for at, n := range report.Sent() {
		for range n {
			sent = append(sent, at)
		}
	}
	pacer.Preload(sent)
}

func openRejects(report string, sources []source.Source) (*sink.Rejects, error) {
	var of []sink.RejectSource
	var delimiter rune // of the first CSV source, so that the file opens where that one did
	for _, s := range sources {
		of = append(of, sink.RejectSource{Name: s.Name, Header: s.Header})
		delimiter = cmp.Or(delimiter, s.Delimiter)
	}
	return sink.OpenRejects(report, delimiter, of)
}

func printSummary(w io.Writer, s importer.Summary, c config.Config, d sink.Details) error {
	switch {
	case c.JSON:
		return sink.WriteSummaryJSON(w, s)
	case c.Quiet && s.Status == importer.Complete && s.NotIn() == 0:
		return nil
	}
	return sink.WriteSummary(w, s, d)
}
