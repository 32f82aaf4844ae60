// Package fault says what an error of a PostgreSQL means: whether it may pass, in which words
// a person is told of it, and what to do. It knows nothing of what was asked of the server.
package fault

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// State is the SQLSTATE of an error of the server; empty of others.
func State(err error) string {
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

// Describe is what happened, in one line, and what to do.
func Describe(err error) string {
	text := Plain(err)
	if hint := hintOf(err); hint != "" {
		text += "; " + hint
	}
	return text
}

// hintOf is what to do about an error; empty where there is nothing to say.
func hintOf(err error) string {
	if code := State(err); code != "" {
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

// Plain is the text of an error without what says nothing: the words of the driver, the
// attempts that failed in the same way, and lines.
func Plain(err error) string {
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

// IsAway tells whether an error may pass while a run waits: the server cannot be reached,
// stops or starts, is full, or was made read-only by a change of the primary.
func IsAway(err error) bool {
	code := State(err)
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

func isEOF(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
