package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"importer/importer/contact"
	"importer/internal/cognigy"
	"importer/internal/config"
	"importer/internal/customfields"
	"importer/internal/doctor"
	"importer/internal/names"
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
			c, err := config.Unchecked(cmd.Flags(), args, env.Getenv)
			x := &examination{Subject: doctor.Subject{Config: c, Getenv: env.Getenv, Given: cmd.Flags().Changed, Probing: probing}}
			x.prepare(env, err)
			return x.run(cmd, env)
		},
	}
	addFlags(cmd)
	cmd.Flags().BoolVar(&probing, "probe", false, "find out how the API behaves, with two profiles that are deleted again")
	return cmd
}

// An examination is the session of one run of doctor, and what is handed to it.
type examination struct {
	doctor.Subject
	*session // nil: the settings make none
}

func (x *examination) run(cmd *cobra.Command, env Env) error {
	json, quiet := cmd.Flags().Lookup("json").Value.String() == "true", cmd.Flags().Lookup("quiet").Value.String() == "true"
	r, err := doctor.Examine(cmd.Context(), x.Subject, func(c doctor.Check) {
		if !json && !(quiet && c.Status == doctor.OK) {
			fmt.Fprintln(env.Stdout, c)
		}
	})
	if x.session != nil {
		err = x.close(err)
	}
	if json {
		*env.printed = true
		r.OK = err == nil && !r.Failed()
		err = also(err, sink.WriteJSON(env.Stdout, r))
	} else {
		r.WriteProbe(env.Stdout)
	}
	if err == nil && r.Failed() {
		return errNotWell
	}
	return err
}

// prepare opens what the settings lead to. loadErr is why they cannot be read.
func (x *examination) prepare(env Env, loadErr error) {
	if x.Err = loadErr; loadErr == nil {
		x.Wrong, x.Err = x.open(env, x.Config)
	}
	if x.session == nil {
		return
	}
	x.Config, x.Rate, x.BaseURL, x.Log = x.c, x.rules.rate, x.baseURL, x.log
	x.Share, x.Client = x.share, x.doctorClient
	if x.Wrong == nil && x.c.API.BaseURL != "" {
		trusted, err := trust(x.c.API)
		if err == nil {
			x.Route, err = doctor.NewRoute(x.c.API.BaseURL, trusted)
		}
		x.Err = also(x.Err, err)
	}
	x.Source = x.openFiles()
	x.Fields = x.fields()
	x.Paths = []string{cmp.Or(x.path, "./report")}
	if x.c.Mode != "create" {
		x.Paths = append(x.Paths, x.c.Sync.State)
		if !x.c.StateNamed {
			x.Unnamed = append(x.Unnamed, x.c.Sync.State)
		}
	}
	if x.path != x.c.Report.Path {
		x.Unnamed = append(x.Unnamed, x.path)
	}
}

// open makes a session of the settings, for which no source is needed. wrong is a base
// URL that names the user interface. Without a session the error says why; with one, it
// is what keeps the API from being asked.
func (x *examination) open(env Env, c config.Config) (wrong *cognigy.NotAPIError, err error) {
	sources := c.Source.Paths
	if len(sources) == 0 {
		c.Source.Paths = []string{"-"}
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c.Source.Paths = sources
	c.Log.Level = "warn"
	s, err := newSession(c, env)
	if wrong, _ = errors.AsType[*cognigy.NotAPIError](err); wrong != nil {
		c.API.BaseURL = ""
		s, err = newSession(c, env)
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
	x.ProjectID = s.c.API.ProjectID
	if x.ProjectID != "" && !names.IsProject(x.ProjectID) {
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

// openFiles opens the source, where one is named that can be looked at without taking
// anything away from a run, and finds the place of the report.
func (x *examination) openFiles() *doctor.Source {
	x.path = x.c.Report.Path
	switch {
	case len(x.c.Source.Paths) == 0:
		return nil
	case doctor.ReadOnce(x.c.Source.Paths):
		return &doctor.Source{Once: true}
	}
	if err := x.openSource(); err != nil {
		return &doctor.Source{Err: err}
	}
	x.path = x.reportPath()
	all := x.input.Sources()
	return &doctor.Source{Name: all[0].Name, Others: len(all) - 1, Rows: x.input.Rows()}
}

// fields are the custom fields that an import would write. Where no source is named,
// they are those that the mapping names; where it cannot be opened, nil.
func (x *examination) fields() []customfields.Field {
	switch {
	case x.input != nil:
		return x.customFields()
	case len(x.c.Source.Paths) > 0:
		return nil
	}
	if m, err := mapping.Decode(x.c.Text); err == nil && m != nil {
		if plan, err := mapping.PlanJSON(m); err == nil {
			return fieldsOf(mapping.CustomFields(plan))
		}
	}
	return []customfields.Field{}
}

// doctorClient is the client as doctor asks it.
func (s *session) doctorClient() doctor.Client {
	return doctor.Client{Client: s.client, Pacer: s.pacer, Progress: &s.progress, Rate: s.rules.rate}
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
	access := doctor.LookAt(ctx, k.doctorClient(), host, k.c.API.ProjectID)
	if usable, err := access.Tell(ctx, k.display); !usable {
		return err
	}
	switch {
	case k.c.CreateFields || len(k.customFields()) == 0:
		return nil
	case access.Schema == nil:
		k.log.Warn().Err(access.SchemaErr).Msg("it is not known whether the project has the custom fields of the mapping")
		return nil
	}
	missing, err := customfields.Missing(*access.Schema, k.customFields())
	if err == nil && len(missing) > 0 {
		err = customfields.Lacks(*access.Schema, missing)
	}
	return err
}
