package session

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"importer/internal/commandline"
	"importer/internal/config"
)

// OpenProject is the session of a command that talks with the project and reads no
// source: it is connected. The caller closes it.
func OpenProject(cmd *cobra.Command, env Env) (_ *Session, err error) {
	c, err := config.Unchecked(cmd.Flags(), nil, env.Getenv)
	if err != nil {
		return nil, err
	}
	c.Source.Paths, c.Sandbox = []string{"-"}, false // which is not read
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s, err := New(c, env)
	if err != nil {
		return nil, err
	}
	s.Line = commandline.Line{Program: env.Program, Mode: c.Mode, Flags: cmd.Flags()}
	if err := Also(s.connect(cmd.Context()), s.recall()); err != nil {
		return nil, Also(err, s.Close())
	}
	return s, nil
}

// clockMargin is how much earlier a time by the server's clock is taken to be, and
// clockUnknown how far it may be off where nothing is known of it.
const (
	clockMargin  = 5 * time.Second
	clockUnknown = 10 * time.Minute
)

// ServerTime is that time of this machine by the server's clock, or a little before it.
func (s *Session) ServerTime(t time.Time) time.Time {
	least, _, known := s.Client.ClockSkew()
	if !known {
		return t.Add(-clockUnknown)
	}
	return t.Add(least - clockMargin)
}

// Conversations is how many conversations go with a profile; -1 where the API does not tell.
func (s *Session) Conversations(ctx context.Context, id string) (int, error) {
	return request(ctx, s, func(ctx context.Context) (int, error) { return s.Client.Conversations(ctx, id) })
}

// Delete deletes a profile. One that is not there is as good as deleted. An error where
// it may be deleted or not has the class Ambiguous: look.
func (s *Session) Delete(ctx context.Context, id string) error {
	_, err := request(ctx, s, func(ctx context.Context) (struct{}, error) { return struct{}{}, s.Client.Delete(ctx, id) })
	return err
}
