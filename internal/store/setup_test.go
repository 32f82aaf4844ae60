package store

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/rs/zerolog"

	"importer/internal/pgtest"
	addr "importer/internal/store/address"
	"importer/internal/store/fault"
	"importer/internal/store/tables"
)

const secret = "s3cr3t/p@ss"

// refused opens a store that cannot be used, and wants its error to say all of that.
func refused(t *testing.T, o Options, want ...string) error {
	t.Helper()
	began := time.Now()
	s, err := Open(t.Context(), o)
	if err == nil {
		s.Close()
		t.Fatalf("%s is opened", addr.Masked(o.URL))
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error lacks %q: %v", w, err)
		}
	}
	if strings.Contains(err.Error(), "s3cr3t") || strings.Contains(fmt.Sprintf("%+v", err), "s3cr3t") {
		t.Errorf("the error tells the password: %v", err)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("the error has several lines: %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	return err
}

// Addresses that are wrong without asking anybody are errors of usage, and none tells a
// password, however it is written.
func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"":                                                    "none of PostgreSQL",
		"mysql://u:s3cr3t@h/db":                               "none of PostgreSQL",
		"localhost":                                           "none of PostgreSQL",
		"postgres://u:s3cr3t@h/db":                            "$PGPASSWORD, ~/.pgpass or $IMPORTER_STORE instead, and give --store postgres://u@h/db",
		"postgresql://u:s3cr3t@h/db":                          "give --store postgresql://u@h/db",
		"postgres://h/db?password=s3cr3t":                     "give --store postgres://h/db",
		"postgres://h/db?sslpassword=s3cr3t":                  "must not stand in --store",
		"host=h password=s3cr3t user=u":                       "must not stand in --store",
		"host=h password='s3cr3t s3cr3t' a=b":                 "must not stand in --store",
		"host=h password = s3cr3t":                            "must not stand in --store",
		"postgres://u:p/s3cr3t@h/db":                          "",
		"postgres://u:#s3cr3t@h/db":                           "",
		"postgres://u:%zzs3cr3t@h/db":                         "",
		"postgres://u:1/s3cr3t@h/db":                          "",
		"postgres://u@h:port/db":                              "cannot be read",
		"postgres://h/db?sslmode=maybe":                       "sslmode",
		"postgres://h/db?sslrootcert=/no&sslmode=verify-full": "/no",
		"postgres://h/db?service=nowhere":                     "service",
		"postgres://h/db?sslcrl=/x":                           "sslcrl",
		"postgres://h/db?gssencmode=require":                  "gssencmode",
		"postgres://h/db?connect_timeout=soon":                "connect_timeout",
		"host=h dbname":                                       "key=value",
	} {
		for _, allowed := range []bool{false, true} {
			if allowed && strings.Contains(want, "--store") {
				continue
			}
			o := options(address)
			o.PasswordAllowed = allowed
			err := refused(t, o, want)
			if _, usage := errors.AsType[*UsageError](err); !usage {
				t.Errorf("%s: %v is no UsageError", address, err)
			}
		}
		if strings.Contains(addr.Masked(address), "s3cr3t") {
			t.Errorf("%s is shown as %s", address, addr.Masked(address))
		}
		if strings.Contains(address, "s3cr3t") && !addr.HasPassword(address) && strings.HasPrefix(address, "postgres") {
			t.Errorf("%s is said to have no password", address)
		}
	}
	refused(t, options("postgres://h/db", lasting(time.Millisecond)), "--lease")
}

func TestMaskedLeavesTheRest(t *testing.T) {
	for address, want := range map[string]string{
		"postgres://u@h:5432/db?sslmode=require": "postgres://u@h:5432/db?sslmode=require",
		"postgres://u:p@h/db":                    "postgres://u:xxxxx@h/db",
		"postgres:///db?host=/run":               "postgres:///db?host=/run",
		"host=h user=u password='a b' dbname=d":  "host=h user=u password=xxxxx dbname=d",
		"host=h passfile=/x":                     "host=h passfile=/x",
	} {
		if got := addr.Masked(address); got != want {
			t.Errorf("%s is shown as %s, want %s", address, got, want)
		}
	}
}

