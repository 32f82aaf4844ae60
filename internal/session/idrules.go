package session

import (
	"importer/importer/idrule"
	"importer/importer/whose"
	"importer/sink/journal"
)

// idRules are where the contact ids of this run come from; none where it reads no source.
func (s *Session) idRules() idrule.Rules {
	if s.Input == nil {
		return nil
	}
	rules := s.Input.IDRules()
	if s.Corrects && rules.Within(s.origin) {
		return s.origin // columns were taken out of the reject file
	}
	return rules
}

// followRules has the run know contacts by the rules of contact ids as well that its report
// and its state were of.
func (s *Session) followRules() error {
	lineage := s.Report.Lineage()
	if s.State != nil {
		lineage = lineage.Merge(s.State.Lineage())
		if err := Also(s.State.Follow(lineage), s.State.Commit()); err != nil {
			return err
		}
	}
	s.Report.Follow(lineage)
	s.KnowBy(lineage.Before)
	if len(lineage.Before) > 0 && s.Rules.Discovery == whose.DiscoverNobody {
		s.Rules.Discovery = whose.DiscoverAuto
	}
	return nil
}

// KnowBy has the rows have their contact ids by earlier rules as well.
func (s *Session) KnowBy(before idrule.Rules) {
	if !s.Input.KnowBy(before) {
		s.Log.Warn().Msg("the source no longer has columns that contact ids came from: contacts who are known only by those are not recognized, and a mirror removes nobody")
	}
}

// knows tells whether this run knows the contacts of a report that was set aside, by its
// rules of contact ids or by those before them.
func (s *Session) knows(aside string) (bool, error) {
	was, err := journal.ReadLineage(s.Reports, aside)
	if err != nil || s.State.Lineage().Before.Holds(was.Now) {
		return err == nil, err
	}
	lineage, follows := was.Follows(s.idRules(), s.Config.Adopt)
	if !follows {
		return false, nil
	}
	return true, s.State.Follow(lineage)
}
