package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"importer/importer/contact"
	"importer/importer/pace/ledger"
	"importer/internal/cognigy"
	"importer/internal/config"
	"importer/internal/customfields"
	"importer/internal/doctor"
	"importer/internal/exit"
	"importer/internal/help"
	"importer/internal/names"
	"importer/internal/session"
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
			x.prepare(cmd.Context(), env, err)
			return x.run(cmd, env)
		},
	}
	help.AddFlags(cmd)
	cmd.Flags().BoolVar(&probing, "probe", false, "find out how the API behaves, with two profiles that are deleted again")
	return cmd
}

// An examination is the session of one run of doctor, and what is handed to it.
type examination struct {
	doctor.Subject
	s *session.Session // nil: the settings make none
}

func (x *examination) run(cmd *cobra.Command, env Env) error {
	json, quiet := cmd.Flags().Lookup("json").Value.String() == "true", cmd.Flags().Lookup("quiet").Value.String() == "true"
	r, err := doctor.Examine(cmd.Context(), x.Subject, func(c doctor.Check) {
		if !json && !(quiet && c.Status == doctor.OK) {
			fmt.Fprintln(env.Stdout, c)
		}
	})
	if x.s != nil {
		err = exit.Worse(err, x.s.Close())
	}
	if json {
		*env.Printed = true
		r.OK = err == nil && !r.Failed()
		err = session.Also(err, sink.WriteJSON(env.Stdout, r))
	} else {
		r.WriteProbe(env.Stdout)
	}
	if err == nil && r.Failed() {
		return exit.ErrNotWell
	}
	return err
}

// prepare opens what the settings lead to. loadErr is why they cannot be read.
func (x *examination) prepare(ctx context.Context, env Env, loadErr error) {
	if x.Err = loadErr; loadErr == nil {
		x.Wrong, x.Err = x.open(env, x.Config)
	}
	if x.s == nil {
		return
	}
	x.Config, x.Rate, x.BaseURL, x.Log = x.s.Config, x.s.Rules.Rate, x.s.BaseURL, x.s.Log
	x.Share, x.Sharers = func() (*ledger.Ledger, error) { return x.s.Share(ctx) }, "on this machine"
	x.Client = func() doctor.Client { return doctorClient(x.s) }
	x.lookAtStore(ctx)
	if x.Wrong == nil && x.s.Config.API.BaseURL != "" {
		trusted, err := session.Trust(x.s.Config.API)
		if err == nil {
			x.Route, err = doctor.NewRoute(x.s.Config.API.BaseURL, trusted)
		}
		x.Err = session.Also(x.Err, err)
	}
	x.Source = x.openFiles()
	x.Fields = x.fields()
	if x.Store != nil { // beside the names of reports in it stand files of rejected rows
		x.Paths = []string{"./report"}
		return
	}
	x.Paths = []string{cmp.Or(x.s.Path, "./report")}
	if x.s.Config.Mode != "create" {
		x.Paths = append(x.Paths, x.s.Config.Sync.State)
		if !x.s.Config.StateNamed {
			x.Unnamed = append(x.Unnamed, x.s.Config.Sync.State)
		}
	}
	if x.s.Path != x.s.Config.Report.Path {
		x.Unnamed = append(x.Unnamed, x.s.Path)
	}
}

