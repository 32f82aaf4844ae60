package store

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"importer/internal/pgtest"
	"importer/internal/store/fault"
)

var errTold = errors.New("told to end")

// Whoever is told to end while the database is away, silent or without room does not wait for
// the lease to end, and gives back what it can. One whose database answers waits as long as
// that takes.
func testToldToEnd(t *testing.T, pg db) {
	full := func(on bool) func(*pgtest.Proxy) {
		return func(*pgtest.Proxy) {
			pg.Exec(`create or replace function full_disk() returns trigger language plpgsql as $$ begin raise 'could not extend file' using errcode = '53100'; end $$`)
			pg.Exec(`drop trigger if exists full_disk on importer_journal`)
			if on {
				pg.Exec(`create trigger full_disk before insert on importer_journal execute function full_disk()`)
			}
		}
	}
	for name, c := range map[string]struct {
		away, back func(*pgtest.Proxy)
		why        string
	}{
		"silent": {func(p *pgtest.Proxy) { p.Swallow(pgtest.Both) }, nil, "does not answer"},
		"full":   {full(true), full(false), "make room"},
	} {
		proxy := pgtest.NewProxy(t, pg.Addr())
		ctx, tell := context.WithCancelCause(t.Context())
		s, err := Open(ctx, options(pg.through(proxy.Addr())))
		if err != nil {
			t.Fatal(err)
		}
		c2 := claim(t, s, report(name))
		c.away(proxy)
		began := time.Now()
		time.AfterFunc(100*time.Millisecond, func() { tell(errTold) })
		err = c2.Append(context.Background(), []byte("x\n"))
		if short, is := errors.AsType[*CutShortError](err); !is || !errors.Is(err, errTold) || !strings.Contains(short.Error(), c.why) {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > hurryBound+2500*time.Millisecond {
			t.Errorf("%s: it took %s to end", name, took)
		}
		if c.back != nil {
			c.back(proxy)
			if n := pg.Exec("select count(*) from importer_run where name = '" + name + "' and lease_until is not null"); n != "0" {
				t.Errorf("%s: what was held was not given back", name)
			}
		}
	}
}

// A database that answers is waited for, also by who was told to end.
func testToldToEndAndThere(t *testing.T, pg db) {
	ctx, tell := context.WithCancelCause(t.Context())
	s, err := Open(ctx, options(pg.URL()))
	if err != nil {
		t.Fatal(err)
	}
	c := claim(t, s, report("contacts.csv"))
	tell(errTold)
	err = c.Do(context.Background(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "select pg_sleep($1)", (hurryBound + time.Second).Seconds())
		return err
	})
	if err := errors.Join(err, c.Append(context.Background(), []byte("x\n")), s.Close()); err != nil {
		t.Error(err)
	}
}

// While a chunk finds no room and heartbeats get through, the store is away all the time, and
// for as long as a lease.
func testFullForALease(t *testing.T, pg db) {
	var told []bool
	s := open(t, pg.URL(), lasting(MinLease), func(o *Options) {
		o.Away = func(since time.Time, _ error) { told = append(told, since.IsZero()) }
	})
	c := claim(t, s, report("contacts.csv"))
	pg.Exec(`create function full_disk() returns trigger language plpgsql as $$ begin raise 'could not extend file' using errcode = '53100'; end $$;
		create trigger full_disk before insert on importer_journal execute function full_disk()`)
	began := time.Now()
	err := c.Append(t.Context(), []byte("x\n"))
	if took := time.Since(began); err == nil || !strings.Contains(err.Error(), "make room") || took < MinLease || took > 3*MinLease {
		t.Errorf("after %s: %v", took, err)
	}
	if len(told) != 1 || told[0] {
		t.Errorf("it was told that the store is back (true) or away: %v", told)
	}
	if s.lease.Left() == 0 {
		t.Error("the lease has ended, although heartbeats get through")
	}
}

// What the driver says is not shown to people.
func TestPlainErrors(t *testing.T) {
	for err, want := range map[error]string{
		errors.New("127.0.0.1:5432 (127.0.0.1): dial error: dial tcp 127.0.0.1:5432: connect: connection refused"):                                                  "127.0.0.1:5432: connection refused",
		errors.New("h:1 (10.0.0.1): tls error: server refused TLS connection\nh:1 (10.0.0.1): server error: FATAL: database \"x\" does not exist (SQLSTATE 3D000)"): "h:1: database \"x\" does not exist",
		errors.New("a:1 (10.0.0.1): dial error: dial tcp 10.0.0.1:1: connect: connection refused\nb:1 (10.0.0.2): dial error: dial tcp 10.0.0.2:1: i/o timeout"):    "a:1: connection refused; b:1: i/o timeout",
		errors.New("h:1 (10.0.0.1): server refused TLS connection"):                                                                                                 "h:1: server refused TLS connection",
		&pgconn.PgError{Severity: "ERROR", Code: "53100", Message: "could not extend file"}:                                                                         "could not extend file",
	} {
		if got := fault.Plain(err); got != want {
			t.Errorf("%q becomes %q, want %q", err, got, want)
		}
	}
}
