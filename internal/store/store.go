// Package store keeps what a run needs to go on in a PostgreSQL that several machines
// share: the journal in chunks, the state of a sync, the quota, reject files, and who may
// write to which of them until when.
//
//	Open     connects, looks whether everything is in place, makes or updates the tables
//	Claim    one run or state, for this process alone: its epoch counts the claims
//	Append   renews the lease where the epoch is still this claim's, and inserts a chunk of
//	         the journal: one statement, durable when it returns
//	Do       the same around any transaction
//	Close    gives everything back
//
// Only the clock of the database decides who holds what. How long this process may send
// requests is decided by its own clock, see package lease: from before a statement that
// renews was sent. While the database is away, whatever needs it waits, until the lease
// ends.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/oklog/ulid/v2"
	"github.com/rs/zerolog"

	"importer/internal/store/address"
	"importer/internal/store/lease"
	"importer/internal/store/tables"
)

// The bounds of Options.Lease. A lease that nothing enforces on a stopped process has to
// be longer than such a stop is likely to be.
const (
	MinLease         = time.Second
	MinUnfencedLease = 5 * time.Minute
)

// Options are what Open has to know.
type Options struct {
	// URL is an address as libpq takes it: postgres://, postgresql://, or key=value. What
	// it does not name comes from $PG*, a service file and .pgpass. It is refused with a
	// password in it, unless PasswordAllowed.
	URL             string
	PasswordAllowed bool
	Lease           time.Duration // MinLease or more
	Version         string        // of this program
	Process         string        // what it does, for who finds its runs held
	Runs            int           // at once in this process; 0 is one
	Log             zerolog.Logger
	// Away is called when the database cannot be reached, or cannot write, and with a zero
	// time when it is back. It must not block, nor call the store. Where it is nil the log
	// says so.
	Away func(since time.Time, err error)

	clock func() time.Duration // of the lease, for tests; nothing ends the process then
}

// A Store is an open one. Its methods are safe for concurrent use.
type Store struct {
	pool   *pgxpool.Pool
	name   string // the address, without a password
	lease  *lease.Lease
	length time.Duration // of the lease
	owner  owner
	log    zerolog.Logger
	away   func(since time.Time, err error)

	stop    context.CancelFunc // ends what follows
	beating sync.WaitGroup     // the heartbeat, and hurry

	// hurried is done when this process was told to end and the database is away: nobody
	// waits for it any more. Its cause is why.
	hurried context.Context
	giveUp  context.CancelCauseFunc

	mu      sync.Mutex
	claims  map[*Claim]struct{}
	since   time.Time // when the database went away; zero: it is there
	why     error     // of that
	waiters int       // how many wait for it
}

// An owner is who holds a run, as it stands in importer_run.owner.
type owner struct {
	Host    string `json:"host"`
	PID     int    `json:"pid"`
	Process string `json:"process,omitempty"`
	Version string `json:"version,omitempty"`
	Claim   string `json:"claim,omitempty"` // a name of its own for each claim
}

func (o owner) String() string {
	b, _ := json.Marshal(o) // of strings and a number
	return string(b)
}

// named is the owner of a new claim.
func (o owner) named() owner {
	o.Claim = ulid.Make().String()
	return o
}

// Open connects to the store, looks whether it can do what a run needs, and makes or
// updates its tables. Nothing is waited for: a store that is away is an error. A
// *UsageError is of the settings. When ctx is done this process is about to end: who waits
// for a database that is away gives up soon then, with a *CutShortError. The caller closes the
// Store.
func Open(ctx context.Context, o Options) (*Store, error) {
	config, err := o.config()
	if err != nil {
		return nil, err
	}
	l, err := o.newLease()
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("the name of this machine, by which others find who holds a run: %w", err)
	}
	s := &Store{
		name:   address.NameOf(config.ConnConfig),
		lease:  l,
		length: o.Lease,
		owner:  owner{Host: host, PID: os.Getpid(), Process: o.Process, Version: o.Version},
		log:    o.Log,
		away:   o.Away,
		claims: map[*Claim]struct{}{},
	}
	s.hurried, s.giveUp = context.WithCancelCause(context.Background())
	if s.pool, err = pgxpool.NewWithConfig(context.WithoutCancel(ctx), config); err != nil {
		return nil, s.explain(err)
	}
	if err := s.prepare(ctx); err != nil {
		s.pool.Close()
		return nil, asUsage(s.explain(err))
	}
	beating, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.beating.Go(func() { s.heartbeat(beating) })
	s.beating.Go(func() { s.hurry(ctx, beating) })
	return s, nil
}

// newLease makes the lease of this process.
func (o Options) newLease() (*lease.Lease, error) {
	if o.Lease < MinLease {
		return nil, &UsageError{fmt.Sprintf("a lease of %s is too short for a store: give --lease %s or more", o.Lease, MinLease)}
	}
	l, err := lease.New(lease.Options{Length: o.Lease, Clock: o.clock})
	if err != nil {
		return nil, err
	}
	if why := l.Fenced(); why != nil && o.clock == nil {
		if o.Lease < MinUnfencedLease {
			return nil, &UsageError{fmt.Sprintf("on this system nothing ends a process that was stopped past its lease (%v), and it could send requests of a run that another has taken over: give --lease %s or more", why, MinUnfencedLease)}
		}
		o.Log.Warn().AnErr("reason", why).Msg("a process that is stopped past its lease is not fenced on this system: do not stop a run and let it go on later")
	}
	return l, nil
}

// prepare is what Open does once there is a pool.
func (s *Store) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, openBound)
	defer cancel()
	if err := s.inspect(ctx); err != nil {
		return err
	}
	return tables.Make(ctx, s.pool)
}

// Lease is that of this process, whose gate stands before each request.
func (s *Store) Lease() *lease.Lease { return s.lease }

// Held is this process's claim of a run or state; nil where it has none.
func (s *Store) Held(id ID) *Claim {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.claims {
		if c.id == id {
			return c
		}
	}
	return nil
}

// Name is the address of the store as it may be shown.
func (s *Store) Name() string { return s.name }

func (s *Store) String() string { return s.name }

// Close closes the gate, gives back what this process holds, and frees the connections.
// What cannot be given back is free when its lease has ended; the log says so.
func (s *Store) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.lastBound())
	defer cancel()
	err := s.lease.Close(ctx)
	s.mu.Lock()
	held := make([]*Claim, 0, len(s.claims))
	for c := range s.claims {
		held = append(held, c)
	}
	s.mu.Unlock()
	for _, c := range held {
		if err != nil {
			break // a request may still leave
		}
		err = errors.Join(err, c.Release())
	}
	s.stop()
	s.beating.Wait()
	s.giveUp(nil)
	closed := make(chan struct{})
	go func() {
		s.pool.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(s.lastBound()): // of a server that says nothing
	}
	return err
}
