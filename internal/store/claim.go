package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"importer/internal/store/fault"
	"importer/internal/store/lease"
)

// A Kind is what is kept under a name.
type Kind string

const (
	KindReport Kind = "report" // the journal of an import, and its reject file
	KindState  Kind = "state"  // the state of a sync
)

// An ID names a run or a state: two tenants' contacts.csv are two runs.
type ID struct {
	Kind                     Kind
	BaseURL, ProjectID, Name string
}

// A Claim is a run or a state that this process holds. Its methods are safe for concurrent
// use, and one waits for the other.
type Claim struct {
	s     *Store
	id    ID
	owner owner
	// Former is who held it before and did not give it back, with Until when that lease
	// ended; nil: it was free.
	Former *HeldError
	// Lapsed is when the last lease ended that was not given back, by the clock of this
	// machine: until then its holder may have sent requests. Zero: none ever did so.
	Lapsed time.Time

	busy    sync.Mutex // held over what is asked of the database; guards changed, seq and size
	changed int64      // importer_run.changed
	seq     int64      // of the last chunk
	size    int64      // of all chunks

	// Guarded by the store's mutex.
	run, epoch int64
	held       *lease.Claim
	released   bool
}

// ID names what is held.
func (c *Claim) ID() ID { return c.id }

// Run is the number of the run in the database.
func (c *Claim) Run() int64 { return c.current().run }

// A fence is what a statement has to find to be of this claim.
type fence struct{ run, epoch int64 }

func (c *Claim) current() fence {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return fence{c.run, c.epoch}
}

const insertRun = `insert into importer_run (kind, base_url, project_id, name) values ($1, $2, $3, $4) on conflict do nothing`

// claimRun returns nothing where somebody holds the run, else also who held it before.
const claimRun = `with was as (
	select id, owner, lease_until from importer_run where kind = $1 and base_url = $2 and project_id = $3 and name = $4
		and (lease_until is null or lease_until < clock_timestamp()) for no key update)
update importer_run r set epoch = r.epoch + 1, owner = $5, lapsed = coalesce(was.lease_until, r.lapsed), lease_until = clock_timestamp() + $6 * interval '1 millisecond'
from was where r.id = was.id
returning r.id, r.epoch, r.changed, was.owner, was.lease_until, extract(epoch from clock_timestamp() - r.lapsed)::float8`

const whoHolds = `select id, epoch, changed, coalesce(owner, ''), lease_until, lease_until < clock_timestamp(),
	extract(epoch from clock_timestamp() - lapsed)::float8 from importer_run where kind = $1 and base_url = $2 and project_id = $3 and name = $4`

const journalEnd = `select seq, start + length(lines) from importer_journal where run = $1 order by seq desc limit 1`

// Claim takes a run or a state, which need not be there, for this process alone: until
// Release, or until its lease ends without a renewal. A *HeldError says who has it.
func (s *Store) Claim(ctx context.Context, id ID) (*Claim, error) {
	c := &Claim{s: s, id: id, owner: s.owner.named()}
	err := s.persist(ctx, 0, func(ctx context.Context) error {
		sentAt := s.lease.Now()
		err := errFreed
		for n := 0; errors.Is(err, errFreed) && n < 10; n++ {
			sentAt = s.lease.Now()
			err = c.take(ctx)
		}
		if err != nil {
			return err
		}
		held, err := s.lease.Claim(sentAt)
		if err != nil {
			return err
		}
		if err := c.readEnd(ctx); err != nil {
			held.Release()
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		c.held = held
		s.claims[c] = struct{}{}
		return nil
	})
	if err != nil {
		c.abandon()
		return nil, err
	}
	return c, nil
}

// abandon gives back what was claimed in the database and could not be used.
func (c *Claim) abandon() {
	if c.current().run == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.s.lastBound())
	defer cancel()
	if err := c.giveBack(ctx); err != nil {
		c.s.log.Warn().Err(c.s.explain(err)).Str("name", c.id.Name).Msgf("what was claimed could not be given back: it is free when its lease has ended, in %s at the latest", c.s.length)
	}
}

