package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"importer/importer"
)

// Written is what a report says was written, key by key. It lies in a file
// without a name that ends with the process, so that memory does not grow with
// the report. It has one owner at a time.
type Written struct {
	db   *sql.DB
	conn *sql.Conn
	open bool
}

const writtenSchema = `
PRAGMA journal_mode = off;
PRAGMA synchronous = off;
CREATE TABLE written (
	key         BLOB PRIMARY KEY,
	id          TEXT NOT NULL,
	digest      BLOB NOT NULL,
	status      INTEGER NOT NULL, -- the last one
	created     INTEGER NOT NULL, -- the report says that it was
	touched     INTEGER NOT NULL, -- it was never changed but by being touched
	at          INTEGER NOT NULL, -- when it was written last, in Unix milliseconds
	previous    TEXT,             -- JSON: what updates took away, as it was before the first
	contact_ids TEXT NOT NULL,
	source      TEXT NOT NULL,
	line        INTEGER NOT NULL,
	seen        INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;`

// NewWritten makes an empty table. The caller closes it.
func NewWritten() (_ *Written, err error) {
	w := &Written{}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("a file for what the report says: %w", err), w.Close())
		}
	}()
	if w.db, err = sql.Open("sqlite", ""); err != nil {
		return w, err
	}
	if w.conn, err = w.db.Conn(context.Background()); err != nil {
		return w, err
	}
	_, err = w.conn.ExecContext(context.Background(), writtenSchema)
	return w, err
}

// Close removes the table.
func (w *Written) Close() error {
	var errs []error
	if w.conn != nil {
		errs = append(errs, w.conn.Close())
	}
	if w.db != nil {
		errs = append(errs, w.db.Close())
	}
	return errors.Join(errs...)
}

func (w *Written) exec(query string, args ...any) error {
	if !w.open {
		if _, err := w.conn.ExecContext(context.Background(), "BEGIN"); err != nil {
			return err
		}
		w.open = true
	}
	_, err := w.conn.ExecContext(context.Background(), query, args...)
	return err
}

// Record takes the next outcome of the report.
func (w *Written) Record(o *importer.Outcome) error {
	key := o.Row.Key
	if o.Undone {
		return w.exec("DELETE FROM written WHERE key = ?", key[:])
	}
	switch o.Status {
	case importer.Created, importer.Updated, importer.Unchanged, importer.Deactivated, importer.Deleted:
	default:
		return nil
	}
	if o.ID == "" {
		return nil
	}
	var was struct {
		id       string
		created  bool
		touched  bool
		at       int64
		previous sql.NullString
	}
	err := w.conn.QueryRowContext(context.Background(), "SELECT id, created, touched, at, previous FROM written WHERE key = ?", key[:]).
		Scan(&was.id, &was.created, &was.touched, &was.at, &was.previous)
	known := err == nil
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	at, created, touched := o.At.UnixMilli(), o.Status == importer.Created, o.Touched || o.Status == importer.Unchanged
	previous := was.previous
	if o.Status == importer.Unchanged {
		at = max(was.at, o.Changed.UnixMilli()) // nothing was written
	}
	if known && was.id == o.ID {
		created, touched = created || was.created, touched && was.touched
	} else {
		previous = sql.NullString{}
	}
	if o.Previous != nil {
		text, err := mergePrevious(previous.String, o.Previous)
		if err != nil {
			return err
		}
		previous = sql.NullString{String: text, Valid: true}
	}
	ids, err := json.Marshal(o.Row.Profile.ContactIDs)
	if err != nil {
		return err
	}
	return w.exec("INSERT OR REPLACE INTO written (key, id, digest, status, created, touched, at, previous, contact_ids, source, line) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
		key[:], o.ID, o.Row.Digest[:], int(o.Status), created, touched, at, previous, string(ids), o.Row.Source, o.Row.Line)
}

// mergePrevious keeps of each member what it was before the first update.
func mergePrevious(first string, next *importer.Profile) (string, error) {
	p := *next
	if first != "" {
		var older importer.Profile
		if err := json.Unmarshal([]byte(first), &older); err != nil {
			return "", err
		}
		if older.ContactIDs != nil {
			p.ContactIDs = older.ContactIDs
		}
		if older.Active != nil {
			p.Active = older.Active
		}
		for _, f := range next.Fields {
			if older.Field(f.Name) == nil {
				older.Fields = append(older.Fields, f)
				importer.SortFields(older.Fields)
			}
		}
		p.Fields = older.Fields
	}
	text, err := json.Marshal(p)
	return string(text), err
}

const writtenColumns = "key, id, digest, status, created, touched, at, previous, contact_ids, source, line, seen"

// Get is what was written for a key.
func (w *Written) Get(k importer.Key) (importer.WrittenRow, bool, error) {
	all, err := w.query("SELECT "+writtenColumns+" FROM written WHERE key = ?", k[:])
	if err != nil || len(all) == 0 {
		return importer.WrittenRow{}, false, err
	}
	return all[0], true, nil
}

// Rows returns the next rows behind a key, in the order of keys, so many at most.
func (w *Written) Rows(after importer.Key, most int) ([]importer.WrittenRow, error) {
	return w.query("SELECT "+writtenColumns+" FROM written WHERE key > ? ORDER BY key LIMIT ?", after[:], most)
}

// Unseen is as Rows, of those that See was not told of.
func (w *Written) Unseen(after importer.Key, most int) ([]importer.WrittenRow, error) {
	return w.query("SELECT "+writtenColumns+" FROM written WHERE key > ? AND seen = 0 ORDER BY key LIMIT ?", after[:], most)
}

// See notes that a key was dealt with.
func (w *Written) See(k importer.Key) error {
	return w.exec("UPDATE written SET seen = 1 WHERE key = ?", k[:])
}

// Len is how many keys are in it.
func (w *Written) Len() (n int, err error) {
	err = w.conn.QueryRowContext(context.Background(), "SELECT count(*) FROM written").Scan(&n)
	return n, err
}

func (w *Written) query(query string, args ...any) (all []importer.WrittenRow, err error) {
	rows, err := w.conn.QueryContext(context.Background(), query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r importer.WrittenRow
		var key, digest []byte
		var at int64
		var ids string
		var status int
		var previous sql.NullString
		if err := rows.Scan(&key, &r.ID, &digest, &status, &r.Created, &r.Touched, &at, &previous, &ids, &r.Place.Source, &r.Place.Line, &r.Seen); err != nil {
			return nil, err
		}
		copy(r.Key[:], key)
		copy(r.Digest[:], digest)
		r.Status, r.At = importer.Status(status), time.UnixMilli(at)
		if err := json.Unmarshal([]byte(ids), &r.ContactIDs); err != nil {
			return nil, err
		}
		if previous.Valid {
			r.Previous = &importer.Profile{}
			if err := json.Unmarshal([]byte(previous.String), r.Previous); err != nil {
				return nil, err
			}
		}
		all = append(all, r)
	}
	return all, rows.Err()
}
