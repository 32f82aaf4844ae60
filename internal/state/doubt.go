package state

import (
	"importer/importer/contact"
)

// doubtSchema is of contacts with changes whose outcomes are not known: how many of them
// were announced one after the other, and how many removals.
const doubtSchema = `ALTER TABLE contact ADD COLUMN changing INTEGER NOT NULL DEFAULT 0;
	ALTER TABLE contact ADD COLUMN removing INTEGER NOT NULL DEFAULT 0;`

// Doubt says that profiles may from then on be changed: what they hold is not known until
// Record has an outcome of them that is in. Entry says so, and Entries say what was known
// before. It may be called beside Record, and comes before the report has it; as with
// Identify, it is committed with what Record takes next.
func (s *State) Doubt(keys []contact.Key, to contact.Intent) error { return s.doubt(keys, to, 1) }

// TakeBack takes back the last Doubt of keys, because nothing came of it. It comes from
// who calls Record, when the report has it.
func (s *State) TakeBack(keys []contact.Key, to contact.Intent) error { return s.doubt(keys, to, -1) }

func (s *State) doubt(keys []contact.Key, to contact.Intent, more int) error {
	query := "UPDATE contact SET changing = max(changing + ?, 0) WHERE key = ?"
	switch to {
	case contact.ToTouch: // whatever came of it
		return nil
	case contact.ToRemove:
		query = "UPDATE contact SET removing = max(removing + ?, 0) WHERE key = ?"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 0; i < len(keys) && s.err == nil; i++ {
		s.err = s.wrap(s.exec(query, more, keys[i][:]))
	}
	return s.err
}

// Unended is the id of the report from which a run recorded that did not end: what was on
// its way then, that report says alone. It is empty where all runs ended, and in a state
// of an older version.
func (s *State) Unended() (string, error) { return s.metaOf("unended") }

// SetEnded says that there is no such run any more. It is committed with the next commit.
func (s *State) SetEnded() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrap(s.ended())
}

func (s *State) ended() error { return s.exec("DELETE FROM meta WHERE name = 'unended'") }
