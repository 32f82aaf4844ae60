package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"importer/importer/change"
	"importer/importer/contact"
	"importer/importer/pace"
	"importer/internal/cognigy"
	"importer/internal/config"
	"importer/internal/sandbox"
	"importer/internal/state"
	"importer/internal/words"
	"importer/sink"
	"importer/sink/journal"
	"importer/source"
)

func newCheckCommand(env Env) *cobra.Command {
	shown := config.Default()
	cmd := &cobra.Command{
		Use:   "check --source FILE [flags]",
		Short: "Read, map and validate every row, and say what an import would do; nothing is written",
		Long: `Read, map and validate every row, compare it with the report and, in the modes
upsert and mirror, with the state, and say what an import would do, how many
requests it would need and how long they would take. It is the same as --dry-run.

Nothing is sent, with one exception: --verbose in the modes upsert and mirror
reads the profiles of the rows that have changed, to say which fields differ.
Where the project is not empty, an import asks who is in it; what that costs is
not known here.

The exit code is 3 where rows would be refused.`,
		Example: `  importer check --source contacts.csv
  importer check --source contacts.csv --mode mirror --verbose`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := settings(cmd.Flags(), args, env.Getenv)
			if err != nil {
				return err
			}
			return check(cmd.Context(), c, env)
		},
	}
	addConfigFlag(cmd.Flags())
	bindFlags(cmd.Flags(), &shown)
	return cmd
}

// A checker is one check, from the settings to what is printed.
type checker struct {
	c      config.Config
	env    Env
	rate   pace.Rate
	pacer  *pace.Pacer
	reader profileReader // nil: profiles are not read

	progress contact.Progress
	out      strings.Builder // lines of --verbose, until they are worth a write
}

// A profileReader is all of the API that a check may use: it cannot write.
type profileReader interface {
	Get(ctx context.Context, id string) (contact.Found, error)
}

func check(ctx context.Context, c config.Config, env Env) (err error) {
	began := time.Now()
	k := &checker{c: c, env: env}
	rules, err := readRules(c)
	if err != nil {
		return err
	}
	k.rate = rules.rate
	if c.Verbose && c.JSON {
		return config.Errorf("--verbose prints a line for each row, and --json exactly one object: leave one of them out")
	}
	k.pacer = pace.NewPacer(k.rate, pace.PacerOptions{})
	input, err := openSource(c, env.Stdin)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, input.Close()) }()

	baseURL := "sandbox"
	if !c.Sandbox && c.API.BaseURL != "" {
		if baseURL, err = cognigy.NormalizeBaseURL(c.API.BaseURL); err != nil {
			return config.Errorf("--base-url (api.base_url, $COGNIGY_BASE_URL): %w", err)
		}
	} else if c.Sandbox {
		c.API.ProjectID = sandbox.DefaultProjectID
	}
	path := c.Report.Path
	if path == "" {
		path = defaultReport(input.Sources()[0].Name)
	}
	past, err := k.past(path, baseURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, past.Close()) }()

	o := change.PlanOptions{
		Keys: past.Keys(), Past: past, RetryRejected: c.RetryRejected, Duplicates: rules.duplicates, RefreshAfter: c.Sync.RefreshAfter, Progress: &k.progress,
	}
	if c.Mode != "create" {
		known, err := openKnown(c, baseURL)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, known.Close()) }()
		o.State = known
		if c.Mode == "mirror" {
			o.Mirror = mirrorOf(c)
		}
		if c.Verbose && !c.Sandbox {
			client, err := readingClient(&c, env)
			if err != nil {
				return err
			}
			defer client.Close()
			k.reader = client
		}
	}
	if c.Verbose {
		o.Each = func(r change.PlannedRow) error { return k.tell(ctx, r) }
	}
	if rules.duplicates == contact.LastWins {
		if input.Size() == 0 {
			return config.Errorf("duplicates: last reads the source twice, and standard input or a pipe can be read once: check a file")
		}
		if err := contact.ReadLast(input.Rows(), o.Keys); err != nil {
			return err
		}
	}
	display := newDisplay(env.Stderr, c, isTerminal(env.Stderr, env.Getenv), isColored(env.Stderr, env.Getenv))
	for _, n := range input.Notices() {
		fmt.Fprintln(display, "importer:", n)
	}
	display.start(view{progress: &k.progress, input: input, pacer: k.pacer, started: began})
	plan, planErr := change.MakePlan(ctx, input.Rows(), o)
	display.stop()
	flushErr := k.flush()
	if planErr != nil {
		return errors.Join(planErr, flushErr)
	}
	fields := customFields(input, c.Stamp.Field)
	schemaErr := k.checkSchema(ctx, fields)
	if err := errors.Join(flushErr, k.print(plan, past.Sent(), time.Since(began), fields), schemaErr); err != nil {
		return err
	}
	if plan.Invalid+plan.Rejected > 0 || plan.Blocked != nil {
		return errNotAllIn
	}
	return nil
}