// Each set-up that will not do is refused before anything is sent, and the error says what
// to do.
func testRefusedSetUps(t *testing.T, server db) {
	pg := server.Server
	made := func(name, sql string) string {
		d := schema(pg, name)
		d.Exec(sql)
		return d.URL()
	}
	ours := func(name, sql string) string { // tables of this program, changed afterwards
		d := schema(pg, name)
		s, err := Open(t.Context(), options(d.URL()))
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		d.Exec(sql)
		return d.URL()
	}
	pg.ExecIn("postgres", "create database latin owner importer encoding latin1 template template0 locale 'C'")
	ours("halved", "create user writer; grant usage on schema halved to writer; alter user writer set search_path = halved; grant select, insert on all tables in schema halved to writer")
	for name, c := range map[string]struct{ url, want string }{
		"no database":       {pg.URLOf("importer", "nowhere"), "createdb"},
		"nobody listens":    {"postgres://u@127.0.0.1:1/db?sslmode=disable", "is PostgreSQL running there?"},
		"no such host":      {"postgres://u@nowhere.invalid/db", "look at the host"},
		"no TLS":            {strings.Replace(pg.URL(), "sslmode=disable", "sslmode=require", 1), "sslmode=disable if the way to it is safe"},
		"read-only":         {made("frozen", "alter user frozen set default_transaction_read_only = on"), "default_transaction_read_only"},
		"no right to make":  {made("reader", "create schema s; grant usage on schema s to reader; alter user reader set search_path = s"), "grant create on schema s to reader"},
		"no schema":         {made("lost", "alter user lost set search_path = nowhere"), "create schema importer authorization lost"},
		"some rights":       {pg.URLOf("writer", "importer"), "lacks a right (delete on importer_file): have the owner of the tables run: grant"},
		"foreign table":     {made("other", "create table importer_run (x int)"), "importer_run that is not this program's"},
		"foreign version":   {made("vers", "create table importer_version (version text); insert into importer_version values ('x'); grant all on importer_version to vers"), "importer_version that is not this program's"},
		"newer":             {ours("newer", "update importer_version set version = 99"), "update this program"},
		"no version":        {ours("empty", "delete from importer_version"), "does not hold one version"},
		"changed":           {ours("changed", "alter table importer_journal drop column lines"), "no column lines"},
		"a table is gone":   {ours("gone", "drop table importer_quota"), "importer_quota"},
		"encoding":          {strings.Replace(pg.URL(), "/importer?", "/latin?", 1), "createdb --encoding UTF8"},
		"unknown parameter": {pg.URL() + "&no_such_parameter=1", "no_such_parameter"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, options(c.url), c.want) })
	}
	t.Run("too many connections", func(t *testing.T) {
		for range 50 {
			if conn, err := pgx.Connect(t.Context(), pg.URL()); err == nil {
				defer conn.Close(t.Context())
			}
		}
		refused(t, options(pg.URL()), "max_connections")
	})
}

