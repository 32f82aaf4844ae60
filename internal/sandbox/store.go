package sandbox

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/go-json-experiment/json"
)

// A store keeps the table of profiles and the schema in a SQLite file. The
// table in memory answers all reads; the store is told of each change and
// writes what came together in one transaction (group commit). An answer waits
// until what it shows is committed.
//
// The file is in WAL mode with synchronous=NORMAL: what was committed survives
// the end of the process, kill -9 included. A power failure may cost the last
// transactions, not the file.
//
// A nil *store keeps nothing.
type store struct {
	db   *sql.DB
	conn *sql.Conn // the only one; used by run alone once it is started
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
	// SQLite gives its own files the mode of the database.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	f.Close()
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	dsn := url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(abs), "/"),
		RawQuery: "_pragma=busy_timeout(1000)&_pragma=locking_mode(exclusive)&_pragma=journal_mode(wal)&_pragma=synchronous(normal)"}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	s := &store{db: db, wake: make(chan struct{}, 1), done: make(chan struct{}), open: newBatch()}
	defer func() {
		if err != nil {
			db.Close()
		}
	}()
	ctx := context.Background()
	if s.conn, err = db.Conn(ctx); err != nil {
		return nil, fmt.Errorf("%w (is another sandbox using it?)", err)
	}
	if err := s.prepare(ctx, projectID); err != nil {
		return nil, err
	}
	if err := s.load(ctx, t, fields); err != nil {
		return nil, err
	}
	go s.run()
	return s, nil
}

// prepare makes the tables, and sees to it that the file is a sandbox's, and of
// this project.
func (s *store) prepare(ctx context.Context, projectID string) error {
	var application, tables int
	if err := s.conn.QueryRowContext(ctx, "SELECT application_id FROM pragma_application_id").Scan(&application); err != nil {
		return err
	}
	if err := s.conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	if tables > 0 && application != storeApplicationID {
		return errors.New("a database of something else; name another file")
	}
	_, err := s.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d;", storeApplicationID)+storeSchema)
	if err != nil {
		return err
	}
	if _, err := s.conn.ExecContext(ctx, "INSERT OR IGNORE INTO meta VALUES ('project_id', ?)", projectID); err != nil {
		return err
	}
	var kept string
	if err := s.conn.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = 'project_id'").Scan(&kept); err != nil {
		return err
	}
	if kept != projectID {
		return fmt.Errorf("holds the project %s, not %s; name that project or another file", kept, projectID)
	}
	return nil
}

func (s *store) load(ctx context.Context, t *profiles, fields *schema) error {
	var lastID, details string
	err := s.conn.QueryRowContext(ctx, `SELECT
		coalesce((SELECT value FROM meta WHERE name = 'last_id'), ''),
		coalesce((SELECT value FROM meta WHERE name = 'schema'), '')`).Scan(&lastID, &details)
	if err != nil {
		return err
	}
	if details != "" {
		if err := json.Unmarshal([]byte(details), &fields.custom); err != nil {
			return fmt.Errorf("schema: %w", err)
		}
	}
	rows, err := s.conn.QueryContext(ctx, `SELECT id, contact_ids, active, profile, sessions, created_at, created_by,
		last_changed, last_changed_by, used_at FROM profile`)
	if err != nil {
		return err
	}
	defer rows.Close()
	var entries []*entry
	for rows.Next() {
		e, v := &entry{}, &version{}
		var contactIDs, profile, sessions []byte
		err := rows.Scan(&e.id, &contactIDs, &v.active, &profile, &sessions, &v.createdAt, &v.createdBy,
			&v.lastChanged, &v.lastChangedBy, &e.used)
		if err != nil {
			return err
		}
		if v.contactIDs, err = parseStrings(contactIDs); err != nil {
			return fmt.Errorf("profile %s: contact_ids: %w", e.id, err)
		}
		if v.fields, err = parseObject(profile); err != nil {
			return fmt.Errorf("profile %s: profile: %w", e.id, err)
		}
		items, _ := parseArray(sessions)
		for _, item := range items {
			o, err := parseObject(item)
			if err != nil {
				return fmt.Errorf("profile %s: sessions: %w", e.id, err)
			}
			v.sessions = append(v.sessions, o)
		}
		e.now = v
		entries = append(entries, e)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	t.load(entries, lastID)
	return nil
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
	ctx := context.Background()
	tx, err := s.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	put, err := tx.PrepareContext(ctx, `INSERT INTO profile VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET
		contact_ids = excluded.contact_ids, active = excluded.active, profile = excluded.profile, sessions = excluded.sessions,
		last_changed = excluded.last_changed, last_changed_by = excluded.last_changed_by, used_at = excluded.used_at`)
	if err != nil {
		return err
	}
	defer put.Close()
	for id, r := range b.rows {
		v := r.version
		if v == nil {
			_, err = tx.ExecContext(ctx, "DELETE FROM profile WHERE id = ?", id)
		} else {
			_, err = put.ExecContext(ctx, id, string(stringsValue(v.contactIDs)), v.active, string(v.fields.value()), string(objectsValue(v.sessions)),
				v.createdAt, v.createdBy, v.lastChanged, v.lastChangedBy, r.used)
		}
		if err != nil {
			return err
		}
	}
	if b.lastID != "" {
		if _, err := tx.ExecContext(ctx, "INSERT INTO meta VALUES ('last_id', ?) ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)", b.lastID); err != nil {
			return err
		}
	}
	if b.schema != nil {
		if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO meta VALUES ('schema', ?)", string(b.schema)); err != nil {
			return err
		}
	}
	return tx.Commit()
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
	err := errors.Join(s.conn.Close(), s.db.Close())
	if s.failed != errClosed {
		err = errors.Join(s.failed, err)
	}
	return err
}
