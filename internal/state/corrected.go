package state

import (
	"zombiezen.com/go/sqlite"

	"importer/importer/contact"
	"importer/internal/sqlfile"
)

// correctedSchema is of what a Correction needs: the reports that say it are set aside.
const correctedSchema = `CREATE TABLE corrected (
		row    BLOB NOT NULL,    -- the refused row, as it stands in its source
		key    BLOB NOT NULL,    -- of the correction, zeros where that was refused here
		digest BLOB NOT NULL,    -- of what the API refused, zeros where it was never sent
		run    TEXT NOT NULL,    -- that read the correction last
		is_in  INTEGER NOT NULL,
		PRIMARY KEY (row, key)
	) WITHOUT ROWID;`

// Correct implements change.State. As with Identify, it is committed with what Record
// takes next.
func (s *State) Correct(c contact.Correction, key contact.Key) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = s.wrap(s.correct(c, key, true))
	}
	return s.err
}

func (s *State) correct(c contact.Correction, key contact.Key, in bool) error {
	return s.exec("INSERT OR REPLACE INTO corrected VALUES (?, ?, ?, ?, ?)", c.Row[:], key[:], c.Digest[:], c.By, in)
}

// correctEarlier has the correction that an outcome is of be about those as well whom the
// state knows apart by the ids that the row had by earlier rules: somebody may be there
// twice. The outcome is recorded.
func (s *State) correctEarlier(o *contact.Outcome) error {
	c := o.Row.Corrects
	if c == nil || !o.Status.In() {
		return nil
	}
	for _, ids := range o.Row.Earlier {
		key := contact.KeyOf(ids)
		if err := s.exec("INSERT OR REPLACE INTO corrected SELECT ?, key, ?, ?, 1 FROM contact WHERE key = ?", c.Row[:], c.Digest[:], c.By, key[:]); err != nil {
			return err
		}
	}
	return nil
}

// Corrections passes what became of corrections to keys, as a report that holds them
// does: one run after the other.
func (s *State) Corrections(keys *contact.Keys) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrap(sqlfile.Run(s.conn, "SELECT row, key, digest, run, is_in FROM corrected ORDER BY run", func(stmt *sqlite.Stmt) error {
		var c contact.Correction
		var key contact.Key
		stmt.ColumnBytes(0, c.Row[:])
		stmt.ColumnBytes(1, key[:])
		stmt.ColumnBytes(2, c.Digest[:])
		c.By = stmt.ColumnText(3)
		keys.Correct(c, key, stmt.ColumnBool(4))
		return nil
	}))
}

// Disown has all contacts count as there before this program, where any refused row was
// corrected, and returns how many did not. As with Identify, it is committed with what
// Record takes next.
func (s *State) Disown() (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = s.wrap(s.exec("UPDATE contact SET made = 0 WHERE made AND EXISTS (SELECT 1 FROM corrected)"))
		n = s.conn.Changes()
	}
	return n, s.err
}
