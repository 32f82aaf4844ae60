package session

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"

	"importer/importer/change"
	"importer/importer/contact"
	"importer/importer/idrule"
	"importer/importer/whose"
	"importer/internal/address"
	"importer/internal/cognigy"
	"importer/internal/names"
	"importer/internal/reconcile"
	"importer/internal/sandbox"
	"importer/internal/state"
	"importer/sink"
	"importer/sink/journal"
)

// openState opens the state of a sync: what the last run left. It is locked until it
// is closed. In the mode create there is none.
func (s *Session) openState() (err error) {
	if s.Config.Mode == "create" {
		return nil
	}
	if s.Config.Mode == "mirror" && s.Config.Limit > 0 {
		s.Log.Warn().Msg("--limit (limit) is set: this run removes nobody")
	}
	s.State, err = state.Open(s.statePath(), s.stateOptions())
	if err == nil {
		s.moved("the state", s.State.Replaced, s.State.Because)
	}
	return s.keep(s.State, err)
}

func (s *Session) stateOptions() state.Options {
	over := ""
	switch {
	case s.BaseURL == inProcess:
		over = "it was of a rehearsal in a sandbox"
	case s.Config.Restart:
		over = "it was of another id rule, and this run begins anew"
	}
	return state.Options{
		BaseURL: s.BaseURL, ProjectID: s.Config.API.ProjectID, Rehearsal: IsSandbox,
		IDs: s.idRules(), Adopt: s.Config.Adopt, Over: over, Redact: s.Config.Report.Redact, Unnamed: !s.Config.StateNamed,
		Shelf: s.shelf(),
	}
}

// hasState tells whether a run left a state, or something else stands at its name.
func (s *Session) hasState(ctx context.Context) (bool, error) {
	if s.store != nil {
		return s.store.Shelf(s.BaseURL, s.Config.API.ProjectID, s.statePath()).Exists(ctx)
	}
	look := os.Stat
	if !s.Config.StateNamed {
		look = os.Lstat
	}
	_, err := look(s.Config.Sync.State)
	return !errors.Is(err, fs.ErrNotExist), nil
}

// inProcess is the base URL of a sandbox inside this process.
const inProcess = "sandbox"

// IsSandbox tells whether nobody will miss what an import left in a project: it is that
// of a sandbox, in this process or of importer sandbox on this machine.
func IsSandbox(baseURL, projectID string) bool {
	if baseURL == inProcess {
		return true
	}
	u, err := url.Parse(baseURL)
	return err == nil && names.IsLoopback(u.Hostname()) && projectID == sandbox.DefaultProjectID
}

// moved takes note of a report or state that was set aside; of none, with an empty path.
func (s *Session) moved(what, to, why string) {
	if to == "" {
		return
	}
	s.SetAside = append(s.SetAside, sink.SetAside{Path: to, Why: why})
	s.Log.Warn().Str("moved_to", to).Msg(what + " was set aside: " + why + "; this run begins a new one")
}

// openReport opens the report of an import.
func (s *Session) openReport() (err error) {
	s.Path = s.ReportPath()
	o := s.reportOptions(s.Config.Mode, address.AllShown(s.Config.Source.Paths))
	o.Restart, o.Unnamed = s.Config.Restart, s.Config.Report.Path == ""
	if s.State != nil {
		s.Report, err = s.openSyncReport(o)
	} else {
		s.Report, err = journal.Open(s.Reports, s.Path, o)
	}
	if err == nil {
		s.moved("the report", s.Report.Replaced, s.Report.Because)
	}
	if err = s.keep(s.Report, err); err == nil && s.State != nil {
		err = s.State.Corrections(s.Report.Keys())
	}
	return err
}

// reportOptions are those of a report that the session writes.
func (s *Session) reportOptions(mode string, sources []string) journal.Options {
	return journal.Options{
		Header: journal.Header{
			Run: s.Run, Version: s.Env.Version, Mode: mode, Sources: sources, BaseURL: s.BaseURL, ProjectID: s.Config.API.ProjectID,
			IDRule: contact.IDRule, IDs: idrule.Lineage{Now: s.idRules()}, Corrects: s.Corrects,
		},
		Rehearsal: IsSandbox, Adopt: s.Config.Adopt, Over: s.BaseURL == inProcess, Redact: s.Config.Report.Redact, Window: s.Rules.Rate.Window,
	}
}

