package probe

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/gofrs/flock"

	"importer/internal/cognigy"
	"importer/internal/files"
)

// A record says on disk which profiles a probe has made, or may have made. It is
// there before the first create, and removed when none is left. A lock beside it is
// held for as long as somebody works on it.
type record struct {
	recorded
	path    string
	lock    *flock.Flock
	deleted []string // that are gone: reads may show them for a while
}

// recorded is what stands in the file.
type recorded struct {
	Version   int       `json:"version"`
	BaseURL   string    `json:"base_url"`
	ProjectID string    `json:"project_id"`
	ID        string    `json:"id"`       // of the probe: behind importer-probe- in its contact ids
	Profiles  []string  `json:"profiles"` // that are there for all that is known
	Open      int       `json:"open"`     // creates that were sent, and whose answer is not known
	Sent      time.Time `json:"sent"`     // when the last create was sent
}

const (
	recordVersion  = 1
	maxRecordBytes = 64 << 10
)

// errRecord is that a record cannot be written: then nothing more may be made.
var errRecord = errors.New("the record of the probe cannot be written")

func recordFolder(o Options) string { return filepath.Join(o.Folder, "probes") }

func newRecord(o Options, id string) (*record, error) {
	if err := os.MkdirAll(recordFolder(o), 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(recordFolder(o), cognigy.StateName(o.BaseURL, o.ProjectID)+"-"+id+".json")
	r, err := lockRecord(path)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, fmt.Errorf("%s is in use", path)
	}
	r.recorded = recorded{Version: recordVersion, BaseURL: o.BaseURL, ProjectID: o.ProjectID, ID: id}
	if err := r.write(); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// lockRecord takes the lock of a record; nil where somebody else holds it.
func lockRecord(path string) (*record, error) {
	lock, err := files.NewLock(path + ".lock")
	if err != nil {
		return nil, err
	}
	r := &record{path: path, lock: lock}
	locked, err := r.lock.TryLock()
	if err != nil || !locked {
		return nil, err
	}
	return r, nil
}

// recordsLeft are the records of this project that nobody works on. Their locks are
// held: the caller closes them.
func recordsLeft(o Options) (left []*record, err error) {
	paths, _ := filepath.Glob(filepath.Join(recordFolder(o), cognigy.StateName(o.BaseURL, o.ProjectID)+"-*.json")) // the pattern is well formed
	for _, path := range paths {
		r, failed := lockRecord(path)
		if r != nil && failed == nil {
			if failed = r.read(o); failed == nil {
				left = append(left, r)
				continue
			}
			failed = errors.Join(failed, r.close())
		}
		if !errors.Is(failed, os.ErrNotExist) { // its owner was just done
			err = errors.Join(err, failed)
		}
	}
	return left, err
}

func (r *record) read(o Options) error {
	f, err := files.Open(r.path, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close() // of a file that was read
	text, err := io.ReadAll(io.LimitReader(f, maxRecordBytes))
	if err == nil {
		err = json.Unmarshal(text, &r.recorded)
	}
	if err == nil && (r.Version != recordVersion || r.BaseURL != o.BaseURL || r.ProjectID != o.ProjectID || r.ID == "") {
		err = errors.New("it is of another version or project")
	}
	if err != nil {
		return fmt.Errorf("%s says what a probe left in the project, and cannot be used: look for contact ids that begin with %s, delete their profiles and that file: %w", r.path, contactIDPrefix, err)
	}
	return nil
}

func (r *record) write() error {
	return files.Replace(r.path, func(w io.Writer) error { return json.MarshalWrite(w, r.recorded) })
}

// sending notes that a create is about to leave.
func (r *record) sending() error {
	r.Open++
	r.Sent = time.Now().UTC()
	return r.noted()
}

// answered notes what became of a create: the id of a profile, or none where it made
// none.
func (r *record) answered(id string) error {
	r.Open--
	if id != "" && !slices.Contains(r.Profiles, id) {
		r.Profiles = append(r.Profiles, id)
	}
	return r.noted()
}

// gone notes that a profile is not there any more.
func (r *record) gone(id string) error {
	r.Profiles = slices.DeleteFunc(r.Profiles, func(other string) bool { return other == id })
	r.deleted = append(r.deleted, id)
	return r.noted()
}

func (r *record) noted() error {
	if err := r.write(); err != nil {
		return fmt.Errorf("%w: %w", errRecord, err)
	}
	return nil
}

// close gives the lock back, and removes the record where nothing is left.
func (r *record) close() error {
	var err error
	if len(r.Profiles) == 0 && r.Open == 0 && r.Version > 0 {
		err = os.Remove(r.path)
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		err = errors.Join(err, os.Remove(r.lock.Path()))
	}
	return errors.Join(err, r.lock.Unlock())
}
