package cli

import (
	"context"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/rs/zerolog"

	"importer/importer/contact"
	"importer/importer/pace"
	"importer/importer/pace/ledger"
	"importer/internal/cognigy"
	"importer/internal/config"
	"importer/internal/live"
	"importer/internal/sandbox"
	"importer/internal/state"
	"importer/sink/journal"
	"importer/sink/rejects"
	"importer/source"
)

// A session is what one run of a command works with. A command opens the parts that
// it needs, in the order in which they need each other, and close frees them, the
// last first. It has one owner.
type session struct {
	c     config.Config
	env   Env
	rules rules
	began time.Time
	run   string // a ULID

	display  *live.Display
	log      zerolog.Logger // above the display
	progress contact.Progress
	baseURL  string // as reports and states name it: "sandbox" for one inside this process; empty where none is set

	pacer  *pace.Pacer // of this run alone until connect shares it
	client *cognigy.Client
	watch  *live.Watch // of the requests of client; nil: nobody watches

	input   *source.Input
	state   *state.State // nil: none is needed
	path    string       // of the report
	report  *journal.Journal
	rejects *rejects.Rejects

	closers []func() error // of what is open, in the order of opening
}

// newSession reads the settings. Nothing is open yet.
func newSession(c config.Config, env Env) (*session, error) {
	if c.Quiet { // who wants to hear nothing of success
		if c.Log.Level == "info" {
			c.Log.Level = "warn"
		}
		if c.Progress == "auto" {
			c.Progress = "none"
		}
	}
	s := &session{c: c, env: env, began: time.Now(), run: ulid.Make().String()}
	var err error
	if s.rules, err = readRules(c); err != nil {
		return nil, err
	}
	s.display = live.NewDisplay(env.Stderr, c.Progress, env.Getenv)
	if s.log, err = s.display.Logger(c.Log); err != nil {
		return nil, err
	}
	s.pacer = pace.NewPacer(s.rules.rate, pace.PacerOptions{})
	switch {
	case c.Sandbox: // its address changes from run to run
		s.baseURL, s.c.API.ProjectID = "sandbox", sandbox.DefaultProjectID
	case c.API.BaseURL != "":
		if s.baseURL, err = cognigy.NormalizeBaseURL(c.API.BaseURL); err != nil {
			return nil, config.Errorf("--base-url (api.base_url, $COGNIGY_BASE_URL): %w", err)
		}
		s.c.API.BaseURL = s.baseURL
	}
	return s, nil
}

// connect makes the client of the project that the settings name, or of a sandbox,
// and the pacer of its requests.
func (s *session) connect() error {
	if s.c.Sandbox {
		if err := s.startSandbox(); err != nil {
			return err
		}
	}
	api := &s.c.API
	if err := api.Validate(); err != nil {
		return err
	}
	trusted, err := trust(*api)
	if err != nil {
		return err
	}
	if s.client, err = cognigy.New(cognigy.Options{
		Trust:   trusted,
		BaseURL: api.BaseURL, APIKey: string(api.Key), ProjectID: api.ProjectID, Timeout: api.Timeout,
		UserAgent: "importer/" + s.env.Version, MaxConns: s.c.Workers, InsecureHTTP: s.c.InsecureHTTP,
		OnAnswer: func(a cognigy.Answer) {
			if s.watch != nil {
				s.watch.Answered(a.Operation, a.Status, a.Duration)
			}
		},
	}); err != nil {
		return usage(err)
	}
	s.onClose(func() error { s.client.Close(); return nil })
	s.share()
	return nil
}

// startSandbox starts a sandbox that ends with the session, and has the settings
// name it.
func (s *session) startSandbox() error {
	faults, err := parseFaults(s.c.Faults)
	if err != nil {
		return err
	}
	server, err := sandbox.Listen("127.0.0.1:0", sandbox.Options{Faults: faults, Seed: s.c.Seed, Log: s.log.Level(zerolog.WarnLevel)})
	if err != nil {
		return err
	}
	s.onClose(server.Close)
	s.c.API = config.API{BaseURL: server.URL, ProjectID: server.ProjectID(), Key: config.Secret(server.APIKey()), Timeout: s.c.API.Timeout}
	return nil
}

// share has the requests of this run counted together with those of the other runs
// on this machine, where that is wanted. Where it is not possible the run goes on
// alone, and says so.
func (s *session) share() {
	if s.rules.rate.Unlimited() || !s.c.RateShared || s.c.Sandbox {
		return
	}
	l, err := ledger.Open(s.c.API.BaseURL, s.rules.rate)
	if err != nil {
		s.log.Warn().Err(err).Msg("this run paces its requests for itself alone")
		return
	}
	s.pacer = pace.NewPacer(s.rules.rate, pace.PacerOptions{Ledger: l})
	s.onClose(func() error {
		if err := l.Close(); err != nil {
			s.log.Warn().Err(err).Msg("other runs may not know of the last requests of this one")
		}
		return nil
	})
}

// openSource opens what is read.
func (s *session) openSource() (err error) {
	if s.input, err = openSource(s.c, s.env.Stdin); err != nil {
		return err
	}
	s.onClose(s.input.Close)
	return nil
}

// request makes one request that is about no row.
func (s *session) request(ctx context.Context, f func(context.Context) error) error {
	return pace.Request(ctx, s.pacer, &s.progress, s.c.Retries, f)
}

// reportPath is where the report of an import is.
func (s *session) reportPath() string {
	if s.c.Report.Path != "" {
		return s.c.Report.Path
	}
	return defaultReport(s.input.Sources()[0].Name)
}

// view is how the run stands.
func (s *session) view() live.View {
	return live.View{Progress: &s.progress, Pacer: s.pacer, Input: s.input, Started: time.Now()}
}

// onClose has close call f, before what was opened earlier is closed.
func (s *session) onClose(f func() error) { s.closers = append(s.closers, f) }
