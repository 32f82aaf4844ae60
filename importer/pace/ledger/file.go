package ledger

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"importer/importer/pace"
	"importer/internal/files"
)

const cannotShare = "the quota cannot be shared with other runs: %w; rate_shared: false does without"

// Open joins the runs on this machine that share the quota of the API at baseURL, in the
// user's cache directory. rate must have a limit. The caller closes the ledger.
func Open(baseURL string, rate pace.Rate) (*Ledger, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf(cannotShare, err)
	}
	return OpenIn(filepath.Join(cache, "importer", "quota"), baseURL, rate)
}

// OpenIn is Open with another directory than the user's cache directory.
func OpenIn(dir, baseURL string, rate pace.Rate) (*Ledger, error) {
	digest := sha256.Sum256([]byte(Pool(baseURL, "")))
	f, err := newFile(filepath.Join(dir, hex.EncodeToString(digest[:8])), rand.Text())
	if err != nil {
		return nil, fmt.Errorf(cannotShare, err)
	}
	l, err := open(context.Background(), f, f.close, f.id, rate, Options{})
	if err != nil {
		return nil, fmt.Errorf(cannotShare, err)
	}
	return l, nil
}

// A file is the book of one run among those of one machine:
//
//	importer/quota/<digest of the base URL>/
//	    ledger.json      the page; replaced as a whole
//	    ledger.lock      held while ledger.json is read and replaced
//	    run-<id>.lock    held by a run for as long as it lives
//
// The kernel drops the lock of a run that dies, however it dies.
type file struct {
	dir   string
	id    string
	lock  *flock.Flock // ledger.lock
	alive *flock.Flock // run-<id>.lock
}

func newFile(dir, id string) (*file, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f := &file{dir: dir, id: id}
	var err error
	if f.lock, err = files.NewLock(filepath.Join(dir, "ledger.lock")); err != nil {
		return nil, err
	}
	// Under the ledger's lock, so that nobody takes the new file for that of a dead run.
	if err := f.lockPatiently(); err != nil {
		return nil, err
	}
	defer f.lock.Unlock()
	if f.alive, err = files.NewLock(f.runFile(id)); err != nil {
		return nil, err
	}
	_, err = f.alive.TryLock() // nobody else knows the id
	return f, err
}

// lockPatiently waits for the lock, but not for a process that sleeps on it.
func (f *file) lockPatiently() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := f.lock.TryLockContext(ctx, time.Millisecond)
	if errors.Is(err, context.DeadlineExceeded) {
		return f.busy()
	}
	return err
}

// Exchange implements Book. It does not wait: a *BusyError where another run has the lock.
func (f *file) Exchange(_ context.Context, turn func(View) ([]byte, error)) error {
	locked, err := f.lock.TryLock()
	if err != nil {
		return err
	}
	if !locked {
		return f.busy()
	}
	return errors.Join(f.exchange(turn), f.lock.Unlock())
}

func (f *file) exchange(turn func(View) ([]byte, error)) error {
	now := time.Now()
	v := View{Now: now, Asked: now, Alive: f.others}
	b, err := f.read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	default:
		info, err := os.Stat(f.page())
		if err != nil {
			return err
		}
		v.Page, v.Written = b, info.ModTime()
	}
	if b, err = turn(v); err != nil {
		return err
	}
	return f.write(b)
}

func (f *file) busy() error { return &BusyError{f.lock.Path()} }

// close lets go of what says that the run lives.
func (f *file) close() error {
	// A lock file without a lock is that of a dead run, which others may remove first.
	err := f.alive.Unlock()
	if gone := os.Remove(f.alive.Path()); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

func (f *file) page() string { return filepath.Join(f.dir, "ledger.json") }

func (f *file) runFile(id string) string { return filepath.Join(f.dir, "run-"+id+".lock") }

func (f *file) read() ([]byte, error) {
	in, err := files.Open(f.page(), os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer in.Close() // of a file that was read
	return io.ReadAll(in)
}

func (f *file) write(b []byte) error {
	// Under the ledger's lock there is one writer. Not synced: after a power cut the
	// report tells what this run sent.
	t, err := files.NewTemp(f.page())
	if err != nil {
		return err
	}
	if _, err = t.Write(b); err == nil {
		err = t.MoveTo(f.page())
	}
	if err != nil {
		return errors.Join(err, t.Discard())
	}
	return nil
}

// others returns the other live runs, and removes the files of the dead. The lock must
// be held.
func (f *file) others() map[string]bool {
	alive := map[string]bool{}
	all, _ := filepath.Glob(f.runFile("*")) // the pattern is well formed
	for _, name := range all {
		id := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(name), "run-"), ".lock")
		if id == f.id {
			continue
		}
		run, err := files.NewLock(name)
		dead := false
		if err == nil {
			dead, err = run.TryLock()
		}
		if err != nil || !dead {
			alive[id] = true // or not to be asked: then it is better to count it in
			continue
		}
		run.Unlock()
		os.Remove(name)
	}
	return alive
}
