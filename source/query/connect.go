package query

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"importer/internal/address"
)

var password = regexp.MustCompile(`(?i)^postgres(?:ql)?://[^/?#:@]*:[^@]*@|[?&](?:ssl)?password=`)

// connect connects to the server. A password comes from $PGPASSWORD or .pgpass, as it does
// for psql.
func (r *Rows) connect() error {
	const write = "it is of the form postgres://user@host:5432/database?sslmode=verify-full"
	if password.MatchString(r.o.Address) || strings.Contains(r.Name, address.Hidden) {
		return fmt.Errorf("%w: a password must not stand in the address of a source: use $PGPASSWORD or ~/.pgpass", ErrUnusable)
	}
	config, err := pgx.ParseConfig(r.o.Address)
	if err != nil { // which repeats the address
		return fmt.Errorf("%w: the address cannot be read: %s", ErrUnusable, write)
	}
	params := config.RuntimeParams
	if params["application_name"] == "" {
		params["application_name"] = "importer"
	}
	if _, ok := params["timezone"]; !ok {
		params["timezone"] = "UTC" // else a time depends on who asks for it
	}
	r.bound = maxStatement
	if text, ok := params["statement_timeout"]; ok {
		delete(params, "statement_timeout")
		if r.bound, err = duration(text); err != nil {
			return fmt.Errorf("%w: statement_timeout in the address is no time from 1s to 24h, such as 30min", ErrUnusable)
		}
	}
	if config.ConnectTimeout <= 0 || config.ConnectTimeout > r.o.Timeout {
		config.ConnectTimeout = r.o.Timeout
	}
	limit(config)
	// No statement has a name on the server: a pgbouncer may hand it to somebody else.
	config.DefaultQueryExecMode, config.StatementCacheCapacity, config.DescriptionCacheCapacity = pgx.QueryExecModeExec, 0, 0
	ctx, cancel := context.WithTimeout(r.o.Context, 2*r.o.Timeout)
	defer cancel()
	if r.conn, err = pgx.ConnectConfig(ctx, config); err != nil {
		return r.explain(err)
	}
	return nil
}

// duration reads a time as PostgreSQL does: in milliseconds, or with a unit.
func duration(text string) (time.Duration, error) {
	text = strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(text), "min", "m"), " ", "")
	if _, err := strconv.Atoi(text); err == nil {
		text += "ms"
	}
	d, err := time.ParseDuration(text)
	if err == nil && (d < time.Second || d > 24*time.Hour) {
		err = errors.New("out of range")
	}
	return d, err
}

// hints say what to do about an error of the server, by SQLSTATE or its class.
var hints = map[string]string{
	"28P01": "the password is wrong, or there is none: put the right one in $PGPASSWORD or ~/.pgpass",
	"28000": "the server does not let this user in from here: look at its pg_hba.conf, and at sslmode in the address",
	"3D000": "there is no such database",
	"42501": "this user may not read that: have its owner grant select",
	"42P01": "look at the names of the tables in source.query, and at search_path",
	"42703": "look at the names of the columns in source.query",
	"42601": "source.query has to be one SELECT",
	"42P11": "source.query has to be one SELECT",
	"0A000": "source.query has to be one SELECT",
	"25006": "source.query is read in a read-only transaction, and may change nothing",
	"42704": "a parameter in the address may be none of PostgreSQL: look at how it is spelt",
	"57014": "it was cancelled, or took longer than statement_timeout, which the address can raise, as in ?statement_timeout=30min",
	"57P01": "the server ended the connection; run the same command again",
	"53300": "the server has no connection left",
	"40001": "the server is a standby that could not keep the snapshot; run the same command again, or ask the primary",
	"53100": "the disk of the server is full, which a query that sorts needs: look at temp_file_limit and its disk",
}

// explain says what happened, and what to do.
func (r *Rows) explain(err error) error {
	if cause := context.Cause(r.o.Context); cause != nil {
		return cause
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		kind := ErrAway
		if c := pg.Code[:min(2, len(pg.Code))]; c == "42" || c == "25" || c == "0A" || c == "28" || c == "3D" || c == "22" {
			kind = ErrUnusable
		}
		text := fmt.Sprintf("%s (SQLSTATE %s)", oneLine(pg.Message), oneLine(pg.Code))
		if hint := hints[pg.Code]; hint != "" {
			text += "; " + hint
		}
		return fmt.Errorf("%w: %s", kind, text)
	}
	if long, ok := errors.AsType[*pgproto3.ExceededMaxBodyLenErr](err); ok {
		return fmt.Errorf("%w: a row of source.query is %d bytes long, and %d MiB at most are read", ErrUnusable, long.ActualBodyLen, MaxRow>>20)
	}
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	network, isNet := errors.AsType[net.Error](err)
	switch {
	case unknown:
		return fmt.Errorf("%w: its certificate is of an authority that this machine does not know: name its file with sslrootcert=… in the address", ErrAway)
	case errors.Is(err, context.DeadlineExceeded), isNet && network.Timeout():
		return fmt.Errorf("%w: %w", ErrAway, errSlow{r.bound})
	}
	if connect, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		err = connect.Unwrap()
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	var lines []string // of each attempt, such as with TLS and without
	for line := range strings.Lines(err.Error()) {
		if line = oneLine(line); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	hint := "run the same command again, which asks the query anew"
	if r.conn == nil {
		hint = "look at the address, and whether PostgreSQL is running there and a firewall lets this machine through"
	}
	return fmt.Errorf("%w: %s; %s", ErrAway, strings.Join(lines, "; "), hint)
}

var seed = maphash.MakeSeed()

func (t *tally) add(row []byte) {
	t.rows++
	t.sum += maphash.Bytes(seed, row)
}
