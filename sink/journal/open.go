package journal

import (
	"cmp"
	"errors"
	"fmt"
	"importer/internal/files"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Options are what OpenReport has to know besides the path.
type Options struct {
	// Header is that of the run to come. A report of another mode, base URL or
	// project is refused.
	Header Header
	// Successor allows a report of another mode whose last run went to its end: the
	// caller is going to set it aside.
	Successor bool
	// Restart moves the old report aside, to <report>.1 or the next free number.
	Restart bool
	// After is the report that Restart sets aside, where it was open just now: what
	// it says of requests in the window need not be read again. May be nil.
	After *Report
	// Redact keeps every contact id, name and value of the source out.
	Redact bool
	// Window is how far back Sent looks; 0 for not at all.
	Window time.Duration
}

// OpenReport opens or creates the report at path, locks it, and replays it. Where
// path is a symbolic link, all this is about the file that it leads to. Its
// errors are a *LockedError where another run holds it, a *MismatchError where it
// belongs to another import, a *CorruptError where it cannot be read, or one of
// the file system. The file is changed only when there is no error.
//
// The caller owns the Report and closes it.
func OpenReport(path string, o Options) (_ *Report, err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("opening the report: %w", err)
	case info.IsDir():
		return nil, fmt.Errorf("the report %s is a folder; name a file with --report", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("the report %s is no ordinary file, and a run could not be resumed from it; name another with --report", path)
	}
	lock, err := lockReport(path)
	if err != nil {
		return nil, err
	}
	r := &Report{past: past{path: path}, options: o, lock: lock}
	var f *os.File
	defer func() {
		if err == nil {
			return
		}
		if f != nil {
			err = errors.Join(err, f.Close())
		}
		err = errors.Join(err, lock.unlock())
	}()
	now := time.Now()
	var sent sentWindow
	var carried bool
	if o.Restart {
		if o.After != nil {
			sent, carried = o.After.history.sent, true
		} else {
			sent, carried = earlierSent(lock.report, o, now)
		}
		if err := setAside(lock.report); err != nil {
			return nil, err
		}
	}
	if f, err = os.OpenFile(lock.report, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600); err != nil {
		return nil, fmt.Errorf("opening the report: %w", err)
	}
	if err := files.SyncDir(filepath.Dir(lock.report)); err != nil {
		return nil, fmt.Errorf("opening the report %s: %w", path, err)
	}
	if r.info, err = f.Stat(); err != nil {
		return nil, fmt.Errorf("opening the report: %w", err)
	}
	if r.history, err = replay(path, f, o.Window, now); err != nil {
		return nil, err
	}
	if carried {
		r.history.sent = sent
	}
	if err := r.history.matches(path, o); err != nil {
		return nil, err
	}
	if r.info.Size() > r.history.bytes {
		if err := cut(lock.report, r.history.bytes); err != nil {
			return nil, fmt.Errorf("cutting off the unfinished last line of the report: %w", err)
		}
	}
	r.file, r.past.file, r.size, r.synced = f, f, r.history.bytes, r.history.bytes
	return r, nil
}

// matches tells whether the report belongs to the run to come.
func (h *history) matches(path string, o Options) error {
	if h.first == nil {
		return nil
	}
	for _, m := range []MismatchError{
		{path, "project", h.first.ProjectID, o.Header.ProjectID},
		{path, "base URL", h.first.BaseURL, o.Header.BaseURL},
		{path, "mode", h.first.Mode, o.Header.Mode},
	} {
		if m.What == "mode" && o.Successor && h.whole {
			continue
		}
		if m.Was != m.Now {
			return &m
		}
	}
	return nil
}

// earlierSent is what a report that is about to be set aside says of requests in
// the window: a restart does not give the quota back. Of a report that cannot be
// read nothing is known, and --restart is the way out of that.
func earlierSent(path string, o Options, now time.Time) (sentWindow, bool) {
	if o.Window <= 0 {
		return sentWindow{}, false
	}
	f, err := os.Open(path)
	if err != nil {
		return sentWindow{}, false
	}
	defer f.Close()
	h, err := replay(path, f, o.Window, now)
	if err != nil || h.first == nil || h.first.BaseURL != o.Header.BaseURL {
		return sentWindow{}, false
	}
	return h.sent, true
}

// setAside renames the report to the first of <report>.1, <report>.2 … that is
// free. The caller holds its lock.
func setAside(path string) error {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for n := 1; ; n++ {
		aside := fmt.Sprintf("%s.%d", path, n)
		_, err := os.Lstat(aside)
		if err == nil {
			continue
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = os.Rename(path, aside)
		}
		if err != nil {
			return fmt.Errorf("moving the report aside: %w", err)
		}
		return nil
	}
}

// Aside lists the reports that were set aside under the name of path, the lowest
// number first. They lie beside the file itself, where path is a symbolic link.
func Aside(path string) (paths []string, err error) {
	real := realPath(path)
	all, err := os.ReadDir(filepath.Dir(real))
	if err != nil {
		return nil, fmt.Errorf("looking for reports that were set aside: %w", err)
	}
	numbers := map[string]uint64{}
	for _, e := range all {
		suffix, ok := strings.CutPrefix(e.Name(), filepath.Base(real)+".")
		if n, err := strconv.ParseUint(suffix, 10, 64); ok && err == nil {
			aside := filepath.Join(filepath.Dir(real), e.Name())
			paths, numbers[aside] = append(paths, aside), n
		}
	}
	slices.SortFunc(paths, func(a, b string) int { return cmp.Compare(numbers[a], numbers[b]) })
	return paths, nil
}

// cut shortens a file, on disk before it returns. It opens the file anew, for
// Windows lets nobody shorten a file that is open for appending.
func cut(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	err = f.Truncate(size)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
