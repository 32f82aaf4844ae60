package state

import (
	"github.com/go-json-experiment/json"
	"zombiezen.com/go/sqlite"

	"importer/importer/contact"
	"importer/internal/sqlfile"
)

// Forget takes the contact ids of contacts out of the state, and what the API said when it
// refused rows of theirs, or rows of others in words that quote them. It returns how many
// contacts and refused rows lost something, and commits it. The state knows the contacts
// still: by their keys, their profiles and what was sent.
func (s *State) Forget(is func(contact.Key) bool, quotes func(text string) bool) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	if s.copy == nil { // else what was there can be read in the file
		if err := sqlfile.Run(s.conn, "PRAGMA secure_delete = ON", nil); err != nil {
			return 0, s.wrap(err)
		}
	}
	n, err = s.forget(is, quotes)
	if s.err = s.wrap(err); s.err == nil {
		err = s.commit()
	}
	return n, err
}

func (s *State) forget(is func(contact.Key) bool, quotes func(text string) bool) (n int, err error) {
	var known []contact.Key
	refused := map[contact.Key]string{}
	err = sqlfile.Run(s.conn, "SELECT key FROM contact WHERE contact_ids NOT IN ('null', '[]')", func(stmt *sqlite.Stmt) error {
		var k contact.Key
		if stmt.ColumnBytes(0, k[:]); is(k) {
			known = append(known, k)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	err = sqlfile.Run(s.conn, "SELECT key, failure FROM refused", func(stmt *sqlite.Stmt) error {
		var k contact.Key
		stmt.ColumnBytes(0, k[:])
		text := stmt.ColumnText(1)
		var why contact.Failure
		if err := json.Unmarshal([]byte(text), &why, asEver); err != nil {
			return err
		}
		if !is(k) && !quotes(why.Detail) && !quotes(why.Field) && !quotes(why.Hint) {
			return nil
		}
		short, err := json.Marshal(contact.Failure{HTTP: why.HTTP, Code: why.Code, Detail: "redacted", TraceID: why.TraceID}, asEver)
		if string(short) != text {
			refused[k] = string(short)
		}
		return err
	})
	for i := 0; i < len(known) && err == nil; i++ {
		err = s.exec("UPDATE contact SET contact_ids = '[]' WHERE key = ?", known[i][:])
	}
	for k, short := range refused {
		if err == nil {
			err = s.exec("UPDATE refused SET failure = ? WHERE key = ?", short, k[:])
		}
	}
	return len(known) + len(refused), err
}
