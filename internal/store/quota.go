package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"importer/importer/pace/ledger"
)

// Quota is the page of a pool of requests, in the database. It implements ledger.Book, for
// all ledgers of this process together: one exchange at a time, over one connection.
type Quota struct {
	s    *Store
	pool string
	turn chan struct{} // holds one value while nobody is at an exchange
}

// Quota is the page of the pool of that name; ledger.Pool makes names.
func (s *Store) Quota(pool string) *Quota {
	q := &Quota{s: s, pool: pool, turn: make(chan struct{}, 1)}
	q.turn <- struct{}{}
	return q
}

const (
	insertQuota = `insert into importer_quota (pool, page, at) values ($1, '{}', clock_timestamp()) on conflict do nothing`
	// boundQuota bounds how long a process that was stopped in the middle, or is cut off,
	// keeps the page from the others: until the end of the transaction.
	boundQuota = `select set_config('idle_in_transaction_session_timeout', '2s', true), set_config('lock_timeout', '4s', true), set_config('statement_timeout', '4s', true)`
	// lockQuota reads the clock once the page is locked.
	lockQuota   = `with locked as materialized (select page, at from importer_quota where pool = $1 for update) select page, at, clock_timestamp() from locked`
	updateQuota = `update importer_quota set page = $2, at = clock_timestamp() where pool = $1`
)

// Exchange implements ledger.Book, by two round trips in one short transaction.
func (q *Quota) Exchange(ctx context.Context, turn func(ledger.View) ([]byte, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(q.s.hurried, cancel)()
	select {
	case <-q.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { q.turn <- struct{}{} }()
	conn, err := q.s.pool.Acquire(ctx)
	if err != nil {
		return q.explain(err)
	}
	defer conn.Release() // which closes one that is in a transaction
	v, err := q.lock(ctx, conn)
	if errors.Is(err, pgx.ErrNoRows) {
		v, err = q.insert(ctx, conn)
	}
	if err != nil {
		return q.explain(err)
	}
	page, err := turn(v)
	if err != nil {
		return err
	}
	return q.explain(q.keep(ctx, conn, page))
}

func (q *Quota) explain(err error) error { return q.s.explain(err) }

// lock begins a transaction and locks the page.
func (q *Quota) lock(ctx context.Context, conn *pgxpool.Conn) (v ledger.View, err error) {
	var b pgx.Batch
	b.Queue("begin")
	b.Queue(boundQuota)
	b.Queue(lockQuota, q.pool).QueryRow(func(row pgx.Row) error { return row.Scan(&v.Page, &v.Written, &v.Now) })
	v.Asked = time.Now()
	return v, conn.SendBatch(ctx, &b).Close()
}

// insert makes an empty page where lock found none, and locks that.
func (q *Quota) insert(ctx context.Context, conn *pgxpool.Conn) (ledger.View, error) {
	if _, err := conn.Exec(ctx, "rollback"); err != nil {
		return ledger.View{}, err
	}
	if _, err := conn.Exec(ctx, insertQuota, q.pool); err != nil {
		return ledger.View{}, err
	}
	return q.lock(ctx, conn)
}

// keep puts the page in place of the locked one and ends the transaction.
func (q *Quota) keep(ctx context.Context, conn *pgxpool.Conn, page []byte) error {
	var b pgx.Batch
	b.Queue(updateQuota, q.pool, page).Exec(func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() != 1 {
			return fmt.Errorf("the quota of %s is not in the table importer_quota any more", q.pool)
		}
		return nil
	})
	b.Queue("commit")
	return conn.SendBatch(ctx, &b).Close()
}
