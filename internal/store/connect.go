package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"importer/internal/store/address"
	"importer/internal/store/fault"
	"importer/internal/store/tables"
)

const (
	// openBound is how long Open takes at most.
	openBound = 30 * time.Second
	// dialBound is how long a connection takes at most, unless connect_timeout says less.
	dialBound = 10 * time.Second
	// transactionBound is how long a transaction of Do takes at most, and a statement on
	// the server: heartbeats go on beside it.
	transactionBound = 5 * time.Minute
	// maxConns is more than this program uses at once: journal, state, quota, heartbeat
	// and a reader have one each. A connection whose server is silent is given up a while
	// before it is closed.
	maxConns = 12
	// idleBound is how long a connection stays that nothing uses: a run that waits for its
	// quota keeps one, so that a small server has room for many runs.
	idleBound = 20 * time.Second
)

// minServer is the first version of PostgreSQL that will do, as server_version_num.
const minServer = 140000

// config is what pgx has to know, or a *UsageError.
func (o Options) config() (*pgxpool.Config, error) {
	given := strings.TrimSpace(o.URL)
	if !address.IsPostgreSQL(given) {
		return nil, &UsageError{fmt.Sprintf("the address of the store, %q, is none of PostgreSQL: it is of the form postgres://user@host:5432/database?sslmode=verify-full, or host=… dbname=… user=…", address.Masked(given))}
	}
	if address.HasPassword(given) && !o.PasswordAllowed {
		return nil, &UsageError{fmt.Sprintf("a password must not stand in --store, where everybody on this machine sees it: use $PGPASSWORD, ~/.pgpass or $IMPORTER_STORE instead, and give --store %s", address.WithoutPassword(given))}
	}
	if address.IsURL(given) {
		u, err := url.Parse(given)
		if err != nil || strings.Contains(u.EscapedPath()+u.EscapedFragment(), "@") || u.Fragment != "" {
			return nil, &UsageError{fmt.Sprintf("the address of the store, %s, cannot be read: in a password, a user or a database each of @ : / ? # %% has to be written as %%40 %%3A %%2F %%3F %%23 %%25", address.Masked(given))}
		}
	}
	config, err := pgxpool.ParseConfig(given)
	if err != nil {
		return nil, &UsageError{fmt.Sprintf("the address of the store, %s, cannot be used: %s", address.Masked(given), address.Reason(err))}
	}
	if err := address.OfLibpq(config.ConnConfig.RuntimeParams); err != nil {
		return nil, &UsageError{fmt.Sprintf("the address of the store, %s, cannot be used: %v", address.Masked(given), err)}
	}
	o.adjust(config)
	return config, nil
}

// adjust sets what is this program's to decide. No statement has a name on the server: names
// outlive their client behind a pgbouncer that does not reset its connections.
func (o Options) adjust(config *pgxpool.Config) {
	c := config.ConnConfig
	c.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	c.StatementCacheCapacity = 0
	c.DescriptionCacheCapacity = 256
	if c.ConnectTimeout == 0 || c.ConnectTimeout > dialBound {
		c.ConnectTimeout = dialBound
	}
	delete(c.RuntimeParams, "client_encoding") // it is UTF-8
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "importer"
	}
	if len(address.Hosts(c)) > 1 && c.ValidateConnect == nil {
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	d := &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: seconds(o.Lease / 3), Interval: seconds(o.Lease / 9), Count: 3}}
	c.DialFunc = d.DialContext
	config.MaxConns = o.connections()
	config.MinConns = 0
	config.MinIdleConns = 0
	config.MaxConnIdleTime = idleBound
	config.HealthCheckPeriod = idleBound / 2
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error { return settings(ctx, conn, o.Lease) }
}

// seconds is d in whole seconds, at least one.
func seconds(d time.Duration) time.Duration { return max(time.Second, d.Round(time.Second)) }