// checkSchema holds the custom fields against the project's schema, where the
// settings say which project that is. It costs one request.
func (k *checker) checkSchema(ctx context.Context, fields []source.CustomField) error {
	c := k.c
	if len(fields) == 0 || c.Sandbox || c.CreateFields || c.API.Validate() != nil {
		return nil
	}
	client, err := readingClient(&c, k.env)
	if err != nil {
		return err
	}
	defer client.Close()
	var schema cognigy.Schema
	err = pace.Request(ctx, k.pacer, &k.progress, c.Retries, func(ctx context.Context) (err error) {
		schema, err = client.GetSchema(ctx)
		return err
	})
	if err != nil {
		fmt.Fprintf(k.env.Stderr, "importer: the project's schema cannot be read, so it is not known whether it has the custom fields of the mapping: %v\n", err)
		return nil
	}
	missing, names, err := lacking(schema, fields)
	if err == nil && len(missing) > 0 {
		err = lacks(names)
	}
	return err
}

func texts(fields []source.CustomField) []string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = fieldText(f)
	}
	return all
}

// past is what the report says, where the next run would go on with it: the
// report of a sync that went to its end is set aside.
func (k *checker) past(path, baseURL string) (*journal.Past, error) {
	c := k.c
	o := journal.Options{Restart: c.Restart, Window: k.rate.Window, Successor: c.Mode != "create"}
	header, err := journal.ReadHeader(path)
	if err == nil {
		// Without an address and a project, those of the report are as good.
		o.Header = journal.Header{Mode: c.Mode, BaseURL: header.BaseURL, ProjectID: header.ProjectID}
		if c.Sandbox || c.API.BaseURL != "" {
			o.Header.BaseURL = baseURL
		}
		if c.Sandbox {
			o.Header.ProjectID = sandbox.DefaultProjectID
		} else if c.API.ProjectID != "" {
			o.Header.ProjectID = c.API.ProjectID
		}
	}
	past, err := journal.OpenPast(path, o)
	if err == nil && c.Mode != "create" && past.Whole() {
		err = past.Close()
		o.Restart = true
		if err == nil {
			return journal.OpenPast(path, o)
		}
	}
	return past, mismatchIsUsage(err)
}

// openKnown opens the state, or one in memory where there is none yet.
func openKnown(c config.Config, baseURL string) (*state.State, error) {
	o := state.Options{BaseURL: baseURL, ProjectID: c.API.ProjectID}
	if _, err := os.Stat(c.Sync.State); errors.Is(err, os.ErrNotExist) {
		return state.Empty(o)
	}
	if !c.Sandbox && (c.API.BaseURL == "" || c.API.ProjectID == "") {
		return nil, config.Errorf("--mode %s compares with the state of a project: set --base-url (api.base_url, $COGNIGY_BASE_URL) and --project-id (api.project_id, $COGNIGY_PROJECT_ID)", c.Mode)
	}
	s, err := state.Open(c.Sync.State, o)
	return s, mismatchIsUsage(err)
}

// readingClient is a client for reads.
func readingClient(c *config.Config, env Env) (*cognigy.Client, error) {
	if err := c.API.Validate(); err != nil {
		return nil, err
	}
	trusted, err := trust(c.API)
	if err != nil {
		return nil, err
	}
	client, err := cognigy.New(cognigy.Options{
		Trust:   trusted,
		BaseURL: c.API.BaseURL, APIKey: string(c.API.Key), ProjectID: c.API.ProjectID, Timeout: c.API.Timeout,
		UserAgent: "importer/" + env.Version, InsecureHTTP: c.InsecureHTTP,
	})
	if err != nil {
		return nil, usage(err)
	}
	return client, nil
}

