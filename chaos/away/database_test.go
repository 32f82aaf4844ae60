package away

import (
	"syscall"
	"testing"
	"time"

	"importer/internal/pgtest"
	"importer/internal/sandbox"
)

const lease = "3s"

// slowly is a world whose import takes some seconds.
func slowly(t *testing.T, store string) *world {
	return newWorld(t, store, 300, sandbox.Options{Latency: 10 * time.Millisecond}, "--rate", "100/s", "--lease", lease, "--settle", "200ms")
}

// The server stops and is back within the lease: the run says that it waits, and goes on by
// itself. So it does where its sessions are ended, where it cannot write for a while, or where
// the disk is full.
func TestTheDatabaseComesBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ away, back func(pg *pgtest.Server) }{
		"stopped": {func(pg *pgtest.Server) { pg.Stop(true) }, func(pg *pgtest.Server) { pg.Start() }},
		"ended": {func(pg *pgtest.Server) {
			pg.Exec("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'importer'; alter system set default_transaction_read_only = on")
			pg.Exec("select pg_reload_conf()")
		}, func(pg *pgtest.Server) {
			pg.Exec("set default_transaction_read_only = off; alter system reset default_transaction_read_only")
			pg.Exec("select pg_reload_conf()")
		}},
		"full": {func(pg *pgtest.Server) {
			pg.Exec(`create function full_disk() returns trigger language plpgsql as $$ begin raise 'could not extend file: No space left on device' using errcode = '53100'; end $$;
				create trigger full_disk before insert on importer_journal execute function full_disk()`)
		}, func(pg *pgtest.Server) { pg.Exec("drop trigger full_disk on importer_journal") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pg := pgtest.Start(t, pgtest.Durable())
			w := slowly(t, pg.URL())
			w.flags = append(w.flags, "--lease", "20s") // on a busy machine a server takes seconds to start
			r := w.start()
			w.sent(50)
			c.away(pg)
			r.says("waiting for the store")
			time.Sleep(1500 * time.Millisecond) // what was announced before may leave, as long as it has tokens
			before := len(w.api.Requests())
			time.Sleep(500 * time.Millisecond)
			if after := len(w.api.Requests()); after > before {
				t.Errorf("%d requests left while it waited", after-before)
			}
			c.back(pg)
			r.ends(time.Minute, 0, "the store is back")
			w.once()
		})
	}
}

// The server is away for longer than the lease: the run ends with 1 and says why, and what to
// do. Whoever comes while the lease lasts is told who has it; then the same command goes on.
func TestTheDatabaseStaysAway(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, pgtest.Durable())
	w := slowly(t, pg.URL())
	r := w.start()
	w.sent(50)
	w.start().ends(10*time.Second, 4, "is held by process", " on ", " until ")
	pg.Stop(true)
	began := time.Now()
	r.ends(15*time.Second, 1, "has been away since", "run the same command again", "is PostgreSQL running there?")
	if took := time.Since(began); took > 6*time.Second {
		t.Errorf("with a lease of %s it took %s to end", lease, took)
	}
	w.start().ends(10*time.Second, 1, "is PostgreSQL running there?")
	pg.Start()
	w.goesOn()
	w.once()
}

// Nobody who is told to end waits for a database that is away.
func TestToldToEndWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		signal syscall.Signal
		before []string
		code   int
	}{
		"interrupt": {syscall.SIGINT, nil, 130},
		"terminate": {syscall.SIGTERM, nil, 143},
		"timeout":   {0, []string{"timeout", "4"}, 124},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pg := pgtest.Start(t)
			proxy := pgtest.NewProxy(t, pg.Addr())
			w := slowly(t, pg.URLAt(proxy.Addr(), "importer", "importer"))
			w.flags = append(w.flags, "--lease", "30s")
			r := w.start(c.before...)
			w.sent(20)
			if c.signal == syscall.SIGINT {
				proxy.Swallow(pgtest.Both)
			} else {
				pg.Stop(true)
			}
			if c.signal != 0 {
				time.Sleep(200 * time.Millisecond)
				_ = r.Process.Signal(c.signal)
			}
			r.ends(12*time.Second, c.code, "while the store was away", "the lease could not be given back")
			if c.signal == syscall.SIGINT {
				proxy.Heal()
			} else {
				pg.Start()
			}
			pg.Exec("update importer_run set lease_until = clock_timestamp() - interval '1 second'")
			w.goesOn()
			w.once()
		})
	}
}