// openSyncReport opens the report of a sync. It is about one run, with all that it
// took to bring it to its end: the next one sets it aside, unless nothing had to be
// done. An update of what an import has in stands in the report of that import. Before that, the state takes from it what it does not hold yet, because a
// run may have been killed between the two.
func (s *Session) openSyncReport(o journal.Options) (*journal.Journal, error) {
	restart := o.Restart
	o.Restart, o.Successor = false, true
	report, err := journal.Open(s.Reports, s.Path, o)
	_, isCorrupt := errors.AsType[*journal.CorruptError](err)
	other, isOther := errors.AsType[*journal.MismatchError](err)
	if restart && (isCorrupt || isOther && other.IsIDRule()) {
		s.Log.Warn().Err(err).Msg("what this report says is not taken into the state; --restart moves it aside")
		if _, err := s.catchUp(journal.Outline{}, restart); err != nil {
			return nil, err
		}
		return s.nextReport(o)
	}
	if err != nil {
		return nil, err
	}
	err = s.State.Follow(report.Lineage())
	ended := false
	if err == nil {
		ended, err = s.catchUp(report.Outline(), restart)
	}
	if err != nil {
		return nil, errors.Join(err, report.Close())
	}
	nothingDone := report.Mode() == s.Config.Mode && report.Keys().Len() == 0
	stays := report.Mode() == "create" && s.Config.Mode == "update" // and is that of the import
	if !restart && !ended && (nothingDone || !report.Whole() || stays || s.Corrects) {
		id, err := s.State.ID()
		if err != nil {
			return nil, errors.Join(err, report.Close())
		}
		report.Beside(id)
		return report, nil
	}
	if err := report.Close(); err != nil {
		return nil, err
	}
	o.After = report
	return s.nextReport(o)
}

// nextReport begins the report behind the one that the state was recorded from last.
func (s *Session) nextReport(o journal.Options) (*journal.Journal, error) {
	last, err := s.State.Last()
	if err != nil {
		return nil, err
	}
	if o.Header.State, err = s.State.ID(); err != nil {
		return nil, err
	}
	o.Restart, o.Header.After = true, last.Report
	return journal.Open(s.Reports, s.Path, o)
}

// Together has the state go together with the reports.
func (s *Session) Together() *reconcile.Sync {
	l := &reconcile.Sync{State: s.State, StatePath: s.statePath(), Reports: s.Reports, Report: s.Path, Knows: s.knows, Log: s.Log}
	if folder, err := cognigy.StateFolder(s.Env.Getenv); err == nil && !s.Config.Sandbox && s.store == nil {
		l.Folder = folder
	}
	return l
}

// catchUp has the state know what the reports say. Where it cannot be relied on, and
// restart is the way out, it is set aside.
func (s *Session) catchUp(now journal.Outline, restart bool) (ended bool, err error) {
	before := s.State.Replaced
	ended, err = s.Together().CatchUp(now, restart)
	if s.State.Replaced != before {
		s.moved("the state", s.State.Replaced, s.State.Because)
	}
	if err != nil {
		return ended, err
	}
	anew, err := s.State.Anew()
	if anew && s.Rules.Discovery == whose.DiscoverNobody {
		s.Log.Warn().Msg("--existing (existing) is ignore, and the state was begun anew: this run finds out who is in the project, so that nobody is created twice")
		s.Rules.Discovery = whose.DiscoverAuto
	}
	return ended, err
}

// beginSync has the state record from the report of a sync, in which the run has begun.
func (s *Session) beginSync() error {
	if s.State == nil {
		return nil
	}
	return s.Together().Begin(s.Report, s.Run)
}

// EachOutcome passes on the outcomes of the report.
func (s *Session) EachOutcome(take func(*contact.Outcome) error) error {
	for o, err := range journal.Outcomes(s.Reports, s.Path) {
		if err == nil {
			err = take(o)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Mirror is what a mirror does with what the source no longer holds; nil in other
// modes.
func (s *Session) Mirror() *change.Mirror {
	if s.Config.Mode != "mirror" || s.Corrects || s.Input.IsRejects() || s.Config.Limit > 0 {
		return nil // nobody is missing from a part of the source
	}
	guard := change.Guard{Max: int64(s.Config.Sync.Guard.Max), Percent: s.Config.Sync.Guard.Percent}
	return &change.Mirror{
		Changed: s.Input.Changed,
		Missing: s.Rules.missing, RemoveAdopted: s.Config.Sync.Adopted == "remove", Guard: guard, AllowRemovals: s.Config.AllowRemovals,
	}
}

// Behaviour is what is known of the API: what the settings say of it goes before what
// was found out.
func (s *Session) Behaviour() contact.Behaviour {
	b := s.learned
	switch s.Config.Sync.Patch {
	case "merge":
		b.Patch = contact.PatchMerges
	case "replace":
		b.Patch = contact.PatchReplaces
	}
	return b
}
