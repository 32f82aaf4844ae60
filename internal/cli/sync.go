package cli

import (
	"errors"
	"io/fs"
	"net/url"
	"os"

	"importer/importer/change"
	"importer/importer/contact"
	"importer/internal/files"
	"importer/internal/names"
	"importer/internal/sandbox"
	"importer/internal/state"
	"importer/sink"
	"importer/sink/journal"
)

// openState opens the state of a sync: what the last run left. It is locked until it
// is closed. In the mode create there is none.
func (s *session) openState() (err error) {
	if s.c.Mode == "create" {
		return nil
	}
	s.state, err = state.Open(s.c.Sync.State, s.stateOptions())
	if err == nil {
		s.moved("the state", s.state.Replaced, s.state.Because)
	}
	return s.keep(s.state, err)
}

func (s *session) stateOptions() state.Options {
	return state.Options{BaseURL: s.baseURL, ProjectID: s.c.API.ProjectID, Rehearsal: isSandbox, Unnamed: !s.c.StateNamed}
}

// hasState tells whether a run left a state, or something else stands at its name.
func (s *session) hasState() bool {
	look := os.Stat
	if !s.c.StateNamed {
		look = os.Lstat
	}
	_, err := look(s.c.Sync.State)
	return !errors.Is(err, fs.ErrNotExist)
}

// isSandbox tells whether nobody will miss what an import left in a project: it is that
// of a sandbox, in this process or of importer sandbox on this machine.
func isSandbox(baseURL, projectID string) bool {
	if baseURL == "sandbox" {
		return true
	}
	u, err := url.Parse(baseURL)
	return err == nil && names.IsLoopback(u.Hostname()) && projectID == sandbox.DefaultProjectID
}

// moved takes note of a report or state that was set aside; of none, with an empty path.
func (s *session) moved(what, to, why string) {
	if to == "" {
		return
	}
	s.setAside = append(s.setAside, sink.SetAside{Path: to, Why: why})
	s.log.Warn().Str("moved_to", to).Msg(what + " was set aside: " + why + "; this run begins a new one")
}

// openReport opens the report of an import.
func (s *session) openReport() (err error) {
	s.path = s.reportPath()
	o := s.reportOptions(s.c.Mode, s.c.Source.Paths)
	o.Restart, o.Unnamed = s.c.Restart, s.c.Report.Path == ""
	if s.state != nil {
		s.report, err = s.openSyncReport(o)
	} else {
		s.report, err = journal.Open(s.path, o)
	}
	if err == nil {
		s.moved("the report", s.report.Replaced, s.report.Because)
	}
	return s.keep(s.report, err)
}

// reportOptions are those of a report that the session writes.
func (s *session) reportOptions(mode string, sources []string) journal.Options {
	return journal.Options{
		Header:    journal.Header{Run: s.run, Version: s.env.Version, Mode: mode, Sources: sources, BaseURL: s.baseURL, ProjectID: s.c.API.ProjectID, IDRule: contact.IDRule},
		Rehearsal: isSandbox, Redact: s.c.Report.Redact, Window: s.rules.rate.Window,
	}
}

// openSyncReport opens the report of a sync. It is about one run, with all that it
// took to bring it to its end: the next one sets it aside, unless nothing had to be
// done. Before that, the state takes from it what it does not hold yet, because a
// run may have been killed between the two.
func (s *session) openSyncReport(o journal.Options) (*journal.Journal, error) {
	restart := o.Restart
	o.Restart, o.Successor = false, true
	report, err := journal.Open(s.path, o)
	var corrupt *journal.CorruptError
	if restart && errors.As(err, &corrupt) {
		s.log.Warn().Err(err).Msg("what this report says is not taken into the state; --restart moves it aside")
	} else if err != nil {
		return nil, err
	} else {
		if err := s.catchUp(report); err != nil {
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
	if report, err = journal.Open(s.path, o); err != nil {
		return nil, err
	}
	s.state.From(report.ID(), report.Size)
	return report, nil
}

// catchUp brings into the state what the report says and the state does not
// hold. A state that was lost begins with the reports that were set aside.
func (s *session) catchUp(report *journal.Journal) error {
	take := func(o *contact.Outcome) error { return s.state.Record(o) }
	if s.state.Len() == 0 {
		reports, err := journal.Aside(s.path)
		if err != nil {
			return err
		}
		for _, aside := range reports {
			if err := files.Foreign(aside); err != nil {
				s.log.Warn().Err(err).Msg("what this report says is not taken into the state")
				continue
			}
			header, err := journal.ReadHeader(aside)
			if err != nil || header.BaseURL != s.state.BaseURL || header.ProjectID != s.state.ProjectID {
				continue // of another import
			}
			if err := eachOutcome(aside, 0, take); err != nil {
				s.log.Warn().Err(err).Msg("what this report says is not taken into the state")
			}
		}
	}
	held, err := s.state.Holds(report.ID())
	if err == nil && held < report.Size() {
		err = eachOutcome(s.path, held, take)
	}
	if err != nil {
		return err
	}
	s.state.From(report.ID(), report.Size)
	return s.state.Commit()
}

// eachOutcome passes on the outcomes of a report, from a place in it on.
func eachOutcome(path string, from int64, take func(*contact.Outcome) error) error {
	for o, err := range journal.Outcomes(path, from) {
		if err == nil {
			err = take(o)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mirror is what a mirror does with what the source no longer holds; nil in other
// modes.
func (s *session) mirror() *change.Mirror {
	if s.c.Mode != "mirror" {
		return nil
	}
	guard := change.Guard{Max: int64(s.c.Sync.Guard.Max), Percent: s.c.Sync.Guard.Percent}
	return &change.Mirror{
		Missing: s.rules.missing, RemoveAdopted: s.c.Sync.Adopted == "remove", Guard: guard, AllowRemovals: s.c.AllowRemovals,
	}
}

// behaviour is what is known of the API: what the settings say of it goes before what
// was found out.
func (s *session) behaviour() contact.Behaviour {
	b := s.learned
	switch s.c.Sync.Patch {
	case "merge":
		b.Patch = contact.PatchMerges
	case "replace":
		b.Patch = contact.PatchReplaces
	}
	return b
}
