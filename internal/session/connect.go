package session

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"importer/importer/contact"
	"importer/importer/pace"
	"importer/importer/pace/ledger"
	"importer/internal/cognigy"
	"importer/internal/config"
	"importer/internal/sandbox"
)

// connect makes the client of the project that the settings name, or of a sandbox,
// and the pacer of its requests.
func (s *Session) connect(ctx context.Context) error {
	if s.Config.Sandbox {
		if err := s.StartSandbox(); err != nil {
			return err
		}
	}
	if err := s.Config.API.Validate(); err != nil {
		return err
	}
	if err := s.OpenStore(ctx); err != nil {
		return err
	}
	if err := s.OpenClient(); err != nil {
		return err
	}
	if _, err := s.Share(ctx); err != nil && s.store != nil {
		return err
	} else if err != nil {
		s.Log.Warn().Err(err).Msg("this run paces its requests for itself alone")
	}
	return nil
}

// OpenClient makes the client, which sends nothing yet.
func (s *Session) OpenClient() error {
	api := &s.Config.API
	if api.KeyWarning != "" {
		s.Log.Warn().Msg("api.api_key_file: " + api.KeyWarning)
	}
	trusted, err := Trust(*api)
	if err == nil && !s.Config.Sandbox {
		err = s.checkProxies()
	}
	if err != nil {
		return err
	}
	if s.Client, err = cognigy.New(cognigy.Options{
		Trust:   trusted,
		BaseURL: api.BaseURL, APIKey: string(api.Key), ProjectID: api.ProjectID, Timeout: api.Timeout,
		UserAgent: "importer/" + s.Env.Version, MaxConns: s.Config.Workers, InsecureHTTP: s.Config.InsecureHTTP, Redact: s.Config.Report.Redact,
		OnAnswer: func(a cognigy.Answer) {
			if s.Watch != nil {
				s.Watch.Answered(a.Operation, a.Status, a.Duration)
			}
		},
	}); err != nil {
		return usage(err)
	}
	s.OnClose(func() error { s.Client.Close(); return nil })
	return nil
}

// checkProxies refuses an environment that names a proxy which nothing can go through.
func (s *Session) checkProxies() error { return checkProxies(s.Env.Getenv) }

func checkProxies(getenv func(string) string) error {
	if err := cognigy.CheckProxies(getenv); err != nil {
		return usage(err)
	}
	return nil
}

// Trust reads the certificates that the settings name.
func Trust(a config.API) (cognigy.Trust, error) {
	t, err := cognigy.ReadTrust(a.CAFile, a.ClientCertFile, a.ClientKeyFile)
	if err != nil {
		return t, usage(err)
	}
	return t, nil
}

// StartSandbox starts a sandbox that ends with the session, with a key that nobody else
// knows, and has the settings name it.
func (s *Session) StartSandbox() error {
	server, err := sandbox.Listen("127.0.0.1:0", sandbox.Options{APIKey: rand.Text(), Faults: s.Rules.faults, Seed: s.Config.Seed, Log: s.Log.Level(zerolog.WarnLevel)})
	if err := s.keep(server, err); err != nil {
		return err
	}
	s.Config.API = config.API{BaseURL: server.URL, ProjectID: server.ProjectID(), Key: config.Secret(server.APIKey()), Timeout: s.Config.API.Timeout}
	return nil
}

// Share has the requests of this run counted together with those of the other runs
// on this machine, or by way of the store, where that is wanted: else there is no ledger.
// Where it is not possible on this machine, the run goes on alone.
func (s *Session) Share(ctx context.Context) (*ledger.Ledger, error) {
	if s.Config.RatePool != "" && s.store == nil {
		s.Log.Warn().Str("rate_pool", s.Config.RatePool).Msg("rate_pool names the address of runs with a store, and this one has none: its rate is shared with the runs of this machine alone")
	}
	if s.Rules.Rate.Unlimited() || !s.Config.RateShared || s.Config.Sandbox {
		return nil, nil
	}
	l, err := s.joinLedger(ctx)
	if err != nil {
		return nil, err
	}
	s.Pacer = pace.NewPacer(s.Rules.Rate, pace.PacerOptions{Ledger: l, Unshared: func(err error) {
		s.Log.Warn().Err(err).Msg("the quota is no longer shared with other runs on this machine")
	}})
	s.OnClose(func() error {
		if err := l.Close(); err != nil {
			s.Log.Warn().Err(err).Msg("other runs may not know of the last requests of this one")
		}
		return nil
	})
	return l, nil
}

// recall takes up what doctor --probe found out about the API of this run, and says
// so. Nothing that it found is nothing to go by.
func (s *Session) recall() error {
	folder, err := cognigy.StateFolder(s.Env.Getenv)
	if err != nil || s.Config.Sandbox {
		return nil // then nothing was kept
	}
	learned, err := cognigy.LoadLearned(folder, s.BaseURL, s.Config.API.ProjectID)
	switch {
	case err != nil:
		s.Log.Warn().Err(err).Msg("what importer doctor --probe found out about this API cannot be used; run it again")
		return nil
	case learned.Version == 0:
		return nil
	}
	s.learned = learned.Behaviour
	s.Log.Info().Time("found", learned.At).Str("patch", string(s.learned.Patch)).Str("patch_contact_ids", string(s.learned.PatchIDs)).
		Stringer("read_lag", time.Duration(s.learned.ReadLag)).Msg("this run goes by what importer doctor --probe found out about this API")
	if enough := 2 * time.Duration(s.learned.ReadLag); s.Config.InDoubt.Settle < enough {
		s.Log.Warn().Stringer("settle", s.Config.InDoubt.Settle).Stringer("want", enough).Msg("reads of this API lag behind its writes for longer than --settle allows for: raise it")
	}
	return nil
}

// request makes one request that is about no row.
func request[T any](ctx context.Context, s *Session, ask func(context.Context) (T, error)) (answer T, err error) {
	patience := pace.Patience{Retries: s.Config.Retries, Throttled: s.Config.GiveUpAfter}
	if !s.reached.Load() {
		patience.Unreached = min(s.Config.GiveUpAtStart, s.Config.GiveUpAfter)
	}
	err = pace.Request(ctx, s.Pacer, &s.Progress, patience, func(ctx context.Context) (err error) {
		if gate := s.Gate(); gate != nil {
			if err := pace.Through(ctx, gate, time.Now(), nil); err != nil {
				return err
			}
			defer gate.Done()
		}
		if answer, err = ask(ctx); err != nil {
			problem := contact.AsAPIError(err)
			if news := s.Progress.Fail(problem); problem.Unreached() || problem.Class == contact.Throttled {
				if news {
					s.Log.Warn().Err(problem).Msg("a request failed; each reason is logged once")
				}
				return err
			}
		}
		s.Progress.Work()
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

// Get reads one profile, and returns whether it is there.
func (s *Session) Get(ctx context.Context, id string) (f contact.Found, there bool, err error) {
	f, err = request(ctx, s, func(ctx context.Context) (contact.Found, error) { return s.Client.Get(ctx, id) })
	if problem, ok := errors.AsType[*contact.APIError](err); ok && problem.Author == contact.API && problem.HTTP == 404 {
		return f, false, nil
	}
	return f, err == nil, err
}
