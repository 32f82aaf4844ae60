package cli

import (
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
	over := ""
	switch {
	case s.baseURL == inProcess:
		over = "it was of a rehearsal in a sandbox"
	case s.c.Restart:
		over = "it was of another id rule, and this run begins anew"
	}
	return state.Options{
		BaseURL: s.baseURL, ProjectID: s.c.API.ProjectID, Rehearsal: isSandbox,
		IDs: s.idRules(), Adopt: s.c.Adopt, Over: over, Redact: s.c.Report.Redact, Unnamed: !s.c.StateNamed,
	}
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

// inProcess is the base URL of a sandbox inside this process.
const inProcess = "sandbox"

// isSandbox tells whether nobody will miss what an import left in a project: it is that
// of a sandbox, in this process or of importer sandbox on this machine.
func isSandbox(baseURL, projectID string) bool {
	if baseURL == inProcess {
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
	o := s.reportOptions(s.c.Mode, address.AllShown(s.c.Source.Paths))
	o.Restart, o.Unnamed = s.c.Restart, s.c.Report.Path == ""
	if s.state != nil {
		s.report, err = s.openSyncReport(o)
	} else {
		s.report, err = journal.Open(s.path, o)
	}
	if err == nil {
		s.moved("the report", s.report.Replaced, s.report.Because)
	}
	if err = s.keep(s.report, err); err == nil && s.state != nil {
		err = s.state.Corrections(s.report.Keys())
	}
	return err
}

// reportOptions are those of a report that the session writes.
func (s *session) reportOptions(mode string, sources []string) journal.Options {
	return journal.Options{
		Header: journal.Header{
			Run: s.run, Version: s.env.Version, Mode: mode, Sources: sources, BaseURL: s.baseURL, ProjectID: s.c.API.ProjectID,
			IDRule: contact.IDRule, IDs: idrule.Lineage{Now: s.idRules()}, Corrects: s.corrects,
		},
		Rehearsal: isSandbox, Adopt: s.c.Adopt, Over: s.baseURL == inProcess, Redact: s.c.Report.Redact, Window: s.rules.rate.Window,
	}
}

// openSyncReport opens the report of a sync. It is about one run, with all that it
// took to bring it to its end: the next one sets it aside, unless nothing had to be
// done. An update of what an import has in stands in the report of that import. Before that, the state takes from it what it does not hold yet, because a
// run may have been killed between the two.
func (s *session) openSyncReport(o journal.Options) (*journal.Journal, error) {
	restart := o.Restart
	o.Restart, o.Successor = false, true
	report, err := journal.Open(s.path, o)
	_, isCorrupt := errors.AsType[*journal.CorruptError](err)
	other, isOther := errors.AsType[*journal.MismatchError](err)
	if restart && (isCorrupt || isOther && other.IsIDRule()) {
		s.log.Warn().Err(err).Msg("what this report says is not taken into the state; --restart moves it aside")
		if _, err := s.catchUp(journal.Outline{}, restart); err != nil {
			return nil, err
		}
		return s.nextReport(o)
	}
	if err != nil {
		return nil, err
	}
	err = s.state.Follow(report.Lineage())
	ended := false
	if err == nil {
		ended, err = s.catchUp(report.Outline(), restart)
	}
	if err != nil {
		return nil, errors.Join(err, report.Close())
	}
	nothingDone := report.Mode() == s.c.Mode && report.Keys().Len() == 0
	stays := report.Mode() == "create" && s.c.Mode == "update" // and is that of the import
	if !restart && !ended && (nothingDone || !report.Whole() || stays || s.corrects) {
		id, err := s.state.ID()
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
func (s *session) nextReport(o journal.Options) (*journal.Journal, error) {
	last, err := s.state.Last()
	if err != nil {
		return nil, err
	}
	if o.Header.State, err = s.state.ID(); err != nil {
		return nil, err
	}
	o.Restart, o.Header.After = true, last.Report
	return journal.Open(s.path, o)
}

// reports has the state go together with the reports.
func (s *session) reports() *reconcile.Sync {
	l := &reconcile.Sync{State: s.state, StatePath: s.c.Sync.State, Report: s.path, Knows: s.knows, Log: s.log}
	if folder, err := cognigy.StateFolder(s.env.Getenv); err == nil && !s.c.Sandbox {
		l.Folder = folder
	}
	return l
}

// catchUp has the state know what the reports say. Where it cannot be relied on, and
// restart is the way out, it is set aside.
func (s *session) catchUp(now journal.Outline, restart bool) (ended bool, err error) {
	before := s.state.Replaced
	ended, err = s.reports().CatchUp(now, restart)
	if s.state.Replaced != before {
		s.moved("the state", s.state.Replaced, s.state.Because)
	}
	if err != nil {
		return ended, err
	}
	anew, err := s.state.Anew()
	if anew && s.rules.discovery == whose.DiscoverNobody {
		s.log.Warn().Msg("--existing (existing) is ignore, and the state was begun anew: this run finds out who is in the project, so that nobody is created twice")
		s.rules.discovery = whose.DiscoverAuto
	}
	return ended, err
}

// beginSync has the state record from the report of a sync, in which the run has begun.
func (s *session) beginSync() error {
	if s.state == nil {
		return nil
	}
	return s.reports().Begin(s.report, s.run)
}

// eachOutcome passes on the outcomes of a report.
func eachOutcome(path string, take func(*contact.Outcome) error) error {
	for o, err := range journal.Outcomes(path) {
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
	if s.c.Mode != "mirror" || s.corrects || s.input.IsRejects() {
		return nil // nobody is missing from a part of the source
	}
	guard := change.Guard{Max: int64(s.c.Sync.Guard.Max), Percent: s.c.Sync.Guard.Percent}
	return &change.Mirror{
		Changed: s.input.Changed,
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
