package store

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json"
	"zombiezen.com/go/sqlite"

	"importer/internal/files"
	"importer/internal/sandbox/jsonvalue"
	"importer/internal/sqlfile"
)

// A file keeps the profiles and the schema in SQLite. The store in memory answers
// all reads; the file is told of each change and writes what came together in one
// transaction (group commit). An answer waits until what it shows is committed.
//
// With synchronous=NORMAL what was committed survives the end of the process, kill -9
// included. A power failure may cost the last transactions, not the file.
//
// A nil *file keeps nothing.
type file struct {
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
	schema *[]Field      // nil where it did not change
	wanted bool          // somebody waits for it, or will
	done   chan struct{} // closed once it is committed or has failed
	err    error
}

type row struct {
	profile *Profile // nil: remove
	used    int64
}

func newBatch() *batch { return &batch{rows: make(map[string]row), done: make(chan struct{})} }

const tables = `
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

// applicationID marks the file as a sandbox's.
const applicationID = 0x434f4758

// openFile opens a data file, or makes it with the mode 0600, and reads it into
// the store. It fails where another process has it open.
func openFile(path, projectID string, s *Store) (_ *file, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("data file %s: %w", path, err)
		}
	}()
	conn, err := sqlfile.Open(files.Real(path), "PRAGMA synchronous = normal")
	if sqlfile.IsLocked(err) {
		return nil, fmt.Errorf("%w (is another sandbox using it?)", err)
	}
	if err != nil {
		return nil, err
	}
	f := &file{conn: conn, wake: make(chan struct{}, 1), done: make(chan struct{}), open: newBatch()}
	err = f.prepare(projectID)
	if err == nil {
		err = f.load(s)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	go f.run()
	return f, nil
}

// prepare makes the tables, and sees to it that the file is a sandbox's, and of
// this project.
func (f *file) prepare(projectID string) error {
	application, err := f.text("PRAGMA application_id")
	if err != nil {
		return err
	}
	count, err := f.text("SELECT count(*) FROM sqlite_schema")
	if err != nil {
		return err
	}
	if count != "0" && application != strconv.Itoa(applicationID) {
		return errors.New("a database of something else; name another file")
	}
	if err := sqlfile.RunAll(f.conn, fmt.Sprintf("PRAGMA application_id = %d;", applicationID)+tables); err != nil {
		return err
	}
	if err := sqlfile.Run(f.conn, "INSERT OR IGNORE INTO meta VALUES ('project_id', ?)", nil, projectID); err != nil {
		return err
	}
	kept, err := f.text("SELECT value FROM meta WHERE name = 'project_id'")
	if err == nil && kept != projectID {
		err = fmt.Errorf("holds the project %s, not %s; name that project or another file", kept, projectID)
	}
	return err
}

// text is the value of a query; empty where it gives none.
func (f *file) text(query string) (value string, err error) {
	err = sqlfile.Run(f.conn, query, func(stmt *sqlite.Stmt) error {
		value = stmt.ColumnText(0)
		return nil
	})
	return value, err
}

func (f *file) load(s *Store) error {
	lastID, err := f.text("SELECT value FROM meta WHERE name = 'last_id'")
	if err != nil {
		return err
	}
	details, err := f.text("SELECT value FROM meta WHERE name = 'schema'")
	if err != nil {
		return err
	}
	if details != "" {
		if err := json.Unmarshal([]byte(details), &s.custom); err != nil {
			return fmt.Errorf("schema: %w", err)
		}
	}
	var entries []*entry
	if err := sqlfile.Run(f.conn, `SELECT id, contact_ids, active, profile, sessions, created_at, created_by,
		last_changed, last_changed_by, used_at FROM profile`, func(stmt *sqlite.Stmt) error {
		e, err := storedEntry(stmt)
		entries = append(entries, e)
		return err
	}); err != nil {
		return err
	}
	s.load(entries, lastID)
	return nil
}

// storedEntry is a row of the table of profiles.
func storedEntry(stmt *sqlite.Stmt) (_ *entry, err error) {
	p := &Profile{ID: stmt.ColumnText(0), Active: stmt.ColumnBool(2), CreatedAt: stmt.ColumnInt64(5), CreatedBy: stmt.ColumnText(6),
		LastChanged: stmt.ColumnInt64(7), LastChangedBy: stmt.ColumnText(8)}
	e := &entry{id: p.ID, now: p, used: stmt.ColumnInt64(9)}
	if p.ContactIDs, err = jsonvalue.ParseStrings(sqlfile.Blob(stmt, 1)); err != nil {
		return nil, fmt.Errorf("profile %s: contact_ids: %w", e.id, err)
	}
	if p.Fields, err = jsonvalue.ParseObject(sqlfile.Blob(stmt, 3)); err != nil {
		return nil, fmt.Errorf("profile %s: profile: %w", e.id, err)
	}
	items, _ := jsonvalue.ParseArray(sqlfile.Blob(stmt, 4))
	for _, item := range items {
		o, err := jsonvalue.ParseObject(item)
		if err != nil {
			return nil, fmt.Errorf("profile %s: sessions: %w", e.id, err)
		}
		p.Sessions = append(p.Sessions, o)
	}
	return e, nil
}

// put, remove, touch and putSchema note a change for the open batch.
func (f *file) put(e *entry) { f.note(e.id, row{e.now, e.used}, true) }

func (f *file) remove(e *entry) { f.note(e.id, row{}, true) }

// touch does not make anybody wait: a read that is forgotten costs at most some
// of the profile's life time.
func (f *file) touch(e *entry) { f.note(e.id, row{e.now, e.used}, false) }

func (f *file) note(id string, r row, wanted bool) {
	if f == nil {
		return
	}
	f.mu.Lock()
	f.open.rows[id] = r
	f.open.wanted = f.open.wanted || wanted
	if r.profile != nil && id > f.open.lastID {
		f.open.lastID = id
	}
	f.mu.Unlock()
	f.signal()
}

func (f *file) putSchema(custom []Field) {
	if f == nil {
		return
	}
	f.mu.Lock()
	f.open.schema, f.open.wanted = &custom, true
	f.mu.Unlock()
	f.signal()
}

func (f *file) signal() {
	select {
	case f.wake <- struct{}{}:
	default: // run will look at the open batch anyway
	}
}

// wait returns once all changes that were noted before are committed. Reads wait
// as well, so that nothing is shown that a kill could still undo.
func (f *file) wait() error {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	b, err := f.writing, f.failed
	if f.open.wanted {
		b = f.open
	}
	nothing := b == nil || !b.wanted
	f.mu.Unlock()
	if err != nil || nothing {
		return err
	}
	<-b.done
	return b.err
}

// run writes batches until the file is closed.
func (f *file) run() {
	defer close(f.done)
	for range f.wake {
		f.mu.Lock()
		b := f.open
		f.open, f.writing = newBatch(), b
		closing, failed := f.closing, f.failed
		f.mu.Unlock()
		if failed == nil {
			failed = f.write(b)
		}
		b.err = failed
		f.mu.Lock()
		f.writing, f.failed = nil, failed
		if closing {
			f.failed = cmp.Or(failed, errClosed)
			f.open.err = f.failed
			close(f.open.done)
		}
		f.mu.Unlock()
		close(b.done)
		if closing {
			return
		}
	}
}

func (f *file) write(b *batch) error {
	if len(b.rows) == 0 && b.schema == nil {
		return nil
	}
	return sqlfile.Transaction(f.conn, func() error {
		for id, r := range b.rows {
			if err := f.writeRow(id, r); err != nil {
				return err
			}
		}
		if b.lastID != "" {
			if err := sqlfile.Run(f.conn, "INSERT INTO meta VALUES ('last_id', ?) ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)", nil, b.lastID); err != nil {
				return err
			}
		}
		if b.schema == nil {
			return nil
		}
		details, err := json.Marshal(*b.schema)
		if err != nil {
			return err
		}
		return sqlfile.Run(f.conn, "INSERT OR REPLACE INTO meta VALUES ('schema', ?)", nil, string(details))
	})
}

func (f *file) writeRow(id string, r row) error {
	p := r.profile
	if p == nil {
		return sqlfile.Run(f.conn, "DELETE FROM profile WHERE id = ?", nil, id)
	}
	return sqlfile.Run(f.conn, `INSERT INTO profile VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET
		contact_ids = excluded.contact_ids, active = excluded.active, profile = excluded.profile, sessions = excluded.sessions,
		last_changed = excluded.last_changed, last_changed_by = excluded.last_changed_by, used_at = excluded.used_at`, nil,
		id, string(jsonvalue.Strings(p.ContactIDs)), p.Active, string(p.Fields.Value()), string(jsonvalue.Objects(p.Sessions)),
		p.CreatedAt, p.CreatedBy, p.LastChanged, p.LastChangedBy, r.used)
}

var errClosed = errors.New("the sandbox is closed")

// close writes what is left and closes the file. It may be called again.
func (f *file) close() error {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	again := f.closing
	f.closing = true
	f.mu.Unlock()
	if again {
		return nil
	}
	f.signal()
	<-f.done
	err := f.conn.Close()
	if f.failed != errClosed {
		err = errors.Join(f.failed, err)
	}
	return err
}
