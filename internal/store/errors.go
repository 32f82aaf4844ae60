package store

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"importer/internal/store/tables"
)

// A UsageError is of the settings of the store, and no attempt changes that.
type UsageError struct{ reason string }

func (e *UsageError) Error() string { return e.reason }

// asUsage makes a *UsageError of an error of a store that will not do as it is named: it
// is too old, has no such database, lacks a right, or somebody else's tables are there.
func asUsage(explained error) error {
	_, is := errors.AsType[*tables.UnfitError](explained)
	if is || slices.Contains([]string{"3D000", "3F000", "42501", "42P01", "42703", "42704"}, sqlState(explained)) {
		return &UsageError{explained.Error()}
	}
	return explained
}

// A HeldError says that another process holds a run or a state.
type HeldError struct {
	Kind    Kind
	Name    string
	Host    string // empty where it could not be read
	PID     int
	Process string
	Until   time.Time // by the clock of the database
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("the %s %s is held by %s; wait until it has ended, or choose another name", e.Kind, e.Name, e.By())
}

// By is who holds it, and until when.
func (e *HeldError) By() string {
	holder := fmt.Sprintf("process %d on %s", e.PID, e.Host)
	if e.Host == "" {
		holder = "another process"
	}
	return fmt.Sprintf("%s until %s, if that does not renew it", holder, e.Until.Format(time.RFC3339))
}

// A FencedError says that a run or a state was taken over while this process was away. What
// this process sends for it is refused from then on.
type FencedError struct {
	Kind Kind
	Name string
	Host string // of who has it, or had it last; empty: nobody
	PID  int
}

func (e *FencedError) Error() string {
	by := "it was given back, renamed or removed"
	if e.Host != "" {
		by = fmt.Sprintf("process %d on %s has taken it over", e.PID, e.Host)
	}
	return fmt.Sprintf("the %s %s is not this process's any more: %s after the lease had ended; nothing more is sent, and what was in flight is settled by who goes on with it", e.Kind, e.Name, by)
}

// sqlState is the SQLSTATE of an error of the server; empty of others.
func sqlState(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

// hints say what to do about an error of the server, by SQLSTATE or its class.
var hints = map[string]string{
	"28P01": "the password is wrong, or there is none: put the right one in $PGPASSWORD, ~/.pgpass or $IMPORTER_STORE",
	"28000": "the server does not know this user (createuser makes one), or does not let it in from here: look at its pg_hba.conf, and at sslmode in the address",
	"3D000": "there is no such database: make it with createdb, or name another",
	"3F000": "there is no schema to use: look at search_path",
	"42501": "this user lacks a right: have the owner of the tables grant select, insert, update, delete on them, and create on their schema for the first run",
	"42P01": "a table of this program is missing: restore the database from a backup, or use another",
	"42703": "a table of this program was changed: restore the database from a backup, or use another",
	"42704": "a parameter in the address is none of PostgreSQL: look at how it is spelt",
	"08P01": "if a pgbouncer is in between, add the parameter that it names to ignore_startup_parameters, or leave it out of the address",
	"0A000": "if a pgbouncer is in between, give it pool_mode=session",
	"53100": "the disk of the server is full: make room there",
	"53200": "the server is out of memory",
	"53300": "the server has no connection left: raise max_connections, or end what holds them (a run takes up to 12)",
	"53":    "the server is at a limit: look at its log",
	"25006": "the server is read-only: a standby, or default_transaction_read_only is on",
	"57P03": "the server starts or stops just now: run the same command again in a moment",
	"55P03": "another program holds a lock on this program's tables: run the same command again when it has ended",
	"58":    "the server has trouble with its disk: look at its log",
	"XX":    "the server has found its data damaged, or a fault of its own: look at its log",
}

// explain says of an error which store it is of, what happened, and what to do.
func (s *Store) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case isOurs(err):
		return err
	}
	return &storeError{text: fmt.Sprintf("the store %s: %s", s.name, describe(err)), err: err}
}

// A storeError has been explained.
type storeError struct {
	text string
	err  error
}

func (e *storeError) Error() string { return e.text }
func (e *storeError) Unwrap() error { return e.err }

// isOurs tells whether an error says all that there is to say.
func isOurs(err error) bool {
	if _, ok := errors.AsType[*storeError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*HeldError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*CutShortError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*FencedError](err); ok {
		return true
	}
	_, ok := errors.AsType[*UsageError](err)
	return ok
}

