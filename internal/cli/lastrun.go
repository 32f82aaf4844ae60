package cli

import (
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-json-experiment/json"

	"importer/internal/cognigy"
	"importer/internal/files"
)

// maxRemembered is of how many states a machine remembers the last run.
const maxRemembered = 256

// lastRuns is the file in which a machine remembers which run used a state last, by the
// path of the state and its project. It lies apart from state and report, so that both
// can be told to be of last week. It is a help: without it a run goes on.
func (s *session) lastRuns() (path string, runs map[string]string) {
	folder, err := cognigy.StateFolder(s.env.Getenv)
	if err != nil || s.c.Sandbox {
		return "", nil
	}
	path = filepath.Join(folder, "last-runs.json")
	f, err := os.Open(path)
	if err != nil {
		return path, nil
	}
	defer f.Close() // of a file that was read
	text, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err == nil {
		err = json.Unmarshal(text, &runs)
	}
	if err != nil {
		s.log.Warn().Err(err).Str("file", path).Msg("which run used this state last cannot be read: remove the file")
		return path, nil
	}
	return path, runs
}

// stateName names a state in that file.
func (s *session) stateName() string {
	path, err := filepath.Abs(s.c.Sync.State)
	if real, linkErr := filepath.EvalSymlinks(path); err == nil && linkErr == nil {
		path = real
	}
	return cognigy.StateName(s.baseURL+"\n"+s.c.API.ProjectID, path)
}

// lastRun is the id of the last run that used the state on this machine; empty where
// that is not known.
func (s *session) lastRun() string {
	_, runs := s.lastRuns()
	return runs[s.stateName()]
}

// rememberRun remembers this run. The oldest are forgotten.
func (s *session) rememberRun() {
	path, runs := s.lastRuns()
	if path == "" {
		return
	}
	if runs == nil {
		runs = map[string]string{}
	}
	runs[s.stateName()] = s.run
	for len(runs) > maxRemembered {
		oldest := slices.MinFunc(slices.Collect(maps.Keys(runs)), func(a, b string) int {
			if runs[a] < runs[b] {
				return -1
			}
			return 1
		})
		delete(runs, oldest)
	}
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = files.Replace(path, func(w io.Writer) error { return json.MarshalWrite(w, runs, json.Deterministic(true)) })
	}
	if err != nil {
		s.log.Debug().Err(err).Msg("this machine does not remember the run: a state and a report that come both back from an older copy are not told")
	}
}
