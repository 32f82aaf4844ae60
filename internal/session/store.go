package session

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/rs/zerolog"

	"importer/importer/contact"
	"importer/importer/pace"
	"importer/importer/pace/ledger"
	"importer/internal/config"
	"importer/internal/live"
	"importer/internal/state"
	"importer/internal/store"
	"importer/internal/store/address"
)

// OpenStore opens the store that the settings name, if they name one: report, state and
// quota are kept there then, and nothing is sent without its lease. It may be called again.
func (s *Session) OpenStore(ctx context.Context) error {
	if s.Config.Store == "" || s.store != nil {
		return nil
	}
	if s.Env.Store != nil {
		s.store, s.Reports = s.Env.Store, s.Env.Store.Reports(s.BaseURL, s.Config.API.ProjectID)
		return nil
	}
	if warning := s.Config.StoreReaders(); warning != "" && address.HasPassword(string(s.Config.Store)) {
		s.Log.Warn().Msg(warning)
	}
	o := storeOptions(s.Config, s.Env, s.Log)
	o.Away = live.StoreAway(&s.Progress, s.Log)
	opened, err := store.Open(ctx, o)
	if err != nil {
		return asUsage(err)
	}
	s.store, s.Reports = opened, opened.Reports(s.BaseURL, s.Config.API.ProjectID)
	s.OnClose(opened.Close)
	return nil
}

// storeOptions are what the settings say of the store.
func storeOptions(c config.Config, env Env, log zerolog.Logger) store.Options {
	return store.Options{
		URL: string(c.Store), PasswordAllowed: !c.StoreGiven, Lease: c.Lease,
		Version: env.Version, Process: c.Mode, Log: log,
	}
}

// LookAtStore looks at the store that the settings name, and changes nothing there.
func (s *Session) LookAtStore(ctx context.Context) (store.Sight, error) {
	seen, err := store.Look(ctx, storeOptions(s.Config, s.Env, s.Log))
	return seen, asUsage(err)
}

// asUsage makes an error of the command line of one of the settings of a store.
func asUsage(err error) error {
	if wrong, ok := errors.AsType[*store.UsageError](err); ok {
		return usage(wrong)
	}
	return err
}

// cutShort takes out of what went wrong with a run that was interrupted that its store was
// not waited for. The summary and the log say so: the next run looks up what is not recorded.
func (s *Session) cutShort(summary *contact.Summary, err error) error {
	short, ok := errors.AsType[*store.CutShortError](err)
	if !ok || summary.Status != contact.Interrupted {
		return err
	}
	if summary.Reason != contact.UnrecordedReason {
		s.Log.Warn().Msg(short.Error())
	}
	summary.Reason = contact.UnrecordedReason
	return nil
}

// Gate lets the requests pass of a run that holds its report in a store; nil: nothing is
// in their way.
func (s *Session) Gate() pace.Gate {
	if s.store == nil || s.Report == nil {
		return nil
	}
	return s.store.Lease()
}

// kept is the name under which a report is kept whose file would be there: in a store
// there are no folders.
func (s *Session) kept(path string) string {
	if s.Config.Store == "" || path == "" {
		return path
	}
	return store.ReportName(filepath.Base(path))
}

// checkNames refuses a report or state whose file would have no name that a store could
// keep it under.
func (s *Session) checkNames() error {
	for setting, path := range map[string]string{"--report (report.path)": s.Config.Report.Path, "--state (sync.state)": s.Config.Sync.State} {
		if name := s.kept(path); s.Config.Store != "" && path != "" && (name == "" || name == "." || name == string(filepath.Separator)) {
			return config.Errorf("%s is %s, which is no name to keep it under in a store: name it as a file, such as contacts.csv", setting, contact.Printable(path))
		}
	}
	return nil
}

// statePath is where the state of a sync is kept: a file, or a name in the store.
func (s *Session) statePath() string {
	if s.store == nil {
		return s.Config.Sync.State
	}
	return filepath.Base(s.Config.Sync.State)
}

// shelf is where a store keeps the state of a sync; nil: it is a file.
func (s *Session) shelf() state.Shelf {
	if s.store == nil {
		return nil
	}
	return s.store.Shelf(s.BaseURL, s.Config.API.ProjectID, s.statePath())
}

// joinLedger has the requests of this run counted together with those of the others that
// leave from the same address: of this machine, or of all that use the store.
func (s *Session) joinLedger(ctx context.Context) (*ledger.Ledger, error) {
	if s.store == nil {
		return ledger.Open(s.Config.API.BaseURL, s.Rules.Rate)
	}
	pool := s.store.Quota(ledger.Pool(s.Config.API.BaseURL, s.Config.RatePool))
	return ledger.Join(ctx, pool, s.Rules.Rate, ledger.Options{Lease: s.Config.Lease, Away: live.StoreAway(&s.Progress, s.Log)})
}

// keepSettings keeps those of the run in the store, where there is one.
func (s *Session) keepSettings(ctx context.Context) error {
	if s.store == nil {
		return nil
	}
	claim := s.store.Held(s.reportID(s.Path))
	settings, err := s.Config.Effective()
	if err != nil || claim == nil {
		return err
	}
	return claim.SetConfig(ctx, settings)
}
