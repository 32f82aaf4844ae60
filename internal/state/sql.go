package state

import (
	"errors"
	"fmt"
	"strings"

	jsonv1 "github.com/go-json-experiment/json/v1"
	"zombiezen.com/go/sqlite"
)

// run runs one statement, which is prepared only the first time, and calls row
// with each row of its result. Values are a []byte, a string, an int, an int64, a
// bool, or nil. It is an error of conn that it is nil, which it is when it was
// closed.
func run(conn *sqlite.Conn, query string, row func(*sqlite.Stmt) error, values ...any) error {
	stmt, err := conn.Prepare(query)
	if err != nil {
		return err
	}
	for i, value := range values {
		switch v := value.(type) {
		case []byte:
			stmt.BindBytes(i+1, v)
		case string:
			stmt.BindText(i+1, v)
		case int:
			stmt.BindInt64(i+1, int64(v))
		case int64:
			stmt.BindInt64(i+1, v)
		case bool:
			stmt.BindBool(i+1, v)
		case nil:
			stmt.BindNull(i + 1)
		default:
			return fmt.Errorf("no value of SQLite: %T", value)
		}
	}
	for {
		more, err := stmt.Step()
		if err != nil || !more {
			return err
		}
		if row == nil {
			continue
		}
		if err := row(stmt); err != nil {
			_ = stmt.Reset() // that it ended early is no error
			return err
		}
	}
}

// asEver is JSON as encoding/json has it: other versions share the state.
var asEver = jsonv1.DefaultOptionsV1()

// runAll runs statements once, one after the other.
func runAll(conn *sqlite.Conn, statements string) error {
	for rest := strings.TrimSpace(statements); rest != ""; {
		stmt, left, err := conn.PrepareTransient(rest)
		if err != nil {
			return err
		}
		rest = strings.TrimSpace(rest[len(rest)-left:])
		for more := true; more && err == nil; {
			more, err = stmt.Step()
		}
		if end := stmt.Finalize(); err == nil {
			err = end
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// temporary opens a file without a name, which SQLite removes, with such a schema.
func temporary(schema string) (*sqlite.Conn, error) {
	conn, err := sqlite.OpenConn("", sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		return nil, err
	}
	if err := runAll(conn, schema); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// blob is a copy of a column.
func blob(stmt *sqlite.Stmt, column int) []byte {
	b := make([]byte, stmt.ColumnLen(column))
	stmt.ColumnBytes(column, b)
	return b
}