// lookAtStore looks at the store that is named, and opens it where its tables are there:
// then the quota is shared by way of it.
func (x *examination) lookAtStore(ctx context.Context) {
	if x.s.Config.Store == "" {
		return
	}
	limited, cancel := doctor.Limited(ctx)
	defer cancel()
	x.Store, x.Sharers = &doctor.Store{}, "by the runs that use the store"
	x.Store.Sight, x.Store.Err = x.s.LookAtStore(limited)
	if x.Store.Err == nil && x.Store.Sight.Ready {
		x.Store.Err = x.s.OpenStore(limited)
	}
	if x.Store.Err != nil || !x.Store.Sight.Ready {
		x.Share = nil
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
	s, err := session.New(c, env)
	if wrong, _ = errors.AsType[*cognigy.NotAPIError](err); wrong != nil {
		c.API.BaseURL = ""
		s, err = session.New(c, env)
	}
	if err != nil {
		return wrong, err
	}
	x.s = s
	if s.Config.Sandbox {
		if err := s.StartSandbox(); err != nil {
			return nil, err
		}
	}
	// A project id that is none is for the check of the project to tell.
	x.ProjectID = s.Config.API.ProjectID
	if x.ProjectID != "" && !names.IsProject(x.ProjectID) {
		s.Config.API.ProjectID = strings.Repeat("0", 24)
	}
	api := s.Config.API
	if wrong != nil {
		api.BaseURL = wrong.API // which is told in its place
	}
	if err := api.Validate(); err != nil {
		return wrong, err
	}
	s.Config.API.Key = api.Key
	if wrong != nil {
		return wrong, nil
	}
	return nil, s.OpenClient()
}

// openFiles opens the source, where one is named that can be looked at without taking
// anything away from a run, and finds the place of the report.
func (x *examination) openFiles() *doctor.Source {
	x.s.Path = x.s.Config.Report.Path
	switch {
	case len(x.s.Config.Source.Paths) == 0:
		return nil
	case doctor.ReadOnce(x.s.Config.Source.Paths):
		return &doctor.Source{Once: true}
	}
	if err := x.s.OpenSource(); err != nil {
		return &doctor.Source{Err: err}
	}
	x.s.Path = x.s.ReportPath()
	all := x.s.Input.Sources()
	return &doctor.Source{Name: all[0].Name, Others: len(all) - 1, Rows: x.s.Input.Rows()}
}

// fields are the custom fields that an import would write. Where no source is named,
// they are those that the mapping names; where it cannot be opened, nil.
func (x *examination) fields() []customfields.Field {
	switch {
	case x.s.Input != nil:
		return x.s.CustomFields()
	case len(x.s.Config.Source.Paths) > 0:
		return nil
	}
	if m, err := mapping.Decode(x.s.Config.Text); err == nil && m != nil {
		if plan, err := mapping.PlanJSON(m); err == nil {
			return session.FieldsOf(mapping.CustomFields(plan))
		}
	}
	return []customfields.Field{}
}

// doctorClient is the client as doctor asks it.
func doctorClient(s *session.Session) doctor.Client {
	return doctor.Client{Client: s.Client, Pacer: s.Pacer, Progress: &s.Progress, Rate: s.Rules.Rate}
}

// lookAtAPI is what a check of a file does of it: it says what would keep an import of
// good rows from working, and where it could not look.
func (k *checker) lookAtAPI(ctx context.Context) error {
	if k.Client == nil {
		switch err := k.Config.API.Validate(); {
		case k.Config.Sandbox:
		case k.Config.API.BaseURL == "":
			fmt.Fprintln(k.Display, "importer: no --base-url is set (api.base_url, $COGNIGY_BASE_URL): only the file was checked")
		case err != nil:
			fmt.Fprintln(k.Display, "importer: only the file was checked:", contact.Printable(strings.Join(strings.Fields(err.Error()), " ")))
		}
		return nil
	}
	host, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(k.BaseURL, "https://"), "http://"), ":")
	access := doctor.LookAt(ctx, doctorClient(k.Session), host, k.Config.API.ProjectID)
	if usable, err := access.Tell(ctx, k.Display); !usable {
		return err
	}
	switch {
	case k.Config.CreateFields || len(k.CustomFields()) == 0:
		return nil
	case access.Schema == nil:
		k.Log.Warn().Err(access.SchemaErr).Msg("it is not known whether the project has the custom fields of the mapping")
		return nil
	}
	missing, err := customfields.Missing(*access.Schema, k.CustomFields())
	if err == nil && len(missing) > 0 {
		err = customfields.Lacks(*access.Schema, missing)
	}
	return err
}
