package config

import (
	"errors"
	"strings"

	"github.com/spf13/pflag"

	"importer/internal/commandline"
)

// Flags makes the flags of the import, each bound to its field of c and with
// the value of that field as its default.
func Flags(c *Config) *pflag.FlagSet {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.String("config", "", "configuration `FILE` ($IMPORTER_CONFIG; config.yaml if it is there)") // Unchecked reads it
	flags.StringArrayVar((*[]string)(&c.Source.Paths), "source", c.Source.Paths, "`FILE`, glob, https://…, s3://bucket/key, postgres://… (with source.query), or - for standard input; may be repeated")
	flags.StringVar(&c.Source.Format, "format", c.Source.Format, "auto, csv, ndjson or xlsx; auto goes by name, then by content")
	flags.StringVar(&c.Source.Delimiter, "delimiter", c.Source.Delimiter, "`CHARACTER` between the fields of CSV, or auto, comma, semicolon, tab, pipe")
	flags.StringVar(&c.Source.Encoding, "encoding", c.Source.Encoding, "auto, or a `NAME` such as utf-8, utf-16le, windows-1252")
	flags.StringVar(&c.Source.Sheet, "sheet", c.Source.Sheet, "`NAME` of the sheet of a workbook (default: the first visible one)")
	flags.StringVar(&c.Source.HeaderRow, "header-row", c.Source.HeaderRow, "`N`umber of the line that holds the names of the columns, from 1, or auto")
	flags.StringVar(&c.API.BaseURL, "base-url", c.API.BaseURL, "`URL` of the API ($COGNIGY_BASE_URL)")
	flags.StringVar(&c.API.ProjectID, "project-id", c.API.ProjectID, "`ID` of the project, 24 characters ($COGNIGY_PROJECT_ID)")
	flags.BoolVar(&c.Sandbox, "sandbox", c.Sandbox, "import into a sandbox inside this process; needs no URL, key or project")
	flags.StringArrayVar(&c.Faults, "fault", c.Faults, "with --sandbox: `FAULT` to inject, as for importer sandbox; may be repeated")
	flags.Uint64Var(&c.Seed, "seed", c.Seed, "with --sandbox: seed of the faults")
	flags.StringVar(&c.Rate, "rate", c.Rate, "`RATE`: N/DURATION for a sliding window, N/s for a smooth pace, both joined by a comma, or unlimited (default "+DefaultRate+"; with --sandbox unlimited)")
	flags.IntVar(&c.Workers, "workers", c.Workers, "requests in flight at most")
	flags.IntVar(&c.Retries, "retries", c.Retries, "attempts after the first, for what may be tried again")
	flags.Int64Var(&c.Limit, "limit", c.Limit, "a canary: take the first `N` rows that need a request, and read no further; the same command without it goes on")
	flags.StringVar(&c.MaxErrors, "max-errors", c.MaxErrors, "stop when more rows than `N` or P% were refused; a share is judged from 100 rows on")
	flags.StringVar(&c.Tolerate, "tolerate", c.Tolerate, "exit with 0 where no more than `N` or P% of the rows that were read are refused; failed and unknown ones are never tolerated")
	flags.StringVar(&c.Report.Path, "report", c.Report.Path, "`FILE` that the run writes and resumes from (default ./<name of the first source>.report.ndjson)")
	flags.BoolVar(&c.RetryRejected, "retry-rejected", c.RetryRejected, "send again what the API refused and has not changed since")
	flags.BoolVar(&c.Restart, "restart", c.Restart, "move the old report aside and begin anew")
	flags.BoolVar(&c.Adopt, "adopt", c.Adopt, "go on with a report or state of another id rule: look everybody up by the new contact ids first")
	flags.StringVar(&c.Mode, "mode", c.Mode, "create; update sends what changed and creates nobody; upsert does both; mirror also removes what the source no longer holds")
	flags.StringVar(&c.Sync.State, "state", c.Sync.State, "`FILE` that update, upsert and mirror compare the source with")
	flags.StringVar((*string)(&c.Store), "store", string(c.Store), "`URL` of a PostgreSQL that keeps report, state and quota in the place of files, for runs that outlive their machine ($IMPORTER_STORE); without a password")
	flags.DurationVar(&c.Lease, "lease", c.Lease, "with --store: how long a run may go without contact to it; then it is dead, and another may go on")
	flags.BoolVar(&c.AllowRemovals, "allow-removals", c.AllowRemovals, "mirror: let this run remove more than sync.guard allows, and although refused rows do not tell whose they are; never where the input had no rows")
	flags.BoolVar(&c.CreateFields, "create-fields", c.CreateFields, "add custom fields that are missing from the project's schema")
	flags.StringVar(&c.Existing, "existing", c.Existing, "how to learn who is in the project before anybody is created: auto, list, lookup or ignore")
	flags.DurationVar(&c.API.Timeout, "timeout", c.API.Timeout, "of one request")
	flags.DurationVar(&c.InDoubt.Settle, "settle", c.InDoubt.Settle, "how long reads may lag behind writes when a doubtful row is looked up")
	flags.BoolVar(&c.DryRun, "dry-run", c.DryRun, "say what an import would do, and write nothing; same as importer check")
	flags.BoolVar(&c.Verbose, "verbose", c.Verbose, "with --dry-run: say it for each row")
	flags.BoolVar(&c.Quiet, "quiet", c.Quiet, "print nothing when every row is in")
	flags.BoolVar(&c.InsecureHTTP, "insecure-http", c.InsecureHTTP, "allow http:// to a host that is not this machine")
	flags.StringVar(&c.Progress, "progress", c.Progress, "auto, bar, plain or none; auto is a bar on a terminal, else a line every 10 s")
	flags.StringVar(&c.Metrics.Textfile, "metrics-textfile", c.Metrics.Textfile, "`FILE` for the textfile collector of node_exporter, written every 15 s and at the end")
	flags.StringVar(&c.Metrics.Listen, "listen", c.Metrics.Listen, "`HOST:PORT` of the live page, /metrics and /healthz while the run lasts; without a host this machine only")
	flags.StringVar((*string)(&c.Notify.URL), "notify", string(c.Notify.URL), "`URL` that the summary is posted to at the end, without contact data")
	flags.StringVar(&c.Log.Level, "log-level", c.Log.Level, "trace, debug, info, warn or error")
	flags.StringVar(&c.Log.Format, "log-format", c.Log.Format, "auto, console or json")
	flags.BoolVar(&c.JSON, "json", c.JSON, "print the summary as one JSON object")
	return flags
}

