// Package lineage has a state and the reports that it is made from go together: each may
// be younger or older than the other, because either was moved or came back from a
// backup. What the reports say and the state does not hold is taken from them; what does
// not go together is refused.
package lineage

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/rs/zerolog"

	"importer/internal/state"
	"importer/sink/journal"
)

// A Sync is a state and the report that is written beside it. It has one owner.
type Sync struct {
	State     *state.State
	StatePath string
	Report    string // its path
	Memory    string // the folder in which this machine remembers runs; empty: it does not
	Log       zerolog.Logger
}

// A RefusedError says why a state cannot be relied on with the reports that are here.
type RefusedError struct {
	State, Report string // their paths
	Why           string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the state %s does not go with the report %s: %s; bring back those that belong together; or begin anew with what the project holds: move the state away (mv %q %q), and add --restart to this command; or, where you know that no run is missing, --restart alone goes on with the state as it is",
		e.State, e.Report, e.Why, e.State, e.State+".old")
}

// A night is a report of this sync: the one that is written, or one that was set aside.
type night struct {
	path string
	journal.Header
	last string // its last run; empty where nobody looked
	from int64  // what the state does not hold yet begins here
}

// A lineage is how the reports that are here go with the state.
type lineage struct {
	*Sync
	last   state.Source // what the state was recorded from last
	empty  bool         // the state knows nobody
	nights []night      // from the first to the last, with what the state is to take
	found  bool         // the report of last is here
	news   bool         // there are reports that the state has never heard of
	broken string       // why what is here has no common past; empty: it has
}

// CatchUp brings into the state what the reports say and the state does not hold. What
// does not go together is a *RefusedError, or with trust a warning. Then, and where there
// is no state, trust takes nothing from the reports. That ended is true where the report
// is one that no run can go on with.
func (s *Sync) CatchUp(report *journal.Journal, trust bool) (ended bool, err error) {
	l := &lineage{Sync: s, empty: s.State.Len() == 0}
	if l.last, err = s.State.Last(); err != nil {
		return false, err
	}
	if err := l.lookAt(report); err != nil {
		return false, err
	}
	latest := s.lastRun()
	if l.empty && (trust || latest > l.newest()) {
		if len(l.nights) > 0 {
			s.Log.Warn().Msg("nothing is taken into the state from the reports: it is made anew from what the project holds" + l.because(trust))
		}
		return true, nil
	}
	if why := l.refusal(latest); why != "" {
		err := &RefusedError{State: s.StatePath, Report: s.Report, Why: why}
		if !trust {
			return false, err
		}
		s.Log.Warn().Err(err).Msg("--restart goes on with the state as it is")
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
	paths, err := journal.Aside(l.Report)
	if err != nil {
		return err
	}
	var all []night
	for _, path := range append(paths, l.Report) {
		header, err := journal.ReadHeader(path)
		if err != nil || header.BaseURL != l.State.BaseURL || header.ProjectID != l.State.ProjectID {
			continue // of another import, or nothing is in it yet
		}
		all = append(all, night{path: path, Header: header})
	}
	slices.SortStableFunc(all, func(a, b night) int { return cmp.Compare(a.Run, b.Run) })
	for i := range all {
		if ids := report.RunIDs(); all[i].path == l.Report && len(ids) > 0 {
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
	bytes, run, known, err := l.State.Holds(n.Run)
	switch {
	case err != nil:
		return err
	case l.empty:
	case known:
		n.from, n.last = bytes, max(n.last, run)
		if n.path == l.Report && run != "" && !slices.Contains(runs, run) && len(runs) > 0 && runs[len(runs)-1] > run {
			l.broken = wentApart
		}
	case n.Run < max(l.last.Run, l.last.Report):
		// The state has been further. It remembers a report and all after it, unless those
		// were written elsewhere.
		if _, _, known, err := l.State.Holds(n.After); n.After != "" && known || err != nil {
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
	if l.Report != n.path && n.last == "" && !known {
		if n.last, err = journal.LastRun(n.path); err != nil && !l.empty {
			return err
		}
		if err != nil {
			l.Log.Warn().Err(err).Msg("what this report says is not taken into the state")
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
	case l.found || l.news || latest == l.last.Run || l.remembered(l.last):
		return ""
	}
	return fmt.Sprintf("the state ends with the run %s of the report %s, which is not here: whether there were later runs, nobody can tell", l.last.Run, l.last.Report)
}

// take brings what is new into the state.
func (l *lineage) take() error {
	for _, n := range l.nights {
		end := n.from
		for o, err := range journal.OutcomesTo(n.path, n.from, &end) {
			if err == nil {
				err = l.State.Record(o)
			}
			if err != nil && n.path != l.Report && l.empty { // of a report that is no longer needed but for this
				l.Log.Warn().Err(err).Msg("what this report says is not taken into the state")
				break
			}
			if err != nil {
				return err
			}
		}
		if end == n.from {
			continue
		}
		if err := l.State.Note(state.Source{Report: n.Run, Run: cmp.Or(n.last, n.Run), Path: l.fromState(n.path)}, end); err != nil {
			return err
		}
	}
	return l.State.Commit()
}

// Begin has the state record from the report, in which the run has just begun, and this
// machine remember that it did.
func (s *Sync) Begin(report *journal.Journal, run string) error {
	s.State.From(state.Source{Report: report.ID(), Run: run, Path: s.fromState(s.Report)}, report.Size)
	if err := s.State.Commit(); err != nil {
		return err
	}
	s.rememberRun(run)
	return nil
}

// fromState is a path as seen from the folder of the state, so that both can be moved
// together; absolute where there is no way.
func (s *Sync) fromState(path string) string {
	abs, err := filepath.Abs(path)
	folder, err2 := filepath.Abs(filepath.Dir(s.StatePath))
	if errors.Join(err, err2) != nil {
		return path
	}
	if rel, err := filepath.Rel(folder, abs); err == nil {
		return rel
	}
	return abs
}

// remembered tells whether a report is still where the state remembers it.
func (s *Sync) remembered(last state.Source) bool {
	path := last.Path
	if path == "" {
		return false
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(s.StatePath), path)
	}
	aside, err := journal.Aside(path)
	return err == nil && slices.ContainsFunc(append(aside, path), func(path string) bool {
		header, err := journal.ReadHeader(path)
		return err == nil && header.Run == last.Report
	})
}
