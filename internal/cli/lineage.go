package cli

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"importer/internal/config"
	"importer/internal/state"
	"importer/sink/journal"
)

// A night is a report of this sync: the one that is written, or one that was set aside.
type night struct {
	path string
	journal.Header
	last string // its last run; empty where nobody looked
	from int64  // what the state does not hold yet begins here
}

// A lineage is how the reports that are here go with the state. Each may be younger or
// older than the other, because either was moved or came back from a backup.
type lineage struct {
	s      *session
	last   state.Source // what the state was recorded from last
	empty  bool         // the state knows nobody
	nights []night      // from the first to the last, with what the state is to take
	found  bool         // the report of last is here
	news   bool         // there are reports that the state has never heard of
	broken string       // why what is here has no common past; empty: it has
}

// catchUp brings into the state what the reports say and the state does not hold. It
// refuses what does not go together, unless that is to be trusted. That ended is true
// where the report is one that no run can go on with.
func (s *session) catchUp(report *journal.Journal, trust bool) (ended bool, err error) {
	l := &lineage{s: s, empty: s.state.Len() == 0}
	if l.last, err = s.state.Last(); err != nil {
		return false, err
	}
	if err := l.lookAt(report); err != nil {
		return false, err
	}
	latest := s.lastRun()
	if l.empty && (trust || latest > l.newest()) {
		if len(l.nights) > 0 {
			s.log.Warn().Msg("nothing is taken into the state from the reports: it is made anew from what the project holds" + l.because(trust))
		}
		return true, nil
	}
	if why := l.refusal(latest); why != "" {
		err := s.doesNotGoTogether(why)
		if !trust {
			return false, err
		}
		s.log.Warn().Err(err).Msg("--restart goes on with the state as it is")
		return false, nil
	}
	return false, l.take()
}

// because says why reports are not believed.
func (l *lineage) because(trust bool) string {
	if trust {
		return ", as --restart says"
	}
	return ", because they end before the last run that used the state"
}

const wentApart = "both went on after they were copied, and each knows of runs that the other does not"

// lookAt finds the reports, and what of them the state does not hold.
func (l *lineage) lookAt(report *journal.Journal) error {
	paths, err := journal.Aside(l.s.path)
	if err != nil {
		return err
	}
	var all []night
	for _, path := range append(paths, l.s.path) {
		header, err := journal.ReadHeader(path)
		if err != nil || header.BaseURL != l.s.state.BaseURL || header.ProjectID != l.s.state.ProjectID {
			continue // of another import, or nothing is in it yet
		}
		all = append(all, night{path: path, Header: header})
	}
	slices.SortStableFunc(all, func(a, b night) int { return cmp.Compare(a.Run, b.Run) })
	for i := range all {
		if ids := report.RunIDs(); all[i].path == l.s.path && len(ids) > 0 {
			all[i].last = ids[len(ids)-1]
		}
		if err := l.add(all, i, report.RunIDs()); err != nil {
			return err
		}
	}
	return nil
}

// add decides what the state takes of a report.
func (l *lineage) add(all []night, i int, runs []string) error {
	n := all[i]
	l.found = l.found || n.Run == l.last.Report
	bytes, run, known, err := l.s.state.Holds(n.Run)
	switch {
	case err != nil:
		return err
	case l.empty:
	case known:
		n.from, n.last = bytes, max(n.last, run)
		if n.path == l.s.path && run != "" && !slices.Contains(runs, run) && len(runs) > 0 && runs[len(runs)-1] > run {
			l.broken = wentApart
		}
	case n.Run < max(l.last.Run, l.last.Report):
		// The state has been further. It remembers a report and all after it, unless those
		// were written elsewhere.
		if _, _, known, err := l.s.state.Holds(n.After); n.After != "" && known || err != nil {
			l.broken = wentApart
			return err
		}
		return nil
	default:
		l.news = true
	}
	here := func(id string) bool {
		return id == l.last.Report || slices.ContainsFunc(all, func(other night) bool { return other.Run == id })
	}
	if !known && n.After != "" && !here(n.After) {
		if !l.empty {
			l.broken = fmt.Sprintf("the report is later than the state, and the report %s, which lies between them, is not here", n.After)
		}
		l.nights = nil // what is older says nothing about today
	}
	if l.s.path != n.path && n.last == "" && !known {
		if n.last, err = journal.LastRun(n.path); err != nil && !l.empty {
			return err
		}
		if err != nil {
			l.s.log.Warn().Err(err).Msg("what this report says is not taken into the state")
			return nil
		}
	}
	l.nights = append(l.nights, n)
	return nil
}

