package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// beat renews all that is still held, but for what a statement of this process, or of one
// that claims, has locked just now.
const beat = `with mine as (
	select r.id from importer_run r join unnest($1::bigint[], $2::bigint[]) as m (id, epoch) on r.id = m.id and r.epoch = m.epoch for no key update of r skip locked
) update importer_run r set lease_until = clock_timestamp() + $3 * interval '1 millisecond' from mine where r.id = mine.id returning r.id`

// stillMine are those whose owner has not changed: the epoch may be one that this process
// does not know of yet.
const stillMine = `select id from importer_run where owner = any ($1)`

// heartbeat renews all claims of this process every third of the lease, until ctx is done.
func (s *Store) heartbeat(ctx context.Context) {
	every := time.NewTicker(s.length / 3)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.lease.Context().Done():
			return
		case <-every.C:
		}
		if err := s.persist(ctx, 0, s.renew); err != nil && ctx.Err() == nil && s.lease.Context().Err() == nil { // else whoever sends or writes has the reason
			s.log.Warn().Err(err).Msg("what this process holds in the store could not be renewed")
		}
	}
}

// renew renews all claims once.
func (s *Store) renew(ctx context.Context) error {
	claims, runs, epochs, owners := s.holding()
	if len(runs) == 0 {
		return nil
	}
	sentAt := s.lease.Now()
	got, err := s.ids(ctx, beat, runs, epochs, s.length.Milliseconds())
	if err != nil {
		return err
	}
	if len(got) == len(runs) {
		for i, c := range claims {
			c.renewed(fence{runs[i], epochs[i]}, sentAt)
		}
		return nil
	}
	mine, err := s.ids(ctx, stillMine, owners)
	if err != nil {
		return err
	}
	for i, c := range claims {
		switch f := (fence{runs[i], epochs[i]}); {
		case got[f.run]:
			c.renewed(f, sentAt)
		case !mine[f.run] && c.current() == f && c.isHeld():
			return c.fenced(ctx)
		}
	}
	return nil
}

// holding are the claims of this process, and what their statements have to find.
func (s *Store) holding() (claims []*Claim, runs, epochs []int64, owners []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.claims {
		claims, runs, epochs, owners = append(claims, c), append(runs, c.run), append(epochs, c.epoch), append(owners, c.owner.String())
	}
	return claims, runs, epochs, owners
}

// isHeld tells whether a claim was not released.
func (c *Claim) isHeld() bool {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return !c.released
}

// ids are the numbers that a statement returns.
func (s *Store) ids(ctx context.Context, sql string, args ...any) (map[int64]bool, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, err
	}
	got := make(map[int64]bool, len(all))
	for _, id := range all {
		got[id] = true
	}
	return got, nil
}
