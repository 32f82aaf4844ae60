package state

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"zombiezen.com/go/sqlite"

	"importer/internal/sqlfile"
)

// A workingCopy is what a state on a Shelf works with: a SQLite file without a name, which
// ends with the process. It is loaded when the state is opened, and each commit has the
// Shelf keep what changed since the last one.
type workingCopy struct {
	conn    *sqlite.Conn
	shelf   Shelf
	tables  []*table
	version int             // of what the Shelf holds; 0: nothing
	session *sqlite.Session // notes which rows change; nil: not yet
}

// Nothing of the file outlives the process.
const copySettings = "PRAGMA synchronous = off; PRAGMA cache_size = -8000"

// versionTable holds one row on a Shelf, how many migrations its tables have seen.
const versionTable = "version"

// load makes a copy of what the Shelf holds, in the schema of the version that saved it.
// The caller closes the connection, which is nil where it could not be opened.
func load(shelf Shelf) (conn *sqlite.Conn, version int, err error) {
	if conn, err = sqlfile.Nameless(copySettings); err != nil {
		return nil, 0, fmt.Errorf("a file to work with: %w", err)
	}
	for row, err := range shelf.Rows(versionTable) {
		if err != nil {
			return conn, 0, err
		}
		if version, err = strconv.Atoi(string(row.Value)); err != nil || version < 1 {
			return conn, 0, damaged("its version is %q", row.Value)
		}
	}
	if err := migrate(conn, 0, version); err != nil {
		return conn, 0, err
	}
	tables, err := tablesOf(conn)
	if err != nil {
		return conn, 0, err
	}
	return conn, version, sqlfile.Transaction(conn, func() error {
		return withoutIndexes(conn, func() error {
			for _, t := range tables {
				for row, err := range shelf.Rows(t.name) {
					if err == nil {
						err = t.insert(conn, row)
					}
					if err != nil {
						return err
					}
				}
			}
			return nil
		})
	})
}

// withoutIndexes runs what adds many rows, and makes the indexes anew after it: sorted they
// take a third of the time that they take row by row.
func withoutIndexes(conn *sqlite.Conn, add func() error) error {
	drop, create := "", ""
	err := sqlfile.Run(conn, "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL", func(stmt *sqlite.Stmt) error {
		drop += "DROP INDEX " + stmt.ColumnText(0) + ";"
		create += stmt.ColumnText(1) + ";"
		return nil
	})
	if err == nil {
		err = sqlfile.RunAll(conn, drop)
	}
	if err == nil {
		err = add()
	}
	if err == nil {
		err = sqlfile.RunAll(conn, create)
	}
	return err
}

// openShelf is Open of a state on a Shelf.
func openShelf(name string, o Options) (*State, error) {
	s := &State{path: name, Options: o, committed: time.Now()}
	if err := o.Shelf.Claim(); err != nil {
		return nil, errors.Join(err, o.Shelf.Release())
	}
	return s.begin()
}

// openCopy has the state work with a copy of what the Shelf holds.
func (s *State) openCopy() error {
	conn, version, err := load(s.Shelf)
	if s.conn = conn; err == nil {
		err = s.prepare()
	}
	if err != nil {
		return err
	}
	tables, err := tablesOf(conn)
	if err != nil {
		return err
	}
	s.copy = &workingCopy{conn: conn, shelf: s.Shelf, tables: tables, version: version}
	return s.copy.watch()
}

// wrapCopy says what an error is about: what the Shelf says of itself is enough.
func (s *State) wrapCopy(err error) error {
	hint := ""
	switch code := sqlite.ErrCode(err).ToPrimary(); {
	case errors.Is(err, errDamaged), code == sqlite.ResultConstraint:
		hint = "; --state with another name begins a new one, which the next run makes from the reports and from what the project holds"
	case code == sqlite.ResultFull, code == sqlite.ResultIOErr, code == sqlite.ResultCantOpen:
		hint = "; its copy lies in the folder for temporary files: make room there, or name another with $SQLITE_TMPDIR"
	}
	return fmt.Errorf("the state %s: %w%s", s.path, err, hint)
}

// watch has changes noted from here on, and forgets those before.
func (c *workingCopy) watch() (err error) {
	c.unwatch()
	if c.session, err = c.conn.CreateSession(""); err != nil {
		return err
	}
	return c.session.Attach("")
}

func (c *workingCopy) unwatch() {
	if c.session != nil {
		c.session.Delete()
		c.session = nil
	}
}

// save has the Shelf keep what changed: all rows where it holds those of an older version,
// or nothing yet.
func (c *workingCopy) save() error {
	whole := c.version != len(migrations)
	changes := c.all
	if !whole {
		var set bytes.Buffer
		if err := c.session.WriteChangeset(&set); err != nil || set.Len() == 0 {
			return err
		}
		changes = func(yield func(Row, error) bool) { c.changed(set.Bytes(), yield) }
	}
	if err := c.shelf.Save(whole, changes); err != nil {
		return err
	}
	c.version = len(migrations)
	return c.watch()
}

// all ranges over all rows, the version first.
func (c *workingCopy) all(yield func(Row, error) bool) {
	if !yield(Row{Table: versionTable, Key: []byte(versionTable), Value: strconv.AppendInt(nil, int64(len(migrations)), 10)}, nil) {
		return
	}
	enough := errors.New("enough")
	for _, t := range c.tables {
		err := sqlfile.Run(c.conn, t.all, func(stmt *sqlite.Stmt) error {
			row, err := t.row(stmt)
			if err == nil && !yield(row, nil) {
				err = enough
			}
			return err
		})
		if err != nil && !errors.Is(err, enough) {
			yield(Row{}, err)
		}
		if err != nil {
			return
		}
	}
}

// changed ranges over the rows that a changeset names, as they are.
func (c *workingCopy) changed(set []byte, yield func(Row, error) bool) {
	changes, err := sqlite.NewChangesetIterator(bytes.NewReader(set))
	if err != nil {
		yield(Row{}, err)
		return
	}
	more := true
	for more && err == nil {
		if more, err = changes.Next(); !more || err != nil {
			break
		}
		var row Row
		if row, err = c.change(changes); err == nil {
			more = yield(row, nil)
		}
	}
	if err = errors.Join(err, changes.Close()); err != nil && more {
		yield(Row{}, err)
	}
}

// change is the row that a change is about, as it is.
func (c *workingCopy) change(changes *sqlite.ChangesetIterator) (Row, error) {
	op, err := changes.Operation()
	if err != nil {
		return Row{}, err
	}
	for _, t := range c.tables {
		if t.name != op.TableName {
			continue
		}
		value := changes.Old
		if op.Type == sqlite.OpInsert {
			value = changes.New
		}
		key, err := t.keyOf(value)
		if err != nil || op.Type == sqlite.OpDelete {
			return Row{Table: t.name, Key: joinKey(key)}, err
		}
		return t.get(c.conn, key)
	}
	return Row{}, fmt.Errorf("a change in the table %s, which was not there", op.TableName)
}
