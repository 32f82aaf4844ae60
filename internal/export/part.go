package export

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/gofrs/flock"

	"importer/importer/contact"
	"importer/internal/files"
)

// partly stands behind the name of the file of an export that is not whole.
const partly = ".part"

// maxAge is how old the beginning of an export may be that is gone on with: its profiles are
// as old.
const maxAge = 24 * time.Hour

// A Part is what an export has read so far: beside the file that it is to become, 0600,
// locked, under a name that says that it is not whole. An export that was interrupted goes
// on from there. It has one owner, who calls Close.
type Part struct {
	Began   time.Time // when the export did, which may have been interrupted since
	Resumed int       // how many profiles an earlier run has read
	// Outdated says that there was one which is too old to be gone on with.
	Outdated bool

	path string // of the file
	file *os.File
	w    *bufio.Writer
	lock *flock.Flock // nil: none, on Windows, and of a Part without a name
	temp *files.Temp  // of a Part without a name

	seen  map[profileID]version
	next  string
	total int
	whole bool
}

// A head is the first line of a part.
type head struct {
	Export *heading `json:"_export"`
}

type heading struct {
	BaseURL   string    `json:"base_url"`
	ProjectID string    `json:"project_id"`
	Began     time.Time `json:"began"`
}

// A PartError says that what stands in the place of a part cannot be gone on with.
type PartError struct{ Path, Why string }

func (e *PartError) Error() string { return e.Path + " " + e.Why }

// A LockedError says that another export writes to the same file.
type LockedError struct{ Path string }

func (e *LockedError) Error() string {
	return fmt.Sprintf("another export is writing %s: wait until it has ended, or name another file", e.Path)
}