// What a server says that is full, or that is in trouble, comes with what to do about it.
func TestErrorsOfTheServer(t *testing.T) {
	s := &Store{name: "postgres://h/db"}
	for code, c := range map[string]struct {
		want string
		away bool
	}{
		"53100": {"make room", true},
		"53200": {"out of memory", true},
		"53400": {"at a limit", true},
		"25006": {"read-only", true},
		"57P03": {"in a moment", true},
		"57P01": {"", true},
		"40001": {"", true},
		"08006": {"", true},
		"58030": {"disk", true},
		"28P01": {"password is wrong", false},
		"42501": {"grant", false},
		"42P01": {"missing", false},
		"08P01": {"ignore_startup_parameters", false},
		"XX001": {"damaged", false},
		"23505": {"", false},
	} {
		err := s.explain(fmt.Errorf("x: %w", &pgconn.PgError{Severity: "ERROR", Code: code, Message: "what it says"}))
		if text := err.Error(); !strings.Contains(text, c.want) || !strings.Contains(text, "what it says") || !strings.HasPrefix(text, "the store postgres://h/db: ") {
			t.Errorf("%s: %s", code, text)
		}
		if fault.IsAway(err) != c.away {
			t.Errorf("%s: waiting for it to pass is %t", code, !c.away)
		}
		if s.explain(err) != err {
			t.Errorf("%s is explained twice", code)
		}
	}
}