// take claims the run. It may have been claimed by an earlier attempt, whose answer was lost.
func (c *Claim) take(ctx context.Context) error {
	name := []any{c.id.Kind, c.id.BaseURL, c.id.ProjectID, c.id.Name}
	if _, err := c.s.pool.Exec(ctx, insertRun, name...); err != nil {
		return err
	}
	var was *string
	var until *time.Time
	var ago *float64
	err := c.s.pool.QueryRow(ctx, claimRun, append(name, c.owner.String(), c.s.length.Milliseconds())...).
		Scan(&c.run, &c.epoch, &c.changed, &was, &until, &ago)
	if err == nil && until != nil && was != nil && *was != c.owner.String() {
		c.Former = heldError(c.id, *was, *until)
	}
	c.lapsed(ago)
	locked := fault.State(err) == "55P03"
	if !errors.Is(err, pgx.ErrNoRows) && !locked {
		return err
	}
	var there fence
	var changed int64
	var owner string
	var expired *bool
	err = c.s.pool.QueryRow(ctx, whoHolds, name...).Scan(&there.run, &there.epoch, &changed, &owner, &until, &expired, &ago)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return errFreed
	case err != nil:
		return err
	case owner == c.owner.String():
		c.lapsed(ago)
		c.become(there, changed)
		return c.renewTaken(ctx)
	case until == nil || *expired && !locked:
		return errFreed
	}
	return heldError(c.id, owner, *until)
}

// renewTaken renews what an earlier attempt claimed.
func (c *Claim) renewTaken(ctx context.Context) error {
	f := c.current()
	tag, err := c.s.pool.Exec(ctx, "update importer_run set lease_until = clock_timestamp() + $3 * interval '1 millisecond' where id = $1 and epoch = $2", f.run, f.epoch, c.s.length.Milliseconds())
	if err == nil && tag.RowsAffected() == 0 {
		return errFreed
	}
	return err
}

// lapsed hears how many seconds ago the last lease lapsed.
func (c *Claim) lapsed(ago *float64) {
	if ago != nil {
		c.Lapsed = time.Now().Add(-time.Duration(*ago * float64(time.Second)))
	}
}

// errFreed is that somebody gave a run back between two statements.
var errFreed = errors.New("it changes hands all the time: run the same command again")

func heldError(id ID, by string, until time.Time) *HeldError {
	e := &HeldError{Kind: id.Kind, Name: id.Name, Until: until}
	var o owner
	if json.Unmarshal([]byte(by), &o) == nil {
		e.Host, e.PID, e.Process = o.Host, o.PID, o.Process
	}
	return e
}

// readEnd reads where the journal ends.
func (c *Claim) readEnd(ctx context.Context) error {
	err := c.s.pool.QueryRow(ctx, journalEnd, c.run).Scan(&c.seq, &c.size)
	if errors.Is(err, pgx.ErrNoRows) {
		c.seq, c.size = 0, 0
		return nil
	}
	return err
}

// Size is how long the journal is, in bytes.
func (c *Claim) Size() int64 {
	c.busy.Lock()
	defer c.busy.Unlock()
	return c.size
}

// announce renews the lease and inserts a chunk. That an earlier attempt inserted it, whose
// answer was lost, shows in the second number.
const announce = `with mine as (
	update importer_run set lease_until = clock_timestamp() + $3 * interval '1 millisecond', changed_at = clock_timestamp(), status = $7, summary = $8
	where id = $1 and epoch = $2 returning id
), put as (
	insert into importer_journal (run, seq, epoch, start, lines) select id, $4, $2, $5, $6 from mine on conflict (run, seq) do nothing returning 1
) select (select count(*) from mine), (select count(*) from put)`

// Append appends a chunk of complete lines to the journal and renews the lease: one
// statement, and on the disk of the database when it returns. While the database is away it
// waits, until the lease ends. A *FencedError says that the run was taken over; nothing was
// appended then.
func (c *Claim) Append(ctx context.Context, chunk []byte) error {
	if len(chunk) == 0 {
		return nil
	}
	c.busy.Lock()
	defer c.busy.Unlock()
	status, summary := ending(chunk)
	again := false
	err := c.s.persist(ctx, 0, func(ctx context.Context) error {
		f, sentAt := c.current(), c.s.lease.Now()
		var mine, put int64
		err := c.s.pool.QueryRow(ctx, announce, f.run, f.epoch, c.s.length.Milliseconds(), c.seq+1, c.size, chunk, status, summary).Scan(&mine, &put)
		switch {
		case err != nil:
			again = true
			return err
		case mine == 0:
			return c.fenced(ctx)
		case put == 0 && !again:
			return fmt.Errorf("chunk %d of the report %s is there already, and this process did not write it: did somebody change the tables by hand?", c.seq+1, c.id.Name)
		}
		c.renewed(f, sentAt)
		return nil
	})
	if err != nil {
		return err
	}
	c.seq++
	c.size += int64(len(chunk))
	return nil
}

