package store

import (
	"context"
	"errors"
	"iter"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"importer/internal/state"
)

// A Shelf keeps the state of a sync in the store, which implements state.Shelf. While it is
// away every call waits, until the lease ends.
type Shelf struct {
	s     *Store
	id    ID
	claim *Claim // nil: it is not held
}

// Shelf is that of the state of a name, which need not be there.
func (s *Store) Shelf(baseURL, projectID, name string) *Shelf {
	return &Shelf{s: s, id: ID{KindState, baseURL, projectID, name}}
}

const hasState = `select exists (select from importer_run r join importer_state on run = r.id
	where kind = $1 and base_url = $2 and project_id = $3 and name = $4)`

// Exists tells whether a run has left such a state. Nothing is claimed.
func (h *Shelf) Exists(ctx context.Context) (there bool, err error) {
	err = h.s.persist(ctx, 0, func(ctx context.Context) error {
		return h.s.pool.QueryRow(ctx, hasState, h.id.Kind, h.id.BaseURL, h.id.ProjectID, h.id.Name).Scan(&there)
	})
	return there, err
}

// Claim implements state.Shelf.
func (h *Shelf) Claim() (err error) {
	h.claim, err = h.s.Claim(context.Background(), h.id)
	if held, ok := errors.AsType[*HeldError](err); ok {
		return &state.LockedError{State: h.id.Name, By: held.By()}
	}
	return err
}

const stateRows = "select key, row from importer_state where run = $1 and tab = $2 and key > $3 order by key"

// Rows implements state.Shelf, in the order of keys. Where the connection is lost, it goes
// on behind the last row.
func (h *Shelf) Rows(table string) iter.Seq2[state.Row, error] {
	return func(yield func(state.Row, error) bool) {
		after, more := []byte{}, true
		err := h.s.persist(context.Background(), transactionBound, func(ctx context.Context) error {
			rows, err := h.s.pool.Query(ctx, stateRows, h.claim.Run(), table, after)
			if err != nil {
				return err
			}
			defer rows.Close()
			var key, value pgtype.DriverBytes
			for more && rows.Next() {
				if err := rows.Scan(&key, &value); err != nil {
					return err
				}
				after = append(after[:0], key...)
				more = yield(state.Row{Table: table, Key: key, Value: value}, nil)
			}
			rows.Close()
			return rows.Err()
		})
		if err != nil && more {
			yield(state.Row{}, err)
		}
	}
}

// Save implements state.Shelf.
func (h *Shelf) Save(whole bool, changes iter.Seq2[state.Row, error]) error {
	run, failed := h.claim.Run(), error(nil)
	err := h.claim.Do(context.Background(), func(ctx context.Context, tx pgx.Tx) error {
		if whole {
			if _, err := tx.Exec(ctx, "delete from importer_state where run = $1", run); err != nil {
				return err
			}
		}
		var b stateBatch
		for row, err := range changes {
			if err != nil {
				failed = err // which is not the store's
				return err
			}
			if b.add(row); b.full() {
				if err := b.write(ctx, tx, run); err != nil {
					return err
				}
				b = stateBatch{}
			}
		}
		return b.write(ctx, tx, run)
	})
	if failed != nil {
		return failed
	}
	return err
}

// A stateBatch is what two statements write.
type stateBatch struct {
	tables, goneTables     []string
	keys, values, goneKeys [][]byte
	bytes                  int
}

func (b *stateBatch) add(row state.Row) {
	b.bytes += len(row.Key) + len(row.Value)
	if row.Value == nil {
		b.goneTables, b.goneKeys = append(b.goneTables, row.Table), append(b.goneKeys, row.Key)
		return
	}
	b.tables, b.keys, b.values = append(b.tables, row.Table), append(b.keys, row.Key), append(b.values, row.Value)
}

func (b *stateBatch) full() bool {
	return len(b.tables)+len(b.goneTables) >= 5000 || b.bytes >= 1<<20
}

const (
	putState = `insert into importer_state (run, tab, key, row) select $1, * from unnest($2::text[], $3::bytea[], $4::bytea[])
on conflict (run, tab, key) do update set row = excluded.row`
	dropState = `delete from importer_state s using unnest($2::text[], $3::bytea[]) as gone (tab, key)
where s.run = $1 and s.tab = gone.tab and s.key = gone.key`
)

func (b *stateBatch) write(ctx context.Context, tx pgx.Tx, run int64) error {
	if len(b.tables) > 0 {
		if _, err := tx.Exec(ctx, putState, run, b.tables, b.keys, b.values); err != nil {
			return err
		}
	}
	if len(b.goneTables) > 0 {
		if _, err := tx.Exec(ctx, dropState, run, b.goneTables, b.goneKeys); err != nil {
			return err
		}
	}
	return nil
}

// SetAside implements state.Shelf.
func (h *Shelf) SetAside() (string, error) { return h.claim.SetAside(context.Background()) }

// Release implements state.Shelf.
func (h *Shelf) Release() error {
	if h.claim == nil {
		return nil
	}
	err := h.claim.Release()
	h.claim = nil
	return err
}
