package sqlfile

import (
	"errors"
	"path/filepath"
	"testing"

	"zombiezen.com/go/sqlite"
)

func TestTransaction(t *testing.T) {
	conn, err := Open(filepath.Join(t.TempDir(), "t.db"), "CREATE TABLE t (n INTEGER PRIMARY KEY)")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	failure := errors.New("any")
	add := func(n int, err error) error {
		return Transaction(conn, func() error { return errors.Join(Run(conn, "INSERT INTO t VALUES (?)", nil, n), err) })
	}
	if err := add(1, nil); err != nil {
		t.Fatal(err)
	}
	if err := add(2, failure); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	if err := add(1, nil); sqlite.ErrCode(err).ToPrimary() != sqlite.ResultConstraint {
		t.Errorf("the same number twice: %v", err)
	}
	if err := add(3, nil); err != nil {
		t.Errorf("after what was undone: %v", err)
	}
	var got []int
	if err := Run(conn, "SELECT n FROM t", func(stmt *sqlite.Stmt) error { got = append(got, stmt.ColumnInt(0)); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0] != 1 || got[1] != 3 {
		t.Errorf("the table holds %v, want 1 and 3", got)
	}
}

func TestOpenHasTheFileAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "100% ?.db")
	conn, err := Open(path, "CREATE TABLE t (n)")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, ""); !IsLocked(err) {
		t.Errorf("opened twice: %v", err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if conn, err = Open(path, ""); err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := Run(conn, "INSERT INTO t VALUES (1)", nil); err != nil {
		t.Error(err)
	}
}
