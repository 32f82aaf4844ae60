package state

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"zombiezen.com/go/sqlite"

	"importer/internal/sqlfile"
)

// A table is one of the state, and how its rows are written on a Shelf: the value is a JSON
// object of the columns besides the key, by name, in which a BLOB is base64. A key of one
// column is its bytes as they are; one of several has the length of each but the last
// before it. So a row can be read as long as the migrations are there that its version had
// seen.
type table struct {
	name    string
	columns []column // in the order of the table
	key     []int    // the columns of the primary key, in its order
	all     string   // statements: all rows, one by its key, one more
	one     string
	more    string
	decoder *jsontext.Decoder // reused
	text    bytes.Reader      // which it reads
}

type column struct {
	name     string
	declared string // its type, which all of its values have
	kind     sqlite.ColumnType
	isKey    bool
}

// tablesOf are the tables of a database.
func tablesOf(conn *sqlite.Conn) (tables []*table, err error) {
	err = sqlfile.Run(conn, `SELECT t.name, c.name, c.type, c.pk FROM sqlite_schema t JOIN pragma_table_info(t.name) c
		WHERE t.type = 'table' ORDER BY t.name, c.cid`, func(stmt *sqlite.Stmt) error {
		name := stmt.ColumnText(0)
		if len(tables) == 0 || tables[len(tables)-1].name != name {
			tables = append(tables, &table{name: name})
		}
		return tables[len(tables)-1].add(stmt.ColumnText(1), stmt.ColumnText(2), stmt.ColumnInt(3))
	})
	if err != nil {
		return nil, err
	}
	for _, t := range tables {
		t.complete()
	}
	return tables, nil
}

// kinds are the types that columns are declared to have.
var kinds = map[string]sqlite.ColumnType{"INTEGER": sqlite.TypeInteger, "TEXT": sqlite.TypeText, "BLOB": sqlite.TypeBlob}

// add adds a column; place is that in the primary key, from 1.
func (t *table) add(name, declared string, place int) error {
	kind, ok := kinds[declared]
	if !ok || place > 0 && kind == sqlite.TypeInteger {
		return fmt.Errorf("the column %s of the table %s is %q, which no row is written with", name, t.name, declared)
	}
	t.columns = append(t.columns, column{name, declared, kind, place > 0})
	for ; place > len(t.key); t.key = append(t.key, 0) {
	}
	if place > 0 {
		t.key[place-1] = len(t.columns) - 1
	}
	return nil
}

// complete writes the statements.
func (t *table) complete() {
	var names, keys []string
	for _, c := range t.columns {
		names = append(names, c.name)
	}
	for _, i := range t.key {
		keys = append(keys, names[i]+" = ?")
	}
	list := strings.Join(names, ", ")
	t.all = fmt.Sprintf("SELECT %s FROM %s", list, t.name)
	t.one = t.all + " WHERE " + strings.Join(keys, " AND ")
	t.more = fmt.Sprintf("INSERT INTO %s (%s) VALUES (?%s)", t.name, list, strings.Repeat(", ?", len(names)-1))
	t.decoder = jsontext.NewDecoder(&t.text)
}

