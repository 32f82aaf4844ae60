package session

import (
	"errors"
	"io"

	"importer/importer/contact"
	"importer/internal/config"
	"importer/internal/memory"
	"importer/source"
	"importer/source/mapping"
)

// SourceOptions are what the settings say of the source, but for the mapping.
func SourceOptions(c config.Config, stdin io.Reader) (source.Options, error) {
	s := c.Source
	o := source.Options{Paths: s.Paths, Stdin: stdin, Encoding: s.Encoding, LazyQuotes: s.LazyQuotes, Sheet: s.Sheet, NullValues: s.NullValues, Redact: c.Report.Redact}
	err := errors.Join(
		Parse(&o.Format, "--format (source.format):", source.ParseFormat, s.Format),
		Parse(&o.Delimiter, "--delimiter (source.delimiter):", source.ParseDelimiter, s.Delimiter),
		Parse(&o.HeaderRow, "--header-row (source.header_row):", source.ParseHeaderRow, s.HeaderRow),
	)
	return o, err
}

// decodeMapping reads the mapping of a configuration. Its error shows the line at fault.
func decodeMapping(text []byte) (*mapping.Mapping, error) {
	m, err := mapping.Decode(text)
	if err == nil {
		return m, nil
	}
	if _, shown := mapping.Decode(config.Shown(text)); shown != nil {
		return nil, shown
	}
	return nil, errors.New("it cannot be read; the line is not shown, because an address in it may hold a password")
}

// OpenSource opens what is read.
func (s *Session) OpenSource() error {
	o, err := SourceOptions(s.Config, s.Env.Stdin)
	if err != nil {
		return err
	}
	if o.Mapping, err = decodeMapping(s.Config.Text); err != nil {
		return config.Errorf("%s: mapping: %w", s.Config.File, err)
	}
	s.behind = s.Config.Behind(o.Mapping != nil)
	memory.Bound(s.Env.Getenv)
	if err := ReachSources(&o, s.Config, s.Env); err != nil {
		return err
	}
	o.Run = s.Run
	s.Input, err = s.openInput(o)
	if misfit, ok := errors.AsType[*mapping.Error](err); ok {
		err = misfit.Annotate(config.Shown(s.Config.Text))
	}
	if err != nil && s.behind != "" && !unread(err) {
		err = errors.Join(err, errors.New(s.behind))
	}
	if err != nil {
		return Unopened(err)
	}
	memory.Free(s.Env.Getenv, s.Input.Size())
	return s.keep(s.Input, nil)
}

// ReadLast reads the source once more before the run, where of several rows about
// one contact the last goes in.
func (s *Session) ReadLast(keys *contact.Keys) error {
	if s.Rules.Duplicates != contact.LastWins {
		return nil
	}
	if !s.Input.ReadsAgain() {
		return config.Errorf("duplicates: last reads the source twice, and standard input or a pipe can be read once: name a file")
	}
	return contact.ReadLast(s.Input.Rows(), keys)
}
