package state

import (
	"fmt"
	"strconv"
	"strings"

	"importer/internal/sqlfile"
)

// A Source is the report that a state is recorded from.
type Source struct {
	Report string // the id of its first run, which names it
	Run    string // the last run in it
	Path   string // where it lies, as seen from the folder of the state; empty: not known
}

// maxSources is of how many reports a state remembers how much it holds.
const maxSources = 64

// From says which report is recorded from now on, and how long it is at each commit.
func (s *State) From(source Source, position func() int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.source, s.position = source, position
}

// Last is the report that was recorded from last; zero where there was none. The run is
// empty in a state of an older version.
func (s *State) Last() (last Source, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, to := range map[string]*string{"report": &last.Report, "report_run": &last.Run, "report_path": &last.Path} {
		if err == nil {
			*to, err = s.meta(name)
		}
	}
	return last, s.wrap(err)
}

// Holds is how much of a report was recorded, in bytes, and up to which of its runs.
// That it knows the report is false where it never heard of it.
func (s *State) Holds(report string) (bytes int64, run string, known bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held, err := s.meta("held/" + report)
	if err == nil && held == "" { // a state of an older version remembers one report
		var was string
		if was, err = s.meta("report"); err == nil && was == report {
			held, err = s.meta("report_bytes")
		}
	}
	if err != nil || held == "" {
		return 0, "", false, s.wrap(err)
	}
	text, run, _ := strings.Cut(held, " ")
	if bytes, err = strconv.ParseInt(text, 10, 64); err != nil {
		return 0, "", false, s.wrap(fmt.Errorf("how much it holds of the report %s: %w", report, err))
	}
	return bytes, run, true, nil
}

// Note says that so much of a report was recorded, which is not From. It is committed
// with what was recorded.
func (s *State) Note(source Source, bytes int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrap(s.note(source, bytes))
}

// note is Note for one who holds mu. The last report is the one with the latest run.
func (s *State) note(source Source, bytes int64) error {
	text := strconv.FormatInt(bytes, 10)
	err := s.exec("INSERT OR REPLACE INTO meta VALUES (?, ?)", "held/"+source.Report, text+" "+source.Run)
	var latest string
	if err == nil {
		latest, err = s.meta("report_run")
	}
	if err == nil && source.Run >= latest {
		err = s.exec("INSERT OR REPLACE INTO meta VALUES ('report', ?), ('report_bytes', ?), ('report_run', ?), ('report_path', ?)",
			source.Report, text, source.Run, source.Path)
	}
	if err != nil {
		return err
	}
	return sqlfile.Run(s.conn, "DELETE FROM meta WHERE name LIKE 'held/%' AND name NOT IN (SELECT name FROM meta WHERE name LIKE 'held/%' ORDER BY name DESC LIMIT ?)", nil, maxSources)
}