// settings sets up a session. They are statements and not parameters of the start, which a
// pgbouncer refuses. What a client that is gone holds is free soon after its lease.
func settings(ctx context.Context, conn *pgx.Conn, lease time.Duration) error {
	const set = `select set_config('synchronous_commit', case current_setting('synchronous_commit') when 'remote_apply' then 'remote_apply' else 'on' end, false),
	set_config('statement_timeout', $1, false), set_config('lock_timeout', $2, false), set_config('idle_in_transaction_session_timeout', $2, false),
	set_config('idle_session_timeout', '0', false), set_config('default_transaction_isolation', 'read committed', false), set_config('client_encoding', 'UTF8', false)`
	var commits string
	held := max(lease, 10*time.Second)
	err := conn.QueryRow(ctx, set, millis(transactionBound), millis(held)).Scan(&commits, nil, nil, nil, nil, nil, nil)
	if err != nil {
		return err
	}
	if commits != "on" && commits != "remote_apply" {
		return fmt.Errorf("synchronous_commit is %s although it was set to on: what the server calls committed may be lost", commits)
	}
	// A system that lacks one of these refuses it.
	for key, value := range map[string]string{
		"tcp_keepalives_idle":     strconv.Itoa(int(seconds(lease / 3).Seconds())),
		"tcp_keepalives_interval": strconv.Itoa(int(seconds(lease / 9).Seconds())),
		"tcp_keepalives_count":    "3",
		"tcp_user_timeout":        millis(lease),
	} {
		if _, err := conn.Exec(ctx, "select set_config($1, $2, false)", key, value); err != nil && fault.State(err) == "" {
			return err
		}
	}
	return nil
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// inspect looks whether the server can do what a run needs.
func (s *Store) inspect(ctx context.Context) error {
	var number int
	if err := s.pool.QueryRow(ctx, "select current_setting('server_version_num')::int").Scan(&number); err != nil {
		return err
	}
	if number < minServer {
		return tables.Unfit("it is PostgreSQL %d.%d, and this program needs %d or later: update the server, or use another", number/10000, number%10000, minServer/10000)
	}
	var standby, readOnly, fsync, fullPages bool
	var encoding string
	err := s.pool.QueryRow(ctx, `select pg_is_in_recovery(), current_setting('transaction_read_only')::bool, current_setting('fsync')::bool,
		current_setting('full_page_writes')::bool, current_setting('server_encoding')`).Scan(&standby, &readOnly, &fsync, &fullPages, &encoding)
	switch {
	case err != nil:
		return err
	case standby:
		return errors.New("it is a standby, which cannot write: name the primary, or all hosts with target_session_attrs=read-write")
	case readOnly:
		return errors.New("it is read-only (default_transaction_read_only is on, for the server, this database or this user): switch that off, or use another")
	case encoding != "UTF8":
		return tables.Unfit("its encoding is %s, which cannot hold every name: make a database with createdb --encoding UTF8 --template template0", encoding)
	}
	for setting, on := range map[string]bool{"fsync": fsync, "full_page_writes": fullPages} {
		if !on {
			s.log.Warn().Str("store", s.name).Msgf("%s is off on the server: if it or its machine crashes, the store may lose what was announced, and contacts may be created twice; switch it on", setting)
		}
	}
	return s.ownSessions(ctx)
}

// ownSessions is an error where two connections share a session of the server, as behind a
// pgbouncer in transaction mode: what is set for a session holds for somebody else's then,
// and not for ours.
func (s *Store) ownSessions(ctx context.Context) error {
	shared := tables.Unfit("connections to it share sessions, as pgbouncer does with pool_mode=transaction or statement: settings such as synchronous_commit do not hold then; connect to a pool with pool_mode=session, or to the server itself")
	var pids [2]int32
	var conns [2]*pgxpool.Conn
	for i := range conns {
		conn, err := s.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		conns[i] = conn
	}
	for _, i := range []int{0, 0, 1, 0, 1} {
		var pid int32
		if err := conns[i].QueryRow(ctx, "select pg_backend_pid()").Scan(&pid); err != nil {
			return err
		}
		if pids[i] != 0 && pids[i] != pid || pids[1-i] == pid {
			return shared
		}
		pids[i] = pid
	}
	return nil
}
