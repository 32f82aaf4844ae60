// Package session is what one run of a command works with: its settings, the client of
// the project and its pace, the source, the state, the report. Here is what opens all that in
// the right order, for an import, for a check that writes nothing, and for a command that looks
// back at a report; what is done with it, and what is printed, is for package cli.
package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/rs/zerolog"

	"importer/importer/contact"
	"importer/importer/idrule"
	"importer/importer/pace"
	"importer/internal/address"
	"importer/internal/cognigy"
	"importer/internal/commandline"
	"importer/internal/config"
	"importer/internal/live"
	"importer/internal/plain"
	"importer/internal/reconcile"
	"importer/internal/sandbox"
	"importer/internal/state"
	"importer/internal/store"
	"importer/sink"
	"importer/sink/journal"
	"importer/sink/rejects"
	"importer/source"
)

// An Env is what a command gets from the process it runs in.
type Env struct {
	Getenv  func(string) string
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Version string
	Program string // as it was called, for the commands that the summary names; empty: importer

	Printed *bool           // the object of --json was
	Context context.Context // of the command, for what waits for a source

	// Store is one that is open already, for all runs of a process; nil: each opens the one
	// that its settings name. Whoever opened it closes it.
	Store *store.Store
}

// A Session is what one run of a command works with. A command opens the parts that
// it needs, in the order in which they need each other, and Close frees them, the
// last first. It has one owner.
type Session struct {
	Config config.Config
	Env    Env
	Line   commandline.Line
	Rules  rules
	Began  time.Time
	Run    string // a ULID

	Display  *live.Display
	Log      zerolog.Logger // above the display
	Progress contact.Progress
	reached  atomic.Bool // a request got as far as the API, or what stands before it
	BaseURL  string      // as reports and states name it: "sandbox" for one inside this process; empty where none is set

	learned contact.Behaviour // of the API, as it was learned; zero: nothing was

	Pacer  *pace.Pacer // of this run alone until connect shares it
	Client *cognigy.Client
	Watch  *live.Watch // of the requests of client; nil: nobody watches

	Input     *source.Input
	Corrects  bool           // the input is reject files, whose rows belong to a report that is there
	origin    idrule.Rules   // where the contact ids of that report come from
	behind    string         // which configuration the source is read by, where that does not name it
	State     *state.State   // nil: none is needed
	store     *store.Store   // nil: all is in files
	Reports   journal.Keeper // of all reports of the command
	Path      string         // of the report: the name under which it is kept
	Report    *journal.Journal
	Rejects   *rejects.Rejects
	Listing   state.Listing // of who is in the project
	Told      int           // notices of the source that were told when it was opened
	StopWatch func() error

	Journal *journal.Snapshot // what a check reads of the report
	holds   bool              // the report has contacts that a lost state is made anew from
	before  idrule.Rules      // of the report, by which it knows contacts still

	SetAside []sink.SetAside // reports and states of other imports that stood in the way

	closers []func() error // of what is open, in the order of opening
}

// New reads the settings. Nothing is open yet.
func New(c config.Config, env Env) (*Session, error) {
	if c.Quiet { // who wants to hear nothing of success
		if c.Log.Level == "info" {
			c.Log.Level = "warn"
		}
		if c.Progress == "auto" {
			c.Progress = "none"
		}
	}
	s := &Session{Config: c, Env: env, Began: time.Now(), Run: ulid.Make().String(), Reports: journal.Files{}}
	var err error
	if s.Rules, err = readRules(c); err != nil {
		return nil, err
	}
	s.Display = live.NewDisplay(env.Stderr, c.Progress, env.Getenv)
	if s.Log, err = s.Display.Logger(c.Log); err != nil {
		return nil, err
	}
	if c.Found {
		s.Log.Info().Str("config", c.File).Msg("this run goes by the configuration that was found in this folder")
	}
	if err := s.checkNames(); err != nil {
		return nil, err
	}
	s.Pacer = pace.NewPacer(s.Rules.Rate, pace.PacerOptions{})
	switch {
	case c.Sandbox: // its address changes from run to run
		s.BaseURL, s.Config.API.ProjectID = "sandbox", sandbox.DefaultProjectID
	case c.API.BaseURL != "":
		if s.BaseURL, err = cognigy.NormalizeBaseURL(c.API.BaseURL); err != nil {
			return nil, config.Errorf("--base-url (api.base_url, $COGNIGY_BASE_URL): %w", err)
		}
		s.Config.API.BaseURL = s.BaseURL
	}
	return s, nil
}

