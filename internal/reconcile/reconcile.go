// Package reconcile has a state and the reports that it is made from go together: each may
// be younger or older than the other, because either was moved or came back from a
// backup. What the reports say and the state does not hold is taken from them; what does
// not go together is refused.
//
// Three things tell. The state remembers how much it holds of which report. A report
// names the state beside which it was written, and the report before it. And the machine
// remembers which run used a state last.
package reconcile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/rs/zerolog"

	"importer/internal/state"
	"importer/sink/journal"
)

// A Sync is a state and the report that is written beside it. It has one owner.
type Sync struct {
	State     *state.State
	StatePath string
	Reports   journal.Keeper
	Report    string // its name
	Folder    string // in which this machine remembers runs; empty: it does not
	// Knows tells of a report that was set aside whether its contacts go by the same ids as
	// those of the run to come, or by ids that this knows as well. Nil: all do.
	Knows func(report string) (bool, error)
	Log   zerolog.Logger
}

// A RefusedError says why a state and a report do not go together.
type RefusedError struct {
	State, Report string // the path of the one, the name of the other
	Why           string
	// Stale says that there were runs which the state does not know, so that it cannot be
	// relied on. Else it is the report that is another state's.
	Stale bool
}

func (e *RefusedError) Error() string {
	wayOut := "bring back those that belong together; or begin anew with --restart, which sets both aside and learns from the project what is in it"
	if !e.Stale {
		wayOut = "name the report that belongs to the state with --report, or the state that belongs to the report with --state; or go on with this state and --restart, which sets the report aside"
	}
	return fmt.Sprintf("the state %s does not go with the report %s: %s; nothing was sent: %s", e.State, e.Report, e.Why, wayOut)
}

// A night is a report of this sync: the one that is written, or one that was set aside.
type night struct {
	path string
	journal.Header
	known bool       // to the state, unless that knows nobody
	held  state.Held // what it holds of it
}

// A comparison is how the reports that are here go with the state.
type comparison struct {
	*Sync
	now    journal.Outline // of the report
	id     string          // of the state, or where it has none of the one that these reports were written beside
	last   state.Source    // what the state was recorded from last
	used   string          // the last run that used it
	open   string          // the report of a run that the state was not told the end of
	empty  bool            // the state knows nobody and no report, and may be made anew from reports
	nights []night         // from the first to the last that matter
}

// CatchUp brings into the state what the reports say and the state does not hold, the
// report as it was opened. What does not go together is a *RefusedError. With restart it
// is a way out: a state that cannot be relied on is set aside, which the state then
// tells. Where that, or restart, leaves a state that knows nobody, nothing is taken from
// reports, then and until a run has gone to its end. That ended is true where no run can go on with the report.
func (s *Sync) CatchUp(now journal.Outline, restart bool) (ended bool, err error) {
	l, err := s.lookAt(now)
	if err != nil {
		return false, err
	}
	if err := s.State.Name(l.id); err != nil {
		return false, err
	}
	latest := s.latest(l.id)
	if l.empty {
		return l.makeAnew(latest, restart)
	}
	if refused := l.refusal(latest); refused != nil {
		if !restart {
			return false, refused
		}
		if refused.Stale {
			return true, errors.Join(s.State.SetAside(refused.Why), s.State.SetAnew(true))
		}
		return true, nil
	}
	if latest == "" && l.used != "" {
		l.tellUnknown()
	}
	return false, l.take()
}

// Refusal is the *RefusedError of CatchUp without restart. Nothing is changed.
func (s *Sync) Refusal(now journal.Outline) error {
	l, err := s.lookAt(now)
	if err != nil || l.empty {
		return err
	}
	if refused := l.refusal(s.latest(l.id)); refused != nil {
		return refused
	}
	return nil
}

// lookAt finds the reports that matter: the one that is written, and of those that were
// set aside the latest to one of which the state knows. Before that, the state holds all.
func (s *Sync) lookAt(now journal.Outline) (*comparison, error) {
	anew, err := s.State.Anew()
	if err != nil {
		return nil, err
	}
	l := &comparison{Sync: s, now: now}
	if l.last, err = s.State.Last(); err != nil {
		return nil, err
	}
	l.empty = s.State.Len() == 0 && l.last.Report == "" && !anew
	if l.used, err = s.State.Used(); err != nil {
		return nil, err
	}
	if l.id, err = s.State.ID(); err != nil {
		return nil, err
	}
	if l.open, err = s.State.Unended(); err != nil {
		return nil, err
	}
	aside, err := s.Reports.Aside(s.Report)
	if err != nil {
		return nil, err
	}
	if len(now.Runs) > 0 {
		err = l.add(s.Report, now.Runs[0])
	}
	for _, path := range slices.Backward(aside) {
		if n := len(l.nights); err != nil || !l.empty && n > 0 && l.nights[n-1].known {
			break
		}
		if foreign := s.Reports.Foreign(path); foreign != nil {
			s.Log.Warn().Err(foreign).Msg("what this report says is not taken into the state")
			continue
		}
		if header, notOne := journal.ReadHeader(s.Reports, path); notOne == nil {
			err = l.add(path, header)
		}
	}
	slices.SortStableFunc(l.nights, func(a, b night) int { return cmp.Compare(a.Run, b.Run) })
	for _, n := range slices.Backward(l.nights) {
		l.id = cmp.Or(l.id, n.Header.State)
	}
	return l, err
}