// row is the row that a statement of all columns is at.
func (t *table) row(stmt *sqlite.Stmt) (_ Row, err error) {
	key := make([][]byte, len(t.key))
	b := append(make([]byte, 0, 256), '{')
	for i, c := range t.columns {
		if is := stmt.ColumnType(i); is != c.kind {
			return Row{}, fmt.Errorf("the column %s of the table %s is %s, and holds %v", c.name, t.name, c.declared, is)
		}
		if c.isKey {
			key[slices.Index(t.key, i)] = sqlfile.Blob(stmt, i)
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(strconv.AppendQuote(b, c.name), ':')
		switch c.kind {
		case sqlite.TypeInteger:
			b = strconv.AppendInt(b, stmt.ColumnInt64(i), 10)
		case sqlite.TypeText:
			if b, err = jsontext.AppendQuote(b, stmt.ColumnText(i)); err != nil {
				return Row{}, fmt.Errorf("the column %s of the table %s: %w", c.name, t.name, err)
			}
		default:
			b = append(b, '"')
			b = base64.StdEncoding.AppendEncode(b, sqlfile.Blob(stmt, i))
			b = append(b, '"')
		}
	}
	return Row{Table: t.name, Key: joinKey(key), Value: append(b, '}')}, nil
}

// get is the row of a key, which is there.
func (t *table) get(conn *sqlite.Conn, key [][]byte) (row Row, err error) {
	values := make([]any, len(key))
	for i, k := range key {
		values[i] = t.value(t.key[i], k)
	}
	err = sqlfile.Run(conn, t.one, func(stmt *sqlite.Stmt) (err error) {
		row, err = t.row(stmt)
		return err
	}, values...)
	if err == nil && row.Key == nil {
		err = fmt.Errorf("the table %s lacks a row that was changed", t.name)
	}
	return row, err
}

// value is what a column of the key is compared with or set to.
func (t *table) value(column int, key []byte) any {
	if t.columns[column].kind == sqlite.TypeText {
		return string(key)
	}
	return key
}

// keyOf are the columns of the key among the values of a change.
func (t *table) keyOf(value func(column int) (sqlite.Value, error)) ([][]byte, error) {
	key := make([][]byte, len(t.key))
	for i, c := range t.key {
		v, err := value(c)
		if err != nil {
			return nil, err
		}
		key[i] = v.Blob()
	}
	return key, nil
}

// insert adds a row as a Shelf keeps it.
func (t *table) insert(conn *sqlite.Conn, row Row) error {
	values := make([]any, len(t.columns))
	key, err := t.splitKey(row.Key)
	if err != nil {
		return err
	}
	for i, k := range key {
		values[t.key[i]] = t.value(t.key[i], k)
	}
	if err := t.read(row.Value, values); err != nil {
		return damaged("the row %x of its table %s: %w", row.Key, t.name, err)
	}
	for i, c := range t.columns {
		if values[i] == nil {
			return damaged("the row %x of its table %s has no %s", row.Key, t.name, c.name)
		}
	}
	return sqlfile.Run(conn, t.more, nil, values...)
}

// read reads the value of a row.
func (t *table) read(value []byte, values []any) error {
	t.text.Reset(value)
	t.decoder.Reset(&t.text)
	if token, err := t.decoder.ReadToken(); err != nil || token.Kind() != '{' {
		return errors.Join(errors.New("it is no JSON object"), err)
	}
	for t.decoder.PeekKind() != '}' {
		token, err := t.decoder.ReadToken()
		if err != nil {
			return err
		}
		name := token.String()
		i := slices.IndexFunc(t.columns, func(c column) bool { return c.name == name && !c.isKey })
		if i < 0 {
			return fmt.Errorf("it has the column %q, which is unknown", name)
		}
		token, err = t.decoder.ReadToken()
		if err != nil {
			return err
		}
		if values[i], err = t.columns[i].read(token); err != nil {
			return fmt.Errorf("its %s: %w", t.columns[i].name, err)
		}
	}
	if _, err := t.decoder.ReadToken(); err != nil {
		return err
	}
	if _, err := t.decoder.ReadToken(); err != io.EOF {
		return errors.Join(errors.New("it goes on behind its end"), err)
	}
	return nil
}

// read is the value of a column.
func (c column) read(token jsontext.Token) (any, error) {
	switch kind := token.Kind(); {
	case kind == '0' && c.kind == sqlite.TypeInteger:
		return strconv.ParseInt(token.String(), 10, 64)
	case kind == '"' && c.kind == sqlite.TypeText:
		return token.String(), nil
	case kind == '"' && c.kind == sqlite.TypeBlob:
		return base64.StdEncoding.DecodeString(token.String())
	}
	return nil, fmt.Errorf("%q is no %s", token.String(), c.declared)
}

// joinKey is the key of a row on a Shelf.
func joinKey(key [][]byte) []byte {
	last := len(key) - 1
	var b []byte
	for _, k := range key[:last] {
		b = append(binary.AppendUvarint(b, uint64(len(k))), k...)
	}
	return append(b, key[last]...)
}

// splitKey takes a key apart again.
func (t *table) splitKey(b []byte) (key [][]byte, err error) {
	for range len(t.key) - 1 {
		length, n := binary.Uvarint(b)
		if n <= 0 || length > uint64(len(b)-n) {
			return nil, damaged("the key %x of its table %s is cut", b, t.name)
		}
		key, b = append(key, b[n:n+int(length)]), b[n+int(length):]
	}
	return append(key, b), nil
}

// errDamaged is that of a Shelf which does not hold what was saved.
var errDamaged = errors.New("it does not hold what was saved")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errDamaged, fmt.Errorf(format, args...))
}
