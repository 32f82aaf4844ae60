package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"importer/importer/contact"
	"importer/importer/idrule"
	"importer/importer/pace"
	"importer/importer/pace/ledger"
	"importer/internal/address"
	"importer/internal/cognigy"
	"importer/internal/commandline"
	"importer/internal/config"
	"importer/internal/live"
	"importer/internal/plain"
	"importer/internal/reconcile"
	"importer/internal/sandbox"
	"importer/internal/state"
	"importer/sink"
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
	line  commandline.Line
	rules rules
	began time.Time
	run   string // a ULID

	display  *live.Display
	log      zerolog.Logger // above the display
	progress contact.Progress
	reached  atomic.Bool // a request got as far as the API, or what stands before it
	baseURL  string      // as reports and states name it: "sandbox" for one inside this process; empty where none is set

	learned contact.Behaviour // of the API, as it was learned; zero: nothing was

	pacer  *pace.Pacer // of this run alone until connect shares it
	client *cognigy.Client
	watch  *live.Watch // of the requests of client; nil: nobody watches

	input    *source.Input
	corrects bool         // the input is reject files, whose rows belong to a report that is there
	origin   idrule.Rules // where the contact ids of that report come from
	behind   string       // which configuration the source is read by, where that does not name it
	state    *state.State // nil: none is needed
	path     string       // of the report
	report   *journal.Journal
	rejects  *rejects.Rejects

	setAside []sink.SetAside // reports and states of other imports that stood in the way

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
	if c.Found {
		s.log.Info().Str("config", c.File).Msg("this run goes by the configuration that was found in this folder")
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

// withSession runs a command with the settings of its command line.
func withSession(cmd *cobra.Command, args []string, env Env, run func(*session, context.Context) error) error {
	c, err := config.Settings(cmd.Flags(), args, env.Getenv)
	if err != nil {
		return err
	}
	s, err := newSession(c, env)
	if err != nil {
		return err
	}
	s.line = commandline.Line{Program: env.Program, Mode: s.c.Mode, Flags: cmd.Flags(), Args: args}
	return s.close(run(s, cmd.Context()))
}

// connect makes the client of the project that the settings name, or of a sandbox,
// and the pacer of its requests.
func (s *session) connect() error {
	if s.c.Sandbox {
		if err := s.startSandbox(); err != nil {
			return err
		}
	}
	if err := s.c.API.Validate(); err != nil {
		return err
	}
	if err := s.openClient(); err != nil {
		return err
	}
	if _, err := s.share(); err != nil {
		s.log.Warn().Err(err).Msg("this run paces its requests for itself alone")
	}
	return nil
}

// openClient makes the client, which sends nothing yet.
func (s *session) openClient() error {
	api := &s.c.API
	if api.KeyWarning != "" {
		s.log.Warn().Msg("api.api_key_file: " + api.KeyWarning)
	}
	trusted, err := trust(*api)
	if err == nil && !s.c.Sandbox {
		err = s.checkProxies()
	}
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
	return nil
}

// checkProxies refuses an environment that names a proxy which nothing can go through.
func (s *session) checkProxies() error { return checkProxies(s.env.Getenv) }

func checkProxies(getenv func(string) string) error {
	if err := cognigy.CheckProxies(getenv); err != nil {
		return usage(err)
	}
	return nil
}

// trust reads the certificates that the settings name.
func trust(a config.API) (cognigy.Trust, error) {
	t, err := cognigy.ReadTrust(a.CAFile, a.ClientCertFile, a.ClientKeyFile)
	if err != nil {
		return t, usage(err)
	}
	return t, nil
}

// startSandbox starts a sandbox that ends with the session, with a key that nobody else
// knows, and has the settings name it.
func (s *session) startSandbox() error {
	server, err := sandbox.Listen("127.0.0.1:0", sandbox.Options{APIKey: rand.Text(), Faults: s.rules.faults, Seed: s.c.Seed, Log: s.log.Level(zerolog.WarnLevel)})
	if err := s.keep(server, err); err != nil {
		return err
	}
	s.c.API = config.API{BaseURL: server.URL, ProjectID: server.ProjectID(), Key: config.Secret(server.APIKey()), Timeout: s.c.API.Timeout}
	return nil
}

// share has the requests of this run counted together with those of the other runs
// on this machine, where that is wanted: else there is no ledger. Where it is not
// possible the run goes on alone.
func (s *session) share() (*ledger.Ledger, error) {
	if s.rules.rate.Unlimited() || !s.c.RateShared || s.c.Sandbox {
		return nil, nil
	}
	l, err := ledger.Open(s.c.API.BaseURL, s.rules.rate)
	if err != nil {
		return nil, err
	}
	s.pacer = pace.NewPacer(s.rules.rate, pace.PacerOptions{Ledger: l, Unshared: func(err error) {
		s.log.Warn().Err(err).Msg("the quota is no longer shared with other runs on this machine")
	}})
	s.onClose(func() error {
		if err := l.Close(); err != nil {
			s.log.Warn().Err(err).Msg("other runs may not know of the last requests of this one")
		}
		return nil
	})
	return l, nil
}

// recall takes up what doctor --probe found out about the API of this run, and says
// so. Nothing that it found is nothing to go by.
func (s *session) recall() error {
	folder, err := cognigy.StateFolder(s.env.Getenv)
	if err != nil || s.c.Sandbox {
		return nil // then nothing was kept
	}
	learned, err := cognigy.LoadLearned(folder, s.baseURL, s.c.API.ProjectID)
	switch {
	case err != nil:
		s.log.Warn().Err(err).Msg("what importer doctor --probe found out about this API cannot be used; run it again")
		return nil
	case learned.Version == 0:
		return nil
	}
	s.learned = learned.Behaviour
	s.log.Info().Time("found", learned.At).Str("patch", string(s.learned.Patch)).Str("patch_contact_ids", string(s.learned.PatchIDs)).
		Stringer("read_lag", time.Duration(s.learned.ReadLag)).Msg("this run goes by what importer doctor --probe found out about this API")
	if enough := 2 * time.Duration(s.learned.ReadLag); s.c.InDoubt.Settle < enough {
		s.log.Warn().Stringer("settle", s.c.InDoubt.Settle).Stringer("want", enough).Msg("reads of this API lag behind its writes for longer than --settle allows for: raise it")
	}
	return nil
}

// request makes one request that is about no row.
func request[T any](ctx context.Context, s *session, ask func(context.Context) (T, error)) (answer T, err error) {
	patience := pace.Patience{Retries: s.c.Retries, Throttled: s.c.GiveUpAfter}
	if !s.reached.Load() {
		patience.Unreached = min(s.c.GiveUpAtStart, s.c.GiveUpAfter)
	}
	err = pace.Request(ctx, s.pacer, &s.progress, patience, func(ctx context.Context) (err error) {
		if answer, err = ask(ctx); err != nil {
			problem := contact.AsAPIError(err)
			if news := s.progress.Fail(problem); problem.Unreached() || problem.Class == contact.Throttled {
				if news {
					s.log.Warn().Err(problem).Msg("a request failed; each reason is told once")
				}
				return err
			}
		}
		s.progress.Work()
		s.reached.Store(true)
		return err
	})
	return answer, err
}

// unreachable is what becomes of a command whose request got no answer of the API
// in all that time; nil where that is not so.
func unreachable(err error) error {
	problem, ok := errors.AsType[*contact.APIError](err)
	switch {
	case !ok:
		return nil
	case problem.Hopeless, problem.Unreached():
		return fmt.Errorf("the API cannot be reached: %w", err)
	case problem.Class == contact.Throttled:
		return err
	}
	return nil
}

// get reads one profile, and returns whether it is there.
func (s *session) get(ctx context.Context, id string) (f contact.Found, there bool, err error) {
	f, err = request(ctx, s, func(ctx context.Context) (contact.Found, error) { return s.client.Get(ctx, id) })
	if problem, ok := errors.AsType[*contact.APIError](err); ok && problem.Author == contact.API && problem.HTTP == 404 {
		return f, false, nil
	}
	return f, err == nil, err
}

// reportPath is where the report of an import is. One that none was named for is in
// the working directory, under the name of the first source.
func (s *session) reportPath() string {
	if s.c.Report.Path != "" {
		return s.c.Report.Path
	}
	name := s.input.Sources()[0].Name
	if name == "-" {
		name = "stdin"
	}
	return address.Base(name) + ".report.ndjson"
}

func (s *session) view() live.View {
	return live.View{Progress: &s.progress, Pacer: s.pacer, Input: s.input, Started: time.Now(), Redact: s.c.Report.Redact}
}

// print writes what a command that went to its end has to say: as one JSON object,
// as text, or not at all where all is well and nobody wants to hear of it.
func (s *session) print(allIn bool, object any, text string) error {
	switch {
	case s.c.JSON:
		*s.env.printed = true
		return sink.WriteJSON(s.env.Stdout, object)
	case s.c.Quiet && allIn:
		return nil
	}
	_, err := io.WriteString(s.env.Stdout, text)
	return err
}

// A tally is how many of something there are, and the words for it.
type tally struct {
	n      int64
	format string
}

// tell is a line for each tally but those of nothing.
func tell(tallies []tally) string {
	var b strings.Builder
	for _, t := range tallies {
		if t.n > 0 {
			fmt.Fprintf(&b, t.format+"\n", t.n)
		}
	}
	return b.String()
}

// onClose has close call f, before what was opened earlier is closed.
func (s *session) onClose(f func() error) { s.closers = append(s.closers, f) }

// keep has close close what was opened, and returns the error of opening it. That a
// file belongs to something else, or does not go with another, is one of the command line.
func (s *session) keep(opened io.Closer, err error) error {
	var report *journal.MismatchError
	var known *state.MismatchError
	var apart *reconcile.RefusedError
	switch {
	case errors.As(err, &report) && s.corrects:
		return config.Errorf("the rows of a reject file belong to the import that refused them, in %s: its %s is %q, and this run's is %q; import the file there, or take the column _ref out, and its rows are an import of their own",
			report.Report, report.What, report.Was, report.Now)
	case errors.As(err, &report), errors.As(err, &known), errors.As(err, &apart):
		ruled := report != nil && report.IsIDRule() || known != nil && known.IsIDRule()
		if ruled && s.c.File != "" {
			err = fmt.Errorf("%w. This run goes by %s; without a configuration the columns go by their names", err, s.c.File)
		}
		return usage(err)
	case err != nil:
		return err
	}
	s.onClose(opened.Close)
	return nil
}

// close closes what is open, and returns the error of a command that ends with err.
// It may be called again.
func (s *session) close(err error) error {
	var failed error
	for len(s.closers) > 0 {
		last := len(s.closers) - 1
		failed = also(failed, s.closers[last]())
		s.closers = s.closers[:last]
	}
	return worse(err, failed)
}

// end ends a run that has begun its report: what was recorded is on disk, the report
// has its end line, and all is closed. It completes the summary, which says Stopped
// where anything of that failed, and returns what went wrong, err included.
func (s *session) end(summary contact.Summary, err error) (contact.Summary, error) {
	summary.Run, summary.Report = s.run, s.path
	if s.state != nil {
		err = also(err, s.state.Commit())
	}
	summary = stoppedBy(summary, err)
	summary.Duration = contact.Seconds(time.Since(s.began))
	err = s.close(also(err, s.report.End(summary)))
	return stoppedBy(summary, err), err
}

// maxReason bounds why a run was stopped, as its summary says it, in bytes.
const maxReason = 4000

// stoppedBy is the summary of a run that ended with an error, or with none.
func stoppedBy(s contact.Summary, err error) contact.Summary {
	if err != nil {
		s.Status, s.Reason = contact.Stopped, plain.Cut(err.Error(), maxReason)
	}
	return s
}
