// Package query reads the rows of a query of PostgreSQL, each as one JSON object: in one
// read-only transaction with one snapshot, through a cursor, so that little of the result
// is in memory.
//
//	address ──► Open ──► columns ──► Start ──► Next ──► {"column":value,…}
package query

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"importer/internal/address"
	"importer/internal/plain"
	"importer/internal/words"
)

// Options say what is asked, and of whom.
type Options struct {
	Context context.Context // ends every wait; nil: nothing does
	Address string          // postgres://…, without a password
	Query   string          // one SELECT
	Timeout time.Duration   // of reaching the server; 0: 30 s
}

const (
	defaultTimeout = 30 * time.Second
	// maxStatement is how long a statement may take, unless statement_timeout in the address
	// says another time.
	maxStatement = 5 * time.Minute
	// MaxRow is how long a row may be, in bytes.
	MaxRow = 16 << 20
	// ahead is how many bytes of rows are held, and what one fetch of the cursor is to bring.
	ahead   = 2 << 20
	maxRows = 500 // of one fetch
)

var (
	// ErrUnusable says that an address or a query cannot be used.
	ErrUnusable = errors.New("it cannot be used")
	// ErrAway says that the server cannot be reached, or that it broke off.
	ErrAway = errors.New("the database cannot be read")
	// ErrChanged says that the query gave other rows than before in the same snapshot.
	ErrChanged = errors.New("the query gives other rows each time it is asked")
)

// A Rows is the result of a query. It belongs to one goroutine, and keeps a transaction
// open until it is closed.
type Rows struct {
	Name    string   // as it may be shown
	Columns []string // in their order
	Objects []bool   // which of them may hold JSON objects

	o       Options
	conn    *pgx.Conn
	bound   time.Duration // of a statement
	names   []string      // of the members, by column
	result  *pgconn.ResultReader
	stop    func() // ends the watch of result
	batch   int    // rows that the next fetch asks for
	came    int    // rows of the fetch that is read
	largest int    // of its rows, in bytes
	held    [][]byte
	heldAll int   // bytes
	open    bool  // the cursor is
	err     error // how the reading ended
	fresh   bool  // nothing was handed out yet

	read, before tally
}

// A tally tells two readings apart, in whatever order the rows came.
type tally struct {
	rows int64
	sum  uint64
	full bool
}

