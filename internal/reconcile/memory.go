package reconcile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/oklog/ulid/v2"

	"importer/internal/files"
)

// A machine remembers, of each state, the last run that used it or a copy of it, in a
// file of its own apart from state and report:
//
//	importer/runs/<digest of the state's id>	one line, the id of the run
//
// So state and report can be told to be both of last week. It is a help: where there is
// no such file, or it cannot be read, the machine does not know, and nothing is refused
// because of that.

// forgetAfter is how long a state may lie unused before the machine forgets it.
const forgetAfter = 800 * 24 * time.Hour

func (s *Sync) memory(id string) string {
	digest := sha256.Sum256([]byte(id))
	return filepath.Join(s.Folder, "runs", hex.EncodeToString(digest[:16]))
}

// latest is the last run of a state that this machine knows of; empty where it knows none.
func (s *Sync) latest(id string) string {
	if s.Folder == "" || id == "" {
		return ""
	}
	f, err := os.Open(s.memory(id))
	if err != nil {
		return s.unknown(err)
	}
	defer f.Close() // of a file that was read
	var text [ulid.EncodedSize]byte
	if _, err = io.ReadFull(f, text[:]); err != nil {
		return s.unknown(err)
	}
	if _, err := ulid.ParseStrict(string(text[:])); err != nil {
		return s.unknown(err)
	}
	return string(text[:])
}

func (s *Sync) unknown(err error) string {
	if !errors.Is(err, fs.ErrNotExist) {
		s.Log.Info().Err(err).Msg("which run used this state last on this machine cannot be read")
	}
	return ""
}

// remember has the machine know the run of a state.
func (s *Sync) remember(id, run string) {
	if s.Folder == "" || id == "" {
		return
	}
	path := s.memory(id)
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = files.Replace(path, func(w io.Writer) error { _, err := fmt.Fprintln(w, run); return err })
	}
	if err == nil {
		err = forget(filepath.Dir(path), time.Now().Add(-forgetAfter))
	}
	if err != nil {
		s.Log.Debug().Err(err).Msg("this machine does not remember the run: a state and a report that both come back from an older copy are not told")
	}
}

// forget removes what was not used since a time.
func forget(dir string, since time.Time) error {
	all, err := os.ReadDir(dir)
	for _, e := range all {
		if info, infoErr := e.Info(); infoErr == nil && info.Mode().IsRegular() && info.ModTime().Before(since) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// when is a run in words.
func when(run string) string {
	id, err := ulid.ParseStrict(run)
	if err != nil {
		return run
	}
	return fmt.Sprintf("%s of %s", run, ulid.Time(id.Time()).UTC().Format("2006-01-02 15:04 UTC"))
}