// Users of libpq have the password where they have it for psql. It is shown nowhere.
func TestPasswords(t *testing.T) {
	pg := pgtest.Start(t, pgtest.Password(secret), pgtest.TLS(), pgtest.HBA("hostssl all all all scram-sha-256"))
	t.Setenv("HOME", t.TempDir())
	var log bytes.Buffer
	logged := func(o *Options) { o.Log = zerolog.New(&log) }
	works := func(t *testing.T, o Options) {
		t.Helper()
		s, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if text := fmt.Sprintf("%v %s %+v", s, s.Name(), s.String()); strings.Contains(text, "s3cr3t") {
			t.Errorf("the store shows its password: %s", text)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	u, err := url.Parse(pg.URL())
	if err != nil {
		t.Fatal(err)
	}
	pass := filepath.Join(t.TempDir(), "pass")
	line := fmt.Sprintf("%s:%s:*:importer:%s\n", u.Hostname(), u.Port(), secret)
	service := filepath.Join(t.TempDir(), "service")
	text := fmt.Sprintf("[mine]\nhost=%s\nport=%s\nuser=importer\ndbname=importer\nsslmode=verify-full\nsslrootcert=%s\npassword=%s\n", u.Hostname(), u.Port(), pg.Certificate(), secret)
	if err := errors.Join(os.WriteFile(pass, []byte(line), 0o600), os.WriteFile(service, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	t.Run("none", func(t *testing.T) { refused(t, options(pg.URL(), logged), "password") })
	t.Run("wrong", func(t *testing.T) {
		t.Setenv("PGPASSWORD", "s3cr3t-but-wrong")
		refused(t, options(pg.URL(), logged), "~/.pgpass")
	})
	t.Run("PGPASSWORD", func(t *testing.T) {
		t.Setenv("PGPASSWORD", secret)
		works(t, options(pg.URL(), logged))
	})
	t.Run("pgpass", func(t *testing.T) {
		t.Setenv("PGPASSFILE", pass)
		works(t, options(pg.URL(), logged))
	})
	t.Run("service", func(t *testing.T) {
		t.Setenv("PGSERVICEFILE", service)
		works(t, options("service=mine", logged))
		works(t, options("postgres://?service=mine", logged))
	})
	t.Run("environment alone", func(t *testing.T) {
		for key, value := range map[string]string{"PGHOST": u.Hostname(), "PGPORT": u.Port(), "PGUSER": "importer", "PGDATABASE": "importer", "PGSSLMODE": "verify-full", "PGSSLROOTCERT": pg.Certificate(), "PGPASSWORD": secret} {
			t.Setenv(key, value)
		}
		works(t, options("postgres://", logged))
	})
	t.Run("address", func(t *testing.T) {
		with := *u
		with.User = url.UserPassword("importer", secret)
		o := options(with.String(), logged)
		refused(t, o, "must not stand in --store")
		o.PasswordAllowed = true
		works(t, o)
		works(t, options(fmt.Sprintf("host=%s port=%s user=importer dbname=importer sslmode=require password='%s'", u.Hostname(), u.Port(), secret), logged, func(o *Options) { o.PasswordAllowed = true }))
	})
	t.Run("TLS", func(t *testing.T) {
		t.Setenv("PGPASSWORD", secret)
		without := *u
		without.RawQuery = "sslmode=verify-full"
		refused(t, options(without.String()), "sslrootcert")
		without.RawQuery = "sslmode=disable"
		refused(t, options(without.String()), "pg_hba.conf")
	})
	if strings.Contains(log.String(), "s3cr3t") {
		t.Errorf("the log tells the password:\n%s", log.String())
	}
}

// Many programs that meet an empty database at once make its tables once.
func testMigrationsAtOnce(t *testing.T, pg db) {
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			s, err := Open(t.Context(), options(pg.URL()))
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := pg.Exec("select version from importer_version"); got != fmt.Sprint(tables.Newest) {
		t.Errorf("the version is %q", got)
	}
	if got := pg.Exec("select string_agg(attcompression::text, '') from pg_attribute where attrelid = 'importer_journal'::regclass and attname = 'lines'"); got != "l" && got != "" {
		t.Errorf("the lines are compressed as %q", got)
	}
}

// What a session is set to holds against the settings of a user or a database.
func testSessionSettings(t *testing.T, pg db) {
	pg.Exec(`alter user sessionsettings set synchronous_commit = off; alter user sessionsettings set statement_timeout = '2s';
		alter user sessionsettings set client_encoding = latin1; alter user sessionsettings set default_transaction_isolation = serializable`)
	s := open(t, pg.URL())
	var commits, timeout, isolation, name string
	err := s.pool.QueryRow(t.Context(), "select current_setting('synchronous_commit'), current_setting('statement_timeout'), current_setting('transaction_isolation'), 'ä€'").
		Scan(&commits, &timeout, &isolation, &name)
	if err != nil || commits != "on" || timeout != "5min" || isolation != "read committed" || name != "ä€" {
		t.Errorf("synchronous_commit is %s, statement_timeout %s, isolation %s and a name %s, %v", commits, timeout, isolation, name, err)
	}
	pg.Exec("alter user sessionsettings set synchronous_commit = remote_apply")
	s = open(t, pg.URL())
	if err := s.pool.QueryRow(t.Context(), "select current_setting('synchronous_commit')").Scan(&commits); err != nil || commits != "remote_apply" {
		t.Errorf("what is more than on becomes %s, %v", commits, err)
	}
}

// Behind a pgbouncer in session mode everything works, and again with the sessions that
// another client left; in transaction mode it is refused.
func testBouncer(t *testing.T, pg db) {
	pg.name = "importer" // whom pgbouncer knows
	pg.Exec("create schema authorization importer")
	b := pgtest.StartBouncer(t, pg.Server, "session")
	for i := range 2 {
		s := open(t, pg.through(b.Addr()))
		c := claim(t, s, report(fmt.Sprint(i)))
		if err := c.Append(t.Context(), []byte("line 0\n")); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, options(pg.through(pgtest.StartBouncer(t, pg.Server, "transaction").Addr())), "pool_mode=session")
	refused(t, options(pg.through(pgtest.StartBouncer(t, pg.Server, "statement").Addr())), "pool_mode=session")
}

// A server that accepts and is silent is given up in time.
func testSilentServer(t *testing.T, pg db) {
	proxy := pgtest.NewProxy(t, pg.Addr())
	s := open(t, pg.through(proxy.Addr()), lasting(MinLease))
	c := claim(t, s, report("contacts.csv"))
	proxy.Swallow(pgtest.Both)
	began := time.Now()
	if err := c.Append(t.Context(), []byte("x\n")); err == nil {
		t.Error("appending to a silent server succeeds")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %s", took)
	}
	proxy.Heal()
	proxy.Swallow(pgtest.Both)
	refused(t, options("host=127.0.0.1 port="+proxy.Addr()[len("127.0.0.1:"):]+" user=importer dbname=x sslmode=disable connect_timeout=1"), "does not answer in time")
}