// ReportPath is where the report of an import is. One that none was named for is in
// the working directory, under the name of the first source.
func (s *Session) ReportPath() string {
	if s.Config.Report.Path != "" {
		return s.kept(s.Config.Report.Path)
	}
	name := s.Input.Sources()[0].Name
	if name == "-" {
		name = "stdin"
	}
	return s.kept(address.Base(name) + ".report.ndjson")
}

func (s *Session) View() live.View {
	return live.View{Progress: &s.Progress, Pacer: s.Pacer, Input: s.Input, Started: time.Now(), Redact: s.Config.Report.Redact, Limit: s.Config.Limit}
}

// OnClose has close call f, before what was opened earlier is closed.
func (s *Session) OnClose(f func() error) { s.closers = append(s.closers, f) }

// keep has Close close what was opened, and returns the error of opening it. That a
// file belongs to something else, or does not go with another, is one of the command line.
func (s *Session) keep(opened io.Closer, err error) error {
	var report *journal.MismatchError
	var known *state.MismatchError
	var apart *reconcile.RefusedError
	switch {
	case errors.As(err, &report) && s.Corrects:
		return config.Errorf("the rows of a reject file belong to the import that refused them, in %s: its %s is %q, and this run's is %q; import the file there, or take the column _ref out, and its rows are an import of their own",
			report.Report, report.What, report.Was, report.Now)
	case errors.As(err, &report), errors.As(err, &known), errors.As(err, &apart):
		ruled := report != nil && report.IsIDRule() || known != nil && known.IsIDRule()
		if ruled && s.Config.File != "" {
			err = fmt.Errorf("%w. This run goes by %s; without a configuration the columns go by their names", err, s.Config.File)
		}
		return usage(err)
	case err != nil:
		return err
	}
	s.OnClose(opened.Close)
	return nil
}

// Close closes what is open. It may be called again.
func (s *Session) Close() (failed error) {
	for len(s.closers) > 0 {
		last := len(s.closers) - 1
		failed = Also(failed, s.closers[last]())
		s.closers = s.closers[:last]
	}
	return failed
}

// End ends a run that has begun its report: what was recorded is on disk, the report
// has its end line, and all is closed. It completes the summary, which says Stopped
// where anything of that failed, and returns what went wrong, err included.
func (s *Session) End(summary contact.Summary, err error) (contact.Summary, error) {
	summary.Run, summary.Report = s.Run, s.Path
	also := func(next error) { err = Also(err, s.cutShort(&summary, next)) }
	if s.State != nil {
		also(s.State.Commit())
	}
	summary = StoppedBy(summary, err)
	summary.Duration = contact.Seconds(time.Since(s.Began))
	also(s.Report.End(summary))
	also(s.Close())
	return StoppedBy(summary, err), err
}

// maxReason bounds why a run was stopped, as its summary says it, in bytes.
const maxReason = 4000

// StoppedBy is the summary of a run that ended with an error, or with none.
func StoppedBy(s contact.Summary, err error) contact.Summary {
	if err != nil {
		s.Status, s.Reason = contact.Stopped, plain.Cut(err.Error(), maxReason)
	}
	return s
}

// Also joins the errors of next to err, but for those that err holds already, or that hold
// err: a report that failed says so to everybody who asks it.
func Also(err, next error) error {
	if joined, ok := next.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			err = Also(err, e)
		}
		return err
	}
	if next == nil || errors.Is(err, next) {
		return err
	}
	if err != nil && errors.Is(next, err) { // it says more
		return next
	}
	return errors.Join(err, next)
}

// usage makes an error of a command line out of err.
func usage(err error) error { return config.Errorf("%w", err) }
