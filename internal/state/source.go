package state

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"

	"importer/internal/sqlfile"
)

// A Source is the report that a state is recorded from.
type Source struct {
	Report string // the id of its first run, which names it
	Run    string // the last run in it
}

// Held is how much of a report was recorded.
type Held struct {
	Lines int64  // from the first; -1 in a state of an older version, which counted Bytes
	Bytes int64  // of no meaning once the report was purged
	Run   string // up to which run; empty in a state of an older version
}

// maxSources is of how many reports a state remembers how much it holds.
const maxSources = 64

// From says which report is recorded from now on, in a run that has begun, and how long
// the report is at each commit. The run ends with Close.
func (s *State) From(source Source, extent func() (lines, bytes int64)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.source, s.extent = source, extent
	if s.err == nil {
		s.err = s.wrap(s.exec("INSERT OR REPLACE INTO meta VALUES ('unended', ?)", source.Report))
	}
}

// Last is the report that was recorded from last; zero where there was none. The run is
// empty in a state of an older version.
func (s *State) Last() (last Source, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, to := range map[string]*string{"report": &last.Report, "report_run": &last.Run} {
		if err == nil {
			*to, err = s.meta(name)
		}
	}
	return last, s.wrap(err)
}

// ID tells a state from others, and is that of its copies as well. It is empty in one
// that no run of this version has used.
func (s *State) ID() (string, error) { return s.metaOf("id") }

// Used is the last run that used the state; empty as of ID.
func (s *State) Used() (string, error) { return s.metaOf("used") }

func (s *State) metaOf(name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, err := s.meta(name)
	return value, s.wrap(err)
}

// Name gives a state that has no id this one, or where that is empty a new one.
func (s *State) Name(id string) error {
	if id == "" {
		id = rand.Text()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrap(s.exec("INSERT OR IGNORE INTO meta VALUES ('id', ?)", id))
}

// Use says which run uses the state. It is committed with the next commit.
func (s *State) Use(run string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrap(s.exec("INSERT OR REPLACE INTO meta VALUES ('used', ?)", run))
}

// Anew tells whether the state was begun anew, in a project that nobody here knows, and
// no run has gone to its end since: who is not in it may be there all the same.
func (s *State) Anew() (bool, error) {
	anew, err := s.metaOf("anew")
	return anew != "", err
}

// SetAnew says so, or that a run has gone to its end. It is committed with the next commit.
func (s *State) SetAnew(anew bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if anew {
		return s.wrap(s.exec("INSERT OR REPLACE INTO meta VALUES ('anew', 'yes')"))
	}
	return s.wrap(s.exec("DELETE FROM meta WHERE name = 'anew'"))
}

// Holds is how much of a report was recorded. That it knows the report is false where it
// never heard of it.
func (s *State) Holds(report string) (held Held, known bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, err := s.meta("held/" + report)
	if err == nil && text == "" {
		return s.heldBefore(report)
	}
	if err != nil {
		return Held{}, false, s.wrap(err)
	}
	lines, run, _ := strings.Cut(text, " ")
	if held.Lines, err = strconv.ParseInt(lines, 10, 64); err != nil {
		return Held{}, false, s.wrap(fmt.Errorf("how much it holds of the report %s: %w", report, err))
	}
	held.Run = run
	return held, true, nil
}

// heldBefore is Holds in a state of an older version, which remembers one report.
func (s *State) heldBefore(report string) (held Held, known bool, err error) {
	was, err := s.meta("report")
	if err != nil || was != report {
		return Held{}, false, s.wrap(err)
	}
	text, err := s.meta("report_bytes")
	if err == nil {
		held.Lines = -1
		held.Bytes, err = strconv.ParseInt(text, 10, 64)
	}
	return held, err == nil, s.wrap(err)
}

// Note says that so many lines of a report were recorded, which is not From. It is
// committed with what was recorded. The last report stays the one with the latest run.
func (s *State) Note(source Source, lines int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.note(source, lines)
	var latest string
	if err == nil {
		latest, err = s.meta("report_run")
	}
	if err == nil && source.Run >= latest {
		err = s.exec("INSERT OR REPLACE INTO meta VALUES ('report', ?), ('report_run', ?), ('report_bytes', '0'), ('used', ?)",
			source.Report, source.Run, source.Run)
	}
	return s.wrap(err)
}

// noteSource says how much was recorded of the report of this run, for one who holds mu.
func (s *State) noteSource() error {
	lines, bytes := s.extent()
	if err := s.note(s.source, lines); err != nil {
		return err
	}
	return s.exec("INSERT OR REPLACE INTO meta VALUES ('report', ?), ('report_run', ?), ('report_bytes', ?), ('used', ?)",
		s.source.Report, s.source.Run, strconv.FormatInt(bytes, 10), s.source.Run)
}

func (s *State) note(source Source, lines int64) error {
	err := s.exec("INSERT OR REPLACE INTO meta VALUES (?, ?)", "held/"+source.Report, strconv.FormatInt(lines, 10)+" "+source.Run)
	if err != nil {
		return err
	}
	// The latest runs stay, and the report of this one whatever the clock said.
	return sqlfile.Run(s.conn, `DELETE FROM meta WHERE name LIKE 'held/%' AND name != ? AND name NOT IN
		(SELECT name FROM meta WHERE name LIKE 'held/%' ORDER BY name DESC LIMIT ?)`, nil, "held/"+source.Report, maxSources)
}

// SetAside moves the state out of the way, which Replaced and Because then tell, and
// begins a new one with the same id. Nothing may have been recorded yet.
func (s *State) SetAside(because string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, err := s.meta("id")
	if err == nil {
		err = s.commit()
	}
	if err == nil {
		err = s.replace(because)
	}
	if err == nil {
		err = s.open()
	}
	if err == nil && id != "" {
		err = s.exec("INSERT OR IGNORE INTO meta VALUES ('id', ?)", id)
	}
	if err != nil && s.err == nil {
		s.err = s.wrap(err)
	}
	return s.err
}