// add adds a report, unless it is of another import.
func (l *comparison) add(path string, header journal.Header) (err error) {
	if header.BaseURL != l.State.BaseURL || header.ProjectID != l.State.ProjectID {
		return nil
	}
	if ofAnother := header.State != "" && l.id != "" && header.State != l.id; ofAnother && path != l.Report {
		return nil
	}
	n := night{path: path, Header: header}
	if !l.empty {
		n.held, n.known, err = l.State.Holds(header.Run)
	}
	l.nights = append(l.nights, n)
	return err
}

// isLater tells of a report that the state does not know whether it was begun after the
// last run that the state knows.
func (l *comparison) isLater(n night) bool {
	return n.Run > max(l.used, l.last.Run, l.last.Report)
}

// newest is the last run that the state or a report knows of.
func (l *comparison) newest() string {
	newest := max(l.now.Last(), l.used, l.last.Run)
	for _, n := range l.nights {
		newest = max(newest, n.Run, n.held.Run)
	}
	return newest
}

// refusal says why the state cannot be relied on with the reports that are here; nil
// where it can. The latest is the last run of this state that this machine remembers.
func (l *comparison) refusal(latest string) *RefusedError {
	e := &RefusedError{State: l.StatePath, Report: l.Report, Stale: true}
	if l.open != "" && !slices.ContainsFunc(l.nights, func(n night) bool { return n.Run == l.open }) {
		e.Why = fmt.Sprintf("the last run was killed, and its report %s, which says what it had on its way, is not here", when(l.open))
		return e
	}
	for _, n := range l.nights {
		switch {
		case n.known:
			if n.path == l.Report && l.wentApart(n) {
				e.Why = wentApart
				return e
			}
		case n.Header.State != "" && n.Header.State != l.id:
			e.Why, e.Stale = "it was written beside another state", false
			return e
		case !l.isLater(n):
			// The state has been further, and remembers a report and all that followed it
			// here.
			_, follows, err := l.State.Holds(n.After)
			if err == nil && n.After != "" && follows && l.says(n) {
				e.Why = wentApart
				return e
			}
		default:
			if e.Why = l.gap(n); e.Why != "" {
				return e
			}
		}
	}
	if newest := l.newest(); latest > newest {
		e.Why = fmt.Sprintf("the last run on this machine that used this state, or a copy of it, was %s, and state and report end with %s: they came back from an older copy, or the other copy went on", when(latest), when(newest))
		return e
	}
	return nil
}

const wentApart = "both went on after they were copied, and each knows of runs that the other does not"

// wentApart tells of the report that is written, which the state knows, whether it knows
// later runs of it than the state, and the state one that is not in it.
func (l *comparison) wentApart(n night) bool {
	is := func(h journal.Header) bool { return h.Run == n.held.Run }
	return n.held.Run != "" && l.now.Last() > n.held.Run && !slices.ContainsFunc(l.now.Runs, is)
}

// says tells whether a report says more than that a run began.
func (l *comparison) says(n night) bool {
	if n.path == l.Report {
		return l.now.Lines > int64(len(l.now.Runs))
	}
	o, err := journal.ReadOutline(l.Reports, n.path)
	return err != nil || o.Lines > int64(len(o.Runs))
}

// gap says why a report that the state does not know does not follow what it knows, or
// what the other reports say; empty where it does.
func (l *comparison) gap(n night) string {
	if n.Mode == "create" { // which is written beside no state
		return ""
	}
	before := n.After
	if n.Header.State == "" { // of an older version: it does not say what was before it
		before = l.last.Report
	}
	if before == "" || before == l.last.Report && n.After != "" {
		return ""
	}
	if slices.ContainsFunc(l.nights, func(other night) bool { return other.Run == before && (!other.known || n.After == "") }) {
		return ""
	}
	if _, known, err := l.State.Holds(before); known && err == nil && n.After != "" && !l.empty {
		return wentApart // the state went on from there to another report
	}
	return fmt.Sprintf("the report is later than the state, and the report %s, which lies between them, is not here", when(before))
}

// tellUnknown says what is not known of a state that this machine sees for the first time.
func (l *comparison) tellUnknown() {
	if len(l.nights) == 0 {
		l.Log.Warn().Str("last_run", when(l.used)).Msg("the report that goes with this state is not here, and this machine has not seen the state before: if it is an older copy, and there were runs after its last one, changes of that time may be missed; --restart with the state moved away learns from the project what is in it")
		return
	}
	if l.Folder == "" { // then it never has
		return
	}
	l.Log.Info().Str("last_run", when(l.newest())).Msg("this machine has not seen this state before, and goes on from the last run that it knows of")
}