// tell writes the line of --verbose for a row that something would be done about,
// or that would be refused.
func (k *checker) tell(ctx context.Context, r change.PlannedRow) error {
	what := string(r.Action)
	switch {
	case r.Action == change.ActNothing && r.Failure == nil:
		return nil
	case r.Failure != nil && k.c.Report.Redact:
		what = r.Status.String()
	case r.Failure != nil:
		what = r.Status.String() + ": " + r.Failure.Detail
	case r.Action == change.ActPatch && k.reader != nil:
		var err error
		if what, err = k.patch(ctx, r); err != nil {
			return err
		}
	}
	where := "not in the source"
	if r.Row.Source != "" {
		where = contact.Place{Source: r.Row.Source, Line: r.Row.Line}.String()
	}
	who := r.Row.Key.String()
	if ids := r.Row.Profile.ContactIDs; len(ids) > 0 && !k.c.Report.Redact {
		who = quoteAll(ids)
	}
	fmt.Fprintf(&k.out, "%s: %s: %s\n", where, who, what)
	if k.out.Len() < 4096 && k.reader == nil {
		return nil
	}
	return k.flush()
}

func (k *checker) flush() error {
	_, err := io.WriteString(k.env.Stdout, k.out.String())
	k.out.Reset()
	return err
}

// patch says which fields of a profile differ from its row.
func (k *checker) patch(ctx context.Context, r change.PlannedRow) (string, error) {
	var f contact.Found
	err := pace.Request(ctx, k.pacer, &k.progress, k.c.Retries, func(ctx context.Context) (err error) {
		f, err = k.reader.Get(ctx, r.Entry.ID)
		return err
	})
	var problem *contact.APIError
	switch {
	case errors.As(err, &problem) && problem.HTTP == 404:
		return "create, for its profile is gone", nil
	case err != nil:
		return "", err
	}
	names := change.Differences(f, r.Entry, r.Row.Profile)
	if len(names) == 0 {
		return "nothing, for its profile is as the row says", nil
	}
	return "patch " + strings.Join(names, ", "), nil
}

// print writes the plan.
func (k *checker) print(p *change.Plan, used int, took time.Duration, fields []source.CustomField) error {
	least := pace.Forecast(k.rate, p.Requests, used)
	blocked := ""
	if p.Blocked != nil {
		blocked = "nothing would be removed: " + p.Blocked.Reason() + "; where the source is right, --allow-removals lets a run " + p.Blocked.Do.String() + " them"
	}
	if k.c.JSON {
		return sink.WriteJSON(k.env.Stdout, struct {
			*change.Plan
			AtLeast  contact.Seconds `json:"at_least_s"`
			Blocked  string          `json:"blocked"`
			Fields   []string        `json:"custom_fields"`
			Duration contact.Seconds `json:"duration_s"`
		}{p, contact.Seconds(least), blocked, texts(fields), contact.Seconds(took)})
	}
	if k.c.Quiet && p.Invalid+p.Rejected == 0 && p.Blocked == nil {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Checked after %v. Nothing was written.\n\n", took.Round(time.Millisecond))
	for _, c := range []struct {
		name string
		n    int64
	}{
		{"create", p.Create}, {"patch", p.Patch}, {"touch", p.Touch}, {"look up", p.LookUp}, {"deactivate", p.Deactivate}, {"delete", p.Delete},
		{"unchanged", p.Unchanged}, {"done before", p.DoneBefore}, {"duplicate", p.Duplicate}, {"invalid", p.Invalid}, {"rejected", p.Rejected},
	} {
		if c.n != 0 {
			fmt.Fprintf(&b, "  %-12s %10d\n", c.name, c.n)
		}
	}
	fmt.Fprintf(&b, "  %-12s %10d\n", "rows read", p.Read)
	fmt.Fprintf(&b, "  %-12s %10d  (at least; %v at %s)\n", "requests", p.Requests, least.Round(time.Second), k.rate)
	if p.LargestBody > 0 {
		fmt.Fprintf(&b, "  %-12s %10s  (of %s)\n", "largest body", words.Comma(p.LargestBody), words.Comma(contact.MaxBodyBytes))
	}
	for i, f := range fields {
		name := ""
		if i == 0 {
			name = "custom field"
		}
		fmt.Fprintf(&b, "  %-12s %s\n", name, fieldText(f))
	}
	if groups := p.Invalids.List(); len(groups) > 0 {
		b.WriteString("\nWhat would be refused:\n")
		contact.WriteFailures(&b, groups, 10, !k.c.Report.Redact)
	}
	if blocked != "" {
		fmt.Fprintf(&b, "\n%s%s.\n", strings.ToUpper(blocked[:1]), blocked[1:])
	}
	_, err := io.WriteString(k.env.Stdout, b.String())
	return err
}