// renewed hears of a renewal.
func (c *Claim) renewed(f fence, sentAt time.Duration) {
	c.s.mu.Lock()
	held := c.held
	same := f == fence{c.run, c.epoch}
	c.s.mu.Unlock()
	if same && held != nil {
		held.Renewed(sentAt)
	}
}

// fenced is the error of a claim whose epoch is not the run's any more. Nothing more may be
// sent by this process.
func (c *Claim) fenced(ctx context.Context) error {
	e := &FencedError{Kind: c.id.Kind, Name: c.id.Name}
	var by *string
	err := c.s.pool.QueryRow(ctx, "select owner from importer_run where id = $1 and epoch <> $2", c.current().run, c.current().epoch).Scan(&by)
	if err == nil && by != nil {
		h := heldError(c.id, *by, time.Time{})
		e.Host, e.PID = h.Host, h.PID
	}
	c.s.mu.Lock()
	given := c.released
	c.s.mu.Unlock()
	if !given {
		c.s.lease.Lost(e)
	}
	return e
}

// A seal is the last statement of a transaction: it makes the claim's row what it is to be
// after the commit, and returns its number, its epoch and its count of transactions. It
// returns nothing where the run is not this claim's any more.
type seal func(ctx context.Context, tx pgx.Tx, f fence) pgx.Row

// renewing renews the lease. With next, what was sent before with this epoch and may still
// arrive is refused from then on.
func (c *Claim) renewing(next int) seal {
	return func(ctx context.Context, tx pgx.Tx, f fence) pgx.Row {
		return tx.QueryRow(ctx, `update importer_run set changed = changed + 1, epoch = epoch + $4, changed_at = clock_timestamp(),
			lease_until = clock_timestamp() + $3 * interval '1 millisecond' where id = $1 and epoch = $2 returning id, epoch, changed`,
			f.run, f.epoch, c.s.length.Milliseconds(), next)
	}
}

// Do runs f in one transaction that commits only where this process still holds the run,
// and that renews the lease. While the database is away it is tried again, with f, until the
// lease ends: f leaves nothing behind but what it did in tx. Its own errors end it. A
// *FencedError says that the run was taken over; nothing was committed then.
func (c *Claim) Do(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error {
	c.busy.Lock()
	defer c.busy.Unlock()
	return c.do(ctx, f, c.renewing(0))
}

// SetConfig keeps the settings of a run, which are JSON, for who looks at it.
func (c *Claim) SetConfig(ctx context.Context, settings []byte) error {
	return c.Do(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "update importer_run set config = $2 where id = $1", c.current().run, string(settings))
		return err
	})
}

// do is Do for who holds busy.
func (c *Claim) do(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error, last seal) error {
	unknown := false // whether an attempt was committed
	return c.s.persist(ctx, transactionBound, func(ctx context.Context) error {
		if unknown {
			if done, err := c.committed(ctx); done || err != nil {
				return err
			}
			unknown = false
		}
		tx, err := c.begin(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // of one that was committed it does nothing
		if err := f(ctx, tx); err != nil {
			if fault.State(err) == "" && !tx.Conn().IsClosed() {
				return &finalError{err}
			}
			return err
		}
		sentAt := c.s.lease.Now()
		var now fence
		var changed int64
		err = last(ctx, tx, c.current()).Scan(&now.run, &now.epoch, &changed)
		if errors.Is(err, pgx.ErrNoRows) {
			return c.fenced(ctx)
		}
		if err != nil {
			return err
		}
		if err := tx.Commit(ctx); err != nil {
			unknown = fault.State(err) == ""
			return err
		}
		c.become(now, changed)
		c.renewed(now, sentAt)
		return nil
	})
}

// begin begins a transaction of a run that is still held. The row is not locked: heartbeats
// renew it while f works, and the last statement looks again.
func (c *Claim) begin(ctx context.Context) (pgx.Tx, error) {
	tx, err := c.s.pool.Begin(ctx)
	if err != nil {
		return nil, err
	}
	var mine bool
	f := c.current()
	err = tx.QueryRow(ctx, "select exists (select from importer_run where id = $1 and epoch = $2)", f.run, f.epoch).Scan(&mine)
	if err == nil && !mine {
		err = c.fenced(ctx)
	}
	if err != nil {
		_ = tx.Rollback(ctx)
		return nil, err
	}
	return tx, nil
}

// committed tells whether the transaction whose answer was lost was committed. It waits for
// the lock that such a transaction still has.
func (c *Claim) committed(ctx context.Context) (bool, error) {
	var changed int64
	var now fence
	was := c.current()
	if _, err := c.s.pool.Exec(ctx, "select from importer_run where id = $1 for no key update", was.run); err != nil {
		return false, err
	}
	err := c.s.pool.QueryRow(ctx, "select id, epoch, changed from importer_run where owner = $1", c.owner.String()).Scan(&now.run, &now.epoch, &changed)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, c.fenced(ctx)
	}
	if err != nil || now == was && changed == c.changed {
		return false, err
	}
	c.become(now, changed)
	return true, nil
}