// Open connects, and finds the columns of the query. The error wraps ErrUnusable or
// ErrAway, and repeats no password.
func Open(o Options) (*Rows, error) {
	if o.Context == nil {
		o.Context = context.Background()
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	r := &Rows{Name: address.Shown(o.Address), o: o}
	if strings.TrimSpace(o.Query) == "" {
		return nil, fmt.Errorf("%w: it needs source.query in the configuration, one SELECT, whose columns go by their names", ErrUnusable)
	}
	err := r.connect()
	if err == nil {
		err = r.describe()
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	r.names = r.Columns
	return r, nil
}

// Rename has a column stand under another name in the objects. It comes before Start.
func (r *Rows) Rename(column int, name string) {
	r.names = slices.Clone(r.names)
	r.names[column] = name
}

// begin starts the one transaction, in which all is read.
func (r *Rows) begin(ctx context.Context) error {
	if _, err := r.conn.Exec(ctx, "begin transaction isolation level repeatable read read only"); err != nil {
		return err
	}
	// The rows are read as fast as the import goes, which may be days.
	_, err := r.conn.Exec(ctx, `select set_config(name, case name when 'statement_timeout' then $1::text else '0' end, true) from pg_settings
		where name in ('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')`, strconv.FormatInt(r.bound.Milliseconds(), 10))
	return err
}

// describe looks at the columns of the query.
func (r *Rows) describe() error {
	ctx, stop := r.watch(r.bound)
	defer stop()
	if err := r.begin(ctx); err != nil {
		return r.explain(err)
	}
	d, err := r.conn.PgConn().Prepare(ctx, "", r.o.Query, nil)
	if err != nil {
		return r.explain(err)
	}
	if len(d.Fields) == 0 {
		return fmt.Errorf("%w: source.query gives no columns: write one SELECT", ErrUnusable)
	}
	if len(d.ParamOIDs) > 0 {
		return fmt.Errorf("%w: source.query has a parameter ($1), and there is nothing to put there", ErrUnusable)
	}
	const bytea, byteas = 17, 1001 // types, as pg_type has them
	for _, f := range d.Fields {
		switch {
		case slices.Contains(r.Columns, f.Name):
			return fmt.Errorf("%w: two columns of source.query are named %s: give one another name with AS", ErrUnusable, words.Show(f.Name))
		case f.DataTypeOID == bytea || f.DataTypeOID == byteas:
			return fmt.Errorf("%w: the column %s of source.query is bytea, which no profile can hold: leave it out, or write encode(%[2]s, 'base64')", ErrUnusable, words.Show(f.Name))
		}
		const json, jsonb, firstOwn = 114, 3802, 16384
		r.Columns = append(r.Columns, f.Name)
		r.Objects = append(r.Objects, f.DataTypeOID == json || f.DataTypeOID == jsonb || f.DataTypeOID >= firstOwn)
	}
	return nil
}

// statement is the query as the cursor asks it. What stands behind its end would be a second
// statement, which PostgreSQL refuses.
func (r *Rows) statement() string {
	quoted := make([]string, len(r.names))
	for i, name := range r.names {
		quoted[i] = pgx.Identifier{name}.Sanitize()
	}
	return "declare importer_rows no scroll cursor for select row_to_json(importer_row)::text from (\n" + withoutEnd(r.o.Query) + "\n) as importer_row(" + strings.Join(quoted, ", ") + ")"
}

// withoutEnd takes off the semicolon that a query may end with.
func withoutEnd(query string) string {
	return strings.TrimSuffix(strings.TrimSpace(query), ";")
}

// Start begins to read the first row again, in the same snapshot.
func (r *Rows) Start() error {
	if r.fresh && (r.err == nil || r.err == io.EOF) {
		return nil
	}
	if r.conn == nil || r.conn.IsClosed() {
		return fmt.Errorf("%w: the connection is closed", ErrAway)
	}
	if r.read.full {
		r.before = r.read
	}
	r.finishFetch()
	r.held, r.heldAll, r.batch, r.err, r.read = nil, 0, 50, nil, tally{}
	ctx, stop := r.watch(r.bound)
	defer stop()
	if r.open {
		if err := r.run(ctx, "close importer_rows"); err != nil {
			return r.fail(err)
		}
		r.open = false
	}
	if err := r.run(ctx, r.statement()); err != nil {
		return r.fail(err)
	}
	r.open, r.fresh = true, true
	return nil
}

// run runs one statement by the extended protocol, which takes no second one.
func (r *Rows) run(ctx context.Context, sql string) error {
	_, err := r.conn.PgConn().ExecParams(ctx, sql, nil, nil, nil, nil).Close()
	return err
}

// Next returns the next row as JSON, valid for as long as the caller likes, and io.EOF
// behind the last.
func (r *Rows) Next() ([]byte, error) {
	r.fresh = false
	row, err := r.peek(0)
	if err == io.EOF {
		err = r.compare()
	}
	if err != nil {
		return nil, err
	}
	r.held, r.heldAll = r.held[1:], r.heldAll-len(row)
	r.read.add(row)
	return row, nil
}

// Peek returns a row that Next will return after so many others; io.EOF where there is none,
// or where more would have to be held than should be.
func (r *Rows) Peek(n int) ([]byte, error) {
	if n > 0 && r.heldAll > ahead && n >= len(r.held) {
		return nil, io.EOF
	}
	return r.peek(n)
}

func (r *Rows) peek(n int) ([]byte, error) {
	for n >= len(r.held) {
		if r.err != nil {
			return nil, r.err
		}
		r.fetch()
	}
	return r.held[n], nil
}

// fetch takes rows from the cursor, as many as are to be held, and keeps how it ended.
func (r *Rows) fetch() {
	if r.result == nil {
		ctx, stop := r.watch(r.bound)
		r.result = r.conn.PgConn().ExecParams(ctx, "fetch forward "+strconv.Itoa(r.batch)+" from importer_rows", nil, nil, nil, nil)
		r.stop, r.came, r.largest = stop, 0, 1
	}
	for r.result.NextRow() {
		row := slices.Clone(r.result.Values()[0])
		r.came++
		r.largest = max(r.largest, len(row))
		if r.held, r.heldAll = append(r.held, row), r.heldAll+len(row); r.heldAll > 2*ahead {
			return // the rest stays on its way until there is room
		}
	}
	came, asked := r.came, r.batch
	if err := r.finishFetch(); err != nil {
		r.fail(err)
		return
	}
	r.batch = max(1, min(maxRows, 2*asked, ahead/r.largest))
	if came < asked {
		r.err = io.EOF
	}
}

// compare is io.EOF behind the last row, if the rows were the same before.
func (r *Rows) compare() error {
	r.read.full = true
	if r.before.full && r.before != r.read {
		r.err = fmt.Errorf("%w: it gave %s rows and then %s; leave functions such as random() out of source.query", ErrChanged, words.Comma(r.before.rows), words.Comma(r.read.rows))
	}
	return r.err
}

func (r *Rows) finishFetch() error {
	if r.result == nil {
		return nil
	}
	_, err := r.result.Close()
	r.stop()
	r.result = nil
	return err
}

func (r *Rows) fail(err error) error {
	r.err = r.explain(err)
	return r.err
}

// Close ends the transaction and the connection. Nobody is waited for.
func (r *Rows) Close() error {
	if r.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if r.result != nil { // its rest is not read
		r.stop()
		r.result = nil
	}
	_ = r.conn.Close(ctx) // nothing was written
	r.conn = nil
	return nil
}

// errSlow is the end of the time that a statement may take.
type errSlow struct{ after time.Duration }

func (e errSlow) Error() string {
	return fmt.Sprintf("no answer within %v; a query that takes longer is given more time by statement_timeout in the address, such as ?statement_timeout=30min", e.after)
}

// watch bounds a statement from here, a while after the server would.
func (r *Rows) watch(bound time.Duration) (context.Context, func()) {
	ctx, cancel := context.WithTimeoutCause(r.o.Context, bound+10*time.Second, errSlow{bound})
	return ctx, cancel
}

// limit has the client refuse a message that no row may be as long as.
func limit(c *pgx.ConnConfig) {
	build := c.BuildFrontend
	c.BuildFrontend = func(from io.Reader, to io.Writer) *pgproto3.Frontend {
		f := build(from, to)
		f.SetMaxBodyLen(MaxRow + 1<<10)
		return f
	}
}

func oneLine(s string) string {
	return plain.Cut(plain.Line(strings.Join(strings.Fields(s), " ")), 1000)
}
