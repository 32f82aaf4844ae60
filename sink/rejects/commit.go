package rejects

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"importer/internal/files"
	"importer/internal/rejectfile"
)

// partly stands behind the name of a file of what a run refused that did not go to its end.
const partly = ".tmp"

// Committed says what became of the reject files of a run.
type Committed struct {
	Paths    []string // that hold what this run refused, CSV first
	SetAside []Aside
}

// An Aside is a file that must not be lost.
type Aside struct {
	Path string // where it is now
	Why  string
}

// Commit moves what was refused over the reject files of the run before, or removes
// those where nothing was refused. A file that is not as a run wrote it was edited: it is
// set aside, to the next of <file>.1, .2 …. A run that did not complete has not seen all
// rows: it replaces and removes nothing, and where there is a reject file already, what it
// refused goes to <file>.tmp. Nor does one remove anything that reads a part of them; it
// replaces what it has read, and sets aside what it has not.
func (r *Rejects) Commit(complete bool) (Committed, error) {
	var c Committed
	var errs []error
	all := []*rejectFile{}
	for _, t := range r.tables {
		all = append(all, &t.rejectFile)
	}
	for _, f := range append(all, &r.json) {
		if err := r.commit(f, complete, &c); err != nil {
			errs = append(errs, fmt.Errorf("writing the reject file %s: %w", f.path, err))
		}
	}
	if complete && !r.Partly && len(errs) == 0 {
		errs = append(errs, r.clear(&c))
	}
	return c, errors.Join(errs...)
}

func (r *Rejects) commit(f *rejectFile, complete bool, c *Committed) error {
	if f.tmp == nil {
		return nil
	}
	digest, err := f.finish()
	if err != nil {
		return errors.Join(err, f.tmp.Discard())
	}
	to := f.path
	if _, err := os.Lstat(to); !complete && !errors.Is(err, fs.ErrNotExist) {
		to += partly
	}
	if r.Journal != nil {
		err = r.Journal.WroteRejects(digest)
	}
	if err == nil {
		err = r.makeRoom(to, complete, c)
	}
	if err == nil {
		err = f.tmp.MoveTo(to)
	}
	if err != nil {
		kept := f.path + partly // a name that stays
		if kept == to || r.makeRoom(kept, false, c) != nil || f.tmp.MoveTo(kept) != nil {
			kept = f.tmp.Name()
		}
		return fmt.Errorf("%w; the refused rows are in %s", err, kept)
	}
	c.Paths = append(c.Paths, to)
	return files.SyncDir(filepath.Dir(to))
}

// clear removes the reject files of earlier runs that this one did not write anew.
func (r *Rejects) clear(c *Committed) error {
	dir, name := filepath.Split(r.base)
	files.Sweep(cmp.Or(dir, "."))
	entries, err := os.ReadDir(cmp.Or(dir, "."))
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		path := dir + e.Name()
		switch {
		case !strings.HasPrefix(e.Name(), name) || slices.Contains(c.Paths, path):
		case !e.Type().IsRegular() && e.Type() != fs.ModeSymlink: // which no run left
		case rejectfile.IsNamed(path) && !rejectfile.IsSetAside(path):
			if err := r.makeRoom(path, true, c); err != nil {
				errs = append(errs, err)
				continue
			}
			errs = append(errs, files.RemoveOwn(path))
		}
	}
	return errors.Join(errs...)
}

// makeRoom sets a file aside that must not be lost.
func (r *Rejects) makeRoom(path string, complete bool, c *Committed) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode()&fs.ModeSymlink != 0 { // which is replaced
		return nil
	}
	if err == nil {
		err = files.Replaceable(path)
	}
	if err != nil {
		return err
	}
	digest, err := digestOf(path)
	if err != nil {
		return err
	}
	written := r.Journal != nil && r.Journal.HasWritten(digest)
	if written && (!r.Partly || complete && r.Reads(path)) {
		return nil
	}
	why := "it was edited"
	if written {
		why = "this run has not read its rows"
	}
	aside, err := setAside(path)
	if err == nil {
		c.SetAside = append(c.SetAside, Aside{aside, why})
	}
	return err
}

// Reads tells whether a file is a source of the run.
func (r *Rejects) Reads(path string) bool {
	return slices.ContainsFunc(r.Sources, func(s RejectSource) bool { return files.SameFile(s.Name, path) })
}

func digestOf(path string) (digest [sha256.Size]byte, err error) {
	f, err := files.OpenOrdinary(path)
	if err != nil {
		return digest, err
	}
	defer f.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	return [sha256.Size]byte(sum.Sum(nil)), err
}

// setAside renames a file to the next of <file>.1, <file>.2 … behind those that are there.
func setAside(path string) (string, error) {
	aside, err := files.NextNumbered(strings.TrimSuffix(path, partly))
	if err != nil {
		return "", err
	}
	return aside, os.Rename(path, aside)
}

// Beside lists the reject files of a report, but for those that were set aside.
func Beside(report string) (paths []string, err error) {
	return beside(report, func(path string) bool { return rejectfile.IsNamed(path) && !rejectfile.IsSetAside(path) })
}

// SetAside lists the reject files of a report that were set aside.
func SetAside(report string) (paths []string, err error) {
	return beside(report, rejectfile.IsSetAside)
}

func beside(report string, is func(path string) bool) (paths []string, err error) {
	dir, name := filepath.Split(Base(report) + ".rejects")
	entries, err := os.ReadDir(cmp.Or(dir, "."))
	for _, e := range entries {
		if path := dir + e.Name(); strings.HasPrefix(e.Name(), name+".") && is(path) {
			paths = append(paths, path)
		}
	}
	return paths, err
}

// A rejectFile is a file that is written beside its path and then moved there.
type rejectFile struct {
	path string
	tmp  *files.Temp
	sum  hash.Hash // of what was written
	buf  *bufio.Writer
}

// open makes the temporary file where there is none yet, and says so.
func (f *rejectFile) open() (bool, error) {
	if f.tmp != nil {
		return false, nil
	}
	tmp, err := files.NewTemp(f.path)
	if err != nil {
		return false, err
	}
	f.tmp, f.sum = tmp, sha256.New()
	f.buf = bufio.NewWriter(io.MultiWriter(tmp, f.sum))
	return true, nil
}

// finish brings the temporary file onto the disk, and returns its digest. It stays open.
func (f *rejectFile) finish() (digest [sha256.Size]byte, err error) {
	err = f.buf.Flush()
	if err == nil {
		err = f.tmp.Sync()
	}
	return [sha256.Size]byte(f.sum.Sum(nil)), err
}
