package state

import (
	"cmp"
	"fmt"
	"iter"
	"time"

	"github.com/go-json-experiment/json"
	"zombiezen.com/go/sqlite"

	"importer/importer/change"
	"importer/importer/contact"
	"importer/internal/sqlfile"
)

// Written is what a report says is in, key by key, and what may be. It lies in a file
// without a name that ends with the process, so that memory does not grow with
// the report. It has one owner at a time.
type Written struct{ conn *sqlite.Conn }

const writtenSchema = `
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
	doubt       INTEGER NOT NULL DEFAULT 0,
	seen        INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;`

// NewWritten makes an empty table. The caller closes it.
func NewWritten() (*Written, error) {
	conn, err := sqlfile.Temporary(writtenSchema)
	if err != nil {
		return nil, fmt.Errorf("a file for what the report says: %w", err)
	}
	return &Written{conn}, nil
}

// Close removes the table.
func (w *Written) Close() error { return w.conn.Close() }

// Record takes the next outcome of the report.
func (w *Written) Record(o *contact.Outcome) error {
	key := o.Row.Key
	if o.Undone || o.Status == contact.Absent { // gone
		return sqlfile.Run(w.conn, "DELETE FROM written WHERE key = ?", nil, key[:])
	}
	switch o.Status {
	case contact.Created, contact.Updated, contact.Unchanged, contact.Existing, contact.Deactivated, contact.Deleted, contact.Unknown:
	default:
		return nil
	}
	was, known, err := w.Get(key)
	if err != nil {
		return err
	}
	if known && (o.ID == "" && was.ID != "" || o.Status == contact.Unknown) {
		return nil // it says less than what is known
	}
	untouched := o.Status == contact.Unchanged || o.Status == contact.Existing
	at, created, touched := o.At.UnixMilli(), o.Status == contact.Created, o.Touched || untouched
	if untouched {
		at = max(0, was.At.UnixMilli(), o.Changed.UnixMilli()) // nothing was written
	}
	previous := o.Previous
	if known && was.ID == o.ID {
		created, touched = created || was.Created, touched && was.Touched
		previous = mergePrevious(was.Previous, o.Previous)
	}
	var text any // NULL where there is nothing
	if previous != nil {
		b, err := json.Marshal(previous, asEver)
		if err != nil {
			return err
		}
		text = string(b)
	}
	ids, err := json.Marshal(o.Row.Profile.ContactIDs, asEver)
	if err != nil {
		return err
	}
	return sqlfile.Run(w.conn, "INSERT OR REPLACE INTO written (key, id, digest, status, created, touched, at, previous, contact_ids, source, line) VALUES (?,?,?,?,?,?,?,?,?,?,?)", nil,
		key[:], o.ID, o.Row.Digest[:], int(o.Status), created, touched, at, text, string(ids), o.Row.Source, o.Row.Line)
}

// mergePrevious keeps of each member what it was before the first update. Both may
// be nil; the first is changed.
func mergePrevious(first, next *contact.Profile) *contact.Profile {
	if first == nil || next == nil {
		return cmp.Or(first, next)
	}
	if first.ContactIDs == nil {
		first.ContactIDs = next.ContactIDs
	}
	first.Active = cmp.Or(first.Active, next.Active)
	for _, f := range next.Fields {
		if first.Field(f.Name) == nil {
			first.Fields = append(first.Fields, f)
		}
	}
	contact.SortFields(first.Fields)
	return first
}

// Verifiable leaves the rows that are to be in, and those of which the report does
// not know whether they are, which are its doubtful keys. It returns how many.
func (w *Written) Verifiable(doubtful iter.Seq[contact.Key]) (n int, err error) {
	for key := range doubtful {
		if err := sqlfile.Run(w.conn, `INSERT INTO written (key, id, digest, status, created, touched, at, contact_ids, source, line, doubt)
			VALUES (?, '', x'', ?, 0, 0, 0, '[]', '', 0, 1) ON CONFLICT (key) DO UPDATE SET doubt = 1`, nil, key[:], int(contact.InDoubt)); err != nil {
			return 0, err
		}
	}
	if err := sqlfile.Run(w.conn, "DELETE FROM written WHERE NOT doubt AND status NOT IN (?, ?, ?, ?)", nil,
		int(contact.Created), int(contact.Updated), int(contact.Unchanged), int(contact.Existing)); err != nil {
		return 0, err
	}
	err = sqlfile.Run(w.conn, "SELECT count(*) FROM written", func(stmt *sqlite.Stmt) error {
		n = stmt.ColumnInt(0)
		return nil
	})
	return n, err
}

const writtenColumns = "key, id, digest, status, created, touched, at, previous, contact_ids, source, line, doubt, seen"

// Get is what was written for a key.
func (w *Written) Get(k contact.Key) (change.WrittenRow, bool, error) {
	all, err := w.query("SELECT "+writtenColumns+" FROM written WHERE key = ?", k[:])
	if err != nil || len(all) == 0 {
		return change.WrittenRow{}, false, err
	}
	return all[0], true, nil
}

// Rows ranges over the rows in the order of keys, some hundreds at a time.
func (w *Written) Rows() iter.Seq2[[]change.WrittenRow, error] { return w.rows("key > ?") }

// Unseen is as Rows, of those that See was not told of.
func (w *Written) Unseen() iter.Seq2[[]change.WrittenRow, error] {
	return w.rows("key > ? AND seen = 0")
}

func (w *Written) rows(which string) iter.Seq2[[]change.WrittenRow, error] {
	return func(yield func([]change.WrittenRow, error) bool) {
		var after contact.Key
		for {
			rows, err := w.query("SELECT "+writtenColumns+" FROM written WHERE "+which+" ORDER BY key LIMIT 500", after[:])
			if len(rows) > 0 {
				after = rows[len(rows)-1].Key // before the rows are the caller's
			}
			if len(rows) == 0 && err == nil || !yield(rows, err) || err != nil {
				return
			}
		}
	}
}

// See marks a key as dealt with.
func (w *Written) See(k contact.Key) error {
	return sqlfile.Run(w.conn, "UPDATE written SET seen = 1 WHERE key = ?", nil, k[:])
}

func (w *Written) query(query string, values ...any) (all []change.WrittenRow, err error) {
	err = sqlfile.Run(w.conn, query, func(stmt *sqlite.Stmt) error {
		r := change.WrittenRow{
			ID: stmt.ColumnText(1), Status: contact.Status(stmt.ColumnInt(3)), Created: stmt.ColumnBool(4), Touched: stmt.ColumnBool(5),
			At: time.UnixMilli(stmt.ColumnInt64(6)), Place: contact.Place{Source: stmt.ColumnText(9), Line: stmt.ColumnInt(10)},
			Doubt: stmt.ColumnBool(11), Seen: stmt.ColumnBool(12),
		}
		stmt.ColumnBytes(0, r.Key[:])
		stmt.ColumnBytes(2, r.Digest[:])
		if err := json.Unmarshal(sqlfile.Blob(stmt, 8), &r.ContactIDs, asEver); err != nil {
			return err
		}
		if !stmt.ColumnIsNull(7) {
			r.Previous = &contact.Profile{}
			if err := json.Unmarshal(sqlfile.Blob(stmt, 7), r.Previous, asEver); err != nil {
				return err
			}
		}
		all = append(all, r)
		return nil
	}, values...)
	return all, err
}