// Settings loads the configuration and lays the flags that were given over it. A
// command may have fewer flags than the import, and others of its own.
func Settings(given *pflag.FlagSet, args []string, getenv func(string) string) (Config, error) {
	c, err := Unchecked(given, args, getenv)
	if err != nil {
		return Config{}, err
	}
	return c, c.Validate()
}

// Unchecked is Settings before they are checked.
func Unchecked(given *pflag.FlagSet, args []string, getenv func(string) string) (Config, error) {
	c := Default()
	var err error
	if f := given.Lookup("config"); f != nil { // importer init makes it
		if c, err = Load(f.Value.String(), getenv); err != nil {
			return Config{}, err
		}
	}
	over := Flags(&c)
	given.Visit(func(f *pflag.Flag) {
		if to := over.Lookup(f.Name); to != nil {
			for _, value := range commandline.Values(f) {
				err = errors.Join(err, to.Value.Set(value))
			}
		}
	})
	if err != nil {
		return Config{}, err
	}
	c.StateNamed = c.StateNamed || given.Changed("state")
	c.Store = Secret(strings.TrimSpace(string(c.Store)))
	c.StoreGiven = given.Changed("store")
	c.StoreInFile = c.StoreInFile && !c.StoreGiven
	if given.Changed("lease") && c.Store == "" {
		return Config{}, Errorf("--lease is for a run with a store: name it with --store URL (store, $IMPORTER_STORE), or leave --lease out")
	}
	if given.Changed("limit") && c.Limit < 1 {
		return Config{}, Errorf("--limit is %d, which would send nothing: want a number of rows from 1, or leave it out; importer check sends nothing", c.Limit)
	}
	if len(args) > 0 {
		if !given.Changed("source") {
			c.Source.Paths = nil
		}
		c.Source.Paths = append(c.Source.Paths, args...)
	}
	return c, nil
}
