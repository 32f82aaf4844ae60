package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json"
	"zombiezen.com/go/sqlite"

	"importer/internal/sandbox/jsonvalue"
	"importer/internal/sqlfile"
)

// A store keeps the table of profiles and the schema in a SQLite file. The
// table in memory answers all reads; the store is told of each change and
// writes what came together in one transaction (group commit). An answer waits
// until what it shows is committed.
//
// With synchronous=NORMAL what was committed survives the end of the process, kill -9
// included. A power failure may cost the last transactions, not the file.
//
// A nil *store keeps nothing.
type store struct {
	conn *sqlite.Conn // used by run alone once it is started
	wake chan struct{}
	done chan struct{} // closed by run

	mu      sync.Mutex
	open    *batch // gathers changes
	writing *batch // is written; nil while run waits
	failed  error  // why a batch could not be written; nothing is written after that
	closing bool
}

// A batch is what is written in one transaction.
type batch struct {
	rows   map[string]row // by profile id
	lastID string
	schema []byte        // JSON; nil where it did not change
	wanted bool          // somebody waits for it, or will
	done   chan struct{} // closed once it is committed or has failed
	err    error
}

type row struct {
	version *version // nil: remove
	used    int64
}

func newBatch() *batch { return &batch{rows: make(map[string]row), done: make(chan struct{})} }

const storeSchema = `
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS profile (
	id              TEXT PRIMARY KEY,
	contact_ids     TEXT NOT NULL, -- JSON array
	active          INTEGER NOT NULL,
	profile         TEXT NOT NULL, -- JSON object
	sessions        TEXT NOT NULL, -- JSON array
	created_at      INTEGER NOT NULL, -- Unix seconds, as all times
	created_by      TEXT NOT NULL,
	last_changed    INTEGER NOT NULL,
	last_changed_by TEXT NOT NULL,
	used_at         INTEGER NOT NULL -- last read or change
) WITHOUT ROWID;`

// storeApplicationID marks the file as a sandbox's.
const storeApplicationID = 0x434f4758

// openStore opens a data file, or makes it with the mode 0600, and reads it
// into the table and the schema. It fails where another process has it open.
func openStore(path, projectID string, t *profiles, fields *schema) (_ *store, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("data file %s: %w", path, err)
		}
	}()
	conn, err := sqlfile.Open(path, "PRAGMA synchronous = normal")
	if sqlfile.IsLocked(err) {
		return nil, fmt.Errorf("%w (is another sandbox using it?)", err)
	}
	if err != nil {
		return nil, err
	}
	s := &store{conn: conn, wake: make(chan struct{}, 1), done: make(chan struct{}), open: newBatch()}
	err = s.prepare(projectID)
	if err == nil {
		err = s.load(t, fields)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	go s.run()
	return s, nil
}

// prepare makes the tables, and sees to it that the file is a sandbox's, and of
// this project.
func (s *store) prepare(projectID string) error {
	application, err := s.text("PRAGMA application_id")
	if err != nil {
		return err
	}
	tables, err := s.text("SELECT count(*) FROM sqlite_schema")
	if err != nil {
		return err
	}
	if tables != "0" && application != strconv.Itoa(storeApplicationID) {
		return errors.New("a database of something else; name another file")
	}
	if err := sqlfile.RunAll(s.conn, fmt.Sprintf("PRAGMA application_id = %d;", storeApplicationID)+storeSchema); err != nil {
		return err
	}
	if err := sqlfile.Run(s.conn, "INSERT OR IGNORE INTO meta VALUES ('project_id', ?)", nil, projectID); err != nil {
		return err
	}
	kept, err := s.text("SELECT value FROM meta WHERE name = 'project_id'")
	if err == nil && kept != projectID {
		err = fmt.Errorf("holds the project %s, not %s; name that project or another file", kept, projectID)
	}
	return err
}

// text is the value of a query; empty where it gives none.
func (s *store) text(query string) (value string, err error) {
	err = sqlfile.Run(s.conn, query, func(stmt *sqlite.Stmt) error {
		value = stmt.ColumnText(0)
		return nil
	})
	return value, err
}

func (s *store) load(t *profiles, fields *schema) error {
	lastID, err := s.text("SELECT value FROM meta WHERE name = 'last_id'")
	if err != nil {
		return err
	}
	details, err := s.text("SELECT value FROM meta WHERE name = 'schema'")
	if err != nil {
		return err
	}
	if details != "" {
		if err := json.Unmarshal([]byte(details), &fields.custom); err != nil {
			return fmt.Errorf("schema: %w", err)
		}
	}
	var entries []*entry
	if err := sqlfile.Run(s.conn, `SELECT id, contact_ids, active, profile, sessions, created_at, created_by,
		last_changed, last_changed_by, used_at FROM profile`, func(stmt *sqlite.Stmt) error {
		e, err := storedEntry(stmt)
		entries = append(entries, e)
		return err
	}); err != nil {
		return err
	}
	t.load(entries, lastID)
	return nil
}

