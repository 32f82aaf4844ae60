package session

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"importer/importer/contact"
	"importer/internal/config"
	"importer/internal/store"
	"importer/sink/journal"
	"importer/sink/rejects"
)

// Moved is a report that was put into a store.
type Moved struct {
	Name, Store string
	Header      journal.Header
	Bytes       int64    // of its complete lines
	Torn        int64    // how many bytes of a line without an end were left out
	Rejects     []string // the names of the reject files that went with it
	Aside       []string // reports that were set aside under its name, and did not
}

// PutIntoStore puts a report that is a file, with the reject files beside it, into the
// store under a name: all of it or nothing. No run may have the file meanwhile, and the
// store nothing of that name. The file stays.
func PutIntoStore(ctx context.Context, flags *pflag.FlagSet, file, name string, env Env) (_ *Moved, err error) {
	s, err := openReading(ctx, flags, env)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, config.Errorf("--to-store needs a store: name it with --store URL (store, $IMPORTER_STORE)")
	}
	defer func() { err = Also(err, s.Close()) }()
	if name = s.kept(name); name == "" || name == "." || name == string(filepath.Separator) {
		return nil, config.Errorf("--to-store needs a name to keep the report under, such as contacts.csv")
	}
	if !isFile(file) {
		return nil, config.Errorf("%s is no file: --to-store puts a report that is a file into the store", contact.Printable(file))
	}
	held, err := journal.Files{}.Hold(file, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = Also(err, held.Release()) }()
	m := &Moved{Name: name, Store: s.store.Name()}
	if err := m.read(file); err != nil {
		return nil, err
	}
	if err := s.sameAs(file, m.Header); err != nil {
		return nil, err
	}
	if m.Aside, err = (journal.Files{}).Aside(file); err != nil {
		return nil, err
	}
	return m, s.fill(ctx, m, file)
}

// read reads the whole report, as a run would that resumes from it.
func (m *Moved) read(file string) (err error) {
	if m.Header, err = journal.ReadHeader(journal.Files{}, file); err != nil {
		return usage(err)
	}
	if _, err := journal.ReadKeys(journal.Files{}, file); err != nil {
		return usage(err)
	}
	m.Bytes, m.Torn, err = copyLines(io.Discard, file)
	return err
}

// sameAs refuses a report of another project than the settings name.
func (s *Session) sameAs(file string, h journal.Header) error {
	if s.BaseURL != "" && s.BaseURL != h.BaseURL || s.Config.API.ProjectID != "" && s.Config.API.ProjectID != h.ProjectID {
		return config.Errorf("the report %s is of %s, and the settings name %s: a run in a store is base URL, project and name; nothing was put there",
			contact.Printable(file), projectAt(h.ProjectID, h.BaseURL), projectAt(s.Config.API.ProjectID, s.BaseURL))
	}
	return nil
}

// fill puts it there.
func (s *Session) fill(ctx context.Context, m *Moved, file string) (err error) {
	keep := map[string]store.Source{}
	beside, err := rejects.Beside(file)
	if err != nil {
		return err
	}
	for _, path := range beside {
		name := m.Name + strings.TrimPrefix(path, rejects.Base(file))
		keep[name] = sourceOf(path)
		m.Rejects = append(m.Rejects, name)
	}
	claim, err := s.store.Claim(ctx, store.ID{Kind: store.KindReport, BaseURL: m.Header.BaseURL, ProjectID: m.Header.ProjectID, Name: m.Name})
	if err != nil {
		return err
	}
	defer func() { err = Also(err, claim.Release()) }()
	if claim.Size() > 0 {
		return config.Errorf("the store %s has a report %s of %s already: choose another name for --to-store; nothing was changed", m.Store, contact.Printable(m.Name), projectAt(m.Header.ProjectID, m.Header.BaseURL))
	}
	return claim.ReplaceAll(ctx, time.Now(), func(w io.Writer, _ io.Reader) error {
		_, _, err := copyLines(w, file)
		return err
	}, keep)
}

// copyLines writes the complete lines of a report, each at once, and returns how many bytes
// they are, and those of a last line without an end.
func copyLines(w io.Writer, file string) (n, torn int64, err error) {
	r, err := journal.Files{}.Read(file, false)
	if err != nil {
		return 0, 0, err
	}
	defer r.Close()
	return CopyLines(w, r)
}

// CopyLines is the lines of a report, as they are, but for one without an end.
func CopyLines(w io.Writer, r io.Reader) (n, torn int64, err error) {
	lines := bufio.NewReaderSize(r, 64<<10)
	var line []byte
	for {
		part, err := lines.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err == io.EOF:
			return n, int64(len(line)), nil
		case err != nil:
			return n, 0, fmt.Errorf("reading the report: %w", err)
		}
		if _, err := w.Write(line); err != nil {
			return n, 0, err
		}
		n += int64(len(line))
		line = line[:0]
	}
}
