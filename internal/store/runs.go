package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"importer/internal/store/tables"
)

// A Run is a run or a state as the store knows it.
type Run struct {
	ID
	Number int64      // importer_run.id
	Holder *HeldError // who has it just now; nil: nobody
	// Status is how its last run ended, as in the end line of its journal, and Summary the
	// summary there. Status is empty of one that has not ended, and of a state.
	Status           string
	Summary          json.RawMessage
	Config           json.RawMessage // the settings of its last run
	Created, Changed time.Time
	Size             int64 // of the journal, in bytes
}

// Find lists what has the kind, name, base URL and project; an empty one is any.
func (s *Store) Find(ctx context.Context, kind Kind, name, baseURL, projectID string) (runs []Run, err error) {
	const find = `select id, kind, name, base_url, project_id, coalesce(owner, ''), lease_until, coalesce(lease_until > clock_timestamp(), false),
		coalesce(status, ''), summary, config, created_at, changed_at,
		coalesce((select start + length(lines) from importer_journal where run = r.id order by seq desc limit 1), 0)
		from importer_run r where ($1 = '' or kind = $1) and ($2 = '' or name = $2) and ($3 = '' or base_url = $3) and ($4 = '' or project_id = $4)
		order by kind, name, base_url, project_id`
	err = s.persist(ctx, 0, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, find, string(kind), name, baseURL, projectID)
		if err != nil {
			return err
		}
		runs, err = pgx.CollectRows(rows, scanRun)
		return err
	})
	return runs, err
}

func scanRun(row pgx.CollectableRow) (r Run, err error) {
	var owner string
	var until *time.Time
	var held bool
	err = row.Scan(&r.Number, &r.Kind, &r.Name, &r.BaseURL, &r.ProjectID, &owner, &until, &held, &r.Status, &r.Summary, &r.Config, &r.Created, &r.Changed, &r.Size)
	if err == nil && held {
		r.Holder = heldError(r.ID, owner, *until)
	}
	return r, err
}

// An UnfinishedError is of a run that is not removed, because only its journal knows which
// contacts are in, or may be.
type UnfinishedError struct{ Name, Status string }

func (e *UnfinishedError) Error() string {
	how := "has not ended"
	if e.Status != "" {
		how = "ended as " + e.Status
	}
	return fmt.Sprintf("the run %s %s, and its journal alone knows which contacts are in or may be: run it to its end before it is removed", e.Name, how)
}

// Remove removes a run with all that is kept of it, or a state. Of a run that is not
// complete it is an *UnfinishedError, unless anyhow; a *HeldError where somebody has it.
func (s *Store) Remove(ctx context.Context, id ID, anyhow bool) error {
	found, err := s.Find(ctx, id.Kind, id.Name, id.BaseURL, id.ProjectID)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("the store %s has no %s %s", s.name, id.Kind, id.Name)
	}
	c, err := s.Claim(ctx, id)
	if err != nil {
		return err
	}
	if found, err = s.Find(ctx, id.Kind, id.Name, id.BaseURL, id.ProjectID); err == nil {
		switch {
		case len(found) == 1 && id.Kind == KindReport && found[0].Size > 0 && found[0].Status != "complete" && !anyhow:
			err = &UnfinishedError{Name: id.Name, Status: found[0].Status}
		default:
			err = c.Empty(ctx)
		}
	}
	if released := c.Release(); err == nil {
		err = released
	}
	return err
}

// Empty removes all that is kept under the claim. The row of what holds nothing goes when
// it is released.
func (c *Claim) Empty(ctx context.Context) error {
	c.busy.Lock()
	defer c.busy.Unlock()
	err := c.do(ctx, func(ctx context.Context, tx pgx.Tx) error {
		for _, table := range []string{"importer_journal", "importer_file", "importer_state"} {
			if _, err := tx.Exec(ctx, "delete from "+table+" where run = $1", c.current().run); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "update importer_run set status = null, summary = null where id = $1", c.current().run)
		return err
	}, c.renewing(1))
	if err == nil {
		c.seq, c.size = 0, 0
	}
	return err
}

// An aside is a name that was set aside.
type aside struct {
	name   string
	number int
}

// numbered are the names set aside under one, the lowest number first, which is the oldest.
func numbered(ctx context.Context, q tables.Querier, id ID) (all []aside, err error) {
	rows, err := q.Query(ctx, "select name from importer_run where kind = $1 and base_url = $2 and project_id = $3 and starts_with(name, $4 || '.')",
		id.Kind, id.BaseURL, id.ProjectID, id.Name)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, name := range names {
		digits := name[len(id.Name)+1:]
		if n, err := strconv.Atoi(digits); err == nil && n > 0 && strconv.Itoa(n) == digits {
			all = append(all, aside{name, n})
		}
	}
	slices.SortFunc(all, func(a, b aside) int { return a.number - b.number })
	return all, err
}

// ending is what the last line of a chunk says of how its run ended; nil: it goes on.
func ending(chunk []byte) (status *string, summary []byte) {
	last := bytes.TrimSuffix(chunk, []byte("\n"))
	last = last[bytes.LastIndexByte(last, '\n')+1:]
	if !bytes.HasPrefix(last, []byte(`{"kind":"end"`)) {
		return nil, nil
	}
	var end struct {
		Status  string          `json:"status"`
		Summary json.RawMessage `json:"summary"`
	}
	if json.Unmarshal(last, &end) != nil || end.Status == "" {
		return nil, nil
	}
	if strings.Contains(string(end.Summary), `\u0000`) { // which no jsonb can hold
		end.Summary = nil
	}
	return &end.Status, end.Summary
}
