package jobs

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// A Pool is a quota that runs share.
type Pool struct {
	Name string
	At   time.Time // when a run last took something of it
}

// Pools lists the quotas of the store, those last used first, and 100 at most.
func (j *Jobs) Pools(ctx context.Context) (all []Pool, err error) {
	err = j.do(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "select pool, at from importer_quota where isfinite(at) order by at desc, pool limit 100")
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Pool])
		return err
	})
	return all, err
}
