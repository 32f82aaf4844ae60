package store

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"importer/internal/store/tables"
)

// KindWorker is a process that carries out jobs: its claim says until when it lives, and
// holds nothing else.
const KindWorker Kind = "worker"

// Pool is how the database is reached, for what has tables of its own there. The store
// closes it.
func (s *Store) Pool() *pgxpool.Pool { return s.pool }

// connections is how many there are at most.
func (o Options) connections() int32 { return maxConns + perRun*int32(max(0, o.Runs-1)) }

// perRun is what each further run of a process adds to maxConns.
const perRun = 4

// Retry makes an attempt until it succeeds or fails for good, and waits while the database
// is away, as all that the store does itself. The attempt may be made again although an
// earlier one reached the database.
func (s *Store) Retry(ctx context.Context, try func(context.Context) error) error {
	return s.persist(ctx, 0, try)
}

// Lead runs one step of a migration in a transaction, under the lock that the store's own
// migrations take: of two programs at once, one waits.
func (s *Store) Lead(ctx context.Context, step func(context.Context, pgx.Tx) error) error {
	return s.explain(pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", int64(tables.Lock)); err != nil {
			return err
		}
		return step(ctx, tx)
	}))
}
