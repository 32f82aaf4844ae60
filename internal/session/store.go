package session

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"importer/importer/contact"
	"importer/importer/pace"
	"importer/importer/pace/ledger"
	"importer/internal/config"
	"importer/internal/live"
	"importer/internal/state"
	"importer/internal/store"
	"importer/sink/journal"
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
	if warning := s.Config.StoreReaders(); warning != "" && store.HasPassword(string(s.Config.Store)) {
		s.Log.Warn().Msg(warning)
	}
	o := storeOptions(s.Config, s.Env, s.Log)
	o.Away = live.StoreAway(&s.Progress, zerolog.Nop()) // the store logs it
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

// Kept is a report that is there, and where it is kept.
type Kept struct {
	Reports journal.Keeper
	Name    string

	close func() error
}

// Close frees what it takes to read the report.
func (k *Kept) Close() error {
	if k.close == nil {
		return nil
	}
	return k.close()
}

// OpenKept says where a report is kept that is read by its name alone: in the store that
// flags, environment or configuration name, else it is a file. A store may hold several
// of a name; which is meant, say the base URL and the project, where they are set.
func OpenKept(ctx context.Context, flags *pflag.FlagSet, name string, env Env) (*Kept, error) {
	c, err := config.Unchecked(flags, nil, env.Getenv)
	if err != nil {
		return nil, err
	}
	if c.Store == "" {
		return &Kept{Reports: journal.Files{}, Name: name}, nil
	}
	c.Source.Paths, c.Progress, c.Log.Level = []string{"-"}, "none", "warn" // no source is read
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s, err := New(c, env)
	if err == nil {
		err = s.OpenStore(ctx)
	}
	if err == nil {
		name = s.kept(name)
		err = s.mustPick(ctx, name)
	}
	if err != nil {
		if s != nil {
			err = Also(err, s.Close())
		}
		return nil, err
	}
	return &Kept{Reports: s.Reports, Name: name, close: s.Close}, nil
}

// mustPick is pickReport of a report that has to be there.
func (s *Session) mustPick(ctx context.Context, name string) error {
	there, err := s.pickReport(ctx, name)
	if err == nil && !there {
		err = config.Errorf("the store %s has no report %s", s.store.Name(), contact.Printable(name))
	}
	return err
}

// pickReport has the session read the report of that name that there is in the store,
// whatever project it is of, where the settings do not say which. It is false where there
// is none.
func (s *Session) pickReport(ctx context.Context, name string) (bool, error) {
	all, err := s.store.Find(ctx, store.KindReport, name, "", "")
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(all, func(r store.Run) bool { return r.BaseURL == s.BaseURL && r.ProjectID == s.Config.API.ProjectID }) {
		return true, nil
	}
	all = slices.DeleteFunc(all, func(r store.Run) bool {
		return len(all) > 1 && (s.BaseURL != "" && r.BaseURL != s.BaseURL || s.Config.API.ProjectID != "" && r.ProjectID != s.Config.API.ProjectID)
	})
	switch len(all) {
	case 0:
		return false, nil
	case 1:
		s.Reports = s.store.Reports(all[0].BaseURL, all[0].ProjectID)
		return true, nil
	}
	var of []string
	for _, r := range all {
		of = append(of, projectAt(r.ProjectID, r.BaseURL))
	}
	return false, config.Errorf("the store holds %d reports %s, of %s: say which with $COGNIGY_BASE_URL and $COGNIGY_PROJECT_ID, or --base-url and --project-id",
		len(all), contact.Printable(name), strings.Join(of, ", "))
}
