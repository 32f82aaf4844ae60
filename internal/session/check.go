package session

import (
	"cmp"
	"context"
	"errors"

	"importer/importer/contact"
	"importer/importer/idrule"
	"importer/internal/config"
	"importer/internal/reconcile"
	"importer/internal/state"
	"importer/sink/journal"
)

// OpenCheck opens what a check needs: the client only where the settings say which
// project there is to be asked about.
func (s *Session) OpenCheck(ctx context.Context) error {
	under := func(open func(context.Context) error) func() error {
		return func() error { return open(ctx) }
	}
	for _, open := range []func() error{s.recall, under(s.OpenStore), s.OpenSource, s.findOrigin, under(s.readJournal), under(s.openKnown), s.followEarlier} {
		if err := open(); err != nil {
			return err
		}
	}
	reads := s.Config.Verbose && s.State != nil
	if s.Config.Sandbox || !reads && s.Config.API.Validate() != nil {
		return nil
	}
	return s.connect(ctx)
}

// readJournal reads what the report says, where the next run would go on with it: the
// report of a sync that went to its end is set aside.
func (s *Session) readJournal(ctx context.Context) error {
	s.Path = s.ReportPath()
	if s.store != nil && (s.BaseURL == "" || s.Config.API.ProjectID == "") {
		if _, err := s.pickReport(ctx, s.Path); err != nil {
			return err
		}
	}
	o := journal.Options{Rehearsal: IsSandbox, Adopt: s.Config.Adopt, Over: s.BaseURL == inProcess, Redact: s.Config.Report.Redact, Restart: s.Config.Restart, Window: s.Rules.Rate.Window, Successor: s.Config.Mode != "create", Unnamed: s.Config.Report.Path == ""}
	if header, err := journal.ReadHeader(s.Reports, s.Path); err == nil {
		// Without an address and a project, those of the report are as good.
		o.Header = journal.Header{Mode: s.Config.Mode, BaseURL: cmp.Or(s.BaseURL, header.BaseURL), ProjectID: cmp.Or(s.Config.API.ProjectID, header.ProjectID), IDs: idrule.Lineage{Now: s.idRules()}, Corrects: s.Corrects}
	}
	read, err := journal.Read(s.Reports, s.Path, o)
	if err == nil {
		s.holds, s.before = read.Keys().Len() > 0, read.Lineage().Before
	}
	if err == nil && s.Config.Mode != "create" && read.Whole() && !s.Corrects {
		o.Restart = true
		if err = read.Close(); err == nil {
			read, err = journal.Read(s.Reports, s.Path, o)
		}
	}
	s.Journal = read
	return s.keep(read, err)
}

// followEarlier has the rows known by earlier rules of contact ids as well, as followRules of a run.
func (s *Session) followEarlier() error {
	before := s.before
	if s.State != nil {
		before = before.Union(s.State.Lineage().Before)
	}
	s.KnowBy(before)
	return nil
}

// openKnown opens the state of a sync, or one in memory where there is none yet.
func (s *Session) openKnown(ctx context.Context) (err error) {
	if s.Config.Mode == "create" {
		return nil
	}
	there, err := s.hasState(ctx)
	if err != nil {
		return err
	}
	if !there {
		if s.State, err = state.Empty(s.stateOptions()); err == nil && s.holds {
			err = s.EachOutcome(func(o *contact.Outcome) error { return s.State.Record(o) })
		}
		return s.keep(s.State, err)
	}
	if s.BaseURL == "" || s.Config.API.ProjectID == "" {
		return config.Errorf("--mode %s compares with the state of a project: set --base-url (api.base_url, $COGNIGY_BASE_URL) and --project-id (api.project_id, $COGNIGY_PROJECT_ID)", s.Config.Mode)
	}
	o := s.stateOptions()
	o.Stay = true // nothing is moved by a check
	s.State, err = state.Open(s.statePath(), o)
	if err == nil {
		err = s.State.Corrections(s.Journal.Keys())
	}
	if other, ok := errors.AsType[*state.MismatchError](err); ok && other.Spent != "" {
		s.State, err = state.Empty(o)
	}
	if err := s.keep(s.State, err); err != nil {
		return err
	}
	return s.goTogether()
}

// goTogether tells whether the import would refuse the state because of the report. With
// --restart it would set a state aside that cannot be relied on.
func (s *Session) goTogether() error {
	now, err := journal.ReadOutline(s.Reports, s.Path)
	if err != nil { // there is none, or it was complained of
		now = journal.Outline{}
	}
	err = s.Together().Refusal(now)
	refused, ok := errors.AsType[*reconcile.RefusedError](err)
	switch {
	case ok && s.Config.Restart && refused.Stale:
		s.State, err = state.Empty(s.stateOptions())
		return s.keep(s.State, err)
	case ok && s.Config.Restart:
		return nil
	case ok:
		return usage(err)
	}
	return err
}
