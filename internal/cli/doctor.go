package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"importer/importer/contact"
	"importer/importer/pace"
	"importer/internal/cognigy"
	"importer/internal/config"
	"importer/internal/doctor"
	"importer/internal/names"
	"importer/internal/probe"
	"importer/internal/words"
	"importer/sink"
	"importer/source/mapping"
)

func newDoctorCommand(env Env) *cobra.Command {
	var probing bool
	cmd := &cobra.Command{
		Use:   "doctor [flags]",
		Short: "Look whether everything that an import needs is in place",
		Long: `Look whether everything that an import needs is in place: settings, folders, the
way to the API, the key, the project, its schema, and the source where one is
named. It takes the flags of the import. Nothing is changed, and each line says
what to do. The exit code is 1 where a check fails.

With --probe it also finds out how this API behaves where no document tells, such
as whether an update keeps the fields that it does not name. It creates two
profiles with contact ids that begin with importer-probe-, makes at most 40
requests, and deletes the profiles again in every case. Imports into this project
go by what it found.`,
		Example: `  importer doctor
  importer doctor --source contacts.csv --base-url https://api-trial.cognigy.ai --project-id 65f0…
  importer doctor --probe`,
		RunE: func(cmd *cobra.Command, args []string) error {
			x := &examination{env: env, given: cmd.Flags().Changed}
			x.json, x.quiet = cmd.Flags().Lookup("json").Value.String() == "true", cmd.Flags().Lookup("quiet").Value.String() == "true"
			c, err := load(cmd.Flags(), args, env.Getenv)
			return x.conclude(x.run(cmd.Context(), c, err, probing))
		},
	}
	addFlags(cmd)
	cmd.Flags().BoolVar(&probing, "probe", false, "find out how the API behaves, with two profiles that are deleted again")
	return cmd
}

// An examination is one run of doctor.
type examination struct {
	*session
	env   Env
	given func(flag string) bool

	json, quiet bool
	checks      []doctor.Check
	projectID   string // as it was given
	found       *probe.Result
	deleted     int // profiles that earlier probes left
}

// add takes a check, shows it, and tells whether what needs it can be looked at.
func (x *examination) add(c doctor.Check) bool {
	x.checks = append(x.checks, c)
	if !x.json && !(x.quiet && c.Status == doctor.OK) {
		fmt.Fprintln(x.env.Stdout, c)
	}
	return c.Status != doctor.Fail
}