// OpenPart opens the part of an export of that project to path, and takes in what it holds.
// The error may be a *PartError or a *LockedError.
func OpenPart(path, baseURL, projectID string, now time.Time) (*Part, error) {
	p := &Part{Began: now, path: path, seen: make(map[profileID]version), total: -1}
	err := p.open()
	if err == nil {
		err = p.resume(heading{baseURL, projectID, now})
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	p.Resumed = len(p.seen)
	return p, nil
}

// NewPart is a part without a name, which is gone when it is closed.
func NewPart(now time.Time) (*Part, error) {
	temp, err := files.NewTemp(filepath.Join(os.TempDir(), "export"))
	if err != nil {
		return nil, err
	}
	p := &Part{Began: now, temp: temp, file: temp.File, seen: make(map[profileID]version), total: -1}
	p.w = bufio.NewWriter(temp)
	return p, nil
}

// PartOf is the path of the part of a file.
func PartOf(path string) string { return path + partly }

// open opens and locks the file.
func (p *Part) open() (err error) {
	path := PartOf(p.path)
	for {
		if p.file, err = files.Open(path, os.O_RDWR|os.O_CREATE); err != nil || runtime.GOOS == "windows" {
			return err
		}
		p.lock = flock.New(path, flock.SetFlag(os.O_RDONLY))
		switch locked, err := p.lock.TryLock(); {
		case err != nil:
			return err
		case !locked:
			p.lock = nil
			return &LockedError{p.path}
		}
		// Whoever had it removes the file before it frees the lock.
		held, err := p.lock.Stat()
		if err != nil {
			return err
		}
		if named, err := os.Lstat(path); err == nil && os.SameFile(held, named) {
			return nil
		}
		if err := errors.Join(p.file.Close(), p.lock.Unlock()); err != nil {
			return err
		}
	}
}

// resume takes in the pages that are whole, and cuts off what follows. A part that is empty
// or too old is begun anew.
func (p *Part) resume(h heading) error {
	whole, was, err := p.read()
	if err != nil {
		return err
	}
	if was != nil && (was.BaseURL != h.BaseURL || was.ProjectID != h.ProjectID) {
		return &PartError{PartOf(p.path), fmt.Sprintf("is what an export of another project left that was interrupted (%s at %s): remove it, or name another file", was.ProjectID, was.BaseURL)}
	}
	if was != nil && !h.Began.Before(was.Began.Add(maxAge)) {
		p.Outdated, whole, was = true, 0, nil
		clear(p.seen)
		p.next, p.total, p.whole = "", -1, false
	}
	err = p.file.Truncate(whole)
	if err == nil {
		_, err = p.file.Seek(whole, io.SeekStart)
	}
	if p.w = bufio.NewWriter(p.file); err != nil || was != nil {
		if was != nil {
			p.Began = was.Began
		}
		return err
	}
	b, err := json.Marshal(head{&h})
	if err == nil {
		_, err = p.w.Write(append(b, '\n'))
	}
	return errors.Join(err, p.flush())
}

// A lineOfPart is any line of a part, as far as it is looked at.
type lineOfPart struct {
	ID          string   `json:"_id"`
	LastChanged int64    `json:"lastChanged"`
	Export      *heading `json:"_export"`
	Page        *mark    `json:"_page"`
}

// read takes in the pages that are whole, and returns how many bytes they are, with the
// heading; nil where there is none.
func (p *Part) read() (whole int64, was *heading, err error) {
	var at int64
	page := make(map[profileID]version)
	for r := bufio.NewReader(p.file); ; {
		b, err := r.ReadBytes('\n')
		if err == io.EOF {
			return whole, was, nil
		}
		var l lineOfPart
		if err == nil {
			err = json.Unmarshal(b, &l, lenient)
		}
		at += int64(len(b))
		switch {
		case err == nil && was == nil && l.Export != nil:
			was, whole = l.Export, at
		case err == nil && was != nil && l.Page != nil:
			for id, v := range page {
				p.seen[id] = v
			}
			clear(page)
			p.next, p.total, p.whole, whole = l.Page.Next, l.Page.Total, l.Page.Next == "", at
		case err == nil && was != nil && len(l.ID) == len(profileID{}):
			page[profileID([]byte(l.ID))] = versionOf(b, l.LastChanged)
		default:
			return 0, nil, &PartError{PartOf(p.path), "is not what an export left that was interrupted, or it is damaged: move it away, or name another file"}
		}
	}
}

// lenient takes what a server sends that cuts a text within a character.
var lenient = jsontext.AllowInvalidUTF8(true)

// ToPart is an export that goes on with a part.
func ToPart(list Lister, since func() time.Time, p *Part) *Export {
	return &Export{list: list, since: since, to: p, seen: p.seen, total: p.total}
}

func (p *Part) line(b []byte) error {
	_, err := p.w.Write(b)
	return err
}

func (p *Part) mark(m mark) error {
	b, err := json.Marshal(struct {
		Page mark `json:"_page"`
	}{m})
	if err == nil {
		_, err = p.w.Write(append(b, '\n'))
	}
	return errors.Join(err, p.flush())
}

func (p *Part) newest() bool { return true }

func (p *Part) flush() error {
	if err := p.w.Flush(); err != nil || p.temp != nil {
		return err
	}
	return p.file.Sync()
}

// each passes on the lines of the profiles, of each the newest version.
func (p *Part) each(take func(line []byte) error) error {
	if err := p.w.Flush(); err != nil {
		return err
	}
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	for r := bufio.NewReader(p.file); ; {
		b, err := r.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		var l lineOfPart
		if err == nil && bytes.HasPrefix(b, []byte(`{"_id":`)) {
			err = json.Unmarshal(b, &l, lenient)
		}
		if err == nil && l.ID != "" && p.seen[profileID([]byte(l.ID))] == versionOf(b, l.LastChanged) {
			err = take(b)
		}
		if err != nil {
			return err
		}
	}
}

// WriteNDJSON writes the profiles, one a line.
func (p *Part) WriteNDJSON(w io.Writer) error {
	return p.each(func(line []byte) error {
		_, err := w.Write(line)
		return err
	})
}

// Close frees the part. What there is of it stays, unless it has no name.
func (p *Part) Close() error {
	if p.temp != nil {
		return p.temp.Discard()
	}
	return p.free(false)
}

// Remove removes a part that has become its file, and frees it.
func (p *Part) Remove() error { return p.free(true) }

func (p *Part) free(remove bool) error {
	if p.file == nil {
		return nil
	}
	err := p.file.Close()
	p.file = nil
	if remove {
		gone := os.Remove(PartOf(p.path))
		if errors.Is(gone, fs.ErrNotExist) {
			gone = nil
		}
		err = cmp.Or(err, gone)
	}
	if p.lock != nil {
		err = errors.Join(err, p.lock.Unlock())
	}
	return err
}

// Take takes profiles that were found otherwise than in the list.
func (p *Part) Take(found []contact.Found) error {
	e := ToPart(nil, nil, p)
	for i := range found {
		if err := e.take(&found[i], false); err != nil {
			return err
		}
	}
	return nil
}
