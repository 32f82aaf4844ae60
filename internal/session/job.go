package session

import (
	"context"

	"importer/internal/cognigy"
	"importer/internal/config"
	"importer/internal/live"
	"importer/internal/store"
)

// ShareStore opens the store that the settings name, for a process that does so many runs at
// once. It is closed with the session.
func (s *Session) ShareStore(ctx context.Context, process string, runs int) (*store.Store, error) {
	o := storeOptions(s.Config, s.Env, s.Log)
	o.Process, o.Runs = process, runs
	opened, err := store.Open(ctx, o)
	if err != nil {
		return nil, asUsage(err)
	}
	s.OnClose(opened.Close)
	return opened, nil
}

// CheckSettings refuses settings that an import would refuse before it looks at its source,
// its key and its project. It opens nothing.
func CheckSettings(c config.Config) error {
	if _, err := readRules(c); err != nil {
		return err
	}
	if _, err := SourceOptions(c, nil); err != nil {
		return err
	}
	if _, err := decodeMapping(c.Text); err != nil {
		return config.Errorf("mapping: %w", err)
	}
	if _, err := cognigy.NormalizeBaseURL(c.API.BaseURL); err != nil {
		return config.Errorf("api.base_url: %w", err)
	}
	return live.CheckNotify(c)
}
