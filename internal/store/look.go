package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"importer/internal/store/address"
	"importer/internal/store/tables"
)

// A Sight is what Look sees of a store.
type Sight struct {
	Name    string        // the address, without a password
	Server  string        // its version, such as 15.4
	User    string        // in the database
	Tables  int           // their version; 0: there are none yet
	Ready   bool          // that is the version of this program
	Size    int64         // of the tables and their indexes, in bytes
	Runs    int           // how many runs and states there are
	Held    int           // how many of them a process holds
	Ahead   time.Duration // how far the clock of the database is ahead of this machine's, give or take Margin
	Margin  time.Duration // half of the round trip
	Standby bool          // a standby is attached, and none of them is synchronous
}

// Look connects to the store as Open does, and looks whether everything is in place for a
// run, without making or changing anything. Its errors are those of Open.
func Look(ctx context.Context, o Options) (seen Sight, err error) {
	config, err := o.config()
	if err != nil {
		return seen, err
	}
	if _, err := o.newLease(); err != nil {
		return seen, err
	}
	s := &Store{name: address.Masked(o.URL), log: o.Log, hurried: context.Background()}
	if s.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return seen, s.explain(err)
	}
	defer s.pool.Close()
	seen.Name = s.name
	return seen, asUsage(s.explain(s.look(ctx, &seen)))
}

func (s *Store) look(ctx context.Context, seen *Sight) error {
	if err := s.inspect(ctx); err != nil {
		return err
	}
	var now time.Time
	asked := time.Now()
	if err := s.pool.QueryRow(ctx, "select clock_timestamp()").Scan(&now); err != nil {
		return err
	}
	seen.Margin = time.Since(asked) / 2
	seen.Ahead = now.Sub(asked.Add(seen.Margin))
	// Who is no superuser sees no address of a standby, but that there is one.
	err := s.pool.QueryRow(ctx, `select current_setting('server_version'), current_user::text,
		exists (select from pg_stat_get_wal_senders()) and current_setting('synchronous_standby_names') = ''`).Scan(&seen.Server, &seen.User, &seen.Standby)
	if err != nil {
		return err
	}
	if seen.Tables, err = tables.Version(ctx, s.pool); err != nil {
		return err
	}
	if seen.Ready = seen.Tables == tables.Newest; !seen.Ready {
		return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return tables.MayCreate(ctx, tx) })
	}
	if err := tables.Usable(ctx, s.pool); err != nil {
		return err
	}
	err = s.pool.QueryRow(ctx, "select count(*), count(*) filter (where lease_until >= clock_timestamp()) from importer_run").Scan(&seen.Runs, &seen.Held)
	if err != nil {
		return err
	}
	for _, table := range tables.Names() {
		var size int64
		if err := s.pool.QueryRow(ctx, "select pg_total_relation_size(to_regclass($1))", table).Scan(&size); err != nil {
			return fmt.Errorf("the size of the table %s: %w", table, err)
		}
		seen.Size += size
	}
	return nil
}