// run looks at one thing after the other. The error is that of a probe, or a signal.
func (x *examination) run(ctx context.Context, c config.Config, loadErr error, probing bool) error {
	wrong, err := x.open(c, loadErr)
	if x.session == nil {
		x.add(doctor.Settings(c, x.env.Getenv, x.given, err))
		return nil
	}
	var route doctor.Route
	if wrong == nil && x.c.API.BaseURL != "" {
		var routeErr error
		route, routeErr = x.route()
		err = also(err, routeErr)
	}
	usable := x.add(doctor.Settings(x.c, x.env.Getenv, x.given, err))
	err = nil // it was told
	sourceErr := x.openFiles()
	paths := []string{cmp.Or(x.path, "./report")}
	if x.c.Mode != "create" {
		paths = append(paths, x.c.Sync.State)
	}
	folder, full := doctor.Folders(paths...)
	x.add(folder)
	switch {
	case !usable:
	case wrong != nil:
		x.add(doctor.Check{Name: "api", Status: doctor.Fail, Detail: wrong.Host + " is the host of the user interface or of an endpoint, and not of the API", Hint: "write --base-url " + wrong.API})
	default:
		err = x.lookAtAPI(ctx, route, full, probing)
	}
	if len(x.c.Source.Paths) > 0 && ctx.Err() == nil {
		x.add(x.source(sourceErr))
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// open makes a session of the settings, for which no source is needed. wrong is a base
// URL that names the user interface. Without a session the error says why; with one, it
// is what keeps the API from being asked.
func (x *examination) open(c config.Config, loadErr error) (wrong *cognigy.NotAPIError, err error) {
	if loadErr != nil {
		return nil, loadErr
	}
	sources := c.Source.Paths
	if len(sources) == 0 {
		c.Source.Paths = []string{"-"}
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c.Source.Paths = sources
	c.Log.Level = "warn"
	s, err := newSession(c, x.env)
	if wrong, _ = errors.AsType[*cognigy.NotAPIError](err); wrong != nil {
		c.API.BaseURL = ""
		s, err = newSession(c, x.env)
	}
	if err != nil {
		return wrong, err
	}
	x.session = s
	if s.c.Sandbox {
		if err := s.startSandbox(); err != nil {
			return nil, err
		}
	}
	// A project id that is none is for the check of the project to tell.
	x.projectID = s.c.API.ProjectID
	if x.projectID != "" && !names.IsProject(x.projectID) {
		s.c.API.ProjectID = strings.Repeat("0", 24)
	}
	api := s.c.API
	if wrong != nil {
		api.BaseURL = wrong.API // which is told in its place
	}
	if err := api.Validate(); err != nil {
		return wrong, err
	}
	s.c.API.Key = api.Key
	if wrong != nil {
		return wrong, nil
	}
	return nil, s.openClient()
}

func (x *examination) route() (doctor.Route, error) {
	trusted, err := trust(x.c.API)
	if err != nil {
		return doctor.Route{}, err
	}
	return doctor.NewRoute(x.c.API.BaseURL, trusted)
}

// openFiles opens the source, where one is named that can be looked at without taking
// anything away from a run, and finds the place of the report.
func (x *examination) openFiles() error {
	x.path = x.c.Report.Path
	if len(x.c.Source.Paths) == 0 {
		return nil
	}
	for _, path := range x.c.Source.Paths {
		info, err := os.Stat(path)
		if path == "-" || err == nil && !info.Mode().IsRegular() && !info.IsDir() {
			return errReadOnce
		}
	}
	if err := x.openSource(); err != nil {
		return err
	}
	x.path = x.reportPath()
	return nil
}

// errReadOnce is a source that is left for the run.
var errReadOnce = errors.New("standard input and pipes can be read once, and are left for the run")

// lookAtAPI looks at everything between this machine and the project. full is that
// there is no room on the disk.
func (x *examination) lookAtAPI(ctx context.Context, route doctor.Route, full, probing bool) error {
	left := 1
	if !full { // else there is none for the ledger either
		l, err := x.share()
		var c doctor.Check
		c, left = doctor.Quota(x.rules.rate, l, err)
		x.add(c)
	}
	if !x.add(route.DNS(ctx)) || !x.add(route.Connect(ctx)) {
		return nil
	}
	if (route.Encrypted() || !names.IsLoopback(route.Host())) && !x.add(route.TLS(ctx)) {
		return nil
	}
	if left == 0 || ctx.Err() != nil {
		return nil
	}
	access := doctor.LookAt(ctx, paced{x.session}, route.Host(), x.projectID)
	for _, c := range access.Checks {
		x.add(c)
	}
	if last := access.Checks[len(access.Checks)-1]; last.Name != "project" || last.Status == doctor.Fail {
		return nil
	}
	if x.input != nil || len(x.c.Source.Paths) == 0 {
		x.add(doctor.Schema(access.Schema, access.SchemaErr, x.fields()))
	}
	return x.probe(ctx, probing)
}

// fields are the custom fields that an import would write. Where no source is named,
// they are those that the mapping names.
func (x *examination) fields() []doctor.Field {
	var custom []mapping.CustomField
	switch {
	case x.input != nil:
		custom = x.customFields()
	default:
		if m, err := mapping.Decode(x.c.Text); err == nil && m != nil {
			if plan, err := mapping.PlanJSON(m); err == nil {
				custom = mapping.CustomFields(plan)
			}
		}
	}
	return doctorFields(custom)
}

func doctorFields(custom []mapping.CustomField) []doctor.Field {
	fields := make([]doctor.Field, len(custom))
	for i, f := range custom {
		fields[i] = doctor.Field{Name: f.Name, Type: f.Type}
	}
	return fields
}

const (
	sourceRows = 1000 // at most, of the source
	sourceTime = 2 * time.Second
)

// source maps the first rows.
func (x *examination) source(err error) doctor.Check {
	c := doctor.Check{Name: "source", Status: doctor.OK}
	switch {
	case errors.Is(err, errReadOnce):
		c.Detail = err.Error()
		return c
	case err != nil:
		c.Status, c.Detail = doctor.Fail, contact.Printable(strings.Join(strings.Fields(err.Error()), " "))
		c.Hint = "look at --source, or at the mapping; importer init FILE guesses one"
		return c
	}
	began := time.Now()
	read, refused, first := 0, 0, ""
	for _, err := range x.input.Rows() {
		invalid, isInvalid := errors.AsType[*contact.RowError](err)
		switch {
		case isInvalid:
			if refused++; first == "" {
				first = invalid.Error()
			}
		case err != nil:
			c.Status, c.Detail, c.Hint = doctor.Fail, contact.Printable(err.Error()), "the source cannot be read to its end: export it again"
			return c
		}
		if read++; read == sourceRows || time.Since(began) > sourceTime {
			break
		}
	}
	name := contact.Printable(x.input.Sources()[0].Name)
	if n := len(x.input.Sources()); n > 1 {
		name += fmt.Sprintf(" and %s", words.Plural(n-1, "other", "others"))
	}
	c.Detail = fmt.Sprintf("%s: of the first %s, %d would be refused", name, words.Plural(read, "row", "rows"), refused)
	switch {
	case read == 0:
		c.Status, c.Detail, c.Hint = doctor.Warn, name+" holds no rows", "look at --source"
	case refused > 0:
		c.Status, c.Hint = doctor.Warn, "the first: "+contact.Printable(first)+"; importer check shows all of them"
		if refused == read {
			c.Status = doctor.Fail
		}
	}
	return c
}

// paced is the client, within the quota and the time of a check.
type paced struct{ s *session }

func (p paced) Ask(ctx context.Context, a cognigy.Ask) (cognigy.Raw, error) {
	return soon(ctx, p.s, func(ctx context.Context) (cognigy.Raw, error) { return p.s.client.Ask(ctx, a) })
}

func (p paced) GetSchema(ctx context.Context) (cognigy.Schema, error) {
	return soon(ctx, p.s, p.s.client.GetSchema)
}

func (p paced) ClockSkew() (time.Duration, bool) { return p.s.client.ClockSkew() }

// soon makes one request, once, where the quota lets it leave within the time of a
// check.
func soon[T any](ctx context.Context, s *session, ask func(context.Context) (T, error)) (answer T, err error) {
	waiting, cancel := doctor.Limited(ctx)
	defer cancel()
	err = pace.Request(waiting, s.pacer, &s.progress, pace.Patience{Throttled: 1}, func(ctx context.Context) (err error) {
		ctx, cancel := doctor.Limited(ctx)
		defer cancel()
		answer, err = ask(ctx)
		return err
	})
	if _, sent := errors.AsType[*contact.APIError](err); err != nil && !sent && ctx.Err() == nil {
		err = fmt.Errorf("the quota %s lets no request leave within %v", s.rules.rate, doctor.Limit)
	}
	return answer, err
}

// probe deletes what earlier probes left and, where it is wanted and all is well, asks
// the API how it behaves, and keeps the answers.
func (x *examination) probe(ctx context.Context, probing bool) error {
	folder, err := cognigy.StateFolder(x.env.Getenv)
	if err != nil {
		if probing {
			return fmt.Errorf("there is no folder to keep what a probe finds: %w; set $XDG_STATE_HOME", err)
		}
		return nil
	}
	o := probe.Options{API: x.client, BaseURL: x.baseURL, ProjectID: x.c.API.ProjectID, Folder: folder,
		Request: func(ctx context.Context, send func(context.Context) error) error {
			return pace.Request(ctx, x.pacer, &x.progress, pace.Patience{Retries: 3, Throttled: x.c.GiveUpAfter}, send)
		}}
	var open int
	if x.deleted, open, err = probe.CleanUp(ctx, o); x.deleted > 0 {
		x.log.Warn().Int("profiles", x.deleted).Msg("deleted what an earlier probe left that was killed")
	}
	if open > 0 {
		x.log.Warn().Int("probes", open).Msg("an earlier probe was killed while it created a profile, which is not found: run importer doctor again in half a minute, which deletes it if it turns up")
	}
	if err != nil || !probing || x.failed() {
		return err
	}
	found, err := probe.Run(ctx, o)
	x.found = &found
	learned := cognigy.Learned{BaseURL: o.BaseURL, ProjectID: o.ProjectID, At: time.Now().UTC().Truncate(time.Second), Behaviour: found.Behaviour, Answers: found.Answers()}
	if x.c.Sandbox || len(learned.Answers) == 0 || ctx.Err() != nil {
		return err // what was asked halfway takes no place of what is known
	}
	return also(err, learned.Save(folder))
}

func (x *examination) failed() bool {
	return slices.ContainsFunc(x.checks, func(c doctor.Check) bool { return c.Status == doctor.Fail })
}

// conclude prints what is not printed yet, and returns the error of the command.
func (x *examination) conclude(err error) error {
	if x.session != nil {
		err = x.close(err)
	}
	if x.found != nil && !x.json {
		x.printFound()
	}
	if x.json {
		*x.env.printed = true
		var findings []probe.Finding
		if x.found != nil {
			findings = x.found.Findings
		}
		err = also(err, sink.WriteJSON(x.env.Stdout, struct {
			Checks  []doctor.Check  `json:"checks"`
			OK      bool            `json:"ok"`
			Probe   []probe.Finding `json:"probe,omitempty"`
			Deleted int             `json:"deleted,omitzero"` // what earlier probes left
		}{x.checks, err == nil && !x.failed(), findings, x.deleted}))
	}
	if err == nil && x.failed() {
		return errNotWell
	}
	return err
}

func (x *examination) printFound() {
	fmt.Fprintf(x.env.Stdout, "\nThe probe made %d requests.\n", x.found.Requests)
	for _, f := range x.found.Findings {
		answer := ""
		if f.Answer != "" {
			answer = " " + contact.Printable(f.Answer) + ":"
		}
		fmt.Fprintf(x.env.Stdout, "  %s%s %s\n", f.Question, answer, contact.Printable(f.Follows))
	}
}

// lookAtAPI is what a check of a file does of it: it says what would keep an import of
// good rows from working, and where it could not look.
func (k *checker) lookAtAPI(ctx context.Context) error {
	if k.client == nil {
		switch err := k.c.API.Validate(); {
		case k.c.Sandbox:
		case k.c.API.BaseURL == "":
			fmt.Fprintln(k.display, "importer: no --base-url is set (api.base_url, $COGNIGY_BASE_URL): the file alone was looked at")
		case err != nil:
			fmt.Fprintln(k.display, "importer: the file alone was looked at:", contact.Printable(strings.Join(strings.Fields(err.Error()), " ")))
		}
		return nil
	}
	host, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(k.baseURL, "https://"), "http://"), ":")
	access := doctor.LookAt(ctx, paced{k.session}, host, k.c.API.ProjectID)
	for _, c := range access.Checks {
		if c.Status == doctor.Warn {
			fmt.Fprintln(k.display, "importer:", c)
		}
	}
	switch failed := access.Failed(); {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case failed != nil && access.Unreached: // which is no fault of the rows
		fmt.Fprintf(k.display, "importer: the file alone was looked at, because the API cannot be reached: %s; %s\n", failed.Detail, failed.Hint)
		return nil
	case failed != nil:
		return fmt.Errorf("an import would not work: %s: %s; %s", failed.Name, failed.Detail, failed.Hint)
	case k.c.CreateFields || len(k.customFields()) == 0:
		return nil
	case access.Schema == nil:
		k.log.Warn().Err(access.SchemaErr).Msg("it is not known whether the project has the custom fields of the mapping")
		return nil
	}
	missing, err := missingFields(*access.Schema, k.customFields())
	if err == nil && len(missing) > 0 {
		err = lacks(*access.Schema, missing)
	}
	return err
}
