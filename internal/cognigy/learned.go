package cognigy

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"importer/importer/contact"
	"importer/internal/files"
)

// Learned is what was found out about an API by asking it, for one project of it.
// What nobody asked, or got no answer to, is not in it.
type Learned struct {
	Version   int               `json:"version"` // of this form
	BaseURL   string            `json:"base_url"`
	ProjectID string            `json:"project_id"`
	At        time.Time         `json:"at"`
	Behaviour contact.Behaviour `json:"behaviour"` // what runs go by
	Answers   map[string]string `json:"answers"`   // by question, as the probe names them
}

const (
	learnedVersion  = 1
	maxLearnedBytes = 64 << 10
)

// StateFolder is where the program keeps what it knows between runs and nobody looks
// at: $XDG_STATE_HOME/importer, ~/.local/state/importer, or what the system has in
// their place. It need not exist.
func StateFolder(getenv func(string) string) (string, error) {
	if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "importer"), nil
	}
	switch runtime.GOOS {
	case "windows": // %LocalAppData%
		dir, err := os.UserCacheDir()
		return filepath.Join(dir, "importer", "state"), err
	case "darwin": // ~/Library/Application Support
		dir, err := os.UserConfigDir()
		return filepath.Join(dir, "importer"), err
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".local", "state", "importer"), err
}

// StateName is a name for a file about one project of an API.
func StateName(baseURL, projectID string) string {
	digest := sha256.Sum256([]byte(baseURL + "\n" + projectID))
	return hex.EncodeToString(digest[:16])
}

func learnedPath(folder, baseURL, projectID string) string {
	return filepath.Join(folder, "learned", StateName(baseURL, projectID)+".json")
}

// LoadLearned reads what was learned of a project. Where nothing was, it is the zero
// value and no error. The errors say which file cannot be used; a run can do without.
func LoadLearned(folder, baseURL, projectID string) (Learned, error) {
	path := learnedPath(folder, baseURL, projectID)
	f, err := files.Open(path, os.O_RDONLY)
	if errors.Is(err, os.ErrNotExist) {
		return Learned{}, nil
	}
	if err != nil {
		return Learned{}, err
	}
	defer f.Close() // of a file that was read
	text, err := io.ReadAll(io.LimitReader(f, maxLearnedBytes))
	var l Learned
	if err == nil {
		err = json.Unmarshal(text, &l)
	}
	switch {
	case err != nil:
		return Learned{}, fmt.Errorf("%s: %w", path, err)
	case l.Version != learnedVersion:
		return Learned{}, fmt.Errorf("%s has the version %d, and this program reads %d", path, l.Version, learnedVersion)
	case l.BaseURL != baseURL || l.ProjectID != projectID:
		return Learned{}, fmt.Errorf("%s is about the project %q at %q", path, l.ProjectID, l.BaseURL)
	case !l.Behaviour.Valid():
		return Learned{}, fmt.Errorf("%s holds a behaviour that there is not", path)
	}
	return l, nil
}

// Save keeps what was learned in the place of what was known before: whole or not at
// all, readable by this user alone.
func (l Learned) Save(folder string) error {
	l.Version = learnedVersion
	path := learnedPath(folder, l.BaseURL, l.ProjectID)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return files.Replace(path, func(w io.Writer) error {
		return json.MarshalWrite(w, l, json.Deterministic(true), jsontext.WithIndent("  "))
	})
}
