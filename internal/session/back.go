package session

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"importer/importer/contact"
	"importer/internal/commandline"
	"importer/internal/config"
	"importer/internal/state"
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
func OpenBack(cmd *cobra.Command, path string, env Env) (*Back, error) {
	header, err := journal.ReadHeader(Keeper(), path)
	if err != nil {
		return nil, usage(err)
	}
	sources := header.Sources
	switch {
	case cmd.Flags().Lookup("source") == nil: // nothing is read
	case cmd.Flags().Changed("source"):
		sources = nil
	case header.SourceCount > 0: // more than the report names
		own, err := config.Unchecked(cmd.Flags(), nil, env.Getenv)
		if err != nil {
			return nil, err
		}
		if sources = own.Source.Paths; !header.Names(sources) {
			return nil, config.Errorf("the report %s names %d of its %d sources: name all of them with --source, which may be a glob in quotes", contact.Printable(path), len(header.Sources), header.SourceCount)
		}
	}
	c, err := config.Settings(cmd.Flags(), sources, env.Getenv)
	if err != nil {
		return nil, err
	}
	s, err := New(c, env)
	if err != nil {
		return nil, err
	}
	if err := s.sameProject(cmd, path, header); err != nil {
		return nil, err
	}
	s.Path = path
	return &Back{Session: s, Header: header}, nil
}

// Connect connects to the project, and makes room for what was written.
func (b *Back) Connect() error {
	err := Also(b.connect(), b.recall())
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
func (b *Back) OpenState() (err error) {
	if !b.hasState() {
		return nil
	}
	b.State, err = state.Open(b.Config.Sync.State, state.Options{BaseURL: b.Header.BaseURL, ProjectID: b.Header.ProjectID, Unnamed: !b.Config.StateNamed})
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
