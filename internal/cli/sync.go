package cli

import (
	"errors"

	"github.com/rs/zerolog"

	"importer/importer"
	"importer/importer/change"
	"importer/internal/config"
	"importer/internal/state"
	"importer/sink/journal"
)

// A syncing is what the modes upsert and mirror have besides: the state that the
// last run left. Of the mode create it is empty, and does nothing.
type syncing struct {
	c     config.Config
	state *state.State
}

// openSync opens the state of a sync. It is locked until it is closed.
func openSync(c config.Config, baseURL string) (*syncing, error) {
	s := &syncing{c: c}
	if c.Mode == "create" {
		return s, nil
	}
	var err error
	s.state, err = state.Open(c.Sync.State, state.Options{BaseURL: baseURL, ProjectID: c.API.ProjectID})
	return s, mismatchIsUsage(err)
}

// openReport opens the report of the run. That of a sync is about one run, with
// all that it took to bring it to its end: the next one sets it aside, unless
// nothing had to be done. Before that, the state takes from it what it does not
// hold yet, for a run may have been killed between the two.
func (s *syncing) openReport(path string, log zerolog.Logger, o journal.Options) (*journal.Report, error) {
	if s.state == nil {
		return journal.OpenReport(path, o)
	}
	restart := o.Restart
	o.Restart, o.Successor = false, true
	report, err := journal.OpenReport(path, o)
	var corrupt *journal.CorruptError
	if restart && errors.As(err, &corrupt) {
		log.Warn().Err(err).Msg("what this report tells is not taken into the state; --restart moves it aside")
	} else if err != nil {
		return nil, err
	} else {
		if err := s.catchUp(path, report, log); err != nil {
			return nil, errors.Join(err, report.Close())
		}
		nothingDone := report.Mode() == s.c.Mode && report.Keys().Len() == 0
		if !restart && (nothingDone || !report.Whole()) {
			return report, nil
		}
		if err := report.Close(); err != nil {
			return nil, err
		}
		o.After = report
	}
	o.Restart = true
	if report, err = journal.OpenReport(path, o); err != nil {
		return nil, err
	}
	s.state.From(report.ID(), report.Size)
	return report, nil
}

// catchUp brings into the state what the report tells and the state does not
// hold. A state that was lost begins with the reports that were set aside.
func (s *syncing) catchUp(path string, report *journal.Report, log zerolog.Logger) error {
	if s.state.Len() == 0 {
		for _, aside := range journal.Aside(path) {
			header, err := journal.ReadHeader(aside)
			if err != nil || header.BaseURL != s.state.BaseURL() || header.ProjectID != s.state.ProjectID() {
				continue // of another import
			}
			if err := s.record(aside, 0); err != nil {
				log.Warn().Err(err).Msg("what this report tells is not taken into the state")
			}
		}
	}
	held, err := s.state.Holds(report.ID())
	if err != nil {
		return err
	}
	if held < report.Size() {
		if err := s.record(path, held); err != nil {
			return err
		}
	}
	s.state.From(report.ID(), report.Size)
	return s.state.Commit()
}

func (s *syncing) record(path string, from int64) error {
	for o, err := range journal.Outcomes(path, from) {
		if err != nil {
			return err
		}
		if err := s.state.Record(o); err != nil {
			return err
		}
	}
	return nil
}

// configure tells the run about the sync.
func (s *syncing) configure(o *importer.Options) {
	if s.state == nil {
		return
	}
	o.State, o.RefreshAfter, o.KeepPrevious = s.state, s.c.Sync.RefreshAfter, s.c.Report.KeepPrevious
	if s.c.Mode == "mirror" {
		o.Mirror = mirrorOf(s.c)
	}
}

func mirrorOf(c config.Config) *change.Mirror {
	missing, _ := change.ParseMissing(c.Sync.Missing) // validated with the settings
	return &change.Mirror{
		Missing:       missing,
		Guard:         change.Guard{Max: int64(c.Sync.Guard.Max), Percent: c.Sync.Guard.Percent},
		AllowRemovals: c.AllowRemovals,
	}
}

func (s *syncing) close() error {
	if s.state == nil {
		return nil
	}
	return s.state.Close()
}

// mismatchIsUsage makes an error of the command line of one about a file that
// belongs to something else.
func mismatchIsUsage(err error) error {
	var report *journal.MismatchError
	var state *state.MismatchError
	if errors.As(err, &report) || errors.As(err, &state) {
		return usage(err)
	}
	return err
}