// storedEntry is a row of the table of profiles.
func storedEntry(stmt *sqlite.Stmt) (_ *entry, err error) {
	v := &version{active: stmt.ColumnBool(2), createdAt: stmt.ColumnInt64(5), createdBy: stmt.ColumnText(6),
		lastChanged: stmt.ColumnInt64(7), lastChangedBy: stmt.ColumnText(8)}
	e := &entry{id: stmt.ColumnText(0), now: v, used: stmt.ColumnInt64(9)}
	if v.contactIDs, err = jsonvalue.ParseStrings(sqlfile.Blob(stmt, 1)); err != nil {
		return nil, fmt.Errorf("profile %s: contact_ids: %w", e.id, err)
	}
	if v.fields, err = jsonvalue.ParseObject(sqlfile.Blob(stmt, 3)); err != nil {
		return nil, fmt.Errorf("profile %s: profile: %w", e.id, err)
	}
	items, _ := jsonvalue.ParseArray(sqlfile.Blob(stmt, 4))
	for _, item := range items {
		o, err := jsonvalue.ParseObject(item)
		if err != nil {
			return nil, fmt.Errorf("profile %s: sessions: %w", e.id, err)
		}
		v.sessions = append(v.sessions, o)
	}
	return e, nil
}

// put, remove, touch and putSchema note a change for the open batch.
func (s *store) put(e *entry) { s.note(e.id, row{e.now, e.used}, true) }

func (s *store) remove(e *entry) { s.note(e.id, row{}, true) }

// touch does not make anybody wait: a read that is forgotten costs at most some
// of the profile's life time.
func (s *store) touch(e *entry) { s.note(e.id, row{e.now, e.used}, false) }

func (s *store) note(id string, r row, wanted bool) {
	if s == nil {
		return
	}
	s.mu.Lock()
	s.open.rows[id] = r
	s.open.wanted = s.open.wanted || wanted
	if r.version != nil && id > s.open.lastID {
		s.open.lastID = id
	}
	s.mu.Unlock()
	s.signal()
}

func (s *store) putSchema(details []byte) {
	if s == nil {
		return
	}
	s.mu.Lock()
	s.open.schema, s.open.wanted = details, true
	s.mu.Unlock()
	s.signal()
}

func (s *store) signal() {
	select {
	case s.wake <- struct{}{}:
	default: // run will look at the open batch anyway
	}
}

// wait returns once all changes that were noted before are committed. Reads wait
// as well, so that nothing is shown that a kill could still undo.
func (s *store) wait() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	b, err := s.writing, s.failed
	if s.open.wanted {
		b = s.open
	}
	nothing := b == nil || !b.wanted
	s.mu.Unlock()
	if err != nil || nothing {
		return err
	}
	<-b.done
	return b.err
}

// run writes batches until the store is closed.
func (s *store) run() {
	defer close(s.done)
	for range s.wake {
		s.mu.Lock()
		b := s.open
		s.open, s.writing = newBatch(), b
		closing, failed := s.closing, s.failed
		s.mu.Unlock()
		if failed == nil {
			failed = s.write(b)
		}
		b.err = failed
		s.mu.Lock()
		s.writing, s.failed = nil, failed
		if closing {
			s.failed = cmp.Or(failed, errClosed)
			s.open.err = s.failed
			close(s.open.done)
		}
		s.mu.Unlock()
		close(b.done)
		if closing {
			return
		}
	}
}

func (s *store) write(b *batch) error {
	if len(b.rows) == 0 && b.schema == nil {
		return nil
	}
	return sqlfile.Transaction(s.conn, func() error {
		for id, r := range b.rows {
			if err := s.writeRow(id, r); err != nil {
				return err
			}
		}
		if b.lastID != "" {
			if err := sqlfile.Run(s.conn, "INSERT INTO meta VALUES ('last_id', ?) ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)", nil, b.lastID); err != nil {
				return err
			}
		}
		if b.schema != nil {
			return sqlfile.Run(s.conn, "INSERT OR REPLACE INTO meta VALUES ('schema', ?)", nil, string(b.schema))
		}
		return nil
	})
}

func (s *store) writeRow(id string, r row) error {
	v := r.version
	if v == nil {
		return sqlfile.Run(s.conn, "DELETE FROM profile WHERE id = ?", nil, id)
	}
	return sqlfile.Run(s.conn, `INSERT INTO profile VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET
		contact_ids = excluded.contact_ids, active = excluded.active, profile = excluded.profile, sessions = excluded.sessions,
		last_changed = excluded.last_changed, last_changed_by = excluded.last_changed_by, used_at = excluded.used_at`, nil,
		id, string(jsonvalue.Strings(v.contactIDs)), v.active, string(v.fields.Value()), string(jsonvalue.Objects(v.sessions)),
		v.createdAt, v.createdBy, v.lastChanged, v.lastChangedBy, r.used)
}

var errClosed = errors.New("the sandbox is closed")

// close writes what is left and closes the file. It may be called again.
func (s *store) close() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	again := s.closing
	s.closing = true
	s.mu.Unlock()
	if again {
		return nil
	}
	s.signal()
	<-s.done
	err := s.conn.Close()
	if s.failed != errClosed {
		err = errors.Join(s.failed, err)
	}
	return err
}