// describe is what happened, in one line, and what to do.
func describe(err error) string {
	text := plainText(err)
	if hint := hintOf(err); hint != "" {
		text += "; " + hint
	}
	return text
}

// hintOf is what to do about an error; empty where there is nothing to say.
func hintOf(err error) string {
	if code := sqlState(err); code != "" {
		if strings.Contains(err.Error(), "statement pooling mode") {
			return hints["0A000"]
		}
		for _, key := range []string{code, code[:2]} {
			if h := hints[key]; h != "" {
				return h
			}
		}
		return ""
	}
	text := err.Error()
	_, unknownCA := errors.AsType[x509.UnknownAuthorityError](err)
	_, hostname := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	_, dns := errors.AsType[*net.DNSError](err)
	switch {
	case unknownCA:
		return "the certificate of the server is of an authority that this machine does not know: name its file with sslrootcert=… in the address"
	case hostname:
		return "the certificate of the server is for another name: give that name in the address"
	case invalid:
		return "the certificate of the server is not valid: renew it"
	case strings.Contains(text, "server refused TLS connection"):
		return "the server has no TLS: switch it on there (ssl=on), or give sslmode=disable if the way to it is safe"
	case strings.Contains(text, "tls: "), strings.Contains(text, "tls error"):
		return "TLS failed: look at sslmode, sslrootcert, sslcert and sslkey in the address, and at the server's certificate"
	case dns:
		return "look at the host in the address or in $PGHOST"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, os.ErrNotExist):
		return "is PostgreSQL running there? look at host and port in the address, or in $PGHOST and $PGPORT"
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return "the server does not answer in time: look whether it is up, and whether a firewall is in between"
	}
	return ""
}

func isTimeout(err error) bool {
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout()
}

// attemptText is what pgx says of one attempt to connect, or dial of one: the host, what failed
// and why.
var attemptText = regexp.MustCompile(`^(\S+) \([^)]*\): (?:dial error: |tls error: |server error: )?(?:dial \S+ \S+: )?(?:connect: )?(.*)$`)

// serverText is what pgx puts around what a server says.
var serverText = regexp.MustCompile(`(?:FATAL|ERROR|PANIC): (.*) \(SQLSTATE \w+\)`)

// noTLS is said of an attempt that is followed by one without TLS.
const noTLS = "server refused TLS connection"

// plainText is the text of an error without what says nothing: the words of the driver, the
// attempts that failed in the same way, and lines.
func plainText(err error) string {
	if connect, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		err = connect.Unwrap()
	} else if isEOF(err) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return "the connection was cut"
	} else if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return "it does not answer"
	}
	var parts []string
	hosts := make(map[string]string) // what was said of each last
	for line := range strings.Lines(err.Error()) {
		line = serverText.ReplaceAllString(strings.TrimSpace(line), "$1")
		line = strings.ReplaceAll(line, "failed to receive message: unexpected EOF", "the connection was cut")
		if m := attemptText.FindStringSubmatch(line); m != nil {
			line = m[1] + ": " + m[2]
			if last := hosts[m[1]]; strings.HasSuffix(last, noTLS) {
				parts = slices.DeleteFunc(parts, func(p string) bool { return p == last })
			}
			hosts[m[1]] = line
		}
		if line != "" && !slices.Contains(parts, line) {
			parts = append(parts, line)
		}
	}
	return strings.Join(parts, "; ")
}

// isAway tells whether an error may pass while a run waits: the server cannot be reached,
// stops or starts, is full, or was made read-only by a change of the primary.
func isAway(err error) bool {
	code := sqlState(err)
	switch code {
	case "40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03", "57P05", "25P03", "25P04", "25006":
		return true
	case "":
		return isConnection(err)
	}
	return slices.Contains([]string{"08", "53", "58"}, code[:2]) && code != "08P01"
}

// isConnection tells whether an error is of the way to the server and not of what was asked.
func isConnection(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		_, ca := errors.AsType[x509.UnknownAuthorityError](err)
		_, host := errors.AsType[x509.HostnameError](err)
		return !ca && !host
	}
	_, isNet := errors.AsType[net.Error](err)
	return isNet || pgconn.SafeToRetry(err) || pgconn.Timeout(err) || errors.Is(err, pgconn.ErrConnClosed) ||
		errors.Is(err, context.DeadlineExceeded) || isEOF(err) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
