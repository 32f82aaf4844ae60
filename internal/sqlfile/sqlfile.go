// Package sqlfile opens SQLite files and runs statements on them: the one way in
// which the program speaks to SQLite.
package sqlfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"importer/internal/files"
)

// Open opens the file at path, or makes it, with the mode 0600 in every case, and runs
// the settings, such as "PRAGMA synchronous = full". The file is in WAL mode, and the
// connection has it alone: where another process does, the error is IsLocked after a
// second. A link is not followed, nor is what somebody else put at the names of SQLite's
// own files beside it: the error is a *files.ForeignError. The caller closes the
// connection.
func Open(path, settings string) (*sqlite.Conn, error) {
	// SQLite gives its own files the mode of the database, and would read those that are
	// there into it.
	for suffix, flag := range map[string]int{"": os.O_CREATE, "-wal": 0, "-shm": 0, "-journal": 0} {
		f, err := files.Open(path+suffix, os.O_RDWR|flag)
		if err == nil {
			err = f.Close()
		}
		if err != nil && (suffix == "" || !errors.Is(err, fs.ErrNotExist)) {
			return nil, err
		}
	}
	abs, err := filepath.Abs(path) // so that no name means anything special
	if err != nil {
		return nil, err
	}
	return open(abs, "PRAGMA locking_mode = exclusive; PRAGMA journal_mode = wal;"+settings)
}

// IsLocked tells whether an error of Open says that another process has the file.
func IsLocked(err error) bool { return sqlite.ErrCode(err).ToPrimary() == sqlite.ResultBusy }

// Temporary opens a file without a name, which ends with the connection or with the
// process, and runs the statements of its schema. All that it holds is one
// transaction without a journal, which never ends: after a statement that failed, it
// is not known what that is. The caller closes the connection.
func Temporary(schema string) (*sqlite.Conn, error) {
	return open("", "PRAGMA journal_mode = off; PRAGMA synchronous = off;"+schema+"BEGIN")
}

// Nameless opens a file without a name, which ends with the connection or with the process,
// and runs the settings. Unlike Temporary it has transactions, which a process that is
// killed need not survive. The caller closes the connection.
func Nameless(settings string) (*sqlite.Conn, error) { return open("", settings) }

func open(name, statements string) (*sqlite.Conn, error) {
	conn, err := sqlite.OpenConn(name, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		return nil, err
	}
	conn.SetBusyTimeout(time.Second)
	if err := RunAll(conn, statements); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// Run runs one statement, which is prepared only the first time, and calls row
// with each row of its result. Values are a []byte, a string, an integer, a bool,
// or nil. It is an error of conn that it is nil, which it is when it was closed.
func Run(conn *sqlite.Conn, query string, row func(*sqlite.Stmt) error, values ...any) error {
	return sqlitex.Execute(conn, query, &sqlitex.ExecOptions{Args: values, ResultFunc: row})
}

// RunAll runs statements once, one after the other; none may hold a semicolon.
// Unlike a script of sqlitex it opens no transaction of its own, in which settings
// could not be made.
func RunAll(conn *sqlite.Conn, statements string) error {
	for statement := range strings.SplitSeq(statements, ";") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if err := sqlitex.ExecuteTransient(conn, statement, nil); err != nil {
			return err
		}
	}
	return nil
}

// Transaction runs change within one transaction, which an error undoes.
func Transaction(conn *sqlite.Conn, change func() error) error {
	if err := Run(conn, "BEGIN", nil); err != nil {
		return err
	}
	err := change()
	if err == nil {
		err = Run(conn, "COMMIT", nil)
	}
	if err != nil && !conn.AutocommitEnabled() { // some errors have undone it already
		err = errors.Join(err, Run(conn, "ROLLBACK", nil))
	}
	return err
}

// Blob is a copy of a column.
func Blob(stmt *sqlite.Stmt, column int) []byte {
	b := make([]byte, stmt.ColumnLen(column))
	stmt.ColumnBytes(column, b)
	return b
}
