package reconcile

import (
	"cmp"
	"errors"
	"slices"

	"importer/importer/contact"
	"importer/internal/state"
	"importer/sink/journal"
)

// makeAnew has a state that knows nobody take what the reports say, unless there were
// later runs, or they are not to be believed.
func (l *comparison) makeAnew(latest string, restart bool) (ended bool, err error) {
	newest := l.newest()
	switch {
	case len(l.nights) == 0:
		return restart, nil
	case restart:
		l.Log.Warn().Msg("nothing is taken into the state from the reports, as --restart says: it is made anew from what the project holds")
		return true, l.State.SetAnew(true)
	case latest > newest:
		l.Log.Warn().Str("last_run", when(latest)).Msg("nothing is taken into the state from the reports, because they end before the last run on this machine that used it: it is made anew from what the project holds")
		return true, l.State.SetAnew(true)
	}
	// What is older than a report that is missing says nothing about today.
	for i := len(l.nights) - 1; i > 0; i-- {
		if l.gap(l.nights[i]) != "" {
			l.nights = l.nights[i:]
			break
		}
	}
	if latest == "" && l.id != "" {
		l.Log.Warn().Str("last_run", when(newest)).Msg("the state is made anew from the reports, up to their last run: if there were later ones whose reports are not here, --restart makes it from what the project holds")
	}
	return false, l.take()
}

// take brings what the state does not hold into it.
func (l *comparison) take() error {
	var before []night // of the state, or taken
	for _, n := range l.nights {
		if !l.empty && !n.known && !l.isLater(n) {
			continue
		}
		known, err := true, error(nil)
		if n.path != l.Report && l.Knows != nil {
			known, err = l.Knows(n.path)
		}
		if err == nil && known {
			err = l.takeOne(n)
		}
		if err == nil && known && !n.known {
			err = l.join(n, before)
		}
		if known {
			before = append(before, n)
		}
		if err != nil && n.path != l.Report && l.empty { // of a report that is needed for nothing else
			l.Log.Warn().Err(err).Msg("what this report says is not taken into the state")
		} else if err != nil {
			return err
		}
	}
	if err := l.State.SetEnded(); err != nil {
		return err
	}
	return l.State.Commit()
}

// join has a mirror keep everybody whom the state knows by then, where refused rows were
// corrected and a report was begun anew with another id rule than those before it: somebody
// may be known twice, and of whom a correction was made only the ids by one rule are known.
func (l *comparison) join(n night, before []night) error {
	apart := func(other night) bool {
		was, err := journal.ReadLineage(l.Reports, other.path)
		return err == nil && n.IDs.Known() && !n.IDs.Now.Holds(was.Now) && !n.IDs.Before.Holds(was.Now)
	}
	if !slices.ContainsFunc(before, apart) {
		return nil
	}
	kept, err := l.State.Disown()
	if kept > 0 {
		l.Log.Warn().Int("contacts", kept).Str("report", n.path).Msg("this report was begun anew with another id rule than those before it, and refused rows were corrected: whom a correction is about may be known by both rules. Who is known so far counts as there before, and a mirror keeps them; sync.adopted: remove has it remove them as well")
	}
	return err
}

func (l *comparison) takeOne(n night) error {
	from, err := l.heldLines(n)
	if err != nil {
		return err
	}
	if n.path == l.Report && from >= l.now.Lines {
		return nil
	}
	lines := from
	for line, err := range journal.LinesFrom(l.Reports, n.path, from, &lines) {
		if err == nil {
			err = l.record(line)
		}
		if err != nil && n.path != l.Report && l.empty { // of a report that is no longer needed but for this
			l.Log.Warn().Err(err).Msg("what this report says is not taken into the state")
			break
		}
		if err != nil {
			return err
		}
	}
	if lines == from {
		return nil
	}
	outline := l.now
	if n.path != l.Report {
		if outline, err = journal.ReadOutline(l.Reports, n.path); err != nil && !l.empty {
			return err
		}
	}
	return l.State.Note(state.Source{Report: n.Run, Run: cmp.Or(outline.Last(), n.Run)}, lines)
}

// record has the state know what a line says of a contact.
func (l *comparison) record(line journal.Line) error {
	switch line := line.(type) {
	case *journal.Row:
		return l.State.Record(line.Outcome())
	case *journal.Corrected:
		return l.State.Correct(line.Corrects, line.Key)
	case *journal.Changing:
		return l.State.Doubt(line.Keys, line.To)
	case *journal.Unsent:
		return l.State.TakeBack(line.Keys, line.To)
	case *journal.Gone:
		return l.State.Doubt(line.Keys, contact.ToUpdate)
	}
	return nil
}

// heldLines is how many lines of a report the state holds.
func (l *comparison) heldLines(n night) (int64, error) {
	switch {
	case !n.known:
		return 0, nil
	case n.held.Lines < 0:
		return journal.LinesIn(l.Reports, n.path, n.held.Bytes)
	}
	return n.held.Lines, nil
}

// Begin has the state record from the report, in which the run has just begun, and this
// machine remember that it did.
func (s *Sync) Begin(report *journal.Journal, run string) error {
	s.State.From(state.Source{Report: report.ID(), Run: run}, report.Extent)
	if err := s.State.Commit(); err != nil {
		return err
	}
	id, err := s.State.ID()
	s.remember(id, run)
	return err
}

// Use is Begin of a run that records into the state and does not write the report beside
// it. Where the state came back from an older copy, that stays to be seen.
func (s *Sync) Use(run string) error {
	id, err := s.State.ID()
	if err != nil || id == "" {
		return err
	}
	used, err := s.State.Used()
	if err != nil || s.latest(id) > used {
		return err
	}
	if err := errors.Join(s.State.Use(run), s.State.Commit()); err != nil {
		return err
	}
	s.remember(id, run)
	return nil
}
