package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"importer/importer/contact"
	"importer/internal/address"
	"importer/internal/commandline"
	"importer/internal/config"
	"importer/internal/state"
	"importer/internal/words"
	"importer/sink/journal"
)

// A Back is the session of a command that begins with a report: verify, undo.
type Back struct {
	*Session
	Header  journal.Header
	Written *state.Written
}

// OpenBack reads the beginning of a report, and makes a session for the project that
// the settings name. It has to be that of the report: the key goes where its owner says,
// and a report may come from anybody.
func OpenBack(cmd *cobra.Command, path string, env Env) (_ *Back, err error) {
	c, err := config.Unchecked(cmd.Flags(), nil, env.Getenv)
	if err != nil {
		return nil, err
	}
	named := c.Source.Paths
	c.Source.Paths = []string{"-"} // which are read, the report says
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s, err := New(c, env)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = Also(err, s.Close())
		}
	}()
	if err := s.OpenStore(cmd.Context()); err != nil {
		return nil, err
	}
	s.Path = s.kept(path)
	if s.store != nil {
		if _, err := s.mustPick(cmd.Context(), path); err != nil {
			return nil, err
		}
	}
	header, err := journal.ReadHeader(s.Reports, s.Path)
	if err != nil {
		return nil, usage(err)
	}
	if s.Config.Source.Paths, err = sourcesBack(cmd.Flags(), s.Path, header, named); err == nil {
		err = s.Config.Validate()
	}
	if err == nil {
		err = s.sameProject(cmd, path, header)
	}
	if err != nil {
		return nil, err
	}
	return &Back{Session: s, Header: header}, nil
}

// sourcesBack are those that a report is compared with: those of the report, or others
// that the settings name.
func sourcesBack(flags *pflag.FlagSet, path string, header journal.Header, named []string) ([]string, error) {
	switch {
	case flags.Changed("source"):
		return named, nil
	case flags.Lookup("source") != nil && header.SourceCount == 0 && slices.ContainsFunc(header.Sources, isFar):
		if !header.Names(address.AllShown(named)) {
			return nil, config.Errorf("the report %s names a source on another machine (%s), which is not asked because a report says so: name it with --source, or in source.paths of the configuration", contact.Printable(path), contact.Printable(words.QuoteNames(header.Sources, 3)))
		}
		return named, nil
	case flags.Lookup("source") != nil && header.SourceCount > 0: // more than the report names
		if !header.Names(address.AllShown(named)) {
			return nil, config.Errorf("the report %s names %d of its %d sources: name all of them with --source, which may be a glob in quotes", contact.Printable(path), len(header.Sources), header.SourceCount)
		}
		return named, nil
	case len(header.Sources) == 0:
		return named, nil
	}
	return header.Sources, nil
}

// Connect connects to the project, and makes room for what was written.
func (b *Back) Connect(ctx context.Context) error {
	err := Also(b.connect(ctx), b.recall())
	if err == nil {
		b.Written, err = state.NewWritten()
		err = b.keep(b.Written, err)
	}
	return err
}

// sameProject says why a report is not looked back at with these settings.
func (s *Session) sameProject(cmd *cobra.Command, path string, header journal.Header) error {
	theirs := fmt.Sprintf("the report %s is of %s", contact.Printable(path), projectAt(header.ProjectID, header.BaseURL))
	switch {
	case s.BaseURL == "sandbox" && header.BaseURL == "sandbox", s.BaseURL == "" && header.BaseURL == "sandbox":
		return config.Errorf("%s, an import into a sandbox that ended with it: there is nothing to read back", theirs)
	case s.BaseURL == "" || s.Config.API.ProjectID == "":
		return config.Errorf("%s, and the settings do not say which project is yours: a report may come from anybody, so that the API key is not sent where it says; type %s --base-url URL --project-id ID, or set $COGNIGY_BASE_URL and $COGNIGY_PROJECT_ID (api.base_url, api.project_id)",
			theirs, cmd.CommandPath()+" "+commandline.Quote(path))
	case s.BaseURL != header.BaseURL || s.Config.API.ProjectID != header.ProjectID:
		return config.Errorf("%s, and the settings name %s; nothing was sent", theirs, projectAt(s.Config.API.ProjectID, s.BaseURL))
	}
	return nil
}

// projectAt names a project and where it is, which strangers may have written.
func projectAt(id, baseURL string) string {
	if baseURL == "sandbox" {
		return "--sandbox"
	}
	return "the project " + contact.Printable(cmp.Or(id, "(none)")) + " at " + contact.Printable(cmp.Or(baseURL, "(no address)"))
}

// OpenState opens the state where there is one of this project, so that the next
// sync knows what is gone. The report of a sync that cannot tell its state is
// not undone.
func (b *Back) OpenState(ctx context.Context) error {
	there, err := b.hasState(ctx)
	if err != nil || !there {
		return err
	}
	b.State, err = state.Open(b.statePath(), state.Options{BaseURL: b.Header.BaseURL, ProjectID: b.Header.ProjectID, Unnamed: !b.Config.StateNamed, Shelf: b.shelf()})
	if _, other := errors.AsType[*state.MismatchError](err); other && b.Header.Mode == "create" {
		b.State = nil
		return nil
	}
	return b.keep(b.State, err)
}

// OpenReport opens the report, in which what is done now is recorded as well.
func (b *Back) OpenReport() (err error) {
	o := b.reportOptions(b.Header.Mode, b.Header.Sources)
	o.Header.SourceCount, o.Header.SourcesDigest = b.Header.SourceCount, b.Header.SourcesDigest
	b.Report, err = journal.Open(b.Reports, b.Path, o)
	if err := b.keep(b.Report, err); err != nil {
		return err
	}
	b.Pacer.Preload(b.Report.Sent())
	return nil
}