// become has the claim be what a transaction made of it.
func (c *Claim) become(now fence, changed int64) {
	c.changed = changed
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.run, c.epoch = now.run, now.epoch
}

// SetAside gives the run another name, <name>.1 or what follows on the highest number there
// is, and claims an empty one in its place. It returns the new name.
func (c *Claim) SetAside(ctx context.Context) (aside string, err error) {
	c.busy.Lock()
	defer c.busy.Unlock()
	err = c.do(ctx, func(ctx context.Context, tx pgx.Tx) error {
		there, err := numbered(ctx, tx, c.id)
		aside = c.id.Name + ".1"
		if n := len(there); err == nil && n > 0 {
			aside = fmt.Sprintf("%s.%d", c.id.Name, there[n-1].number+1)
		}
		return err
	}, func(ctx context.Context, tx pgx.Tx, f fence) pgx.Row {
		return tx.QueryRow(ctx, `with old as (
			update importer_run set name = $4, epoch = epoch + 1, owner = null, lease_until = null where id = $1 and epoch = $2 returning kind, base_url, project_id
		) insert into importer_run (kind, base_url, project_id, name, epoch, owner, lease_until)
		select kind, base_url, project_id, $5, 1, $6, clock_timestamp() + $3 * interval '1 millisecond' from old returning id, epoch, changed`,
			f.run, f.epoch, c.s.length.Milliseconds(), aside, c.id.Name, c.owner.String())
	})
	if err != nil {
		return "", err
	}
	c.seq, c.size = 0, 0
	return aside, nil
}

// Release gives the run back. Nothing more is sent for it. Where the database is away it is
// free when its lease has ended, and the log says so. It may be called more than once.
func (c *Claim) Release() error {
	c.busy.Lock()
	defer c.busy.Unlock()
	c.s.mu.Lock()
	done := c.released
	c.released = true
	delete(c.s.claims, c)
	held := c.held
	c.s.mu.Unlock()
	if done {
		return nil
	}
	held.Release()
	ctx, cancel := context.WithTimeout(context.Background(), c.s.lastBound())
	defer cancel()
	err := c.giveBack(ctx)
	for ended := c.s.lease.Context().Err() != nil; !ended && fault.IsAway(err) && ctx.Err() == nil; {
		time.Sleep(50 * time.Millisecond)
		err = c.giveBack(ctx)
	}
	if err != nil {
		c.s.log.Warn().Err(c.s.explain(err)).Str("name", c.id.Name).Msgf("the lease could not be given back: another process can take the %s when it has ended, in %s at the latest", c.id.Kind, c.s.length)
	}
	return nil
}

// giveBack ends the claim in the database, if it is still this one's. What holds nothing
// is removed.
func (c *Claim) giveBack(ctx context.Context) error {
	f := c.current()
	tag, err := c.s.pool.Exec(ctx, `delete from importer_run r where id = $1 and epoch = $2
		and not exists (select from importer_journal where run = r.id) and not exists (select from importer_file where run = r.id) and not exists (select from importer_state where run = r.id)`, f.run, f.epoch)
	if err != nil || tag.RowsAffected() > 0 {
		return err
	}
	_, err = c.s.pool.Exec(ctx, "update importer_run set epoch = epoch + 1, owner = null, lease_until = null where id = $1 and epoch = $2", f.run, f.epoch)
	return err
}
