package cli

import (
	"importer/importer/idrule"
	"importer/importer/whose"
	"importer/sink/journal"
)

// idRules are where the contact ids of this run come from; none where it reads no source.
func (s *session) idRules() idrule.Rules {
	if s.input == nil {
		return nil
	}
	rules := s.input.IDRules()
	if s.corrects && rules.Within(s.origin) {
		return s.origin // columns were taken out of the reject file
	}
	return rules
}

// followRules has the run know contacts by the rules of contact ids as well that its report
// and its state were of.
func (s *session) followRules() error {
	lineage := s.report.Lineage()
	if s.state != nil {
		lineage = lineage.Merge(s.state.Lineage())
		if err := also(s.state.Follow(lineage), s.state.Commit()); err != nil {
			return err
		}
	}
	s.report.Follow(lineage)
	s.knowBy(lineage.Before)
	if len(lineage.Before) > 0 && s.rules.discovery == whose.DiscoverNobody {
		s.rules.discovery = whose.DiscoverAuto
	}
	return nil
}

// knowBy has the rows have their contact ids by earlier rules as well.
func (s *session) knowBy(before idrule.Rules) {
	if !s.input.KnowBy(before) {
		s.log.Warn().Msg("the source lacks columns that contact ids came from earlier: who is known by those alone is not recognized, and a mirror removes nobody")
	}
}

// knows tells whether this run knows the contacts of a report that was set aside, by its
// rules of contact ids or by those before them.
func (s *session) knows(aside string) (bool, error) {
	was, err := journal.ReadLineage(aside)
	if err != nil || s.state.Lineage().Before.Holds(was.Now) {
		return err == nil, err
	}
	lineage, follows := was.Follows(s.idRules(), s.c.Adopt)
	if !follows {
		return false, nil
	}
	return true, s.state.Follow(lineage)
}