// newest is the last run that the state or a report knows of.
func (l *lineage) newest() string {
	newest := ""
	if !l.empty {
		newest = l.last.Run
	}
	for _, n := range l.nights {
		newest = max(newest, n.Run, n.last)
	}
	return newest
}

// refusal says why the state cannot be relied on with the reports that are here; empty
// where it can. The latest is the last run of this state that this machine remembers.
func (l *lineage) refusal(latest string) string {
	switch {
	case l.empty || l.last.Run == "" && !l.news: // of an older version, or new
		return ""
	case l.broken != "":
		return l.broken
	case l.news && !l.found:
		return fmt.Sprintf("the report is later than the state, and the report %s, with which that ends, is not here", l.last.Report)
	case latest > l.newest():
		return fmt.Sprintf("the last run that used them here was %s, and they end with %s: they came back from an older copy", latest, l.newest())
	case l.found || l.news || latest == l.last.Run || l.s.remembered(l.last):
		return ""
	}
	return fmt.Sprintf("the state ends with the run %s of the report %s, which is not here: whether there were later runs, nobody can tell", l.last.Run, l.last.Report)
}

// doesNotGoTogether is the error of a state that cannot be relied on.
func (s *session) doesNotGoTogether(why string) error {
	db := s.c.Sync.State
	return config.Errorf("the state %s does not go with the report %s: %s; bring back those that belong together; or begin anew with what the project holds: mv %s %s, and this command with --restart; or, where you know that no run is missing, --restart alone goes on with the state as it is",
		db, s.path, why, quote(db), quote(db+".old"))
}

// take brings what is new into the state.
func (l *lineage) take() error {
	s := l.s
	for _, n := range l.nights {
		end := n.from
		for o, err := range journal.OutcomesTo(n.path, n.from, &end) {
			if err == nil {
				err = s.state.Record(o)
			}
			if err != nil && n.path != s.path && l.empty { // of a report that is no longer needed but for this
				s.log.Warn().Err(err).Msg("what this report says is not taken into the state")
				break
			}
			if err != nil {
				return err
			}
		}
		if end == n.from {
			continue
		}
		if err := s.state.Note(state.Source{Report: n.Run, Run: cmp.Or(n.last, n.Run), Path: s.fromState(n.path)}, end); err != nil {
			return err
		}
	}
	return s.state.Commit()
}

// beginSync has the state record from the report that has just begun, and this machine
// remember that it was.
func (s *session) beginSync() error {
	if s.state == nil {
		return nil
	}
	s.state.From(state.Source{Report: s.report.ID(), Run: s.run, Path: s.fromState(s.path)}, s.report.Size)
	if err := s.state.Commit(); err != nil {
		return err
	}
	s.rememberRun()
	return nil
}

// fromState is a path as seen from the folder of the state, so that both can be moved
// together; absolute where there is no way.
func (s *session) fromState(path string) string {
	abs, err := filepath.Abs(path)
	folder, err2 := filepath.Abs(filepath.Dir(s.c.Sync.State))
	if errors.Join(err, err2) != nil {
		return path
	}
	if rel, err := filepath.Rel(folder, abs); err == nil {
		return rel
	}
	return abs
}

// remembered tells whether a report is still where the state remembers it.
func (s *session) remembered(last state.Source) bool {
	path := last.Path
	if path == "" {
		return false
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(s.c.Sync.State), path)
	}
	aside, err := journal.Aside(path)
	return err == nil && slices.ContainsFunc(append(aside, path), func(path string) bool {
		header, err := journal.ReadHeader(path)
		return err == nil && header.Run == last.Report
	})
}
